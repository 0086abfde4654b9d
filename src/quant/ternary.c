/* Ternary weight networks (TWN, arXiv 1605.04711, equations 3 and 6):
 *     delta = delta_ratio mean |W|,   m = [ |W| > delta ],   alpha = mean of |W| over m
 *     Wq = alpha sign(W) m */
#include "quant/tables.h"

#include <math.h>

/* Everything but the weights themselves. */
static void measure(const sn_quant_options *options, const float *latent, size_t count,
                    sn_region *region) {
    double all = 0, total = 0;
#pragma omp simd reduction(+ : all)
    for (size_t i = 0; i < count; i++)
        all += (double)fabsf(latent[i]);
    const float delta = (float)(options->delta_ratio * all / (double)count);
    int effectual = 0; /* as wide as a float */
#pragma omp simd reduction(+ : total, effectual)
    for (size_t i = 0; i < count; i++) {
        total += fabsf(latent[i]) > delta ? (double)fabsf(latent[i]) : 0;
        effectual += fabsf(latent[i]) > delta ? 1 : 0;
    }
    region->effectual = (size_t)effectual;
    region->threshold = delta;
    region->scale = effectual ? (float)(total / (double)effectual) : 0;
    if (options->scale_rule == SN_SCALE_ONE)
        region->scale = 1;
}

static void quantize(const sn_quant_options *options, const float *latent, size_t count,
                     sn_region *region, float *weight, uint8_t *mask) {
    measure(options, latent, count, region);
    const float delta = region->threshold, scale = region->scale;
#pragma omp simd
    for (size_t i = 0; i < (weight ? count : 0); i++)
        weight[i] =
            scale * ((latent[i] > delta ? 1.0F : 0.0F) - (latent[i] < -delta ? 1.0F : 0.0F));
    for (size_t i = 0; i < (mask ? count : 0); i++)
        mask[i] = fabsf(latent[i]) > delta;
}

const sn_quantizer sn_quantizer_ternary = {.name = "ternary",
                                           .code = SN_CODE_TERNARY,
                                           .delta_ratio = 0.7,
                                           .estimator = "ste",
                                           .quantize = quantize};
