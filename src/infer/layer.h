/* Inside the runtime: one instruction of a packed model after its checks, and the kernels that can
 * run it. Kernels see only this; the bytes of the format are behind the parser.
 */
#ifndef SN_INFER_LAYER_H
#define SN_INFER_LAYER_H

#include "infer/format.h"
#include "infer/signet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SN_INFER_ALIGNMENT = 64 };

typedef struct sn_infer_shape {
    uint32_t channels, height, width;
} sn_infer_shape;

/* What follows the sums: y = activation(scale * sum + bias), per output channel. */
typedef struct sn_infer_epilogue {
    const float *scale, *bias; /* [K]; NULL for instructions without weights */
    const float *slope;        /* [K] for PReLU, otherwise NULL */
    uint32_t activation;
} sn_infer_epilogue;

typedef struct sn_infer_kernel sn_infer_kernel;

typedef struct sn_infer_layer {
    uint32_t opcode, weight_kind, plan;
    bool centered; /* signed-binary only */
    bool residual; /* of a convolution: input_b, shaped like the output, is added to
                      scale * sum + bias before the activation; output may be input_b */
    uint32_t input_a, input_b, output; /* slots */
    sn_infer_shape in, out;            /* of input_a and of the output */
    uint32_t kernel_height, kernel_width, stride, padding;
    uint64_t weights_per_filter; /* C*R*S; C*H*W of a linear layer */

    /* Sections of the payload, inside the packed model and complete; NULL where there is none. */
    const unsigned char *packed_weights; /* fp32: float [K][C][R][S]; else bits, filter by filter */
    const unsigned char *packed_signs;   /* signed-binary: bit k set: filter k is negative; ternary:
                                            rows as those of the mask, set: negative */
    const unsigned char *packed_scale, *packed_bias, *packed_slope; /* float [K] */
    /* The input rounded to integers, q = round(x / input_scale) held to 0 .. 255 or -127 .. 127;
     * input_scale 0: it stays float32. */
    float input_scale;
    bool input_signed;
    uint64_t payload_bytes;
    uint64_t effectual_weights; /* not zero: set bits of a mask; all weights of a binary layer */

    /* Filled by sn_infer_open, in model memory. */
    sn_infer_epilogue epilogue;
    const sn_infer_kernel *kernel;
    void *prepared; /* kernel->prepare wrote it */
} sn_infer_layer;

/* Bytes that a layer needs beyond its epilogue and its slots. */
typedef struct sn_infer_need {
    uint64_t prepared; /* in model memory, written once */
    uint64_t work;     /* in scratch memory, contents lost between layers */
} sn_infer_need;

/* One way to run a kind of layer. To add one (another weight kind, plan or instruction set): a file
 * that defines it and a line in kernels.c. Blocks handed to it are aligned to SN_INFER_ALIGNMENT.
 */
struct sn_infer_kernel {
    const char *name;
    bool (*accepts)(const sn_infer_layer *layer);
    /* False when the layer is larger than the kernel can address. NULL: needs nothing. */
    bool (*measure)(const sn_infer_layer *layer, sn_infer_need *need);
    /* Turns packed sections into what run reads. NULL: nothing to do. */
    void (*prepare)(const sn_infer_layer *layer, void *prepared);
    /* Inputs and output are dense [C][H][W] and do not overlap; b is used by two-input instructions
     * only. The output's contents before are undefined, as are work's. */
    void (*run)(const sn_infer_layer *layer, const float *a, const float *b, float *out,
                void *work);
};

extern const sn_infer_kernel sn_infer_conv_signed_binary;
extern const sn_infer_kernel sn_infer_conv_fp32;
extern const sn_infer_kernel sn_infer_linear_fp32;
extern const sn_infer_kernel sn_infer_sum;
extern const sn_infer_kernel sn_infer_max_pool;
extern const sn_infer_kernel sn_infer_average_pool;
extern const sn_infer_kernel sn_infer_global_average_pool;

/* The first kernel of the table that accepts the layer, NULL when none does. */
const sn_infer_kernel *sn_infer_kernel_find(const sn_infer_layer *layer);

static inline uint64_t sn_infer_align_up(uint64_t bytes) {
    return (bytes + SN_INFER_ALIGNMENT - 1) / SN_INFER_ALIGNMENT * SN_INFER_ALIGNMENT;
}

static inline uint64_t sn_infer_shape_elements(sn_infer_shape shape) {
    return (uint64_t)shape.channels * shape.height * shape.width;
}

static inline bool sn_infer_bit(const unsigned char *bits, uint64_t index) {
    return bits[index / 8] >> (index % 8) & 1;
}

#endif
