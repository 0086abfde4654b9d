/* What tells one collection of labelled images from another, so that a run goes on with the data
 * that it began with. */
#ifndef SN_TRAIN_DATA_IDENTITY_H
#define SN_TRAIN_DATA_IDENTITY_H

#include "train/metadata.h"

typedef struct sn_split_identity {
    uint64_t images;
    uint64_t *counts; /* [classes]: images of each */
    uint64_t labels;  /* checksum of all labels in their order */
    uint64_t pixels;  /* checksum of all pixels of all images in their order */
} sn_split_identity;

typedef struct sn_data_identity {
    int classes;
    sn_split_identity train, test;
} sn_data_identity;

/* Reads every pixel: 60,000 images of 32x32 take some 50 ms. To be released with
 * sn_data_identity_clear whatever comes out, as after sn_data_identity_read. SN_ERROR_MEMORY. */
sn_status sn_data_identity_make(const sn_dataset *train, const sn_dataset *test,
                                sn_data_identity *identity, sn_error *error);
void sn_data_identity_clear(sn_data_identity *identity);

/* As JSON text, malloc'd: free. SN_ERROR_MEMORY. */
sn_status sn_data_identity_to_json(const sn_data_identity *identity, char **text, sn_error *error);

/* The reverse, for a checkpoint with that many classes. `source` names the origin in messages.
 * SN_ERROR_DATA, SN_ERROR_MEMORY. */
sn_status sn_data_identity_read(const char *json, int classes, const char *source,
                                sn_data_identity *identity, sn_error *error);

/* SN_ERROR_DATA with the first difference when `now` is not what it was `then`. Class names are
 * compared as far as `then` knows them; the rest unless it has no class, as in checkpoints of
 * older versions. */
sn_status sn_data_identity_compare(const sn_data_identity *then, const sn_metadata *labels_then,
                                   const sn_data_identity *now, const sn_metadata *labels_now,
                                   sn_error *error);

#endif
