/* y[N][O] = x[N][I] W[O][I]^T + b[O]; x[N][C][H][W] is read as [N][C H W]. A classifier is too
 * small to be worth threads. */
#include "autograd/op.h"
#include "autograd/ops.h"

enum { X, WEIGHT, BIAS };

/* I: all that an image has. */
static size_t inputs_of(const sn_shape *x) {
    return x->rank > 1 ? sn_shape_count(x) / x->size[0] : 0;
}

static sn_status linear_shape(sn_node *node, const sn_run *run, sn_error *error) {
    (void)run;
    const sn_shape *x = &node->input[X]->shape, *w = &node->input[WEIGHT]->shape;
    const sn_tensor *bias = node->input[BIAS];
    char xs[SN_SHAPE_TEXT_SIZE], ws[SN_SHAPE_TEXT_SIZE];
    SN_RETURN_IF(w->rank != 2 || inputs_of(x) != w->size[1], error, SN_ERROR_ARGUMENT,
                 "linear: input %s does not fit weight %s; need [N, I] or [N, C, H, W] and [O, I]",
                 sn_shape_text(x, xs), sn_shape_text(w, ws));
    SN_RETURN_IF(bias && (bias->shape.rank != 1 || bias->shape.size[0] != w->size[0]), error,
                 SN_ERROR_ARGUMENT, "linear: bias %s does not fit weight %s",
                 sn_shape_text(&bias->shape, xs), sn_shape_text(w, ws));
    node->output->shape = sn_shape_2(x->size[0], w->size[0]);
    return SN_OK;
}

static void linear_forward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    if (part->thread != 0)
        return;
    const size_t n = node->input[X]->shape.size[0], inputs = inputs_of(&node->input[X]->shape);
    const size_t outputs = node->output->shape.size[1];
    sn_real *y = node->output->value;
    if (node->input[BIAS])
        for (size_t i = 0; i < n * outputs; i++)
            y[i] = node->input[BIAS]->value[i % outputs];
    sn_gemm(n, outputs, inputs, (sn_matrix){node->input[X]->value, inputs, false},
            (sn_matrix){node->input[WEIGHT]->value, inputs, true}, node->input[BIAS] ? 1 : 0, y,
            outputs);
}

static void linear_backward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    if (part->thread != 0)
        return;
    const sn_tensor *x = node->input[X], *weight = node->input[WEIGHT], *bias = node->input[BIAS];
    const size_t n = x->shape.size[0], inputs = inputs_of(&x->shape);
    const size_t outputs = node->output->shape.size[1];
    const sn_real *dy = node->output->gradient;
    if (x->gradient)
        sn_gemm(n, inputs, outputs, (sn_matrix){dy, outputs, false},
                (sn_matrix){weight->value, inputs, false}, node->add[X] ? 1 : 0, x->gradient,
                inputs);
    if (weight->gradient)
        sn_gemm(outputs, inputs, n, (sn_matrix){dy, outputs, true},
                (sn_matrix){x->value, inputs, false}, node->add[WEIGHT] ? 1 : 0, weight->gradient,
                inputs);
    if (bias && bias->gradient) {
        for (size_t o = 0; o < outputs; o++) {
            sn_real sum = node->add[BIAS] ? bias->gradient[o] : 0;
            for (size_t i = 0; i < n; i++)
                sum += dy[i * outputs + o];
            bias->gradient[o] = sum;
        }
    }
}

const sn_op sn_op_linear = {
    .name = "linear",
    .operand = {[X] = {"x", SN_OPERAND_DATA, .saved = true, .is_factor = true},
                [WEIGHT] = {"weight", SN_OPERAND_WEIGHT, .saved = true, .is_factor = true},
                [BIAS] = {"bias", SN_OPERAND_WEIGHT, .optional = true}},
    .shape = linear_shape,
    .forward = {{SN_PHASE_TOGETHER, linear_forward, SN_ALWAYS}},
    .backward = {{SN_PHASE_TOGETHER, linear_backward, SN_ALWAYS}},
};

sn_status sn_linear(sn_graph *graph, sn_tensor *x, sn_tensor *weight, sn_tensor *bias,
                    sn_tensor **y, sn_error *error) {
    sn_tensor *const inputs[SN_MAX_INPUTS] = {x, weight, bias};
    return sn_graph_apply(graph, &sn_op_linear, NULL, inputs, NULL, y, error);
}
