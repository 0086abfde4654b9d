/* The quantizer of docs/extending.md: Wq = a sign(W), a = the power of 2 below the mean |W|. */
#include "quant/tables.h"

static void quantize(const sn_quant_options *options, const sn_real *latent, size_t count,
                     sn_region *region, sn_real *weight, uint8_t *mask) {
    region->threshold = 0;
    region->effectual = count;
    region->magnitude = exp2(floor(log2(sn_sum_of_magnitudes(latent, count) / (double)count)));
    region->levels = 1;
    sn_region_set_scale(options, region);
    for (size_t i = 0; weight && i < count; i++)
        weight[i] = latent[i] >= 0 ? region->scale : -region->scale;
    sn_full_mask(mask, count);
}

const sn_quantizer sn_quantizer_toy_powers = {.name = "toy-powers",
                                              .summary = "a or -a, a being a power of 2",
                                              .reference = "docs/extending.md",
                                              .code = SN_CODE_BINARY,
                                              .steps = SN_STEPS_ONE,
                                              .zero_free = true,
                                              .estimator = "ede",
                                              .quantize = quantize};
