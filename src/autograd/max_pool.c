/* Max pooling. Forward saves the winning pixel of each window as an index into its plane, in the
 * order of the output's layout. */
#include "autograd/ops.h"
#include "autograd/pool_window.h"

#include <stdint.h>
#include <string.h>

static sn_status max_pool_shape(sn_node *node, const sn_run *run, sn_error *error) {
    (void)run;
    SN_TRY(sn_pool_window_shape(node, error));
    node->output->layout = node->input[0]->layout;
    node->output->bf16 = node->input[0]->bf16;
    node->saved_size = node->output->shape.size[0] * sn_tensor_row(node->output) * sizeof(uint32_t);
    return SN_OK;
}

static uint32_t *winners(const sn_node *node, const sn_part *part) {
    return (uint32_t *)node->saved + part->first * sn_tensor_row(node->output);
}

/* ---- plain ---- */

static void forward_plane(const sn_node *node, const sn_real *x, sn_real *y, uint32_t *winner) {
    const size_t *in = node->input[0]->shape.size, *out = node->output->shape.size;
    for (size_t oy = 0; oy < out[2]; oy++) {
        for (size_t ox = 0; ox < out[3]; ox++) {
            const sn_pool_window window = sn_pool_window_at(node, oy, ox);
            size_t best = window.y0 * in[3] + window.x0;
            for (size_t iy = window.y0; iy < window.y1; iy++)
                for (size_t ix = window.x0; ix < window.x1; ix++)
                    if (x[iy * in[3] + ix] > x[best])
                        best = iy * in[3] + ix;
            y[oy * out[3] + ox] = x[best];
            winner[oy * out[3] + ox] = (uint32_t)best;
        }
    }
}

static void forward_planes(const sn_node *node, const sn_part *part) {
    const size_t *in = node->input[0]->shape.size, *out = node->output->shape.size;
    const size_t planes = (part->last - part->first) * in[1];
    const sn_real *x = sn_value_at(node->input[0], part);
    sn_real *y = sn_value_at(node->output, part);
    for (size_t plane = 0; plane < planes; plane++)
        forward_plane(node, x + plane * in[2] * in[3], y + plane * out[2] * out[3],
                      winners(node, part) + plane * out[2] * out[3]);
}

static void backward_planes(const sn_node *node, const sn_part *part) {
    const size_t *in = node->input[0]->shape.size, *out = node->output->shape.size;
    const size_t planes = (part->last - part->first) * in[1];
    const size_t in_pixels = in[2] * in[3], out_pixels = out[2] * out[3];
    const sn_real *dy = sn_gradient_at(node->output, part);
    sn_real *dx = sn_gradient_at(node->input[0], part);
    const uint32_t *winner = winners(node, part);
    if (!node->add[0])
        memset(dx, 0, planes * in_pixels * sizeof *dx);
    for (size_t plane = 0; plane < planes; plane++)
        for (size_t i = plane * out_pixels; i < (plane + 1) * out_pixels; i++)
            dx[plane * in_pixels + winner[i]] += dy[i];
}

/* ---- in lanes ---- */

static void forward_group(const sn_node *node, const sn_part *part, const sn_pool_window_group *g) {
    const size_t width = node->input[0]->shape.size[3];
    const size_t *size = node->output->shape.size;
    const sn_lane_layout *in = g->in, *out = g->out;
    const void *x = sn_value_at(node->input[0], part);
    void *y = sn_value_at(node->output, part);
    uint32_t *winner = winners(node, part);
    for (size_t o = 0; o < out->pixels; o++) {
        const sn_pool_window window = sn_pool_window_at(node, o / size[3], o % size[3]);
        const size_t first = window.y0 * width + window.x0;
        sn_vec best = sn_lanes_load(x, g->x0 + first * in->pixel_stride, in->bf16);
        size_t place[SN_LANES];
        for (size_t i = 0; i < SN_LANES; i++)
            place[i] = first;
        for (size_t iy = window.y0; iy < window.y1; iy++) {
            for (size_t ix = window.x0; ix < window.x1; ix++) {
                const size_t p = iy * width + ix;
                const sn_vec other = sn_lanes_load(x, g->x0 + p * in->pixel_stride, in->bf16);
                for (size_t i = 0; i < SN_LANES; i++) {
                    place[i] = other[i] > best[i] ? p : place[i];
                    best[i] = other[i] > best[i] ? other[i] : best[i];
                }
            }
        }
        const size_t at = g->y0 + o * out->pixel_stride;
        sn_lanes_store(y, at, best, out->bf16);
        for (size_t i = 0; i < SN_LANES; i++)
            winner[at + i] = (uint32_t)place[i];
    }
}

static void backward_group(const sn_node *node, const sn_part *part,
                           const sn_pool_window_group *g) {
    const sn_lane_layout *in = g->in, *out = g->out;
    const void *dy = sn_gradient_at(node->output, part);
    void *dx = sn_gradient_at(node->input[0], part);
    const uint32_t *winner = winners(node, part);
    for (size_t o = 0; o < out->pixels; o++) {
        const size_t at = g->y0 + o * out->pixel_stride;
        const sn_vec passed = sn_lanes_load(dy, at, out->bf16);
        for (size_t i = 0; i < SN_LANES; i++) {
            const size_t to = g->x0 + winner[at + i] * in->pixel_stride;
            sn_vec sum = sn_lanes_load(dx, to, in->bf16);
            sum[i] += passed[i];
            sn_lanes_store(dx, to, sum, in->bf16);
        }
    }
}

static void max_pool_forward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    if (node->input[0]->layout == SN_LAYOUT_PLAIN)
        forward_planes(node, part);
    else
        sn_pool_window_groups(node, part, forward_group);
}

static void max_pool_backward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    if (node->input[0]->layout == SN_LAYOUT_PLAIN)
        backward_planes(node, part);
    else
        sn_pool_window_groups_back(node, part, backward_group);
}

const sn_op sn_op_max_pool = {
    .name = "max_pool",
    .attributes_size = sizeof(sn_pool_attributes),
    .operand = {{"x", SN_OPERAND_DATA}},
    .any_layout = true,
    .shape = max_pool_shape,
    .forward = {{SN_PHASE_IMAGES, max_pool_forward, SN_ALWAYS}},
    .backward = {{SN_PHASE_IMAGES, max_pool_backward, SN_ALWAYS}},
};

sn_status sn_max_pool(sn_graph *graph, sn_tensor *x, int kernel, int stride, int padding,
                      sn_tensor **y, sn_error *error) {
    const sn_pool_attributes attributes = {kernel, stride, padding};
    sn_tensor *const inputs[SN_MAX_INPUTS] = {x};
    return sn_graph_apply(graph, &sn_op_max_pool, &attributes, inputs, NULL, y, error);
}
