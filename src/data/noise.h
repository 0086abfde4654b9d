/* A data set of noise, of any size, for measuring speed. */
#ifndef SN_DATA_NOISE_H
#define SN_DATA_NOISE_H

#include "data/dataset.h"

typedef struct sn_noise_options {
    size_t count;                         /* images, > 0 */
    int channels, height, width, classes; /* > 0; channels up to SN_DATASET_MAX_CHANNELS */
    uint64_t seed;
} sn_noise_options;

/* Uniform pixels and labels; classes are called 0, 1, ... An image depends only on the seed and its
 * index. *dataset is the caller's: sn_dataset_free; NULL after an error. SN_ERROR_MEMORY. */
sn_status sn_noise_dataset(const sn_noise_options *options, sn_dataset **dataset, sn_error *error);

#endif
