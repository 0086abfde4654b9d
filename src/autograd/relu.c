#include "autograd/elementwise.h"
#include "autograd/ops.h"

static void relu_forward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    const size_t count = sn_elementwise_count(node, part);
    const sn_real *x = sn_value_at(node->input[0], part);
    sn_real *y = sn_value_at(node->output, part);
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] < 0 ? 0 : x[i]; /* NaN stays NaN: the loss must show it */
}

static void relu_backward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    const size_t count = sn_elementwise_count(node, part);
    const sn_real *y = sn_value_at(node->output, part), *dy = sn_gradient_at(node->output, part);
    sn_real *dx = sn_gradient_at(node->input[0], part);
    if (node->add[0])
        for (size_t i = 0; i < count; i++)
            dx[i] += y[i] > 0 ? dy[i] : 0;
    else
        for (size_t i = 0; i < count; i++)
            dx[i] = y[i] > 0 ? dy[i] : 0;
}

const sn_op sn_op_relu = {
    .name = "relu",
    .backward_reads = SN_READS_OUTPUT,
    .shape = sn_elementwise_shape,
    .forward = {{SN_PHASE_IMAGES, relu_forward, SN_ALWAYS}},
    .backward = {{SN_PHASE_IMAGES, relu_backward, SN_ALWAYS}},
};

sn_status sn_relu(sn_graph *graph, sn_tensor *x, sn_tensor **y, sn_error *error) {
    sn_tensor *const inputs[SN_MAX_INPUTS] = {x};
    return sn_graph_apply(graph, &sn_op_relu, NULL, inputs, NULL, y, error);
}
