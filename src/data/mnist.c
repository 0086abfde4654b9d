/* MNIST: handwritten digits (LeCun et al. 1998). */
#include "data/idx.h"

static const char *const classes[SN_IDX_CLASSES] = {"0", "1", "2", "3", "4",
                                                    "5", "6", "7", "8", "9"};

static const sn_idx_set files = {"mnist", {"mnist/", "MNIST/raw/", ""}, classes};

static sn_status read_mnist(const sn_dataset_request *request, sn_dataset *dataset,
                            sn_error *error) {
    return sn_idx_read(&files, request, dataset, error);
}

static bool is_there(const char *directory) {
    return sn_idx_is_there(&files, directory);
}

const sn_dataset_source sn_dataset_source_mnist = {
    .name = "mnist",
    .summary = "60,000 + 10,000 handwritten digits, 28x28, grey",
    .reference = "LeCun et al. 1998; fetched when it is missing",
    .read = read_mnist,
    .classes = classes,
    .class_count = SN_IDX_CLASSES,
    .has_sides = true,
    .is_there = is_there};
