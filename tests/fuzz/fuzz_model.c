/* A fuzz target: any bytes as a model. Small ones that are accepted are run.
 * Bytes with a wrong checksum get a right one, else nothing behind that check is reached. */
#include "fuzz_model.h"

#include "infer/format.h"
#include "infer/metadata.h"
#include "infer/signet.h"

#include <stdlib.h>

enum { MOST_MEMORY = 1 << 22, MOST_WORK = 1 << 24 };

/* What is promised of an accepted model holds. */
static void expect(bool condition) {
    if (!condition)
        abort();
}

static void *block(size_t bytes) {
    return aligned_alloc(64, (bytes + 63) / 64 * 64);
}

/* All metadata is read up to its end. */
static void read_metadata(const unsigned char *bytes, const sn_infer_info *info) {
    float *numbers = malloc(2 * (size_t)info->channels * sizeof *numbers);
    if (numbers && sn_infer_normalisation(bytes, numbers, numbers + info->channels))
        expect(numbers[info->channels] > 0);
    free(numbers);
    expect(strlen(sn_infer_network_name(bytes)) <= SN_INFER_MAX_TEXT);
    expect(strlen(sn_infer_dataset_name(bytes)) <= SN_INFER_MAX_TEXT);
    if (sn_infer_class_name(bytes, 0))
        expect(strlen(sn_infer_class_name(bytes, info->classes - 1)) <= SN_INFER_MAX_TEXT);
    expect(!sn_infer_class_name(bytes, info->classes));
    if (sn_infer_layer_name(bytes, 0))
        expect(strlen(sn_infer_layer_name(bytes, info->layers - 1)) <= SN_INFER_MAX_TEXT);
    expect(!sn_infer_layer_name(bytes, info->layers));
}

/* Multiply-adds that running takes at most; memory does not bound them, padding is free. */
static uint64_t work_of(const unsigned char *bytes) {
    sn_infer_header header;
    uint64_t work = 0;
    sn_infer_load_words(&header, bytes, sizeof header / 4);
    for (uint32_t i = 0; i < header.instruction_count; i++) {
        sn_infer_record record;
        sn_infer_load_words(&record, bytes + sizeof header + i * sizeof record, sizeof record / 4);
        work +=
            (uint64_t)(record.kernel_height + 1) * (record.kernel_width + 1) * (record.filters + 1);
    }
    return work;
}

static void run(const unsigned char *bytes, size_t size, const sn_infer_info *info) {
    const size_t pixels = (size_t)info->channels * (size_t)info->height * (size_t)info->width;
    if (info->model_memory > MOST_MEMORY || info->scratch_memory > MOST_MEMORY ||
        pixels > MOST_MEMORY / 4 ||
        work_of(bytes) * (info->scratch_memory / 4 + pixels) > (uint64_t)MOST_WORK * 64)
        return;
    void *memory = block(info->model_memory), *scratch = block(info->scratch_memory);
    float *image = calloc(pixels, sizeof *image);
    float *logits = calloc((size_t)info->classes, sizeof *logits);
    const sn_infer_model *model;
    if (memory && scratch && image && logits) {
        expect(sn_infer_open(bytes, size, NULL, memory, info->model_memory, &model) == SN_INFER_OK);
        expect(sn_infer_run(model, scratch, info->scratch_memory, NULL, image, logits) ==
               SN_INFER_OK);
    }
    free(logits);
    free(image);
    free(scratch);
    free(memory);
}

int fuzz_model(const unsigned char *bytes, size_t size) {
    sn_infer_info info;
    const int status = (int)sn_infer_inspect(bytes, size, NULL, &info);
    if (status == SN_INFER_OK) {
        read_metadata(bytes, &info);
        run(bytes, size, &info);
    }
    return status;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
    unsigned char *copy = malloc(size ? size : 1);
    if (!copy)
        return 0;
    if (size)
        memcpy(copy, data, size);
    fuzz_model(copy, size);
    fuzz_fix_checksum(copy, size);
    fuzz_model(copy, size);
    free(copy);
    return 0;
}

void fuzz_fix_checksum(unsigned char *bytes, size_t size) {
    uint32_t pair[2];
    if (size < sizeof(sn_infer_header))
        return;
    sn_infer_load_words(pair, bytes + offsetof(sn_infer_header, total_bytes), 2);
    if (sn_infer_join(pair) > size || sn_infer_join(pair) < sizeof(sn_infer_header))
        return;
    sn_infer_split(pair, sn_infer_checksum(bytes, (size_t)sn_infer_join(pair)));
    sn_infer_store_words(bytes + SN_INFER_CHECKSUM_OFFSET, pair, 2);
}
