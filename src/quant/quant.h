/* Quantizers and gradient estimators: pure functions on the weights of one region.
 *
 * A region is a piece of a convolution's weights that shares a sign: R x S weights of Ct input
 * channels of one filter, contiguous in memory, or the whole filter. A quantizer maps latent
 * weights W to quantized weights Wq. Its derivative is zero almost everywhere; an estimator is the
 * surrogate for it. docs/method.md has the definitions (PLUM, arXiv 2312.01581).
 *
 * A further quantizer is one file with a table sn_quantizer_<name> and one line in quantizers.def
 * (docs/extending.md).
 */
#ifndef SN_QUANT_QUANT_H
#define SN_QUANT_QUANT_H

#include "base/real.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the scale alpha is. */
typedef enum sn_scale_rule {
    SN_SCALE_FILTER_MEAN, /* magnitude / levels, see sn_region, summed over the filter's regions */
    SN_SCALE_LAYER_MEAN,  /* the same with both summed over the regions of the layer */
    SN_SCALE_ONE,         /* 1: batch-norm absorbs the scale */
    SN_SCALE_LEARNED,     /* e^theta, theta trained, one for each filter */
    SN_SCALE_MEAN         /* filter-mean in old configurations; sn_quant_resolve replaces it */
} sn_scale_rule;

enum { SN_REGION_MAX_CHANNELS = 1 << 16 }; /* as many as a model can have */

/* Where the signs of regions come from. */
typedef enum sn_sign_rule {
    SN_SIGNS_FIXED,  /* sn_region_sign */
    SN_SIGNS_INIT,   /* of the sum of a region's initial weights; +1 for 0 */
    SN_SIGNS_LEARNED /* likewise, but a region may change its sign early in training */
} sn_sign_rule;

/* What removes the common mode: behind a ReLU all filters of one sign compute nearly the same. */
typedef enum sn_center {
    SN_CENTER_AUTO,       /* the quantizer's own; sn_quant_resolve replaces it */
    SN_CENTER_NONE,       /* nothing: as published */
    SN_CENTER_WEIGHTS,    /* Wq less its mean: the quantizer signed-binary-centered */
    SN_CENTER_ACTIVATIONS /* the convolution's input less its mean over channels */
} sn_center;

typedef struct sn_quant_options {
    int quantizer;               /* index of sn_quantizer_at */
    int center;                  /* sn_center */
    int estimator;               /* index of sn_estimator_at */
    int scale_rule;              /* sn_scale_rule */
    int sign_rule;               /* sn_sign_rule */
    bool signed_inputs;          /* of convolutions; center auto then means none */
    uint64_t region_channels;    /* input channels of a region; 0, or as many as there are: all */
    double delta_ratio;          /* of the threshold; negative: the quantizer's own */
    double positive_fraction;    /* share of regions with sign +1 where signs are fixed */
    double signs_until;          /* learned signs: share of the training in which they may change */
    double ede_t_min, ede_t_max; /* 0: 0.1 and 10 */
} sn_quant_options;

/* What a quantizer computes about a region. */
typedef struct sn_region {
    sn_real sign;      /* +1 or -1; set by the caller */
    sn_real scale;     /* alpha */
    sn_real threshold; /* where the quantizer steps, EDE's centre c; the upper of two steps */
    size_t effectual;  /* weights whose mask is 1: those that are not 0 */
    /* alpha = magnitude / levels gives Wq the mean magnitude of W. Usually these are the sum and
     * the number of the effectual |W|. */
    double magnitude, levels;
} sn_region;

/* How the weights of a quantizer are written in a packed model. */
typedef enum sn_code {
    SN_CODE_FULL,                   /* not quantized */
    SN_CODE_SIGNED_BINARY,          /* alpha sign mask */
    SN_CODE_SIGNED_BINARY_CENTERED, /* alpha sign (mask - density) */
    SN_CODE_BINARY,                 /* alpha or -alpha */
    SN_CODE_TERNARY,                /* alpha, 0 or -alpha */
    SN_CODE_OTHER                   /* more values than these codes have; stored as fp32 */
} sn_code;

/* Whether these are one-bit or ternary weights, which kernels can add up as integers. */
bool sn_code_has_few_bits(sn_code code);

/* The shape of Wq as a function of W. An estimator is made for some of them. */
typedef enum sn_steps {
    SN_STEPS_ONE = 1,     /* steps at region->threshold */
    SN_STEPS_SEVERAL = 2, /* rises in several steps */
    SN_STEPS_PERIODIC = 4 /* goes up and down */
} sn_steps;

typedef struct sn_quantizer {
    const char *name;      /* as given to --quant */
    const char *summary;   /* one line */
    const char *reference; /* where it is from */
    sn_code code;
    sn_steps steps;
    bool zero_free;        /* all weights are always effectual */
    double delta_ratio;    /* the default */
    const char *estimator; /* the default; NULL for full precision */
    sn_center center;      /* the default; auto: none */
    /* From latent[count] and region->sign: weight[count] = Wq, mask[count] = 0 or 1 (either may be
     * NULL), and the rest of *region. With a scale rule other than filter-mean the scale is 1, and
     * the caller, who knows the layer, multiplies. NULL for full precision. */
    void (*quantize)(const sn_quant_options *options, const sn_real *latent, size_t count,
                     sn_region *region, sn_real *weight, uint8_t *mask);
    /* Evidence in [-1, 1] that the other sign would fit latent[count] better: (c'^2 - c^2) / (c'^2
     * + c^2), where c is the cosine of the angle between W and Wq, and c' the same with the other
     * sign. 0 if both are 0. NULL for quantizers whose regions have no sign. */
    double (*sign_evidence)(const sn_quant_options *options, const sn_real *latent, size_t count,
                            sn_real sign);
} sn_quantizer;

typedef struct sn_estimator {
    const char *name;      /* as given to --estimator */
    const char *summary;   /* one line */
    const char *reference; /* where it is from */
    unsigned steps;        /* bits sn_steps: the quantizers it is made for */
    /* dlatent[i] += dweight[i] * surrogate derivative at latent[i]. `progress` is the finished
     * share of the training, in [0, 1). NULL for auto, the quantizer's own. */
    void (*backward)(const sn_quant_options *options, const sn_real *latent, size_t count,
                     const sn_region *region, double progress, const sn_real *dweight,
                     sn_real *dlatent);
    /* The largest |surrogate derivative| anywhere. Where it is smaller, gradient is suppressed. */
    double (*peak)(const sn_quant_options *options, const sn_region *region, double progress);
} sn_estimator;

/* The tables; NULL past the last entry. Names alone, for option tables. */
const sn_quantizer *sn_quantizer_at(int index);
const sn_estimator *sn_estimator_at(int index);
const char *sn_quantizer_name(int index);
const char *sn_estimator_name(int index);
const char *sn_scale_rule_name(int index);
const char *sn_sign_rule_name(int index);
const char *sn_center_name(int index);

/* Replaces defaults by what they stand for: the quantizer's own estimator, centring and threshold,
 * EDE's temperatures, and signed-binary with centred weights by the quantizer of that name.
 * SN_ERROR_ARGUMENT when the estimator is not made for the quantizer, or the quantizer does not
 * have the regions, signs or centring that are asked for. */
sn_status sn_quant_resolve(sn_quant_options *options, sn_error *error);

/* The sign of region `index` of `count`: +1 for the first round(positive_fraction * count). */
sn_real sn_region_sign(size_t index, size_t count, double positive_fraction);

/* Updates a region's evidence, a moving average of the quantizer's sign_evidence, by that of one
 * step. Above a bound the sign flips, and the evidence with it. */
void sn_region_learn_sign(double shown, sn_real *sign, sn_real *evidence);

/* Temperature t = t_min (t_max / t_min)^progress and gain k = max(1 / t, 1) of EDE (IR-Net, arXiv
 * 1909.10788, equation 10). */
void sn_ede_schedule(double t_min, double t_max, double progress, double *t, double *k);

/* Sum of |value|. */
double sn_sum_of_magnitudes(const sn_real *values, size_t count);

#endif
