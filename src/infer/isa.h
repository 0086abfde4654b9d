/* Inside the runtime: what an instruction set provides. The kernels are written once, in
 * vector_kernels.inc, and compiled for each; a row of output vectors of a block is `rows` long, one
 * of sn_infer_block_rows. All blocks of memory are aligned to 64 bytes. */
#ifndef SN_INFER_ISA_H
#define SN_INFER_ISA_H

#include "infer/layer.h"
#include "infer/program.h"
#include "infer/stage.h"

enum { SN_INFER_ROW_CHOICES = 5, SN_INFER_MAX_ROWS = 8 };
extern const uint32_t sn_infer_block_rows[SN_INFER_ROW_CHOICES]; /* 1, 2, 4, 7, 8 */

/* Adds the sums of `groups` programs (sums.h) to their outputs: out[group][out_stride][rows]. Reads
 * a word behind the last. */
typedef struct sn_infer_walk {
    const uint64_t *words;
    const uint16_t *offsets;
    uint32_t groups, out_stride;
    const void *base; /* the staged vector of offset 0 for the block's first row */
    void *out;
} sn_infer_walk;

/* Activations as integers: round(value * inverse), held to low .. high. */
typedef struct sn_infer_rounding {
    float inverse, low, high;
} sn_infer_rounding;

/* to[i] = {the rounded first[i], then the rounded second[i]}, of `channels` channels one after the
 * other; less what a channel of means holds, which are integers. */
typedef struct sn_infer_narrow {
    const sn_infer_rounding *rounding;
    uint32_t channels, vectors; /* of a channel */
    const float *first, *second;
    const float *first_mean, *second_mean; /* [vectors], or both NULL */
    void *to;
} sn_infer_narrow;

/* to[vectors] = the mean over channels, from[channels][pitch] in vectors. Of floats; or, when they
 * are to be rounded, of the integers q that they become: floor((sum of q + channels / 2) /
 * channels). */
typedef struct sn_infer_channel_means {
    const float *from;
    size_t pitch;
    uint32_t channels, vectors;
    const sn_infer_rounding *rounding; /* or NULL */
    float *to;
} sn_infer_channel_means;

/* Adds products: out[groups * 4][rows] += weights[groups][taps][4] times the vectors at offsets. */
typedef struct sn_infer_dense {
    const float *weights;
    const uint16_t *offsets;
    uint32_t taps, groups, rows;
    const float *base;
    float *out;
} sn_infer_dense;

/* to[filter][pitch] = activation(gain * (sum - half / 2 + share * box) + bias + residual) + shift,
 * for the first `count` rows. Sums lie as [group + extra][rows] for every `group` filters from
 * `first` on; the extra one is `half`. */
typedef struct sn_infer_finish {
    const float *sums;
    uint32_t rows, count, group, extra, first, end;
    const float *gain, *bias; /* [K] */
    const float *share, *box; /* [K] and [rows], or NULL */
    const float *slope;       /* [K] or NULL */
    const float *shift;       /* [K] or NULL */
    const float *residual;    /* laid out as `to`, which it may be; or NULL */
    float *to;
    size_t pitch; /* vectors from filter to filter */
    uint32_t activation;
} sn_infer_finish;

/* sums[filter][rows] += the sum over regions of share[filter][region] * box[region][rows], for
 * filters with several regions and before sn_infer_finish, which then has no box. Sums lie as
 * there. */
typedef struct sn_infer_boxes {
    float *sums;
    uint32_t rows, group, extra, first, end, regions;
    const float *share; /* [K][regions] */
    const float *box;
} sn_infer_boxes;

typedef struct sn_infer_add {
    const float *a, *b, *slope;
    float *to;
    uint32_t channels, vectors, activation;
} sn_infer_add;

/* to[channel][vectors] = clamp(a + shift). */
typedef struct sn_infer_shift_clamp {
    const float *a, *shift;
    float *to;
    uint32_t channels, vectors;
} sn_infer_shift_clamp;

typedef struct sn_infer_pool_window {
    const float *base;
    const uint16_t *offsets;
    uint32_t taps, count;
    bool maximum;
    float scale;
    float *to;
} sn_infer_pool_window;

typedef struct sn_infer_isa_ops {
    sn_infer_isa isa;
    uint32_t lanes;
    sn_infer_costs costs;
    void (*add_walk[SN_INFER_ROW_CHOICES])(const sn_infer_walk *job);
    void (*signed_walk[SN_INFER_ROW_CHOICES])(const sn_infer_walk *job);
    void (*ternary_walk[SN_INFER_ROW_CHOICES])(const sn_infer_walk *job);
    /* The same over twice as many integers of 16 bits, modulo 2^16; NULL where there are none. */
    void (*add_walk_short[SN_INFER_ROW_CHOICES])(const sn_infer_walk *job);
    void (*signed_walk_short[SN_INFER_ROW_CHOICES])(const sn_infer_walk *job);
    void (*ternary_walk_short[SN_INFER_ROW_CHOICES])(const sn_infer_walk *job);
    void (*narrow)(const sn_infer_narrow *job);
    /* Adds sums to first and second, and clears them. */
    void (*widen)(void *sums, size_t vectors, float *first, float *second);
    /* See sum_channels. */
    void (*sum_short_channels)(const void *from, uint32_t channels, uint32_t vectors, float *first,
                               float *second);
    /* values[channels][vectors] rounded, less mean[vectors] unless that is NULL. */
    void (*round_floats)(const sn_infer_rounding *rounding, uint32_t channels, uint32_t vectors,
                         const float *mean, float *values);
    void (*channel_means)(const sn_infer_channel_means *job);
    void (*dense)(const sn_infer_dense *job);
    /* `channels` channels from from[][tile] to staged[][stage->channel], less mean[tile] unless
     * that is NULL; the fill has to be 0 then. */
    void (*stage)(const sn_infer_stage *stage, const float *from, uint32_t channels,
                  uint32_t first_row, const float *mean, float *staged);
    /* to[vectors] += the sum over channels. */
    void (*sum_channels)(const float *from, uint32_t channels, uint32_t vectors, float *to);
    void (*add_boxes)(const sn_infer_boxes *job);
    void (*finish)(const sn_infer_finish *job);
    void (*add)(const sn_infer_add *job);
    void (*shift_clamp)(const sn_infer_shift_clamp *job);
    void (*pool)(const sn_infer_pool_window *job);
    float (*dot)(const float *a, const float *b, size_t count);
    /* Runs those convolutions that it accepts and plans in place of the usual kernel; or NULL. */
    const sn_infer_kernel *tile_conv;
} sn_infer_isa_ops;

/* The channels that are a thread's part of a layer that works number by number. */
typedef struct sn_infer_channels {
    uint32_t first, count;
    uint32_t vectors; /* of a channel */
    size_t at;        /* where the first begins, in floats */
} sn_infer_channels;

static inline sn_infer_channels sn_infer_channels_of(const sn_infer_layer *layer,
                                                     const sn_infer_task *task) {
    const uint64_t channels = layer->out.channels;
    const uint32_t first = (uint32_t)(channels * task->thread / task->threads);
    const uint32_t end = (uint32_t)(channels * (task->thread + 1) / task->threads);
    const sn_infer_tiles tiles =
        sn_infer_tiles_choose(layer->out.height, layer->out.width, layer->isa->lanes);
    const uint32_t vectors = (uint32_t)sn_infer_tiles_vectors(&tiles);
    return (sn_infer_channels){first, end - first, vectors,
                               (size_t)first * vectors * layer->isa->lanes};
}

/* NULL when this build or processor does not have it. AUTO: the fastest. */
const sn_infer_isa_ops *sn_infer_isa_find(sn_infer_isa isa);

#endif
