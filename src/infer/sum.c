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
    const uint32_t lanes = layer->isa->lanes, channels = layer->out.channels;
    const sn_infer_tiles tiles = sn_infer_tiles_choose(layer->out.height, layer->out.width, lanes);
    const size_t vectors = (size_t)sn_infer_tiles_vectors(&tiles);
    const uint32_t first = (uint32_t)((uint64_t)channels * task->thread / task->threads);
    const uint32_t end = (uint32_t)((uint64_t)channels * (task->thread + 1) / task->threads);
    const size_t at = first * vectors * lanes;
    const float *slope = layer->prepared;
    layer->isa->add(&(sn_infer_add){
        .a = task->a + at,
        .b = task->b + at,
        .to = task->out + at,
        .slope = layer->packed_slope ? slope + first : NULL,
        .channels = end - first,
        .vectors = (uint32_t)vectors,
        .activation = layer->activation,
    });
}

const sn_infer_kernel sn_infer_sum_kernel = {
    .name = "sum", .accepts = accepts, .plan = plan, .prepare = prepare, .run = run};
