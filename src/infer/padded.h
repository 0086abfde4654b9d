/* Inside the runtime: a convolution's input as a zero-padded copy in which every tap of the window
 * is one contiguous run over all output positions.
 *
 * Rows and columns are dealt into phases by their remainder modulo the stride, so neighbouring
 * outputs read neighbouring elements whatever the stride is:
 *
 *     copy[channel][row phase][column phase][row / stride][column / stride]
 *
 * The right border of a row and the left border of the next are the same zeros: a row is W +
 * padding wide before the division. An output pixel (y, x) has the position y * pitch + x; a tap
 * (c, r, q) reads copy[position + offset of the tap]. Positions with x >= output width are computed
 * with the rest and never stored: 3 % of the work at 32 pixels a row, 12 % at 8.
 */
#ifndef SN_INFER_PADDED_H
#define SN_INFER_PADDED_H

#include "infer/layer.h"

/* Kernels may read and write this many positions beyond the last one. */
enum { SN_INFER_PADDED_SLACK = 32 };

typedef struct sn_infer_padded {
    uint32_t row_phases, column_phases;
    uint32_t rows, pitch;  /* of one phase */
    uint64_t phase_size;   /* elements of one phase of one channel */
    uint64_t channel_size; /* elements of all phases of one channel */
    uint64_t elements;     /* of the whole copy, slack included */
    uint64_t positions;    /* from the first output pixel to the last */
} sn_infer_padded;

sn_infer_padded sn_infer_padded_layout(const sn_infer_layer *layer);

/* offset of tap (c, r, q) in the copy */
uint64_t sn_infer_padded_offset(const sn_infer_padded *padded, uint32_t stride, uint32_t c,
                                uint32_t r, uint32_t q);

/* Copies in [C][H][W] to copy[elements]; every element is written. */
void sn_infer_padded_fill(const sn_infer_padded *padded, const sn_infer_layer *layer,
                          const float *in, float *copy);

/* Width of the next block of positions: 32, 16 or 8, at most SN_INFER_PADDED_SLACK - 1 too many. */
static inline size_t sn_infer_padded_block(uint64_t remaining) {
    return remaining > 24 ? 32 : remaining > 8 ? 16 : 8;
}

/* Stores values[count] of the positions from `first` on, which belong to one channel's out [H][W],
 * leaving out those that are no pixels. */
void sn_infer_padded_store(const sn_infer_padded *padded, const sn_infer_layer *layer,
                           uint64_t first, const float *values, size_t count, float *out);

/* Adds to values[count] what one channel's in [H][W] holds at those positions that are pixels. */
void sn_infer_padded_add(const sn_infer_padded *padded, const sn_infer_layer *layer, uint64_t first,
                         float *values, size_t count, const float *in);

#endif
