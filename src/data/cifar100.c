/* CIFAR-100 (Krizhevsky 2009). */
#include "data/cifar.h"

enum { CLASSES = 100 };

static const char *const classes[CLASSES] = {
    "apple",       "aquarium_fish", "baby",      "bear",       "beaver",       "bed",
    "bee",         "beetle",        "bicycle",   "bottle",     "bowl",         "boy",
    "bridge",      "bus",           "butterfly", "camel",      "can",          "castle",
    "caterpillar", "cattle",        "chair",     "chimpanzee", "clock",        "cloud",
    "cockroach",   "couch",         "crab",      "crocodile",  "cup",          "dinosaur",
    "dolphin",     "elephant",      "flatfish",  "forest",     "fox",          "girl",
    "hamster",     "house",         "kangaroo",  "keyboard",   "lamp",         "lawn_mower",
    "leopard",     "lion",          "lizard",    "lobster",    "man",          "maple_tree",
    "motorcycle",  "mountain",      "mouse",     "mushroom",   "oak_tree",     "orange",
    "orchid",      "otter",         "palm_tree", "pear",       "pickup_truck", "pine_tree",
    "plain",       "plate",         "poppy",     "porcupine",  "possum",       "rabbit",
    "raccoon",     "ray",           "road",      "rocket",     "rose",         "sea",
    "seal",        "shark",         "shrew",     "skunk",      "skyscraper",   "snail",
    "snake",       "spider",        "squirrel",  "streetcar",  "sunflower",    "sweet_pepper",
    "table",       "tank",          "telephone", "television", "tiger",        "tractor",
    "train",       "trout",         "tulip",     "turtle",     "wardrobe",     "whale",
    "willow_tree", "wolf",          "woman",     "worm"};

static const sn_cifar_set files = {.name = "cifar100",
                                   .title = "CIFAR-100",
                                   .folder = "cifar-100-binary",
                                   .train_files = {"train.bin"},
                                   .test_file = "test.bin",
                                   .train_file_count = 1,
                                   .train_records = 50000,
                                   .test_records = 10000,
                                   .label_bytes = 2,
                                   .classes = classes,
                                   .class_count = CLASSES};

static sn_status read_cifar100(const sn_dataset_request *request, sn_dataset *dataset,
                               sn_error *error) {
    return sn_cifar_read(&files, request, dataset, error);
}

static bool is_there(const char *directory) {
    return sn_cifar_is_there(&files, directory);
}

const sn_dataset_source sn_dataset_source_cifar100 = {
    .name = "cifar100",
    .summary = "50,000 + 10,000 photographs, 32x32, 100 classes",
    .reference = "Krizhevsky 2009; the 100 fine classes; fetched when it is missing",
    .read = read_cifar100,
    .classes = classes,
    .class_count = CLASSES,
    .is_there = is_there};
