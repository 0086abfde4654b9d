#include "quant/quant.h"

#include "base/option.h"
#include "quant/tables.h"

#include <math.h>

static const sn_quantizer *const quantizers[] = {
#define SN_QUANTIZER(name) &sn_quantizer_##name,
#include "quant/quantizers.def"
#undef SN_QUANTIZER
};

static const sn_estimator *const estimators[] = {
    &sn_estimator_auto,
    &sn_estimator_ede,
    &sn_estimator_ede_standardized,
    &sn_estimator_ste,
};

enum {
    QUANTIZERS = sizeof quantizers / sizeof *quantizers,
    ESTIMATORS = sizeof estimators / sizeof *estimators
};

const sn_quantizer sn_quantizer_fp32 = {.name = "fp32", .code = SN_CODE_FULL};

const sn_quantizer *sn_quantizer_at(int index) {
    return index >= 0 && index < QUANTIZERS ? quantizers[index] : NULL;
}

const sn_estimator *sn_estimator_at(int index) {
    return index >= 0 && index < ESTIMATORS ? estimators[index] : NULL;
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
    static const char *const names[] = {[SN_SCALE_MEAN] = "mean", [SN_SCALE_ONE] = "one"};
    return index >= 0 && index < (int)(sizeof names / sizeof *names) ? names[index] : NULL;
}

sn_status sn_quant_resolve(sn_quant_options *options, sn_error *error) {
    const sn_quantizer *quantizer = sn_quantizer_at(options->quantizer);
    if (!quantizer->quantize)
        return SN_OK;
    if (sn_estimator_at(options->estimator) == &sn_estimator_auto)
        options->estimator = sn_choice_find(sn_estimator_name, quantizer->estimator);
    if (options->delta_ratio < 0)
        options->delta_ratio = quantizer->delta_ratio;
    const sn_estimator *estimator = sn_estimator_at(options->estimator);
    SN_RETURN_IF(estimator->one_step && !quantizer->one_step, error, SN_ERROR_ARGUMENT,
                 "--estimator %s is made for one step, but %s has more; %s is one for it",
                 estimator->name, quantizer->name, quantizer->estimator);
    return SN_OK;
}

float sn_region_sign(size_t index, size_t count, double positive_fraction) {
    return (double)index < floor(positive_fraction * (double)count + 0.5) ? 1 : -1;
}
