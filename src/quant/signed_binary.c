/* Signed binary (PLUM) and its centred form:
 *     delta = delta_ratio max |W|,   m = [ sign W >= delta ],   alpha = mean of |W| over m
 *     Wq = alpha sign m              or, centred, alpha sign (m - mean of m) */
#include "quant/tables.h"

#include <math.h>

/* Everything but the weights themselves. */
static void measure(const sn_quant_options *options, const float *latent, size_t count,
                    sn_region *region) {
    float largest = 0;
#pragma omp simd reduction(max : largest)
    for (size_t i = 0; i < count; i++)
        largest = fabsf(latent[i]) > largest ? fabsf(latent[i]) : largest;
    const float delta = (float)options->delta_ratio * largest, sign = region->sign;
    double total = 0;
    int effectual = 0; /* the width of a float, so that a vector holds as many; counts are ints */
#pragma omp simd reduction(+ : total, effectual)
    for (size_t i = 0; i < count; i++) {
        total += sign * latent[i] >= delta ? (double)fabsf(latent[i]) : 0;
        effectual += sign * latent[i] >= delta ? 1 : 0;
    }
    region->effectual = (size_t)effectual;
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
    const float scale = region->scale * region->sign, sign = region->sign;
#pragma omp simd
    for (size_t i = 0; i < (weight ? count : 0); i++)
        weight[i] = scale * ((sign * latent[i] >= delta ? 1.0F : 0.0F) - density);
    for (size_t i = 0; i < (mask ? count : 0); i++)
        mask[i] = sign * latent[i] >= delta;
}

static void quantize_plain(const sn_quant_options *options, const float *latent, size_t count,
                           sn_region *region, float *weight, uint8_t *mask) {
    quantize(options, latent, count, false, region, weight, mask);
}

static void quantize_centered(const sn_quant_options *options, const float *latent, size_t count,
                              sn_region *region, float *weight, uint8_t *mask) {
    quantize(options, latent, count, true, region, weight, mask);
}

const sn_quantizer sn_quantizer_signed_binary = {.name = "signed-binary",
                                                 .code = SN_CODE_SIGNED_BINARY,
                                                 .one_step = true,
                                                 .delta_ratio = 0.05,
                                                 .estimator = "ede",
                                                 .quantize = quantize_plain};

const sn_quantizer sn_quantizer_signed_binary_centered = {.name = "signed-binary-centered",
                                                          .code = SN_CODE_SIGNED_BINARY_CENTERED,
                                                          .one_step = true,
                                                          .delta_ratio = 0.05,
                                                          .estimator = "ede",
                                                          .quantize = quantize_centered};
