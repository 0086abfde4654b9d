/* Inside the runtime: one instruction of a packed model, as it was written in the file. The reader
 * fills it in; nothing changes it afterwards. The bytes of the format are behind the reader.
 */
#ifndef SN_INFER_LAYER_H
#define SN_INFER_LAYER_H

#include "infer/format.h"
#include "infer/lane_layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sn_infer_shape {
    uint32_t channels, height, width;
} sn_infer_shape;

typedef struct sn_infer_layer {
    uint32_t opcode, weight_kind, payload_layout;
    bool centered;       /* signed-binary only */
    bool input_signed;   /* see input_scale */
    bool input_centered; /* of a convolution with one-bit or ternary weights: at each pixel the mean
                            over input channels is subtracted from its input; the padding stays 0.
                            The mean of integers is an integer (docs/model-format.md) */
    bool residual;       /* of a convolution: input_b, shaped like the output, is added to
                          scale * sum + bias before the activation; output may be input_b */
    uint32_t input_a, input_b, output; /* slots */
    sn_infer_shape in, out;            /* of input_a and of the output */
    uint32_t kernel_height, kernel_width, stride, padding;
    /* A region is a filter's weights of so many input channels, the last one of fewer. With one
     * region it is all of them. Only signed-binary weights have several. */
    uint32_t region_channels, regions;
    uint64_t weights_per_filter; /* C*R*S; C*H*W of a linear layer */

    /* Sections of the payload, inside the packed model and complete; NULL where there is none. */
    const unsigned char *packed_weights; /* fp32: float [K][C][R][S]; else bits, filter by filter */
    const unsigned char *packed_signs;   /* signed-binary: bit k * regions + p set: region p of
                                            filter k is negative; ternary: rows as those of the
                                            mask, set: negative */
    const unsigned char *packed_scale, *packed_bias, *packed_slope; /* float [K] */
    const unsigned char *packed_shift; /* float [K]: of a convolution added after the activation,
                                          otherwise before the clamp */
    /* The input rounded to integers, q = round(x / input_scale) held to 0 .. 255 or -127 .. 127;
     * input_scale 0: it stays float32. */
    float input_scale;
    uint32_t activation; /* sn_infer_activation */
    uint64_t payload_bytes;
    uint64_t effectual_weights; /* not zero: set bits of a mask; all weights of a binary layer */
} sn_infer_layer;

/* Weights of one or two bits rather than floats. */
static inline bool sn_infer_has_bits(const sn_infer_layer *layer) {
    return layer->weight_kind == SN_INFER_WEIGHTS_SIGNED_BINARY ||
           layer->weight_kind == SN_INFER_WEIGHTS_BINARY ||
           layer->weight_kind == SN_INFER_WEIGHTS_TERNARY;
}

/* Weights of a filter that see one input channel. */
static inline uint64_t sn_infer_taps(const sn_infer_layer *layer) {
    return (uint64_t)layer->kernel_height * layer->kernel_width;
}

static inline bool sn_infer_rounds_input(const sn_infer_layer *layer) {
    return layer->input_scale != 0;
}

static inline uint64_t sn_infer_shape_elements(sn_infer_shape shape) {
    return (uint64_t)shape.channels * shape.height * shape.width;
}

static inline sn_infer_lane_layout sn_infer_shape_lanes(sn_infer_shape shape, uint32_t lanes) {
    return sn_infer_lane_layout_choose(shape.height, shape.width, lanes);
}

/* Elements of an activation as it lies in its slot. */
static inline uint64_t sn_infer_slot_elements(sn_infer_shape shape, uint32_t lanes) {
    const sn_infer_lane_layout layout = sn_infer_shape_lanes(shape, lanes);
    return shape.channels * sn_infer_lane_layout_vectors(&layout) * lanes;
}

static inline bool sn_infer_bit(const unsigned char *bits, uint64_t index) {
    return bits[index / 8] >> (index % 8) & 1;
}

static inline uint32_t sn_infer_divide_up(uint32_t a, uint32_t b) {
    return (a + b - 1) / b;
}

static inline uint32_t sn_infer_smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

#endif
