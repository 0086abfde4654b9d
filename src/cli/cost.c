#include "cli/cost.h"

#include <string.h>

enum { WORD = 4 }; /* bytes of a float32 */

const char *sn_cost_scheme_name(int index) {
    static const char *const names[SN_COST_SCHEMES] = {"fp32", "binary", "ternary", "signed-binary",
                                                       "planned"};
    return index >= 0 && index < SN_COST_SCHEMES ? names[index] : NULL;
}

bool sn_cost_is_quantized(const sn_infer_layer_info *layer) {
    return layer->weights[0] && strcmp(layer->weights, "fp32") != 0;
}

static bool is_centered(const sn_infer_layer_info *layer) {
    return strcmp(layer->weights, "signed-binary-centered") == 0;
}

double sn_cost_density(const sn_infer_layer_info *layer) {
    const bool tells =
        sn_cost_is_quantized(layer) && strcmp(layer->weights, "binary") != 0 && layer->weight_count;
    return tells ? (double)layer->effectual_weights / (double)layer->weight_count
                 : SN_COST_ASSUMED_DENSITY;
}

static double inputs_of(const sn_infer_layer_info *l) {
    return (double)l->in_channels * l->in_height * l->in_width;
}

static double pixels_of(const sn_infer_layer_info *l) {
    return (double)l->out_height * l->out_width;
}

static double outputs_of(const sn_infer_layer_info *l) {
    return l->out_channels * pixels_of(l);
}

static double window_of(const sn_infer_layer_info *l) {
    return (double)l->kernel_height * l->kernel_width;
}

static double taps_of(const sn_infer_layer_info *l) {
    return l->in_channels * window_of(l);
}

static bool has_regions(const sn_infer_layer_info *l) {
    return l->regions > 1;
}

static double regions_of(const sn_infer_layer_info *l) {
    return has_regions(l) ? l->regions : 1;
}

/* The sums that all filters of a centred layer share, one for each region of a filter: over
 * channels once for each pixel, then over the window. */
static double window_sum_additions(const sn_infer_layer_info *l) {
    return inputs_of(l) + window_of(l) * pixels_of(l) * regions_of(l);
}

/* How many of these sums an output takes in. A plan may need them for weights that are not centred,
 * too, to take the signs of regions. */
static double window_sums_of(const sn_infer_layer_info *l, sn_cost_scheme scheme) {
    if (scheme == SN_COST_PLANNED && has_regions(l))
        return l->window_sums;
    const bool subtracts = scheme == SN_COST_SIGNED_BINARY ||
                           (scheme == SN_COST_PLANNED && l->form != SN_INFER_FORM_DENSE);
    return is_centered(l) && subtracts ? regions_of(l) : 0;
}

/* What a centred input costs: each of its values is added to a mean, which is then taken off it; a
 * mean is divided by the channels. Counted where the layer's own weights are. */
static void add_means(const sn_infer_layer_info *l, sn_cost_scheme scheme, sn_cost *cost) {
    if (!l->input_centered || (scheme != SN_COST_SIGNED_BINARY && scheme != SN_COST_PLANNED))
        return;
    cost->additions += 2 * inputs_of(l);
    cost->multiplications += (double)l->in_height * l->in_width;
    cost->l1_bytes += WORD * 2 * inputs_of(l);
}

/* Additions of operands from L1 for an image; what follows the sums is not among them. */
static double operands_of(const sn_infer_layer_info *l, sn_cost_scheme scheme) {
    const double all = outputs_of(l) * taps_of(l);
    switch (scheme) {
    case SN_COST_TERNARY:
        return all * sn_cost_density(l);
    case SN_COST_SIGNED_BINARY:
        return all * sn_cost_density(l) + (is_centered(l) ? window_sum_additions(l) : 0);
    case SN_COST_PLANNED:
        if (l->form == SN_INFER_FORM_DENSE || !sn_cost_is_quantized(l))
            return all;
        return outputs_of(l) * l->additions +
               (has_regions(l) && l->window_sums > 0 ? window_sum_additions(l) : 0);
    default:
        return all;
    }
}

static bool multiplies(const sn_infer_layer_info *l, sn_cost_scheme scheme) {
    return scheme == SN_COST_FP32 || (scheme == SN_COST_PLANNED &&
                                      (l->form == SN_INFER_FORM_DENSE || !sn_cost_is_quantized(l)));
}

/* Weights in memory. Scale and bias are two floats a filter; fp32 weights have the scale in them.
 */
static double weight_bytes(const sn_infer_layer_info *l, sn_cost_scheme scheme) {
    const double weights = l->out_channels * taps_of(l), filters = l->out_channels;
    switch (scheme) {
    case SN_COST_FP32:
        return WORD * (weights + filters);
    case SN_COST_BINARY:
        return weights / 8 + 2 * WORD * filters;
    case SN_COST_TERNARY:
        return weights / 4 + 2 * WORD * filters;
    case SN_COST_SIGNED_BINARY:
        return (weights + filters * regions_of(l)) / 8 + 2 * WORD * filters;
    default:
        return l->table_bytes ? (double)l->table_bytes + 2 * WORD * filters
                              : (double)l->payload_bytes;
    }
}

sn_cost sn_cost_of(const sn_infer_layer_info *l, sn_cost_scheme scheme) {
    const double outputs = outputs_of(l), operands = operands_of(l, scheme);
    sn_cost cost = {.additions = operands + outputs, /* the bias */
                    .multiplications = multiplies(l, scheme) ? operands : outputs,
                    .dram_bytes = weight_bytes(l, scheme),
                    .l2_bytes = WORD * (inputs_of(l) + outputs),
                    .l1_bytes = WORD * operands};
    if (l->residual) {
        cost.additions += outputs;
        cost.l2_bytes += WORD * outputs;
    }
    add_means(l, scheme, &cost);
    /* The filter's shares of the common sums. */
    cost.additions += window_sums_of(l, scheme) * outputs;
    cost.multiplications += window_sums_of(l, scheme) * outputs;
    return cost;
}

void sn_cost_add(sn_cost *sum, const sn_cost *cost) {
    sum->additions += cost->additions;
    sum->multiplications += cost->multiplications;
    sum->dram_bytes += cost->dram_bytes;
    sum->l2_bytes += cost->l2_bytes;
    sum->l1_bytes += cost->l1_bytes;
}

sn_energy sn_cost_energy(const sn_cost *c) {
    return (sn_energy){.arithmetic = SN_PJ_ADD * c->additions + SN_PJ_MUL * c->multiplications,
                       .l1 = SN_PJ_L1 * c->l1_bytes / WORD,
                       .l2 = SN_PJ_L2 * c->l2_bytes / WORD,
                       .dram = SN_PJ_DRAM * c->dram_bytes / WORD};
}

double sn_energy_total(const sn_energy *e) {
    return e->arithmetic + e->l1 + e->l2 + e->dram;
}
