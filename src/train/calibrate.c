#include "train/calibrate.h"

#include "autograd/op.h"
#include "base/memory.h"
#include "layers/quantize.h"
#include "layers/round_input.h"

#include <math.h>

/* What a convolution has read so far. */
typedef struct range {
    float lowest, highest;
    bool finite;
} range;

typedef struct calibrator {
    const sn_network *network;
    const sn_dataset *dataset;
    const sn_pixel_statistics *statistics;
    size_t nodes, pixels;
    float *images; /* of a batch */
    float *values; /* of one tensor, for a batch */
    range *ranges; /* by node */
} calibrator;

static bool reads_activations(const sn_node *node) {
    const sn_node *producer = sn_op_is_conv2d(node->op) ? node->input[1]->producer : NULL;
    return producer && producer->op == &sn_op_quantize;
}

/* The widest input decides how much room a copy needs. */
static size_t most_values(const sn_graph *graph) {
    size_t most = 1;
    for (size_t i = 0; i < sn_graph_node_count(graph); i++) {
        const sn_node *node = sn_graph_node(graph, i);
        const size_t count = sn_shape_count(&node->input[0]->shape);
        if (reads_activations(node) && count > most)
            most = count;
    }
    return most;
}

static void widen(range *r, const float *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        r->lowest = values[i] < r->lowest ? values[i] : r->lowest;
        r->highest = values[i] > r->highest ? values[i] : r->highest;
        r->finite = r->finite && isfinite(values[i]);
    }
}

static void run_batch(calibrator *c, size_t first, size_t rows) {
    for (size_t i = 0; i < rows; i++)
        sn_dataset_normalised(c->dataset, first + i, c->statistics, c->images + i * c->pixels);
    sn_tensor_write(c->network->images, c->images, rows);
    sn_graph_forward(c->network->graph);
    for (size_t i = 0; i < c->nodes; i++) {
        const sn_node *node = sn_graph_node(c->network->graph, i);
        if (!reads_activations(node))
            continue;
        const sn_tensor *input = sn_uncentered(node->input[0]);
        sn_tensor_read(input, c->values, rows);
        widen(&c->ranges[i], c->values,
              sn_shape_count(&input->shape) / input->shape.size[0] * rows);
    }
}

static sn_input_step step_of(const range *r) {
    if (r->lowest < 0)
        return (sn_input_step){fmaxf(-r->lowest, r->highest) / 127, true};
    return (sn_input_step){r->highest / 255, false};
}

static sn_status calibrate(calibrator *c, size_t images, sn_input_step *steps, sn_error *error) {
    const size_t all = sn_dataset_count(c->dataset), batch = c->network->batch;
    const size_t count = images < all ? images : all;
    for (size_t i = 0; i < c->nodes; i++)
        c->ranges[i].finite = true;
    for (size_t first = 0; first < count; first += batch)
        run_batch(c, first, count - first < batch ? count - first : batch);
    for (size_t i = 0; i < c->nodes; i++) {
        SN_RETURN_IF(!c->ranges[i].finite, error, SN_ERROR_DATA,
                     "the network's activations are not finite numbers: its training diverged");
        steps[i] = step_of(&c->ranges[i]);
    }
    return SN_OK;
}

sn_status sn_calibrate(const sn_network *network, const sn_dataset *dataset,
                       const sn_pixel_statistics *statistics, size_t images, sn_input_step *steps,
                       sn_error *error) {
    const sn_shape *shape = sn_tensor_shape(network->images);
    calibrator c = {.network = network,
                    .dataset = dataset,
                    .statistics = statistics,
                    .nodes = sn_graph_node_count(network->graph),
                    .pixels = sn_shape_count(shape) / shape->size[0]};
    c.images = sn_alloc_array(network->batch * c.pixels, sizeof *c.images);
    c.values = sn_alloc_array(most_values(network->graph), sizeof *c.values);
    c.ranges = sn_alloc_array(c.nodes, sizeof *c.ranges);
    sn_status status = SN_OK;
    if (!c.images || !c.values || !c.ranges)
        status = sn_error_set(error, SN_ERROR_MEMORY, "out of memory for calibration");
    else
        status = calibrate(&c, images, steps, error);
    sn_free(c.images);
    sn_free(c.values);
    sn_free(c.ranges);
    return status;
}
