#include "quant/quant.h"

#include "base/option.h"
#include "quant/tables.h"

#include <string.h>
#include <tgmath.h>

static const sn_quantizer *const quantizers[] = {
#define SN_QUANTIZER(name) &sn_quantizer_##name,
#include "quant/quantizers.def"
#undef SN_QUANTIZER
};

static const sn_estimator *const estimators[] = {
#define SN_ESTIMATOR(name) &sn_estimator_##name,
#include "quant/estimators.def"
#undef SN_ESTIMATOR
};

enum {
    QUANTIZERS = sizeof quantizers / sizeof *quantizers,
    ESTIMATORS = sizeof estimators / sizeof *estimators
};

const sn_quantizer sn_quantizer_fp32 = {.name = "fp32",
                                        .summary = "full precision: weights as they are",
                                        .reference = "He et al. 2016, arXiv 1512.03385",
                                        .code = SN_CODE_FULL};

const sn_quantizer *sn_quantizer_at(int index) {
    return index >= 0 && index < QUANTIZERS ? quantizers[index] : NULL;
}

const sn_estimator *sn_estimator_at(int index) {
    return index >= 0 && index < ESTIMATORS ? estimators[index] : NULL;
}

bool sn_code_has_few_bits(sn_code code) {
    return code != SN_CODE_FULL && code != SN_CODE_OTHER;
}

const char *sn_quantizer_name(int index) {
    const sn_quantizer *quantizer = sn_quantizer_at(index);
    return quantizer ? quantizer->name : NULL;
}

const char *sn_estimator_name(int index) {
    const sn_estimator *estimator = sn_estimator_at(index);
    return estimator ? estimator->name : NULL;
}

const char *sn_scale_rule_name(int index) {
    static const char *const names[] = {[SN_SCALE_FILTER_MEAN] = "filter-mean",
                                        [SN_SCALE_LAYER_MEAN] = "layer-mean",
                                        [SN_SCALE_ONE] = "one",
                                        [SN_SCALE_LEARNED] = "learned",
                                        [SN_SCALE_MEAN] = "mean"};
    return index >= 0 && index < (int)(sizeof names / sizeof *names) ? names[index] : NULL;
}

const char *sn_sign_rule_name(int index) {
    static const char *const names[] = {
        [SN_SIGNS_FIXED] = "fixed", [SN_SIGNS_INIT] = "init", [SN_SIGNS_LEARNED] = "learned"};
    return index >= 0 && index < (int)(sizeof names / sizeof *names) ? names[index] : NULL;
}

const char *sn_center_name(int index) {
    static const char *const names[] = {[SN_CENTER_AUTO] = "auto",
                                        [SN_CENTER_NONE] = "none",
                                        [SN_CENTER_WEIGHTS] = "weights",
                                        [SN_CENTER_ACTIVATIONS] = "activations"};
    return index >= 0 && index < (int)(sizeof names / sizeof *names) ? names[index] : NULL;
}

/* Centred weights have a quantizer of their own; centred activations go with any few-bit one. */
static sn_status resolve_center(sn_quant_options *options, sn_error *error) {
    const sn_quantizer *quantizer = sn_quantizer_at(options->quantizer);
    const bool is_auto = options->center == SN_CENTER_AUTO;
    if (options->center == SN_CENTER_WEIGHTS && quantizer == &sn_quantizer_signed_binary)
        options->quantizer =
            sn_choice_find(sn_quantizer_name, sn_quantizer_signed_binary_centered.name);
    if (options->center == SN_CENTER_AUTO)
        options->center = (int)quantizer->center;
    if (options->center == SN_CENTER_AUTO ||
        (is_auto && options->center == SN_CENTER_ACTIVATIONS && options->signed_inputs))
        options->center = SN_CENTER_NONE;
    quantizer = sn_quantizer_at(options->quantizer);
    const bool is_centered = quantizer == &sn_quantizer_signed_binary_centered;
    SN_RETURN_IF(is_centered && options->center != SN_CENTER_WEIGHTS, error, SN_ERROR_ARGUMENT,
                 "--center %s: signed-binary-centered stands for --quant signed-binary --center "
                 "weights; take --quant signed-binary for another centring",
                 sn_center_name(options->center));
    SN_RETURN_IF(!is_centered && options->center == SN_CENTER_WEIGHTS, error, SN_ERROR_ARGUMENT,
                 "--center weights: only the weights of signed-binary can be centred, not those of "
                 "%s",
                 quantizer->name);
    SN_RETURN_IF(options->center == SN_CENTER_ACTIVATIONS && !sn_code_has_few_bits(quantizer->code),
                 error, SN_ERROR_ARGUMENT,
                 "--center activations: needs one-bit or ternary weights, not %s", quantizer->name);
    return SN_OK;
}

sn_status sn_quant_resolve(sn_quant_options *options, sn_error *error) {
    SN_TRY(resolve_center(options, error));
    const sn_quantizer *quantizer = sn_quantizer_at(options->quantizer);
    if (options->scale_rule == SN_SCALE_MEAN)
        options->scale_rule = SN_SCALE_FILTER_MEAN;
    if (options->ede_t_min == 0)
        options->ede_t_min = 0.1;
    if (options->ede_t_max == 0)
        options->ede_t_max = 10;
    SN_RETURN_IF(
        !quantizer->sign_evidence && options->region_channels, error, SN_ERROR_ARGUMENT,
        "--region %llu: only signed-binary and signed-binary-centered have regions, not %s",
        (unsigned long long)options->region_channels, quantizer->name);
    SN_RETURN_IF(
        !quantizer->sign_evidence && options->sign_rule != SN_SIGNS_FIXED, error, SN_ERROR_ARGUMENT,
        "--signs %s: only filters of signed-binary and signed-binary-centered have a sign, "
        "not those of %s",
        sn_sign_rule_name(options->sign_rule), quantizer->name);
    if (!quantizer->quantize)
        return SN_OK;
    if (sn_estimator_at(options->estimator) == &sn_estimator_auto)
        options->estimator = sn_choice_find(sn_estimator_name, quantizer->estimator);
    if (options->delta_ratio < 0)
        options->delta_ratio = quantizer->delta_ratio;
    SN_RETURN_IF(quantizer->sign_evidence && options->delta_ratio > 1, error, SN_ERROR_ARGUMENT,
                 "--delta-ratio %g: no weight of %s would be left; need at most 1, a share of the "
                 "largest |weight|",
                 options->delta_ratio, quantizer->name);
    const sn_estimator *estimator = sn_estimator_at(options->estimator);
    SN_RETURN_IF(!(estimator->steps & quantizer->steps), error, SN_ERROR_ARGUMENT,
                 "--estimator %s is not made for the steps of %s; %s is", estimator->name,
                 quantizer->name, quantizer->estimator);
    return SN_OK;
}

sn_real sn_region_sign(size_t index, size_t count, double positive_fraction) {
    return (double)index < floor(positive_fraction * (double)count + 0.5) ? 1 : -1;
}

void sn_region_learn_sign(double shown, sn_real *sign, sn_real *evidence) {
    const double memory = 0.99, enough = 0.1;
    const double now = memory * (double)*evidence + (1 - memory) * shown;
    const bool turns = now > enough;
    *evidence = (sn_real)(turns ? -now : now);
    *sign = turns ? -*sign : *sign;
}

void sn_region_set_scale(const sn_quant_options *options, sn_region *region) {
    if (options->scale_rule == SN_SCALE_FILTER_MEAN)
        region->scale = region->levels > 0 ? (sn_real)(region->magnitude / region->levels) : 0;
    else
        region->scale = 1;
}

double sn_sum_of_magnitudes(const sn_real *values, size_t count) {
    double total = 0;
#pragma omp simd reduction(+ : total)
    for (size_t i = 0; i < count; i++)
        total += (double)fabs(values[i]);
    return total;
}

sn_real sn_largest_magnitude(const sn_real *latent, size_t count) {
    sn_real largest = 0;
#pragma omp simd reduction(max : largest)
    for (size_t i = 0; i < count; i++)
        largest = fabs(latent[i]) > largest ? fabs(latent[i]) : largest;
    return largest;
}

void sn_full_mask(uint8_t *mask, size_t count) {
    if (mask)
        memset(mask, 1, count);
}
