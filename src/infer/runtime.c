#include "infer/guard.h"
#include "infer/model.h"

/* Poisons what lies between the slots, and what this layer's kernel did not ask for. */
static void guard_scratch(const sn_infer_model *model, const sn_infer_layer *layer,
                          unsigned char *scratch) {
#ifdef SN_INFER_HAS_ASAN
    for (uint32_t slot = 1; slot < model->slot_count; slot++) {
        const size_t end = model->slot_start[slot] + model->slot_bytes[slot];
        const size_t next =
            slot + 1 < model->slot_count ? model->slot_start[slot + 1] : model->work_start;
        sn_infer_guard(scratch + end, next - end);
    }
    sn_infer_need need = {0};
    if (layer->kernel->measure)
        layer->kernel->measure(layer, &need);
    const size_t end = model->work_start + (size_t)need.work;
    sn_infer_unguard(scratch + model->work_start, (size_t)need.work);
    sn_infer_guard(scratch + end, model->info.scratch_memory - end);
#else
    (void)model;
    (void)layer;
    (void)scratch;
#endif
}

sn_infer_status sn_infer_run(const sn_infer_model *model, void *scratch, size_t scratch_bytes,
                             const sn_infer_pool *pool, const float *image, float *logits) {
    (void)pool;
    if (!scratch || scratch_bytes < model->info.scratch_memory)
        return SN_INFER_SMALL_MEMORY;
    if ((uintptr_t)scratch % SN_INFER_ALIGNMENT != 0)
        return SN_INFER_MISALIGNED;
    unsigned char *bytes = scratch;
    for (uint32_t i = 0; i < model->layer_count; i++) {
        const sn_infer_layer *layer = &model->layers[i];
        const uint32_t inputs[2] = {layer->input_a, layer->input_b};
        const float *values[2];
        for (int j = 0; j < 2; j++)
            values[j] =
                inputs[j] ? (const float *)(void *)(bytes + model->slot_start[inputs[j]]) : image;
        guard_scratch(model, layer, bytes);
        layer->kernel->run(layer, values[0], values[1],
                           (float *)(void *)(bytes + model->slot_start[layer->output]),
                           bytes + model->work_start);
    }
    sn_infer_unguard(bytes, model->info.scratch_memory);
    memcpy(logits, bytes + model->slot_start[model->output_slot],
           (size_t)model->info.classes * sizeof *logits);
    return SN_INFER_OK;
}
