#include "infer/channel_means.h"
#include "infer/isa.h"

enum { BLOCK = 8 }; /* rows that are summed at a time */

static uint32_t block_count(const sn_infer_plan *plan) {
    return sn_infer_divide_up(plan->bands.layout.from.rows, BLOCK);
}

void sn_infer_means_carve(const sn_infer_layer *layer, const sn_infer_plan *plan,
                          unsigned char *base, uint64_t *used, sn_infer_means *means) {
    const sn_infer_band_layout *layout = &plan->bands.layout;
    const uint64_t vector = plan->lanes * sizeof(float);
    *means = (sn_infer_means){0};
    if (!layer->input_centered)
        return;
    unsigned char *plane =
        sn_infer_take(base, used, (sn_infer_lane_layout_vectors(&layout->from) + 2) * vector);
    means->plane = plane ? (float *)(void *)(plane + vector) : NULL;
    means->known = sn_infer_take(base, used, block_count(plan));
    for (int half = 0; sn_infer_rounds_input(layer) && half < 1 + plan->conv.short_lanes; half++)
        means->band[half] = sn_infer_take(base, used, layout->channel * vector);
}

void sn_infer_means_begin(const sn_infer_plan *plan, const sn_infer_means *means) {
    memset(means->known, 0, block_count(plan));
}

/* Rows block * BLOCK and up of the input's patches, in all columns. */
static void compute_block(const sn_infer_operator *op, const sn_infer_means *means,
                          const float *input, uint32_t block) {
    const sn_infer_layer *layer = op->layer;
    const sn_infer_lane_layout *from = &op->plan.bands.layout.from;
    const uint32_t row = block * BLOCK;
    const bool rounds = sn_infer_rounds_input(layer);
    const sn_infer_rounding rounding =
        rounds ? sn_infer_rounding_of(layer) : (sn_infer_rounding){0};
    for (uint32_t column = 0; column < from->columns; column++) {
        const size_t at = ((size_t)column * from->rows + row) * from->lanes;
        op->isa->channel_means(&(sn_infer_channel_means_job){
            .from = input + at,
            .pitch = (size_t)sn_infer_lane_layout_vectors(from),
            .channels = layer->in.channels,
            .vectors = sn_infer_smaller(from->rows - row, BLOCK),
            .rounding = rounds ? &rounding : NULL,
            .to = means->plane + at,
        });
    }
    means->known[block] = 1;
}

/* The rows that the band reads. */
static void compute_rows(const sn_infer_operator *op, const sn_infer_prologue *prologue,
                         const sn_infer_means *means, const float *input, uint32_t first_row) {
    const sn_infer_band_layout *layout = &prologue->layout;
    for (uint32_t block = 0; prologue->gather && block < block_count(&op->plan); block++)
        if (!means->known[block])
            compute_block(op, means, input, block);
    for (uint32_t i = 0; !prologue->gather && i < layout->pitch; i++) {
        const uint64_t row = ((uint64_t)first_row + i % layout->phase_rows) * layout->stride +
                             i / layout->phase_rows;
        const int32_t place = row < layout->rows ? prologue->row_lines[row].place : -1;
        if (place >= 0 && !means->known[place / BLOCK])
            compute_block(op, means, input, (uint32_t)place / BLOCK);
    }
}

void sn_infer_means_prepare(const sn_infer_operator *op, const sn_infer_prologue *prologue,
                            const sn_infer_means *means, const float *input, uint32_t first_row) {
    const sn_infer_conv_plan *conv = &op->plan.conv;
    for (uint32_t half = 0; half < 1u + conv->short_lanes; half++) {
        const uint32_t first = first_row + half * conv->half;
        compute_rows(op, prologue, means, input, first);
        if (sn_infer_rounds_input(op->layer))
            op->isa->prologue(prologue, means->plane, 1, first, NULL, means->band[half]);
    }
}
