/* The augmentation that CIFAR ResNets are trained with (He et al., 2015, section 4.2): pad by 4,
 * crop at random to the same size, flip left to right with probability one half.
 */
#ifndef SN_DATA_AUGMENT_H
#define SN_DATA_AUGMENT_H

#include "data/dataset.h"

#include <stdbool.h>

enum { SN_AUGMENT_PADDING = 4 };

typedef struct sn_augmentation {
    int down, right; /* where the crop begins in the image, -PADDING .. PADDING */
    bool flip;       /* the crop, left to right */
} sn_augmentation;

/* What happens to this image in this epoch; depends on nothing else. */
sn_augmentation sn_augmentation_draw(uint64_t seed, uint64_t epoch, uint32_t image);

/* Normalises pixels[channels][height][width] through table[channels][256] into out, same shape,
 * moved and flipped. What comes from outside of the image is 0: padding follows normalisation. */
void sn_augmentation_apply(sn_augmentation augmentation, const uint8_t *pixels, int channels,
                           int height, int width, float table[][256], float *out);

#endif
