/* Gradient estimators. */
#include "quant/tables.h"

#include <string.h>
#include <tgmath.h>

const sn_estimator sn_estimator_auto = {
    .name = "auto", .summary = "the quantizer's own, usually ede", .reference = "docs/method.md"};

/* Straight-through, clipped: dW = dWq [ |W| <= 1 ]. */
static void ste_backward(const sn_quant_options *options, const sn_real *latent, size_t count,
                         const sn_region *region, double progress, const sn_real *dweight,
                         sn_real *dlatent) {
    (void)options;
    (void)region;
    (void)progress;
    for (size_t i = 0; i < count; i++)
        dlatent[i] += fabs(latent[i]) <= 1 ? dweight[i] : 0;
}

static double ste_peak(const sn_quant_options *options, const sn_region *region, double progress) {
    (void)options;
    (void)region;
    (void)progress;
    return 1;
}

const sn_estimator sn_estimator_ste = {.name = "ste",
                                       .summary = "straight through where |weight| <= 1",
                                       .reference = "arXiv 1308.3432, clipped as in 1602.02830",
                                       .steps = SN_STEPS_ONE | SN_STEPS_SEVERAL,
                                       .backward = ste_backward,
                                       .peak = ste_peak};

void sn_ede_schedule(double t_min, double t_max, double progress, double *t, double *k) {
    *t = t_min * pow(10, progress * log10(t_max / t_min));
    *k = fmax(1 / *t, 1);
}

/* e^x for |x| <= 40, in float to a few units in the last place. It has no branches and no calls, so
 * a loop over it becomes vectors; a loop over expf or tanhf does not. x = n ln 2 + r, |r| <= ln 2 /
 * 2, and e^r by its series. */
static inline sn_real exp_near(sn_real x) {
#ifdef SN_REAL_DOUBLE
    return exp(x);
#else
    const float shifted = x * 1.44269504F + SN_ROUNDING_SHIFT, n = shifted - SN_ROUNDING_SHIFT;
    const float r = (x - n * 0.693145752F) - n * 1.42860677e-6F;
    float sum = 1.0F / 5040;
    sum = sum * r + 1.0F / 720;
    sum = sum * r + 1.0F / 120;
    sum = sum * r + 1.0F / 24;
    sum = sum * r + 1.0F / 6;
    sum = sum * r + 0.5F;
    sum = sum * r + 1;
    sum = sum * r + 1;
    const int32_t bits = ((int32_t)n + 127) * (1 << 23);
    float power;
    memcpy(&power, &bits, sizeof power);
    return sum * power;
#endif
}

/* 1 - tanh(x)^2 = 4 / (e^x + e^-x)^2; beyond 40 it is practically 0. */
static inline sn_real tanh_slope(sn_real x) {
    const sn_real low = x < 40 ? x : 40, clipped = low > -40 ? low : -40; /* NaN becomes 40 */
    const sn_real rising = exp_near(clipped), both = rising + 1 / rising;
    return 4 / (both * both);
}

static double ede_peak(const sn_quant_options *options, const sn_region *region, double progress) {
    (void)region;
    double t, k;
    sn_ede_schedule(options->ede_t_min, options->ede_t_max, progress, &t, &k);
    return k * t;
}

/* dW = dWq k t (1 - tanh(t (W - c) / unit)^2); the quantizer steps at c. */
static void ede_backward_in_units(const sn_quant_options *options, const sn_real *latent,
                                  size_t count, const sn_region *region, double progress,
                                  double unit, const sn_real *dweight, sn_real *dlatent) {
    double t, k;
    sn_ede_schedule(options->ede_t_min, options->ede_t_max, progress, &t, &k);
    const sn_real gain = (sn_real)(k * t), slope = (sn_real)(t / unit);
    const sn_real threshold = region->threshold;
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        dlatent[i] += dweight[i] * gain * tanh_slope(slope * (latent[i] - threshold));
}

static void ede_backward(const sn_quant_options *options, const sn_real *latent, size_t count,
                         const sn_region *region, double progress, const sn_real *dweight,
                         sn_real *dlatent) {
    ede_backward_in_units(options, latent, count, region, progress, 1, dweight, dlatent);
}

const sn_estimator sn_estimator_ede = {.name = "ede",
                                       .summary =
                                           "slope of a tanh at the step, sharper every epoch",
                                       .reference = "IR-Net, arXiv 1909.10788, as in PLUM",
                                       .steps = SN_STEPS_ONE,
                                       .backward = ede_backward,
                                       .peak = ede_peak};

/* Standard deviation with divisor count - 1; 1 for a region that does not vary. */
static double deviation(const sn_real *values, size_t count) {
    double mean = 0, squares = 0;
#pragma omp simd reduction(+ : mean)
    for (size_t i = 0; i < count; i++)
        mean += (double)values[i];
    mean /= (double)count;
#pragma omp simd reduction(+ : squares)
    for (size_t i = 0; i < count; i++)
        squares += ((double)values[i] - mean) * ((double)values[i] - mean);
    return count > 1 && squares > 0 ? sqrt(squares / (double)(count - 1)) : 1;
}

/* Latent weights are small, sigma is about 0.06 in a ResNet, and tanh is linear there. In units of
 * the region's deviation t sharpens the step as in IR-Net. */
static void ede_standardized_backward(const sn_quant_options *options, const sn_real *latent,
                                      size_t count, const sn_region *region, double progress,
                                      const sn_real *dweight, sn_real *dlatent) {
    ede_backward_in_units(options, latent, count, region, progress, deviation(latent, count),
                          dweight, dlatent);
}

const sn_estimator sn_estimator_ede_standardized = {
    .name = "ede-standardized",
    .summary = "ede on weights in units of their filter's deviation",
    .reference = "IR-Net, arXiv 1909.10788",
    .steps = SN_STEPS_ONE,
    .backward = ede_standardized_backward,
    .peak = ede_peak};
