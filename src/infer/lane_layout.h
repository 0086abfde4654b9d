/* Inside the runtime: the lane layout, how a picture lies in the lanes of vectors.
 *
 * The picture is cut into as many patches as a vector has lanes, `across` of them side by side and
 * the others below. A patch has rows x columns pixels. A vector holds the pixels at one place of
 * all patches:
 *
 *     activation[channel][column of the patch][row of the patch][lane]
 *
 * So the pixel above or beside is another vector at the same alignment. At the border of a patch it
 * is a vector shifted by a lane (prologue.h). Pixels below one another are contiguous. Where the
 * patches are larger than the picture some lanes hold no pixel: their contents are undefined.
 */
#ifndef SN_INFER_LANE_LAYOUT_H
#define SN_INFER_LANE_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

typedef struct sn_infer_lane_layout {
    uint32_t lanes, across;
    uint32_t rows, columns; /* of a patch */
} sn_infer_lane_layout;

/* The layout with the fewest vectors; of several the one with the tallest patches. */
sn_infer_lane_layout sn_infer_lane_layout_choose(uint32_t height, uint32_t width, uint32_t lanes);

/* Vectors of one channel. */
static inline uint64_t sn_infer_lane_layout_vectors(const sn_infer_lane_layout *layout) {
    return (uint64_t)layout->rows * layout->columns;
}

/* Where pixel (y, x) lies in its channel, in elements. */
static inline size_t sn_infer_lane_layout_offset(const sn_infer_lane_layout *layout, uint32_t y,
                                                 uint32_t x) {
    const size_t lane = (size_t)(y / layout->rows) * layout->across + x / layout->columns;
    return ((size_t)(x % layout->columns) * layout->rows + y % layout->rows) * layout->lanes + lane;
}

/* plain[channels][height][width] to lanes and back. */
void sn_infer_lane_layout_from_plain(const sn_infer_lane_layout *layout, uint32_t channels,
                                     uint32_t height, uint32_t width, const float *plain,
                                     float *laned);
void sn_infer_lane_layout_to_plain(const sn_infer_lane_layout *layout, uint32_t channels,
                                   uint32_t height, uint32_t width, const float *laned,
                                   float *plain);

#endif
