/* The data set of docs/extending.md: grey stripes, upright or level. */
#include "data/dataset_source.h"

enum { SIDE = 4, CLASSES = 2, TRAIN_COUNT = 20, TEST_COUNT = 6 };

static const char *const class_names[CLASSES] = {"level", "upright"};

static sn_status read_stripes(const sn_dataset_request *request, sn_dataset *dataset,
                              sn_error *error) {
    size_t count = request->split == SN_SPLIT_TRAIN ? TRAIN_COUNT : TEST_COUNT;
    if (request->limit > 0 && request->limit < count)
        count = request->limit;
    SN_TRY(sn_dataset_name_classes(dataset, class_names, CLASSES, error));
    SN_TRY(sn_dataset_allocate(dataset, count, 1, SIDE, SIDE, error));
    for (size_t i = 0; i < count; i++) {
        dataset->labels[i] = (int32_t)(i % CLASSES);
        for (size_t p = 0; p < SIDE * SIDE; p++)
            dataset->pixels[i * SIDE * SIDE + p] =
                (dataset->labels[i] ? p % SIDE : p / SIDE) % 2 ? 200 : 50;
    }
    return SN_OK;
}

const sn_dataset_source sn_dataset_source_toy_stripes = {.name = "toy-stripes",
                                                         .summary = "26 stripes, 4x4, 2 classes",
                                                         .reference = "docs/extending.md",
                                                         .read = read_stripes,
                                                         .classes = class_names,
                                                         .class_count = CLASSES};
