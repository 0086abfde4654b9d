/* Binary weights: Wq = alpha for W >= 0 and -alpha below, alpha = mean |W| of the region
 * (XNOR-Net, arXiv 1603.05279, equation 6; one scale for each filter). */
#include "quant/tables.h"

static void quantize(const sn_quant_options *options, const sn_real *latent, size_t count,
                     sn_region *region, sn_real *weight, uint8_t *mask) {
    region->threshold = 0;
    region->effectual = count;
    region->magnitude = sn_sum_of_magnitudes(latent, count);
    region->levels = (double)count;
    sn_region_set_scale(options, region);
    const sn_real scale = region->scale;
#pragma omp simd
    for (size_t i = 0; i < (weight ? count : 0); i++)
        weight[i] = latent[i] >= 0 ? scale : -scale;
    sn_full_mask(mask, count);
}

const sn_quantizer sn_quantizer_binary = {.name = "binary",
                                          .summary = "a or -a by the sign of the weight",
                                          .reference = "XNOR-Net, arXiv 1603.05279",
                                          .code = SN_CODE_BINARY,
                                          .steps = SN_STEPS_ONE,
                                          .zero_free = true,
                                          .estimator = "ede",
                                          .quantize = quantize};
