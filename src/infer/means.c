#include "infer/means.h"
#include "infer/plan_conv.h"

enum row_state { ROW_UNKNOWN, ROW_WANTED, ROW_KNOWN };

void sn_infer_means_carve(const sn_infer_layer *layer, unsigned char *base, uint64_t *used,
                          sn_infer_means *means) {
    const sn_infer_conv *conv = &layer->conv;
    const sn_infer_tiles *from = &conv->stage.from;
    const uint64_t vector = layer->isa->lanes * sizeof(float), one = layer->input_centered;
    *means = (sn_infer_means){0};
    unsigned char *plane =
        sn_infer_take(base, used, one * (sn_infer_tiles_vectors(from) + 2) * vector);
    means->plane = plane ? (float *)(void *)(plane + vector) : NULL;
    means->rows = sn_infer_take(base, used, one * from->rows);
    for (int half = 0; half < 1 + conv->integers; half++)
        means->staged[half] = sn_infer_take(base, used, one * conv->stage.channel * vector);
}

void sn_infer_means_begin(const sn_infer_layer *layer, const sn_infer_means *means) {
    memset(means->rows, ROW_UNKNOWN, layer->conv.stage.from.rows);
}

static void want(const sn_infer_means *means, uint32_t row) {
    if (means->rows[row] == ROW_UNKNOWN)
        means->rows[row] = ROW_WANTED;
}

/* Marks the rows of the input's tiles that the band reads. */
static void want_rows(const sn_infer_stage *stage, const sn_infer_means *means,
                      uint32_t first_row) {
    for (uint32_t row = 0; stage->gather && row < stage->from.rows; row++)
        want(means, row);
    for (uint32_t i = 0; !stage->gather && i < stage->pitch; i++) {
        const uint64_t row =
            ((uint64_t)first_row + i % stage->phase_rows) * stage->stride + i / stage->phase_rows;
        if (row < stage->rows && stage->row_lines[row].place >= 0)
            want(means, (uint32_t)stage->row_lines[row].place);
    }
}

/* Rows row .. row + count - 1, in all columns. */
static void compute_rows(const sn_infer_layer *layer, const sn_infer_means *means,
                         const float *input, uint32_t row, uint32_t count) {
    const sn_infer_tiles *from = &layer->conv.stage.from;
    const sn_infer_rounding rounding =
        layer->input_scale != 0 ? sn_infer_rounding_of(layer) : (sn_infer_rounding){0};
    for (uint32_t column = 0; column < from->columns; column++) {
        const size_t at = ((size_t)column * from->rows + row) * from->lanes;
        layer->isa->channel_means(&(sn_infer_channel_means){
            .from = input + at,
            .pitch = (size_t)sn_infer_tiles_vectors(from),
            .channels = layer->in.channels,
            .vectors = count,
            .rounding = layer->input_scale != 0 ? &rounding : NULL,
            .to = means->plane + at,
        });
    }
}

static void compute(const sn_infer_layer *layer, const sn_infer_means *means, const float *input) {
    const uint32_t rows = layer->conv.stage.from.rows;
    for (uint32_t row = 0, end; row < rows; row = end) {
        end = row + 1;
        if (means->rows[row] != ROW_WANTED)
            continue;
        while (end < rows && means->rows[end] == ROW_WANTED)
            end++;
        compute_rows(layer, means, input, row, end - row);
        memset(means->rows + row, ROW_KNOWN, end - row);
    }
}

void sn_infer_means_stage(const sn_infer_layer *layer, const sn_infer_means *means,
                          const float *input, uint32_t first_row) {
    const sn_infer_conv *conv = &layer->conv;
    for (uint32_t half = 0; half < 1u + conv->integers; half++)
        want_rows(&conv->stage, means, first_row + half * conv->half);
    compute(layer, means, input);
    for (uint32_t half = 0; half < 1u + conv->integers; half++)
        layer->isa->stage(&conv->stage, means->plane, 1, first_row + half * conv->half, NULL,
                          means->staged[half]);
}
