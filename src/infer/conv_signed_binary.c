/* Convolution with signed-binary weights, portable: a filter is a list of the taps that are set,
 * and an output is a sum over that list. No weight is multiplied and no zero is visited. The
 * centred form (docs/method.md) also takes the sum B of everything under the window, the same for
 * all filters:
 *
 *     y_k = activation(scale_k * sign_k * (sum over list k - density_k * B) + bias_k)
 */
#include "infer/epilogue.h"
#include "infer/lanes.h"
#include "infer/padded.h"

/* In model memory. */
typedef struct prepared_filters {
    float *density;  /* [K] of the mask, 0 when not centred */
    float *gain;     /* [K] scale * sign */
    uint32_t *first; /* [K + 1] filter k's taps are first[k] .. first[k + 1] - 1 */
    uint32_t *taps;  /* [effectual] offsets into the padded copy */
    uint32_t *box;   /* [R * S] offsets of the window into the sums over channels */
} prepared_filters;

/* Where the parts lie in a block at `base`; returns the block's size. */
static uint64_t carve(const sn_infer_layer *layer, unsigned char *base, prepared_filters *filters) {
    const uint64_t k = layer->out.channels;
    uint64_t used = 0;
    const uint64_t counts[5] = {k, k, k + 1, layer->effectual_weights,
                                (uint64_t)layer->kernel_height * layer->kernel_width};
    void *parts[5];
    for (int i = 0; i < 5; i++) {
        parts[i] = base ? base + used : NULL;
        used += sn_infer_align_up(counts[i] * 4);
    }
    *filters = (prepared_filters){parts[0], parts[1], parts[2], parts[3], parts[4]};
    return used;
}

static bool accepts(const sn_infer_layer *layer) {
    return layer->opcode == SN_INFER_OP_CONV &&
           layer->weight_kind == SN_INFER_WEIGHTS_SIGNED_BINARY &&
           layer->plan == SN_INFER_PLAN_PLAIN && layer->input_scale == 0;
}

/* Elements of the plane of sums over channels. */
static uint64_t sum_elements(const sn_infer_padded *padded) {
    return padded->channel_size + SN_INFER_PADDED_SLACK;
}

static bool measure(const sn_infer_layer *layer, sn_infer_need *need) {
    const sn_infer_padded padded = sn_infer_padded_layout(layer);
    prepared_filters filters;
    need->prepared = carve(layer, NULL, &filters);
    need->work = sn_infer_align_up(padded.elements * sizeof(float));
    if (layer->centered)
        need->work += sum_elements(&padded) * sizeof(float);
    return padded.elements <= SN_INFER_MAX_ELEMENTS &&
           layer->effectual_weights <= SN_INFER_MAX_ELEMENTS;
}

static void prepare(const sn_infer_layer *layer, void *prepared) {
    const sn_infer_padded padded = sn_infer_padded_layout(layer);
    const uint32_t rows = layer->kernel_height, columns = layer->kernel_width;
    const uint64_t mask_bytes = sn_infer_mask_bytes(layer->weights_per_filter);
    prepared_filters filters;
    carve(layer, prepared, &filters);

    uint32_t used = 0;
    for (uint32_t k = 0; k < layer->out.channels; k++) {
        const unsigned char *mask = layer->packed_weights + k * mask_bytes;
        uint64_t bit = 0;
        filters.first[k] = used;
        for (uint32_t c = 0; c < layer->in.channels; c++)
            for (uint32_t r = 0; r < rows; r++)
                for (uint32_t q = 0; q < columns; q++)
                    if (sn_infer_bit(mask, bit++))
                        filters.taps[used++] =
                            (uint32_t)sn_infer_padded_offset(&padded, layer->stride, c, r, q);
        const float sign = sn_infer_bit(layer->packed_signs, k) ? -1.0f : 1.0f;
        filters.gain[k] = sign * layer->epilogue.scale[k];
        filters.density[k] =
            layer->centered
                ? (float)((double)(used - filters.first[k]) / (double)layer->weights_per_filter)
                : 0.0f;
    }
    filters.first[layer->out.channels] = used;
    assert(used == layer->effectual_weights);

    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t q = 0; q < columns; q++)
            filters.box[r * columns + q] =
                (uint32_t)sn_infer_padded_offset(&padded, layer->stride, 0, r, q);
}

/* sums[width] = for each position the sum over the taps; from points at the first position. */
#define DEFINE_SUM_TAPS(width)                                                                     \
    static void sum_taps_##width(const float *from, const uint32_t *taps, size_t count,            \
                                 float *sums) {                                                    \
        sn_infer_lanes sum[(width) / SN_INFER_LANES];                                              \
        for (int i = 0; i < (width) / SN_INFER_LANES; i++)                                         \
            sum[i] = sn_infer_lanes_zero();                                                        \
        for (size_t t = 0; t < count; t++) {                                                       \
            const float *x = from + taps[t];                                                       \
            for (int i = 0; i < (width) / SN_INFER_LANES; i++)                                     \
                sum[i] = sn_infer_lanes_add(sum[i], sn_infer_lanes_load(x + i * SN_INFER_LANES));  \
        }                                                                                          \
        for (int i = 0; i < (width) / SN_INFER_LANES; i++)                                         \
            sn_infer_lanes_store(sums + i * SN_INFER_LANES, sum[i]);                               \
    }

/* 32 positions are eight vectors: enough independent chains to hide an addition's latency, few
 * enough for sixteen registers. */
DEFINE_SUM_TAPS(32)
DEFINE_SUM_TAPS(16)
DEFINE_SUM_TAPS(8)

static void sum_taps(const float *from, const uint32_t *taps, size_t count, float *sums,
                     size_t width) {
    if (width == 32)
        sum_taps_32(from, taps, count, sums);
    else if (width == 16)
        sum_taps_16(from, taps, count, sums);
    else
        sum_taps_8(from, taps, count, sums);
}

/* sums[channel_size + slack] = sum over the channels of the padded copy */
static void sum_channels(const sn_infer_padded *padded, const float *copy, uint32_t channels,
                         float *sums) {
    const size_t size = (size_t)padded->channel_size;
    memcpy(sums, copy, size * sizeof *sums);
    for (uint32_t c = 1; c < channels; c++) {
        const float *from = copy + c * size;
        for (size_t i = 0; i < size; i++)
            sums[i] += from[i];
    }
    memset(sums + size, 0, SN_INFER_PADDED_SLACK * sizeof *sums);
}

static void run(const sn_infer_layer *layer, const float *a, const float *b, float *out,
                void *work) {
    const sn_infer_padded padded = sn_infer_padded_layout(layer);
    const size_t window = (size_t)layer->kernel_height * layer->kernel_width;
    const size_t pixels = (size_t)layer->out.height * layer->out.width;
    prepared_filters filters;
    carve(layer, layer->prepared, &filters);
    float *copy = work, *channel_sums = copy + sn_infer_align_up(padded.elements * 4) / 4;
    sn_infer_padded_fill(&padded, layer, a, copy);
    if (layer->centered)
        sum_channels(&padded, copy, layer->in.channels, channel_sums);

    sn_infer_epilogue epilogue = layer->epilogue;
    epilogue.scale = filters.gain;
    /* Blocks outside, filters inside: a block's window stays in the cache for all filters. */
    size_t width;
    for (uint64_t first = 0; first < padded.positions; first += width) {
        float box[32], values[32];
        width = sn_infer_padded_block(padded.positions - first);
        if (layer->centered)
            sum_taps(channel_sums + first, filters.box, window, box, width);
        for (uint32_t k = 0; k < layer->out.channels; k++) {
            const uint32_t *taps = filters.taps + filters.first[k];
            sum_taps(copy + first, taps, filters.first[k + 1] - filters.first[k], values, width);
            if (layer->centered)
                for (size_t i = 0; i < width; i++)
                    values[i] -= filters.density[k] * box[i];
            sn_infer_scale(&epilogue, k, values, width);
            if (layer->residual)
                sn_infer_padded_add(&padded, layer, first, values, width, b + k * pixels);
            sn_infer_activate(&epilogue, k, values, width);
            sn_infer_padded_store(&padded, layer, first, values, width, out + k * pixels);
        }
    }
}

const sn_infer_kernel sn_infer_conv_signed_binary = {
    .name = "conv_signed_binary",
    .accepts = accepts,
    .measure = measure,
    .prepare = prepare,
    .run = run,
};
