/* BiPer (arXiv 2404.01278): forward is a square wave of the latent weight, backward the derivative
 * of the sine with the same period: Wq = alpha where sin(omega W) >= 0, -alpha elsewhere,   omega =
 * 20 dW = dWq alpha omega cos(omega W) alpha = mean |sin(omega W)| brings the square wave closest
 * to the sine; the paper's analysis of errors has the same factor. The paper's code trains one for
 * each filter, and its examples have omega = 20. The paper first trains with the sine itself; that
 * is left out here. */
#include "quant/tables.h"

#include <tgmath.h>

static void quantize(const sn_quant_options *options, const sn_real *latent, size_t count,
                     sn_region *region, sn_real *weight, uint8_t *mask) {
    double total = 0;
#pragma omp simd reduction(+ : total)
    for (size_t i = 0; i < count; i++) {
        /* |sin| has half the period. */
        const sn_real quarter = sn_turns_beyond(2 * SN_BIPER_TURNS * latent[i]) / 2;
        total += (double)fabs(sn_sine_of_quarter(quarter));
    }
    region->threshold = 0;
    region->effectual = count;
    region->magnitude = total;
    region->levels = (double)count;
    sn_region_set_scale(options, region);
    const sn_real scale = region->scale;
#pragma omp simd
    for (size_t i = 0; i < (weight ? count : 0); i++)
        weight[i] = sn_turns_beyond(SN_BIPER_TURNS * latent[i]) >= 0 ? scale : -scale;
    sn_full_mask(mask, count);
}

const sn_quantizer sn_quantizer_biper = {.name = "biper",
                                         .summary =
                                             "a or -a by the sign of sin(20 weight): a square wave",
                                         .reference = "BiPer, arXiv 2404.01278",
                                         .code = SN_CODE_BINARY,
                                         .steps = SN_STEPS_PERIODIC,
                                         .zero_free = true,
                                         .estimator = "sine",
                                         .quantize = quantize};

static double sine_peak(const sn_quant_options *options, const sn_region *region, double progress) {
    (void)options;
    (void)progress;
    return 20 * (double)region->scale;
}

static void sine_backward(const sn_quant_options *options, const sn_real *latent, size_t count,
                          const sn_region *region, double progress, const sn_real *dweight,
                          sn_real *dlatent) {
    const sn_real gain = (sn_real)sine_peak(options, region, progress);
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        /* cos(2 pi x) = sin(2 pi (1/4 - |x|)) */
        const sn_real beyond = sn_turns_beyond(SN_BIPER_TURNS * latent[i]);
        dlatent[i] += dweight[i] * gain * sn_sine_of_quarter((sn_real)0.25 - fabs(beyond));
    }
}

const sn_estimator sn_estimator_sine = {.name = "sine",
                                        .summary = "slope of a sine with the square wave's period",
                                        .reference = "BiPer, arXiv 2404.01278",
                                        .steps = SN_STEPS_PERIODIC,
                                        .backward = sine_backward,
                                        .peak = sine_peak};
