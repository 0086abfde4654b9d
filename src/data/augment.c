#include "data/augment.h"

#include "base/rng.h"

sn_augmentation sn_augmentation_draw(uint64_t seed, uint64_t epoch, uint32_t image) {
    enum { PLACES = 2 * SN_AUGMENT_PADDING + 1 };
    sn_rng rng;
    sn_rng_init(&rng, seed, SN_RNG_AUGMENT, epoch << 32 | image);
    sn_augmentation drawn;
    drawn.down = (int)sn_rng_below(&rng, PLACES) - SN_AUGMENT_PADDING;
    drawn.right = (int)sn_rng_below(&rng, PLACES) - SN_AUGMENT_PADDING;
    drawn.flip = sn_rng_below(&rng, 2);
    return drawn;
}

void sn_augmentation_apply(sn_augmentation augmentation, const uint8_t *pixels, int channels,
                           int height, int width, float table[][256], float *out) {
    for (int c = 0; c < channels; c++)
        for (int y = 0; y < height; y++) {
            const int from_y = y + augmentation.down;
            const bool row_inside = from_y >= 0 && from_y < height;
            /* never read outside: a padded row takes its pixels from nowhere */
            const uint8_t *row =
                pixels +
                ((size_t)c * (size_t)height + (size_t)(row_inside ? from_y : 0)) * (size_t)width;
            for (int x = 0; x < width; x++) {
                const int from_x = (augmentation.flip ? width - 1 - x : x) + augmentation.right;
                const bool inside = row_inside && from_x >= 0 && from_x < width;
                *out++ = inside ? table[c][row[from_x]] : 0.0f;
            }
        }
}
