/* Binary weights: Wq = alpha for W >= 0 and -alpha below, alpha = mean |W| of the region
 * (XNOR-Net, arXiv 1603.05279, equation 6; one scale for each filter). */
#include "quant/tables.h"

#include <math.h>

static void quantize(const sn_quant_options *options, const float *latent, size_t count,
                     sn_region *region, float *weight, uint8_t *mask) {
    double total = 0;
#pragma omp simd reduction(+ : total)
    for (size_t i = 0; i < count; i++)
        total += (double)fabsf(latent[i]);
    region->threshold = 0;
    region->effectual = count;
    region->scale = options->scale_rule == SN_SCALE_ONE ? 1 : (float)(total / (double)count);
    const float scale = region->scale;
#pragma omp simd
    for (size_t i = 0; i < (weight ? count : 0); i++)
        weight[i] = latent[i] >= 0 ? scale : -scale;
    for (size_t i = 0; i < (mask ? count : 0); i++)
        mask[i] = 1;
}

const sn_quantizer sn_quantizer_binary = {.name = "binary",
                                          .code = SN_CODE_BINARY,
                                          .one_step = true,
                                          .estimator = "ede",
                                          .quantize = quantize};
