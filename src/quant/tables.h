/* The quantizers and estimators of the two tables, and what their files share. */
#ifndef SN_QUANT_TABLES_H
#define SN_QUANT_TABLES_H

#include "quant/quant.h"

#include <tgmath.h>

#define SN_QUANTIZER(name) extern const sn_quantizer sn_quantizer_##name;
#include "quant/quantizers.def"
#undef SN_QUANTIZER

#define SN_ESTIMATOR(name) extern const sn_estimator sn_estimator_##name;
#include "quant/estimators.def"
#undef SN_ESTIMATOR

/* Sets the region's scale from its magnitude and levels, as the scale rule says. */
void sn_region_set_scale(const sn_quant_options *options, sn_region *region);

/* The largest |W|. */
sn_real sn_largest_magnitude(const sn_real *latent, size_t count);

/* Wq = alpha sign(W) [ |W| > threshold ]. */
void sn_ternary_write(const sn_real *latent, size_t count, const sn_region *region, sn_real *weight,
                      uint8_t *mask);

/* All weights are effectual. */
void sn_full_mask(uint8_t *mask, size_t count);

/* omega / (2 pi), omega = 20 being the frequency of BiPer's square wave. */
#define SN_BIPER_TURNS ((sn_real)3.18309886183790672)

/* How far `turns` is from the nearest whole number: in [-1/2, 1/2]. */
static inline sn_real sn_turns_beyond(sn_real turns) {
    return turns - ((turns + SN_ROUNDING_SHIFT) - SN_ROUNDING_SHIFT);
}

/* sin(2 pi turns) for |turns| <= 1/4; in float by its series, to 1e-7. A loop over it becomes
 * vectors. */
static inline sn_real sn_sine_of_quarter(sn_real turns) {
#ifdef SN_REAL_DOUBLE
    return sin(6.28318530717958648 * turns);
#else
    const float x = 6.28318531F * turns, y = x * x;
    float sum = -1.0F / 39916800.0F;
    sum = sum * y + 1.0F / 362880;
    sum = sum * y - 1.0F / 5040;
    sum = sum * y + 1.0F / 120;
    sum = sum * y - 1.0F / 6;
    return x + x * y * sum;
#endif
}

#endif
