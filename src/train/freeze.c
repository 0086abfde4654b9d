/* Walks a graph in its order of execution. Every convolution takes the batch-norm, the sum with a
 * shortcut and the activation behind it along when nothing else reads what lies between. Of two
 * convolutions that feed one sum the later takes it. */
#include "train/freeze.h"

#include "autograd/op.h"
#include "base/memory.h"
#include "infer/packer.h"
#include "layers/quantize.h"
#include "layers/round_input.h"

#include <math.h>
#include <stdlib.h>

typedef struct freezer {
    const sn_graph *graph;
    sn_packer *packer;
    size_t node_count;
    const sn_tensor **tensors; /* what has a packed value so far ... */
    sn_packer_value *values;   /* ... and which */
    size_t value_count;
    bool *taken;         /* by node: part of an instruction already */
    bool *folded;        /* by node: a batch-norm of which only sum and activation are left */
    float *scale, *bias; /* workspace for one layer's epilogue */
    const sn_input_step *steps; /* by node; or NULL: those of the graph */
} freezer;

static void map_value(freezer *f, const sn_tensor *tensor, sn_packer_value value) {
    f->tensors[f->value_count] = tensor;
    f->values[f->value_count++] = value;
}

static sn_status find_value(const freezer *f, const sn_tensor *tensor, sn_packer_value *value,
                            sn_error *error) {
    *value = -1; /* no handle */
    for (size_t i = 0; i < f->value_count; i++) {
        if (f->tensors[i] == tensor) {
            *value = f->values[i];
            return SN_OK;
        }
    }
    return sn_error_set(error, SN_ERROR_ARGUMENT,
                        "cannot freeze: an op reads what no packed instruction computes");
}

/* The index of the only node that reads this tensor; node_count when there are none or several. */
static size_t only_reader(const freezer *f, const sn_tensor *tensor) {
    size_t reader = f->node_count;
    for (size_t i = 0; i < f->node_count; i++) {
        for (int k = 0; k < SN_MAX_INPUTS; k++) {
            if (sn_graph_node(f->graph, i)->input[k] != tensor)
                continue;
            if (reader != f->node_count)
                return f->node_count;
            reader = i;
        }
    }
    return reader;
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

/* If only a PReLU between two shifts reads *tensor, takes it along: the shift before it is part of
 * the bias, as the sum with a shortcut stands before it, too. */
static void take_shifts(freezer *f, const sn_tensor **tensor, sn_packer_epilogue *epilogue) {
    const size_t reader = only_reader(f, *tensor);
    if (reader == f->node_count)
        return;
    const sn_node *node = sn_graph_node(f->graph, reader);
    if (node->op != &sn_op_shift_prelu || node->input[0] != *tensor)
        return;
    for (size_t k = 0; k < node->input[1]->shape.size[0]; k++)
        f->bias[k] += node->input[1]->value[k];
    epilogue->activation = SN_PACKER_PRELU;
    epilogue->slope = node->input[2]->value;
    epilogue->shift = node->input[3]->value;
    f->taken[reader] = true;
    *tensor = node->output;
}

/* If only a batch-norm reads *tensor, folds it into scale and bias:
 *     gamma (scale s + bias - mean) / sqrt(variance + epsilon) + beta
 * and takes its activation along, unless a sum comes between. */
static void take_batch_norm(freezer *f, const sn_tensor **tensor, sn_packer_epilogue *epilogue) {
    const size_t reader = only_reader(f, *tensor);
    if (reader == f->node_count)
        return;
    const sn_node *node = sn_graph_node(f->graph, reader);
    if (node->op != &sn_op_batch_norm || node->input[0] != *tensor)
        return;
    const sn_batch_norm_attributes *attributes = (const void *)node->attributes;
    const float *gamma = node->input[1]->value, *beta = node->input[2]->value;
    const float *mean = node->state[0]->value, *variance = node->state[1]->value;
    for (size_t k = 0; k < node->input[1]->shape.size[0]; k++) {
        const double factor = (double)gamma[k] / sqrt((double)variance[k] + attributes->epsilon);
        f->scale[k] = (float)((double)f->scale[k] * factor);
        f->bias[k] = (float)(((double)f->bias[k] - (double)mean[k]) * factor + (double)beta[k]);
    }
    if (node->input[3]) {
        f->folded[reader] = true;
        return;
    }
    epilogue->activation = packed_activation(attributes->activation);
    epilogue->slope = node->input[4] ? node->input[4]->value : NULL;
    f->taken[reader] = true;
    *tensor = node->output;
}

/* If only a sum reads *tensor, and its other operand is packed already, takes it along with its
 * activation, and moves *tensor behind. A sum is what is left of a batch-norm whose factors were
 * folded. */
static void take_sum(freezer *f, const sn_tensor **tensor, sn_packer_epilogue *epilogue,
                     sn_packer_value *residual) {
    const size_t reader = only_reader(f, *tensor);
    if (reader == f->node_count)
        return;
    const sn_node *node = sn_graph_node(f->graph, reader);
    if (!f->folded[reader])
        return;
    const sn_tensor *first = node->input[0], *second = node->input[3];
    if (*tensor != first && *tensor != second)
        return;
    if (find_value(f, *tensor == first ? second : first, residual, NULL) != SN_OK)
        return;
    epilogue->residual = residual;
    f->taken[reader] = true;
    *tensor = node->output;
    const sn_batch_norm_attributes *attributes = (const void *)node->attributes;
    epilogue->activation = packed_activation(attributes->activation);
    epilogue->slope = node->input[4] ? node->input[4]->value : NULL;
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
static sn_status encode(freezer *f, const sn_node *quantize, weight_codes *codes, sn_error *error) {
    const sn_quant_options *options = (const void *)quantize->attributes;
    const size_t filters = quantize->output->shape.size[0];
    const size_t parts = sn_regions_per_filter(options, &quantize->output->shape);
    const size_t count = sn_shape_count(&quantize->output->shape);
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
    sn_quantize_now(quantize, regions, codes->values, codes->mask);
    take_codes(regions, filters * parts, codes->values, count, codes);
    for (size_t k = 0; (masked || coded) && k < filters; k++)
        f->scale[k] *= regions[k * parts].scale; /* that of its filter */
    sn_free(regions);
    return SN_OK;
}

/* As it was found, or trained. */
static sn_input_step input_step(const freezer *f, const sn_node *conv) {
    sn_input_step step;
    if (f->steps)
        return f->steps[conv->index];
    step.step = sn_input_rounding(conv->input[0], &step.is_signed);
    return step;
}

static sn_status pack_conv(freezer *f, const sn_node *node, sn_packer_value input,
                           const sn_packer_epilogue *epilogue, const weight_codes *codes,
                           sn_packer_value *output, sn_error *error) {
    const sn_conv2d_attributes *attributes = (const void *)node->attributes;
    const size_t *size = node->input[1]->shape.size;
    const sn_input_step step =
        sn_code_has_few_bits(codes->code) ? input_step(f, node) : (sn_input_step){0};
    const sn_packer_conv conv = {.filters = (int)size[0],
                                 .kernel_height = (int)size[2],
                                 .kernel_width = (int)size[3],
                                 .stride = attributes->stride,
                                 .padding = attributes->padding,
                                 .input_scale = step.step,
                                 .input_signed = step.is_signed,
                                 .input_centered = sn_uncentered(node->input[0]) != node->input[0]};
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
                                   codes->values ? codes->values : node->input[1]->value, epilogue,
                                   output, error);
}

static sn_status freeze_conv(freezer *f, const sn_node *node, sn_error *error) {
    const sn_node *producer = node->input[1]->producer;
    const size_t filters = node->input[1]->shape.size[0];
    const sn_tensor *behind = node->output;
    sn_packer_epilogue epilogue = {.scale = f->scale, .bias = f->bias};
    weight_codes codes = {.code = SN_CODE_FULL};
    sn_packer_value input, output, residual;
    SN_TRY(find_value(f, node->input[0], &input, error));
    SN_RETURN_IF(producer && producer->op != &sn_op_quantize, error, SN_ERROR_ARGUMENT,
                 "cannot freeze: a convolution's weight comes from %s", producer->op->name);
    for (size_t k = 0; k < filters; k++) {
        f->scale[k] = 1;
        f->bias[k] = node->input[2] ? node->input[2]->value[k] : 0;
    }
    /* The bias belongs behind alpha, so batch-norm is folded first. */
    take_batch_norm(f, &behind, &epilogue);
    if (epilogue.activation == SN_PACKER_LINEAR)
        take_sum(f, &behind, &epilogue, &residual);
    if (epilogue.activation == SN_PACKER_LINEAR)
        take_shifts(f, &behind, &epilogue);
    sn_status status = producer ? encode(f, producer, &codes, error) : SN_OK;
    if (status == SN_OK)
        status = pack_conv(f, node, input, &epilogue, &codes, &output, error);
    free_codes(&codes);
    SN_TRY(status);
    map_value(f, behind, output);
    return SN_OK;
}

/* What is left of a batch-norm behind a convolution: the sum with the shortcut. */
static sn_status freeze_shortcut(freezer *f, const sn_node *node, sn_error *error) {
    const sn_batch_norm_attributes *attributes = (const void *)node->attributes;
    sn_packer_value first, second, output;
    SN_TRY(find_value(f, node->input[0], &first, error));
    SN_TRY(find_value(f, node->input[3], &second, error));
    SN_TRY(sn_packer_add_sum(f->packer, first, second, packed_activation(attributes->activation),
                             node->input[4] ? node->input[4]->value : NULL, &output, error));
    map_value(f, node->output, output);
    return SN_OK;
}

static sn_status freeze_pool(freezer *f, const sn_node *node, sn_error *error) {
    const sn_pool_attributes *pool = (const void *)node->attributes;
    sn_packer_value input, output;
    SN_TRY(find_value(f, node->input[0], &input, error));
    if (node->op == &sn_op_max_pool)
        SN_TRY(sn_packer_add_max_pool(f->packer, input, pool->kernel, pool->stride, pool->padding,
                                      &output, error));
    else if (node->op == &sn_op_average_pool)
        SN_TRY(sn_packer_add_average_pool(f->packer, input, pool->kernel, pool->stride,
                                          pool->padding, &output, error));
    else
        SN_TRY(sn_packer_add_global_average_pool(f->packer, input, &output, error));
    map_value(f, node->output, output);
    return SN_OK;
}

static sn_status freeze_linear(freezer *f, const sn_node *node, sn_error *error) {
    const sn_packer_epilogue epilogue = {.bias = node->input[2] ? node->input[2]->value : NULL};
    sn_packer_value input, output;
    SN_TRY(find_value(f, node->input[0], &input, error));
    SN_TRY(sn_packer_add_linear(f->packer, input, (int)node->output->shape.size[1],
                                node->input[1]->value, &epilogue, &output, error));
    map_value(f, node->output, output);
    return SN_OK;
}

/* What is rounded or centred is part of the convolution that reads it. */
static sn_status freeze_input(freezer *f, const sn_node *node, sn_error *error) {
    sn_packer_value input;
    SN_TRY(find_value(f, node->input[0], &input, error));
    map_value(f, node->output, input);
    return SN_OK;
}

static sn_status freeze_shift_clamp(freezer *f, const sn_node *node, sn_error *error) {
    sn_packer_value input, output;
    SN_TRY(find_value(f, node->input[0], &input, error));
    SN_TRY(sn_packer_add_shift_clamp(f->packer, input, node->input[1]->value, &output, error));
    map_value(f, node->output, output);
    return SN_OK;
}

static sn_status freeze_node(freezer *f, const sn_node *node, sn_error *error) {
    if (node->op == &sn_op_quantize)
        return SN_OK; /* read when its convolution comes */
    if (node->op == &sn_op_fake_quantize || node->op == &sn_op_center_channels)
        return freeze_input(f, node, error);
    if (sn_op_is_conv2d(node->op))
        return freeze_conv(f, node, error);
    if (f->folded[node->index])
        return freeze_shortcut(f, node, error);
    if (node->op == &sn_op_shift_clamp)
        return freeze_shift_clamp(f, node, error);
    if (node->op == &sn_op_linear)
        return freeze_linear(f, node, error);
    if (node->op == &sn_op_max_pool || node->op == &sn_op_average_pool ||
        node->op == &sn_op_global_average_pool)
        return freeze_pool(f, node, error);
    return sn_error_set(error, SN_ERROR_ARGUMENT,
                        "cannot freeze: the model format has no %s of its own", node->op->name);
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

static sn_status freeze_graph(freezer *f, const sn_network *network, const sn_metadata *metadata,
                              void **packed, size_t *bytes, sn_error *error) {
    const sn_shape *shape = sn_tensor_shape(network->images);
    sn_packer_value input, output;
    SN_TRY(sn_packer_create((int)shape->size[1], (int)shape->size[2], (int)shape->size[3],
                            &f->packer, &input, error));
    map_value(f, network->images, input);
    SN_TRY(set_metadata(f, metadata, error));
    for (size_t i = 0; i < f->node_count; i++)
        if (!f->taken[i])
            SN_TRY(freeze_node(f, sn_graph_node(f->graph, i), error));
    SN_TRY(find_value(f, network->logits, &output, error));
    return sn_packer_finish(f->packer, output, packed, bytes, error);
}

/* The widest layer decides how long an epilogue can be. */
static size_t most_filters(const sn_graph *graph) {
    size_t most = 1;
    for (size_t i = 0; i < sn_graph_node_count(graph); i++) {
        const sn_shape *shape = &sn_graph_node(graph, i)->output->shape;
        if (shape->rank > 1 && shape->size[1] > most)
            most = shape->size[1];
    }
    return most;
}

sn_status sn_freeze_integers(const sn_network *network, const sn_metadata *metadata,
                             const sn_input_step *steps, void **packed, size_t *bytes,
                             sn_error *error) {
    const size_t nodes = sn_graph_node_count(network->graph);
    const size_t filters = most_filters(network->graph);
    freezer f = {.graph = network->graph,
                 .node_count = nodes,
                 .steps = steps,
                 .tensors = calloc(nodes + 1, sizeof(sn_tensor *)),
                 .values = calloc(nodes + 1, sizeof(sn_packer_value)),
                 .taken = calloc(nodes, sizeof(bool)),
                 .folded = calloc(nodes, sizeof(bool)),
                 .scale = calloc(filters, sizeof(float)),
                 .bias = calloc(filters, sizeof(float))};
    sn_status status = SN_OK;
    if (!f.tensors || !f.values || !f.taken || !f.folded || !f.scale || !f.bias)
        status = sn_error_set(error, SN_ERROR_MEMORY, "out of memory for packing");
    else
        status = freeze_graph(&f, network, metadata, packed, bytes, error);
    sn_packer_free(f.packer);
    free(f.tensors);
    free(f.values);
    free(f.taken);
    free(f.folded);
    free(f.scale);
    free(f.bias);
    return status;
}

sn_status sn_freeze(const sn_network *network, const sn_metadata *metadata, void **packed,
                    size_t *bytes, sn_error *error) {
    return sn_freeze_integers(network, metadata, NULL, packed, bytes, error);
}
