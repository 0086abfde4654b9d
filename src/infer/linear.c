/* Fully connected layer with full-precision weights. */
#include "infer/isa.h"
#include "infer/kernels.h"

typedef struct linear_weights {
    float *weights; /* [K][inputs] */
    float *scale, *bias, *slope;
} linear_weights;

static bool accepts(const sn_infer_layer *layer) {
    return layer->opcode == SN_INFER_OP_LINEAR && layer->weight_kind == SN_INFER_WEIGHTS_FP32 &&
           layer->payload_layout == SN_INFER_PAYLOAD_PLAIN;
}

/* Where the parts lie in a block at `base`; returns the block's size. */
static uint64_t carve(const sn_infer_layer *layer, unsigned char *base, linear_weights *parts) {
    const uint64_t filters = layer->out.channels * sizeof(float);
    uint64_t used = 0;
    parts->weights = sn_infer_take(base, &used, filters * layer->weights_per_filter);
    parts->scale = sn_infer_take(base, &used, filters);
    parts->bias = sn_infer_take(base, &used, filters);
    parts->slope = sn_infer_take(base, &used, layer->packed_slope ? filters : 0);
    return used;
}

static bool plan_linear(const sn_infer_layer *layer, const sn_infer_request *request,
                        sn_infer_plan *plan) {
    linear_weights parts;
    *plan = (sn_infer_plan){.lanes = request->lanes,
                            .prepared = carve(layer, NULL, &parts),
                            .work = layer->weights_per_filter * sizeof(float)};
    return true;
}

static void prepare(const sn_infer_layer *layer, const sn_infer_plan *plan, void *prepared) {
    (void)plan;
    const uint32_t filters = layer->out.channels;
    linear_weights parts;
    carve(layer, prepared, &parts);
    sn_infer_load_words(parts.weights, layer->packed_weights,
                        (size_t)(filters * layer->weights_per_filter));
    sn_infer_load_words(parts.scale, layer->packed_scale, filters);
    sn_infer_load_words(parts.bias, layer->packed_bias, filters);
    if (parts.slope)
        sn_infer_load_words(parts.slope, layer->packed_slope, filters);
}

static float activate(uint32_t activation, float value, float slope) {
    switch (activation) {
    case SN_INFER_ACTIVATION_RELU:
        return value < 0 ? 0 : value;
    case SN_INFER_ACTIVATION_HARDTANH:
        return value < -1 ? -1 : value > 1 ? 1 : value;
    case SN_INFER_ACTIVATION_PRELU:
        return value < 0 ? slope * value : value;
    default:
        return value;
    }
}

static void run(const sn_infer_operator *op, const sn_infer_task *task) {
    const sn_infer_layer *layer = op->layer;
    const uint32_t lanes = op->plan.lanes, filters = layer->out.channels;
    const sn_infer_lane_layout layout = sn_infer_shape_lanes(layer->in, lanes);
    const size_t inputs = (size_t)layer->weights_per_filter;
    float *plain = task->work;
    linear_weights parts;
    carve(layer, op->prepared, &parts);
    sn_infer_lane_layout_to_plain(&layout, layer->in.channels, layer->in.height, layer->in.width,
                                  task->a, plain);
    for (uint32_t k = task->thread; k < filters; k += task->threads) {
        const float sum = op->isa->dot(parts.weights + k * inputs, plain, inputs);
        task->out[(size_t)k * lanes] =
            activate(layer->activation, parts.scale[k] * sum + parts.bias[k],
                     parts.slope ? parts.slope[k] : 0);
    }
}

const sn_infer_kernel sn_infer_linear_kernel = {
    .name = "linear", .accepts = accepts, .plan = plan_linear, .prepare = prepare, .run = run};
