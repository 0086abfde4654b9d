/* Convolution of integer activations with weights of two or three values, by tiles of int8.
 *
 * The tile of weights has a filter in each row, the one of activations a pixel in each column, four
 * channels one behind the other. So the 16 columns are the 16 lanes of a vector (tiles.h), and a
 * row of the sums is such a vector of one filter's outputs: nothing is transposed. The band is
 * staged as for other kernels and then becomes
 *
 *     band[staged vector][quad: four channels][lane][4 bytes]
 *
 * Taps below one another are neighbours there, so that a *run* of them is one row of quads after
 * the other; a tile takes 16, and what a run's last tile takes too much has weight 0. With 16
 * channels and a 3x3 window the tile of a window's column is three quarters full, not one.
 */
#include "infer/amx_tile.h"
#include "infer/plan_conv.h"

#if SN_INFER_HAS_TILES

#include <string.h>

enum {
    LANES = 16,
    QUAD_BYTES = LANES * 4,
    STEP_QUADS = SN_TILE_ROWS,                     /* that a tile takes */
    STEP_BYTES = SN_TILE_ROWS * SN_TILE_BYTES,     /* of a tile */
    OVERRUN_BYTES = (STEP_QUADS - 1) * QUAD_BYTES, /* behind the band, see above */
    PAIR = 2 * SN_TILE_ROWS,                       /* filters that are summed at a time */
};

static uint32_t quads_of(const sn_infer_layer *layer) {
    return (layer->in.channels + 3) / 4;
}

/* ---- runs ---- */

/* Taps (row, column), (row + stride, column), ... */
typedef struct tap_run {
    uint32_t row, column, taps;
} tap_run;

static uint32_t run_count(const sn_infer_layer *layer) {
    return layer->kernel_width * layer->conv.stage.row_phases;
}

static tap_run run_at(const sn_infer_layer *layer, uint32_t index) {
    const uint32_t phases = layer->conv.stage.row_phases, row = index % phases;
    return (tap_run){.row = row,
                     .column = index / phases,
                     .taps = (layer->kernel_height - row - 1) / layer->stride + 1};
}

static uint64_t run_steps(const sn_infer_layer *layer, const tap_run *run) {
    return ((uint64_t)run->taps * quads_of(layer) + STEP_QUADS - 1) / STEP_QUADS;
}

/* ---- planning ---- */

/* Sums have to fit into 32 bits. Those below 2^24 are exact as floats, others are rounded once. Of
 * a centred input the integers go from -255 to 255, and do not fit into a tile's bytes. */
static bool accepts(const sn_infer_layer *layer) {
    return layer->opcode == SN_INFER_OP_CONV && layer->plan == SN_INFER_PLAN_PLAIN &&
           layer->input_scale != 0 && !layer->input_centered &&
           layer->weight_kind > SN_INFER_WEIGHTS_FP32 &&
           layer->weights_per_filter <= INT32_MAX / 255 && layer->isa->lanes == LANES;
}

typedef struct prepared_parts {
    unsigned char *stage;
    float *gain, *bias, *share, *slope, *shift;
    uint16_t *taps;    /* where they are staged, for the box sum */
    uint32_t *offsets; /* of the steps, in quads */
    int8_t *weights;   /* [groups][steps][SN_TILE_ROWS filters][SN_TILE_BYTES] */
} prepared_parts;

static uint64_t carve(const sn_infer_layer *layer, unsigned char *base, prepared_parts *parts) {
    const sn_infer_conv *conv = &layer->conv;
    const uint64_t filters = (uint64_t)layer->out.channels * sizeof(float);
    const uint64_t taps = (uint64_t)layer->kernel_height * layer->kernel_width;
    uint64_t used = 0;
    parts->stage = sn_infer_take(base, &used, sn_infer_stage_bytes(&conv->stage));
    parts->gain = sn_infer_take(base, &used, filters);
    parts->bias = sn_infer_take(base, &used, filters);
    parts->share = sn_infer_take(base, &used, conv->box ? filters * layer->regions : 0);
    parts->slope = sn_infer_take(base, &used, layer->packed_slope ? filters : 0);
    parts->shift = sn_infer_take(base, &used, layer->packed_shift ? filters : 0);
    parts->taps = sn_infer_take(base, &used, conv->box ? taps * sizeof(uint16_t) : 0);
    parts->offsets = sn_infer_take(base, &used, (uint64_t)conv->steps * sizeof(uint32_t));
    parts->weights = sn_infer_take(base, &used, (uint64_t)conv->groups * conv->steps * STEP_BYTES);
    return used;
}

/* One thread's. */
typedef struct workspace {
    float *floats; /* four channels, staged */
    unsigned char *band;
    float *column_sums, *box; /* of each region; box: of the band, [columns][regions][rows] */
    int32_t *sums;            /* [PAIR][rows] */
    float *float_sums;
} workspace;

static uint64_t carve_work(const sn_infer_layer *layer, unsigned char *base, workspace *work) {
    const sn_infer_conv *conv = &layer->conv;
    const uint64_t vector = LANES * sizeof(float), channel = conv->stage.channel * vector;
    const uint64_t box = (uint64_t)conv->stage.to.columns * conv->rows * vector;
    uint64_t used = 0;
    work->floats = sn_infer_take(base, &used, 4 * channel);
    work->band = sn_infer_take(
        base, &used, (uint64_t)conv->stage.channel * quads_of(layer) * QUAD_BYTES + OVERRUN_BYTES);
    work->column_sums = sn_infer_take(base, &used, conv->box ? layer->regions * channel : 0);
    work->box = sn_infer_take(base, &used, conv->box ? layer->regions * box : 0);
    work->sums = sn_infer_take(base, &used, PAIR * conv->rows * vector);
    work->float_sums = sn_infer_take(base, &used, PAIR * conv->rows * vector);
    return used;
}

/* The tiles multiply: they are a dense form. */
static bool plan(sn_infer_layer *layer, const sn_infer_options *options, sn_infer_need *need) {
    sn_infer_conv *conv = &layer->conv;
    const sn_infer_tiles tiles =
        sn_infer_tiles_choose(layer->out.height, layer->out.width, layer->isa->lanes);
    prepared_parts parts;
    workspace work;
    uint64_t steps = 0;
    if ((options->form != SN_INFER_FORM_AUTO && options->form != SN_INFER_FORM_DENSE) ||
        !sn_infer_plan_bands(layer, tiles.rows))
        return false;
    for (uint32_t i = 0; i < run_count(layer); i++) {
        const tap_run run = run_at(layer, i);
        steps += run_steps(layer, &run);
    }
    if (steps > UINT32_MAX)
        return false;
    conv->form = SN_INFER_FORM_DENSE;
    conv->tiles = true;
    conv->box = layer->centered;
    conv->group = SN_TILE_ROWS;
    conv->groups = (layer->out.channels + SN_TILE_ROWS - 1) / SN_TILE_ROWS;
    conv->chunk = layer->in.channels;
    conv->chunks = 1;
    conv->steps = (uint32_t)steps;
    conv->additions = layer->weights_per_filter * layer->out.channels;
    need->prepared = carve(layer, NULL, &parts);
    need->work = carve_work(layer, NULL, &work);
    return true;
}

/* ---- preparing ---- */

/* Step `step` of a run, for the filters from `first` on. */
static void prepare_tile(const sn_infer_layer *layer, const tap_run *run, uint64_t step,
                         uint32_t first, int8_t *to) {
    const uint32_t quads = quads_of(layer), left = layer->out.channels - first;
    memset(to, 0, STEP_BYTES);
    for (uint32_t byte = 0; byte < SN_TILE_BYTES; byte++) {
        const uint64_t quad = step * STEP_QUADS + byte / 4, tap = quad / quads;
        const uint64_t channel = quad % quads * 4 + byte % 4;
        if (tap >= run->taps || channel >= layer->in.channels)
            continue;
        const uint64_t row = channel * layer->kernel_height + run->row + tap * layer->stride;
        const uint64_t weight = row * layer->kernel_width + run->column;
        for (uint32_t k = 0; k < SN_TILE_ROWS && k < left; k++)
            to[k * SN_TILE_BYTES + byte] = (int8_t)sn_infer_digit(layer, first + k, weight);
    }
}

static void prepare_runs(const sn_infer_layer *layer, const prepared_parts *parts) {
    const sn_infer_conv *conv = &layer->conv;
    uint32_t at = 0;
    for (uint32_t i = 0; i < run_count(layer); i++) {
        const tap_run run = run_at(layer, i);
        const uint64_t start =
            sn_infer_stage_offset(&conv->stage, 0, run.row, run.column) * quads_of(layer);
        for (uint64_t step = 0; step < run_steps(layer, &run); step++, at++) {
            parts->offsets[at] = (uint32_t)(start + step * STEP_QUADS);
            for (uint32_t group = 0; group < conv->groups; group++)
                prepare_tile(layer, &run, step, group * SN_TILE_ROWS,
                             parts->weights + ((size_t)group * conv->steps + at) * STEP_BYTES);
        }
    }
}

static void prepare(sn_infer_layer *layer, void *prepared) {
    sn_infer_conv *conv = &layer->conv;
    prepared_parts parts;
    carve(layer, prepared, &parts);
    sn_infer_stage_prepare(layer, &conv->stage, parts.stage);
    sn_infer_prepare_terms(layer, parts.gain, parts.bias, parts.share, parts.slope, parts.shift);
    for (uint32_t r = 0; conv->box && r < layer->kernel_height; r++)
        for (uint32_t q = 0; q < layer->kernel_width; q++)
            *parts.taps++ = (uint16_t)sn_infer_stage_offset(&conv->stage, 0, r, q);
    prepare_runs(layer, &parts);
}

/* ---- running ---- */

/* What a thread computes of a band: filters of some groups. */
typedef struct share {
    const sn_infer_layer *layer;
    const sn_infer_task *task;
    prepared_parts parts;
    workspace work;
    uint32_t first_row, rows; /* of the output's tiles */
    uint32_t first_group, end_group;
} share;

/* Four channels of rounded floats, from[4][vectors][LANES], become a quad of every vector. */
SN_TILE_TARGET static void pack_quad(const float *from, size_t vectors, size_t quads,
                                     unsigned char *to) {
    const size_t channel = vectors * LANES;
    for (size_t v = 0; v < vectors; v++, from += LANES, to += quads * QUAD_BYTES) {
        uint32_t packed[LANES];
        for (uint32_t lane = 0; lane < LANES; lane++) {
            packed[lane] = (uint32_t)(int32_t)from[lane] & 0xff;
            for (uint32_t c = 1; c < 4; c++)
                packed[lane] |= ((uint32_t)(int32_t)from[c * channel + lane] & 0xff) << 8 * c;
        }
        memcpy(to, packed, sizeof packed);
    }
}

/* Adds channels first .. first + count - 1 to the column sums of their regions. */
static void sum_columns(const share *s, uint32_t first, uint32_t count, const float *from) {
    const sn_infer_layer *layer = s->layer;
    const uint32_t vectors = layer->conv.stage.channel;
    const size_t channel = (size_t)vectors * LANES;
    for (uint32_t c = first; c < first + count;) {
        const uint32_t region = c / layer->region_channels;
        const uint32_t left = (region + 1) * layer->region_channels - c;
        const uint32_t some = left < first + count - c ? left : first + count - c;
        layer->isa->sum_channels(from, some, vectors, s->work.column_sums + region * channel);
        from += some * channel;
        c += some;
    }
}

/* The band as bytes, and its sums over channels. */
static void stage_band(const share *s) {
    const sn_infer_layer *layer = s->layer;
    const sn_infer_stage *stage = &layer->conv.stage;
    const sn_infer_rounding rounding = sn_infer_rounding_of(layer);
    const uint32_t quads = quads_of(layer), vectors = stage->channel;
    const size_t in = (size_t)sn_infer_tiles_vectors(&stage->from) * LANES;
    const size_t channel = (size_t)vectors * LANES;
    const workspace *work = &s->work;
    if (layer->conv.box)
        memset(work->column_sums, 0, layer->regions * channel * sizeof(float));
    for (uint32_t quad = 0; quad < quads; quad++) {
        const uint32_t left = layer->in.channels - 4 * quad, channels = left < 4 ? left : 4;
        layer->isa->stage(stage, s->task->a + 4 * quad * in, channels, s->first_row, NULL,
                          work->floats);
        layer->isa->round_floats(&rounding, channels, vectors, NULL, work->floats);
        memset(work->floats + channels * channel, 0, (4 - channels) * channel * sizeof(float));
        if (layer->conv.box)
            sum_columns(s, 4 * quad, channels, work->floats);
        pack_quad(work->floats, vectors, quads, work->band + (size_t)quad * QUAD_BYTES);
    }
    memset(work->band + (size_t)vectors * quads * QUAD_BYTES, 0, OVERRUN_BYTES);
}

/* [regions][rows] of a column. */
static float *box_of(const share *s, uint32_t column) {
    return s->work.box + (size_t)column * s->layer->regions * s->layer->conv.rows * LANES;
}

/* The sums of all that is under the windows, of the whole band. */
static void sum_boxes(const share *s) {
    const sn_infer_conv *conv = &s->layer->conv;
    for (uint32_t column = 0; column < conv->stage.to.columns; column++)
        for (uint32_t region = 0; region < s->layer->regions; region++) {
            const size_t at =
                (size_t)region * conv->stage.channel + (size_t)column * conv->stage.pitch;
            s->layer->isa->pool(&(sn_infer_pool_window){
                .base = s->work.column_sums + at * LANES,
                .offsets = s->parts.taps,
                .taps = s->layer->kernel_height * s->layer->kernel_width,
                .count = s->rows,
                .scale = 1,
                .to = box_of(s, column) + (size_t)region * s->rows * LANES,
            });
        }
}

/* Up to two tiles of filters, times one or two of pixels. */
typedef struct tile_job {
    const int8_t *weights[2]; /* the second, or NULL */
    const unsigned char *band[2];
    int32_t *sums[2][2]; /* [filters][pixels] */
    const uint32_t *offsets;
    uint32_t steps;
    size_t stride; /* of sums, in bytes */
} tile_job;

/* A processor foresees the conditions in here, which are the same at each step. */
#define SUM_TILES(name, sn_tile_dot)                                                               \
    SN_TILE_TARGET static void name(const tile_job *job) {                                         \
        const int8_t *first = job->weights[0], *second = job->weights[1];                          \
        SN_TILE_WRITTEN();                                                                         \
        sn_tile_zero(0);                                                                           \
        sn_tile_zero(1);                                                                           \
        sn_tile_zero(2);                                                                           \
        sn_tile_zero(3);                                                                           \
        for (uint32_t i = 0; i < job->steps; i++) {                                                \
            const size_t at = (size_t)job->offsets[i] * QUAD_BYTES;                                \
            sn_tile_load(4, first + (size_t)i * STEP_BYTES, SN_TILE_BYTES);                        \
            sn_tile_load(6, job->band[0] + at, QUAD_BYTES);                                        \
            sn_tile_dot(0, 4, 6);                                                                  \
            if (second) {                                                                          \
                sn_tile_load(5, second + (size_t)i * STEP_BYTES, SN_TILE_BYTES);                   \
                sn_tile_dot(2, 5, 6);                                                              \
            }                                                                                      \
            if (job->band[1]) {                                                                    \
                sn_tile_load(7, job->band[1] + at, QUAD_BYTES);                                    \
                sn_tile_dot(1, 4, 7);                                                              \
                if (second)                                                                        \
                    sn_tile_dot(3, 5, 7);                                                          \
            }                                                                                      \
        }                                                                                          \
        sn_tile_store(0, job->sums[0][0], job->stride);                                            \
        if (second)                                                                                \
            sn_tile_store(2, job->sums[1][0], job->stride);                                        \
        if (job->band[1])                                                                          \
            sn_tile_store(1, job->sums[0][1], job->stride);                                        \
        if (job->band[1] && second)                                                                \
            sn_tile_store(3, job->sums[1][1], job->stride);                                        \
    }

SUM_TILES(sum_unsigned, sn_tile_dot_unsigned)
SUM_TILES(sum_signed, sn_tile_dot_signed)

/* The sums of the filters of one or two groups, in one column of the band: sums[filter][rows]. */
static void sum_pair(const share *s, uint32_t group, bool both, uint32_t column) {
    const sn_infer_conv *conv = &s->layer->conv;
    const size_t vector = (size_t)quads_of(s->layer) * QUAD_BYTES;
    const size_t weights = (size_t)conv->steps * STEP_BYTES;
    const int8_t *first = s->parts.weights + group * weights;
    const unsigned char *band = s->work.band + (size_t)column * conv->stage.pitch * vector;
    int32_t *sums = s->work.sums, *second = sums + (size_t)SN_TILE_ROWS * s->rows * LANES;
    for (uint32_t row = 0; row < s->rows; row += 2, sums += 2 * LANES, second += 2 * LANES) {
        const tile_job job = {
            .weights = {first, both ? first + weights : NULL},
            .band = {band + row * vector, row + 1 < s->rows ? band + (row + 1) * vector : NULL},
            .sums = {{sums, sums + LANES}, {second, second + LANES}},
            .offsets = s->parts.offsets,
            .steps = conv->steps,
            .stride = s->rows * LANES * sizeof(int32_t),
        };
        if (s->layer->input_signed)
            sum_signed(&job);
        else
            sum_unsigned(&job);
    }
}

SN_TILE_TARGET static void convert(const int32_t *integers, size_t count, float *floats) {
    for (size_t i = 0; i < count; i++)
        floats[i] = (float)integers[i];
}

static void run_pair(const share *s, uint32_t group, uint32_t column) {
    const sn_infer_layer *layer = s->layer;
    const sn_infer_conv *conv = &layer->conv;
    const sn_infer_tiles *to = &conv->stage.to;
    const bool both = group + 1 < s->end_group;
    const size_t place = ((size_t)column * to->rows + s->first_row) * LANES;
    const uint32_t first = group * SN_TILE_ROWS, last = (group + 1 + both) * SN_TILE_ROWS;
    const uint32_t end = last < layer->out.channels ? last : layer->out.channels;
    const bool one_box = conv->box && layer->regions == 1;
    sum_pair(s, group, both, column);
    convert(s->work.sums, (size_t)(1 + both) * SN_TILE_ROWS * s->rows * LANES, s->work.float_sums);
    if (conv->box && !one_box)
        layer->isa->add_boxes(&(sn_infer_boxes){.sums = s->work.float_sums,
                                                .rows = s->rows,
                                                .group = PAIR,
                                                .first = first,
                                                .end = end,
                                                .regions = layer->regions,
                                                .share = s->parts.share,
                                                .box = box_of(s, column)});
    layer->isa->finish(&(sn_infer_finish){
        .sums = s->work.float_sums,
        .rows = s->rows,
        .count = s->rows,
        .group = PAIR,
        .first = first,
        .end = end,
        .gain = s->parts.gain,
        .bias = s->parts.bias,
        .share = one_box ? s->parts.share : NULL,
        .box = one_box ? box_of(s, column) : NULL,
        .slope = s->parts.slope,
        .shift = s->parts.shift,
        .residual = layer->residual ? s->task->b + place : NULL,
        .to = s->task->out + place,
        .pitch = (size_t)sn_infer_tiles_vectors(to),
        .activation = layer->activation,
    });
}

SN_TILE_TARGET static void run(const sn_infer_layer *layer, const sn_infer_task *task) {
    const sn_infer_conv *conv = &layer->conv;
    share s = {.layer = layer, .task = task};
    carve(layer, layer->prepared, &s.parts);
    carve_work(layer, task->work, &s.work);
    sn_tile_begin();
    for (uint32_t i = task->thread; i < sn_infer_unit_count(conv, task->threads);
         i += task->threads) {
        const sn_infer_unit unit = sn_infer_unit_at(conv, task->threads, i);
        s.first_row = unit.first_row;
        const uint32_t left = conv->stage.to.rows - s.first_row;
        s.rows = left < conv->rows ? left : conv->rows;
        s.first_group = unit.first_group;
        s.end_group = unit.end_group;
        stage_band(&s);
        if (conv->box)
            sum_boxes(&s);
        for (uint32_t group = s.first_group; group < s.end_group; group += 2)
            for (uint32_t column = 0; column < conv->stage.to.columns; column++)
                run_pair(&s, group, column);
    }
    sn_tile_end();
}

const sn_infer_kernel sn_infer_tile_conv_kernel = {
    .name = "convolution", .accepts = accepts, .plan = plan, .prepare = prepare, .run = run};

#endif
