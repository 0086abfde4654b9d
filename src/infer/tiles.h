/* Inside the runtime: how a picture lies in vectors.
 *
 * A vector's lanes are `lanes` tiles of the picture, `across` of them side by side and the others
 * below; a tile has rows x columns pixels, and a vector holds the pixels at one place of all tiles:
 *
 *     activation[channel][column of the tile][row of the tile][lane]
 *
 * So the pixel above or beside is another vector at the same alignment, at the border of a tile the
 * same vector shifted by a lane (stage.h), and pixels below one another are contiguous. Where tiles
 * do not fill the picture some lanes hold no pixel: they may contain anything.
 */
#ifndef SN_INFER_TILES_H
#define SN_INFER_TILES_H

#include <stddef.h>
#include <stdint.h>

typedef struct sn_infer_tiles {
    uint32_t lanes, across;
    uint32_t rows, columns; /* of a tile */
} sn_infer_tiles;

/* The arrangement with the fewest vectors; of several the one with the tallest tiles. */
sn_infer_tiles sn_infer_tiles_choose(uint32_t height, uint32_t width, uint32_t lanes);

/* Vectors of one channel. */
static inline uint64_t sn_infer_tiles_vectors(const sn_infer_tiles *tiles) {
    return (uint64_t)tiles->rows * tiles->columns;
}

/* Where pixel (y, x) lies in its channel, in elements. */
static inline size_t sn_infer_tiles_offset(const sn_infer_tiles *tiles, uint32_t y, uint32_t x) {
    const size_t lane = (size_t)(y / tiles->rows) * tiles->across + x / tiles->columns;
    return ((size_t)(x % tiles->columns) * tiles->rows + y % tiles->rows) * tiles->lanes + lane;
}

/* plain[channels][height][width] to tiles and back. */
void sn_infer_tiles_from_plain(const sn_infer_tiles *tiles, uint32_t channels, uint32_t height,
                               uint32_t width, const float *plain, float *tiled);
void sn_infer_tiles_to_plain(const sn_infer_tiles *tiles, uint32_t channels, uint32_t height,
                             uint32_t width, const float *tiled, float *plain);

#endif
