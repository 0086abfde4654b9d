#include "element_ops.h"

#include "autograd/op.h"
#include "autograd/thread_sums.h"

#include <string.h>

/* ---- sum ---- */

static size_t count_of(const sn_node *node, const sn_part *part) {
    return (part->last - part->first) * sn_tensor_row(node->output);
}

static sn_status sum_shape(sn_node *node, const sn_run *run, sn_error *error) {
    (void)run;
    SN_RETURN_IF(!sn_shape_equal(&node->input[0]->shape, &node->input[1]->shape), error,
                 SN_ERROR_ARGUMENT, "sum: shapes differ");
    node->output->shape = node->input[0]->shape;
    return SN_OK;
}

static void sum_forward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    const sn_real *a = sn_value_at(node->input[0], part), *b = sn_value_at(node->input[1], part);
    sn_real *y = sn_value_at(node->output, part);
    for (size_t i = 0; i < count_of(node, part); i++)
        y[i] = a[i] + b[i];
}

static void sum_backward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    const sn_real *dy = sn_gradient_at(node->output, part);
    for (int k = 0; k < 2; k++) {
        sn_real *dx = sn_gradient_at(node->input[k], part);
        for (size_t i = 0; dx && i < count_of(node, part); i++)
            dx[i] = (node->add[k] ? dx[i] : 0) + dy[i];
    }
}

static const sn_op op_sum = {
    .name = "sum",
    .operand = {{"a", SN_OPERAND_DATA}, {"b", SN_OPERAND_DATA}},
    .shape = sum_shape,
    .forward = {{SN_PHASE_IMAGES, sum_forward, SN_ALWAYS}},
    .backward = {{SN_PHASE_IMAGES, sum_backward, SN_ALWAYS}},
};

sn_status element_sum(sn_graph *graph, sn_tensor *a, sn_tensor *b, sn_tensor **y, sn_error *error) {
    sn_tensor *const inputs[SN_MAX_INPUTS] = {a, b};
    return sn_graph_apply(graph, &op_sum, NULL, inputs, NULL, y, error);
}

/* ---- activation ---- */

enum { X, SLOPE };

static sn_activation activation_of(const sn_node *node) {
    return *(const sn_activation *)(const void *)node->attributes;
}

static size_t channels_of(const sn_node *node) {
    return node->input[SLOPE] ? node->input[SLOPE]->shape.size[0] : 1;
}

/* The channel of number i of some images. */
static size_t channel_at(const sn_node *node, size_t i) {
    const size_t *size = node->input[X]->shape.size;
    return node->input[SLOPE] ? i / (size[2] * size[3]) % size[1] : 0;
}

static sn_vec slope_at(const sn_node *node, size_t i) {
    return sn_vec_all(node->input[SLOPE] ? node->input[SLOPE]->value[channel_at(node, i)] : 0);
}

static sn_status activation_shape(sn_node *node, const sn_run *run, sn_error *error) {
    const sn_tensor *x = node->input[X], *slope = node->input[SLOPE];
    const bool needs_slope = sn_activation_traits_of(activation_of(node)).has_slope;
    SN_RETURN_IF(needs_slope != (slope != NULL) ||
                     (slope && (x->shape.rank != 4 || slope->shape.rank != 1 ||
                                slope->shape.size[0] != x->shape.size[1])),
                 error, SN_ERROR_ARGUMENT, "activation: the slope does not fit");
    node->output->shape = x->shape;
    node->backward_sums_size = (size_t)run->threads * channels_of(node) * sizeof(double);
    return SN_OK;
}

static void activation_forward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    const sn_real *x = sn_value_at(node->input[X], part);
    sn_real *y = sn_value_at(node->output, part);
    for (size_t i = 0; i < count_of(node, part); i++)
        y[i] = sn_activate(sn_vec_all(x[i]), slope_at(node, i), activation_of(node))[0];
}

static void activation_backward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    const sn_real *x = sn_value_at(node->input[X], part), *y = sn_value_at(node->output, part);
    const sn_real *dy = sn_gradient_at(node->output, part);
    sn_real *dx = sn_gradient_at(node->input[X], part);
    double *sums = (double *)node->backward_sums + (size_t)part->thread * channels_of(node);
    if (part->is_start)
        memset(sums, 0, channels_of(node) * sizeof *sums);
    for (size_t i = 0; i < count_of(node, part); i++) {
        sn_vec sum = {0};
        const sn_real passed =
            sn_activate_back(sn_vec_all(dy[i]), sn_vec_all(x[i]), sn_vec_all(y[i]),
                             slope_at(node, i), activation_of(node), &sum)[0];
        sums[channel_at(node, i)] += (double)sum[0];
        if (dx)
            dx[i] = (node->add[X] ? dx[i] : 0) + passed;
    }
}

static void activation_join(const sn_node *node, const sn_run *run, const sn_part *part) {
    for (size_t c = 0; part->thread == 0 && c < channels_of(node); c++)
        sn_add_gradient(node, SLOPE, c,
                        (sn_real)sn_thread_total_double(node->backward_sums, channels_of(node),
                                                        run->threads, c));
}

static const sn_op op_activation = {
    .name = "activation",
    .attributes_size = sizeof(sn_activation),
    .operand = {[X] = {"x", SN_OPERAND_DATA, .saved = true},
                [SLOPE] = {"slope", SN_OPERAND_WEIGHT, .saved = true, .optional = true},
                [SN_OUTPUT] = {.saved = true}},
    .shape = activation_shape,
    .forward = {{SN_PHASE_IMAGES, activation_forward, SN_ALWAYS}},
    .backward = {{SN_PHASE_IMAGES, activation_backward, SN_ALWAYS},
                 {SN_PHASE_LATE, activation_join, SN_ALWAYS}},
};

sn_status element_activation(sn_graph *graph, sn_tensor *x, sn_tensor *slope,
                             sn_activation activation, sn_tensor **y, sn_error *error) {
    sn_tensor *const inputs[SN_MAX_INPUTS] = {x, slope};
    return sn_graph_apply(graph, &op_activation, &activation, inputs, NULL, y, error);
}
