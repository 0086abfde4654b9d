/* Convolution of integer activations with weights of two or three values, by AMX tiles of int8.
 *
 * The tile of weights has a filter in each row, the one of activations a pixel in each column, four
 * channels one behind the other. So the 16 columns are the 16 lanes of a vector (lane_layout.h),
 * and a row of the sums is such a vector of one filter's outputs: nothing is transposed. The
 * prologue is that of other kernels. Then the band becomes
 *
 *     band[vector][quad: four channels][lane][4 bytes]
 *
 * Taps below one another are neighbours there, so that a *run* of them is one row of quads after
 * the other. A tile takes 16; what a run's last tile takes too much has weight 0. With 16 channels
 * and a 3x3 window the tile of a window's column is three quarters full, not one.
 */
#include "infer/amx_tile.h"
#include "infer/epilogue.h"
#include "infer/kernels.h"

#if SN_INFER_HAS_AMX

enum {
    LANES = 16,
    QUAD_BYTES = LANES * 4,
    STEP_QUADS = SN_AMX_TILE_ROWS,                    /* that a tile takes */
    STEP_BYTES = SN_AMX_TILE_ROWS * SN_AMX_ROW_BYTES, /* of a tile */
    OVERRUN_BYTES = (STEP_QUADS - 1) * QUAD_BYTES,    /* behind the band, see above */
    PAIR = 2 * SN_AMX_TILE_ROWS,                      /* filters that are summed at a time */
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
    return layer->kernel_width * sn_infer_smaller(layer->stride, layer->kernel_height);
}

static tap_run run_at(const sn_infer_layer *layer, uint32_t index) {
    const uint32_t phases = sn_infer_smaller(layer->stride, layer->kernel_height);
    const uint32_t row = index % phases;
    return (tap_run){.row = row,
                     .column = index / phases,
                     .taps = (layer->kernel_height - row - 1) / layer->stride + 1};
}

static uint64_t run_steps(const sn_infer_layer *layer, const tap_run *run) {
    return ((uint64_t)run->taps * quads_of(layer) + STEP_QUADS - 1) / STEP_QUADS;
}

/* ---- planning ---- */

/* Sums must fit into 32 bits. Below 2^24 they are exact as floats, above they are rounded once. The
 * integers of a centred input go from -255 to 255 and do not fit into the bytes of an AMX tile. */
static bool accepts(const sn_infer_layer *layer) {
    return layer->opcode == SN_INFER_OP_CONV && layer->payload_layout == SN_INFER_PAYLOAD_PLAIN &&
           sn_infer_rounds_input(layer) && !layer->input_centered && sn_infer_has_bits(layer) &&
           layer->weights_per_filter <= INT32_MAX / 255;
}

/* At the beginning of the prepared block. */
typedef struct amx_tables {
    sn_infer_prologue prologue;
    void *prologue_memory; /* what its pointers go to */
    sn_infer_epilogue epilogue;
    uint16_t *taps;    /* where they lie in the band, for window sums */
    uint32_t *offsets; /* of the steps, in quads */
    int8_t *weights;   /* [groups][steps][SN_AMX_TILE_ROWS filters][SN_AMX_ROW_BYTES] */
} amx_tables;

static uint64_t carve(const sn_infer_layer *layer, const sn_infer_plan *plan, unsigned char *base,
                      amx_tables *tables) {
    const sn_infer_conv_plan *conv = &plan->conv;
    const uint64_t taps = conv->window_sums ? sn_infer_taps(layer) : 0;
    uint64_t used = 0;
    sn_infer_take(base, &used, sizeof *tables);
    tables->prologue_memory =
        sn_infer_take(base, &used, sn_infer_prologue_bytes(&plan->bands.layout));
    sn_infer_epilogue_carve(layer, conv->window_sums, base, &used, &tables->epilogue);
    tables->taps = sn_infer_take(base, &used, taps * sizeof(uint16_t));
    tables->offsets = sn_infer_take(base, &used, (uint64_t)conv->steps * sizeof(uint32_t));
    tables->weights = sn_infer_take(base, &used, (uint64_t)conv->groups * conv->steps * STEP_BYTES);
    return used;
}

/* One thread's. */
typedef struct workspace {
    float *floats; /* four channels of the band */
    unsigned char *band;
    float *column_sums, *window_sums; /* of each region; window_sums: of the band,
                                         [columns][regions][rows] */
    int32_t *sums;                    /* [PAIR][rows] */
    float *float_sums;
} workspace;

static uint64_t carve_work(const sn_infer_layer *layer, const sn_infer_plan *plan,
                           unsigned char *base, workspace *work) {
    const sn_infer_band_layout *layout = &plan->bands.layout;
    const uint64_t vector = LANES * sizeof(float), channel = layout->channel * vector;
    const uint64_t windows = (uint64_t)layout->to.columns * plan->bands.rows * vector;
    const uint64_t regions = plan->conv.window_sums ? layer->regions : 0;
    uint64_t used = 0;
    work->floats = sn_infer_take(base, &used, 4 * channel);
    work->band = sn_infer_take(
        base, &used, (uint64_t)layout->channel * quads_of(layer) * QUAD_BYTES + OVERRUN_BYTES);
    work->column_sums = sn_infer_take(base, &used, regions * channel);
    work->window_sums = sn_infer_take(base, &used, regions * windows);
    work->sums = sn_infer_take(base, &used, PAIR * plan->bands.rows * vector);
    work->float_sums = sn_infer_take(base, &used, PAIR * plan->bands.rows * vector);
    return used;
}

/* AMX tiles multiply, so they are a dense form. They have no cost model yet: their cost is 0, and
 * they are chosen wherever the request allows the dense form. */
static bool plan_tiles(const sn_infer_layer *layer, const sn_infer_request *request,
                       sn_infer_plan *plan) {
    amx_tables tables;
    workspace work;
    uint64_t steps = 0;
    if (request->form != SN_INFER_FORM_AUTO && request->form != SN_INFER_FORM_DENSE)
        return false;
    *plan = (sn_infer_plan){.lanes = request->lanes};
    const sn_infer_lane_layout out = sn_infer_shape_lanes(layer->out, request->lanes);
    if (request->lanes != LANES ||
        !sn_infer_bands_plan(layer, request->lanes, out.rows, &plan->bands))
        return false;
    for (uint32_t i = 0; i < run_count(layer); i++) {
        const tap_run run = run_at(layer, i);
        steps += run_steps(layer, &run);
    }
    if (steps > UINT32_MAX)
        return false;
    plan->conv = (sn_infer_conv_plan){
        .scheme = {.form = SN_INFER_FORM_DENSE, .integer_weights = true},
        .window_sums = layer->centered,
        .group = SN_AMX_TILE_ROWS,
        .groups = sn_infer_divide_up(layer->out.channels, SN_AMX_TILE_ROWS),
        .chunks = sn_infer_chunks_of(layer->in.channels, layer->in.channels, layer->in.channels),
        .steps = (uint32_t)steps,
        .additions = layer->weights_per_filter * layer->out.channels,
    };
    plan->prepared = carve(layer, plan, NULL, &tables);
    plan->work = carve_work(layer, plan, NULL, &work);
    return true;
}

/* ---- preparing ---- */

/* Step `step` of a run, for the filters from `first` on. */
static void prepare_tile(const sn_infer_layer *layer, const tap_run *run, uint64_t step,
                         uint32_t first, int8_t *to) {
    const uint32_t quads = quads_of(layer), left = layer->out.channels - first;
    memset(to, 0, STEP_BYTES);
    for (uint32_t byte = 0; byte < SN_AMX_ROW_BYTES; byte++) {
        const uint64_t quad = step * STEP_QUADS + byte / 4, tap = quad / quads;
        const uint64_t channel = quad % quads * 4 + byte % 4;
        if (tap >= run->taps || channel >= layer->in.channels)
            continue;
        const uint64_t row = channel * layer->kernel_height + run->row + tap * layer->stride;
        const uint64_t weight = row * layer->kernel_width + run->column;
        for (uint32_t k = 0; k < SN_AMX_TILE_ROWS && k < left; k++)
            to[k * SN_AMX_ROW_BYTES + byte] = (int8_t)sn_infer_digit(layer, first + k, weight);
    }
}

static void prepare_runs(const sn_infer_layer *layer, const sn_infer_plan *plan,
                         const amx_tables *tables) {
    const sn_infer_conv_plan *conv = &plan->conv;
    uint32_t at = 0;
    for (uint32_t i = 0; i < run_count(layer); i++) {
        const tap_run run = run_at(layer, i);
        const uint64_t start =
            sn_infer_band_layout_offset(&plan->bands.layout, 0, run.row, run.column) *
            quads_of(layer);
        for (uint64_t step = 0; step < run_steps(layer, &run); step++, at++) {
            tables->offsets[at] = (uint32_t)(start + step * STEP_QUADS);
            for (uint32_t group = 0; group < conv->groups; group++)
                prepare_tile(layer, &run, step, group * SN_AMX_TILE_ROWS,
                             tables->weights + ((size_t)group * conv->steps + at) * STEP_BYTES);
        }
    }
}

static void prepare(const sn_infer_layer *layer, const sn_infer_plan *plan, void *prepared) {
    const sn_infer_band_layout *layout = &plan->bands.layout;
    amx_tables tables;
    carve(layer, plan, prepared, &tables);
    sn_infer_prologue_prepare(layer, layout, 0, tables.prologue_memory, &tables.prologue);
    sn_infer_epilogue_prepare(layer, &plan->conv.scheme, &tables.epilogue);
    uint16_t *tap = tables.taps;
    for (uint32_t r = 0; tap && r < layer->kernel_height; r++)
        for (uint32_t q = 0; q < layer->kernel_width; q++)
            *tap++ = (uint16_t)sn_infer_band_layout_offset(layout, 0, r, q);
    prepare_runs(layer, plan, &tables);
    *(amx_tables *)prepared = tables;
}

/* ---- running ---- */

/* What a thread computes of a band: filters of some groups. */
typedef struct share {
    const sn_infer_operator *op;
    const sn_infer_layer *layer;
    const sn_infer_plan *plan;
    const amx_tables *tables;
    const sn_infer_task *task;
    workspace work;
    uint32_t first_row, rows; /* of the output's patches */
    uint32_t first_group, end_group;
} share;

/* Four channels of rounded floats, from[4][vectors][LANES], become a quad of every vector. */
SN_AMX_TARGET static void pack_quad(const float *from, size_t vectors, size_t quads,
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
    const uint32_t vectors = s->plan->bands.layout.channel, width = s->layer->region_channels;
    const size_t channel = (size_t)vectors * LANES;
    for (uint32_t c = first; c < first + count;) {
        const uint32_t region = c / width;
        const uint32_t some = sn_infer_smaller((region + 1) * width, first + count) - c;
        s->op->isa->sum_channels(from, some, vectors, s->work.column_sums + region * channel);
        from += some * channel;
        c += some;
    }
}

/* The band as bytes, and its sums over channels. */
static void prepare_band(const share *s) {
    const sn_infer_layer *layer = s->layer;
    const sn_infer_band_layout *layout = &s->plan->bands.layout;
    const sn_infer_rounding rounding = sn_infer_rounding_of(layer);
    const uint32_t quads = quads_of(layer), vectors = layout->channel;
    const size_t in = (size_t)sn_infer_lane_layout_vectors(&layout->from) * LANES;
    const size_t channel = (size_t)vectors * LANES;
    const workspace *work = &s->work;
    const bool window_sums = s->plan->conv.window_sums;
    if (window_sums)
        memset(work->column_sums, 0, layer->regions * channel * sizeof(float));
    for (uint32_t quad = 0; quad < quads; quad++) {
        const uint32_t channels = sn_infer_smaller(layer->in.channels - 4 * quad, 4);
        s->op->isa->prologue(&s->tables->prologue, s->task->a + 4 * quad * in, channels,
                             s->first_row, NULL, work->floats);
        s->op->isa->round_floats(&rounding, channels, vectors, NULL, work->floats);
        memset(work->floats + channels * channel, 0, (4 - channels) * channel * sizeof(float));
        if (window_sums)
            sum_columns(s, 4 * quad, channels, work->floats);
        pack_quad(work->floats, vectors, quads, work->band + (size_t)quad * QUAD_BYTES);
    }
    memset(work->band + (size_t)vectors * quads * QUAD_BYTES, 0, OVERRUN_BYTES);
}

/* [regions][rows] of a column. */
static float *window_sums_of(const share *s, uint32_t column) {
    return s->work.window_sums + (size_t)column * s->layer->regions * s->plan->bands.rows * LANES;
}

/* The window sums of the whole band. */
static void sum_windows(const share *s) {
    const sn_infer_band_layout *layout = &s->plan->bands.layout;
    for (uint32_t column = 0; column < layout->to.columns; column++)
        for (uint32_t region = 0; region < s->layer->regions; region++) {
            const size_t at = (size_t)region * layout->channel + (size_t)column * layout->pitch;
            s->op->isa->pool(&(sn_infer_pool_job){
                .base = s->work.column_sums + at * LANES,
                .offsets = s->tables->taps,
                .taps = (uint32_t)sn_infer_taps(s->layer),
                .count = s->rows,
                .scale = 1,
                .to = window_sums_of(s, column) + (size_t)region * s->rows * LANES,
            });
        }
}

/* Up to two AMX tiles of filters, times one or two of pixels. */
typedef struct tile_job {
    const int8_t *weights[2]; /* the second, or NULL */
    const unsigned char *band[2];
    int32_t *sums[2][2]; /* [filters][pixels] */
    const uint32_t *offsets;
    uint32_t steps;
    size_t stride; /* of sums, in bytes */
} tile_job;

/* The conditions are the same at each step, so that a processor predicts them. */
#define SUM_TILES(name, sn_amx_dot)                                                                \
    SN_AMX_TARGET static void name(const tile_job *job) {                                          \
        const int8_t *first = job->weights[0], *second = job->weights[1];                          \
        SN_AMX_WRITTEN();                                                                          \
        sn_amx_zero(0);                                                                            \
        sn_amx_zero(1);                                                                            \
        sn_amx_zero(2);                                                                            \
        sn_amx_zero(3);                                                                            \
        for (uint32_t i = 0; i < job->steps; i++) {                                                \
            const size_t at = (size_t)job->offsets[i] * QUAD_BYTES;                                \
            sn_amx_load(4, first + (size_t)i * STEP_BYTES, SN_AMX_ROW_BYTES);                      \
            sn_amx_load(6, job->band[0] + at, QUAD_BYTES);                                         \
            sn_amx_dot(0, 4, 6);                                                                   \
            if (second) {                                                                          \
                sn_amx_load(5, second + (size_t)i * STEP_BYTES, SN_AMX_ROW_BYTES);                 \
                sn_amx_dot(2, 5, 6);                                                               \
            }                                                                                      \
            if (job->band[1]) {                                                                    \
                sn_amx_load(7, job->band[1] + at, QUAD_BYTES);                                     \
                sn_amx_dot(1, 4, 7);                                                               \
                if (second)                                                                        \
                    sn_amx_dot(3, 5, 7);                                                           \
            }                                                                                      \
        }                                                                                          \
        sn_amx_store(0, job->sums[0][0], job->stride);                                             \
        if (second)                                                                                \
            sn_amx_store(2, job->sums[1][0], job->stride);                                         \
        if (job->band[1])                                                                          \
            sn_amx_store(1, job->sums[0][1], job->stride);                                         \
        if (job->band[1] && second)                                                                \
            sn_amx_store(3, job->sums[1][1], job->stride);                                         \
    }

SUM_TILES(sum_unsigned, sn_amx_dot_unsigned)
SUM_TILES(sum_signed, sn_amx_dot_signed)

/* The sums of the filters of one or two groups, in one column of the band: sums[filter][rows]. */
static void sum_pair(const share *s, uint32_t group, bool both, uint32_t column) {
    const sn_infer_conv_plan *conv = &s->plan->conv;
    const size_t vector = (size_t)quads_of(s->layer) * QUAD_BYTES;
    const size_t weights = (size_t)conv->steps * STEP_BYTES;
    const int8_t *first = s->tables->weights + group * weights;
    const unsigned char *band =
        s->work.band + (size_t)column * s->plan->bands.layout.pitch * vector;
    int32_t *sums = s->work.sums, *second = sums + (size_t)SN_AMX_TILE_ROWS * s->rows * LANES;
    for (uint32_t row = 0; row < s->rows; row += 2, sums += 2 * LANES, second += 2 * LANES) {
        const tile_job job = {
            .weights = {first, both ? first + weights : NULL},
            .band = {band + row * vector, row + 1 < s->rows ? band + (row + 1) * vector : NULL},
            .sums = {{sums, sums + LANES}, {second, second + LANES}},
            .offsets = s->tables->offsets,
            .steps = conv->steps,
            .stride = s->rows * LANES * sizeof(int32_t),
        };
        if (s->layer->input_signed)
            sum_signed(&job);
        else
            sum_unsigned(&job);
    }
}

SN_AMX_TARGET static void convert(const int32_t *integers, size_t count, float *floats) {
    for (size_t i = 0; i < count; i++)
        floats[i] = (float)integers[i];
}

static void run_pair(const share *s, uint32_t group, uint32_t column) {
    const sn_infer_lane_layout *to = &s->plan->bands.layout.to;
    const bool both = group + 1 < s->end_group;
    const uint32_t end = (group + 1 + both) * SN_AMX_TILE_ROWS;
    sum_pair(s, group, both, column);
    convert(s->work.sums, (size_t)(1 + both) * SN_AMX_TILE_ROWS * s->rows * LANES,
            s->work.float_sums);
    sn_infer_epilogue_run(
        s->op, s->task, &s->tables->epilogue,
        &(sn_infer_block_sums){
            .sums = s->work.float_sums,
            .rows = s->rows,
            .count = s->rows,
            .group = PAIR,
            .first = group * SN_AMX_TILE_ROWS,
            .end = sn_infer_smaller(end, s->layer->out.channels),
            .window_sums = s->plan->conv.window_sums ? window_sums_of(s, column) : NULL,
            .place = ((size_t)column * to->rows + s->first_row) * LANES,
        });
}

static void run_unit(share *s, const sn_infer_unit *unit) {
    const sn_infer_bands *bands = &s->plan->bands;
    s->first_row = unit->first_row;
    s->rows = sn_infer_smaller(bands->layout.to.rows - s->first_row, bands->rows);
    s->first_group = unit->first_group;
    s->end_group = unit->end_group;
    prepare_band(s);
    if (s->plan->conv.window_sums)
        sum_windows(s);
    for (uint32_t group = s->first_group; group < s->end_group; group += 2)
        for (uint32_t column = 0; column < bands->layout.to.columns; column++)
            run_pair(s, group, column);
}

SN_AMX_TARGET static void run(const sn_infer_operator *op, const sn_infer_task *task) {
    const sn_infer_plan *plan = &op->plan;
    const uint32_t groups = plan->conv.groups;
    share s = {.op = op, .layer = op->layer, .plan = plan, .tables = op->prepared, .task = task};
    carve_work(op->layer, plan, task->work, &s.work);
    sn_amx_begin();
    for (uint32_t i = task->thread; i < sn_infer_unit_count(&plan->bands, groups, task->threads);
         i += task->threads) {
        const sn_infer_unit unit = sn_infer_unit_at(&plan->bands, groups, task->threads, i);
        run_unit(&s, &unit);
    }
    sn_amx_end();
}

const sn_infer_kernel sn_infer_conv_amx_kernel = {
    .name = "AMX tiles", .accepts = accepts, .plan = plan_tiles, .prepare = prepare, .run = run};

#endif
