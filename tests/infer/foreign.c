/* Runs a model in all ways that a machine has, with nothing but the inference library:
 *
 *     foreign MODEL IMAGE
 *
 * prints the isa that is the default, then a line for every isa, form and size of groups: these
 * three and the logits. */
#include "infer/signet.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST_BYTES = 1 << 20 };

static size_t read_file(const char *path, unsigned char *bytes) {
    FILE *file = fopen(path, "rb");
    const size_t count = file ? fread(bytes, 1, MOST_BYTES, file) : 0;
    if (file)
        fclose(file);
    return count;
}

static void *block(size_t bytes) {
    return aligned_alloc(64, (bytes + 63) / 64 * 64);
}

static sn_infer_status run(const unsigned char *packed, size_t bytes, const float *image,
                           const sn_infer_options *options) {
    sn_infer_info info;
    sn_infer_status status = sn_infer_inspect(packed, bytes, options, &info);
    if (status != SN_INFER_OK)
        return status;
    void *memory = block(info.model_memory), *scratch = block(info.scratch_memory);
    float *logits = calloc((size_t)info.classes, sizeof *logits);
    const sn_infer_model *model = NULL;
    if (!memory || !scratch || !logits)
        status = SN_INFER_SMALL_MEMORY;
    if (status == SN_INFER_OK)
        status = sn_infer_open(packed, bytes, options, memory, info.model_memory, &model);
    if (status == SN_INFER_OK)
        status = sn_infer_run(model, scratch, info.scratch_memory, NULL, image, logits);
    printf("%s %s %d", sn_infer_isa_name(info.isa), sn_infer_form_name(options->form),
           options->group);
    for (int i = 0; i < info.classes; i++)
        printf(" %.9g", (double)logits[i]);
    printf("\n");
    free(logits);
    free(scratch);
    free(memory);
    return status;
}

int main(int argc, char **argv) {
    unsigned char *packed = malloc(MOST_BYTES), *image = block(MOST_BYTES);
    if (argc != 3 || !packed || !image)
        return 2;
    const size_t bytes = read_file(argv[1], packed);
    sn_infer_info info;
    sn_infer_status status = sn_infer_inspect(packed, bytes, NULL, &info);
    const size_t pixels = (size_t)info.channels * (size_t)info.height * (size_t)info.width;
    if (status == SN_INFER_OK && read_file(argv[2], image) != pixels * sizeof(float))
        status = SN_INFER_TRUNCATED;
    if (status == SN_INFER_OK)
        printf("default %s\n", sn_infer_isa_name(info.isa));
    for (int isa = SN_INFER_ISA_PORTABLE; isa < SN_INFER_ISA_COUNT; isa++)
        for (int form = 0; form < SN_INFER_FORM_COUNT; form++)
            for (int group = 0; group <= 8; group++) {
                const sn_infer_options options = {
                    .isa = (sn_infer_isa)isa, .form = (sn_infer_form)form, .group = group};
                const int grouped =
                    form == SN_INFER_FORM_SHARED || form == SN_INFER_FORM_COMPLEMENT;
                if (status == SN_INFER_OK && sn_infer_isa_available((sn_infer_isa)isa) &&
                    (grouped || group == 0))
                    status = run(packed, bytes, (const float *)(void *)image, &options);
            }
    if (status != SN_INFER_OK)
        fprintf(stderr, "foreign: %s\n", sn_infer_status_text(status));
    free(image);
    free(packed);
    return status != SN_INFER_OK;
}
