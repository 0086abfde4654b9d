#include "layers/layer.h"

#include "layers/quantize.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sn_layers_free(sn_layers *layers) {
    free(layers->at);
    *layers = (sn_layers){0};
}

/* ---- recording ---- */

sn_status sn_layers_find(const sn_layers *layers, const sn_tensor *tensor, const char *reader,
                         int *index, sn_error *error) {
    *index = SN_LAYER_IMAGES;
    if (tensor == layers->images)
        return SN_OK;
    for (int i = layers->count - 1; i >= 0; i--)
        if (layers->at[i].output == tensor) {
            *index = i;
            return SN_OK;
        }
    return sn_error_set(error, SN_ERROR_INTERNAL,
                        "%s reads what is no layer's output; modules record layers, and what lies "
                        "between a convolution and its batch-norm or activation is not kept",
                        reader);
}

static sn_status make_room(sn_layers *layers, sn_error *error) {
    if (layers->count < layers->capacity)
        return SN_OK;
    const int capacity = 2 * layers->capacity + 32;
    sn_layer *at = realloc(layers->at, (size_t)capacity * sizeof *at);
    SN_RETURN_IF(!at, error, SN_ERROR_MEMORY, "out of memory for the list of layers");
    layers->at = at;
    layers->capacity = capacity;
    return SN_OK;
}

static void count_reader(sn_layers *layers, int index) {
    if (index >= 0)
        layers->at[index].readers++;
}

static sn_status append(sn_layers *layers, const char *name, sn_layer_kind kind, int input,
                        sn_layer **layer, sn_error *error) {
    for (int i = 0; i < layers->count; i++)
        SN_RETURN_IF(strcmp(layers->at[i].name, name) == 0, error, SN_ERROR_INTERNAL,
                     "two layers are called %s", name);
    SN_TRY(make_room(layers, error));
    *layer = &layers->at[layers->count];
    **layer = (sn_layer){.kind = kind,
                         .input = input,
                         .residual = SN_LAYER_NONE,
                         .activation = {.function = SN_ACTIVATION_NONE}};
    SN_RETURN_IF(snprintf((*layer)->name, sizeof(*layer)->name, "%s", name) >=
                     (int)sizeof(*layer)->name,
                 error, SN_ERROR_INTERNAL, "layer name %s is too long", name);
    count_reader(layers, input);
    layers->count++;
    return SN_OK;
}

sn_status sn_layers_add(sn_layers *layers, const char *name, sn_layer_kind kind, const sn_tensor *x,
                        sn_layer **layer, sn_error *error) {
    int input;
    SN_TRY(sn_layers_find(layers, x, name, &input, error));
    return append(layers, name, kind, input, layer, error);
}

/* A convolution that can still take a shortcut and an activation along. */
static bool is_open(const sn_layers *layers, int index) {
    const sn_layer *layer = index >= 0 ? &layers->at[index] : NULL;
    return layer && layer->kind == SN_LAYER_CONV && layer->readers == 0 &&
           layer->residual == SN_LAYER_NONE && layer->activation.function == SN_ACTIVATION_NONE;
}

/* The sum of the convolution `index` and a layer that is computed later. */
static sn_status add_later(sn_layers *layers, const char *name, int index, int later,
                           sn_layer **layer, sn_error *error) {
    layers->at[index].output = NULL;
    if (is_open(layers, later)) {
        *layer = &layers->at[later];
        (*layer)->residual = index;
        count_reader(layers, index);
        return SN_OK;
    }
    SN_TRY(append(layers, name, SN_LAYER_SUM, index, layer, error));
    (*layer)->residual = later;
    count_reader(layers, later);
    return SN_OK;
}

sn_status sn_layers_add_norm(sn_layers *layers, const char *name, const sn_tensor *x,
                             const sn_batch_norm_operands *operands,
                             const sn_batch_norm_attributes *attributes, sn_tensor *y,
                             sn_error *error) {
    int index, residual;
    SN_TRY(sn_layers_find(layers, x, name, &index, error));
    SN_RETURN_IF(!is_open(layers, index) || layers->at[index].norm.gamma, error, SN_ERROR_INTERNAL,
                 "%s: a batch-norm has to stand right behind a convolution that nothing else reads",
                 name);
    sn_layer *layer = &layers->at[index];
    layer->norm = (sn_layer_norm){operands->gamma, operands->beta, operands->running_mean,
                                  operands->running_variance, attributes->epsilon};
    if (operands->residual) {
        SN_TRY(sn_layers_find(layers, operands->residual, name, &residual, error));
        SN_RETURN_IF(
            residual == index, error, SN_ERROR_INTERNAL,
            "%s: its shortcut is the convolution before it, whose sums nobody else can read", name);
        if (residual > index) {
            SN_TRY(add_later(layers, name, index, residual, &layer, error));
        } else {
            layer->residual = residual;
            count_reader(layers, residual);
        }
    }
    layer->activation =
        (sn_layer_activation){.function = attributes->activation, .slope = operands->slope};
    layer->output = y;
    return SN_OK;
}

sn_status sn_layers_add_activation(sn_layers *layers, const char *name, const sn_tensor *x,
                                   const sn_layer_activation *activation, sn_tensor *y,
                                   sn_error *error) {
    int index;
    SN_TRY(sn_layers_find(layers, x, name, &index, error));
    sn_layer *layer = index >= 0 ? &layers->at[index] : NULL;
    SN_RETURN_IF(!layer || layer->kind != SN_LAYER_CONV || layer->readers > 0 ||
                     layer->activation.function != SN_ACTIVATION_NONE,
                 error, SN_ERROR_INTERNAL,
                 "%s: an activation has to stand behind a convolution that nothing else reads and "
                 "that has none yet",
                 name);
    layer->activation = *activation;
    layer->output = y;
    return SN_OK;
}

/* ---- asking ---- */

bool sn_layers_never_negative(const sn_layers *layers, int index) {
    for (; index >= 0; index = layers->at[index].input) {
        const sn_layer *layer = &layers->at[index];
        if (layer->kind != SN_LAYER_MAX_POOL && layer->kind != SN_LAYER_AVERAGE_POOL)
            return layer->activation.function == SN_ACTIVATION_RELU && !layer->activation.after;
    }
    return false;
}

bool sn_layers_round(const sn_layers *layers) {
    for (int i = 0; i < layers->count; i++)
        if (layers->at[i].reading.range)
            return true;
    return false;
}

sn_input_step sn_layer_input_step(const sn_layer *layer) {
    const sn_layer_reading *reading = &layer->reading;
    if (!reading->range)
        return (sn_input_step){0, false};
    const float step = (float)sn_fake_quantize_step(reading->range->value[0], reading->is_signed);
    return (sn_input_step){step, step > 0 && reading->is_signed};
}

void sn_layers_initialise_signs(const sn_layers *layers) {
    for (int i = 0; i < layers->count; i++)
        if (layers->at[i].quantizer)
            sn_quantize_initialise_signs(layers->at[i].quantizer);
}

sn_weight_counts sn_layers_count_effectual(const sn_layers *layers) {
    sn_weight_counts counts = {0, 0};
    for (int i = 0; i < layers->count; i++) {
        const sn_layer *layer = &layers->at[i];
        if (!layer->quantizer)
            continue;
        counts.effectual += sn_quantize_count_effectual(layer->quantizer);
        counts.total += sn_shape_count(sn_tensor_shape(layer->weight));
    }
    return counts;
}
