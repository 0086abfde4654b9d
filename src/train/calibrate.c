#include "train/calibrate.h"

#include "base/memory.h"

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
    const sn_layers *layers; /* of the network */
    size_t pixels;
    float *images; /* of a batch */
    float *values; /* of one tensor, for a batch */
    range *ranges; /* by layer */
} calibrator;

/* The widest input decides how much room a copy needs. */
static size_t most_values(const sn_layers *layers) {
    size_t most = 1;
    for (int i = 0; i < layers->count; i++) {
        const sn_layer *layer = &layers->at[i];
        const size_t count =
            layer->quantizer ? sn_shape_count(sn_tensor_shape(layer->reading.tensor)) : 0;
        most = count > most ? count : most;
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
    for (int i = 0; i < c->layers->count; i++) {
        const sn_tensor *input = c->layers->at[i].reading.tensor;
        if (!c->layers->at[i].quantizer)
            continue;
        sn_tensor_read(input, c->values, rows);
        const sn_shape *shape = sn_tensor_shape(input);
        widen(&c->ranges[i], c->values, sn_shape_count(shape) / shape->size[0] * rows);
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
    for (int i = 0; i < c->layers->count; i++)
        c->ranges[i].finite = true;
    for (size_t first = 0; first < count; first += batch)
        run_batch(c, first, count - first < batch ? count - first : batch);
    for (int i = 0; i < c->layers->count; i++) {
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
                    .layers = &network->layers,
                    .pixels = sn_shape_count(shape) / shape->size[0]};
    c.images = sn_alloc_array(network->batch * c.pixels, sizeof *c.images);
    c.values = sn_alloc_array(most_values(c.layers), sizeof *c.values);
    c.ranges = sn_alloc_array((size_t)c.layers->count, sizeof *c.ranges);
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
