#include "infer/epilogue.h"

void sn_infer_epilogue_carve(const sn_infer_layer *layer, bool window_sums, unsigned char *base,
                             uint64_t *used, sn_infer_epilogue *epilogue) {
    const uint64_t filters = (uint64_t)layer->out.channels * sizeof(float);
    epilogue->gain = sn_infer_take(base, used, filters);
    epilogue->bias = sn_infer_take(base, used, filters);
    epilogue->share = sn_infer_take(base, used, window_sums ? filters * layer->regions : 0);
    epilogue->slope = sn_infer_take(base, used, layer->packed_slope ? filters : 0);
    epilogue->shift = sn_infer_take(base, used, layer->packed_shift ? filters : 0);
}

void sn_infer_epilogue_prepare(const sn_infer_layer *layer, const sn_infer_scheme *scheme,
                               const sn_infer_epilogue *epilogue) {
    const uint32_t filters = layer->out.channels;
    sn_infer_load_words(epilogue->gain, layer->packed_scale, filters);
    sn_infer_load_words(epilogue->bias, layer->packed_bias, filters);
    for (uint32_t k = 0; sn_infer_rounds_input(layer) && k < filters; k++)
        epilogue->gain[k] *= layer->input_scale;
    if (epilogue->slope)
        sn_infer_load_words(epilogue->slope, layer->packed_slope, filters);
    if (epilogue->shift)
        sn_infer_load_words(epilogue->shift, layer->packed_shift, filters);
    if (sn_infer_has_bits(layer))
        sn_infer_scheme_gains(layer, scheme, epilogue->gain, epilogue->share);
}

/* The window sum of a whole filter is added together with its scale. Window sums of regions are
 * added to the sums before that. */
void sn_infer_epilogue_run(const sn_infer_operator *op, const sn_infer_task *task,
                           const sn_infer_epilogue *epilogue, const sn_infer_block_sums *block) {
    const sn_infer_layer *layer = op->layer;
    const bool one_sum = block->window_sums && layer->regions == 1;
    if (block->window_sums && !one_sum)
        op->isa->add_window_sums(&(sn_infer_window_sums_job){.sums = block->sums,
                                                             .rows = block->rows,
                                                             .group = block->group,
                                                             .extra = block->extra,
                                                             .first = block->first,
                                                             .end = block->end,
                                                             .regions = layer->regions,
                                                             .share = epilogue->share,
                                                             .window_sums = block->window_sums});
    op->isa->epilogue(&(sn_infer_epilogue_job){
        .sums = block->sums,
        .rows = block->rows,
        .count = block->count,
        .group = block->group,
        .extra = block->extra,
        .first = block->first,
        .end = block->end,
        .gain = epilogue->gain,
        .bias = epilogue->bias,
        .share = one_sum ? epilogue->share : NULL,
        .window_sums = one_sum ? block->window_sums : NULL,
        .slope = epilogue->slope,
        .shift = epilogue->shift,
        .residual = layer->residual ? task->b + block->place : NULL,
        .to = task->out + block->place,
        .pitch = (size_t)sn_infer_lane_layout_vectors(&op->plan.bands.layout.to),
        .activation = layer->activation,
    });
}
