/* Runs a packed model with nothing but the inference library:
 *
 *     infer_alone MODEL IMAGE      both files; prints the logits, one a line
 *
 * IMAGE holds the input's floats as this machine stores them. */
#include "infer/signet.h"

#include <stdio.h>
#include <stdlib.h>

static void *read_all(const char *path, size_t *bytes) {
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    unsigned char *data = NULL;
    size_t used = 0, capacity = 0, got;
    do {
        capacity += 1 << 16;
        unsigned char *grown = realloc(data, capacity);
        if (!grown) {
            free(data);
            fclose(file);
            return NULL;
        }
        data = grown;
        got = fread(data + used, 1, capacity - used, file);
        used += got;
    } while (used == capacity);
    fclose(file);
    *bytes = used;
    return data;
}

static void *aligned_block(size_t bytes) {
    return aligned_alloc(64, (bytes + 63) / 64 * 64);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: infer_alone MODEL IMAGE\n");
        return 2;
    }
    size_t packed_bytes = 0, image_bytes = 0;
    void *packed = read_all(argv[1], &packed_bytes);
    void *image = read_all(argv[2], &image_bytes);
    if (!packed || !image) {
        fprintf(stderr, "infer_alone: cannot read '%s' and '%s'\n", argv[1], argv[2]);
        return 1;
    }
    sn_infer_info info;
    sn_infer_status status = sn_infer_inspect(packed, packed_bytes, NULL, &info);
    if (status != SN_INFER_OK) {
        fprintf(stderr, "infer_alone: %s: %s\n", argv[1], sn_infer_status_text(status));
        return 1;
    }
    const size_t pixels = (size_t)info.channels * (size_t)info.height * (size_t)info.width;
    if (image_bytes != pixels * sizeof(float)) {
        fprintf(stderr, "infer_alone: %s: %zu bytes, not %zu\n", argv[2], image_bytes,
                pixels * sizeof(float));
        return 1;
    }
    void *memory = aligned_block(info.model_memory), *scratch = aligned_block(info.scratch_memory);
    float *logits = malloc((size_t)info.classes * sizeof *logits);
    const sn_infer_model *model = NULL;
    status = memory && scratch && logits
                 ? sn_infer_open(packed, packed_bytes, NULL, memory, info.model_memory, &model)
                 : SN_INFER_SMALL_MEMORY;
    if (status == SN_INFER_OK)
        status = sn_infer_run(model, scratch, info.scratch_memory, NULL, image, logits);
    if (status != SN_INFER_OK)
        fprintf(stderr, "infer_alone: %s\n", sn_infer_status_text(status));
    for (int i = 0; status == SN_INFER_OK && i < info.classes; i++)
        printf("%.9g\n", (double)logits[i]);
    free(logits);
    free(scratch);
    free(memory);
    free(image);
    free(packed);
    return status == SN_INFER_OK ? 0 : 1;
}
