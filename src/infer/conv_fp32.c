/* Convolution with full-precision, binary or ternary weights, all taken as floats, portable: four
 * filters by eight positions at a time, so that each load of the picture serves four products. */
#include "infer/epilogue.h"
#include "infer/lanes.h"
#include "infer/padded.h"

enum { GROUP = 4, WIDTH = 8, VECTORS = WIDTH / SN_INFER_LANES };

static uint64_t group_count(const sn_infer_layer *layer) {
    return ((uint64_t)layer->out.channels + GROUP - 1) / GROUP;
}

static bool accepts(const sn_infer_layer *layer) {
    return layer->opcode == SN_INFER_OP_CONV &&
           (layer->weight_kind == SN_INFER_WEIGHTS_FP32 ||
            layer->weight_kind == SN_INFER_WEIGHTS_BINARY ||
            layer->weight_kind == SN_INFER_WEIGHTS_TERNARY) &&
           layer->plan == SN_INFER_PLAN_PLAIN && layer->input_scale == 0;
}

static float weight_at(const sn_infer_layer *layer, size_t k, size_t t) {
    const size_t taps = (size_t)layer->weights_per_filter;
    const size_t row = (size_t)sn_infer_mask_bytes(taps);
    float weight;
    if (layer->weight_kind == SN_INFER_WEIGHTS_FP32)
        sn_infer_load_words(&weight, layer->packed_weights + 4 * (k * taps + t), 1);
    else if (layer->weight_kind == SN_INFER_WEIGHTS_BINARY)
        weight = sn_infer_bit(layer->packed_weights + k * row, t) ? 1 : -1;
    else if (!sn_infer_bit(layer->packed_weights + k * row, t))
        weight = 0;
    else
        weight = sn_infer_bit(layer->packed_signs + k * row, t) ? -1 : 1;
    return weight;
}

/* Prepared: weights [group][tap][GROUP], filters beyond the last being 0; then [tap] offsets. */
static bool measure(const sn_infer_layer *layer, sn_infer_need *need) {
    const sn_infer_padded padded = sn_infer_padded_layout(layer);
    const uint64_t taps = layer->weights_per_filter;
    need->prepared = (group_count(layer) * GROUP + 1) * taps * 4;
    need->work = padded.elements * sizeof(float);
    return padded.elements <= SN_INFER_MAX_ELEMENTS;
}

static void prepare(const sn_infer_layer *layer, void *prepared) {
    const sn_infer_padded padded = sn_infer_padded_layout(layer);
    const size_t taps = (size_t)layer->weights_per_filter, groups = (size_t)group_count(layer);
    float *weights = prepared;
    uint32_t *offsets = (uint32_t *)(weights + groups * GROUP * taps);
    memset(weights, 0, groups * GROUP * taps * sizeof *weights);
    for (size_t k = 0; k < layer->out.channels; k++)
        for (size_t t = 0; t < taps; t++)
            weights[(k / GROUP * taps + t) * GROUP + k % GROUP] = weight_at(layer, k, t);
    for (uint32_t c = 0; c < layer->in.channels; c++)
        for (uint32_t r = 0; r < layer->kernel_height; r++)
            for (uint32_t q = 0; q < layer->kernel_width; q++)
                *offsets++ = (uint32_t)sn_infer_padded_offset(&padded, layer->stride, c, r, q);
}

/* sums[GROUP][WIDTH]; from points at the first position. */
static void sum_products(const float *from, const uint32_t *offsets, const float *weights,
                         size_t taps, float *sums) {
    sn_infer_lanes sum[GROUP][VECTORS];
    for (int j = 0; j < GROUP; j++)
        for (int i = 0; i < VECTORS; i++)
            sum[j][i] = sn_infer_lanes_zero();
    for (size_t t = 0; t < taps; t++, weights += GROUP) {
        const float *x = from + offsets[t];
        for (int i = 0; i < VECTORS; i++) {
            const sn_infer_lanes pixels = sn_infer_lanes_load(x + i * SN_INFER_LANES);
            for (int j = 0; j < GROUP; j++)
                sum[j][i] = sn_infer_lanes_add(sum[j][i], sn_infer_lanes_scale(pixels, weights[j]));
        }
    }
    for (int j = 0; j < GROUP; j++)
        for (int i = 0; i < VECTORS; i++)
            sn_infer_lanes_store(sums + j * WIDTH + i * SN_INFER_LANES, sum[j][i]);
}

static void run(const sn_infer_layer *layer, const float *a, const float *b, float *out,
                void *work) {
    const sn_infer_padded padded = sn_infer_padded_layout(layer);
    const size_t taps = (size_t)layer->weights_per_filter, groups = (size_t)group_count(layer);
    const size_t pixels = (size_t)layer->out.height * layer->out.width;
    const float *weights = layer->prepared;
    const uint32_t *offsets = (const uint32_t *)(weights + groups * GROUP * taps);
    float *copy = work;
    sn_infer_padded_fill(&padded, layer, a, copy);

    for (uint64_t first = 0; first < padded.positions; first += WIDTH) {
        for (size_t group = 0; group < groups; group++) {
            float values[GROUP * WIDTH];
            sum_products(copy + first, offsets, weights + group * GROUP * taps, taps, values);
            for (uint32_t j = 0; j < GROUP; j++) {
                const uint32_t k = (uint32_t)group * GROUP + j;
                if (k >= layer->out.channels)
                    break;
                sn_infer_scale(&layer->epilogue, k, values + j * WIDTH, WIDTH);
                if (layer->residual)
                    sn_infer_padded_add(&padded, layer, first, values + j * WIDTH, WIDTH,
                                        b + k * pixels);
                sn_infer_activate(&layer->epilogue, k, values + j * WIDTH, WIDTH);
                sn_infer_padded_store(&padded, layer, first, values + j * WIDTH, WIDTH,
                                      out + k * pixels);
            }
        }
    }
}

const sn_infer_kernel sn_infer_conv_fp32 = {
    .name = "conv_fp32",
    .accepts = accepts,
    .measure = measure,
    .prepare = prepare,
    .run = run,
};
