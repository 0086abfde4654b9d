#include "autograd/elementwise.h"
#include "autograd/ops.h"

static sn_status add_shape(sn_node *node, const sn_run *run, sn_error *error) {
    const sn_shape *a = &node->input[0]->shape, *b = &node->input[1]->shape;
    char as[SN_SHAPE_TEXT_SIZE], bs[SN_SHAPE_TEXT_SIZE];
    SN_RETURN_IF(!sn_shape_equal(a, b), error, SN_ERROR_ARGUMENT, "add: shapes %s and %s differ",
                 sn_shape_text(a, as), sn_shape_text(b, bs));
    return sn_elementwise_shape(node, run, error);
}

static void add_forward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    const size_t count = sn_elementwise_count(node, part);
    const sn_real *a = sn_value_at(node->input[0], part), *b = sn_value_at(node->input[1], part);
    sn_real *y = sn_value_at(node->output, part);
    for (size_t i = 0; i < count; i++)
        y[i] = a[i] + b[i];
}

static void add_backward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    const size_t count = sn_elementwise_count(node, part);
    const sn_real *dy = sn_gradient_at(node->output, part);
    for (int k = 0; k < 2; k++) {
        sn_real *dx = sn_gradient_at(node->input[k], part);
        if (!dx)
            continue;
        if (node->add[k])
            for (size_t i = 0; i < count; i++)
                dx[i] += dy[i];
        else
            for (size_t i = 0; i < count; i++)
                dx[i] = dy[i];
    }
}

const sn_op sn_op_add = {
    .name = "add",
    .shape = add_shape,
    .forward = {{SN_PHASE_IMAGES, add_forward, SN_ALWAYS}},
    .backward = {{SN_PHASE_IMAGES, add_backward, SN_ALWAYS}},
};

sn_status sn_add(sn_graph *graph, sn_tensor *a, sn_tensor *b, sn_tensor **y, sn_error *error) {
    sn_tensor *const inputs[SN_MAX_INPUTS] = {a, b};
    return sn_graph_apply(graph, &sn_op_add, NULL, inputs, NULL, y, error);
}
