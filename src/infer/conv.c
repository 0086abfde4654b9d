/* Convolution, band by band: the input is staged, a block of outputs is summed up for all filters,
 * chunk by chunk of the input channels, and goes through scale, bias, shortcut and activation. */
#include "infer/means.h"
#include "infer/plan_conv.h"

static uint64_t taps_of(const sn_infer_layer *layer) {
    return (uint64_t)layer->kernel_height * layer->kernel_width;
}

/* ---- planning ---- */

static bool accepts(const sn_infer_layer *layer) {
    return layer->opcode == SN_INFER_OP_CONV && layer->plan == SN_INFER_PLAN_PLAIN;
}

/* The parts of a layer's prepared block, in order. */
typedef struct prepared_parts {
    unsigned char *stage;
    float *gain, *bias, *share, *slope, *shift;
    uint64_t *box_program;
    uint64_t *program;
    uint16_t *program_offsets;
    sn_infer_program_start *program_start;
    float *weights;
    uint16_t *offsets;
} prepared_parts;

/* Where they lie in a block at `base`; returns the block's size. */
static uint64_t carve(const sn_infer_layer *layer, unsigned char *base, prepared_parts *parts) {
    const sn_infer_conv *conv = &layer->conv;
    const bool dense = conv->form == SN_INFER_FORM_DENSE;
    const uint64_t filters = (uint64_t)layer->out.channels * sizeof(float);
    const uint64_t programs = dense ? 0 : (uint64_t)conv->chunks * conv->groups;
    uint64_t used = 0;
    parts->stage = sn_infer_take(base, &used, sn_infer_stage_bytes(&conv->stage));
    parts->gain = sn_infer_take(base, &used, filters);
    parts->bias = sn_infer_take(base, &used, filters);
    parts->share = sn_infer_take(base, &used, conv->box ? filters * layer->regions : 0);
    parts->slope = sn_infer_take(base, &used, layer->packed_slope ? filters : 0);
    parts->shift = sn_infer_take(base, &used, layer->packed_shift ? filters : 0);
    parts->box_program = sn_infer_take(base, &used, conv->box ? 2 * sizeof(uint64_t) : 0);
    /* A walk reads a word ahead. */
    parts->program = sn_infer_take(base, &used, dense ? 0 : (conv->words + 1) * sizeof(uint64_t));
    parts->program_offsets =
        sn_infer_take(base, &used, dense ? 0 : conv->additions * sizeof(uint16_t));
    parts->program_start = sn_infer_take(base, &used, programs * sizeof(sn_infer_program_start));
    parts->weights = sn_infer_take(
        base, &used,
        dense ? layer->weights_per_filter * conv->groups * conv->group * sizeof(float) : 0);
    parts->offsets = sn_infer_take(base, &used, (dense ? conv->chunk : 1) * taps_of(layer) * 2);
    return used;
}

/* Chunks whose staged bands are kept at a time, see staged_chunk. */
static uint32_t staged_chunks(const sn_infer_conv *conv) {
    return conv->stage.to.columns == 1 ? 1 : conv->chunks;
}

/* One thread's workspace; column_sums and box are of each region. The second of two is of a tile's
 * lower half, for integers. */
typedef struct workspace {
    void *staged;
    float *floats[2]; /* of one chunk, before they become integers */
    float *column_sums[2], *box[2];
    void *sums;
    float *wide[2]; /* sums of integers, as floats */
    sn_infer_means means;
} workspace;

static uint64_t carve_work(const sn_infer_layer *layer, unsigned char *base, workspace *work) {
    const sn_infer_conv *conv = &layer->conv;
    const uint64_t vector = layer->isa->lanes * sizeof(float);
    const uint64_t channel = conv->stage.channel * vector, row = conv->rows * vector;
    const uint64_t sums = (uint64_t)conv->groups * (conv->group + conv->extra) * row;
    uint64_t used = 0;
    work->staged =
        sn_infer_take(base, &used, (uint64_t)staged_chunks(conv) * conv->chunk * channel);
    work->sums = sn_infer_take(base, &used, sums);
    for (int half = 0; half < 1 + conv->integers; half++) {
        work->floats[half] = sn_infer_take(base, &used, conv->integers ? conv->chunk * channel : 0);
        work->wide[half] = sn_infer_take(base, &used, conv->integers ? sums : 0);
        work->column_sums[half] =
            sn_infer_take(base, &used, conv->box ? layer->regions * channel : 0);
        work->box[half] = sn_infer_take(base, &used, conv->box ? layer->regions * row : 0);
    }
    sn_infer_means_carve(layer, base, &used, &work->means);
    return used;
}

static bool plan(sn_infer_layer *layer, const sn_infer_options *options, sn_infer_need *need) {
    const sn_infer_kernel *tiles = layer->isa->tile_conv;
    prepared_parts parts;
    workspace work;
    if (tiles && tiles->accepts(layer) && tiles->plan(layer, options, need)) {
        layer->kernel = tiles;
        return true;
    }
    if (!sn_infer_plan_conv(layer, options))
        return false;
    need->prepared = carve(layer, NULL, &parts);
    need->work = carve_work(layer, NULL, &work);
    return layer->conv.words <= UINT32_MAX && layer->conv.additions <= UINT32_MAX;
}

/* ---- preparing ---- */

static void prepare_programs(const sn_infer_layer *layer, const prepared_parts *parts) {
    const sn_infer_conv *conv = &layer->conv;
    sn_infer_sums_size size = {0};
    sn_infer_program_start *start = parts->program_start;
    for (uint32_t chunk = 0; chunk < conv->chunks; chunk++)
        for (uint32_t group = 0; group < conv->groups; group++) {
            const sn_infer_sums_part part = sn_infer_plan_part(layer, chunk, group);
            *start++ = (sn_infer_program_start){(uint32_t)size.words, (uint32_t)size.additions};
            sn_infer_sums_write(&part, &size, parts->program + size.words,
                                parts->program_offsets + size.additions);
        }
    parts->program[size.words] = 0;
}

/* Weight i of filter k without its scale. */
static float weight_value(const sn_infer_layer *layer, uint32_t k, uint64_t i) {
    float value;
    if (layer->weight_kind != SN_INFER_WEIGHTS_FP32)
        return (float)sn_infer_digit(layer, k, i);
    sn_infer_load_words(&value, layer->packed_weights + 4 * (k * layer->weights_per_filter + i), 1);
    return value;
}

/* Takes the means off the weights of a chunk, which lie `step` floats apart. */
static void centre(const sn_infer_layer *layer, uint32_t k, uint32_t chunk, size_t step,
                   float *weights) {
    const uint32_t end = sn_infer_chunk_end(layer, chunk);
    for (uint32_t c = sn_infer_chunk_first(layer, chunk); c < end;) {
        const uint32_t region = c / layer->region_channels;
        const float mean = sn_infer_mean(layer, k, region);
        for (; c < end && c / layer->region_channels == region; c++)
            for (uint64_t i = 0; i < taps_of(layer); i++, weights += step)
                *weights -= mean;
    }
}

static void prepare_dense(const sn_infer_layer *layer, const prepared_parts *parts) {
    const sn_infer_conv *conv = &layer->conv;
    const uint64_t taps = taps_of(layer);
    memset(parts->weights, 0,
           (size_t)layer->weights_per_filter * conv->groups * conv->group * sizeof(float));
    for (uint32_t k = 0; k < layer->out.channels; k++) {
        for (uint32_t chunk = 0; chunk < conv->chunks; chunk++) {
            const uint64_t first = sn_infer_chunk_first(layer, chunk) * taps;
            const uint64_t count = sn_infer_chunk_end(layer, chunk) * taps - first;
            float *to = parts->weights + first * conv->groups * conv->group +
                        k / conv->group * count * conv->group + k % conv->group;
            for (uint64_t i = 0; i < count; i++)
                to[i * conv->group] = weight_value(layer, k, first + i);
            if (layer->centered)
                centre(layer, k, chunk, conv->group, to);
        }
    }
}

static void prepare_offsets(const sn_infer_layer *layer, uint16_t *offset) {
    const sn_infer_conv *conv = &layer->conv;
    const uint32_t channels = conv->form == SN_INFER_FORM_DENSE ? conv->chunk : 1;
    for (uint32_t c = 0; c < channels; c++)
        for (uint32_t r = 0; r < layer->kernel_height; r++)
            for (uint32_t q = 0; q < layer->kernel_width; q++)
                *offset++ = (uint16_t)sn_infer_stage_offset(&conv->stage, c, r, q);
}

static void prepare(sn_infer_layer *layer, void *prepared) {
    sn_infer_conv *conv = &layer->conv;
    prepared_parts parts;
    carve(layer, prepared, &parts);
    sn_infer_stage_prepare(layer, &conv->stage, parts.stage);
    sn_infer_prepare_terms(layer, parts.gain, parts.bias, parts.share, parts.slope, parts.shift);
    prepare_offsets(layer, parts.offsets);
    if (parts.box_program) {
        parts.box_program[0] = sn_infer_sums_single((uint32_t)taps_of(layer));
        parts.box_program[1] = 0;
    }
    if (conv->form == SN_INFER_FORM_DENSE)
        prepare_dense(layer, &parts);
    else
        prepare_programs(layer, &parts);
    conv->program = parts.program;
    conv->program_offsets = parts.program_offsets;
    conv->program_start = parts.program_start;
    conv->weights = parts.weights;
    conv->offsets = parts.offsets;
    conv->box_program = parts.box_program;
    conv->gain = parts.gain;
    conv->bias = parts.bias;
    conv->share = parts.share;
    conv->slope = parts.slope;
    conv->shift = parts.shift;
}

/* ---- running ---- */

/* Groups first .. end - 1 of one block of outputs. */
typedef struct block {
    uint32_t column, first_row, first_group, end_group;
} block;

static void (*walk_of(const sn_infer_layer *layer))(const sn_infer_walk *job) {
    const sn_infer_conv *conv = &layer->conv;
    const sn_infer_isa_ops *isa = layer->isa;
    const uint32_t i = conv->row_choice;
    if (sn_infer_has_digits(layer) && conv->group > 1)
        return conv->integers ? isa->ternary_walk_short[i] : isa->ternary_walk[i];
    if (sn_infer_sums_signed(layer, conv->form))
        return conv->integers ? isa->signed_walk_short[i] : isa->signed_walk[i];
    return conv->integers ? isa->add_walk_short[i] : isa->add_walk[i];
}

static void sum_chunk(const sn_infer_layer *layer, const block *b, uint32_t chunk, const void *base,
                      void *sums) {
    const sn_infer_conv *conv = &layer->conv;
    const uint32_t groups = b->end_group - b->first_group;
    if (conv->form == SN_INFER_FORM_DENSE) {
        const uint64_t first = sn_infer_chunk_first(layer, chunk) * taps_of(layer);
        const uint64_t taps = sn_infer_chunk_end(layer, chunk) * taps_of(layer) - first;
        const size_t before = (size_t)(first * conv->groups + taps * b->first_group) * conv->group;
        layer->isa->dense(&(sn_infer_dense){
            .weights = conv->weights + before,
            .offsets = conv->offsets,
            .taps = (uint32_t)taps,
            .groups = groups,
            .rows = conv->rows,
            .base = base,
            .out = sums,
        });
        return;
    }
    const sn_infer_program_start start =
        conv->program_start[(size_t)chunk * conv->groups + b->first_group];
    walk_of(layer)(&(sn_infer_walk){
        .words = conv->program + start.word,
        .offsets = conv->program_offsets + start.offset,
        .groups = groups,
        .out_stride = conv->group + conv->extra,
        .base = base,
        .out = sums,
    });
}

/* Vectors of the block's sums. */
static size_t sum_vectors(const sn_infer_conv *conv, const block *b) {
    return (size_t)(b->end_group - b->first_group) * (conv->group + conv->extra) * conv->rows;
}

/* Where a chunk's band lies. A layer with one column of blocks needs a chunk only while it is added
 * up, so all take the same place, and stay in the first-level cache. */
static unsigned char *staged_chunk(const sn_infer_layer *layer, const workspace *work,
                                   uint32_t chunk) {
    const sn_infer_conv *conv = &layer->conv;
    const size_t vector = conv->stage.to.lanes * sizeof(float);
    const uint32_t place = staged_chunks(conv) == 1 ? 0 : chunk;
    return (unsigned char *)work->staged +
           (size_t)place * conv->chunk * conv->stage.channel * vector;
}

/* Adds a staged chunk to the column sums of the regions that it is of. */
static void sum_columns(const sn_infer_layer *layer, const workspace *work, uint32_t chunk,
                        const unsigned char *staged) {
    const sn_infer_conv *conv = &layer->conv;
    const uint32_t end = sn_infer_chunk_end(layer, chunk), vectors = conv->stage.channel;
    const size_t channel = (size_t)vectors * conv->stage.to.lanes;
    for (uint32_t c = sn_infer_chunk_first(layer, chunk); c < end;) {
        const uint32_t region = c / layer->region_channels;
        const uint32_t left = (region + 1) * layer->region_channels - c;
        const uint32_t count = left < end - c ? left : end - c;
        float *first = work->column_sums[0] + region * channel;
        if (conv->integers)
            layer->isa->sum_short_channels(staged, count, vectors, first,
                                           work->column_sums[1] + region * channel);
        else
            layer->isa->sum_channels((const float *)(const void *)staged, count, vectors, first);
        staged += count * channel * sizeof(float);
        c += count;
    }
}

/* A chunk's band, as floats or integers, less the means of a centred input, and what it adds to the
 * column sums. */
static void stage_chunk(const sn_infer_layer *layer, const sn_infer_task *task,
                        const workspace *work, uint32_t chunk, uint32_t first_row) {
    const sn_infer_conv *conv = &layer->conv;
    const sn_infer_stage *stage = &conv->stage;
    const sn_infer_isa_ops *isa = layer->isa;
    const sn_infer_rounding rounding =
        layer->input_scale != 0 ? sn_infer_rounding_of(layer) : (sn_infer_rounding){0};
    const uint32_t first = sn_infer_chunk_first(layer, chunk), vectors = stage->channel;
    const uint32_t channels = sn_infer_chunk_end(layer, chunk) - first;
    const size_t in = (size_t)sn_infer_tiles_vectors(&stage->from) * stage->from.lanes;
    const sn_infer_means *means = &work->means;
    void *staged = staged_chunk(layer, work, chunk);
    if (!conv->integers) {
        const bool rounds = layer->input_scale != 0;
        isa->stage(stage, task->a + first * in, channels, first_row, rounds ? NULL : means->plane,
                   staged);
        if (rounds)
            isa->round_floats(&rounding, channels, vectors, means->staged[0], staged);
        if (conv->box)
            sum_columns(layer, work, chunk, staged);
        return;
    }
    for (uint32_t half = 0; half < 2; half++)
        isa->stage(stage, task->a + first * in, channels, first_row + half * conv->half, NULL,
                   work->floats[half]);
    isa->narrow(&(sn_infer_narrow){.rounding = &rounding,
                                   .channels = channels,
                                   .vectors = vectors,
                                   .first = work->floats[0],
                                   .second = work->floats[1],
                                   .first_mean = means->staged[0],
                                   .second_mean = means->staged[1],
                                   .to = staged});
    if (conv->box)
        sum_columns(layer, work, chunk, staged);
}

static void sum_block(const sn_infer_layer *layer, const sn_infer_task *task, const workspace *work,
                      const block *b) {
    const sn_infer_conv *conv = &layer->conv;
    const size_t vector = conv->stage.to.lanes * sizeof(float);
    const size_t at = (size_t)b->column * conv->stage.pitch * vector;
    const size_t sums = sum_vectors(conv, b);
    memset(work->sums, 0, sums * vector);
    for (int half = 0; conv->integers && half < 2; half++)
        memset(work->wide[half], 0, sums * vector);
    for (uint32_t chunk = 0; chunk < conv->chunks; chunk++) {
        if (staged_chunks(conv) == 1 && conv->chunks > 1)
            stage_chunk(layer, task, work, chunk, b->first_row);
        sum_chunk(layer, b, chunk, staged_chunk(layer, work, chunk) + at, work->sums);
        if (conv->integers)
            layer->isa->widen(work->sums, sums, work->wide[0], work->wide[1]);
    }
}

static void sum_boxes(const sn_infer_layer *layer, const workspace *work, const block *b,
                      int half) {
    const sn_infer_conv *conv = &layer->conv;
    const size_t lanes = conv->stage.to.lanes, row = conv->rows * lanes;
    memset(work->box[half], 0, layer->regions * row * sizeof(float));
    for (uint32_t region = 0; region < layer->regions; region++) {
        const size_t at =
            (size_t)region * conv->stage.channel + (size_t)b->column * conv->stage.pitch;
        layer->isa->add_walk[conv->row_choice](
            &(sn_infer_walk){.words = conv->box_program,
                             .offsets = conv->offsets,
                             .groups = 1,
                             .out_stride = 1,
                             .base = work->column_sums[half] + at * lanes,
                             .out = work->box[half] + region * row});
    }
}

/* Of several regions: into the sums of filters first .. end - 1. */
static void add_boxes(const sn_infer_layer *layer, const workspace *work, float *sums, int half,
                      uint32_t first, uint32_t end) {
    const sn_infer_conv *conv = &layer->conv;
    layer->isa->add_boxes(&(sn_infer_boxes){.sums = sums,
                                            .rows = conv->rows,
                                            .group = conv->group,
                                            .extra = conv->extra,
                                            .first = first,
                                            .end = end,
                                            .regions = layer->regions,
                                            .share = conv->share,
                                            .box = work->box[half]});
}

/* Rows first_row .. end_row - 1 of the tile are those of the block that count. */
static void finish_block(const sn_infer_layer *layer, const sn_infer_task *task,
                         const workspace *work, const block *b, int half, uint32_t first_row,
                         uint32_t end_row) {
    const sn_infer_conv *conv = &layer->conv;
    const sn_infer_tiles *to = &conv->stage.to;
    const size_t place = ((size_t)b->column * to->rows + first_row) * to->lanes;
    const uint32_t first = b->first_group * conv->group, last = b->end_group * conv->group;
    const uint32_t end = last < layer->out.channels ? last : layer->out.channels;
    float *sums = conv->integers ? work->wide[half] : work->sums;
    const bool one_box = conv->box && layer->regions == 1;
    if (conv->box)
        sum_boxes(layer, work, b, half);
    if (conv->box && !one_box)
        add_boxes(layer, work, sums, half, first, end);
    layer->isa->finish(&(sn_infer_finish){
        .sums = sums,
        .rows = conv->rows,
        .count = end_row - first_row < conv->rows ? end_row - first_row : conv->rows,
        .group = conv->group,
        .extra = conv->extra,
        .first = first,
        .end = end,
        .gain = conv->gain,
        .bias = conv->bias,
        .share = one_box ? conv->share : NULL,
        .box = one_box ? work->box[half] : NULL,
        .slope = conv->slope,
        .shift = conv->shift,
        .residual = layer->residual ? task->b + place : NULL,
        .to = task->out + place,
        .pitch = (size_t)sn_infer_tiles_vectors(to),
        .activation = layer->activation,
    });
}

static void run_block(const sn_infer_layer *layer, const sn_infer_task *task, const workspace *work,
                      const block *b) {
    const sn_infer_conv *conv = &layer->conv;
    const uint32_t rows = conv->stage.to.rows;
    sum_block(layer, task, work, b);
    if (!conv->integers) {
        finish_block(layer, task, work, b, 0, b->first_row, rows);
        return;
    }
    finish_block(layer, task, work, b, 0, b->first_row, conv->half);
    if (conv->half + b->first_row < rows)
        finish_block(layer, task, work, b, 1, conv->half + b->first_row, rows);
}

static void run(const sn_infer_layer *layer, const sn_infer_task *task) {
    const sn_infer_conv *conv = &layer->conv;
    const size_t band_bytes = (size_t)conv->stage.channel * conv->stage.to.lanes * sizeof(float);
    workspace work;
    carve_work(layer, task->work, &work);
    if (layer->input_centered)
        sn_infer_means_begin(layer, &work.means);
    for (uint32_t i = task->thread; i < sn_infer_unit_count(conv, task->threads);
         i += task->threads) {
        const sn_infer_unit unit = sn_infer_unit_at(conv, task->threads, i);
        block b = {.first_row = unit.first_row,
                   .first_group = unit.first_group,
                   .end_group = unit.end_group};
        for (int half = 0; conv->box && half < 1 + conv->integers; half++)
            memset(work.column_sums[half], 0, layer->regions * band_bytes);
        if (layer->input_centered)
            sn_infer_means_prepare(layer, &work.means, task->a, b.first_row);
        if (staged_chunks(conv) == conv->chunks)
            for (uint32_t chunk = 0; chunk < conv->chunks; chunk++)
                stage_chunk(layer, task, &work, chunk, b.first_row);
        for (b.column = 0; b.column < conv->stage.to.columns; b.column++)
            run_block(layer, task, &work, &b);
    }
}

const sn_infer_kernel sn_infer_conv_kernel = {
    .name = "convolution", .accepts = accepts, .plan = plan, .prepare = prepare, .run = run};
