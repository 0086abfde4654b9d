#include "infer/scheme.h"

/* The weights of a region are some of its filter's, one after the other. */
static uint64_t region_first(const sn_infer_layer *layer, uint32_t region) {
    return (uint64_t)region * layer->region_channels * sn_infer_taps(layer);
}

static uint64_t region_end(const sn_infer_layer *layer, uint32_t region) {
    return region + 1 < layer->regions ? region_first(layer, region + 1)
                                       : layer->weights_per_filter;
}

static uint64_t region_weights(const sn_infer_layer *layer, uint32_t region) {
    return region_end(layer, region) - region_first(layer, region);
}

static const unsigned char *bits_of(const sn_infer_layer *layer, uint32_t k) {
    return layer->packed_weights + k * sn_infer_mask_bytes(layer->weights_per_filter);
}

/* Set bits of a whole filter: those beyond its last are not set. */
static uint64_t count_filter(const sn_infer_layer *layer, uint32_t k) {
    const unsigned char *bits = bits_of(layer, k);
    uint64_t count = 0;
    for (uint64_t i = 0; i < sn_infer_mask_bytes(layer->weights_per_filter); i++)
        for (unsigned byte = bits[i]; byte; byte &= byte - 1)
            count++;
    return count;
}

/* Set bits of region `region` of filter k. */
static uint64_t count_region(const sn_infer_layer *layer, uint32_t k, uint32_t region) {
    if (layer->regions == 1)
        return count_filter(layer, k);
    const unsigned char *bits = bits_of(layer, k);
    uint64_t count = 0;
    for (uint64_t i = region_first(layer, region); i < region_end(layer, region); i++)
        count += sn_infer_bit(bits, i);
    return count;
}

static bool is_negative(const sn_infer_layer *layer, uint32_t k, uint32_t region) {
    return sn_infer_bit(layer->packed_signs, (uint64_t)k * layer->regions + region);
}

static float sign_of(const sn_infer_layer *layer, uint32_t k, uint32_t region) {
    return is_negative(layer, k, region) ? -1.0f : 1.0f;
}

static float density_of(const sn_infer_layer *layer, uint32_t k, uint32_t region) {
    return (float)((double)count_region(layer, k, region) / (double)region_weights(layer, region));
}

int sn_infer_digit(const sn_infer_layer *layer, uint32_t k, uint64_t i) {
    const bool set = sn_infer_bit(bits_of(layer, k), i);
    switch (layer->weight_kind) {
    case SN_INFER_WEIGHTS_BINARY:
        return set ? 1 : -1;
    case SN_INFER_WEIGHTS_TERNARY:
        return set && sn_infer_bit(layer->packed_signs +
                                       k * sn_infer_mask_bytes(layer->weights_per_filter),
                                   i)
                   ? -1
                   : set;
    default: /* signed-binary */
        if (!set || layer->regions == 1)
            return set;
        return is_negative(layer, k, (uint32_t)(i / sn_infer_taps(layer)) / layer->region_channels)
                   ? -1
                   : 1;
    }
}

float sn_infer_mean(const sn_infer_layer *layer, uint32_t k, uint32_t region) {
    const float density = density_of(layer, k, region);
    return layer->regions == 1 ? density : sign_of(layer, k, region) * density;
}

bool sn_infer_has_digits(const sn_infer_layer *layer, const sn_infer_scheme *scheme) {
    return layer->weight_kind == SN_INFER_WEIGHTS_TERNARY || scheme->signs == SN_INFER_SIGNS_DIGITS;
}

/* ---- which inputs are added up ---- */

/* With inverted signs a filter that is negative for the most part is turned as a whole: then the
 * positive regions add up the inputs that they do not want. */
static bool is_turned(const sn_infer_layer *layer, uint32_t k) {
    uint32_t negative = 0;
    for (uint32_t region = 0; region < layer->regions; region++)
        negative += is_negative(layer, k, region);
    return negative > layer->regions - negative;
}

static bool set_bits_prevail(const sn_infer_layer *layer, uint32_t k, uint32_t region) {
    return 2 * count_region(layer, k, region) > region_weights(layer, region);
}

static bool is_inverted(const sn_infer_layer *layer, const sn_infer_scheme *scheme, uint32_t k,
                        uint32_t region, bool turned) {
    if (scheme->signs == SN_INFER_SIGNS_INVERTED)
        return is_negative(layer, k, region) != turned;
    return scheme->inverts && set_bits_prevail(layer, k, region);
}

uint32_t sn_infer_turned(const sn_infer_layer *layer, const sn_infer_scheme *scheme, uint32_t first,
                         uint32_t count) {
    uint32_t bits = 0;
    if (scheme->signs == SN_INFER_SIGNS_INVERTED)
        for (uint32_t j = 0; j < count; j++)
            bits |= (uint32_t)is_turned(layer, first + j) << j;
    return bits;
}

uint32_t sn_infer_inverted(const sn_infer_layer *layer, const sn_infer_scheme *scheme,
                           uint32_t first, uint32_t count, uint32_t region, uint32_t turned) {
    uint32_t bits = 0;
    for (uint32_t j = 0; j < count; j++)
        bits |= (uint32_t)is_inverted(layer, scheme, first + j, region, turned >> j & 1) << j;
    return bits;
}

uint32_t sn_infer_subtracted(const sn_infer_layer *layer, const sn_infer_scheme *scheme,
                             uint32_t first, uint32_t count, uint32_t region) {
    uint32_t bits = 0;
    if (scheme->signs == SN_INFER_SIGNS_CHUNKS)
        for (uint32_t j = 0; j < count; j++)
            bits |= (uint32_t)(is_negative(layer, first + j, region) !=
                               is_inverted(layer, scheme, first + j, region, false))
                    << j;
    return bits;
}

bool sn_infer_inputs_cancel(const sn_infer_layer *layer) {
    return layer->input_centered && layer->input_scale == 0 && layer->regions == 1;
}

bool sn_infer_inverting_pays(const sn_infer_layer *layer) {
    if (layer->centered || layer->weight_kind == SN_INFER_WEIGHTS_BINARY ||
        sn_infer_inputs_cancel(layer))
        return true;
    /* Window sums take about three vectors per channel and window. Those of regions also take one
     * per region and tap, and every output adds one per region. */
    const uint64_t filters = layer->out.channels, regions = layer->regions;
    uint64_t saved = 0, price = 3 * (uint64_t)layer->in.channels;
    if (regions > 1)
        price += regions * (sn_infer_taps(layer) + filters);
    for (uint32_t k = 0; k < filters; k++)
        for (uint32_t region = 0; region < regions; region++) {
            const uint64_t all = region_weights(layer, region);
            const uint64_t twice = 2 * count_region(layer, k, region);
            saved += twice > all ? twice - all : 0;
        }
    return saved > price;
}

/* ---- what outputs take in ---- */

typedef struct coefficients {
    float gain, share;
} coefficients;

/* y = gain * (z + share * B), z being the sum of the inputs whose bit is set, B the window sum:
 *
 *     {0, 1}, centred       z - density B
 *     {-1, 1}               2 z - B
 *     complement            z = sum - S / 2 + B / 2, in which S is the group's extra sum
 *     inverted              z = B - sum
 */
static coefficients whole_coefficients(const sn_infer_layer *layer, const sn_infer_scheme *scheme,
                                       uint32_t k) {
    const bool has_bits = !sn_infer_has_digits(layer, scheme);
    coefficients t = {1, 0};
    if (layer->weight_kind == SN_INFER_WEIGHTS_SIGNED_BINARY)
        t.gain = sign_of(layer, k, 0);
    if (scheme->integer_weights && layer->centered)
        t.share = -density_of(layer, k, 0);
    if (scheme->form == SN_INFER_FORM_DENSE || !has_bits)
        return t; /* weights as they are */
    if (layer->weight_kind == SN_INFER_WEIGHTS_BINARY)
        t = (coefficients){2, -0.5f};
    else if (layer->centered)
        t.share = -density_of(layer, k, 0);
    if (scheme->form == SN_INFER_FORM_COMPLEMENT)
        t.share += 0.5f;
    else if (is_inverted(layer, scheme, k, 0, false))
        t = (coefficients){-t.gain, -(1 + t.share)};
    return t;
}

static float filter_gain(const sn_infer_layer *layer, const sn_infer_scheme *scheme, uint32_t k) {
    if (layer->regions == 1)
        return whole_coefficients(layer, scheme, k).gain;
    return scheme->signs == SN_INFER_SIGNS_INVERTED && is_turned(layer, k) ? -1.0f : 1.0f;
}

/* Of a region z is the sum of the inputs whose bit is set, and it gives s (z - density B), s being
 * its sign. The walk's sum contains
 *
 *     digits                s z
 *     chunks                s z, or inverted s (z - B)
 *     inverted              gain s z, or inverted B - z, in which gain s is -1
 *
 * and complements lack -S / 2 + B / 2 as above, B being the window sum of all regions. */
static float region_share(const sn_infer_layer *layer, const sn_infer_scheme *scheme, uint32_t k,
                          uint32_t region, float gain) {
    const float sign = gain * sign_of(layer, k, region);
    if (scheme->form == SN_INFER_FORM_DENSE && !scheme->integer_weights)
        return 0; /* weights as they are */
    float share = layer->centered ? -sign * density_of(layer, k, region) : 0.0f;
    if (scheme->form == SN_INFER_FORM_DENSE || sn_infer_has_digits(layer, scheme))
        return share;
    if (is_inverted(layer, scheme, k, region, gain < 0))
        share += sign;
    return scheme->form == SN_INFER_FORM_COMPLEMENT ? share + 0.5f : share;
}

static float share_of(const sn_infer_layer *layer, const sn_infer_scheme *scheme, uint32_t k,
                      uint32_t region, float gain) {
    return layer->regions == 1 ? whole_coefficients(layer, scheme, k).share
                               : region_share(layer, scheme, k, region, gain);
}

bool sn_infer_needs_window_sums(const sn_infer_layer *layer, const sn_infer_scheme *scheme) {
    if (sn_infer_inputs_cancel(layer))
        return false;
    for (uint32_t k = 0; k < layer->out.channels; k++) {
        const float gain = filter_gain(layer, scheme, k);
        for (uint32_t region = 0; region < layer->regions; region++)
            if (share_of(layer, scheme, k, region, gain) != 0)
                return true;
    }
    return false;
}

void sn_infer_scheme_gains(const sn_infer_layer *layer, const sn_infer_scheme *scheme, float *gain,
                           float *share) {
    for (uint32_t k = 0; k < layer->out.channels; k++) {
        const float of_filter = filter_gain(layer, scheme, k);
        gain[k] *= of_filter;
        for (uint32_t region = 0; share && region < layer->regions; region++)
            *share++ = share_of(layer, scheme, k, region, of_filter);
    }
}
