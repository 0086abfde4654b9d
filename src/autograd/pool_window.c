#include "autograd/pool_window.h"

#include "autograd/ops.h"

#include <string.h>

sn_status sn_pool_window_shape(sn_node *node, sn_error *error) {
    const sn_pool_attributes *attributes = (const void *)node->attributes;
    const sn_shape *x = &node->input[0]->shape;
    char text[SN_SHAPE_TEXT_SIZE];
    const int kernel = attributes->kernel, stride = attributes->stride;
    const int padding = attributes->padding;
    SN_RETURN_IF(x->rank != 4, error, SN_ERROR_ARGUMENT, "%s: input %s; need [N, C, H, W]",
                 node->op->name, sn_shape_text(x, text));
    /* A larger padding would leave windows without a pixel. */
    SN_RETURN_IF(kernel < 1 || stride < 1 || padding < 0 || padding > kernel / 2, error,
                 SN_ERROR_ARGUMENT,
                 "%s: kernel %d, stride %d, padding %d; need at least 1, at least 1, and 0 to half "
                 "the kernel",
                 node->op->name, kernel, stride, padding);
    const size_t h = x->size[2] + 2 * (size_t)padding, w = x->size[3] + 2 * (size_t)padding;
    SN_RETURN_IF(h < (size_t)kernel || w < (size_t)kernel, error, SN_ERROR_ARGUMENT,
                 "%s: kernel %d is larger than input %s with padding %d", node->op->name, kernel,
                 sn_shape_text(x, text), padding);
    node->output->shape =
        sn_shape_4(x->size[0], x->size[1], (h - (size_t)kernel) / (size_t)stride + 1,
                   (w - (size_t)kernel) / (size_t)stride + 1);
    return SN_OK;
}

static void clip(size_t o, size_t size, const sn_pool_attributes *attributes, size_t *first,
                 size_t *last) {
    const size_t padding = (size_t)attributes->padding;
    const size_t start = o * (size_t)attributes->stride; /* in the padded image */
    const size_t end = start + (size_t)attributes->kernel;
    *first = start > padding ? start - padding : 0;
    *last = end - padding < size ? end - padding : size;
}

sn_pool_window sn_pool_window_at(const sn_node *node, size_t oy, size_t ox) {
    const sn_pool_attributes *attributes = (const void *)node->attributes;
    const size_t *size = node->input[0]->shape.size;
    sn_pool_window window;
    clip(oy, size[2], attributes, &window.y0, &window.y1);
    clip(ox, size[3], attributes, &window.x0, &window.x1);
    return window;
}

void sn_pool_window_groups(const sn_node *node, const sn_part *part, sn_pool_window_visit *walk) {
    const sn_lane_layout in = sn_tensor_lanes(node->input[0]), out = sn_tensor_lanes(node->output);
    for (size_t n = 0; n < part->last - part->first; n++)
        for (size_t g = 0; g < in.groups; g++)
            walk(node, part,
                 &(sn_pool_window_group){&in, &out, n * in.image_stride + g * in.group_stride,
                                         n * out.image_stride + g * out.group_stride});
}

void sn_pool_window_groups_back(const sn_node *node, const sn_part *part,
                                sn_pool_window_visit *walk) {
    const sn_tensor *x = node->input[0];
    if (!node->add[0])
        memset(sn_gradient_at(x, part), 0,
               (part->last - part->first) * sn_tensor_row(x) * sn_element_size(x));
    sn_pool_window_groups(node, part, walk);
}
