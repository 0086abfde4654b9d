/* Quantization that differs from layer to layer: rules "PATTERN=QUANT[,KEY=VALUE...]".
 *
 * PATTERN is matched, as file names are by a shell, against the full name of a convolution
 * ("layer3.0.conv2", "conv1", "layer2.0.downsample.0"); * matches dots too. QUANT is a name of
 * --quant; keys are delta, estimator, scale, positive, region, signs and center, the values those
 * of
 * --delta-ratio, --estimator, --scale, --positive-fraction, --region, --signs and --center. The
 * last rule that matches a layer decides about it. A rule starts from the options of the network;
 * one with another quantizer takes the delta ratio, estimator and centring that are that
 * quantizer's own, unless the rule says otherwise, and regions and signs only where it has them. */
#ifndef SN_LAYERS_LAYER_RULES_H
#define SN_LAYERS_LAYER_RULES_H

#include "quant/quant.h"

enum { SN_LAYER_RULES = 32, SN_LAYER_PATTERN_SIZE = 64 };

typedef struct sn_layer_rule {
    char pattern[SN_LAYER_PATTERN_SIZE];
    sn_quant_options quant;
    bool matched; /* some layer, so far */
} sn_layer_rule;

typedef struct sn_layer_rules {
    sn_layer_rule rules[SN_LAYER_RULES];
    size_t count;
} sn_layer_rules;

/* Reads rules with a blank between them; NULL and "" are none. SN_ERROR_ARGUMENT for what is no
 * rule. */
sn_status sn_layer_rules_parse(const char *text, const sn_quant_options *base,
                               sn_layer_rules *rules, sn_error *error);

/* The options for a layer, NULL when no rule matches it. Notes which patterns have matched. */
const sn_quant_options *sn_layer_rules_find(sn_layer_rules *rules, const char *layer);

/* SN_ERROR_ARGUMENT for a pattern that no layer had. */
sn_status sn_layer_rules_check(const sn_layer_rules *rules, sn_error *error);

#endif
