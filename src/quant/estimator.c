/* Gradient estimators. */
#include "quant/tables.h"

#include <math.h>

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

/* dW = dWq k t (1 - tanh(t (W - c) / unit)^2), c being where the quantizer steps. */
static void ede_backward_in_units(const float *latent, size_t count, const sn_region *region,
                                  double progress, double unit, const float *dweight,
                                  float *dlatent) {
    double t, k;
    sn_ede_schedule(progress, &t, &k);
    const float gain = (float)(k * t), slope = (float)(t / unit);
    for (size_t i = 0; i < count; i++) {
        const float step = tanhf(slope * (latent[i] - region->threshold));
        dlatent[i] += dweight[i] * gain * (1 - step * step);
    }
}

static void ede_backward(const float *latent, size_t count, const sn_region *region,
                         double progress, const float *dweight, float *dlatent) {
    ede_backward_in_units(latent, count, region, progress, 1, dweight, dlatent);
}

const sn_estimator sn_estimator_ede = {.name = "ede", .backward = ede_backward};

/* Standard deviation with divisor count - 1; 1 for a region that does not vary. */
static double deviation(const float *values, size_t count) {
    double mean = 0, squares = 0;
    for (size_t i = 0; i < count; i++)
        mean += (double)values[i] / (double)count;
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

const sn_estimator sn_estimator_ede_standardized = {.name = "ede-standardized",
                                                    .backward = ede_standardized_backward};
