/* A loader whose threads keep the next batches ready.
 *
 * The order of the images and every augmentation depend only on (seed, epoch, image), not on
 * threads, prefetch depth or where in the epoch reading began.
 */
#ifndef SN_DATA_LOADER_H
#define SN_DATA_LOADER_H

#include "data/augment.h"

#include <stdbool.h>

typedef struct sn_loader_options {
    size_t batch;   /* images per batch, > 0 */
    bool shuffle;   /* a new order every epoch; otherwise data set order */
    bool drop_last; /* leave out a final batch that is not full; one batch must be full */
    int threads;    /* > 0 */
    int prefetch;   /* batches kept ready, > 0 */
    uint64_t seed;
    sn_augment_options augment;     /* all 0: images as they are */
    sn_pixel_statistics statistics; /* for normalisation; padding is zero afterwards */
} sn_loader_options;

typedef struct sn_batch {
    const float *images;   /* [count][channels][height][width], normalised, 64-byte aligned */
    const int32_t *labels; /* [count] */
    const uint32_t *index; /* [count], positions in the data set */
    size_t count;
} sn_batch;

typedef struct sn_loader sn_loader;

/* The data set must outlive the loader. Memory is allocated and threads are started here.
 * SN_ERROR_ARGUMENT for options out of range, SN_ERROR_MEMORY. */
sn_status sn_loader_create(const sn_dataset *dataset, const sn_loader_options *options,
                           sn_loader **loader, sn_error *error);

/* Stops the threads at once. NULL is fine. */
void sn_loader_free(sn_loader *loader);

/* Bytes of the block that holds the batches kept ready. */
size_t sn_loader_memory(const sn_loader *loader);

/* Batches in an epoch. */
size_t sn_loader_batches(const sn_loader *loader);

/* Begins epoch `epoch` (from 0, below 2^32) at batch `first`; drops what was being prepared. */
void sn_loader_start(sn_loader *loader, uint64_t epoch, size_t first);

/* The next batch in order, NULL after the last and before the first sn_loader_start. It stays valid
 * until the next call. */
const sn_batch *sn_loader_next(sn_loader *loader);

#endif
