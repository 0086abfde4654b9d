/* Fashion-MNIST: pieces of clothing (Xiao et al. 2017, arXiv 1708.07747). */
#include "data/idx.h"

static const char *const classes[SN_IDX_CLASSES] = {
    "T-shirt/top", "trouser", "pullover", "dress", "coat",
    "sandal",      "shirt",   "sneaker",  "bag",   "ankle boot"};

static const sn_idx_set files = {
    "fashion-mnist", {"fashion-mnist/", "FashionMNIST/raw/", ""}, classes};

static sn_status read_fashion_mnist(const sn_dataset_request *request, sn_dataset *dataset,
                                    sn_error *error) {
    return sn_idx_read(&files, request, dataset, error);
}

static bool is_there(const char *directory) {
    return sn_idx_is_there(&files, directory);
}

const sn_dataset_source sn_dataset_source_fashion_mnist = {
    .name = "fashion-mnist",
    .summary = "60,000 + 10,000 pieces of clothing, 28x28, grey",
    .reference = "Xiao et al. 2017, arXiv 1708.07747; fetched when it is missing",
    .read = read_fashion_mnist,
    .classes = classes,
    .class_count = SN_IDX_CLASSES,
    .has_sides = false,
    .is_there = is_there};
