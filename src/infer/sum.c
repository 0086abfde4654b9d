/* Sum of two activations, where it could not become part of a convolution. */
#include "infer/isa.h"

static bool accepts(const sn_infer_layer *layer) {
    return layer->opcode == SN_INFER_OP_SUM;
}

static bool plan(sn_infer_layer *layer, const sn_infer_options *options, sn_infer_need *need) {
    (void)options;
    need->prepared = layer->packed_slope ? layer->out.channels * sizeof(float) : 0;
    return true;
}

static void prepare(sn_infer_layer *layer, void *prepared) {
    if (layer->packed_slope)
        sn_infer_load_words(prepared, layer->packed_slope, layer->out.channels);
}

static void run(const sn_infer_layer *layer, const sn_infer_task *task) {
    const sn_infer_channels part = sn_infer_channels_of(layer, task);
    const float *slope = layer->prepared;
    layer->isa->add(&(sn_infer_add){
        .a = task->a + part.at,
        .b = task->b + part.at,
        .to = task->out + part.at,
        .slope = layer->packed_slope ? slope + part.first : NULL,
        .channels = part.count,
        .vectors = part.vectors,
        .activation = layer->activation,
    });
}

const sn_infer_kernel sn_infer_sum_kernel = {
    .name = "sum", .accepts = accepts, .plan = plan, .prepare = prepare, .run = run};
