/* What PLUM's own block does to an activation before its convolution. */
#include "infer/isa.h"
#include "infer/kernels.h"

static bool accepts(const sn_infer_layer *layer) {
    return layer->opcode == SN_INFER_OP_SHIFT_CLAMP;
}

static bool plan_shift_clamp(const sn_infer_layer *layer, const sn_infer_request *request,
                             sn_infer_plan *plan) {
    *plan =
        (sn_infer_plan){.lanes = request->lanes, .prepared = layer->out.channels * sizeof(float)};
    return true;
}

static void prepare(const sn_infer_layer *layer, const sn_infer_plan *plan, void *prepared) {
    (void)plan;
    sn_infer_load_words(prepared, layer->packed_shift, layer->out.channels);
}

static void run(const sn_infer_operator *op, const sn_infer_task *task) {
    const sn_infer_channels part = sn_infer_channels_of(op, task);
    op->isa->shift_clamp(&(sn_infer_shift_clamp_job){
        .a = task->a + part.at,
        .shift = (const float *)op->prepared + part.first,
        .to = task->out + part.at,
        .channels = part.count,
        .vectors = part.vectors,
    });
}

const sn_infer_kernel sn_infer_shift_clamp_kernel = {.name = "shift and clamp",
                                                     .accepts = accepts,
                                                     .plan = plan_shift_clamp,
                                                     .prepare = prepare,
                                                     .run = run};
