/* Signed binary (PLUM) and its centred form:
 *     delta = delta_ratio max |W|,   m = [ sign W >= delta ],   alpha = mean of |W| over m
 *     Wq = alpha sign m              or, centred, alpha sign (m - mean of m) */
#include "quant/tables.h"

#include <float.h>
#include <tgmath.h>

/* delta. If all weights are 0, none is effectual; 0 >= 0 must not make them so. */
static sn_real threshold_of(const sn_quant_options *options, const sn_real *latent, size_t count) {
    const sn_real largest = sn_largest_magnitude(latent, count);
    return largest > 0 ? (sn_real)options->delta_ratio * largest : (sn_real)FLT_MIN;
}

/* Everything but the weights themselves. */
static void measure(const sn_quant_options *options, const sn_real *latent, size_t count,
                    sn_region *region) {
    const sn_real delta = threshold_of(options, latent, count);
    const sn_real sign = region->sign;
    double total = 0;
    int effectual = 0; /* as wide as a float, so that vectors match; counts are ints */
#pragma omp simd reduction(+ : total, effectual)
    for (size_t i = 0; i < count; i++) {
        total += sign * latent[i] >= delta ? (double)fabs(latent[i]) : 0;
        effectual += sign * latent[i] >= delta ? 1 : 0;
    }
    region->effectual = (size_t)effectual;
    region->threshold = region->sign * delta;
    region->magnitude = total;
    region->levels = (double)effectual;
    sn_region_set_scale(options, region);
}

static void quantize(const sn_quant_options *options, const sn_real *latent, size_t count,
                     bool centered, sn_region *region, sn_real *weight, uint8_t *mask) {
    measure(options, latent, count, region);
    const sn_real delta = region->sign * region->threshold;
    const sn_real density = centered ? (sn_real)region->effectual / (sn_real)count : 0;
    const sn_real scale = region->scale * region->sign, sign = region->sign;
#pragma omp simd
    for (size_t i = 0; i < (weight ? count : 0); i++)
        weight[i] = scale * ((sign * latent[i] >= delta ? 1.0F : 0.0F) - density);
    for (size_t i = 0; i < (mask ? count : 0); i++)
        mask[i] = sign * latent[i] >= delta;
}

static void quantize_plain(const sn_quant_options *options, const sn_real *latent, size_t count,
                           sn_region *region, sn_real *weight, uint8_t *mask) {
    quantize(options, latent, count, false, region, weight, mask);
}

static void quantize_centered(const sn_quant_options *options, const sn_real *latent, size_t count,
                              sn_region *region, sn_real *weight, uint8_t *mask) {
    quantize(options, latent, count, true, region, weight, mask);
}

/* cos^2 of the angle between W and sign (m - mean) for a mask with `effectual` ones, over which |W|
 * sums to `magnitude`; W itself sums to `total`. The factor |W|^-2 is left out. */
static double square_cosine(double magnitude, double effectual, double mean, double signed_total,
                            double count) {
    const double product = magnitude - mean * signed_total;
    const double square = effectual * (1 - mean) * (1 - mean) + (count - effectual) * mean * mean;
    return square > 0 ? product * product / square : 0;
}

static double evidence(const sn_quant_options *options, const sn_real *latent, size_t count,
                       bool centered, sn_real sign) {
    const sn_real delta = threshold_of(options, latent, count);
    double magnitude[2] = {0, 0}, total = 0; /* of the sign, of the other */
    size_t effectual[2] = {0, 0};
    for (size_t i = 0; i < count; i++) {
        const sn_real with = sign * latent[i];
        magnitude[0] += with >= delta ? (double)fabs(with) : 0;
        magnitude[1] += -with >= delta ? (double)fabs(with) : 0;
        effectual[0] += with >= delta;
        effectual[1] += -with >= delta;
        total += (double)with;
    }
    double square[2];
    for (int other = 0; other < 2; other++) {
        const double ones = (double)effectual[other], all = (double)count;
        square[other] = square_cosine(magnitude[other], ones, centered ? ones / all : 0,
                                      other ? -total : total, all);
    }
    const double both = square[0] + square[1];
    return both > 0 ? (square[1] - square[0]) / both : 0;
}

static double evidence_plain(const sn_quant_options *options, const sn_real *latent, size_t count,
                             sn_real sign) {
    return evidence(options, latent, count, false, sign);
}

static double evidence_centered(const sn_quant_options *options, const sn_real *latent,
                                size_t count, sn_real sign) {
    return evidence(options, latent, count, true, sign);
}

const sn_quantizer sn_quantizer_signed_binary = {
    .name = "signed-binary",
    .summary = "0 or a in half of the filters, 0 or -a in the others",
    .reference = "PLUM, arXiv 2312.01581",
    .code = SN_CODE_SIGNED_BINARY,
    .steps = SN_STEPS_ONE,
    .delta_ratio = 0.05,
    .estimator = "ede",
    .center = SN_CENTER_ACTIVATIONS,
    .quantize = quantize_plain,
    .sign_evidence = evidence_plain};

const sn_quantizer sn_quantizer_signed_binary_centered = {
    .name = "signed-binary-centered",
    .summary = "--quant signed-binary --center weights: less the mean of each filter",
    .reference = "docs/method.md",
    .code = SN_CODE_SIGNED_BINARY_CENTERED,
    .steps = SN_STEPS_ONE,
    .delta_ratio = 0.05,
    .estimator = "ede",
    .center = SN_CENTER_WEIGHTS,
    .quantize = quantize_centered,
    .sign_evidence = evidence_centered};
