#include "infer/means.h"
#include "infer/plan_conv.h"

enum { BLOCK = 8 }; /* rows that are summed at a time */

static uint32_t block_count(const sn_infer_stage *stage) {
    return (stage->from.rows + BLOCK - 1) / BLOCK;
}

void sn_infer_means_carve(const sn_infer_layer *layer, unsigned char *base, uint64_t *used,
                          sn_infer_means *means) {
    const sn_infer_conv *conv = &layer->conv;
    const uint64_t vector = layer->isa->lanes * sizeof(float);
    *means = (sn_infer_means){0};
    if (!layer->input_centered)
        return;
    unsigned char *plane =
        sn_infer_take(base, used, (sn_infer_tiles_vectors(&conv->stage.from) + 2) * vector);
    means->plane = plane ? (float *)(void *)(plane + vector) : NULL;
    means->known = sn_infer_take(base, used, block_count(&conv->stage));
    for (int half = 0; layer->input_scale != 0 && half < 1 + conv->integers; half++)
        means->staged[half] = sn_infer_take(base, used, conv->stage.channel * vector);
}

void sn_infer_means_begin(const sn_infer_layer *layer, const sn_infer_means *means) {
    memset(means->known, 0, block_count(&layer->conv.stage));
}

/* Rows block * BLOCK and up of the input's tiles, in all columns. */
static void compute_block(const sn_infer_layer *layer, const sn_infer_means *means,
                          const float *input, uint32_t block) {
    const sn_infer_tiles *from = &layer->conv.stage.from;
    const uint32_t row = block * BLOCK, left = from->rows - row;
    const sn_infer_rounding rounding =
        layer->input_scale != 0 ? sn_infer_rounding_of(layer) : (sn_infer_rounding){0};
    for (uint32_t column = 0; column < from->columns; column++) {
        const size_t at = ((size_t)column * from->rows + row) * from->lanes;
        layer->isa->channel_means(&(sn_infer_channel_means){
            .from = input + at,
            .pitch = (size_t)sn_infer_tiles_vectors(from),
            .channels = layer->in.channels,
            .vectors = left < BLOCK ? left : BLOCK,
            .rounding = layer->input_scale != 0 ? &rounding : NULL,
            .to = means->plane + at,
        });
    }
    means->known[block] = 1;
}

/* The rows that the band reads. */
static void compute_rows(const sn_infer_layer *layer, const sn_infer_means *means,
                         const float *input, uint32_t first_row) {
    const sn_infer_stage *stage = &layer->conv.stage;
    for (uint32_t block = 0; stage->gather && block < block_count(stage); block++)
        if (!means->known[block])
            compute_block(layer, means, input, block);
    for (uint32_t i = 0; !stage->gather && i < stage->pitch; i++) {
        const uint64_t row =
            ((uint64_t)first_row + i % stage->phase_rows) * stage->stride + i / stage->phase_rows;
        const int32_t place = row < stage->rows ? stage->row_lines[row].place : -1;
        if (place >= 0 && !means->known[place / BLOCK])
            compute_block(layer, means, input, (uint32_t)place / BLOCK);
    }
}

void sn_infer_means_prepare(const sn_infer_layer *layer, const sn_infer_means *means,
                            const float *input, uint32_t first_row) {
    const sn_infer_conv *conv = &layer->conv;
    for (uint32_t half = 0; half < 1u + conv->integers; half++) {
        const uint32_t first = first_row + half * conv->half;
        compute_rows(layer, means, input, first);
        if (layer->input_scale != 0)
            layer->isa->stage(&conv->stage, means->plane, 1, first, NULL, means->staged[half]);
    }
}
