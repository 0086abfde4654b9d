#include "layers/round_input.h"

#include "autograd/op.h"

#include <stdio.h>

const char *sn_act_name(int index) {
    static const char *const names[] = {[SN_ACT_FP32] = "fp32", [SN_ACT_INT8] = "int8"};
    return index >= 0 && index < (int)(sizeof names / sizeof *names) ? names[index] : NULL;
}

/* Behind batch-norm with such an activation, also through ops that keep signs. */
static bool is_never_negative(const sn_tensor *x) {
    const sn_node *node = x->producer;
    if (!node)
        return false;
    if (node->op == &sn_op_batch_norm)
        return sn_activation_traits_of(
                   ((const sn_batch_norm_attributes *)(const void *)node->attributes)->activation)
            .never_negative;
    return (node->op == &sn_op_max_pool || node->op == &sn_op_average_pool ||
            node->op == &sn_op_make_plain) &&
           is_never_negative(node->input[0]);
}

sn_status sn_round_input(sn_graph *graph, const char *name, sn_tensor *x, sn_tensor **y,
                         sn_error *error) {
    char full[SN_PARAMETER_NAME_SIZE];
    sn_tensor *range;
    SN_RETURN_IF(snprintf(full, sizeof full, "%s.input_range", name) >= (int)sizeof full, error,
                 SN_ERROR_INTERNAL, "parameter name %s.input_range is too long", name);
    /* What is clamped has a range that is known, and stays. */
    const bool is_clamped = x->producer && x->producer->op == &sn_op_shift_clamp;
    SN_TRY(sn_graph_parameter(graph, full, sn_shape_1(1), SN_ROLE_INPUT_RANGE,
                              (sn_init){SN_INIT_CONSTANT, is_clamped ? SN_SHIFT_LIMIT : 0}, &range,
                              error));
    const sn_fake_quantize_attributes attributes = {is_clamped ? 1 : SN_RANGE_MOMENTUM,
                                                    !is_never_negative(x)};
    return sn_fake_quantize(graph, x, range, &attributes, y, error);
}

sn_status sn_center_input(sn_graph *graph, sn_tensor *x, sn_tensor **y, sn_error *error) {
    sn_center_channels_attributes attributes = {.is_signed = false};
    const sn_node *node = x->producer;
    if (!node || node->op != &sn_op_fake_quantize)
        return sn_center_channels(graph, x, NULL, &attributes, y, error);
    const sn_fake_quantize_attributes *rounding = (const void *)node->attributes;
    attributes.is_signed = rounding->is_signed;
    return sn_center_channels(graph, x, node->state[0], &attributes, y, error);
}

sn_tensor *sn_uncentered(sn_tensor *x) {
    const sn_node *node = x->producer;
    return node && node->op == &sn_op_center_channels ? node->input[0] : x;
}

sn_real sn_input_rounding(sn_tensor *x, bool *is_signed) {
    const sn_node *node = sn_uncentered(x)->producer;
    *is_signed = false;
    if (!node || node->op != &sn_op_fake_quantize)
        return 0;
    const sn_fake_quantize_attributes *attributes = (const void *)node->attributes;
    const sn_real step = sn_fake_quantize_step(node->state[0]->value[0], attributes->is_signed);
    *is_signed = step > 0 && attributes->is_signed;
    return step;
}

bool sn_rounds_inputs(const sn_graph *graph) {
    for (size_t i = 0; i < sn_graph_node_count(graph); i++)
        if (sn_graph_node(graph, i)->op == &sn_op_fake_quantize)
            return true;
    return false;
}
