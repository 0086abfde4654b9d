/* Pooling over windows and over whole channels. */
#include "infer/isa.h"
#include "infer/kernels.h"

#include <math.h>

static bool accepts_window(const sn_infer_layer *layer) {
    return layer->opcode == SN_INFER_OP_MAX_POOL || layer->opcode == SN_INFER_OP_AVERAGE_POOL;
}

/* At the beginning of the prepared block. */
typedef struct pool_tables {
    sn_infer_prologue prologue;
    void *prologue_memory; /* what its pointers go to */
    uint16_t *offsets;     /* of the taps */
} pool_tables;

static uint64_t carve(const sn_infer_layer *layer, const sn_infer_plan *plan, unsigned char *base,
                      pool_tables *tables) {
    uint64_t used = 0;
    sn_infer_take(base, &used, sizeof *tables);
    tables->prologue_memory =
        sn_infer_take(base, &used, sn_infer_prologue_bytes(&plan->bands.layout));
    tables->offsets = sn_infer_take(base, &used, sn_infer_taps(layer) * sizeof(uint16_t));
    return used;
}

static bool plan_window(const sn_infer_layer *layer, const sn_infer_request *request,
                        sn_infer_plan *plan) {
    pool_tables tables;
    *plan = (sn_infer_plan){.lanes = request->lanes};
    if (!sn_infer_bands_plan(layer, request->lanes,
                             sn_infer_shape_lanes(layer->out, request->lanes).rows, &plan->bands))
        return false;
    plan->prepared = carve(layer, plan, NULL, &tables);
    plan->work = (uint64_t)plan->bands.layout.channel * request->lanes * sizeof(float);
    return true;
}

static void prepare_window(const sn_infer_layer *layer, const sn_infer_plan *plan, void *prepared) {
    const float fill = layer->opcode == SN_INFER_OP_MAX_POOL ? -INFINITY : 0.0f;
    const sn_infer_band_layout *layout = &plan->bands.layout;
    pool_tables tables;
    carve(layer, plan, prepared, &tables);
    sn_infer_prologue_prepare(layer, layout, fill, tables.prologue_memory, &tables.prologue);
    uint16_t *offset = tables.offsets;
    for (uint32_t r = 0; r < layer->kernel_height; r++)
        for (uint32_t q = 0; q < layer->kernel_width; q++)
            *offset++ = (uint16_t)sn_infer_band_layout_offset(layout, 0, r, q);
    *(pool_tables *)prepared = tables;
}

/* Averages count the padding: every window is divided by its whole size. */
static void pool_band(const sn_infer_operator *op, const float *band, uint32_t first_row,
                      float *out) {
    const pool_tables *tables = op->prepared;
    const sn_infer_bands *bands = &op->plan.bands;
    const sn_infer_lane_layout *to = &bands->layout.to;
    const bool maximum = op->layer->opcode == SN_INFER_OP_MAX_POOL;
    const uint32_t taps = (uint32_t)sn_infer_taps(op->layer);
    for (uint32_t column = 0; column < to->columns; column++)
        op->isa->pool(&(sn_infer_pool_job){
            .base = band + (size_t)column * bands->layout.pitch * to->lanes,
            .offsets = tables->offsets,
            .taps = taps,
            .count = sn_infer_smaller(to->rows - first_row, bands->rows),
            .maximum = maximum,
            .scale = maximum ? 1.0f : 1.0f / (float)taps,
            .to = out + ((size_t)column * to->rows + first_row) * to->lanes,
        });
}

static void run_window(const sn_infer_operator *op, const sn_infer_task *task) {
    const pool_tables *tables = op->prepared;
    const sn_infer_bands *bands = &op->plan.bands;
    const sn_infer_lane_layout *from = &bands->layout.from, *to = &bands->layout.to;
    const size_t in = (size_t)sn_infer_lane_layout_vectors(from) * from->lanes;
    const size_t out = (size_t)sn_infer_lane_layout_vectors(to) * to->lanes;
    for (uint32_t c = task->thread; c < op->layer->out.channels; c += task->threads)
        for (uint32_t band = 0; band < bands->count; band++) {
            const uint32_t first_row = band * bands->rows;
            op->isa->prologue(&tables->prologue, task->a + c * in, 1, first_row, NULL, task->work);
            pool_band(op, task->work, first_row, task->out + c * out);
        }
}

static bool accepts_global(const sn_infer_layer *layer) {
    return layer->opcode == SN_INFER_OP_GLOBAL_AVERAGE_POOL;
}

static uint64_t channel_elements(const sn_infer_layer *layer, uint32_t lanes) {
    return sn_infer_slot_elements((sn_infer_shape){1, layer->in.height, layer->in.width}, lanes);
}

/* Prepared: for each lane of a channel 1 / pixels, or 0 where it holds no pixel. */
static bool plan_global(const sn_infer_layer *layer, const sn_infer_request *request,
                        sn_infer_plan *plan) {
    *plan = (sn_infer_plan){.lanes = request->lanes,
                            .prepared = channel_elements(layer, request->lanes) * sizeof(float)};
    return true;
}

static void prepare_global(const sn_infer_layer *layer, const sn_infer_plan *plan, void *prepared) {
    const sn_infer_lane_layout layout = sn_infer_shape_lanes(layer->in, plan->lanes);
    const float share = 1.0f / ((float)layer->in.height * (float)layer->in.width);
    float *shares = prepared;
    memset(shares, 0, (size_t)channel_elements(layer, plan->lanes) * sizeof *shares);
    for (uint32_t y = 0; y < layer->in.height; y++)
        for (uint32_t x = 0; x < layer->in.width; x++)
            shares[sn_infer_lane_layout_offset(&layout, y, x)] = share;
}

static void run_global(const sn_infer_operator *op, const sn_infer_task *task) {
    enum { PIECE = 4096 }; /* a picture may have millions of pixels */
    const uint32_t lanes = op->plan.lanes;
    const size_t count = (size_t)channel_elements(op->layer, lanes);
    const float *shares = op->prepared;
    for (uint32_t c = task->thread; c < op->layer->in.channels; c += task->threads) {
        const float *channel = task->a + c * count;
        double sum = 0;
        for (size_t i = 0; i < count; i += PIECE)
            sum += (double)op->isa->dot(channel + i, shares + i,
                                        count - i < PIECE ? count - i : PIECE);
        task->out[(size_t)c * lanes] = (float)sum;
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
