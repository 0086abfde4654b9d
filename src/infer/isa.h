/* Inside the runtime: what an instruction set provides. The functions are written once, in
 * vector_kernels.inc, and compiled for each. A block is a column of a band: `rows` output vectors
 * of each filter, one of sn_infer_block_rows. All blocks of memory are aligned to 64 bytes. */
#ifndef SN_INFER_ISA_H
#define SN_INFER_ISA_H

#include "infer/kernel.h"
#include "infer/prologue.h"
#include "infer/walk_words.h"

/* Adds the sums of `groups` walks (walk.h) to their outputs: out[group][out_stride][rows]. Reads
 * a word behind the last. */
typedef struct sn_infer_walk_job {
    const uint64_t *words;
    const uint16_t *offsets;
    uint32_t groups, out_stride;
    const void *base; /* the band's vector of offset 0 for the block's first row */
    void *out;
} sn_infer_walk_job;

/* Activations as integers: round(value * inverse), held to low .. high. */
typedef struct sn_infer_rounding {
    float inverse, low, high;
} sn_infer_rounding;

/* How the layer's input becomes integers; input_scale is not 0. */
static inline sn_infer_rounding sn_infer_rounding_of(const sn_infer_layer *layer) {
    return (sn_infer_rounding){.inverse = 1 / layer->input_scale,
                               .low = layer->input_signed ? -127.0f : 0.0f,
                               .high = layer->input_signed ? 127.0f : 255.0f};
}

/* to[i] = {first[i] rounded, then second[i] rounded}, for `channels` channels one after the other,
 * less the means of one channel, which are integers. */
typedef struct sn_infer_narrow_job {
    const sn_infer_rounding *rounding;
    uint32_t channels, vectors; /* of a channel */
    const float *first, *second;
    const float *first_mean, *second_mean; /* [vectors], or both NULL */
    void *to;
} sn_infer_narrow_job;

/* to[vectors] = the mean over channels of from[channels][pitch], in vectors. Without rounding of
 * the floats; with it of the integers q that they become: floor((sum of q + channels / 2) /
 * channels). */
typedef struct sn_infer_channel_means_job {
    const float *from;
    size_t pitch;
    uint32_t channels, vectors;
    const sn_infer_rounding *rounding; /* or NULL */
    float *to;
} sn_infer_channel_means_job;

/* Adds products: out[groups * 4][rows] += weights[groups][taps][4] times the vectors at offsets. */
typedef struct sn_infer_dense_job {
    const float *weights;
    const uint16_t *offsets;
    uint32_t taps, groups, rows;
    const float *base;
    float *out;
} sn_infer_dense_job;

/* to[filter][pitch] = activation(gain * (sum - half / 2 + share * window sum) + bias + residual) +
 * shift, for the first `count` rows. Sums lie as [group + extra][rows] for every `group` filters
 * from `first` on; the extra one is `half`. */
typedef struct sn_infer_epilogue_job {
    const float *sums;
    uint32_t rows, count, group, extra, first, end;
    const float *gain, *bias;         /* [K] */
    const float *share, *window_sums; /* [K] and [rows], or NULL */
    const float *slope;               /* [K] or NULL */
    const float *shift;               /* [K] or NULL */
    const float *residual;            /* laid out as `to`, which it may be; or NULL */
    float *to;
    size_t pitch; /* vectors from filter to filter */
    uint32_t activation;
} sn_infer_epilogue_job;

/* sums[filter][rows] += the sum over regions of share[filter][region] * window_sums[region][rows].
 * For filters with several regions, before the epilogue, which has no window sums then. Sums lie as
 * there. */
typedef struct sn_infer_window_sums_job {
    float *sums;
    uint32_t rows, group, extra, first, end, regions;
    const float *share; /* [K][regions] */
    const float *window_sums;
} sn_infer_window_sums_job;

typedef struct sn_infer_add_job {
    const float *a, *b, *slope;
    float *to;
    uint32_t channels, vectors, activation;
} sn_infer_add_job;

/* to[channel][vectors] = clamp(a + shift). */
typedef struct sn_infer_shift_clamp_job {
    const float *a, *shift;
    float *to;
    uint32_t channels, vectors;
} sn_infer_shift_clamp_job;

typedef struct sn_infer_pool_job {
    const float *base;
    const uint16_t *offsets;
    uint32_t taps, count;
    bool maximum;
    float scale;
    float *to;
} sn_infer_pool_job;

struct sn_infer_isa_ops {
    sn_infer_isa isa;
    uint32_t lanes;
    sn_infer_costs costs;
    const sn_infer_kernel *const *kernels; /* kernels.h */
    void (*add_walk[SN_INFER_ROW_CHOICES])(const sn_infer_walk_job *job);
    void (*signed_walk[SN_INFER_ROW_CHOICES])(const sn_infer_walk_job *job);
    void (*ternary_walk[SN_INFER_ROW_CHOICES])(const sn_infer_walk_job *job);
    /* The same over twice as many integers of 16 bits, modulo 2^16; NULL where there are none. */
    void (*add_walk_short[SN_INFER_ROW_CHOICES])(const sn_infer_walk_job *job);
    void (*signed_walk_short[SN_INFER_ROW_CHOICES])(const sn_infer_walk_job *job);
    void (*ternary_walk_short[SN_INFER_ROW_CHOICES])(const sn_infer_walk_job *job);
    void (*narrow)(const sn_infer_narrow_job *job);
    /* Adds sums to first and second, and clears them. */
    void (*widen)(void *sums, size_t vectors, float *first, float *second);
    /* See sum_channels. */
    void (*sum_short_channels)(const void *from, uint32_t channels, uint32_t vectors, float *first,
                               float *second);
    /* values[channels][vectors] rounded, less mean[vectors] unless that is NULL. */
    void (*round_floats)(const sn_infer_rounding *rounding, uint32_t channels, uint32_t vectors,
                         const float *mean, float *values);
    void (*channel_means)(const sn_infer_channel_means_job *job);
    void (*dense)(const sn_infer_dense_job *job);
    /* `channels` channels of the input to band[channels][layout.channel], less mean unless that is
     * NULL; the fill has to be 0 then. first_row: of the band. */
    void (*prologue)(const sn_infer_prologue *prologue, const float *from, uint32_t channels,
                     uint32_t first_row, const float *mean, float *band);
    /* to[vectors] += the sum over channels. */
    void (*sum_channels)(const float *from, uint32_t channels, uint32_t vectors, float *to);
    void (*add_window_sums)(const sn_infer_window_sums_job *job);
    void (*epilogue)(const sn_infer_epilogue_job *job);
    void (*add)(const sn_infer_add_job *job);
    void (*shift_clamp)(const sn_infer_shift_clamp_job *job);
    void (*pool)(const sn_infer_pool_job *job);
    float (*dot)(const float *a, const float *b, size_t count);
};

/* A thread's channels of an element-wise layer. */
typedef struct sn_infer_channels {
    uint32_t first, count;
    uint32_t vectors; /* of a channel */
    size_t at;        /* where the first begins, in floats */
} sn_infer_channels;

static inline sn_infer_channels sn_infer_channels_of(const sn_infer_operator *op,
                                                     const sn_infer_task *task) {
    const uint64_t channels = op->layer->out.channels;
    const uint32_t lanes = op->plan.lanes;
    const uint32_t first = (uint32_t)(channels * task->thread / task->threads);
    const uint32_t end = (uint32_t)(channels * (task->thread + 1) / task->threads);
    const sn_infer_lane_layout layout = sn_infer_shape_lanes(op->layer->out, lanes);
    const uint32_t vectors = (uint32_t)sn_infer_lane_layout_vectors(&layout);
    return (sn_infer_channels){first, end - first, vectors, (size_t)first * vectors * lanes};
}

/* Each instruction set NAME has sn_infer_find_NAME: its functions, or NULL when this build or
 * processor does not have it. isas.def lists them. */
typedef const sn_infer_isa_ops *sn_infer_isa_finder(void);

/* NULL when this build or processor does not have it. AUTO: the fastest. */
const sn_infer_isa_ops *sn_infer_isa_find(sn_infer_isa isa);

#endif
