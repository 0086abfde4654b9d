#include "infer/lane_layout.h"

static uint32_t divide_up(uint32_t a, uint32_t b) {
    return (a + b - 1) / b;
}

sn_infer_lane_layout sn_infer_lane_layout_choose(uint32_t height, uint32_t width, uint32_t lanes) {
    sn_infer_lane_layout best = {0};
    for (uint32_t across = lanes; across >= 1; across /= 2) {
        const sn_infer_lane_layout layout = {lanes, across, divide_up(height, lanes / across),
                                             divide_up(width, across)};
        if (!best.lanes ||
            sn_infer_lane_layout_vectors(&layout) < sn_infer_lane_layout_vectors(&best))
            best = layout;
    }
    return best;
}

void sn_infer_lane_layout_from_plain(const sn_infer_lane_layout *layout, uint32_t channels,
                                     uint32_t height, uint32_t width, const float *plain,
                                     float *laned) {
    const size_t channel = (size_t)sn_infer_lane_layout_vectors(layout) * layout->lanes;
    const size_t column = (size_t)layout->rows * layout->lanes;
    for (uint32_t c = 0; c < channels; c++, laned += channel)
        for (uint32_t y = 0; y < height; y++)
            for (uint32_t x = 0; x < width;) {
                float *to = laned + sn_infer_lane_layout_offset(layout, y, x);
                const uint32_t end = x + layout->columns < width ? x + layout->columns : width;
                for (; x < end; x++, to += column)
                    *to = *plain++;
            }
}

void sn_infer_lane_layout_to_plain(const sn_infer_lane_layout *layout, uint32_t channels,
                                   uint32_t height, uint32_t width, const float *laned,
                                   float *plain) {
    const size_t channel = (size_t)sn_infer_lane_layout_vectors(layout) * layout->lanes;
    const size_t column = (size_t)layout->rows * layout->lanes;
    for (uint32_t c = 0; c < channels; c++, laned += channel)
        for (uint32_t y = 0; y < height; y++)
            for (uint32_t x = 0; x < width;) {
                const float *from = laned + sn_infer_lane_layout_offset(layout, y, x);
                const uint32_t end = x + layout->columns < width ? x + layout->columns : width;
                for (; x < end; x++, from += column)
                    *plain++ = *from;
            }
}
