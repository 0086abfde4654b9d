#include "autograd/ops.h"
#include "autograd/pool_window.h"

#include <string.h>

static sn_status average_pool_shape(sn_node *node, const sn_run *run, sn_error *error) {
    (void)run;
    SN_TRY(sn_pool_window_shape(node, error));
    node->output->layout = node->input[0]->layout;
    node->output->bf16 = node->input[0]->bf16;
    return SN_OK;
}

static sn_real window_share(const sn_node *node) {
    const sn_pool_attributes *attributes = (const void *)node->attributes;
    const sn_real kernel = (sn_real)attributes->kernel; /* its square may not fit an int */
    return 1 / (kernel * kernel);
}

/* ---- plain ---- */

static void forward_plane(const sn_node *node, const sn_real *x, sn_real *y) {
    const size_t *in = node->input[0]->shape.size, *out = node->output->shape.size;
    const sn_real share = window_share(node);
    for (size_t oy = 0; oy < out[2]; oy++) {
        for (size_t ox = 0; ox < out[3]; ox++) {
            const sn_pool_window window = sn_pool_window_at(node, oy, ox);
            sn_real sum = 0;
            for (size_t iy = window.y0; iy < window.y1; iy++)
                for (size_t ix = window.x0; ix < window.x1; ix++)
                    sum += x[iy * in[3] + ix];
            y[oy * out[3] + ox] = sum * share;
        }
    }
}

static void backward_plane(const sn_node *node, const sn_real *dy, sn_real *dx) {
    const size_t *in = node->input[0]->shape.size, *out = node->output->shape.size;
    const sn_real share = window_share(node);
    if (!node->add[0])
        memset(dx, 0, in[2] * in[3] * sizeof *dx);
    for (size_t oy = 0; oy < out[2]; oy++) {
        for (size_t ox = 0; ox < out[3]; ox++) {
            const sn_pool_window window = sn_pool_window_at(node, oy, ox);
            const sn_real part = dy[oy * out[3] + ox] * share;
            for (size_t iy = window.y0; iy < window.y1; iy++)
                for (size_t ix = window.x0; ix < window.x1; ix++)
                    dx[iy * in[3] + ix] += part;
        }
    }
}

static void forward_planes(const sn_node *node, const sn_part *part) {
    const size_t *in = node->input[0]->shape.size, *out = node->output->shape.size;
    const sn_real *x = sn_value_at(node->input[0], part);
    sn_real *y = sn_value_at(node->output, part);
    for (size_t plane = 0; plane < (part->last - part->first) * in[1]; plane++)
        forward_plane(node, x + plane * in[2] * in[3], y + plane * out[2] * out[3]);
}

static void backward_planes(const sn_node *node, const sn_part *part) {
    const size_t *in = node->input[0]->shape.size, *out = node->output->shape.size;
    const sn_real *dy = sn_gradient_at(node->output, part);
    sn_real *dx = sn_gradient_at(node->input[0], part);
    for (size_t plane = 0; plane < (part->last - part->first) * in[1]; plane++)
        backward_plane(node, dy + plane * out[2] * out[3], dx + plane * in[2] * in[3]);
}

/* ---- in lanes ---- */

static void forward_group(const sn_node *node, const sn_part *part, const sn_pool_window_group *g) {
    const size_t width = node->input[0]->shape.size[3], out_width = node->output->shape.size[3];
    const sn_real share = window_share(node);
    const void *x = sn_value_at(node->input[0], part);
    void *y = sn_value_at(node->output, part);
    for (size_t o = 0; o < g->out->pixels; o++) {
        const sn_pool_window window = sn_pool_window_at(node, o / out_width, o % out_width);
        sn_vec sum = {0};
        for (size_t iy = window.y0; iy < window.y1; iy++)
            for (size_t ix = window.x0; ix < window.x1; ix++)
                sum +=
                    sn_lanes_load(x, g->x0 + (iy * width + ix) * g->in->pixel_stride, g->in->bf16);
        sn_lanes_store(y, g->y0 + o * g->out->pixel_stride, sum * share, g->out->bf16);
    }
}

static void backward_group(const sn_node *node, const sn_part *part,
                           const sn_pool_window_group *g) {
    const size_t width = node->input[0]->shape.size[3], out_width = node->output->shape.size[3];
    const sn_real share = window_share(node);
    const void *dy = sn_gradient_at(node->output, part);
    void *dx = sn_gradient_at(node->input[0], part);
    for (size_t o = 0; o < g->out->pixels; o++) {
        const sn_pool_window window = sn_pool_window_at(node, o / out_width, o % out_width);
        const sn_vec passed =
            sn_lanes_load(dy, g->y0 + o * g->out->pixel_stride, g->out->bf16) * share;
        for (size_t iy = window.y0; iy < window.y1; iy++) {
            for (size_t ix = window.x0; ix < window.x1; ix++) {
                const size_t at = g->x0 + (iy * width + ix) * g->in->pixel_stride;
                sn_lanes_store(dx, at, sn_lanes_load(dx, at, g->in->bf16) + passed, g->in->bf16);
            }
        }
    }
}

static void average_pool_forward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    if (node->input[0]->layout == SN_LAYOUT_PLAIN)
        forward_planes(node, part);
    else
        sn_pool_window_groups(node, part, forward_group);
}

static void average_pool_backward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    if (node->input[0]->layout == SN_LAYOUT_PLAIN)
        backward_planes(node, part);
    else
        sn_pool_window_groups_back(node, part, backward_group);
}

const sn_op sn_op_average_pool = {
    .name = "average_pool",
    .attributes_size = sizeof(sn_pool_attributes),
    .operand = {{"x", SN_OPERAND_DATA}},
    .any_layout = true,
    .shape = average_pool_shape,
    .forward = {{SN_PHASE_IMAGES, average_pool_forward, SN_ALWAYS}},
    .backward = {{SN_PHASE_IMAGES, average_pool_backward, SN_ALWAYS}},
};

sn_status sn_average_pool(sn_graph *graph, sn_tensor *x, int kernel, int stride, int padding,
                          sn_tensor **y, sn_error *error) {
    const sn_pool_attributes attributes = {kernel, stride, padding};
    sn_tensor *const inputs[SN_MAX_INPUTS] = {x};
    return sn_graph_apply(graph, &sn_op_average_pool, &attributes, inputs, NULL, y, error);
}
