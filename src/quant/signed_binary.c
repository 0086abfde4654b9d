/* Signed binary (PLUM) and its centred form:
 *     delta = delta_ratio max |W|,   m = [ sign W >= delta ],   alpha = mean of |W| over m
 *     Wq = alpha sign m              or, centred, alpha sign (m - mean of m) */
#include "quant/tables.h"

#include <math.h>

static bool is_effectual(float weight, const sn_region *region, float delta) {
    return region->sign * weight >= delta;
}

/* Everything but the weights themselves. */
static void measure(const sn_quant_options *options, const float *latent, size_t count,
                    sn_region *region) {
    float largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = fmaxf(largest, fabsf(latent[i]));
    const float delta = (float)options->delta_ratio * largest;
    double total = 0;
    region->effectual = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_effectual(latent[i], region, delta)) {
            total += fabs((double)latent[i]);
            region->effectual++;
        }
    }
    region->threshold = region->sign * delta;
    region->scale = region->effectual ? (float)(total / (double)region->effectual) : 0;
    if (options->scale_rule == SN_SCALE_ONE)
        region->scale = 1;
}

static void quantize(const sn_quant_options *options, const float *latent, size_t count,
                     bool centered, sn_region *region, float *weight, uint8_t *mask) {
    measure(options, latent, count, region);
    const float delta = region->sign * region->threshold;
    const float density = centered ? (float)region->effectual / (float)count : 0;
    const float scale = region->scale * region->sign;
    for (size_t i = 0; i < count; i++) {
        const bool effectual = is_effectual(latent[i], region, delta);
        if (weight)
            weight[i] = scale * ((effectual ? 1.0F : 0.0F) - density);
        if (mask)
            mask[i] = effectual;
    }
}

static void quantize_plain(const sn_quant_options *options, const float *latent, size_t count,
                           sn_region *region, float *weight, uint8_t *mask) {
    quantize(options, latent, count, false, region, weight, mask);
}

static void quantize_centered(const sn_quant_options *options, const float *latent, size_t count,
                              sn_region *region, float *weight, uint8_t *mask) {
    quantize(options, latent, count, true, region, weight, mask);
}

const sn_quantizer sn_quantizer_signed_binary = {
    .name = "signed-binary", .code = SN_CODE_SIGNED_BINARY, .quantize = quantize_plain};

const sn_quantizer sn_quantizer_signed_binary_centered = {.name = "signed-binary-centered",
                                                          .code = SN_CODE_SIGNED_BINARY_CENTERED,
                                                          .quantize = quantize_centered};
