/* Fully connected layer with full-precision weights: GROUP outputs at a time. */
#include "infer/epilogue.h"
#include "infer/lanes.h"

enum { GROUP = 16, VECTORS = GROUP / SN_INFER_LANES };

static uint64_t group_count(const sn_infer_layer *layer) {
    return ((uint64_t)layer->out.channels + GROUP - 1) / GROUP;
}

static bool accepts(const sn_infer_layer *layer) {
    return layer->opcode == SN_INFER_OP_LINEAR && layer->weight_kind == SN_INFER_WEIGHTS_FP32 &&
           layer->plan == SN_INFER_PLAN_PLAIN;
}

/* Prepared: weights [group][input][GROUP], outputs beyond the last being 0. */
static bool measure(const sn_infer_layer *layer, sn_infer_need *need) {
    need->prepared = group_count(layer) * GROUP * layer->weights_per_filter * 4;
    return true;
}

static void prepare(const sn_infer_layer *layer, void *prepared) {
    const size_t inputs = (size_t)layer->weights_per_filter;
    float *weights = prepared;
    memset(weights, 0, (size_t)group_count(layer) * GROUP * inputs * sizeof *weights);
    for (size_t k = 0; k < layer->out.channels; k++)
        for (size_t i = 0; i < inputs; i++)
            sn_infer_load_words(weights + (k / GROUP * inputs + i) * GROUP + k % GROUP,
                                layer->packed_weights + 4 * (k * inputs + i), 1);
}

static void run(const sn_infer_layer *layer, const float *a, const float *b, float *out,
                void *work) {
    (void)b;
    (void)work;
    const size_t inputs = (size_t)layer->weights_per_filter;
    const float *weights = layer->prepared;
    for (uint32_t first = 0; first < layer->out.channels; first += GROUP) {
        sn_infer_lanes sum[VECTORS];
        for (int v = 0; v < VECTORS; v++)
            sum[v] = sn_infer_lanes_zero();
        for (size_t i = 0; i < inputs; i++, weights += GROUP)
            for (int v = 0; v < VECTORS; v++)
                sum[v] = sn_infer_lanes_add(
                    sum[v],
                    sn_infer_lanes_scale(sn_infer_lanes_load(weights + v * SN_INFER_LANES), a[i]));
        float values[GROUP];
        for (int v = 0; v < VECTORS; v++)
            sn_infer_lanes_store(values + v * SN_INFER_LANES, sum[v]);
        for (uint32_t j = 0; j < GROUP && first + j < layer->out.channels; j++) {
            sn_infer_finish(&layer->epilogue, first + j, values + j, 1);
            out[first + j] = values[j];
        }
    }
}

const sn_infer_kernel sn_infer_linear_fp32 = {
    .name = "linear_fp32",
    .accepts = accepts,
    .measure = measure,
    .prepare = prepare,
    .run = run,
};
