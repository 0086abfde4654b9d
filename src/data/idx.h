/* Data sets of grey pictures in the four IDX files of MNIST. */
#ifndef SN_DATA_IDX_H
#define SN_DATA_IDX_H

#include "data/dataset_source.h"

enum { SN_IDX_CLASSES = 10, SN_IDX_PLACES = 3 };

typedef struct sn_idx_set {
    const char *name;
    /* Below the given folder: where scripts/fetch puts the files, where torchvision does, and "".
     */
    const char *places[SN_IDX_PLACES];
    const char *const *classes; /* [SN_IDX_CLASSES] */
} sn_idx_set;

sn_status sn_idx_read(const sn_idx_set *set, const sn_dataset_request *request, sn_dataset *dataset,
                      sn_error *error);
bool sn_idx_is_there(const sn_idx_set *set, const char *directory);

#endif
