#include "autograd/op.h"
#include "autograd/ops.h"

static sn_status global_average_pool_shape(sn_node *node, int threads, sn_error *error) {
    (void)threads;
    const sn_shape *x = &node->input[0]->shape;
    char text[SN_SHAPE_TEXT_SIZE];
    SN_RETURN_IF(x->rank != 4, error, SN_ERROR_ARGUMENT,
                 "global_average_pool: input %s; need [N, C, H, W]", sn_shape_text(x, text));
    node->output->shape = sn_shape_2(x->size[0], x->size[1]);
    return SN_OK;
}

static void global_average_pool_forward(const sn_node *node, const sn_run *run) {
    const size_t *size = node->input[0]->shape.size;
    const size_t planes = size[0] * size[1], pixels = size[2] * size[3];
    const sn_real *x = node->input[0]->value;
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (size_t plane = 0; plane < planes; plane++) {
        sn_real sum = 0;
#pragma omp simd reduction(+ : sum)
        for (size_t i = plane * pixels; i < (plane + 1) * pixels; i++)
            sum += x[i];
        node->output->value[plane] = sum / (sn_real)pixels;
    }
}

static void global_average_pool_backward(const sn_node *node, const sn_run *run) {
    const size_t *size = node->input[0]->shape.size;
    const size_t planes = size[0] * size[1], pixels = size[2] * size[3];
    sn_real *dx = node->input[0]->gradient;
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (size_t plane = 0; plane < planes; plane++) {
        const sn_real part = node->output->gradient[plane] / (sn_real)pixels;
        for (size_t i = plane * pixels; i < (plane + 1) * pixels; i++)
            dx[i] = node->add[0] ? dx[i] + part : part;
    }
}

const sn_op sn_op_global_average_pool = {
    .name = "global_average_pool",
    .shape = global_average_pool_shape,
    .forward = global_average_pool_forward,
    .backward = global_average_pool_backward,
};

sn_status sn_global_average_pool(sn_graph *graph, sn_tensor *x, sn_tensor **y, sn_error *error) {
    sn_tensor *const inputs[SN_MAX_INPUTS] = {x};
    return sn_graph_apply(graph, &sn_op_global_average_pool, NULL, inputs, NULL, y, error);
}
