#include "autograd/op.h"
#include "autograd/ops.h"

enum { X, SLOPE };

static sn_status prelu_shape(sn_node *node, int threads, sn_error *error) {
    (void)threads;
    const sn_shape *x = &node->input[X]->shape, *slope = &node->input[SLOPE]->shape;
    char xs[SN_SHAPE_TEXT_SIZE], ss[SN_SHAPE_TEXT_SIZE];
    SN_RETURN_IF(x->rank != 4 || slope->rank != 1 || slope->size[0] != x->size[1], error,
                 SN_ERROR_ARGUMENT,
                 "prelu: slope %s does not fit input %s; need [C] and [N, C, H, W]",
                 sn_shape_text(slope, ss), sn_shape_text(x, xs));
    node->output->shape = *x;
    return SN_OK;
}

static void prelu_forward(const sn_node *node, const sn_run *run) {
    const sn_shape *shape = &node->input[X]->shape;
    const size_t channels = shape->size[1], pixels = shape->size[2] * shape->size[3];
    const size_t planes = shape->size[0] * channels;
    const sn_real *x = node->input[X]->value;
    sn_real *y = node->output->value;
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (size_t plane = 0; plane < planes; plane++) {
        const sn_real slope = node->input[SLOPE]->value[plane % channels];
        for (size_t i = plane * pixels; i < (plane + 1) * pixels; i++)
            y[i] = x[i] > 0 ? x[i] : slope * x[i];
    }
}

static void prelu_backward(const sn_node *node, const sn_run *run) {
    const sn_shape *shape = &node->input[X]->shape;
    const size_t channels = shape->size[1], pixels = shape->size[2] * shape->size[3];
    const sn_real *x = node->input[X]->value, *dy = node->output->gradient;
    sn_real *dx = node->input[X]->gradient, *dslope = node->input[SLOPE]->gradient;
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (size_t c = 0; c < channels; c++) {
        const sn_real slope = node->input[SLOPE]->value[c];
        double total = 0;
        for (size_t n = 0; n < shape->size[0]; n++) {
            const size_t start = (n * channels + c) * pixels;
            sn_real sum = 0;
#pragma omp simd reduction(+ : sum)
            for (size_t i = start; i < start + pixels; i++)
                sum += x[i] > 0 ? 0 : x[i] * dy[i];
            total += (double)sum;
            if (!dx)
                continue;
            for (size_t i = start; i < start + pixels; i++) {
                const sn_real passed = x[i] > 0 ? dy[i] : slope * dy[i];
                dx[i] = node->add[X] ? dx[i] + passed : passed;
            }
        }
        if (dslope)
            dslope[c] = (node->add[SLOPE] ? dslope[c] : 0) + (sn_real)total;
    }
}

const sn_op sn_op_prelu = {
    .name = "prelu",
    .backward_reads = SN_READS_INPUT(X) | SN_READS_INPUT(SLOPE),
    .shape = prelu_shape,
    .forward = prelu_forward,
    .backward = prelu_backward,
};

sn_status sn_prelu(sn_graph *graph, sn_tensor *x, sn_tensor *slope, sn_tensor **y,
                   sn_error *error) {
    sn_tensor *const inputs[SN_MAX_INPUTS] = {x, slope};
    return sn_graph_apply(graph, &sn_op_prelu, NULL, inputs, NULL, y, error);
}
