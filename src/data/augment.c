#include "data/augment.h"

#include "base/rng.h"

#include <stddef.h>

static const struct {
    const char *name;
    bool crop, flip, cutout;
} kinds[] = {
    [SN_AUGMENT_NONE] = {"none", false, false, false},
    {"crop", true, false, false},
    {"flip", false, true, false},
    [SN_AUGMENT_CROP_FLIP] = {"crop+flip", true, true, false},
    {"crop+flip+cutout", true, true, true},
    [SN_AUGMENT_AUTO] = {"auto", false, false, false}, /* stands for one of the others */
};

const char *sn_augment_name(int kind) {
    return kind >= 0 && kind < (int)(sizeof kinds / sizeof *kinds) ? kinds[kind].name : NULL;
}

sn_status sn_augment_resolve(int kind, uint64_t padding, uint64_t cutout, int height, int width,
                             sn_augment_options *options, sn_error *error) {
    const int side = height < width ? height : width;
    *options = (sn_augment_options){.flip = kinds[kind].flip};
    SN_RETURN_IF(
        kinds[kind].crop && padding >= (uint64_t)side && padding > 0, error, SN_ERROR_ARGUMENT,
        "--crop-padding %llu: pictures of %dx%d could be pushed out of the crop; need less "
        "than %d, or a --augment without crop",
        (unsigned long long)padding, width, height, side);
    SN_RETURN_IF(
        kinds[kind].cutout && cutout > (uint64_t)side, error, SN_ERROR_ARGUMENT,
        "--cutout %llu is more than the shorter side of pictures of %dx%d; need at most %d",
        (unsigned long long)cutout, width, height, side);
    if (kinds[kind].crop)
        options->padding = padding ? (int)padding : (side + 4) / 8;
    if (kinds[kind].cutout)
        options->cutout = cutout ? (int)cutout : side / 2;
    return SN_OK;
}

static int draw_below(sn_rng *rng, int bound) {
    return (int)sn_rng_below(rng, (uint64_t)bound);
}

sn_augmentation sn_augmentation_draw(const sn_augment_options *options, uint64_t seed,
                                     uint64_t epoch, uint32_t image, int height, int width) {
    const int padding = options->padding, places = 2 * padding + 1;
    sn_rng rng;
    sn_rng_init(&rng, seed, SN_RNG_AUGMENT, epoch << 32 | image);
    sn_augmentation drawn = {.cutout = options->cutout};
    drawn.down = draw_below(&rng, places) - padding;
    drawn.right = draw_below(&rng, places) - padding;
    drawn.flip = draw_below(&rng, 2) && options->flip;
    if (options->cutout) {
        drawn.top = draw_below(&rng, height) - options->cutout / 2;
        drawn.left = draw_below(&rng, width) - options->cutout / 2;
    }
    return drawn;
}

/* Rows or columns of the square that lie inside 0 .. size. */
static void clip_square(int start, int side, int size, int *first, int *last) {
    *first = start < 0 ? 0 : start;
    *last = start + side > size ? size : start + side;
}

static void cut_out(sn_augmentation augmentation, int channels, int height, int width, float *out) {
    int first_y, last_y, first_x, last_x;
    clip_square(augmentation.top, augmentation.cutout, height, &first_y, &last_y);
    clip_square(augmentation.left, augmentation.cutout, width, &first_x, &last_x);
    for (int c = 0; c < channels; c++)
        for (int y = first_y; y < last_y; y++) {
            float *row = out + ((size_t)c * (size_t)height + (size_t)y) * (size_t)width;
            for (int x = first_x; x < last_x; x++)
                row[x] = 0;
        }
}

void sn_augmentation_apply(sn_augmentation augmentation, const uint8_t *pixels, int channels,
                           int height, int width, float table[][256], float *out) {
    float *to = out;
    for (int c = 0; c < channels; c++)
        for (int y = 0; y < height; y++) {
            const int from_y = y + augmentation.down;
            const bool row_inside = from_y >= 0 && from_y < height;
            /* never read: a row in the padding has no pixels */
            const uint8_t *row =
                pixels +
                ((size_t)c * (size_t)height + (size_t)(row_inside ? from_y : 0)) * (size_t)width;
            for (int x = 0; x < width; x++) {
                const int from_x = (augmentation.flip ? width - 1 - x : x) + augmentation.right;
                const bool inside = row_inside && from_x >= 0 && from_x < width;
                *to++ = inside ? table[c][row[from_x]] : 0.0f;
            }
        }
    if (augmentation.cutout)
        cut_out(augmentation, channels, height, width, out);
}
