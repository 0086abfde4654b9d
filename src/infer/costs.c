/* Costs of the steps that kernels consist of, measured by running small walks. */
#include "infer/isa.h"
#include "infer/walk.h"

enum {
    ROWS = 8,
    ROW_CHOICE = 4, /* of 8 rows */
    INPUT_BYTES = 16 << 10,
    OUTPUT_BYTES = 24 << 10,
    WORD_BYTES = 49 << 10,
    OFFSET_BYTES = 176 << 10,
    LIST = 600,   /* of the long list */
    FEW = 512,    /* short lists, few enough for a branch predictor to remember their lengths */
    MANY = 12288, /* and too many for it */
    REPEATS = 60
};

static_assert(INPUT_BYTES + OUTPUT_BYTES + WORD_BYTES + OFFSET_BYTES + (12 << 10) <=
                  SN_INFER_COSTS_MEMORY,
              "blocks of sn_infer_measure_costs");

typedef struct bench {
    const sn_infer_isa_ops *isa;
    double (*now)(void);
    float *input, *output;
    uint64_t *words;
    uint16_t *offsets;
    unsigned char *rest;
    uint32_t random;
} bench;

static uint32_t draw(bench *b, uint32_t limit) {
    b->random = b->random * 1664525u + 1013904223u;
    return (b->random >> 8) % limit;
}

/* The fastest of some runs, in nanoseconds. */
static double time_walk(bench *b, uint32_t groups, uint32_t out_stride) {
    const sn_infer_walk_job job = {.words = b->words,
                                   .offsets = b->offsets,
                                   .groups = groups,
                                   .out_stride = out_stride,
                                   .base = b->input,
                                   .out = b->output};
    double best = 0;
    for (int i = 0; i < REPEATS; i++) {
        memset(b->output, 0, OUTPUT_BYTES);
        const double before = b->now();
        b->isa->add_walk[ROW_CHOICE](&job);
        const double taken = (b->now() - before) * 1e9;
        best = i == 0 || taken < best ? taken : best;
    }
    return best;
}

/* `count` offsets that leave room for the block's rows. */
static void draw_offsets(bench *b, uint32_t count) {
    const uint32_t vectors = INPUT_BYTES / (b->isa->lanes * (uint32_t)sizeof(float));
    for (uint32_t i = 0; i < count; i++)
        b->offsets[i] = (uint16_t)draw(b, vectors - ROWS);
}

static double time_long_list(bench *b) {
    b->words[0] = sn_infer_walk_single(LIST);
    draw_offsets(b, LIST);
    return time_walk(b, 1, 1);
}

/* `lists` lists of 1 to 12 offsets, one for each group; or four in the one round of a fourth as
 * many groups, with two outputs. */
static double time_short_lists(bench *b, uint32_t lists, bool rounds, uint32_t *additions) {
    uint64_t *word = b->words;
    *additions = 0;
    for (uint32_t list = 0; list < lists; list++) {
        const uint32_t count = 1 + draw(b, 12);
        *additions += count;
        if (!rounds) {
            *word++ = sn_infer_walk_single(count);
            continue;
        }
        if (list % 4 == 0) {
            *word++ = 1; /* a round */
            *word = (uint64_t)(3 | 3 << 5) << 48;
        }
        *word |= (uint64_t)count << (12 * (list % 4));
        word += list % 4 == 3;
    }
    *word = 0;
    draw_offsets(b, *additions);
    return time_walk(b, rounds ? lists / 4 : lists, 0);
}

static double time_dense(bench *b, uint32_t taps) {
    float *weights = (float *)(void *)b->rest;
    for (uint32_t i = 0; i < taps * 4; i++)
        weights[i] = 0.5f;
    draw_offsets(b, taps);
    const sn_infer_dense_job job = {.weights = weights,
                                    .offsets = b->offsets,
                                    .taps = taps,
                                    .groups = 1,
                                    .rows = ROWS,
                                    .base = b->input,
                                    .out = b->output};
    double best = 0;
    for (int i = 0; i < REPEATS; i++) {
        const double before = b->now();
        b->isa->dense(&job);
        const double taken = (b->now() - before) * 1e9;
        best = i == 0 || taken < best ? taken : best;
    }
    return best;
}

/* A 3x3 window's band of some channels of 16 x 16 pixels. */
static double time_prologue(bench *b, uint32_t *vectors) {
    enum { CHANNELS = 6 };
    const sn_infer_layer layer = {.in = {CHANNELS, 16, 16},
                                  .out = {CHANNELS, 16, 16},
                                  .kernel_height = 3,
                                  .kernel_width = 3,
                                  .stride = 1,
                                  .padding = 1};
    sn_infer_band_layout layout;
    sn_infer_prologue prologue;
    sn_infer_band_layout_plan(&layer, b->isa->lanes, ROWS, &layout);
    sn_infer_prologue_prepare(&layer, &layout, 0, b->rest, &prologue);
    *vectors = CHANNELS * layout.channel;
    double best = 0;
    for (int i = 0; i < REPEATS; i++) {
        const double before = b->now();
        /* from inside of the block, which is read a vector before and behind */
        b->isa->prologue(&prologue, b->input + 16, CHANNELS, 0, NULL, b->output);
        const double taken = (b->now() - before) * 1e9;
        best = i == 0 || taken < best ? taken : best;
    }
    return best;
}

sn_infer_status sn_infer_measure_costs(sn_infer_isa isa, double (*now)(void), void *memory,
                                       sn_infer_costs *costs) {
    unsigned char *bytes = memory;
    bench b = {.isa = sn_infer_isa_find(isa),
               .now = now,
               .input = memory,
               .output = (float *)(void *)(bytes + INPUT_BYTES),
               .words = (uint64_t *)(void *)(bytes + INPUT_BYTES + OUTPUT_BYTES),
               .offsets = (uint16_t *)(void *)(bytes + INPUT_BYTES + OUTPUT_BYTES + WORD_BYTES),
               .rest = bytes + INPUT_BYTES + OUTPUT_BYTES + WORD_BYTES + OFFSET_BYTES,
               .random = 1};
    if (!b.isa)
        return SN_INFER_NO_SUCH_ISA;
    if ((uintptr_t)memory % SN_INFER_ALIGNMENT != 0)
        return SN_INFER_MISALIGNED;
    for (size_t i = 0; i < INPUT_BYTES / sizeof(float); i++)
        b.input[i] = (float)draw(&b, 1000) / 1000;

    uint32_t additions, copied;
    const double add = time_long_list(&b) / (LIST * ROWS);
    /* For each list: itself and two outputs in memory, the group's first being one; or itself and
     * three quarters of an output. */
    const double alone =
        (time_short_lists(&b, FEW, false, &additions) - additions * ROWS * add) / FEW;
    const double shared =
        (time_short_lists(&b, FEW, true, &additions) - additions * ROWS * add) / FEW;
    const double unknown =
        (time_short_lists(&b, MANY, true, &additions) - additions * ROWS * add) / MANY;
    const double output = (alone - shared) / 1.25;
    const double transition = output > add * ROWS ? output / ROWS : add;
    const double list = shared - 0.75 * ROWS * transition;
    const uint32_t taps = 300;
    *costs = (sn_infer_costs){
        .add = (float)add,
        .list = (float)(list > add * 4 ? list : add * 4),
        .miss = (float)(unknown > shared ? unknown - shared : 0),
        .transition = (float)transition,
        .multiply = (float)(time_dense(&b, taps) / (taps * 4 * ROWS)),
        .copy = (float)(time_prologue(&b, &copied) / copied),
    };
    if (copied == 0)
        costs->copy = costs->add;
    return SN_INFER_OK;
}
