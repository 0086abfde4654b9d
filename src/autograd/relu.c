#include "autograd/elementwise.h"
#include "autograd/ops.h"

static void forward_part(const sn_node *node, size_t first, size_t last) {
    const sn_real *x = node->input[0]->value;
    sn_real *y = node->output->value;
    for (size_t i = first; i < last; i++)
        y[i] = x[i] < 0 ? 0 : x[i]; /* NaN stays NaN: the loss must show it */
}

static void backward_part(const sn_node *node, size_t first, size_t last) {
    const sn_real *y = node->output->value, *dy = node->output->gradient;
    sn_real *dx = node->input[0]->gradient;
    if (node->add[0])
        for (size_t i = first; i < last; i++)
            dx[i] += y[i] > 0 ? dy[i] : 0;
    else
        for (size_t i = first; i < last; i++)
            dx[i] = y[i] > 0 ? dy[i] : 0;
}

static void relu_forward(const sn_node *node, const sn_run *run) {
    sn_elementwise_run(node, run, forward_part);
}

static void relu_backward(const sn_node *node, const sn_run *run) {
    sn_elementwise_run(node, run, backward_part);
}

const sn_op sn_op_relu = {
    .name = "relu",
    .backward_reads = SN_READS_OUTPUT,
    .shape = sn_elementwise_shape,
    .forward = relu_forward,
    .backward = relu_backward,
};

sn_status sn_relu(sn_graph *graph, sn_tensor *x, sn_tensor **y, sn_error *error) {
    sn_tensor *const inputs[SN_MAX_INPUTS] = {x};
    return sn_graph_apply(graph, &sn_op_relu, NULL, inputs, NULL, y, error);
}
