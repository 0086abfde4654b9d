#include "autograd/op.h"
#include "autograd/ops.h"

#include <string.h>

enum { X, SLOPE };

/* Sums over each thread's images: double[threads][channels]. */

static sn_status prelu_shape(sn_node *node, const sn_run *run, sn_error *error) {
    const sn_shape *x = &node->input[X]->shape, *slope = &node->input[SLOPE]->shape;
    char xs[SN_SHAPE_TEXT_SIZE], ss[SN_SHAPE_TEXT_SIZE];
    SN_RETURN_IF(x->rank != 4 || slope->rank != 1 || slope->size[0] != x->size[1], error,
                 SN_ERROR_ARGUMENT,
                 "prelu: slope %s does not fit input %s; need [C] and [N, C, H, W]",
                 sn_shape_text(slope, ss), sn_shape_text(x, xs));
    node->output->shape = *x;
    node->backward_sums_size = (size_t)run->threads * x->size[1] * sizeof(double);
    return SN_OK;
}

static void prelu_forward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    const sn_shape *shape = &node->input[X]->shape;
    const size_t channels = shape->size[1], pixels = shape->size[2] * shape->size[3];
    const sn_real *x = sn_value_at(node->input[X], part);
    sn_real *y = sn_value_at(node->output, part);
    for (size_t plane = 0; plane < (part->last - part->first) * channels; plane++) {
        const sn_real slope = node->input[SLOPE]->value[plane % channels];
        for (size_t i = plane * pixels; i < (plane + 1) * pixels; i++)
            y[i] = x[i] > 0 ? x[i] : slope * x[i];
    }
}

static void prelu_backward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    const sn_shape *shape = &node->input[X]->shape;
    const size_t channels = shape->size[1], pixels = shape->size[2] * shape->size[3];
    const sn_real *x = sn_value_at(node->input[X], part), *dy = sn_gradient_at(node->output, part);
    sn_real *dx = sn_gradient_at(node->input[X], part);
    double *total = (double *)node->backward_sums + (size_t)part->thread * channels;
    if (part->is_start)
        memset(total, 0, channels * sizeof *total);
    for (size_t plane = 0; plane < (part->last - part->first) * channels; plane++) {
        const sn_real slope = node->input[SLOPE]->value[plane % channels];
        const size_t start = plane * pixels;
        sn_real sum = 0;
#pragma omp simd reduction(+ : sum)
        for (size_t i = start; i < start + pixels; i++)
            sum += x[i] > 0 ? 0 : x[i] * dy[i];
        total[plane % channels] += (double)sum;
        for (size_t i = start; dx && i < start + pixels; i++) {
            const sn_real passed = x[i] > 0 ? dy[i] : slope * dy[i];
            dx[i] = node->add[X] ? dx[i] + passed : passed;
        }
    }
}

static void prelu_finish(const sn_node *node, const sn_run *run, const sn_part *part) {
    const size_t channels = node->input[SLOPE]->shape.size[0];
    sn_real *dslope = node->input[SLOPE]->gradient;
    const double *totals = node->backward_sums;
    for (size_t c = 0; part->thread == 0 && dslope && c < channels; c++) {
        double total = 0;
        for (int thread = 0; thread < run->threads; thread++)
            total += totals[(size_t)thread * channels + c];
        dslope[c] = (node->add[SLOPE] ? dslope[c] : 0) + (sn_real)total;
    }
}

const sn_op sn_op_prelu = {
    .name = "prelu",
    .backward_reads = SN_READS_INPUT(X) | SN_READS_INPUT(SLOPE),
    .weights = SN_READS_INPUT(SLOPE),
    .shape = prelu_shape,
    .forward = {{SN_PHASE_IMAGES, prelu_forward, SN_ALWAYS}},
    .backward = {{SN_PHASE_IMAGES, prelu_backward, SN_ALWAYS},
                 {SN_PHASE_LATE, prelu_finish, SN_ALWAYS}},
};

sn_status sn_prelu(sn_graph *graph, sn_tensor *x, sn_tensor *slope, sn_tensor **y,
                   sn_error *error) {
    sn_tensor *const inputs[SN_MAX_INPUTS] = {x, slope};
    return sn_graph_apply(graph, &sn_op_prelu, NULL, inputs, NULL, y, error);
}
