/* The op of docs/extending.md: y = x^2, for a tensor of any shape. */
#include "autograd/op.h"
#include "autograd/ops.h"

enum { X };

static sn_status toy_square_shape(sn_node *node, const sn_run *run, sn_error *error) {
    (void)run;
    (void)error;
    node->output->shape = node->input[X]->shape;
    return SN_OK;
}

static void toy_square_forward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    const sn_real *x = sn_value_at(node->input[X], part);
    sn_real *y = sn_value_at(node->output, part);
    const size_t count = (part->last - part->first) * sn_tensor_row(node->output);
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] * x[i];
}

static void toy_square_backward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    const sn_real *x = sn_value_at(node->input[X], part);
    const sn_real *dy = sn_gradient_at(node->output, part);
    sn_real *dx = sn_gradient_at(node->input[X], part);
    const size_t count = (part->last - part->first) * sn_tensor_row(node->output);
    for (size_t i = 0; i < count; i++)
        dx[i] = (node->add[X] ? dx[i] : 0) + 2 * x[i] * dy[i];
}

const sn_op sn_op_toy_square = {
    .name = "toy_square",
    .operand = {[X] = {"x", SN_OPERAND_DATA, .saved = true}},
    .shape = toy_square_shape,
    .forward = {{SN_PHASE_IMAGES, toy_square_forward, SN_ALWAYS}},
    .backward = {{SN_PHASE_IMAGES, toy_square_backward, SN_ALWAYS}},
};
