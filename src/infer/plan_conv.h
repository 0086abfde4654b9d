/* Inside the runtime: how a convolution is computed, decided from its weights and the costs of the
 * instruction set. */
#ifndef SN_INFER_PLAN_CONV_H
#define SN_INFER_PLAN_CONV_H

#include "infer/isa.h"
#include "infer/sums.h"
#include "infer/terms.h"

/* Block height, bands and staging for tiles of `rows` rows; convolutions and poolings. False when
 * the layer is too large. */
bool sn_infer_plan_bands(sn_infer_layer *layer, uint32_t rows);

/* layer->conv but for what lies in model memory: the form with the least predicted time among those
 * that the options leave. False when the layer is too large. */
bool sn_infer_plan_conv(sn_infer_layer *layer, const sn_infer_options *options);

/* How the layer's input becomes integers; input_scale is not 0. */
static inline sn_infer_rounding sn_infer_rounding_of(const sn_infer_layer *layer) {
    return (sn_infer_rounding){.inverse = 1 / layer->input_scale,
                               .low = layer->input_signed ? -127.0f : 0.0f,
                               .high = layer->input_signed ? 127.0f : 255.0f};
}

/* The part of the layer's sums that one program computes. */
sn_infer_sums_part sn_infer_plan_part(const sn_infer_layer *layer, uint32_t chunk, uint32_t group);

/* The first channel of a chunk; and the last, plus one. */
uint32_t sn_infer_chunk_first(const sn_infer_layer *layer, uint32_t chunk);
uint32_t sn_infer_chunk_end(const sn_infer_layer *layer, uint32_t chunk);

/* What a thread takes at a time: a band; or, where there are fewer bands than threads, some of a
 * band's groups of filters. Thread t takes units t, t + threads, ... */
typedef struct sn_infer_unit {
    uint32_t first_row, first_group, end_group;
} sn_infer_unit;

uint32_t sn_infer_unit_count(const sn_infer_conv *conv, uint32_t threads);
sn_infer_unit sn_infer_unit_at(const sn_infer_conv *conv, uint32_t threads, uint32_t index);

#endif
