/* Inside the runtime: one instruction of a packed model after its checks, and the kernels that can
 * run it. Kernels see only this; the bytes of the format are behind the parser.
 */
#ifndef SN_INFER_LAYER_H
#define SN_INFER_LAYER_H

#include "infer/format.h"
#include "infer/signet.h"
#include "infer/stage.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SN_INFER_ALIGNMENT = 64 };

typedef struct sn_infer_shape {
    uint32_t channels, height, width;
} sn_infer_shape;

typedef struct sn_infer_kernel sn_infer_kernel;
typedef struct sn_infer_isa_ops sn_infer_isa_ops;

/* Where a program begins. */
typedef struct sn_infer_program_start {
    uint32_t word, offset;
} sn_infer_program_start;

/* How a convolution or pooling is computed: bands of the output's tiles, `rows` high. Convolutions
 * take the input channels in chunks whose band stays in the first-level cache, and filters in
 * groups. */
typedef struct sn_infer_conv {
    sn_infer_stage stage;
    sn_infer_form form;
    sn_infer_signs signs;
    /* Activations as 16-bit integers: a vector has twice as many, those of a tile's upper half and
     * behind them those of its lower half, `half` rows below. */
    bool integers;
    bool inverts; /* filters or regions with more set bits than others add up the inputs of the
                     others */
    bool tiles;   /* by conv_amx.c: dense, but centred weights stay bits */
    bool box;     /* outputs need the sum of all that is under the window, of each region */
    uint32_t half;
    uint32_t rows, row_choice; /* of a block; index in sn_infer_block_rows */
    uint32_t bands;
    uint32_t group, groups, extra; /* filters of a group; sums that it keeps besides theirs */
    uint32_t chunk, chunks;        /* input channels */
    uint32_t steps;                /* of the sums by tiles, a tile each */
    uint64_t words, additions, transitions, patterns; /* of all programs */
    sn_infer_costs costs;
    double predicted_ns;

    /* In model memory. */
    const uint64_t *program; /* words, sums.h */
    const uint16_t *program_offsets;
    const sn_infer_program_start *program_start; /* [chunks][groups] */
    const float *weights;                        /* dense: [chunks][groups][taps of the chunk][4] */
    const uint16_t *offsets;     /* dense, pooling: of the taps; else of those of one channel */
    const uint64_t *box_program; /* one word, and of `offsets` the first channel */
    const float *gain, *bias, *slope, *shift; /* [K]; slope, shift: or NULL */
    const float *share;                       /* [K][regions] or NULL */
} sn_infer_conv;

struct sn_infer_layer {
    uint32_t opcode, weight_kind, plan;
    bool centered;       /* signed-binary only */
    bool input_signed;   /* see input_scale */
    bool input_centered; /* of a convolution with one-bit or ternary weights: at each pixel the mean
                            over input channels is taken off its input; the padding stays 0. From
                            integers q an integer is (docs/model-format.md) */
    bool residual;       /* of a convolution: input_b, shaped like the output, is added to
                          scale * sum + bias before the activation; output may be input_b */
    uint32_t input_a, input_b, output; /* slots */
    sn_infer_shape in, out;            /* of input_a and of the output */
    uint32_t kernel_height, kernel_width, stride, padding;
    /* A region is a filter's weights of so many input channels, the last one of fewer; with one
     * region all of them. Only signed-binary weights have several. */
    uint32_t region_channels, regions;
    uint64_t weights_per_filter; /* C*R*S; C*H*W of a linear layer */

    /* Sections of the payload, inside the packed model and complete; NULL where there is none. */
    const unsigned char *packed_weights; /* fp32: float [K][C][R][S]; else bits, filter by filter */
    const unsigned char *packed_signs;   /* signed-binary: bit k * regions + p set: region p of
                                            filter k is negative; ternary: rows as those of the
                                            mask, set: negative */
    const unsigned char *packed_scale, *packed_bias, *packed_slope; /* float [K] */
    const unsigned char *packed_shift; /* float [K]: of a convolution added behind the activation,
                                          otherwise before the clamp */
    /* The input rounded to integers, q = round(x / input_scale) held to 0 .. 255 or -127 .. 127;
     * input_scale 0: it stays float32. */
    float input_scale;
    uint32_t activation; /* sn_infer_activation */
    uint64_t payload_bytes;
    uint64_t effectual_weights; /* not zero: set bits of a mask; all weights of a binary layer */

    /* Filled when the layer is planned and prepared. */
    const sn_infer_kernel *kernel;
    const sn_infer_isa_ops *isa;
    sn_infer_conv conv; /* convolutions and poolings over windows */
    void *prepared;     /* in model memory: kernel->prepare wrote it */
    uint64_t prepared_bytes;
};

/* Bytes that a layer needs beyond its slots. */
typedef struct sn_infer_need {
    uint64_t prepared; /* in model memory, written once */
    uint64_t work;     /* in scratch memory, of each thread; contents lost between layers */
} sn_infer_need;

/* One thread's share of a layer. Inputs and output are laid out as in tiles.h and do not overlap,
 * except that the output of a convolution may be its residual b. b is used by two-input
 * instructions only. The output's contents before are undefined otherwise, as are work's. */
typedef struct sn_infer_task {
    const float *a, *b;
    float *out;
    void *work;
    uint32_t thread, threads;
} sn_infer_task;

/* One way to run a kind of layer. To add one: a file that defines it and a line in kernels.c.
 * Blocks handed to it are aligned to SN_INFER_ALIGNMENT. */
struct sn_infer_kernel {
    const char *name;
    bool (*accepts)(const sn_infer_layer *layer);
    /* Chooses how to run the layer on layer->isa. False when it is larger than the kernel can
     * address. NULL: nothing to choose, needs nothing. */
    bool (*plan)(sn_infer_layer *layer, const sn_infer_options *options, sn_infer_need *need);
    /* Turns packed sections into what run reads. NULL: nothing to do. */
    void (*prepare)(sn_infer_layer *layer, void *prepared);
    void (*run)(const sn_infer_layer *layer, const sn_infer_task *task);
};

extern const sn_infer_kernel sn_infer_conv_kernel;
extern const sn_infer_kernel sn_infer_linear_kernel;
extern const sn_infer_kernel sn_infer_sum_kernel;
extern const sn_infer_kernel sn_infer_shift_clamp_kernel;
extern const sn_infer_kernel sn_infer_window_pool_kernel;
extern const sn_infer_kernel sn_infer_global_pool_kernel;

/* The kernel that runs the layer, NULL when none does. */
const sn_infer_kernel *sn_infer_kernel_find(const sn_infer_layer *layer);

static inline uint64_t sn_infer_align_up(uint64_t bytes) {
    return (bytes + SN_INFER_ALIGNMENT - 1) / SN_INFER_ALIGNMENT * SN_INFER_ALIGNMENT;
}

static inline uint64_t sn_infer_shape_elements(sn_infer_shape shape) {
    return (uint64_t)shape.channels * shape.height * shape.width;
}

/* Elements of an activation as it lies in its slot. */
static inline uint64_t sn_infer_slot_elements(sn_infer_shape shape, uint32_t lanes) {
    const sn_infer_tiles tiles = sn_infer_tiles_choose(shape.height, shape.width, lanes);
    return shape.channels * sn_infer_tiles_vectors(&tiles) * lanes;
}

static inline bool sn_infer_bit(const unsigned char *bits, uint64_t index) {
    return bits[index / 8] >> (index % 8) & 1;
}

/* Hands out blocks of memory one after the other, from `base` on; NULL where there is none, or base
 * is NULL and only the size is wanted. */
static inline void *sn_infer_take(unsigned char *base, uint64_t *used, uint64_t bytes) {
    void *part = base && bytes ? base + *used : NULL;
    *used += sn_infer_align_up(bytes);
    return part;
}

#endif
