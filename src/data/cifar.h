/* The binary files of CIFAR-10 and CIFAR-100 (Krizhevsky 2009): records of label bytes and three
 * planes of 32 x 32 pixels. */
#ifndef SN_DATA_CIFAR_H
#define SN_DATA_CIFAR_H

#include "data/dataset_source.h"

enum { SN_CIFAR_MAX_FILES = 5 };

typedef struct sn_cifar_set {
    const char *name, *title;
    const char *folder; /* the archive unpacks into it */
    const char *train_files[SN_CIFAR_MAX_FILES], *test_file;
    int train_file_count, train_records, test_records; /* records: of each file */
    int label_bytes;                                   /* of a record; the last is the label */
    const char *const *classes;
    int class_count;
} sn_cifar_set;

sn_status sn_cifar_read(const sn_cifar_set *set, const sn_dataset_request *request,
                        sn_dataset *dataset, sn_error *error);
bool sn_cifar_is_there(const sn_cifar_set *set, const char *directory);

#endif
