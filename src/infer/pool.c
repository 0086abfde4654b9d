/* Pooling over windows and over whole channels. */
#include "infer/plan_conv.h"

#include <math.h>

static uint32_t taps_of(const sn_infer_layer *layer) {
    return layer->kernel_height * layer->kernel_width;
}

static bool accepts_window(const sn_infer_layer *layer) {
    return layer->opcode == SN_INFER_OP_MAX_POOL || layer->opcode == SN_INFER_OP_AVERAGE_POOL;
}

static bool plan_window(sn_infer_layer *layer, const sn_infer_options *options,
                        sn_infer_need *need) {
    const sn_infer_tiles tiles =
        sn_infer_tiles_choose(layer->out.height, layer->out.width, layer->isa->lanes);
    (void)options;
    if (!sn_infer_plan_bands(layer, tiles.rows))
        return false;
    layer->conv.stage.fill = layer->opcode == SN_INFER_OP_MAX_POOL ? -INFINITY : 0.0f;
    need->prepared =
        sn_infer_align_up(sn_infer_stage_bytes(&layer->conv.stage)) + taps_of(layer) * 2;
    need->work = (uint64_t)layer->conv.stage.channel * layer->isa->lanes * sizeof(float);
    return true;
}

static void prepare_window(sn_infer_layer *layer, void *prepared) {
    sn_infer_stage *stage = &layer->conv.stage;
    uint16_t *offset =
        (void *)((unsigned char *)prepared + sn_infer_align_up(sn_infer_stage_bytes(stage)));
    sn_infer_stage_prepare(layer, stage, prepared);
    layer->conv.offsets = offset;
    for (uint32_t r = 0; r < layer->kernel_height; r++)
        for (uint32_t q = 0; q < layer->kernel_width; q++)
            *offset++ = (uint16_t)sn_infer_stage_offset(stage, 0, r, q);
}

/* Averages count the padding: every window is divided by its whole size. */
static void pool_band(const sn_infer_layer *layer, const float *staged, uint32_t first_row,
                      float *out) {
    const sn_infer_conv *conv = &layer->conv;
    const sn_infer_tiles *to = &conv->stage.to;
    const bool maximum = layer->opcode == SN_INFER_OP_MAX_POOL;
    const uint32_t left = to->rows - first_row;
    for (uint32_t column = 0; column < to->columns; column++)
        layer->isa->pool(&(sn_infer_pool_window){
            .base = staged + (size_t)column * conv->stage.pitch * to->lanes,
            .offsets = conv->offsets,
            .taps = taps_of(layer),
            .count = left < conv->rows ? left : conv->rows,
            .maximum = maximum,
            .scale = maximum ? 1.0f : 1.0f / (float)taps_of(layer),
            .to = out + ((size_t)column * to->rows + first_row) * to->lanes,
        });
}

static void run_window(const sn_infer_layer *layer, const sn_infer_task *task) {
    const sn_infer_stage *stage = &layer->conv.stage;
    const size_t in = (size_t)sn_infer_tiles_vectors(&stage->from) * stage->from.lanes;
    const size_t out = (size_t)sn_infer_tiles_vectors(&stage->to) * stage->to.lanes;
    for (uint32_t c = task->thread; c < layer->out.channels; c += task->threads)
        for (uint32_t band = 0; band < layer->conv.bands; band++) {
            const uint32_t first_row = band * layer->conv.rows;
            layer->isa->stage(stage, task->a + c * in, 1, first_row, NULL, task->work);
            pool_band(layer, task->work, first_row, task->out + c * out);
        }
}

static bool accepts_global(const sn_infer_layer *layer) {
    return layer->opcode == SN_INFER_OP_GLOBAL_AVERAGE_POOL;
}

static uint64_t channel_elements(const sn_infer_layer *layer) {
    return sn_infer_slot_elements((sn_infer_shape){1, layer->in.height, layer->in.width},
                                  layer->isa->lanes);
}

/* Prepared: for each lane of a channel 1 / pixels, or 0 where it holds no pixel. */
static bool plan_global(sn_infer_layer *layer, const sn_infer_options *options,
                        sn_infer_need *need) {
    (void)options;
    need->prepared = channel_elements(layer) * sizeof(float);
    return true;
}

static void prepare_global(sn_infer_layer *layer, void *prepared) {
    const sn_infer_tiles tiles =
        sn_infer_tiles_choose(layer->in.height, layer->in.width, layer->isa->lanes);
    const float share = 1.0f / ((float)layer->in.height * (float)layer->in.width);
    float *shares = prepared;
    memset(shares, 0, (size_t)channel_elements(layer) * sizeof *shares);
    for (uint32_t y = 0; y < layer->in.height; y++)
        for (uint32_t x = 0; x < layer->in.width; x++)
            shares[sn_infer_tiles_offset(&tiles, y, x)] = share;
}

static void run_global(const sn_infer_layer *layer, const sn_infer_task *task) {
    enum { PIECE = 4096 }; /* a picture may have millions of pixels */
    const size_t count = (size_t)channel_elements(layer);
    const float *shares = layer->prepared;
    for (uint32_t c = task->thread; c < layer->in.channels; c += task->threads) {
        const float *channel = task->a + c * count;
        double sum = 0;
        for (size_t i = 0; i < count; i += PIECE)
            sum += (double)layer->isa->dot(channel + i, shares + i,
                                           count - i < PIECE ? count - i : PIECE);
        task->out[(size_t)c * layer->isa->lanes] = (float)sum;
    }
}

const sn_infer_kernel sn_infer_window_pool_kernel = {.name = "pooling",
                                                     .accepts = accepts_window,
                                                     .plan = plan_window,
                                                     .prepare = prepare_window,
                                                     .run = run_window};
const sn_infer_kernel sn_infer_global_pool_kernel = {.name = "mean",
                                                     .accepts = accepts_global,
                                                     .plan = plan_global,
                                                     .prepare = prepare_global,
                                                     .run = run_global};
