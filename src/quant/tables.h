/* The tables that quant.c lists, each defined in a file of its own, and what these files share. */
#ifndef SN_QUANT_TABLES_H
#define SN_QUANT_TABLES_H

#include "quant/quant.h"

#define SN_QUANTIZER(name) extern const sn_quantizer sn_quantizer_##name;
#include "quant/quantizers.def"
#undef SN_QUANTIZER

extern const sn_estimator sn_estimator_auto;
extern const sn_estimator sn_estimator_ede;
extern const sn_estimator sn_estimator_ede_standardized;
extern const sn_estimator sn_estimator_sine;
extern const sn_estimator sn_estimator_ste;

/* Sets the region's scale from its magnitude and levels, by the rule. */
void sn_region_set_scale(const sn_quant_options *options, sn_region *region);

/* The largest |W|. */
float sn_largest_magnitude(const float *latent, size_t count);

/* Wq = alpha sign(W) [ |W| > threshold ]. */
void sn_ternary_write(const float *latent, size_t count, const sn_region *region, float *weight,
                      uint8_t *mask);

/* All weights are effectual. */
void sn_full_mask(uint8_t *mask, size_t count);

/* omega / (2 pi), omega = 20 being the frequency of BiPer's square wave. */
#define SN_BIPER_TURNS 3.18309886F

/* How far `turns` is from the nearest whole number: in [-1/2, 1/2]. */
static inline float sn_turns_beyond(float turns) {
    const float shift = 12582912; /* 1.5 2^23: adding it rounds to a whole number */
    return turns - ((turns + shift) - shift);
}

/* sin(2 pi turns) for |turns| <= 1/4 by its series, to 1e-7; a loop over it becomes vectors. */
static inline float sn_sine_of_quarter(float turns) {
    const float x = 6.28318531F * turns, y = x * x;
    float sum = -1.0F / 39916800;
    sum = sum * y + 1.0F / 362880;
    sum = sum * y - 1.0F / 5040;
    sum = sum * y + 1.0F / 120;
    sum = sum * y - 1.0F / 6;
    return x + x * y * sum;
}

#endif
