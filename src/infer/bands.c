#include "infer/bands.h"

const uint32_t sn_infer_block_rows[SN_INFER_ROW_CHOICES] = {1, 2, 4, 7, 8};

bool sn_infer_band_layout_plan(const sn_infer_layer *layer, uint32_t lanes, uint32_t rows,
                               sn_infer_band_layout *layout) {
    const uint32_t s = layer->stride;
    *layout = (sn_infer_band_layout){
        .from = sn_infer_shape_lanes(layer->in, lanes),
        .to = sn_infer_shape_lanes(layer->out, lanes),
        .stride = s,
        .row_phases = sn_infer_smaller(s, layer->kernel_height),
        .column_phases = sn_infer_smaller(s, layer->kernel_width),
    };
    layout->rows = (layout->to.rows - 1) * s + layer->kernel_height;
    layout->columns = (layout->to.columns - 1) * s + layer->kernel_width;
    layout->phase_rows = rows + (layer->kernel_height - 1) / s;
    layout->phase_columns = layout->to.columns + (layer->kernel_width - 1) / s;
    const uint64_t pitch = (uint64_t)layout->row_phases * layout->phase_rows;
    const uint64_t channel = pitch * layout->column_phases * layout->phase_columns;
    if (channel * layer->in.channels * lanes > SN_INFER_MAX_ELEMENTS)
        return false;
    layout->pitch = (uint32_t)pitch;
    layout->channel = (uint32_t)channel;
    return true;
}

uint32_t sn_infer_band_layout_window(const sn_infer_layer *layer,
                                     const sn_infer_band_layout *layout) {
    return sn_infer_smaller(layer->kernel_width, layout->column_phases * layout->phase_columns) *
           layout->pitch;
}

bool sn_infer_bands_plan(const sn_infer_layer *layer, uint32_t lanes, uint32_t patch_rows,
                         sn_infer_bands *bands) {
    uint32_t least = UINT32_MAX;
    for (uint32_t i = SN_INFER_ROW_CHOICES; i-- > 0;) {
        /* A block costs about two rows besides its own: lists are read once for all rows. */
        const uint32_t rows = sn_infer_block_rows[i];
        const uint32_t count = sn_infer_divide_up(patch_rows, rows);
        if (count * (rows + 2) < least) {
            least = count * (rows + 2);
            bands->rows = rows;
            bands->row_choice = i;
            bands->count = count;
        }
    }
    /* Offsets of one channel have 16 bits. */
    return sn_infer_band_layout_plan(layer, lanes, bands->rows, &bands->layout) &&
           bands->layout.channel <= UINT16_MAX;
}

/* ---- chunks ---- */

sn_infer_chunks sn_infer_chunks_of(uint32_t channels, uint32_t slice, uint32_t size) {
    const uint32_t whole = channels / slice, rest = channels % slice;
    return (sn_infer_chunks){
        .channels = channels,
        .slice = slice,
        .size = size,
        .count = whole * sn_infer_divide_up(slice, size) + sn_infer_divide_up(rest, size),
    };
}

uint32_t sn_infer_chunk_first(const sn_infer_chunks *chunks, uint32_t chunk) {
    const uint32_t of_slice = sn_infer_divide_up(chunks->slice, chunks->size);
    return chunk / of_slice * chunks->slice + chunk % of_slice * chunks->size;
}

uint32_t sn_infer_chunk_end(const sn_infer_chunks *chunks, uint32_t chunk) {
    const uint32_t first = sn_infer_chunk_first(chunks, chunk);
    const uint32_t slice_end = (first / chunks->slice + 1) * chunks->slice;
    return sn_infer_smaller(sn_infer_smaller(first + chunks->size, slice_end), chunks->channels);
}

/* ---- threads ---- */

/* Parts of a band that different threads take. */
static uint32_t parts_of(const sn_infer_bands *bands, uint32_t groups, uint32_t threads) {
    return sn_infer_smaller(sn_infer_divide_up(threads, bands->count), groups);
}

uint32_t sn_infer_unit_count(const sn_infer_bands *bands, uint32_t groups, uint32_t threads) {
    return bands->count * parts_of(bands, groups, threads);
}

sn_infer_unit sn_infer_unit_at(const sn_infer_bands *bands, uint32_t groups, uint32_t threads,
                               uint32_t index) {
    const uint32_t parts = parts_of(bands, groups, threads), part = index % parts;
    return (sn_infer_unit){
        .first_row = index / parts * bands->rows,
        .first_group = (uint32_t)((uint64_t)groups * part / parts),
        .end_group = (uint32_t)((uint64_t)groups * (part + 1) / parts),
    };
}
