#include "layers/modules.h"

#include "layers/quantize.h"

#include <math.h>
#include <stdio.h>

static sn_status parameter(const sn_builder *builder, const char *module, const char *leaf,
                           sn_shape shape, sn_role role, sn_init init, sn_tensor **tensor,
                           sn_error *error) {
    char name[SN_PARAMETER_NAME_SIZE];
    const int length = snprintf(name, sizeof name, "%s.%s", module, leaf);
    SN_RETURN_IF(length >= (int)sizeof name, error, SN_ERROR_INTERNAL,
                 "parameter name %s.%s is too long", module, leaf);
    return sn_graph_parameter(builder->graph, name, shape, role, init, tensor, error);
}

const char *sn_module_name(char name[SN_MODULE_NAME_SIZE], const char *block, const char *leaf) {
    snprintf(name, SN_MODULE_NAME_SIZE, "%s.%s", block, leaf);
    return name;
}

static sn_init constant(double value) {
    return (sn_init){SN_INIT_CONSTANT, value};
}

/* Behind latent weights with standard deviation `deviation`, whose mean magnitude a learned scale
 * starts from. */
static sn_status quantize(const sn_builder *builder, const sn_quant_options *quant,
                          const char *name, double deviation, sn_tensor *latent, sn_tensor **weight,
                          sn_error *error) {
    const double mean_of_normal = 0.7978845608; /* sqrt(2 / pi) */
    const size_t filters = sn_tensor_shape(latent)->size[0];
    const sn_shape regions =
        sn_shape_2(filters, sn_regions_per_filter(quant, sn_tensor_shape(latent)));
    sn_quantize_operands operands = {.latent = latent};
    if (quant->scale_rule == SN_SCALE_LEARNED)
        SN_TRY(parameter(builder, name, "weight_scale", sn_shape_1(filters), SN_ROLE_SCALE,
                         constant(log(mean_of_normal * deviation)), &operands.theta, error));
    if (quant->sign_rule != SN_SIGNS_FIXED)
        SN_TRY(parameter(builder, name, "weight_sign", regions, SN_ROLE_SIGN, constant(1),
                         &operands.signs, error));
    if (quant->sign_rule == SN_SIGNS_LEARNED)
        SN_TRY(parameter(builder, name, "weight_sign_evidence", regions, SN_ROLE_SIGN_EVIDENCE,
                         constant(0), &operands.evidence, error));
    return sn_quantize(builder->graph, &operands, quant, weight, error);
}

/* What the convolution reads: *x becomes rounded, centred or both, as its weights call for. */
static sn_status prepare_input(const sn_builder *builder, const char *name, int input,
                               const sn_quant_options *quant, sn_layer_reading *reading,
                               sn_tensor **x, sn_error *error) {
    reading->tensor = *x;
    if (builder->act == SN_ACT_INT8 && quant &&
        sn_code_has_few_bits(sn_quantizer_at(quant->quantizer)->code))
        SN_TRY(sn_round_input(builder->graph, builder->layers, name, input, *x, reading, error));
    *x = reading->tensor;
    if (quant && quant->center == SN_CENTER_ACTIVATIONS)
        SN_TRY(sn_center_input(builder->graph, reading, x, error));
    return SN_OK;
}

sn_status sn_module_conv(const sn_builder *builder, const char *name,
                         const sn_conv_options *options, sn_tensor *x, sn_tensor **y,
                         sn_error *error) {
    const size_t kernel = (size_t)options->kernel;
    const sn_shape shape =
        sn_shape_4(options->filters, sn_tensor_shape(x)->size[1], kernel, kernel);
    const double fan_out = (double)(options->filters * kernel * kernel);
    const sn_init init = {SN_INIT_NORMAL, sqrt(2 / fan_out)};
    const sn_quant_options *ruled = sn_layer_rules_find(builder->rules, name);
    const sn_quant_options *quant = ruled ? ruled : options->quantized ? builder->quant : NULL;
    if (quant && !sn_quantizer_at(quant->quantizer)->quantize)
        quant = NULL;
    sn_layer *layer;
    sn_tensor *weight;
    SN_TRY(sn_layers_add(builder->layers, name, SN_LAYER_CONV, x, &layer, error));
    layer->kernel = options->kernel;
    layer->stride = options->stride;
    layer->padding = options->padding;
    SN_TRY(prepare_input(builder, name, layer->input, quant, &layer->reading, &x, error));
    SN_TRY(parameter(builder, name, "weight", shape, quant ? SN_ROLE_LATENT : SN_ROLE_WEIGHT, init,
                     &layer->weight, error));
    const double fan_in = (double)(shape.size[1] * kernel * kernel);
    if (options->bias)
        SN_TRY(parameter(builder, name, "bias", sn_shape_1(options->filters), SN_ROLE_BIAS,
                         (sn_init){SN_INIT_UNIFORM, 1 / sqrt(fan_in)}, &layer->bias, error));
    weight = layer->weight;
    if (quant) {
        SN_TRY(quantize(builder, quant, name, init.value, layer->weight, &weight, error));
        layer->quantizer = weight->producer;
    }
    SN_TRY(sn_conv2d(builder->graph, x, weight, layer->bias, options->stride, options->padding, y,
                     error));
    layer->output = *y;
    return SN_OK;
}

/* Of a PReLU. */
static sn_status slopes(const sn_builder *builder, const char *name, const sn_tensor *x,
                        sn_tensor **slope, sn_error *error) {
    return parameter(builder, name, "weight", sn_shape_1(sn_tensor_shape(x)->size[1]),
                     SN_ROLE_SLOPE, constant(0.25), slope, error);
}

sn_status sn_module_batch_norm(const sn_builder *builder, const char *name,
                               const sn_norm_options *options, sn_tensor *x, sn_tensor **y,
                               sn_error *error) {
    const sn_shape shape = sn_shape_1(sn_tensor_shape(x)->size[1]);
    sn_batch_norm_operands operands = {.residual = options->residual};
    const sn_batch_norm_attributes attributes = {
        .momentum = SN_BATCH_NORM_MOMENTUM,
        .epsilon = 1e-5,
        .activation = options->activation ? builder->activation : SN_ACTIVATION_NONE};
    SN_TRY(parameter(builder, name, "weight", shape, SN_ROLE_NORM_SCALE, constant(1),
                     &operands.gamma, error));
    SN_TRY(parameter(builder, name, "bias", shape, SN_ROLE_NORM_SHIFT, constant(0), &operands.beta,
                     error));
    SN_TRY(parameter(builder, name, "running_mean", shape, SN_ROLE_RUNNING_MEAN, constant(0),
                     &operands.running_mean, error));
    SN_TRY(parameter(builder, name, "running_var", shape, SN_ROLE_RUNNING_VARIANCE, constant(1),
                     &operands.running_variance, error));
    if (attributes.activation == SN_ACTIVATION_PRELU)
        SN_TRY(slopes(builder, options->activation, x, &operands.slope, error));
    sn_tensor *behind;
    SN_TRY(sn_batch_norm(builder->graph, x, &operands, &attributes, &behind, error));
    *y = behind;
    return sn_layers_add_norm(builder->layers, name, x, &operands, &attributes, behind, error);
}

static sn_status shift(const sn_builder *builder, const char *name, const sn_tensor *x,
                       sn_tensor **bias, sn_error *error) {
    return parameter(builder, name, "bias", sn_shape_1(sn_tensor_shape(x)->size[1]), SN_ROLE_BIAS,
                     constant(0), bias, error);
}

sn_status sn_module_shift_clamp(const sn_builder *builder, const char *name, sn_tensor *x,
                                sn_tensor **y, sn_error *error) {
    sn_layer *layer;
    SN_TRY(sn_layers_add(builder->layers, name, SN_LAYER_SHIFT_CLAMP, x, &layer, error));
    SN_TRY(shift(builder, name, x, &layer->bias, error));
    SN_TRY(sn_shift_clamp(builder->graph, x, layer->bias, &layer->output, error));
    *y = layer->output;
    return SN_OK;
}

sn_status sn_module_shift_prelu(const sn_builder *builder, const sn_shift_prelu_names *names,
                                sn_tensor *x, sn_tensor **y, sn_error *error) {
    sn_shift_prelu_operands operands;
    sn_tensor *behind;
    SN_TRY(shift(builder, names->before, x, &operands.before, error));
    SN_TRY(slopes(builder, names->activation, x, &operands.slope, error));
    SN_TRY(shift(builder, names->after, x, &operands.after, error));
    SN_TRY(sn_shift_prelu(builder->graph, x, &operands, &behind, error));
    const sn_layer_activation activation = {SN_ACTIVATION_PRELU, operands.slope, operands.before,
                                            operands.after};
    *y = behind;
    return sn_layers_add_activation(builder->layers, names->activation, x, &activation, behind,
                                    error);
}

static sn_status pool(const sn_builder *builder, const char *name, sn_layer_kind kind,
                      const sn_pool_attributes *window, sn_tensor *x, sn_tensor **y,
                      sn_error *error) {
    sn_layer *layer;
    SN_TRY(sn_layers_add(builder->layers, name, kind, x, &layer, error));
    layer->kernel = window->kernel;
    layer->stride = window->stride;
    layer->padding = window->padding;
    SN_TRY((kind == SN_LAYER_MAX_POOL ? sn_max_pool : sn_average_pool)(
        builder->graph, x, window->kernel, window->stride, window->padding, &layer->output, error));
    *y = layer->output;
    return SN_OK;
}

sn_status sn_module_max_pool(const sn_builder *builder, const char *name,
                             const sn_pool_attributes *window, sn_tensor *x, sn_tensor **y,
                             sn_error *error) {
    return pool(builder, name, SN_LAYER_MAX_POOL, window, x, y, error);
}

sn_status sn_module_average_pool(const sn_builder *builder, const char *name,
                                 const sn_pool_attributes *window, sn_tensor *x, sn_tensor **y,
                                 sn_error *error) {
    return pool(builder, name, SN_LAYER_AVERAGE_POOL, window, x, y, error);
}

sn_status sn_module_global_average_pool(const sn_builder *builder, const char *name, sn_tensor *x,
                                        sn_tensor **y, sn_error *error) {
    sn_layer *layer;
    SN_TRY(sn_layers_add(builder->layers, name, SN_LAYER_GLOBAL_AVERAGE_POOL, x, &layer, error));
    SN_TRY(sn_global_average_pool(builder->graph, x, &layer->output, error));
    *y = layer->output;
    return SN_OK;
}

sn_status sn_module_linear(const sn_builder *builder, const char *name, size_t outputs,
                           sn_tensor *x, sn_tensor **y, sn_error *error) {
    const size_t inputs = sn_shape_count(sn_tensor_shape(x)) / sn_tensor_shape(x)->size[0];
    const sn_init init = {SN_INIT_UNIFORM, 1 / sqrt((double)inputs)};
    sn_layer *layer;
    SN_TRY(sn_layers_add(builder->layers, name, SN_LAYER_LINEAR, x, &layer, error));
    SN_TRY(parameter(builder, name, "weight", sn_shape_2(outputs, inputs), SN_ROLE_WEIGHT, init,
                     &layer->weight, error));
    SN_TRY(parameter(builder, name, "bias", sn_shape_1(outputs), SN_ROLE_BIAS, init, &layer->bias,
                     error));
    SN_TRY(sn_linear(builder->graph, x, layer->weight, layer->bias, &layer->output, error));
    *y = layer->output;
    return SN_OK;
}
