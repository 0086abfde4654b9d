/* The augmentation of CIFAR ResNets (He et al., 2015, section 4.2): pad by 4, crop at random to the
 * same size, flip left to right with probability one half. And cutout (DeVries and Taylor 2017,
 * arXiv 1708.04552): a square of the picture becomes 0.
 */
#ifndef SN_DATA_AUGMENT_H
#define SN_DATA_AUGMENT_H

#include "data/dataset.h"

#include <stdbool.h>

/* What is done to training images. */
typedef struct sn_augment_options {
    int padding; /* of the crop, in pixels on each side; 0: no crop */
    bool flip;
    int cutout; /* side of the square in pixels; 0: none */
} sn_augment_options;

/* The kinds of augmentation: none, crop, flip, crop+flip, crop+flip+cutout, auto; NULL past the
 * last. Auto is crop+flip, or crop for a data set in which left and right mean something. */
enum { SN_AUGMENT_NONE, SN_AUGMENT_CROP, SN_AUGMENT_CROP_FLIP = 3, SN_AUGMENT_AUTO = 5 };
const char *sn_augment_name(int kind);

/* Options of a kind for images of this size. `padding` matters if the kind has a crop, `cutout` if
 * it has a cutout. 0 stands for an eighth of the image's shorter side, rounded, and for half of it,
 * rounded down: 4 and 16 at 32 pixels, no padding below 4 pixels. SN_ERROR_ARGUMENT for a padding
 * that can push the whole image out, and for a square larger than the image's shorter side. */
sn_status sn_augment_resolve(int kind, uint64_t padding, uint64_t cutout, int height, int width,
                             sn_augment_options *options, sn_error *error);

typedef struct sn_augmentation {
    int down, right; /* where the crop begins in the image, -padding .. padding */
    bool flip;       /* the crop, left to right */
    int cutout;      /* side of the square; 0: none */
    int top, left;   /* of the square, after crop and flip; may lie outside */
} sn_augmentation;

/* What happens to this image in this epoch; depends on nothing else. The centre of the square is
 * any pixel with equal probability. Kinds share their draws: whether an image is flipped does not
 * depend on whether it is cropped. */
sn_augmentation sn_augmentation_draw(const sn_augment_options *options, uint64_t seed,
                                     uint64_t epoch, uint32_t image, int height, int width);

/* Normalises pixels[channels][height][width] through table[channels][256] into out, same shape,
 * moved and flipped. Padding and the square are 0 after normalisation. */
void sn_augmentation_apply(sn_augmentation augmentation, const uint8_t *pixels, int channels,
                           int height, int width, float table[][256], float *out);

#endif
