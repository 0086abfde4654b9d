#include "autograd/elementwise.h"
#include "autograd/ops.h"

static void forward_part(const sn_node *node, size_t first, size_t last) {
    const sn_real *x = node->input[0]->value;
    sn_real *y = node->output->value;
    for (size_t i = first; i < last; i++) {
        const sn_real low = x[i] < -1 ? -1 : x[i];
        y[i] = low > 1 ? 1 : low;
    }
}

static void backward_part(const sn_node *node, size_t first, size_t last) {
    const sn_real *y = node->output->value, *dy = node->output->gradient;
    sn_real *dx = node->input[0]->gradient;
    for (size_t i = first; i < last; i++) {
        const sn_real passed = y[i] > -1 && y[i] < 1 ? dy[i] : 0;
        dx[i] = node->add[0] ? dx[i] + passed : passed;
    }
}

static void hardtanh_forward(const sn_node *node, const sn_run *run) {
    sn_elementwise_run(node, run, forward_part);
}

static void hardtanh_backward(const sn_node *node, const sn_run *run) {
    sn_elementwise_run(node, run, backward_part);
}

const sn_op sn_op_hardtanh = {
    .name = "hardtanh",
    .backward_reads = SN_READS_OUTPUT,
    .shape = sn_elementwise_shape,
    .forward = hardtanh_forward,
    .backward = hardtanh_backward,
};

sn_status sn_hardtanh(sn_graph *graph, sn_tensor *x, sn_tensor **y, sn_error *error) {
    sn_tensor *const inputs[SN_MAX_INPUTS] = {x};
    return sn_graph_apply(graph, &sn_op_hardtanh, NULL, inputs, NULL, y, error);
}
