/* Ternary weight networks (TWN, arXiv 1605.04711, equations 3 and 6):
 *     delta = delta_ratio mean |W|,   m = [ |W| > delta ],   alpha = mean of |W| over m
 *     Wq = alpha sign(W) m */
#include "quant/tables.h"

#include <tgmath.h>

void sn_ternary_write(const sn_real *latent, size_t count, const sn_region *region, sn_real *weight,
                      uint8_t *mask) {
    const sn_real delta = region->threshold, scale = region->scale;
#pragma omp simd
    for (size_t i = 0; i < (weight ? count : 0); i++)
        weight[i] =
            scale * ((latent[i] > delta ? 1.0F : 0.0F) - (latent[i] < -delta ? 1.0F : 0.0F));
    for (size_t i = 0; i < (mask ? count : 0); i++)
        mask[i] = fabs(latent[i]) > delta;
}

static void quantize(const sn_quant_options *options, const sn_real *latent, size_t count,
                     sn_region *region, sn_real *weight, uint8_t *mask) {
    const double mean = sn_sum_of_magnitudes(latent, count) / (double)count;
    const sn_real delta = (sn_real)(options->delta_ratio * mean);
    double total = 0;
    int effectual = 0; /* as wide as a float, so that vectors match */
#pragma omp simd reduction(+ : total, effectual)
    for (size_t i = 0; i < count; i++) {
        total += fabs(latent[i]) > delta ? (double)fabs(latent[i]) : 0;
        effectual += fabs(latent[i]) > delta ? 1 : 0;
    }
    region->effectual = (size_t)effectual;
    region->threshold = delta;
    region->magnitude = total;
    region->levels = (double)effectual;
    sn_region_set_scale(options, region);
    sn_ternary_write(latent, count, region, weight, mask);
}

const sn_quantizer sn_quantizer_ternary = {.name = "ternary",
                                           .summary =
                                               "a, 0 or -a; 0 within 0.7 of the mean |weight|",
                                           .reference = "TWN, arXiv 1605.04711",
                                           .code = SN_CODE_TERNARY,
                                           .steps = SN_STEPS_SEVERAL,
                                           .delta_ratio = 0.7,
                                           .estimator = "ste",
                                           .quantize = quantize};
