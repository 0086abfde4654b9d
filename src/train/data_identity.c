#include "train/data_identity.h"

#include "base/hash.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static sn_status make_counts(sn_split_identity *split, int classes, sn_error *error) {
    split->counts = calloc((size_t)classes, sizeof *split->counts);
    SN_RETURN_IF(!split->counts, error, SN_ERROR_MEMORY, "out of memory for %d classes", classes);
    return SN_OK;
}

static sn_status make_split(const sn_dataset *dataset, sn_split_identity *split, sn_error *error) {
    const size_t pixels = (size_t)sn_dataset_channels(dataset) *
                          (size_t)sn_dataset_height(dataset) * (size_t)sn_dataset_width(dataset);
    *split = (sn_split_identity){
        .images = sn_dataset_count(dataset), .labels = SN_HASH_START, .pixels = SN_HASH_START};
    SN_TRY(make_counts(split, sn_dataset_classes(dataset), error));
    for (size_t i = 0; i < split->images; i++) {
        const int label = sn_dataset_label(dataset, i);
        const unsigned char bytes[4] = {(unsigned char)label, (unsigned char)(label >> 8),
                                        (unsigned char)(label >> 16), (unsigned char)(label >> 24)};
        split->counts[label]++;
        split->labels = sn_hash(split->labels, bytes, sizeof bytes);
        split->pixels = sn_hash(split->pixels, sn_dataset_image(dataset, i), pixels);
    }
    return SN_OK;
}

sn_status sn_data_identity_make(const sn_dataset *train, const sn_dataset *test,
                                sn_data_identity *identity, sn_error *error) {
    *identity = (sn_data_identity){.classes = sn_dataset_classes(train)};
    SN_TRY(make_split(train, &identity->train, error));
    return make_split(test, &identity->test, error);
}

void sn_data_identity_clear(sn_data_identity *identity) {
    free(identity->train.counts);
    free(identity->test.counts);
    *identity = (sn_data_identity){0};
}

static json_t *split_to_json(const sn_split_identity *split, int classes) {
    char labels[17], pixels[17];
    json_t *counts = json_array();
    for (int i = 0; i < classes; i++)
        if (json_array_append_new(counts, json_integer((json_int_t)split->counts[i])) != 0) {
            json_decref(counts);
            return NULL;
        }
    snprintf(labels, sizeof labels, "%016" PRIx64, split->labels);
    snprintf(pixels, sizeof pixels, "%016" PRIx64, split->pixels);
    return json_pack("{s:I, s:o, s:s, s:s}", "images", (json_int_t)split->images, "counts", counts,
                     "labels", labels, "pixels", pixels);
}

sn_status sn_data_identity_to_json(const sn_data_identity *identity, char **text, sn_error *error) {
    json_t *root =
        json_pack("{s:o, s:o}", "train", split_to_json(&identity->train, identity->classes), "test",
                  split_to_json(&identity->test, identity->classes));
    *text = root ? json_dumps(root, 0) : NULL;
    json_decref(root);
    SN_RETURN_IF(!*text, error, SN_ERROR_MEMORY, "out of memory for what the data is");
    return SN_OK;
}

static bool read_hash(const json_t *object, const char *name, uint64_t *hash) {
    const char *text = json_string_value(json_object_get(object, name));
    if (!text || strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16)
        return false;
    *hash = strtoull(text, NULL, 16);
    return true;
}

static bool read_count(const json_t *value, uint64_t *count) {
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *count = (uint64_t)json_integer_value(value);
    return true;
}

static sn_status read_split(const json_t *object, int classes, const char *source,
                            sn_split_identity *split, sn_error *error) {
    const json_t *counts = json_object_get(object, "counts");
    bool good = read_count(json_object_get(object, "images"), &split->images) &&
                read_hash(object, "labels", &split->labels) &&
                read_hash(object, "pixels", &split->pixels) &&
                json_array_size(counts) == (size_t)classes;
    if (good)
        SN_TRY(make_counts(split, classes, error));
    for (int i = 0; good && i < classes; i++)
        good = read_count(json_array_get(counts, (size_t)i), &split->counts[i]);
    SN_RETURN_IF(!good, error, SN_ERROR_DATA,
                 "%s: 'data' lacks images, counts, labels or pixels of a split", source);
    return SN_OK;
}

sn_status sn_data_identity_read(const char *json, int classes, const char *source,
                                sn_data_identity *identity, sn_error *error) {
    json_error_t where;
    json_t *root = json_loads(json, 0, &where);
    *identity = (sn_data_identity){.classes = classes};
    SN_RETURN_IF(!root && json_error_code(&where) == json_error_out_of_memory, error,
                 SN_ERROR_MEMORY, "%s: out of memory", source);
    sn_status status =
        read_split(json_object_get(root, "train"), classes, source, &identity->train, error);
    if (status == SN_OK)
        status = read_split(json_object_get(root, "test"), classes, source, &identity->test, error);
    json_decref(root);
    return status;
}

static const char advice[] = "a run goes on with the data that it began with";

static sn_status compare_names(const sn_metadata *then, const sn_metadata *now, sn_error *error) {
    for (int i = 0; then->class_names && i < then->classes; i++)
        SN_RETURN_IF(strcmp(then->class_names[i], now->class_names[i]) != 0, error, SN_ERROR_DATA,
                     "class %d was '%s' when the run began and is '%s' in the data; %s", i,
                     then->class_names[i], now->class_names[i], advice);
    return SN_OK;
}

static sn_status compare_splits(const char *what, const sn_split_identity *then,
                                const sn_split_identity *now, const sn_metadata *labels,
                                sn_error *error) {
    for (int i = 0; i < labels->classes; i++)
        SN_RETURN_IF(then->counts[i] != now->counts[i], error, SN_ERROR_DATA,
                     "class '%s' had %" PRIu64 " %s images when the run began and has %" PRIu64
                     " in the data; %s",
                     labels->class_names[i], then->counts[i], what, now->counts[i], advice);
    SN_RETURN_IF(then->labels != now->labels, error, SN_ERROR_DATA,
                 "the %s images have their labels in another order than when the run began; %s",
                 what, advice);
    SN_RETURN_IF(then->pixels != now->pixels, error, SN_ERROR_DATA,
                 "the %s images have other pixels, or another order, than when the run began; %s",
                 what, advice);
    return SN_OK;
}

sn_status sn_data_identity_compare(const sn_data_identity *then, const sn_metadata *labels_then,
                                   const sn_data_identity *now, const sn_metadata *labels_now,
                                   sn_error *error) {
    SN_TRY(compare_names(labels_then, labels_now, error));
    if (then->classes == 0)
        return SN_OK;
    SN_TRY(compare_splits("training", &then->train, &now->train, labels_now, error));
    return compare_splits("test", &then->test, &now->test, labels_now, error);
}
