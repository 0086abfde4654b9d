#include "layers/quantize.h"

#include "base/memory.h"

#include <string.h>
#include <tgmath.h>

_Static_assert(sizeof(sn_quant_options) <= SN_MAX_ATTRIBUTES_SIZE, "attributes fit into a node");

enum { LATENT, THETA };
enum { SIGNS, EVIDENCE };

static const sn_quant_options *options_of(const sn_node *node) {
    return (const void *)node->attributes;
}

const sn_quant_options *sn_quantize_options(const sn_node *node) {
    return options_of(node);
}

/* ---- filters and their regions ---- */

static size_t filters_of(const sn_node *node) {
    return node->input[LATENT]->shape.size[0];
}

static size_t filter_size(const sn_node *node) {
    return sn_shape_count(&node->input[LATENT]->shape) / filters_of(node);
}

static size_t region_channels(const sn_quant_options *options, const sn_shape *latent) {
    const uint64_t asked = options->region_channels;
    return asked == 0 || asked > latent->size[1] ? latent->size[1] : (size_t)asked;
}

size_t sn_regions_per_filter(const sn_quant_options *options, const sn_shape *latent) {
    const size_t channels = region_channels(options, latent);
    return (latent->size[1] + channels - 1) / channels;
}

/* P. */
static size_t parts_of(const sn_node *node) {
    return sn_regions_per_filter(options_of(node), &node->input[LATENT]->shape);
}

static size_t regions_in(const sn_node *node) {
    return filters_of(node) * parts_of(node);
}

sn_region_span sn_quantize_span(const sn_node *node, size_t index) {
    const sn_shape *latent = &node->input[LATENT]->shape;
    const size_t parts = parts_of(node), taps = latent->size[2] * latent->size[3];
    const size_t size = region_channels(options_of(node), latent) * taps;
    const size_t before = index % parts * size, left = filter_size(node) - before;
    return (sn_region_span){index / parts * filter_size(node) + before, left < size ? left : size};
}

static sn_real sign_of(const sn_node *node, size_t index) {
    if (node->state[SIGNS])
        return node->state[SIGNS]->value[index];
    return sn_region_sign(index, regions_in(node), options_of(node)->positive_fraction);
}

void sn_quantize_initialise_signs(const sn_node *node) {
    for (size_t r = 0; node->state[SIGNS] && r < regions_in(node); r++) {
        const sn_region_span span = sn_quantize_span(node, r);
        double sum = 0;
        for (size_t j = span.first; j < span.first + span.count; j++)
            sum += (double)node->input[LATENT]->value[j];
        node->state[SIGNS]->value[r] = sum >= 0 ? 1 : -1;
    }
}

/* ---- the op ---- */

/* A buffer of [K][P], or none. */
static sn_status check_buffer(const sn_node *node, int which, bool wanted, const char *name,
                              sn_error *error) {
    const sn_tensor *buffer = node->state[which];
    char text[SN_SHAPE_TEXT_SIZE];
    SN_RETURN_IF(wanted != (buffer != NULL), error, SN_ERROR_ARGUMENT,
                 "quantize: --signs %s and a buffer of %s do not go together",
                 sn_sign_rule_name(options_of(node)->sign_rule), name);
    SN_RETURN_IF(buffer && (buffer->shape.rank != 2 || buffer->shape.size[0] != filters_of(node) ||
                            buffer->shape.size[1] != parts_of(node)),
                 error, SN_ERROR_ARGUMENT, "quantize: %s %s; need one for each region", name,
                 sn_shape_text(&buffer->shape, text));
    return SN_OK;
}

static sn_status quantize_shape(sn_node *node, const sn_run *run, sn_error *error) {
    (void)run;
    const sn_shape *latent = &node->input[LATENT]->shape;
    const int sign_rule = options_of(node)->sign_rule;
    char text[SN_SHAPE_TEXT_SIZE];
    SN_RETURN_IF(latent->rank != 4, error, SN_ERROR_ARGUMENT,
                 "quantize: weight %s; need [K, C, R, S]", sn_shape_text(latent, text));
    const bool learned = options_of(node)->scale_rule == SN_SCALE_LEARNED;
    const sn_tensor *theta = node->input[THETA];
    SN_RETURN_IF(learned != (theta != NULL), error, SN_ERROR_ARGUMENT,
                 "quantize: a learned scale and its parameter need each other");
    SN_RETURN_IF(theta && (theta->shape.rank != 1 || theta->shape.size[0] != latent->size[0]),
                 error, SN_ERROR_ARGUMENT, "quantize: scales %s; need one for each filter",
                 sn_shape_text(&theta->shape, text));
    SN_TRY(check_buffer(node, SIGNS, sign_rule != SN_SIGNS_FIXED, "signs", error));
    SN_TRY(check_buffer(node, EVIDENCE, sign_rule == SN_SIGNS_LEARNED, "evidence", error));
    node->output->shape = *latent;
    if (learned)
        node->saves[SN_OUTPUT] = true;
    return SN_OK;
}

/* node->own: all regions, then for each the sum of |dWq| in the latest backward. */
static sn_region *regions_of(const sn_node *node) {
    return node->own;
}

static double *gradient_sums_of(const sn_node *node) {
    return (void *)(regions_of(node) + regions_in(node));
}

static sn_status quantize_plan(sn_node *node, const sn_run *run, sn_error *error) {
    (void)run;
    node->own = sn_alloc_array(regions_in(node), sizeof(sn_region) + sizeof(double));
    SN_RETURN_IF(!node->own, error, SN_ERROR_MEMORY, "out of memory for the regions of a weight");
    return SN_OK;
}

static void quantize_release(sn_node *node) {
    sn_free(node->own);
}

/* Quantizes one region by itself; `weight` and `mask` are those of the region. */
static void quantize_region(const sn_node *node, const sn_quant_options *options, size_t index,
                            sn_region *region, sn_real *weight, uint8_t *mask) {
    const sn_region_span span = sn_quantize_span(node, index);
    *region = (sn_region){.sign = sign_of(node, index)};
    sn_quantizer_at(options->quantizer)
        ->quantize(options, node->input[LATENT]->value + span.first, span.count, region, weight,
                   mask);
}

/* Every thread measures the whole layer: cheaper than to wait for each other. */
static sn_real layer_scale(const sn_node *node) {
    double magnitude = 0, levels = 0;
    for (size_t i = 0; i < regions_in(node); i++) {
        sn_region region;
        quantize_region(node, options_of(node), i, &region, NULL, NULL);
        magnitude += region.magnitude;
        levels += region.levels;
    }
    return levels > 0 ? (sn_real)(magnitude / levels) : 0;
}

static sn_real filter_scale(const sn_node *node, const sn_region *regions) {
    double magnitude = 0, levels = 0;
    for (size_t p = 0; p < parts_of(node); p++) {
        magnitude += regions[p].magnitude;
        levels += regions[p].levels;
    }
    return levels > 0 ? (sn_real)(magnitude / levels) : 0;
}

/* Gives the regions of a filter their scale, and multiplies its weights. */
static void scale_filter(const sn_node *node, sn_real scale, sn_region *regions, sn_real *weight) {
    for (size_t p = 0; p < parts_of(node); p++)
        regions[p].scale = scale;
    const size_t count = weight ? filter_size(node) : 0;
    for (size_t i = 0; i < count; i++)
        weight[i] *= scale;
}

/* Filters [first, last); `weight` and `mask` are those of the whole layer or NULL. */
static void quantize_filters(const sn_node *node, size_t first, size_t last, sn_region *regions,
                             sn_real *weight, uint8_t *mask) {
    sn_quant_options options = *options_of(node);
    const size_t count = filter_size(node), parts = parts_of(node);
    const int rule = options.scale_rule;
    const bool by_parts = rule == SN_SCALE_FILTER_MEAN && parts > 1;
    const sn_real of_layer = rule == SN_SCALE_LAYER_MEAN ? layer_scale(node) : 1;
    if (by_parts)
        options.scale_rule = SN_SCALE_ONE; /* until the whole filter is known */
    for (size_t k = first; k < last; k++) {
        sn_region *own = regions + k * parts;
        sn_real *own_weight = weight ? weight + k * count : NULL;
        for (size_t i = k * parts; i < (k + 1) * parts; i++) {
            const size_t at = sn_quantize_span(node, i).first;
            quantize_region(node, &options, i, &regions[i], weight ? weight + at : NULL,
                            mask ? mask + at : NULL);
        }
        if (by_parts)
            scale_filter(node, filter_scale(node, own), own, own_weight);
        else if (rule == SN_SCALE_LAYER_MEAN)
            scale_filter(node, of_layer, own, own_weight);
        else if (rule == SN_SCALE_LEARNED)
            scale_filter(node, exp(node->input[THETA]->value[k]), own, own_weight);
    }
}

static void quantize_forward(const sn_node *node, const sn_run *run, const sn_part *part) {
    const size_t filters = filters_of(node);
    quantize_filters(node, sn_chunk_start(filters, part->thread, run->threads),
                     sn_chunk_start(filters, part->thread + 1, run->threads), regions_of(node),
                     node->output->value, NULL);
}

/* Wq = e^theta times what does not depend on theta, so dtheta = sum of dWq Wq. */
static void theta_backward(const sn_node *node, size_t filter, const sn_real *dweight) {
    const size_t count = filter_size(node);
    const sn_real *weight = node->output->value + filter * count;
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < count; i++)
        sum += (double)dweight[i] * (double)weight[i];
    sn_real *dtheta = node->input[THETA]->gradient + filter;
    *dtheta = (node->add[THETA] ? *dtheta : 0) + (sn_real)sum;
}

static void region_backward(const sn_node *node, const sn_run *run, size_t index) {
    const sn_quant_options *options = options_of(node);
    const sn_region_span span = sn_quantize_span(node, index);
    const sn_real *latent = node->input[LATENT]->value + span.first;
    const sn_real *dweight = node->output->gradient + span.first;
    sn_real *dlatent = node->input[LATENT]->gradient + span.first;
    if (!node->add[LATENT])
        memset(dlatent, 0, span.count * sizeof *dlatent);
    sn_estimator_at(options->estimator)
        ->backward(options, latent, span.count, &regions_of(node)[index], run->progress, dweight,
                   dlatent);
    gradient_sums_of(node)[index] = sn_sum_of_magnitudes(dweight, span.count);
    if (node->state[EVIDENCE] && run->progress < options->signs_until) {
        sn_real *sign = &node->state[SIGNS]->value[index];
        const double shown =
            sn_quantizer_at(options->quantizer)->sign_evidence(options, latent, span.count, *sign);
        sn_region_learn_sign(shown, sign, &node->state[EVIDENCE]->value[index]);
    }
}

static void quantize_backward(const sn_node *node, const sn_run *run, const sn_part *part) {
    const size_t filters = filters_of(node), parts = parts_of(node);
    const size_t last = sn_chunk_start(filters, part->thread + 1, run->threads);
    for (size_t k = sn_chunk_start(filters, part->thread, run->threads); k < last; k++) {
        for (size_t i = k * parts; i < (k + 1) * parts; i++)
            region_backward(node, run, i);
        if (node->input[THETA])
            theta_backward(node, k, node->output->gradient + k * filter_size(node));
    }
}

const sn_op sn_op_quantize = {
    .name = "quantize",
    .attributes_size = sizeof(sn_quant_options),
    .operand = {[LATENT] = {"latent weight", SN_OPERAND_WEIGHT, .saved = true},
                [THETA] = {"theta", SN_OPERAND_WEIGHT, .optional = true}},
    .state = {[SIGNS] = "signs", [EVIDENCE] = "evidence"},
    .shape = quantize_shape,
    .plan = quantize_plan,
    .release = quantize_release,
    .forward = {{SN_PHASE_EARLY, quantize_forward, SN_ALWAYS}},
    .backward = {{SN_PHASE_LATE, quantize_backward, SN_ALWAYS}},
};

sn_status sn_quantize(sn_graph *graph, const sn_quantize_operands *operands,
                      const sn_quant_options *options, sn_tensor **weight, sn_error *error) {
    sn_tensor *const inputs[SN_MAX_INPUTS] = {operands->latent, operands->theta};
    sn_tensor *const states[SN_MAX_STATES] = {operands->signs, operands->evidence};
    sn_quant_options resolved = *options;
    SN_TRY(sn_quant_resolve(&resolved, error));
    return sn_graph_apply(graph, &sn_op_quantize, &resolved, inputs, states, weight, error);
}

void sn_quantize_now(const sn_node *node, sn_region *regions, sn_real *weight, uint8_t *mask) {
    quantize_filters(node, 0, filters_of(node), regions, weight, mask);
}

void sn_quantize_levels(const sn_node *node, int8_t *levels, sn_real *filter) {
    sn_quant_options options = *options_of(node);
    const bool centered =
        sn_quantizer_at(options.quantizer)->code == SN_CODE_SIGNED_BINARY_CENTERED;
    options.scale_rule = SN_SCALE_ONE;
    for (size_t r = 0; r < regions_in(node); r++) {
        const sn_region_span span = sn_quantize_span(node, r);
        int8_t *own = levels + span.first;
        sn_region region;
        quantize_region(node, &options, r, &region, filter, (uint8_t *)own);
        /* denseshift has eighths */
        for (size_t i = 0; i < span.count; i++)
            if (own[i])
                own[i] = (int8_t)lrint(8 * (centered ? region.sign : filter[i]));
    }
}

uint64_t sn_quantize_count_effectual(const sn_node *node) {
    uint64_t effectual = 0;
    for (size_t r = 0; r < regions_in(node); r++) {
        sn_region region;
        quantize_region(node, options_of(node), r, &region, NULL, NULL);
        effectual += region.effectual;
    }
    return effectual;
}

double sn_gradient_suppressed(const sn_node *node, double progress) {
    const sn_quant_options *options = options_of(node);
    const sn_estimator *estimator = sn_estimator_at(options->estimator);
    double passed = 0, arrived = 0;
    for (size_t r = 0; r < regions_in(node); r++) {
        const sn_region_span span = sn_quantize_span(node, r);
        const sn_real *dlatent = node->input[LATENT]->gradient + span.first;
        const double peak = estimator->peak(options, &regions_of(node)[r], progress);
        arrived += gradient_sums_of(node)[r];
        if (peak > 0)
            passed += sn_sum_of_magnitudes(dlatent, span.count) / peak;
    }
    return arrived > 0 ? fmax(0, 1 - passed / arrived) : 0;
}
