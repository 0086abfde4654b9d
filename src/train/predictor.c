#include "train/predictor.h"

#include "base/memory.h"

#include <stdlib.h>

struct sn_predictor {
    sn_infer_info info;
    const sn_infer_model *model; /* in `memory` */
    void *memory;
    unsigned char
        *scratch; /* threads parts of `scratch_stride` bytes: runtime memory, then image */
    size_t scratch_stride, image_offset;
    int threads;
};

static sn_status check(sn_infer_status status, sn_error *error) {
    SN_RETURN_IF(status != SN_INFER_OK, error, SN_ERROR_INTERNAL, "packed model: %s",
                 sn_infer_status_text(status));
    return SN_OK;
}

static sn_status inspect(sn_predictor *p, const void *packed, size_t bytes,
                         const sn_infer_options *options, sn_error *error) {
    const sn_infer_status status = sn_infer_inspect(packed, bytes, options, &p->info);
    SN_RETURN_IF(status == SN_INFER_NO_SUCH_ISA, error, SN_ERROR_ARGUMENT,
                 "this processor or build lacks the instructions '%s'",
                 sn_infer_isa_name((int)options->isa));
    SN_RETURN_IF(status != SN_INFER_OK, error, SN_ERROR_DATA, "packed model: %s",
                 sn_infer_status_text(status));
    return SN_OK;
}

static sn_status open_model(sn_predictor *p, const void *packed, size_t bytes,
                            const sn_infer_options *options, sn_error *error) {
    SN_TRY(inspect(p, packed, bytes, options, error));
    const size_t pixels = (size_t)p->info.channels * (size_t)p->info.height * (size_t)p->info.width;
    p->image_offset = sn_align_up(p->info.scratch_memory);
    p->scratch_stride = p->image_offset + sn_align_up(pixels * sizeof(float));
    p->memory = sn_alloc(p->info.model_memory);
    p->scratch = sn_alloc_array((size_t)p->threads, p->scratch_stride);
    SN_RETURN_IF(!p->memory || !p->scratch, error, SN_ERROR_MEMORY,
                 "out of memory for the packed model");
    return check(sn_infer_open(packed, bytes, options, p->memory, p->info.model_memory, &p->model),
                 error);
}

sn_status sn_predictor_create(const void *packed, size_t bytes, const sn_infer_options *options,
                              int threads, sn_predictor **predictor, sn_error *error) {
    sn_predictor *p = calloc(1, sizeof *p);
    SN_RETURN_IF(!p, error, SN_ERROR_MEMORY, "out of memory for the packed model");
    p->threads = threads;
    const sn_status status = open_model(p, packed, bytes, options, error);
    if (status == SN_OK)
        *predictor = p;
    else
        sn_predictor_free(p);
    return status;
}

void sn_predictor_free(sn_predictor *predictor) {
    if (!predictor)
        return;
    sn_free(predictor->memory);
    sn_free(predictor->scratch);
    free(predictor);
}

const sn_infer_info *sn_predictor_info(const sn_predictor *predictor) {
    return &predictor->info;
}

sn_status sn_predictor_run(sn_predictor *predictor, const sn_dataset *dataset,
                           const sn_pixel_statistics *statistics, size_t first, size_t count,
                           float *logits, sn_error *error) {
    const sn_predictor *p = predictor;
    const size_t threads = (size_t)p->threads, classes = (size_t)p->info.classes;
    sn_infer_status worst = SN_INFER_OK;
#pragma omp parallel for num_threads(p->threads) schedule(static, 1)
    for (size_t thread = 0; thread < threads; thread++) {
        unsigned char *scratch = p->scratch + thread * p->scratch_stride;
        float *image = (void *)(scratch + p->image_offset);
        const size_t last = count * (thread + 1) / threads;
        for (size_t i = count * thread / threads; i < last; i++) {
            sn_dataset_normalised(dataset, first + i, statistics, image);
            const sn_infer_status status = sn_infer_run(p->model, scratch, p->info.scratch_memory,
                                                        NULL, image, logits + i * classes);
            if (status != SN_INFER_OK) {
#pragma omp atomic write
                worst = status;
            }
        }
    }
    return check(worst, error);
}
