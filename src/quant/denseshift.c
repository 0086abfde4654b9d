/* DenseShift (arXiv 2208.09708): weights +-a {1, 1/2, 1/4, 1/8}, never zero, three bits each.
 * Products are shifts:
 *     Wq = alpha sign(W) 2^p,   p = log2(|W| / max |W|) rounded and clipped to -3 .. 0
 *     alpha = sum |W| / sum 2^p
 * The paper has no scale and trains four latent weights for each weight: one for the sign and one
 * for each step of p. Here there is one, which is rounded. sign(0) = +1. */
#include "quant/tables.h"

#include <tgmath.h>

/* 2^p. The borders are halfway between powers, in the logarithm. */
static inline sn_real power_of(sn_real magnitude, sn_real largest) {
    const sn_real half = largest * (sn_real)0.70710678118654752; /* 2^(-1/2) */
    return 0.125F + (magnitude > half / 4 ? 0.125F : 0.0F) + (magnitude > half / 2 ? 0.25F : 0.0F) +
           (magnitude > half ? 0.5F : 0.0F);
}

static void quantize(const sn_quant_options *options, const sn_real *latent, size_t count,
                     sn_region *region, sn_real *weight, uint8_t *mask) {
    const sn_real largest = sn_largest_magnitude(latent, count);
    double powers = 0;
#pragma omp simd reduction(+ : powers)
    for (size_t i = 0; i < count; i++)
        powers += (double)power_of(fabs(latent[i]), largest);
    region->threshold = 0;
    region->effectual = count;
    region->magnitude = sn_sum_of_magnitudes(latent, count);
    region->levels = powers;
    sn_region_set_scale(options, region);
    const sn_real scale = region->scale;
#pragma omp simd
    for (size_t i = 0; i < (weight ? count : 0); i++) {
        const sn_real power = scale * power_of(fabs(latent[i]), largest);
        weight[i] = latent[i] >= 0 ? power : -power;
    }
    sn_full_mask(mask, count);
}

const sn_quantizer sn_quantizer_denseshift = {
    .name = "denseshift",
    .summary = "a or -a times 1, 1/2, 1/4 or 1/8: shifts, never zero",
    .reference = "DenseShift, arXiv 2208.09708",
    .code = SN_CODE_OTHER,
    .steps = SN_STEPS_SEVERAL,
    .zero_free = true,
    .estimator = "ste",
    .quantize = quantize};
