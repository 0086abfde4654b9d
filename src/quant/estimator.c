/* Gradient estimators. */
#include "quant/tables.h"

#include <math.h>
#include <string.h>

const sn_estimator sn_estimator_auto = {.name = "auto"};

/* Straight-through, clipped: dW = dWq [ |W| <= 1 ]. */
static void ste_backward(const float *latent, size_t count, const sn_region *region,
                         double progress, const float *dweight, float *dlatent) {
    (void)region;
    (void)progress;
    for (size_t i = 0; i < count; i++)
        dlatent[i] += fabsf(latent[i]) <= 1 ? dweight[i] : 0;
}

const sn_estimator sn_estimator_ste = {.name = "ste", .backward = ste_backward};

void sn_ede_schedule(double progress, double *t, double *k) {
    const double t_min = 0.1, t_max = 10;
    *t = t_min * pow(10, progress * log10(t_max / t_min));
    *k = fmax(1 / *t, 1);
}

/* e^x for |x| <= 40, to a few units in the last place, without branches or calls: a loop over it
 * becomes vectors, which one over expf or tanhf does not. x = n ln 2 + r, |r| <= ln 2 / 2, and e^r
 * by its series. */
static inline float exp_near(float x) {
    const float shift = 12582912; /* 1.5 2^23: adding it rounds to a whole number */
    const float shifted = x * 1.44269504F + shift, n = shifted - shift;
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
}

/* 1 - tanh(x)^2 = 4 / (e^x + e^-x)^2; beyond 40 it is 0 in all but name. */
static inline float tanh_slope(float x) {
    const float low = x < 40 ? x : 40, clipped = low > -40 ? low : -40; /* a number in any case */
    const float rising = exp_near(clipped), both = rising + 1 / rising;
    return 4 / (both * both);
}

/* dW = dWq k t (1 - tanh(t (W - c) / unit)^2), c being where the quantizer steps. */
static void ede_backward_in_units(const float *latent, size_t count, const sn_region *region,
                                  double progress, double unit, const float *dweight,
                                  float *dlatent) {
    double t, k;
    sn_ede_schedule(progress, &t, &k);
    const float gain = (float)(k * t), slope = (float)(t / unit);
    const float threshold = region->threshold;
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        dlatent[i] += dweight[i] * gain * tanh_slope(slope * (latent[i] - threshold));
}

static void ede_backward(const float *latent, size_t count, const sn_region *region,
                         double progress, const float *dweight, float *dlatent) {
    ede_backward_in_units(latent, count, region, progress, 1, dweight, dlatent);
}

const sn_estimator sn_estimator_ede = {.name = "ede", .one_step = true, .backward = ede_backward};

/* Standard deviation with divisor count - 1; 1 for a region that does not vary. */
static double deviation(const float *values, size_t count) {
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

/* Latent weights are small (sigma about 0.06 in a ResNet), where tanh is still linear: measured in
 * units of the region's deviation, t sharpens the step as it does in IR-Net. */
static void ede_standardized_backward(const float *latent, size_t count, const sn_region *region,
                                      double progress, const float *dweight, float *dlatent) {
    ede_backward_in_units(latent, count, region, progress, deviation(latent, count), dweight,
                          dlatent);
}

const sn_estimator sn_estimator_ede_standardized = {
    .name = "ede-standardized", .one_step = true, .backward = ede_standardized_backward};
