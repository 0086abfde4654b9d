#include "infer/model.h"

static const char *opcode_name(uint32_t opcode) {
    switch (opcode) {
    case SN_INFER_OP_CONV:
        return "convolution";
    case SN_INFER_OP_LINEAR:
        return "fully connected";
    case SN_INFER_OP_SUM:
        return "sum";
    case SN_INFER_OP_MAX_POOL:
        return "max pooling";
    case SN_INFER_OP_AVERAGE_POOL:
        return "average pooling";
    case SN_INFER_OP_SHIFT_CLAMP:
        return "shift and clamp";
    default:
        return "mean";
    }
}

static int weight_bits(const sn_infer_layer *layer) {
    switch (layer->weight_kind) {
    case SN_INFER_WEIGHTS_NONE:
        return 0;
    case SN_INFER_WEIGHTS_FP32:
        return 32;
    case SN_INFER_WEIGHTS_TERNARY:
        return 2;
    default:
        return 1;
    }
}

static const char *weights_name(const sn_infer_layer *layer) {
    switch (layer->weight_kind) {
    case SN_INFER_WEIGHTS_FP32:
        return "fp32";
    case SN_INFER_WEIGHTS_SIGNED_BINARY:
        return layer->centered ? "signed-binary-centered" : "signed-binary";
    case SN_INFER_WEIGHTS_BINARY:
        return "binary";
    case SN_INFER_WEIGHTS_TERNARY:
        return "ternary";
    default:
        return "";
    }
}

void sn_infer_describe_layer(const sn_infer_model *model, int index, sn_infer_layer_info *info) {
    const sn_infer_operator *op = &model->operators[index];
    const sn_infer_layer *layer = op->layer;
    const bool weights = layer->weight_kind != SN_INFER_WEIGHTS_NONE;
    *info = (sn_infer_layer_info){
        .opcode = opcode_name(layer->opcode),
        .weights = weights_name(layer),
        .in_channels = (int)layer->in.channels,
        .in_height = (int)layer->in.height,
        .in_width = (int)layer->in.width,
        .out_channels = (int)layer->out.channels,
        .out_height = (int)layer->out.height,
        .out_width = (int)layer->out.width,
        .kernel_height = (int)layer->kernel_height,
        .kernel_width = (int)layer->kernel_width,
        .stride = (int)layer->stride,
        .padding = (int)layer->padding,
        .residual = layer->residual,
        .input_rounded = sn_infer_rounds_input(layer),
        .input_signed = layer->input_signed,
        .input_centered = layer->input_centered,
        .weight_bits = weight_bits(layer),
        .weight_count = weights ? layer->out.channels * layer->weights_per_filter : 0,
        .effectual_weights = layer->weight_kind == SN_INFER_WEIGHTS_FP32
                                 ? layer->out.channels * layer->weights_per_filter
                                 : layer->effectual_weights,
        .kernel = op->kernel->name,
        .regions = (int)layer->regions,
        .region_channels = layer->regions > 1 ? (int)layer->region_channels : 0,
        .channel_floats = (layer->packed_scale != NULL) + (layer->packed_bias != NULL) +
                          (layer->packed_slope != NULL) + (layer->packed_shift != NULL),
        .payload_bytes = layer->payload_bytes,
        .packed_bytes = sizeof(sn_infer_record) + layer->payload_bytes,
        .group = 1,
        .table_bytes = (size_t)sn_infer_align_up(op->plan.prepared),
    };
    if (layer->opcode != SN_INFER_OP_CONV)
        return;
    const sn_infer_conv_plan *conv = &op->plan.conv;
    if (sn_infer_has_bits(layer)) {
        info->form = conv->scheme.form;
        info->group = conv->scheme.form == SN_INFER_FORM_DENSE ? 1 : (int)conv->group;
        info->patterns = conv->patterns;
        info->signs = conv->scheme.signs;
        info->window_sums = conv->window_sums ? (int)layer->regions : 0;
    }
    info->chunk = (int)conv->chunks.size;
    info->additions = (double)(conv->additions + conv->transitions) / (double)layer->out.channels;
    info->predicted_us = op->plan.cost_ns * 1e-3;
}

int sn_infer_weight(const sn_infer_model *model, int layer, int filter, uint64_t weight) {
    const sn_infer_layer *of = &model->layers[layer];
    const uint32_t k = (uint32_t)filter;
    const int digit = sn_infer_digit(of, k, weight);
    /* Digits of a filter that is one region are without its sign. */
    const bool negative = of->weight_kind == SN_INFER_WEIGHTS_SIGNED_BINARY && of->regions == 1 &&
                          sn_infer_bit(of->packed_signs, k);
    return negative ? -digit : digit;
}
