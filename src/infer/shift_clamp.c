/* What PLUM's own block does to an activation before its convolution. */
#include "infer/isa.h"

static bool accepts(const sn_infer_layer *layer) {
    return layer->opcode == SN_INFER_OP_SHIFT_CLAMP;
}

static bool plan(sn_infer_layer *layer, const sn_infer_options *options, sn_infer_need *need) {
    (void)options;
    need->prepared = layer->out.channels * sizeof(float);
    return true;
}

static void prepare(sn_infer_layer *layer, void *prepared) {
    sn_infer_load_words(prepared, layer->packed_shift, layer->out.channels);
}

static void run(const sn_infer_layer *layer, const sn_infer_task *task) {
    const sn_infer_channels part = sn_infer_channels_of(layer, task);
    layer->isa->shift_clamp(&(sn_infer_shift_clamp){
        .a = task->a + part.at,
        .shift = (const float *)layer->prepared + part.first,
        .to = task->out + part.at,
        .channels = part.count,
        .vectors = part.vectors,
    });
}

const sn_infer_kernel sn_infer_shift_clamp_kernel = {
    .name = "shift and clamp", .accepts = accepts, .plan = plan, .prepare = prepare, .run = run};
