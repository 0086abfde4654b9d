#include "autograd/conv2d.h"

#include "autograd/ops.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

sn_conv2d_geometry sn_conv2d_geometry_of(const sn_node *node) {
    const sn_conv2d_attributes *attributes = (const void *)node->attributes;
    const size_t *x = node->input[0]->shape.size, *w = node->input[1]->shape.size;
    const size_t *y = node->output->shape.size;
    sn_conv2d_geometry g = {.n = x[0],
                            .c = x[1],
                            .h = x[2],
                            .w = x[3],
                            .k = w[0],
                            .r = w[2],
                            .s = w[3],
                            .oh = y[2],
                            .ow = y[3]};
    g.stride = (size_t)attributes->stride;
    g.padding = (size_t)attributes->padding;
    g.taps = g.c * g.r * g.s;
    g.pixels = g.oh * g.ow;
    return g;
}

sn_status sn_conv2d_shape(sn_node *node, sn_error *error) {
    const sn_conv2d_attributes *attributes = (const void *)node->attributes;
    const sn_shape *x = &node->input[0]->shape, *w = &node->input[1]->shape;
    const sn_tensor *bias = node->input[2];
    char xs[SN_SHAPE_TEXT_SIZE], ws[SN_SHAPE_TEXT_SIZE];
    SN_RETURN_IF(x->rank != 4 || w->rank != 4 || x->size[1] != w->size[1], error, SN_ERROR_ARGUMENT,
                 "conv2d: input %s does not fit weight %s; need [N, C, H, W] and [K, C, R, S]",
                 sn_shape_text(x, xs), sn_shape_text(w, ws));
    SN_RETURN_IF(attributes->stride < 1 || attributes->padding < 0, error, SN_ERROR_ARGUMENT,
                 "conv2d: stride %d, padding %d; need at least 1 and 0", attributes->stride,
                 attributes->padding);
    SN_RETURN_IF(bias && (bias->shape.rank != 1 || bias->shape.size[0] != w->size[0]), error,
                 SN_ERROR_ARGUMENT, "conv2d: bias %s does not fit weight %s",
                 sn_shape_text(&bias->shape, xs), sn_shape_text(w, ws));
    const size_t padding = (size_t)attributes->padding, stride = (size_t)attributes->stride;
    const size_t h = x->size[2] + 2 * padding, wide = x->size[3] + 2 * padding;
    SN_RETURN_IF(h < w->size[2] || wide < w->size[3], error, SN_ERROR_ARGUMENT,
                 "conv2d: input %s with padding %zu is smaller than weight %s",
                 sn_shape_text(x, xs), padding, sn_shape_text(w, ws));
    node->output->shape = sn_shape_4(x->size[0], w->size[0], (h - w->size[2]) / stride + 1,
                                     (wide - w->size[3]) / stride + 1);
    const sn_conv2d_geometry g = sn_conv2d_geometry_of(node);
    SN_RETURN_IF(!sn_shape_is_valid(&node->output->shape) || g.taps > INT_MAX ||
                     g.pixels > INT_MAX || g.taps > SN_MAX_COUNT / g.pixels,
                 error, SN_ERROR_ARGUMENT,
                 "conv2d: input %s, weight %s and padding %zu are too large", sn_shape_text(x, xs),
                 sn_shape_text(w, ws), padding);
    return SN_OK;
}

void sn_conv2d_sum_bias(const sn_node *node, size_t images, const void *dy, sn_real *sums) {
    const sn_lane_layout lanes = sn_tensor_lanes(node->output);
    for (size_t n = 0; n < images; n++) {
        for (size_t g = 0; g < lanes.groups; g++) {
            sn_vec sum = {0};
            for (size_t p = 0; p < lanes.pixels; p++)
                sum += sn_lanes_load(
                    dy, n * lanes.image_stride + g * lanes.group_stride + p * lanes.pixel_stride,
                    lanes.bf16);
            sn_vec_store(sums + g * SN_LANES, sn_vec_load(sums + g * SN_LANES) + sum);
        }
    }
}

void sn_conv2d_describe(const sn_node *node, char *text, size_t size) {
    const sn_conv2d_geometry g = sn_conv2d_geometry_of(node);
    snprintf(text, size, "%zux%zu/%zu", g.r, g.s, g.stride);
}

static const sn_op *op_of(sn_engine engine) {
#if SN_HAS_ONEDNN
    if (engine == SN_ENGINE_ONEDNN)
        return &sn_op_conv2d_onednn;
#endif
    return engine == SN_ENGINE_WINOGRAD ? &sn_op_conv2d_winograd : &sn_op_conv2d_gemm;
}

sn_status sn_conv2d(sn_graph *graph, sn_tensor *x, sn_tensor *weight, sn_tensor *bias, int stride,
                    int padding, sn_tensor **y, sn_error *error) {
    const sn_conv2d_attributes attributes = {stride, padding};
    sn_tensor *const inputs[SN_MAX_INPUTS] = {x, weight, bias};
    return sn_graph_apply(graph, op_of(sn_graph_run(graph)->engine), &attributes, inputs, NULL, y,
                          error);
}
