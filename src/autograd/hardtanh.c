#include "autograd/elementwise.h"
#include "autograd/ops.h"

static void hardtanh_forward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    const size_t count = sn_elementwise_count(node, part);
    const sn_real *x = sn_value_at(node->input[0], part);
    sn_real *y = sn_value_at(node->output, part);
    for (size_t i = 0; i < count; i++) {
        const sn_real low = x[i] < -1 ? -1 : x[i];
        y[i] = low > 1 ? 1 : low;
    }
}

static void hardtanh_backward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    const size_t count = sn_elementwise_count(node, part);
    const sn_real *y = sn_value_at(node->output, part), *dy = sn_gradient_at(node->output, part);
    sn_real *dx = sn_gradient_at(node->input[0], part);
    for (size_t i = 0; i < count; i++) {
        const sn_real passed = y[i] > -1 && y[i] < 1 ? dy[i] : 0;
        dx[i] = node->add[0] ? dx[i] + passed : passed;
    }
}

const sn_op sn_op_hardtanh = {
    .name = "hardtanh",
    .backward_reads = SN_READS_OUTPUT,
    .shape = sn_elementwise_shape,
    .forward = {{SN_PHASE_IMAGES, hardtanh_forward, SN_ALWAYS}},
    .backward = {{SN_PHASE_IMAGES, hardtanh_backward, SN_ALWAYS}},
};

sn_status sn_hardtanh(sn_graph *graph, sn_tensor *x, sn_tensor **y, sn_error *error) {
    sn_tensor *const inputs[SN_MAX_INPUTS] = {x};
    return sn_graph_apply(graph, &sn_op_hardtanh, NULL, inputs, NULL, y, error);
}
