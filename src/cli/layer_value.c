#include "cli/layer_value.h"

#include <string.h>

bool sn_layer_is_conv(const sn_infer_layer_info *layer) {
    return strcmp(layer->opcode, "convolution") == 0;
}

static sn_value window_value(const sn_infer_layer_info *l, int part) {
    if (l->kernel_height == 0)
        return sn_value_null();
    switch (part) {
    case SN_LAYER_KERNEL:
        return sn_value_sizes(2, l->kernel_height, l->kernel_width, 0);
    case SN_LAYER_STRIDE:
        return sn_value_count((uint64_t)l->stride);
    case SN_LAYER_PADDING:
        return sn_value_count((uint64_t)l->padding);
    default:
        return sn_value_text_of("%dx%dx%d>%d %dx%d/%d", l->in_channels, l->in_height, l->in_width,
                                l->out_channels, l->kernel_height, l->kernel_width, l->stride);
    }
}

sn_value sn_layer_value(const sn_infer_layer_info *l, int part) {
    switch (part) {
    case SN_LAYER_OPCODE:
        return sn_value_text(l->opcode);
    case SN_LAYER_WEIGHTS:
        return sn_value_text(l->weights[0] ? l->weights : NULL);
    case SN_LAYER_INPUT:
        return sn_value_sizes(3, l->in_channels, l->in_height, l->in_width);
    case SN_LAYER_OUTPUT:
        return sn_value_sizes(3, l->out_channels, l->out_height, l->out_width);
    case SN_LAYER_REGION_CHANNELS:
        return sn_value_count((uint64_t)l->region_channels);
    case SN_LAYER_INPUT_CENTERED:
        return sn_value_flag(l->input_centered);
    case SN_LAYER_GROUP:
        return sn_value_count((uint64_t)l->group);
    default:
        return window_value(l, part);
    }
}
