/* CIFAR-10 (Krizhevsky 2009). */
#include "data/cifar.h"

enum { CLASSES = 10 };

static const char *const classes[CLASSES] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                             "dog",      "frog",       "horse", "ship", "truck"};

static const sn_cifar_set files = {.name = "cifar10",
                                   .title = "CIFAR-10",
                                   .folder = "cifar-10-batches-bin",
                                   .train_files = {"data_batch_1.bin", "data_batch_2.bin",
                                                   "data_batch_3.bin", "data_batch_4.bin",
                                                   "data_batch_5.bin"},
                                   .test_file = "test_batch.bin",
                                   .train_file_count = 5,
                                   .train_records = 10000,
                                   .test_records = 10000,
                                   .label_bytes = 1,
                                   .classes = classes,
                                   .class_count = CLASSES};

static sn_status read_cifar10(const sn_dataset_request *request, sn_dataset *dataset,
                              sn_error *error) {
    return sn_cifar_read(&files, request, dataset, error);
}

static bool is_there(const char *directory) {
    return sn_cifar_is_there(&files, directory);
}

const sn_dataset_source sn_dataset_source_cifar10 = {
    .name = "cifar10",
    .summary = "50,000 + 10,000 photographs, 32x32, 10 classes",
    .reference = "Krizhevsky 2009; fetched when it is missing",
    .read = read_cifar10,
    .classes = classes,
    .class_count = CLASSES,
    .is_there = is_there};
