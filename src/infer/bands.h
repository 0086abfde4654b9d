/* Inside the runtime: the geometry of convolutions and poolings. Nothing here is allocated.
 *
 * They are computed band by band: `rows` rows of all patches of the output (lane_layout.h). The
 * prologue copies the input of a band to where every tap of the window, for every output position
 * of the band, is an aligned vector (prologue.h):
 *
 *     band[channel][column phase][column][row phase][row][lane]
 *
 * Output (row p, column x) of the band, tap (r, q), reads row p + r / stride of row phase
 * r % stride, likewise columns. Lanes are the patches of the *output*.
 */
#ifndef SN_INFER_BANDS_H
#define SN_INFER_BANDS_H

#include "infer/layer.h"

enum { SN_INFER_ROW_CHOICES = 5, SN_INFER_MAX_ROWS = 8 };
extern const uint32_t sn_infer_block_rows[SN_INFER_ROW_CHOICES]; /* 1, 2, 4, 7, 8 */

typedef struct sn_infer_band_layout {
    sn_infer_lane_layout from, to; /* of the layer's input and output */
    uint32_t stride;
    uint32_t rows, columns; /* that the windows of a whole patch reach */
    uint32_t row_phases, column_phases;
    uint32_t phase_rows, phase_columns; /* of one phase of a band */
    uint32_t pitch;                     /* vectors from column to column */
    uint32_t channel;                   /* vectors from channel to channel */
} sn_infer_band_layout;

/* For bands of `rows` rows; false when it is too large. */
bool sn_infer_band_layout_plan(const sn_infer_layer *layer, uint32_t lanes, uint32_t rows,
                               sn_infer_band_layout *layout);

/* Vectors of one channel's band that the windows of one column of outputs reach. */
uint32_t sn_infer_band_layout_window(const sn_infer_layer *layer,
                                     const sn_infer_band_layout *layout);

/* Where tap (c, r, q) of the band's first output lies, in vectors. */
static inline uint64_t sn_infer_band_layout_offset(const sn_infer_band_layout *layout, uint32_t c,
                                                   uint32_t r, uint32_t q) {
    const uint32_t s = layout->stride;
    const uint64_t column = (uint64_t)(q % s) * layout->phase_columns + q / s;
    return (uint64_t)c * layout->channel + column * layout->pitch + (r % s) * layout->phase_rows +
           r / s;
}

typedef struct sn_infer_bands {
    sn_infer_band_layout layout;
    uint32_t rows, row_choice; /* of a band; index in sn_infer_block_rows */
    uint32_t count;
} sn_infer_bands;

/* Bands of patches that are `patch_rows` high. False when the layer is too large. */
bool sn_infer_bands_plan(const sn_infer_layer *layer, uint32_t lanes, uint32_t patch_rows,
                         sn_infer_bands *bands);

/* Input channels that a convolution takes at a time, so that their band stays in the first-level
 * cache. A chunk lies inside of a slice: all channels, or a region's. */
typedef struct sn_infer_chunks {
    uint32_t channels, slice; /* of the layer, of a slice */
    uint32_t size, count;
} sn_infer_chunks;

sn_infer_chunks sn_infer_chunks_of(uint32_t channels, uint32_t slice, uint32_t size);

/* The first channel of a chunk; and the last, plus one. */
uint32_t sn_infer_chunk_first(const sn_infer_chunks *chunks, uint32_t chunk);
uint32_t sn_infer_chunk_end(const sn_infer_chunks *chunks, uint32_t chunk);

/* What a thread takes at a time: a band; or, where there are fewer bands than threads, some of a
 * band's groups of filters. Thread t takes units t, t + threads, ... */
typedef struct sn_infer_unit {
    uint32_t first_row, first_group, end_group;
} sn_infer_unit;

uint32_t sn_infer_unit_count(const sn_infer_bands *bands, uint32_t groups, uint32_t threads);
sn_infer_unit sn_infer_unit_at(const sn_infer_bands *bands, uint32_t groups, uint32_t threads,
                               uint32_t index);

#endif
