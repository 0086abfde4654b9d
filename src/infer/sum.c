/* Sum of two activations, where it could not become part of a convolution. */
#include "infer/isa.h"
#include "infer/kernels.h"

static bool accepts(const sn_infer_layer *layer) {
    return layer->opcode == SN_INFER_OP_SUM;
}

static bool plan_sum(const sn_infer_layer *layer, const sn_infer_request *request,
                     sn_infer_plan *plan) {
    *plan =
        (sn_infer_plan){.lanes = request->lanes,
                        .prepared = layer->packed_slope ? layer->out.channels * sizeof(float) : 0};
    return true;
}

static void prepare(const sn_infer_layer *layer, const sn_infer_plan *plan, void *prepared) {
    (void)plan;
    if (layer->packed_slope)
        sn_infer_load_words(prepared, layer->packed_slope, layer->out.channels);
}

static void run(const sn_infer_operator *op, const sn_infer_task *task) {
    const sn_infer_channels part = sn_infer_channels_of(op, task);
    const float *slope = op->prepared;
    op->isa->add(&(sn_infer_add_job){
        .a = task->a + part.at,
        .b = task->b + part.at,
        .to = task->out + part.at,
        .slope = op->layer->packed_slope ? slope + part.first : NULL,
        .channels = part.count,
        .vectors = part.vectors,
        .activation = op->layer->activation,
    });
}

const sn_infer_kernel sn_infer_sum_kernel = {
    .name = "sum", .accepts = accepts, .plan = plan_sum, .prepare = prepare, .run = run};
