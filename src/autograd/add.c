#include "autograd/elementwise.h"
#include "autograd/ops.h"

static sn_status add_shape(sn_node *node, int threads, sn_error *error) {
    const sn_shape *a = &node->input[0]->shape, *b = &node->input[1]->shape;
    char as[SN_SHAPE_TEXT_SIZE], bs[SN_SHAPE_TEXT_SIZE];
    SN_RETURN_IF(!sn_shape_equal(a, b), error, SN_ERROR_ARGUMENT, "add: shapes %s and %s differ",
                 sn_shape_text(a, as), sn_shape_text(b, bs));
    return sn_elementwise_shape(node, threads, error);
}

static void forward_part(const sn_node *node, size_t first, size_t last) {
    const sn_real *a = node->input[0]->value, *b = node->input[1]->value;
    sn_real *y = node->output->value;
    for (size_t i = first; i < last; i++)
        y[i] = a[i] + b[i];
}

static void backward_part(const sn_node *node, size_t first, size_t last) {
    const sn_real *dy = node->output->gradient;
    for (int k = 0; k < 2; k++) {
        sn_real *dx = node->input[k]->gradient;
        if (!dx)
            continue;
        if (node->add[k])
            for (size_t i = first; i < last; i++)
                dx[i] += dy[i];
        else
            for (size_t i = first; i < last; i++)
                dx[i] = dy[i];
    }
}

static void add_forward(const sn_node *node, const sn_run *run) {
    sn_elementwise_run(node, run, forward_part);
}

static void add_backward(const sn_node *node, const sn_run *run) {
    sn_elementwise_run(node, run, backward_part);
}

const sn_op sn_op_add = {
    .name = "add",
    .shape = add_shape,
    .forward = add_forward,
    .backward = add_backward,
};

sn_status sn_add(sn_graph *graph, sn_tensor *a, sn_tensor *b, sn_tensor **y, sn_error *error) {
    sn_tensor *const inputs[SN_MAX_INPUTS] = {a, b};
    return sn_graph_apply(graph, &sn_op_add, NULL, inputs, NULL, y, error);
}
