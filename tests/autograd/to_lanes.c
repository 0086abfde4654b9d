#include "to_lanes.h"

#include <stdatomic.h>

typedef struct attributes {
    sn_layout layout;
    bool bf16;
} attributes;

/* Threads cannot end a test; they leave word here. */
static atomic_size_t dirty_gradients;

static sn_real element(const sn_tensor *tensor, const void *stored, size_t index) {
    sn_real lanes[SN_LANES];
    sn_vec_store(lanes, sn_lanes_load(stored, index / SN_LANES * SN_LANES, tensor->bf16));
    return lanes[index % SN_LANES];
}

size_t count_dirty_paddings(const sn_tensor *tensor, const void *stored, size_t rows) {
    if (tensor->layout == SN_LAYOUT_PLAIN)
        return 0;
    const sn_lane_layout lanes = sn_tensor_lanes(tensor);
    size_t dirty = 0;
    for (size_t n = 0; n < rows; n++)
        for (size_t c = tensor->shape.size[1]; c < lanes.groups * SN_LANES; c++)
            for (size_t p = 0; p < lanes.pixels; p++)
                dirty += element(tensor, stored,
                                 n * lanes.image_stride + c / SN_LANES * lanes.group_stride +
                                     p * lanes.pixel_stride + c % SN_LANES) != 0;
    return dirty;
}

size_t take_dirty_gradients(void) {
    return atomic_exchange(&dirty_gradients, 0);
}

static sn_status to_lanes_shape(sn_node *node, const sn_run *run, sn_error *error) {
    (void)run;
    (void)error;
    const attributes *wanted = (const void *)node->attributes;
    const size_t *size = node->input[0]->shape.size;
    node->output->shape = node->input[0]->shape;
    node->output->layout = wanted->layout;
    node->output->bf16 = wanted->bf16;
    node->backward_scratch_size = size[1] * size[2] * size[3] * sizeof(sn_real);
    return SN_OK;
}

static void to_lanes_forward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    sn_rows_from_plain(node->output, sn_value_at(node->output, part),
                       sn_value_at(node->input[0], part), part->last - part->first, false);
}

static void to_lanes_backward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    const sn_tensor *y = node->output;
    const size_t row = sn_tensor_row(node->input[0]), images = part->last - part->first;
    const unsigned char *dy = sn_gradient_at(y, part);
    sn_real *dx = sn_gradient_at(node->input[0], part);
    sn_real *image = sn_scratch_at(&node->backward_scratch, part);
    atomic_fetch_add(&dirty_gradients, count_dirty_paddings(y, dy, images));
    for (size_t n = 0; n < images; n++) {
        sn_rows_to_plain(y, dy + n * sn_tensor_row(y) * sn_element_size(y), image, 1);
        sn_rows_from_plain(node->input[0], dx + n * row, image, 1, node->add[0]);
    }
}

static const sn_op op_to_lanes = {
    .name = "to_lanes",
    .operand = {{"x", SN_OPERAND_DATA}},
    .attributes_size = sizeof(attributes),
    .shape = to_lanes_shape,
    .forward = {{SN_PHASE_IMAGES, to_lanes_forward, SN_ALWAYS}},
    .backward = {{SN_PHASE_IMAGES, to_lanes_backward, SN_ALWAYS}},
};

sn_status to_lanes(sn_graph *graph, sn_tensor *x, sn_layout layout, bool bf16, sn_tensor **y,
                   sn_error *error) {
    const attributes wanted = {layout, bf16};
    sn_tensor *const inputs[SN_MAX_INPUTS] = {x};
    return sn_graph_apply(graph, &op_to_lanes, &wanted, inputs, NULL, y, error);
}
