/* Inside the runtime: what kernels read. A band of a layer's input is copied to where every tap of
 * the window, for every output position of the band, is an aligned vector:
 *
 *     staged[channel][column phase][column][row phase][row][lane]
 *
 * Output (row p, column x) of the band, tap (r, q), reads row p + r / stride of row phase r %
 * stride, likewise columns. Padding, and what lies beyond the picture, is `fill`. Lanes are the
 * tiles of the *output*; a vector at the border of a tile is one of the input shifted by some
 * lanes, as long as the input's tiles are the output's times the stride. Where they are not, lanes
 * are fetched one by one.
 */
#ifndef SN_INFER_STAGE_H
#define SN_INFER_STAGE_H

#include "infer/tiles.h"

#include <stdbool.h>

typedef struct sn_infer_layer sn_infer_layer;

/* One row or column of the staged picture, counted as in the padded input. */
typedef struct sn_infer_stage_line {
    int32_t place; /* row or column of the input's tile; -1: none in any lane */
    int32_t shift; /* lanes: lane l is the input's lane l + shift */
    int32_t whole; /* every lane holds a pixel */
} sn_infer_stage_line;

typedef struct sn_infer_stage {
    sn_infer_tiles from, to; /* of the layer's input and output */
    uint32_t stride;
    uint32_t rows, columns; /* that the windows of a whole tile reach */
    uint32_t row_phases, column_phases;
    uint32_t phase_rows, phase_columns; /* of one phase of a band */
    uint32_t pitch;                     /* vectors from column to column */
    uint32_t channel;                   /* vectors from channel to channel */
    uint32_t inner_rows, inner_end;     /* rows that are the input tile's from its first row on */
    bool gather;                        /* tiles do not match */
    float fill;
    /* Prepared. Without gather: lines and masks (all bits or none, [lines][lanes]); with it: in
     * `masks` the offset that a line adds for each lane, -1 for none. */
    const sn_infer_stage_line *row_lines, *column_lines;
    const int32_t *row_masks, *column_masks;
} sn_infer_stage;

/* The geometry for bands of `band` rows of the output's tiles; false when it is too large. */
bool sn_infer_stage_plan(const sn_infer_layer *layer, uint32_t lanes, uint32_t band,
                         sn_infer_stage *stage);

/* Bytes of what sn_infer_stage_prepare writes to memory, which is aligned to 64. */
uint64_t sn_infer_stage_bytes(const sn_infer_stage *stage);
void sn_infer_stage_prepare(const sn_infer_layer *layer, sn_infer_stage *stage, void *memory);

/* Vectors of one channel's band that the windows of one column of outputs reach. */
uint32_t sn_infer_stage_window(const sn_infer_layer *layer, const sn_infer_stage *stage);

/* Where tap (c, r, q) of the band's first output lies, in vectors. */
static inline uint64_t sn_infer_stage_offset(const sn_infer_stage *stage, uint32_t c, uint32_t r,
                                             uint32_t q) {
    const uint32_t s = stage->stride;
    const uint64_t column = (uint64_t)(q % s) * stage->phase_columns + q / s;
    return (uint64_t)c * stage->channel + column * stage->pitch + (r % s) * stage->phase_rows +
           r / s;
}

#endif
