/* BitNet b1.58 (arXiv 2402.17764, equations 1 to 3): gamma = mean |W|, and Wq = gamma times W /
 * gamma rounded and clipped to {-1, 0, 1}, that is
 *     Wq = gamma sign(W) [ |W| > delta ],   delta = delta_ratio gamma, delta_ratio = 1/2
 * The paper takes gamma over a whole weight matrix. Here it is the filter's, as for all quantizers.
 * "BitNet b1.58 Reloaded" (arXiv 2407.09527) takes the median instead of the mean. */
#include "quant/tables.h"

#include <string.h>
#include <tgmath.h>

#ifdef SN_REAL_DOUBLE
typedef uint64_t real_bits;
#else
typedef uint32_t real_bits;
#endif
_Static_assert(sizeof(real_bits) == sizeof(sn_real), "the bits of a number");

/* How many |W| are at most `limit`. */
static size_t count_up_to(const sn_real *latent, size_t count, sn_real limit) {
    int found = 0;
#pragma omp simd reduction(+ : found)
    for (size_t i = 0; i < count; i++)
        found += fabs(latent[i]) <= limit ? 1 : 0;
    return (size_t)found;
}

/* The median of |W|; of two in the middle the lower one. Non-negative numbers are ordered as their
 * bits are, so bisection over the bits finds it without a copy. */
static sn_real median_magnitude(const sn_real *latent, size_t count) {
    const sn_real infinity = (sn_real)INFINITY;
    real_bits low = 0, high;
    memcpy(&high, &infinity, sizeof high);
    while (low < high) {
        const real_bits middle = low + (high - low) / 2;
        sn_real limit;
        memcpy(&limit, &middle, sizeof limit);
        if (count_up_to(latent, count, limit) >= (count + 1) / 2)
            high = middle;
        else
            low = middle + 1;
    }
    sn_real median;
    memcpy(&median, &low, sizeof median);
    return median;
}

static void quantize(const sn_quant_options *options, const sn_real *latent, size_t count,
                     double gamma, sn_region *region, sn_real *weight, uint8_t *mask) {
    region->threshold = (sn_real)(options->delta_ratio * gamma);
    region->effectual = count - count_up_to(latent, count, region->threshold);
    region->magnitude = gamma * (double)count;
    region->levels = (double)count;
    sn_region_set_scale(options, region);
    sn_ternary_write(latent, count, region, weight, mask);
}

static void quantize_mean(const sn_quant_options *options, const sn_real *latent, size_t count,
                          sn_region *region, sn_real *weight, uint8_t *mask) {
    const double mean = sn_sum_of_magnitudes(latent, count) / (double)count;
    quantize(options, latent, count, mean, region, weight, mask);
}

static void quantize_median(const sn_quant_options *options, const sn_real *latent, size_t count,
                            sn_region *region, sn_real *weight, uint8_t *mask) {
    quantize(options, latent, count, (double)median_magnitude(latent, count), region, weight, mask);
}

const sn_quantizer sn_quantizer_ternary_b158 = {
    .name = "ternary-b158",
    .summary = "a, 0 or -a: weight / a rounded, a = mean |weight|",
    .reference = "BitNet b1.58, arXiv 2402.17764",
    .code = SN_CODE_TERNARY,
    .steps = SN_STEPS_SEVERAL,
    .delta_ratio = 0.5,
    .estimator = "ste",
    .quantize = quantize_mean};

const sn_quantizer sn_quantizer_ternary_b158_median = {
    .name = "ternary-b158-median",
    .summary = "a, 0 or -a: weight / a rounded, a = median |weight|",
    .reference = "BitNet b1.58 Reloaded, arXiv 2407.09527",
    .code = SN_CODE_TERNARY,
    .steps = SN_STEPS_SEVERAL,
    .delta_ratio = 0.5,
    .estimator = "ste",
    .quantize = quantize_median};
