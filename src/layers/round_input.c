#include "layers/round_input.h"

#include <stdio.h>

const char *sn_act_name(int index) {
    static const char *const names[] = {[SN_ACT_FP32] = "fp32", [SN_ACT_INT8] = "int8"};
    return index >= 0 && index < (int)(sizeof names / sizeof *names) ? names[index] : NULL;
}

sn_status sn_round_input(sn_graph *graph, const sn_layers *layers, const char *name, int input,
                         sn_tensor *x, sn_layer_reading *reading, sn_error *error) {
    char full[SN_PARAMETER_NAME_SIZE];
    sn_tensor *range;
    SN_RETURN_IF(snprintf(full, sizeof full, "%s.input_range", name) >= (int)sizeof full, error,
                 SN_ERROR_INTERNAL, "parameter name %s.input_range is too long", name);
    /* What is clamped has a range that is known, and stays. */
    const bool is_clamped = input >= 0 && layers->at[input].kind == SN_LAYER_SHIFT_CLAMP;
    SN_TRY(sn_graph_parameter(graph, full, sn_shape_1(1), SN_ROLE_INPUT_RANGE,
                              (sn_init){SN_INIT_CONSTANT, is_clamped ? SN_SHIFT_LIMIT : 0}, &range,
                              error));
    const sn_fake_quantize_attributes attributes = {is_clamped ? 1 : SN_RANGE_MOMENTUM,
                                                    !sn_layers_never_negative(layers, input)};
    reading->range = range;
    reading->is_signed = attributes.is_signed;
    return sn_fake_quantize(graph, x, range, &attributes, &reading->tensor, error);
}

sn_status sn_center_input(sn_graph *graph, sn_layer_reading *reading, sn_tensor **y,
                          sn_error *error) {
    const sn_center_channels_attributes attributes = {reading->is_signed};
    reading->centered = true;
    return sn_center_channels(graph, reading->tensor, reading->range, &attributes, y, error);
}
