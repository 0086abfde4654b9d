#define _POSIX_C_SOURCE 200809L
#include "layers/layer_rules.h"

#include "base/option.h"

#include <fnmatch.h>
#include <string.h>

enum { RULE_SIZE = 256 };

#define FIELD(member) .offset = offsetof(sn_quant_options, member)

/* The same ranges as in the options of a network. */
static const sn_option keys[] = {
    {"delta", FIELD(delta_ratio), .kind = SN_OPTION_REAL, .minimum = -1, .maximum = 10},
    {"estimator", FIELD(estimator), .kind = SN_OPTION_CHOICE, .choice_name = sn_estimator_name},
    {"scale", FIELD(scale_rule), .kind = SN_OPTION_CHOICE, .choice_name = sn_scale_rule_name},
    {"positive", FIELD(positive_fraction), .kind = SN_OPTION_REAL, .minimum = 0, .maximum = 1},
    {"region", FIELD(region_channels), .kind = SN_OPTION_COUNT, .zero_name = "filter",
     .maximum = SN_REGION_MAX_CHANNELS},
    {"signs", FIELD(sign_rule), .kind = SN_OPTION_CHOICE, .choice_name = sn_sign_rule_name},
    {"center", FIELD(center), .kind = SN_OPTION_CHOICE, .choice_name = sn_center_name},
};

static const sn_option quantizer_key = {"quant", FIELD(quantizer), .kind = SN_OPTION_CHOICE,
                                        .choice_name = sn_quantizer_name};

/* Hands an error on with the rule that it is about. */
static sn_status set(const sn_option *key, const char *value, const char *rule,
                     sn_quant_options *quant, sn_error *error) {
    sn_error inner;
    if (sn_option_set(key, quant, value, &inner) == SN_OK)
        return SN_OK;
    return sn_error_set(error, SN_ERROR_ARGUMENT, "--layer '%s': %.600s", rule,
                        inner.message + strspn(inner.message, "-"));
}

/* *seen: a bit for each key that the rule has set so far. */
static sn_status set_key(char *assignment, const char *rule, unsigned *seen,
                         sn_quant_options *quant, sn_error *error) {
    char *value = strchr(assignment, '=');
    if (value)
        *value++ = '\0';
    const sn_option *key = sn_option_find(keys, sizeof keys / sizeof *keys, assignment);
    SN_RETURN_IF(!value || !key, error, SN_ERROR_ARGUMENT,
                 "--layer '%s': '%s' is not KEY=VALUE with one of delta, estimator, scale, "
                 "positive, region, "
                 "signs, center",
                 rule, assignment);
    SN_RETURN_IF(*seen >> (key - keys) & 1u, error, SN_ERROR_ARGUMENT,
                 "--layer '%s': '%s' is given twice", rule, assignment);
    *seen |= 1u << (key - keys);
    return set(key, value, rule, quant, error);
}

/* A rule names its quantizer, so that a key which does nothing for it is a mistake. `seen` as in
 * set_key. */
static sn_status check_effects(unsigned seen, const char *rule, const sn_quant_options *quant,
                               sn_error *error) {
    const sn_quantizer *quantizer = sn_quantizer_at(quant->quantizer);
    const struct {
        const char *key;
        bool works;
    } checks[] = {
        {"delta", quantizer->delta_ratio > 0},
        {"estimator", quantizer->quantize != NULL},
        {"scale", quantizer->quantize != NULL},
        {"positive", quantizer->sign_evidence && quant->sign_rule == SN_SIGNS_FIXED},
    };
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        const sn_option *key = sn_option_find(keys, sizeof keys / sizeof *keys, checks[i].key);
        SN_RETURN_IF(seen >> (key - keys) & 1u && !checks[i].works, error, SN_ERROR_ARGUMENT,
                     "--layer '%s': %s has no effect with %s%s; leave it out", rule, key->name,
                     quantizer->name,
                     quantizer->sign_evidence ? " unless its signs are fixed" : "");
    }
    return SN_OK;
}

static sn_status parse_rule(const char *text, const sn_quant_options *base, sn_layer_rule *rule,
                            sn_error *error) {
    char copy[RULE_SIZE], *rest = NULL;
    strcpy(copy, text);
    char *quantizer = strchr(copy, '=');
    SN_RETURN_IF(!quantizer || quantizer == copy, error, SN_ERROR_ARGUMENT,
                 "--layer '%s': need PATTERN=QUANT[,KEY=VALUE...]", text);
    *quantizer++ = '\0';
    SN_RETURN_IF(strlen(copy) >= sizeof rule->pattern, error, SN_ERROR_ARGUMENT,
                 "--layer '%s': the pattern has more than %d characters", text,
                 SN_LAYER_PATTERN_SIZE - 1);
    strcpy(rule->pattern, copy);
    SN_RETURN_IF(strstr(quantizer, ",,") || (*quantizer && quantizer[strlen(quantizer) - 1] == ','),
                 error, SN_ERROR_ARGUMENT, "--layer '%s': a comma with nothing behind it", text);
    rule->quant = *base;
    char *part = strtok_r(quantizer, ",", &rest);
    SN_TRY(set(&quantizer_key, part ? part : "", text, &rule->quant, error));
    if (rule->quant.quantizer != base->quantizer) {
        rule->quant.delta_ratio = -1;
        rule->quant.estimator = sn_choice_find(sn_estimator_name, "auto");
        /* signed-binary in a network of signed-binary with centred weights, a quantizer by
         * another name, is no change. */
        if (sn_quantizer_at(rule->quant.quantizer)->center != SN_CENTER_ACTIVATIONS ||
            !sn_quantizer_at(base->quantizer)->sign_evidence)
            rule->quant.center = SN_CENTER_AUTO;
    }
    if (!sn_quantizer_at(rule->quant.quantizer)->sign_evidence) {
        rule->quant.region_channels = 0;
        rule->quant.sign_rule = SN_SIGNS_FIXED;
    }
    unsigned seen = 0;
    while ((part = strtok_r(NULL, ",", &rest)) != NULL)
        SN_TRY(set_key(part, text, &seen, &rule->quant, error));
    SN_TRY(check_effects(seen, text, &rule->quant, error));
    sn_error inner;
    SN_RETURN_IF(sn_quant_resolve(&rule->quant, &inner) != SN_OK, error, SN_ERROR_ARGUMENT,
                 "--layer '%s': %.600s", text, inner.message + strspn(inner.message, "-"));
    return SN_OK;
}

sn_status sn_layer_rules_parse(const char *text, const sn_quant_options *base,
                               sn_layer_rules *rules, sn_error *error) {
    *rules = (sn_layer_rules){.count = 0};
    const char *next = text ? text : "";
    while (*(next += strspn(next, " "))) {
        char rule[RULE_SIZE];
        const size_t length = strcspn(next, " ");
        SN_RETURN_IF(length >= sizeof rule, error, SN_ERROR_ARGUMENT,
                     "--layer: a rule of %zu characters; at most %d fit", length, RULE_SIZE - 1);
        SN_RETURN_IF(rules->count == SN_LAYER_RULES, error, SN_ERROR_ARGUMENT,
                     "--layer: more than %d rules", SN_LAYER_RULES);
        memcpy(rule, next, length);
        rule[length] = '\0';
        SN_TRY(parse_rule(rule, base, &rules->rules[rules->count++], error));
        next += length;
    }
    return SN_OK;
}

const sn_quant_options *sn_layer_rules_find(sn_layer_rules *rules, const char *layer) {
    const sn_quant_options *found = NULL;
    for (size_t i = 0; i < rules->count; i++) {
        sn_layer_rule *rule = &rules->rules[i];
        if (fnmatch(rule->pattern, layer, 0) != 0)
            continue;
        rule->matched = true;
        found = &rule->quant;
    }
    return found;
}

sn_status sn_layer_rules_check(const sn_layer_rules *rules, sn_error *error) {
    for (size_t i = 0; i < rules->count; i++)
        SN_RETURN_IF(!rules->rules[i].matched, error, SN_ERROR_ARGUMENT,
                     "--layer '%s=...': no convolution has such a name; ./train --summary lists "
                     "them",
                     rules->rules[i].pattern);
    return SN_OK;
}
