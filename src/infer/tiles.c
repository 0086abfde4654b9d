#include "infer/tiles.h"

static uint32_t divide_up(uint32_t a, uint32_t b) {
    return (a + b - 1) / b;
}

sn_infer_tiles sn_infer_tiles_choose(uint32_t height, uint32_t width, uint32_t lanes) {
    sn_infer_tiles best = {0};
    for (uint32_t across = lanes; across >= 1; across /= 2) {
        const sn_infer_tiles tiles = {lanes, across, divide_up(height, lanes / across),
                                      divide_up(width, across)};
        if (!best.lanes || sn_infer_tiles_vectors(&tiles) < sn_infer_tiles_vectors(&best))
            best = tiles;
    }
    return best;
}

void sn_infer_tiles_from_plain(const sn_infer_tiles *tiles, uint32_t channels, uint32_t height,
                               uint32_t width, const float *plain, float *tiled) {
    const size_t channel = (size_t)sn_infer_tiles_vectors(tiles) * tiles->lanes;
    const size_t column = (size_t)tiles->rows * tiles->lanes;
    for (uint32_t c = 0; c < channels; c++, tiled += channel)
        for (uint32_t y = 0; y < height; y++)
            for (uint32_t x = 0; x < width;) {
                float *to = tiled + sn_infer_tiles_offset(tiles, y, x);
                const uint32_t end = x + tiles->columns < width ? x + tiles->columns : width;
                for (; x < end; x++, to += column)
                    *to = *plain++;
            }
}

void sn_infer_tiles_to_plain(const sn_infer_tiles *tiles, uint32_t channels, uint32_t height,
                             uint32_t width, const float *tiled, float *plain) {
    const size_t channel = (size_t)sn_infer_tiles_vectors(tiles) * tiles->lanes;
    const size_t column = (size_t)tiles->rows * tiles->lanes;
    for (uint32_t c = 0; c < channels; c++, tiled += channel)
        for (uint32_t y = 0; y < height; y++)
            for (uint32_t x = 0; x < width;) {
                const float *from = tiled + sn_infer_tiles_offset(tiles, y, x);
                const uint32_t end = x + tiles->columns < width ? x + tiles->columns : width;
                for (; x < end; x++, from += column)
                    *plain++ = *from;
            }
}
