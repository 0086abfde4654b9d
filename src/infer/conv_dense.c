/* Convolution by multiplication with weights as floats: fp32 weights, and others where that is
 * cheaper. */
#include "infer/conv.h"
#include "infer/kernels.h"

enum { GROUP = 4 }; /* filters that isa->dense takes at a time */

typedef struct dense_tables {
    sn_infer_conv_tables common;
    float *weights; /* [chunks][groups][taps of the chunk][GROUP] */
} dense_tables;

static bool accepts(const sn_infer_layer *layer) {
    return layer->opcode == SN_INFER_OP_CONV && layer->payload_layout == SN_INFER_PAYLOAD_PLAIN;
}

static uint64_t weight_bytes(const sn_infer_layer *layer, const sn_infer_plan *plan) {
    return layer->weights_per_filter * plan->conv.groups * GROUP * sizeof(float);
}

static uint64_t carve(const sn_infer_layer *layer, const sn_infer_plan *plan, unsigned char *base,
                      dense_tables *tables) {
    uint64_t used = 0;
    sn_infer_take(base, &used, sizeof *tables);
    sn_infer_conv_carve(layer, plan, plan->conv.chunks.size, base, &used, &tables->common);
    tables->weights = sn_infer_take(base, &used, weight_bytes(layer, plan));
    return used;
}

static bool plan_dense(const sn_infer_layer *layer, const sn_infer_request *request,
                       sn_infer_plan *plan) {
    dense_tables tables;
    if (request->form != SN_INFER_FORM_AUTO && request->form != SN_INFER_FORM_DENSE)
        return false;
    *plan = (sn_infer_plan){.lanes = request->lanes};
    const sn_infer_lane_layout out = sn_infer_shape_lanes(layer->out, request->lanes);
    if (!sn_infer_bands_plan(layer, request->lanes, out.rows, &plan->bands))
        return false;
    sn_infer_conv_plan *conv = &plan->conv;
    conv->scheme.form = SN_INFER_FORM_DENSE;
    conv->group = GROUP;
    conv->groups = sn_infer_divide_up(layer->out.channels, GROUP);
    conv->chunks = sn_infer_conv_chunks(layer, &plan->bands, layer->in.channels);
    conv->additions = layer->weights_per_filter * conv->groups * GROUP;
    plan->cost_ns = sn_infer_conv_frame_ns(layer, plan, &request->costs) +
                    (double)conv->additions * out.columns * plan->bands.count * plan->bands.rows *
                        (double)request->costs.multiply;
    plan->prepared = carve(layer, plan, NULL, &tables);
    plan->work = sn_infer_conv_work(layer, plan);
    return conv->additions <= UINT32_MAX;
}

/* Weight i of filter k without its scale. */
static float weight_value(const sn_infer_layer *layer, uint32_t k, uint64_t i) {
    float value;
    if (sn_infer_has_bits(layer))
        return (float)sn_infer_digit(layer, k, i);
    sn_infer_load_words(&value, layer->packed_weights + 4 * (k * layer->weights_per_filter + i), 1);
    return value;
}

/* Subtracts the means from the weights of channels first .. end - 1, which lie `step` floats apart.
 */
static void centre(const sn_infer_layer *layer, uint32_t k, uint32_t first, uint32_t end,
                   size_t step, float *weights) {
    for (uint32_t c = first; c < end;) {
        const uint32_t region = c / layer->region_channels;
        const float mean = sn_infer_mean(layer, k, region);
        for (; c < end && c / layer->region_channels == region; c++)
            for (uint64_t i = 0; i < sn_infer_taps(layer); i++, weights += step)
                *weights -= mean;
    }
}

static void prepare_weights(const sn_infer_layer *layer, const sn_infer_plan *plan,
                            float *weights) {
    const sn_infer_conv_plan *conv = &plan->conv;
    const uint64_t taps = sn_infer_taps(layer);
    memset(weights, 0, (size_t)weight_bytes(layer, plan));
    for (uint32_t k = 0; k < layer->out.channels; k++)
        for (uint32_t chunk = 0; chunk < conv->chunks.count; chunk++) {
            const uint32_t first_channel = sn_infer_chunk_first(&conv->chunks, chunk);
            const uint32_t end_channel = sn_infer_chunk_end(&conv->chunks, chunk);
            const uint64_t first = first_channel * taps, count = end_channel * taps - first;
            float *to =
                weights + first * conv->groups * GROUP + k / GROUP * count * GROUP + k % GROUP;
            for (uint64_t i = 0; i < count; i++)
                to[i * GROUP] = weight_value(layer, k, first + i);
            if (layer->centered)
                centre(layer, k, first_channel, end_channel, GROUP, to);
        }
}

static void prepare(const sn_infer_layer *layer, const sn_infer_plan *plan, void *prepared) {
    dense_tables tables;
    carve(layer, plan, prepared, &tables);
    sn_infer_conv_prepare(layer, plan, plan->conv.chunks.size, &tables.common);
    prepare_weights(layer, plan, tables.weights);
    *(dense_tables *)prepared = tables;
}

static void sum_chunk(const sn_infer_operator *op, const sn_infer_block *b, uint32_t chunk,
                      const void *base, void *sums) {
    const dense_tables *tables = op->prepared;
    const sn_infer_conv_plan *conv = &op->plan.conv;
    const uint64_t first = sn_infer_chunk_first(&conv->chunks, chunk) * sn_infer_taps(op->layer);
    const uint64_t taps =
        sn_infer_chunk_end(&conv->chunks, chunk) * sn_infer_taps(op->layer) - first;
    op->isa->dense(&(sn_infer_dense_job){
        .weights =
            tables->weights + (size_t)(first * conv->groups + taps * b->first_group) * conv->group,
        .offsets = tables->common.offsets,
        .taps = (uint32_t)taps,
        .groups = b->end_group - b->first_group,
        .rows = op->plan.bands.rows,
        .base = base,
        .out = sums,
    });
}

static void run(const sn_infer_operator *op, const sn_infer_task *task) {
    sn_infer_conv_run(op, task, sum_chunk);
}

const sn_infer_kernel sn_infer_conv_dense_kernel = {.name = "dense",
                                                    .last_resort = true,
                                                    .accepts = accepts,
                                                    .plan = plan_dense,
                                                    .prepare = prepare,
                                                    .run = run};
