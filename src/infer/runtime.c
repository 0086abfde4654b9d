#include "infer/guard.h"
#include "infer/model.h"

/* Poisons what lies between the slots and workspaces. */
static void guard_scratch(const sn_infer_model *model, unsigned char *scratch) {
#ifdef SN_INFER_HAS_ASAN
    for (uint32_t slot = 0; slot < model->slot_count; slot++)
        if (!model->slot_inside[slot])
            sn_infer_guard(scratch + model->slot_start[slot] + model->slot_bytes[slot] +
                               SN_INFER_SLOT_MARGIN,
                           SN_INFER_REDZONE);
    for (uint32_t i = 0; i < model->threads; i++)
        sn_infer_guard(scratch + model->work_start + (i + 1) * model->work_bytes - SN_INFER_REDZONE,
                       SN_INFER_REDZONE);
#else
    (void)model;
    (void)scratch;
#endif
}

/* What the threads need to know of the layer that is being run. */
typedef struct layer_job {
    const sn_infer_model *model;
    const sn_infer_operator *op;
    unsigned char *scratch;
    uint32_t threads;
} layer_job;

static float *slot_of(const layer_job *job, uint32_t slot) {
    return (float *)(void *)(job->scratch + job->model->slot_start[slot]);
}

static void run_share(void *argument, int thread) {
    const layer_job *job = argument;
    const sn_infer_layer *layer = job->op->layer;
    if ((uint32_t)thread >= job->threads)
        return;
    const size_t work = job->model->work_start + (size_t)thread * job->model->work_bytes;
    job->op->kernel->run(job->op, &(sn_infer_task){.a = slot_of(job, layer->input_a),
                                                   .b = slot_of(job, layer->input_b),
                                                   .out = slot_of(job, layer->output),
                                                   .work = job->scratch + work,
                                                   .thread = (uint32_t)thread,
                                                   .threads = job->threads});
}

static void load_image(const layer_job *job, const float *image) {
    const sn_infer_info *info = &job->model->info;
    const sn_infer_lane_layout layout = sn_infer_lane_layout_choose(
        (uint32_t)info->height, (uint32_t)info->width, job->op->isa->lanes);
    memset(slot_of(job, 0), 0, job->model->slot_bytes[0]); /* lanes without a pixel */
    sn_infer_lane_layout_from_plain(&layout, (uint32_t)info->channels, (uint32_t)info->height,
                                    (uint32_t)info->width, image, slot_of(job, 0));
}

static void store_logits(const layer_job *job, float *logits) {
    const sn_infer_shape shape = job->model->output;
    const sn_infer_lane_layout layout = sn_infer_shape_lanes(shape, job->op->isa->lanes);
    sn_infer_lane_layout_to_plain(&layout, shape.channels, shape.height, shape.width,
                                  slot_of(job, job->model->output_slot), logits);
}

sn_infer_status sn_infer_run_timed(const sn_infer_model *model, void *scratch, size_t scratch_bytes,
                                   const sn_infer_pool *pool, const float *image, float *logits,
                                   double (*now)(void), double *seconds) {
    if (!scratch || scratch_bytes < model->info.scratch_memory)
        return SN_INFER_SMALL_MEMORY;
    if ((uintptr_t)scratch % SN_INFER_ALIGNMENT != 0)
        return SN_INFER_MISALIGNED;
    layer_job job = {.model = model, .op = &model->operators[0], .scratch = scratch, .threads = 1};
    if (pool && pool->threads > 1)
        job.threads =
            (uint32_t)pool->threads < model->threads ? (uint32_t)pool->threads : model->threads;
    guard_scratch(model, scratch);
    load_image(&job, image);
    double before = now ? now() : 0;
    for (uint32_t i = 0; i < model->layer_count; i++) {
        job.op = &model->operators[i];
        if (job.threads > 1)
            pool->run(pool->state, run_share, &job);
        else
            run_share(&job, 0);
        if (now) {
            const double after = now();
            seconds[i] += after - before;
            before = after;
        }
    }
    store_logits(&job, logits);
    sn_infer_unguard(scratch, model->info.scratch_memory);
    return SN_INFER_OK;
}

sn_infer_status sn_infer_run(const sn_infer_model *model, void *scratch, size_t scratch_bytes,
                             const sn_infer_pool *pool, const float *image, float *logits) {
    return sn_infer_run_timed(model, scratch, scratch_bytes, pool, image, logits, NULL, NULL);
}
