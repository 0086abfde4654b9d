/* Layouts of tensors, and the op that makes them plain. */
#include "autograd/op.h"
#include "autograd/ops.h"

#include <string.h>

size_t sn_tensor_row(const sn_tensor *tensor) {
    if (tensor->layout == SN_LAYOUT_PLAIN)
        return sn_shape_count(&tensor->shape) / tensor->shape.size[0];
    return sn_lane_groups(tensor->shape.size[1]) * SN_LANES * tensor->shape.size[2] *
           tensor->shape.size[3];
}

sn_lane_layout sn_tensor_lanes(const sn_tensor *tensor) {
    const size_t groups = sn_lane_groups(tensor->shape.size[1]);
    const size_t pixels = tensor->shape.size[2] * tensor->shape.size[3];
    const bool blocked = tensor->layout == SN_LAYOUT_BLOCKED;
    return (sn_lane_layout){.groups = groups,
                            .pixels = pixels,
                            .group_stride = blocked ? pixels * SN_LANES : SN_LANES,
                            .pixel_stride = blocked ? SN_LANES : groups * SN_LANES,
                            .image_stride = groups * pixels * SN_LANES,
                            .bf16 = tensor->bf16};
}

/* One number at a time; only for the edges of a network. */
static sn_real get(const void *stored, size_t index, bool bf16) {
#ifndef SN_REAL_DOUBLE
    if (bf16) {
        const uint32_t bits = (uint32_t)((const sn_bf16 *)stored)[index] << 16;
        float value;
        memcpy(&value, &bits, sizeof value);
        return value;
    }
#endif
    (void)bf16;
    return ((const sn_real *)stored)[index];
}

static void put(void *stored, size_t index, sn_real value, bool bf16) {
#ifndef SN_REAL_DOUBLE
    if (bf16) {
        sn_bf16 rounded[SN_LANES];
        sn_vec_store_bf16(rounded, sn_vec_all(value));
        ((sn_bf16 *)stored)[index] = rounded[0];
        return;
    }
#endif
    (void)bf16;
    ((sn_real *)stored)[index] = value;
}

/* The place of channel c, pixel p in a row. */
static size_t place_of(const sn_lane_layout *lanes, size_t c, size_t p) {
    return c / SN_LANES * lanes->group_stride + p * lanes->pixel_stride + c % SN_LANES;
}

/* From plain[rows][...]; if plain is NULL, the same value everywhere. */
static void set_rows(const sn_tensor *tensor, void *stored, const sn_real *plain, sn_real value,
                     size_t rows, bool add) {
    const size_t row = sn_tensor_row(tensor);
    if (tensor->layout == SN_LAYOUT_PLAIN) {
        sn_real *to = stored;
        for (size_t i = 0; i < rows * row; i++)
            to[i] = (plain ? plain[i] : value) + (add ? to[i] : 0);
        return;
    }
    const sn_lane_layout lanes = sn_tensor_lanes(tensor);
    const size_t channels = tensor->shape.size[1];
    for (size_t n = 0; n < rows; n++) {
        for (size_t c = 0; c < lanes.groups * SN_LANES; c++) {
            for (size_t p = 0; p < lanes.pixels; p++) {
                const size_t to = n * row + place_of(&lanes, c, p);
                sn_real v = c < channels ? value : 0;
                if (plain && c < channels)
                    v = plain[(n * channels + c) * lanes.pixels + p];
                put(stored, to, v + (add ? get(stored, to, lanes.bf16) : 0), lanes.bf16);
            }
        }
    }
}

void sn_rows_from_plain(const sn_tensor *tensor, void *stored, const sn_real *plain, size_t rows,
                        bool add) {
    set_rows(tensor, stored, plain, 0, rows, add);
}

void sn_rows_fill(const sn_tensor *tensor, void *stored, sn_real value, size_t rows) {
    set_rows(tensor, stored, NULL, value, rows, false);
}

void sn_rows_to_plain(const sn_tensor *tensor, const void *stored, sn_real *plain, size_t rows) {
    const size_t row = sn_tensor_row(tensor);
    if (tensor->layout == SN_LAYOUT_PLAIN) {
        memcpy(plain, stored, rows * row * sizeof *plain);
        return;
    }
    const sn_lane_layout lanes = sn_tensor_lanes(tensor);
    const size_t channels = tensor->shape.size[1];
    for (size_t n = 0; n < rows; n++)
        for (size_t c = 0; c < channels; c++)
            for (size_t p = 0; p < lanes.pixels; p++)
                plain[(n * channels + c) * lanes.pixels + p] =
                    get(stored, n * row + place_of(&lanes, c, p), lanes.bf16);
}

static sn_status make_plain_shape(sn_node *node, const sn_run *run, sn_error *error) {
    (void)run;
    (void)error;
    node->output->shape = node->input[0]->shape;
    return SN_OK;
}

static void make_plain_forward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    sn_rows_to_plain(node->input[0], sn_value_at(node->input[0], part),
                     sn_value_at(node->output, part), part->last - part->first);
}

static void make_plain_backward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    sn_rows_from_plain(node->input[0], sn_gradient_at(node->input[0], part),
                       sn_gradient_at(node->output, part), part->last - part->first, node->add[0]);
}

const sn_op sn_op_make_plain = {
    .name = "make_plain",
    .operand = {{"x", SN_OPERAND_DATA}},
    .any_layout = true,
    .shape = make_plain_shape,
    .forward = {{SN_PHASE_IMAGES, make_plain_forward, SN_ALWAYS}},
    .backward = {{SN_PHASE_IMAGES, make_plain_backward, SN_ALWAYS}},
};

sn_status sn_make_plain(sn_graph *graph, sn_tensor *tensor, sn_tensor **plain, sn_error *error) {
    *plain = tensor;
    if (tensor->layout == SN_LAYOUT_PLAIN && !tensor->bf16)
        return SN_OK;
    sn_tensor *const inputs[SN_MAX_INPUTS] = {tensor};
    return sn_graph_apply(graph, &sn_op_make_plain, NULL, inputs, NULL, plain, error);
}
