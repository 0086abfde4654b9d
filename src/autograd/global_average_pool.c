#include "autograd/op.h"
#include "autograd/ops.h"

static sn_status global_average_pool_shape(sn_node *node, const sn_run *run, sn_error *error) {
    (void)run;
    const sn_shape *x = &node->input[0]->shape;
    char text[SN_SHAPE_TEXT_SIZE];
    SN_RETURN_IF(x->rank != 4, error, SN_ERROR_ARGUMENT,
                 "global_average_pool: input %s; need [N, C, H, W]", sn_shape_text(x, text));
    node->output->shape = sn_shape_2(x->size[0], x->size[1]);
    return SN_OK;
}

/* ---- plain ---- */

static void forward_planes(const sn_real *x, size_t planes, size_t pixels, sn_real *y) {
    for (size_t plane = 0; plane < planes; plane++) {
        sn_real sum = 0;
#pragma omp simd reduction(+ : sum)
        for (size_t i = plane * pixels; i < (plane + 1) * pixels; i++)
            sum += x[i];
        y[plane] = sum / (sn_real)pixels;
    }
}

static void backward_planes(const sn_real *dy, size_t planes, size_t pixels, bool add,
                            sn_real *dx) {
    for (size_t plane = 0; plane < planes; plane++) {
        const sn_real part = dy[plane] / (sn_real)pixels;
        for (size_t i = plane * pixels; i < (plane + 1) * pixels; i++)
            dx[i] = add ? dx[i] + part : part;
    }
}

/* ---- in lanes ---- */

/* The lanes of a group that are channels. */
static size_t lanes_used(size_t channels, size_t group) {
    const size_t left = channels - group * SN_LANES;
    return left < SN_LANES ? left : SN_LANES;
}

static void forward_lanes(const sn_lane_layout *layout, const void *x, size_t images,
                          size_t channels, sn_real *y) {
    for (size_t n = 0; n < images; n++) {
        for (size_t g = 0; g < layout->groups; g++) {
            const size_t start = n * layout->image_stride + g * layout->group_stride;
            sn_vec sum = {0};
            for (size_t p = 0; p < layout->pixels; p++)
                sum += sn_lanes_load(x, start + p * layout->pixel_stride, layout->bf16);
            for (size_t i = 0; i < lanes_used(channels, g); i++)
                y[n * channels + g * SN_LANES + i] = sum[i] / (sn_real)layout->pixels;
        }
    }
}

static void backward_lanes(const sn_lane_layout *layout, const sn_real *dy, size_t images,
                           size_t channels, bool add, void *dx) {
    for (size_t n = 0; n < images; n++) {
        for (size_t g = 0; g < layout->groups; g++) {
            const size_t start = n * layout->image_stride + g * layout->group_stride;
            sn_vec share = {0};
            for (size_t i = 0; i < lanes_used(channels, g); i++)
                share[i] = dy[n * channels + g * SN_LANES + i] / (sn_real)layout->pixels;
            for (size_t p = 0; p < layout->pixels; p++) {
                const size_t at = start + p * layout->pixel_stride;
                const sn_vec before = add ? sn_lanes_load(dx, at, layout->bf16) : (sn_vec){0};
                sn_lanes_store(dx, at, before + share, layout->bf16);
            }
        }
    }
}

static void global_average_pool_forward(const sn_node *node, const sn_run *run,
                                        const sn_part *part) {
    (void)run;
    const sn_tensor *x = node->input[0];
    const size_t *size = x->shape.size, images = part->last - part->first;
    const void *from = sn_value_at(x, part);
    sn_real *y = sn_value_at(node->output, part);
    if (x->layout == SN_LAYOUT_PLAIN) {
        forward_planes(from, images * size[1], size[2] * size[3], y);
        return;
    }
    const sn_lane_layout layout = sn_tensor_lanes(x);
    forward_lanes(&layout, from, images, size[1], y);
}

static void global_average_pool_backward(const sn_node *node, const sn_run *run,
                                         const sn_part *part) {
    (void)run;
    const sn_tensor *x = node->input[0];
    const size_t *size = x->shape.size, images = part->last - part->first;
    const sn_real *dy = sn_gradient_at(node->output, part);
    void *dx = sn_gradient_at(x, part);
    if (x->layout == SN_LAYOUT_PLAIN) {
        backward_planes(dy, images * size[1], size[2] * size[3], node->add[0], dx);
        return;
    }
    const sn_lane_layout layout = sn_tensor_lanes(x);
    backward_lanes(&layout, dy, images, size[1], node->add[0], dx);
}

const sn_op sn_op_global_average_pool = {
    .name = "global_average_pool",
    .operand = {{"x", SN_OPERAND_DATA}},
    .any_layout = true,
    .shape = global_average_pool_shape,
    .forward = {{SN_PHASE_IMAGES, global_average_pool_forward, SN_ALWAYS}},
    .backward = {{SN_PHASE_IMAGES, global_average_pool_backward, SN_ALWAYS}},
};

sn_status sn_global_average_pool(sn_graph *graph, sn_tensor *x, sn_tensor **y, sn_error *error) {
    sn_tensor *const inputs[SN_MAX_INPUTS] = {x};
    return sn_graph_apply(graph, &sn_op_global_average_pool, NULL, inputs, NULL, y, error);
}
