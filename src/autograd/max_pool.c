/* Max pooling. Forward saves which pixel won each window, as an index into its plane. */
#include "autograd/ops.h"
#include "autograd/window.h"

#include <stdint.h>
#include <string.h>

static sn_status max_pool_shape(sn_node *node, int threads, sn_error *error) {
    (void)threads;
    SN_TRY(sn_window_shape(node, error));
    node->saved_size = sn_shape_count(&node->output->shape) * sizeof(uint32_t);
    return SN_OK;
}

static void forward_plane(const sn_node *node, size_t plane) {
    const size_t *in = node->input[0]->shape.size, *out = node->output->shape.size;
    const sn_real *x = node->input[0]->value + plane * in[2] * in[3];
    sn_real *y = node->output->value + plane * out[2] * out[3];
    uint32_t *winner = (uint32_t *)node->saved + plane * out[2] * out[3];
    for (size_t oy = 0; oy < out[2]; oy++) {
        for (size_t ox = 0; ox < out[3]; ox++) {
            const sn_window window = sn_window_at(node, oy, ox);
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

static void max_pool_forward(const sn_node *node, const sn_run *run) {
    const size_t planes = node->input[0]->shape.size[0] * node->input[0]->shape.size[1];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (size_t plane = 0; plane < planes; plane++)
        forward_plane(node, plane);
}

static void max_pool_backward(const sn_node *node, const sn_run *run) {
    const size_t *in = node->input[0]->shape.size, *out = node->output->shape.size;
    const size_t planes = in[0] * in[1], in_pixels = in[2] * in[3], out_pixels = out[2] * out[3];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (size_t plane = 0; plane < planes; plane++) {
        const uint32_t *winner = (const uint32_t *)node->saved + plane * out_pixels;
        const sn_real *dy = node->output->gradient + plane * out_pixels;
        sn_real *dx = node->input[0]->gradient + plane * in_pixels;
        if (!node->add[0])
            memset(dx, 0, in_pixels * sizeof *dx);
        for (size_t i = 0; i < out_pixels; i++)
            dx[winner[i]] += dy[i];
    }
}

const sn_op sn_op_max_pool = {
    .name = "max_pool",
    .attributes_size = sizeof(sn_pool_attributes),
    .shape = max_pool_shape,
    .forward = max_pool_forward,
    .backward = max_pool_backward,
};

sn_status sn_max_pool(sn_graph *graph, sn_tensor *x, int kernel, int stride, int padding,
                      sn_tensor **y, sn_error *error) {
    const sn_pool_attributes attributes = {kernel, stride, padding};
    sn_tensor *const inputs[SN_MAX_INPUTS] = {x};
    return sn_graph_apply(graph, &sn_op_max_pool, &attributes, inputs, NULL, y, error);
}
