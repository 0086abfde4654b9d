/* Convolution, band by band: the prologue prepares the input, a block of outputs is summed up for
 * all filters, chunk by chunk of the input channels, and goes through the epilogue. */
#include "infer/conv.h"
#include "infer/channel_means.h"
#include "infer/walk.h"

/* ---- planning ---- */

/* The most that the windows of one column of outputs read of a chunk's band. It is somewhat more
 * than the 32 KiB of a first-level cache: to fetch the rest from the second level again costs less
 * than more chunks, each of which has its own walk. Anything from 27 to 56 KiB was within 5 % on
 * Zen 3. */
enum { WINDOW_BYTES = 36 << 10 };

sn_infer_chunks sn_infer_conv_chunks(const sn_infer_layer *layer, const sn_infer_bands *bands,
                                     uint32_t slice) {
    const sn_infer_band_layout *layout = &bands->layout;
    const uint64_t window =
        (uint64_t)sn_infer_band_layout_window(layer, layout) * layout->to.lanes * sizeof(float);
    uint64_t most = WINDOW_BYTES / window;
    if (most > UINT16_MAX / layout->channel)
        most = UINT16_MAX / layout->channel; /* offsets have 16 bits */
    if (most > SN_INFER_MAX_LIST / sn_infer_taps(layer))
        most = SN_INFER_MAX_LIST / sn_infer_taps(layer); /* lists have 12 */
    const uint32_t size = most < 1 ? 1 : most > slice ? slice : (uint32_t)most;
    /* Smaller where that makes all chunks equal. */
    return sn_infer_chunks_of(layer->in.channels, slice,
                              sn_infer_divide_up(slice, sn_infer_divide_up(slice, size)));
}

double sn_infer_conv_frame_ns(const sn_infer_layer *layer, const sn_infer_plan *plan,
                              const sn_infer_costs *costs) {
    const sn_infer_band_layout *layout = &plan->bands.layout;
    const bool shorts = plan->conv.short_lanes;
    const double columns = layout->to.columns, bands = plan->bands.count;
    const double band = bands * layer->in.channels * layout->channel;
    /* Both halves are copied as floats before they become integers. */
    const double copied = band * (shorts ? 3 : 1);
    const double stored = columns * layout->to.rows * layer->out.channels;
    const double windows = columns * bands * plan->bands.rows, regions = layer->regions;
    const double taps = layer->kernel_height * layer->kernel_width;
    double ns = (copied + stored) * (double)costs->copy;
    if (layer->input_centered) /* sums over channels, and subtracting the means */
        ns += ((double)sn_infer_lane_layout_vectors(&layout->from) * layer->in.channels +
               band * (shorts ? 2 : 1)) *
              (double)costs->add;
    if (plan->conv.window_sums && layer->regions == 1)
        ns += (copied + windows * taps) * (double)costs->add;
    else if (plan->conv.window_sums) /* of floats, for each region; every output adds all of them */
        ns += (copied + (shorts ? 2 : 1) * windows * regions * (taps + layer->out.channels)) *
              (double)costs->add;
    return ns;
}

/* ---- tables ---- */

void sn_infer_conv_carve(const sn_infer_layer *layer, const sn_infer_plan *plan, uint32_t channels,
                         unsigned char *base, uint64_t *used, sn_infer_conv_tables *tables) {
    const bool window_sums = plan->conv.window_sums;
    tables->prologue_memory =
        sn_infer_take(base, used, sn_infer_prologue_bytes(&plan->bands.layout));
    sn_infer_epilogue_carve(layer, window_sums, base, used, &tables->epilogue);
    /* A walk reads a word ahead. */
    tables->window_walk = sn_infer_take(base, used, window_sums ? 2 * sizeof(uint64_t) : 0);
    tables->offsets = sn_infer_take(base, used, channels * sn_infer_taps(layer) * sizeof(uint16_t));
}

static void prepare_offsets(const sn_infer_layer *layer, const sn_infer_band_layout *layout,
                            uint32_t channels, uint16_t *offset) {
    for (uint32_t c = 0; c < channels; c++)
        for (uint32_t r = 0; r < layer->kernel_height; r++)
            for (uint32_t q = 0; q < layer->kernel_width; q++)
                *offset++ = (uint16_t)sn_infer_band_layout_offset(layout, c, r, q);
}

void sn_infer_conv_prepare(const sn_infer_layer *layer, const sn_infer_plan *plan,
                           uint32_t channels, sn_infer_conv_tables *tables) {
    const sn_infer_band_layout *layout = &plan->bands.layout;
    sn_infer_prologue_prepare(layer, layout, 0, tables->prologue_memory, &tables->prologue);
    sn_infer_epilogue_prepare(layer, &plan->conv.scheme, &tables->epilogue);
    prepare_offsets(layer, layout, channels, tables->offsets);
    if (tables->window_walk) {
        tables->window_walk[0] = sn_infer_walk_single((uint32_t)sn_infer_taps(layer));
        tables->window_walk[1] = 0;
    }
}

/* ---- running ---- */

/* A thread's memory. The second of two is for the patches' lower halves, with 16-bit lanes. */
typedef struct workspace {
    void *band;
    float *floats[2];                       /* of one chunk, before they become integers */
    float *column_sums[2], *window_sums[2]; /* of each region */
    void *sums;
    float *wide[2]; /* sums of integers, as floats */
    sn_infer_means means;
} workspace;

/* A thread and its share of a layer. */
typedef struct share {
    const sn_infer_operator *op;
    const sn_infer_layer *layer;
    const sn_infer_plan *plan;
    const sn_infer_conv_tables *tables;
    const sn_infer_task *task;
    sn_infer_sum_chunk *sum_chunk;
    size_t vector;   /* bytes */
    uint32_t halves; /* 2 with 16-bit lanes, otherwise 1 */
    workspace work;
} share;

/* How many chunks have a band at the same time, see chunk_band. */
static uint32_t kept_chunks(const sn_infer_plan *plan) {
    return plan->bands.layout.to.columns == 1 ? 1 : plan->conv.chunks.count;
}

static uint64_t carve_work(const sn_infer_layer *layer, const sn_infer_plan *plan,
                           unsigned char *base, workspace *work) {
    const sn_infer_conv_plan *conv = &plan->conv;
    const uint64_t vector = plan->lanes * sizeof(float);
    const uint64_t channel = plan->bands.layout.channel * vector, row = plan->bands.rows * vector;
    const uint64_t chunk = conv->chunks.size * channel;
    const uint64_t sums = (uint64_t)conv->groups * (conv->group + conv->extra) * row;
    const uint64_t regions = conv->window_sums ? layer->regions : 0;
    uint64_t used = 0;
    work->band = sn_infer_take(base, &used, kept_chunks(plan) * chunk);
    work->sums = sn_infer_take(base, &used, sums);
    for (int half = 0; half < 1 + conv->short_lanes; half++) {
        work->floats[half] = sn_infer_take(base, &used, conv->short_lanes ? chunk : 0);
        work->wide[half] = sn_infer_take(base, &used, conv->short_lanes ? sums : 0);
        work->column_sums[half] = sn_infer_take(base, &used, regions * channel);
        work->window_sums[half] = sn_infer_take(base, &used, regions * row);
    }
    sn_infer_means_carve(layer, plan, base, &used, &work->means);
    return used;
}

uint64_t sn_infer_conv_work(const sn_infer_layer *layer, const sn_infer_plan *plan) {
    workspace work;
    return carve_work(layer, plan, NULL, &work);
}

/* Where a chunk's band lies. A layer with one column of blocks needs a chunk only while it is added
 * up: all chunks share one place, which stays in the first-level cache. */
static unsigned char *chunk_band(const share *s, uint32_t chunk) {
    const uint32_t place = kept_chunks(s->plan) == 1 ? 0 : chunk;
    const size_t channel = s->plan->bands.layout.channel * s->vector;
    return (unsigned char *)s->work.band + (size_t)place * s->plan->conv.chunks.size * channel;
}

/* Adds a chunk to the column sums of its regions. */
static void sum_columns(const share *s, uint32_t chunk, const unsigned char *band) {
    const sn_infer_chunks *chunks = &s->plan->conv.chunks;
    const uint32_t end = sn_infer_chunk_end(chunks, chunk);
    const uint32_t vectors = s->plan->bands.layout.channel, width = s->layer->region_channels;
    const size_t channel = (size_t)vectors * s->plan->lanes;
    for (uint32_t c = sn_infer_chunk_first(chunks, chunk); c < end;) {
        const uint32_t region = c / width;
        const uint32_t count = sn_infer_smaller((region + 1) * width, end) - c;
        float *first = s->work.column_sums[0] + region * channel;
        if (s->halves == 2)
            s->op->isa->sum_short_channels(band, count, vectors, first,
                                           s->work.column_sums[1] + region * channel);
        else
            s->op->isa->sum_channels((const float *)(const void *)band, count, vectors, first);
        band += count * channel * sizeof(float);
        c += count;
    }
}

/* A chunk's band, as floats or integers, less the means of a centred input. */
static void prepare_band(const share *s, uint32_t chunk, uint32_t first_row, void *band) {
    const sn_infer_layer *layer = s->layer;
    const sn_infer_isa_ops *isa = s->op->isa;
    const sn_infer_prologue *prologue = &s->tables->prologue;
    const sn_infer_band_layout *layout = &prologue->layout;
    const sn_infer_means *means = &s->work.means;
    const sn_infer_chunks *chunks = &s->plan->conv.chunks;
    const bool rounds = sn_infer_rounds_input(layer);
    const sn_infer_rounding rounding =
        rounds ? sn_infer_rounding_of(layer) : (sn_infer_rounding){0};
    const uint32_t first = sn_infer_chunk_first(chunks, chunk), vectors = layout->channel;
    const uint32_t channels = sn_infer_chunk_end(chunks, chunk) - first;
    const size_t in = (size_t)sn_infer_lane_layout_vectors(&layout->from) * layout->from.lanes;
    const float *from = s->task->a + first * in;
    if (s->halves == 1) {
        isa->prologue(prologue, from, channels, first_row, rounds ? NULL : means->plane, band);
        if (rounds)
            isa->round_floats(&rounding, channels, vectors, means->band[0], band);
        return;
    }
    for (uint32_t half = 0; half < 2; half++)
        isa->prologue(prologue, from, channels, first_row + half * s->plan->conv.half, NULL,
                      s->work.floats[half]);
    isa->narrow(&(sn_infer_narrow_job){.rounding = &rounding,
                                       .channels = channels,
                                       .vectors = vectors,
                                       .first = s->work.floats[0],
                                       .second = s->work.floats[1],
                                       .first_mean = means->band[0],
                                       .second_mean = means->band[1],
                                       .to = band});
}

/* The band of a chunk, and its part of the column sums. */
static void prepare_chunk(const share *s, uint32_t chunk, uint32_t first_row) {
    unsigned char *band = chunk_band(s, chunk);
    prepare_band(s, chunk, first_row, band);
    if (s->plan->conv.window_sums)
        sum_columns(s, chunk, band);
}

/* Vectors of the block's sums. */
static size_t sum_vectors(const share *s, const sn_infer_block *b) {
    const sn_infer_conv_plan *conv = &s->plan->conv;
    return (size_t)(b->end_group - b->first_group) * (conv->group + conv->extra) *
           s->plan->bands.rows;
}

static void sum_block(const share *s, const sn_infer_block *b) {
    const uint32_t chunks = s->plan->conv.chunks.count;
    const size_t at = (size_t)b->column * s->plan->bands.layout.pitch * s->vector;
    const size_t sums = sum_vectors(s, b);
    const workspace *work = &s->work;
    memset(work->sums, 0, sums * s->vector);
    for (uint32_t half = 0; s->halves == 2 && half < 2; half++)
        memset(work->wide[half], 0, sums * s->vector);
    for (uint32_t chunk = 0; chunk < chunks; chunk++) {
        if (kept_chunks(s->plan) == 1 && chunks > 1)
            prepare_chunk(s, chunk, b->first_row);
        s->sum_chunk(s->op, b, chunk, chunk_band(s, chunk) + at, work->sums);
        if (s->halves == 2)
            s->op->isa->widen(work->sums, sums, work->wide[0], work->wide[1]);
    }
}

static void sum_windows(const share *s, const sn_infer_block *b, uint32_t half) {
    const sn_infer_bands *bands = &s->plan->bands;
    const size_t lanes = s->plan->lanes, row = bands->rows * lanes;
    float *sums = s->work.window_sums[half];
    memset(sums, 0, s->layer->regions * row * sizeof(float));
    for (uint32_t region = 0; region < s->layer->regions; region++) {
        const size_t at =
            (size_t)region * bands->layout.channel + (size_t)b->column * bands->layout.pitch;
        s->op->isa->add_walk[bands->row_choice](
            &(sn_infer_walk_job){.words = s->tables->window_walk,
                                 .offsets = s->tables->offsets,
                                 .groups = 1,
                                 .out_stride = 1,
                                 .base = s->work.column_sums[half] + at * lanes,
                                 .out = sums + region * row});
    }
}

/* The block's outputs are rows first_row .. end_row - 1 of the patch; rows beyond are not stored.
 */
static void run_epilogue(const share *s, const sn_infer_block *b, uint32_t half, uint32_t first_row,
                         uint32_t end_row) {
    const sn_infer_conv_plan *conv = &s->plan->conv;
    const sn_infer_lane_layout *to = &s->plan->bands.layout.to;
    const uint32_t rows = s->plan->bands.rows;
    if (conv->window_sums)
        sum_windows(s, b, half);
    sn_infer_epilogue_run(
        s->op, s->task, &s->tables->epilogue,
        &(sn_infer_block_sums){
            .sums = s->halves == 2 ? s->work.wide[half] : s->work.sums,
            .rows = rows,
            .count = sn_infer_smaller(end_row - first_row, rows),
            .group = conv->group,
            .extra = conv->extra,
            .first = b->first_group * conv->group,
            .end = sn_infer_smaller(b->end_group * conv->group, s->layer->out.channels),
            .window_sums = conv->window_sums ? s->work.window_sums[half] : NULL,
            .place = ((size_t)b->column * to->rows + first_row) * to->lanes,
        });
}

static void run_block(const share *s, const sn_infer_block *b) {
    const uint32_t rows = s->plan->bands.layout.to.rows, lower = s->plan->conv.half + b->first_row;
    sum_block(s, b);
    if (s->halves == 1) {
        run_epilogue(s, b, 0, b->first_row, rows);
        return;
    }
    run_epilogue(s, b, 0, b->first_row, s->plan->conv.half);
    if (lower < rows)
        run_epilogue(s, b, 1, lower, rows);
}

static void run_unit(const share *s, const sn_infer_unit *unit) {
    const sn_infer_band_layout *layout = &s->plan->bands.layout;
    const uint32_t chunks = s->plan->conv.chunks.count;
    sn_infer_block b = {.first_row = unit->first_row,
                        .first_group = unit->first_group,
                        .end_group = unit->end_group};
    for (uint32_t half = 0; s->plan->conv.window_sums && half < s->halves; half++)
        memset(s->work.column_sums[half], 0, s->layer->regions * layout->channel * s->vector);
    if (s->layer->input_centered)
        sn_infer_means_prepare(s->op, &s->tables->prologue, &s->work.means, s->task->a,
                               b.first_row);
    if (kept_chunks(s->plan) == chunks)
        for (uint32_t chunk = 0; chunk < chunks; chunk++)
            prepare_chunk(s, chunk, b.first_row);
    for (b.column = 0; b.column < layout->to.columns; b.column++)
        run_block(s, &b);
}

void sn_infer_conv_run(const sn_infer_operator *op, const sn_infer_task *task,
                       sn_infer_sum_chunk *sum_chunk) {
    const sn_infer_plan *plan = &op->plan;
    share s = {.op = op,
               .layer = op->layer,
               .plan = plan,
               .tables = op->prepared,
               .task = task,
               .sum_chunk = sum_chunk,
               .vector = plan->lanes * sizeof(float),
               .halves = plan->conv.short_lanes ? 2 : 1};
    carve_work(op->layer, plan, task->work, &s.work);
    if (op->layer->input_centered)
        sn_infer_means_begin(plan, &s.work.means);
    const uint32_t groups = plan->conv.groups;
    for (uint32_t i = task->thread; i < sn_infer_unit_count(&plan->bands, groups, task->threads);
         i += task->threads) {
        const sn_infer_unit unit = sn_infer_unit_at(&plan->bands, groups, task->threads, i);
        run_unit(&s, &unit);
    }
}
