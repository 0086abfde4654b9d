/* Convolution with one-bit or ternary weights by walks (walk.h): over floats, and over twice as
 * many 16-bit integers where the layer rounds its input. */
#include "infer/conv.h"
#include "infer/kernels.h"
#include "infer/walk.h"
#include "infer/walk_plan.h"

typedef struct walk_tables {
    sn_infer_conv_tables common;
    uint64_t *words;
    uint16_t *offsets;
    sn_infer_walk_start *start; /* [chunks][groups] */
} walk_tables;

/* One channel has to fit into a list. */
static bool accepts(const sn_infer_layer *layer) {
    return layer->opcode == SN_INFER_OP_CONV && layer->payload_layout == SN_INFER_PAYLOAD_PLAIN &&
           sn_infer_has_bits(layer) && sn_infer_taps(layer) <= SN_INFER_MAX_LIST;
}

static bool accepts_short(const sn_infer_layer *layer) {
    return accepts(layer) && sn_infer_rounds_input(layer);
}

static uint64_t carve(const sn_infer_layer *layer, const sn_infer_plan *plan, unsigned char *base,
                      walk_tables *tables) {
    const sn_infer_conv_plan *conv = &plan->conv;
    const uint64_t walks = (uint64_t)conv->chunks.count * conv->groups;
    uint64_t used = 0;
    sn_infer_take(base, &used, sizeof *tables);
    sn_infer_conv_carve(layer, plan, 1, base, &used, &tables->common);
    /* A walk reads a word ahead. */
    tables->words = sn_infer_take(base, &used, (conv->words + 1) * sizeof(uint64_t));
    tables->offsets = sn_infer_take(base, &used, conv->additions * sizeof(uint16_t));
    tables->start = sn_infer_take(base, &used, walks * sizeof(sn_infer_walk_start));
    return used;
}

static bool plan_walks(const sn_infer_layer *layer, const sn_infer_request *request,
                       bool short_lanes, sn_infer_plan *plan) {
    walk_tables tables;
    if (!sn_infer_walk_plan(layer, request, short_lanes, plan))
        return false;
    plan->prepared = carve(layer, plan, NULL, &tables);
    plan->work = sn_infer_conv_work(layer, plan);
    return plan->conv.words <= UINT32_MAX && plan->conv.additions <= UINT32_MAX;
}

static bool plan_floats(const sn_infer_layer *layer, const sn_infer_request *request,
                        sn_infer_plan *plan) {
    return plan_walks(layer, request, false, plan);
}

static bool plan_shorts(const sn_infer_layer *layer, const sn_infer_request *request,
                        sn_infer_plan *plan) {
    return plan_walks(layer, request, true, plan);
}

static void prepare(const sn_infer_layer *layer, const sn_infer_plan *plan, void *prepared) {
    const sn_infer_conv_plan *conv = &plan->conv;
    walk_tables tables;
    carve(layer, plan, prepared, &tables);
    sn_infer_conv_prepare(layer, plan, 1, &tables.common);
    sn_infer_walk_size size = {0};
    sn_infer_walk_start *start = tables.start;
    for (uint32_t chunk = 0; chunk < conv->chunks.count; chunk++)
        for (uint32_t group = 0; group < conv->groups; group++) {
            const sn_infer_walk_part part = sn_infer_walk_plan_part(layer, plan, chunk, group);
            *start++ = (sn_infer_walk_start){(uint32_t)size.words, (uint32_t)size.additions};
            sn_infer_walk_write(&part, &size, tables.words + size.words,
                                tables.offsets + size.additions);
        }
    tables.words[size.words] = 0;
    *(walk_tables *)prepared = tables;
}

static void (*walk_of(const sn_infer_operator *op))(const sn_infer_walk_job *job) {
    const sn_infer_conv_plan *conv = &op->plan.conv;
    const sn_infer_isa_ops *isa = op->isa;
    const uint32_t i = op->plan.bands.row_choice;
    if (sn_infer_has_digits(op->layer, &conv->scheme) && conv->group > 1)
        return conv->short_lanes ? isa->ternary_walk_short[i] : isa->ternary_walk[i];
    if (sn_infer_walk_is_signed(op->layer, &conv->scheme))
        return conv->short_lanes ? isa->signed_walk_short[i] : isa->signed_walk[i];
    return conv->short_lanes ? isa->add_walk_short[i] : isa->add_walk[i];
}

static void sum_chunk(const sn_infer_operator *op, const sn_infer_block *b, uint32_t chunk,
                      const void *base, void *sums) {
    const walk_tables *tables = op->prepared;
    const sn_infer_conv_plan *conv = &op->plan.conv;
    const sn_infer_walk_start start = tables->start[(size_t)chunk * conv->groups + b->first_group];
    walk_of(op)(&(sn_infer_walk_job){
        .words = tables->words + start.word,
        .offsets = tables->offsets + start.offset,
        .groups = b->end_group - b->first_group,
        .out_stride = conv->group + conv->extra,
        .base = base,
        .out = sums,
    });
}

static void run(const sn_infer_operator *op, const sn_infer_task *task) {
    sn_infer_conv_run(op, task, sum_chunk);
}

const sn_infer_kernel sn_infer_conv_walk_kernel = {
    .name = "walk", .accepts = accepts, .plan = plan_floats, .prepare = prepare, .run = run};
const sn_infer_kernel sn_infer_conv_short_kernel = {.name = "short walk",
                                                    .accepts = accepts_short,
                                                    .plan = plan_shorts,
                                                    .prepare = prepare,
                                                    .run = run};
