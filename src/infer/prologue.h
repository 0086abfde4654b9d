/* Inside the runtime: the prologue, which prepares the input of a band for the kernels (bands.h).
 * It copies the rows that the band reads: padded, shifted at the borders of patches, and with the
 * rows and columns of a stride sorted apart. What lies beyond the picture is `fill`.
 *
 * A vector at the border of a patch is one of the input shifted by some lanes, as long as the
 * input's patches are the output's times the stride. Where they are not, lanes are gathered one by
 * one.
 */
#ifndef SN_INFER_PROLOGUE_H
#define SN_INFER_PROLOGUE_H

#include "infer/bands.h"

/* One row or column of what the windows of a patch reach, counted as in the padded input. */
typedef struct sn_infer_prologue_line {
    int32_t place; /* row or column of the input's patch; -1: none in any lane */
    int32_t shift; /* lanes: lane l is the input's lane l + shift */
    int32_t whole; /* every lane holds a pixel */
} sn_infer_prologue_line;

typedef struct sn_infer_prologue {
    sn_infer_band_layout layout;
    float fill;
    bool gather;                    /* the patches do not match */
    uint32_t inner_rows, inner_end; /* rows that are the input patch's from its first row on */
    /* Without gather: lines and masks (all bits or none, [lines][lanes]); with it: in `masks` the
     * offset that a line adds for each lane, -1 for none. */
    const sn_infer_prologue_line *row_lines, *column_lines;
    const int32_t *row_masks, *column_masks;
} sn_infer_prologue;

/* Bytes of what sn_infer_prologue_prepare writes to memory, which is aligned to 64. */
uint64_t sn_infer_prologue_bytes(const sn_infer_band_layout *layout);
void sn_infer_prologue_prepare(const sn_infer_layer *layer, const sn_infer_band_layout *layout,
                               float fill, void *memory, sn_infer_prologue *prologue);

#endif
