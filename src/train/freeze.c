/* Packs layer by layer: each becomes one instruction, with all that belongs to it. */
#include "train/freeze.h"

#include "base/memory.h"
#include "infer/packer.h"
#include "layers/quantize.h"

#include <math.h>
#include <stdlib.h>

typedef struct freezer {
    const sn_layers *layers;
    const sn_input_step *steps; /* by layer; or NULL: those that were trained */
    sn_packer *packer;
    sn_packer_value *values; /* what the images became, then each layer */
    float *scale, *bias;     /* workspace for one layer's epilogue */
} freezer;

static sn_packer_value *value_of(const freezer *f, int layer) {
    return &f->values[layer == SN_LAYER_IMAGES ? 0 : layer + 1];
}

static sn_packer_activation packed_activation(sn_activation activation) {
    switch (activation) {
    case SN_ACTIVATION_RELU:
        return SN_PACKER_RELU;
    case SN_ACTIVATION_PRELU:
        return SN_PACKER_PRELU;
    case SN_ACTIVATION_HARDTANH:
        return SN_PACKER_HARDTANH;
    case SN_ACTIVATION_NONE:
    case SN_ACTIVATION_COUNT:
        break;
    }
    return SN_PACKER_LINEAR;
}

static const float *value_or_null(const sn_tensor *tensor) {
    return tensor ? tensor->value : NULL;
}

/* Folds batch-norm into scale and bias:
 *     gamma (scale s + bias - mean) / sqrt(variance + epsilon) + beta */
static void fold_norm(freezer *f, const sn_layer_norm *norm, size_t filters) {
    for (size_t k = 0; norm->gamma && k < filters; k++) {
        const double gamma = (double)norm->gamma->value[k], beta = (double)norm->beta->value[k];
        const double mean = (double)norm->running_mean->value[k];
        const double factor =
            gamma / sqrt((double)norm->running_variance->value[k] + norm->epsilon);
        f->scale[k] = (float)((double)f->scale[k] * factor);
        f->bias[k] = (float)(((double)f->bias[k] - mean) * factor + beta);
    }
}

/* All but the quantizer's alpha. The shift before an activation is part of the bias: the shortcut
 * is added before it, too. */
static sn_packer_epilogue make_epilogue(freezer *f, const sn_layer *layer, size_t filters) {
    const sn_layer_activation *activation = &layer->activation;
    for (size_t k = 0; k < filters; k++) {
        f->scale[k] = 1;
        f->bias[k] = layer->bias ? layer->bias->value[k] : 0;
    }
    fold_norm(f, &layer->norm, filters);
    for (size_t k = 0; activation->before && k < filters; k++)
        f->bias[k] += activation->before->value[k];
    return (sn_packer_epilogue){
        .scale = f->scale,
        .bias = f->bias,
        .activation = packed_activation(activation->function),
        .slope = value_or_null(activation->slope),
        .residual = layer->residual == SN_LAYER_NONE ? NULL : value_of(f, layer->residual),
        .shift = value_or_null(activation->after)};
}

/* The codes of a quantized weight. */
typedef struct weight_codes {
    sn_code code;
    int region_channels; /* input channels of a region; 0: all */
    uint8_t *mask;       /* [K][C][R][S]; signed-binary */
    int8_t *sign;        /* [K][P], P regions in a filter; signed-binary */
    int8_t *weights;     /* [K][C][R][S]: -1, 0, +1; binary and ternary */
    float *values;       /* [K][C][R][S], quantized; NULL for full precision */
} weight_codes;

static void free_codes(weight_codes *codes) {
    sn_free(codes->mask);
    sn_free(codes->sign);
    sn_free(codes->weights);
    sn_free(codes->values);
}

/* Codes from quantized weights; of masked codes only the signs are left to take. */
static void take_codes(const sn_region *regions, size_t region_count, const float *quantized,
                       size_t count, weight_codes *codes) {
    /* A binary weight is never 0, whatever alpha is. */
    const bool binary = codes->code == SN_CODE_BINARY;
    for (size_t i = 0; codes->sign && i < region_count; i++)
        codes->sign[i] = regions[i].sign > 0 ? 1 : -1;
    for (size_t i = 0; codes->weights && i < count; i++)
        codes->weights[i] = (int8_t)(quantized[i] > 0 ? 1 : binary || quantized[i] < 0 ? -1 : 0);
}

/* Encodes all filters and multiplies f->scale by their alpha, which weights of another code
 * contain. free_codes whatever comes out. */
static sn_status encode(freezer *f, const sn_layer *layer, weight_codes *codes, sn_error *error) {
    const sn_quant_options *options = sn_quantize_options(layer->quantizer);
    const sn_shape *shape = sn_tensor_shape(layer->weight);
    const size_t filters = shape->size[0];
    const size_t parts = sn_regions_per_filter(options, shape);
    const size_t count = sn_shape_count(shape);
    codes->code = sn_quantizer_at(options->quantizer)->code;
    codes->region_channels = (int)options->region_channels;
    const bool masked =
        codes->code == SN_CODE_SIGNED_BINARY || codes->code == SN_CODE_SIGNED_BINARY_CENTERED;
    const bool coded = codes->code == SN_CODE_BINARY || codes->code == SN_CODE_TERNARY;
    sn_region *regions = sn_alloc_array(filters * parts, sizeof *regions);
    codes->values = sn_alloc_array(count, sizeof *codes->values);
    bool complete = regions && codes->values;
    if (masked) {
        codes->mask = sn_alloc(count);
        codes->sign = sn_alloc(filters * parts);
        complete &= codes->mask && codes->sign;
    } else if (coded) {
        codes->weights = sn_alloc(count);
        complete &= codes->weights != NULL;
    }
    if (!complete) {
        sn_free(regions);
        return sn_error_set(error, SN_ERROR_MEMORY, "out of memory for packing");
    }
    sn_quantize_now(layer->quantizer, regions, codes->values, codes->mask);
    take_codes(regions, filters * parts, codes->values, count, codes);
    for (size_t k = 0; (masked || coded) && k < filters; k++)
        f->scale[k] *= regions[k * parts].scale; /* that of its filter */
    sn_free(regions);
    return SN_OK;
}

/* `step`: of the input, found by calibration or in training. */
static sn_status pack_conv(freezer *f, const sn_layer *layer, sn_packer_value input,
                           sn_input_step step, const sn_packer_epilogue *epilogue,
                           const weight_codes *codes, sn_packer_value *output, sn_error *error) {
    const bool rounds = sn_code_has_few_bits(codes->code);
    const sn_packer_conv conv = {.filters = (int)sn_tensor_shape(layer->weight)->size[0],
                                 .kernel_height = layer->kernel,
                                 .kernel_width = layer->kernel,
                                 .stride = layer->stride,
                                 .padding = layer->padding,
                                 .input_scale = rounds ? step.step : 0,
                                 .input_signed = rounds && step.is_signed,
                                 .input_centered = layer->reading.centered};
    switch (codes->code) {
    case SN_CODE_SIGNED_BINARY:
    case SN_CODE_SIGNED_BINARY_CENTERED: {
        const sn_packer_signed_binary bits = {.mask = codes->mask,
                                              .sign = codes->sign,
                                              .centered =
                                                  codes->code == SN_CODE_SIGNED_BINARY_CENTERED,
                                              .region_channels = codes->region_channels};
        return sn_packer_add_conv_signed_binary(f->packer, input, &conv, &bits, epilogue, output,
                                                error);
    }
    case SN_CODE_BINARY:
        return sn_packer_add_conv_binary(f->packer, input, &conv, codes->weights, epilogue, output,
                                         error);
    case SN_CODE_TERNARY:
        return sn_packer_add_conv_ternary(f->packer, input, &conv, codes->weights, epilogue, output,
                                          error);
    case SN_CODE_OTHER:
    case SN_CODE_FULL:
        break;
    }
    return sn_packer_add_conv_fp32(f->packer, input, &conv,
                                   codes->values ? codes->values : layer->weight->value, epilogue,
                                   output, error);
}

static sn_status freeze_conv(freezer *f, int index, sn_packer_value *output, sn_error *error) {
    const sn_layer *layer = &f->layers->at[index];
    const sn_input_step step = f->steps ? f->steps[index] : sn_layer_input_step(layer);
    const sn_packer_epilogue epilogue =
        make_epilogue(f, layer, sn_tensor_shape(layer->weight)->size[0]);
    weight_codes codes = {.code = SN_CODE_FULL};
    sn_status status = layer->quantizer ? encode(f, layer, &codes, error) : SN_OK;
    if (status == SN_OK)
        status =
            pack_conv(f, layer, *value_of(f, layer->input), step, &epilogue, &codes, output, error);
    free_codes(&codes);
    return status;
}

static sn_status freeze_layer(freezer *f, int index, sn_packer_value *output, sn_error *error) {
    const sn_layer *layer = &f->layers->at[index];
    const sn_packer_value input = *value_of(f, layer->input);
    switch (layer->kind) {
    case SN_LAYER_CONV:
        return freeze_conv(f, index, output, error);
    case SN_LAYER_LINEAR: {
        const sn_packer_epilogue epilogue = {.bias = value_or_null(layer->bias)};
        return sn_packer_add_linear(f->packer, input, (int)sn_tensor_shape(layer->weight)->size[0],
                                    layer->weight->value, &epilogue, output, error);
    }
    case SN_LAYER_MAX_POOL:
        return sn_packer_add_max_pool(f->packer, input, layer->kernel, layer->stride,
                                      layer->padding, output, error);
    case SN_LAYER_AVERAGE_POOL:
        return sn_packer_add_average_pool(f->packer, input, layer->kernel, layer->stride,
                                          layer->padding, output, error);
    case SN_LAYER_GLOBAL_AVERAGE_POOL:
        return sn_packer_add_global_average_pool(f->packer, input, output, error);
    case SN_LAYER_SHIFT_CLAMP:
        return sn_packer_add_shift_clamp(f->packer, input, layer->bias->value, output, error);
    case SN_LAYER_SUM:
        return sn_packer_add_sum(f->packer, input, *value_of(f, layer->residual),
                                 packed_activation(layer->activation.function),
                                 value_or_null(layer->activation.slope), output, error);
    }
    return sn_error_set(error, SN_ERROR_INTERNAL, "%s: a layer of unknown kind", layer->name);
}

static sn_status set_metadata(freezer *f, const sn_metadata *metadata, sn_error *error) {
    if (!metadata)
        return SN_OK;
    SN_TRY(sn_packer_set_name(f->packer, metadata->name, error));
    SN_TRY(sn_packer_set_dataset(f->packer, metadata->dataset, error));
    SN_TRY(sn_packer_set_normalisation(f->packer, metadata->statistics.mean,
                                       metadata->statistics.deviation, error));
    if (!metadata->class_names)
        return SN_OK;
    const char **names = calloc((size_t)metadata->classes, sizeof *names);
    SN_RETURN_IF(!names, error, SN_ERROR_MEMORY, "out of memory for packing");
    for (int i = 0; i < metadata->classes; i++)
        names[i] = metadata->class_names[i];
    const sn_status status = sn_packer_set_class_names(f->packer, names, metadata->classes, error);
    free(names);
    return status;
}

static sn_status freeze_network(freezer *f, const sn_network *network, const sn_metadata *metadata,
                                void **packed, size_t *bytes, sn_error *error) {
    const sn_shape *shape = sn_tensor_shape(network->images);
    int last;
    SN_TRY(sn_packer_create((int)shape->size[1], (int)shape->size[2], (int)shape->size[3],
                            &f->packer, value_of(f, SN_LAYER_IMAGES), error));
    SN_TRY(set_metadata(f, metadata, error));
    for (int i = 0; i < f->layers->count; i++) {
        SN_TRY(freeze_layer(f, i, value_of(f, i), error));
        SN_TRY(sn_packer_set_layer_name(f->packer, *value_of(f, i), f->layers->at[i].name, error));
    }
    SN_TRY(sn_layers_find(f->layers, network->logits, "the loss", &last, error));
    return sn_packer_finish(f->packer, *value_of(f, last), packed, bytes, error);
}

/* The widest convolution decides how long an epilogue can be. */
static size_t most_filters(const sn_layers *layers) {
    size_t most = 1;
    for (int i = 0; i < layers->count; i++) {
        const sn_layer *layer = &layers->at[i];
        const size_t filters = layer->weight ? sn_tensor_shape(layer->weight)->size[0] : 0;
        most = filters > most ? filters : most;
    }
    return most;
}

sn_status sn_freeze_integers(const sn_network *network, const sn_metadata *metadata,
                             const sn_input_step *steps, void **packed, size_t *bytes,
                             sn_error *error) {
    const size_t filters = most_filters(&network->layers);
    freezer f = {.layers = &network->layers,
                 .steps = steps,
                 .values = calloc((size_t)network->layers.count + 1, sizeof *f.values),
                 .scale = calloc(filters, sizeof(float)),
                 .bias = calloc(filters, sizeof(float))};
    sn_status status = SN_OK;
    if (!f.values || !f.scale || !f.bias)
        status = sn_error_set(error, SN_ERROR_MEMORY, "out of memory for packing");
    else
        status = freeze_network(&f, network, metadata, packed, bytes, error);
    sn_packer_free(f.packer);
    free(f.values);
    free(f.scale);
    free(f.bias);
    return status;
}

sn_status sn_freeze(const sn_network *network, const sn_metadata *metadata, void **packed,
                    size_t *bytes, sn_error *error) {
    return sn_freeze_integers(network, metadata, NULL, packed, bytes, error);
}
