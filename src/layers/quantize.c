#include "layers/quantize.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

_Static_assert(sizeof(sn_quant_options) <= SN_MAX_ATTRIBUTES_SIZE, "attributes fit into a node");

enum { LATENT, THETA };

static const sn_quant_options *options_of(const sn_node *node) {
    return (const void *)node->attributes;
}

/* Latent weights by filter. */
static size_t filters_of(const sn_node *node) {
    return node->input[LATENT]->shape.size[0];
}

static size_t filter_size(const sn_node *node) {
    return sn_shape_count(&node->input[LATENT]->shape) / filters_of(node);
}

static sn_status quantize_shape(sn_node *node, const sn_run *run, sn_error *error) {
    (void)run;
    const sn_shape *latent = &node->input[LATENT]->shape;
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
    node->output->shape = *latent;
    if (learned)
        node->backward_reads |= SN_READS_OUTPUT;
    return SN_OK;
}

/* node->own: a region for each filter, then for each the sum of |dWq| in the latest backward. */
static sn_region *regions_of(const sn_node *node) {
    return node->own;
}

static double *gradient_sums_of(const sn_node *node) {
    return (void *)(regions_of(node) + filters_of(node));
}

static sn_status quantize_plan(sn_node *node, const sn_run *run, sn_error *error) {
    (void)run;
    node->own = sn_alloc_array(filters_of(node), sizeof(sn_region) + sizeof(double));
    SN_RETURN_IF(!node->own, error, SN_ERROR_MEMORY, "out of memory for the regions of a weight");
    return SN_OK;
}

static void quantize_release(sn_node *node) {
    sn_free(node->own);
}

/* Quantizes one filter by itself. */
static void quantize_filter(const sn_node *node, size_t filter, sn_region *region, float *weight,
                            uint8_t *mask) {
    const sn_quant_options *options = options_of(node);
    const size_t count = filter_size(node);
    *region =
        (sn_region){.sign = sn_region_sign(filter, filters_of(node), options->positive_fraction)};
    sn_quantizer_at(options->quantizer)
        ->quantize(options, node->input[LATENT]->value + filter * count, count, region, weight,
                   mask);
}

/* Every thread measures the whole layer: cheaper than to wait for each other. */
static float layer_scale(const sn_node *node) {
    double magnitude = 0, levels = 0;
    for (size_t k = 0; k < filters_of(node); k++) {
        sn_region region;
        quantize_filter(node, k, &region, NULL, NULL);
        magnitude += region.magnitude;
        levels += region.levels;
    }
    return levels > 0 ? (float)(magnitude / levels) : 0;
}

static void scale_filter(const sn_node *node, size_t filter, float of_layer, sn_region *region,
                         float *weight) {
    const bool learned = options_of(node)->scale_rule == SN_SCALE_LEARNED;
    const float scale = learned ? expf(node->input[THETA]->value[filter]) : of_layer;
    region->scale = scale;
    const size_t count = weight ? filter_size(node) : 0;
    for (size_t i = 0; i < count; i++)
        weight[i] *= scale;
}

/* Filters [first, last); `weight` and `mask` are those of the whole layer or NULL. */
static void quantize_filters(const sn_node *node, size_t first, size_t last, sn_region *regions,
                             float *weight, uint8_t *mask) {
    const int rule = options_of(node)->scale_rule;
    const size_t count = filter_size(node);
    const float of_layer = rule == SN_SCALE_LAYER_MEAN ? layer_scale(node) : 1;
    for (size_t k = first; k < last; k++) {
        float *own_weight = weight ? weight + k * count : NULL;
        quantize_filter(node, k, &regions[k], own_weight, mask ? mask + k * count : NULL);
        if (rule == SN_SCALE_LAYER_MEAN || rule == SN_SCALE_LEARNED)
            scale_filter(node, k, of_layer, &regions[k], own_weight);
    }
}

static void quantize_forward(const sn_node *node, const sn_run *run, const sn_part *part) {
    const size_t filters = filters_of(node);
    quantize_filters(node, sn_chunk_start(filters, part->thread, run->threads),
                     sn_chunk_start(filters, part->thread + 1, run->threads), regions_of(node),
                     node->output->value, NULL);
}

/* Wq = e^theta times what does not depend on theta, so dtheta = sum of dWq Wq. */
static void theta_backward(const sn_node *node, size_t filter, const float *dweight) {
    const size_t count = filter_size(node);
    const float *weight = node->output->value + filter * count;
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < count; i++)
        sum += (double)dweight[i] * (double)weight[i];
    float *dtheta = node->input[THETA]->gradient + filter;
    *dtheta = (node->add[THETA] ? *dtheta : 0) + (float)sum;
}

static void quantize_backward(const sn_node *node, const sn_run *run, const sn_part *part) {
    const sn_quant_options *options = options_of(node);
    const sn_estimator *estimator = sn_estimator_at(options->estimator);
    const size_t filters = filters_of(node), count = filter_size(node);
    const size_t last = sn_chunk_start(filters, part->thread + 1, run->threads);
    for (size_t k = sn_chunk_start(filters, part->thread, run->threads); k < last; k++) {
        const float *dweight = node->output->gradient + k * count;
        float *dlatent = node->input[LATENT]->gradient + k * count;
        if (!node->add[LATENT])
            memset(dlatent, 0, count * sizeof *dlatent);
        estimator->backward(options, node->input[LATENT]->value + k * count, count,
                            &regions_of(node)[k], run->progress, dweight, dlatent);
        gradient_sums_of(node)[k] = sn_sum_of_magnitudes(dweight, count);
        if (node->input[THETA])
            theta_backward(node, k, dweight);
    }
}

const sn_op sn_op_quantize = {
    .name = "quantize",
    .attributes_size = sizeof(sn_quant_options),
    .backward_reads = SN_READS_INPUT(LATENT),
    .weights = SN_READS_INPUT(LATENT) | SN_READS_INPUT(THETA),
    .shape = quantize_shape,
    .plan = quantize_plan,
    .release = quantize_release,
    .forward = {{SN_PHASE_EARLY, quantize_forward, SN_ALWAYS}},
    .backward = {{SN_PHASE_LATE, quantize_backward, SN_ALWAYS}},
};

sn_status sn_quantize(sn_graph *graph, sn_tensor *latent, sn_tensor *theta,
                      const sn_quant_options *options, sn_tensor **weight, sn_error *error) {
    sn_tensor *const inputs[SN_MAX_INPUTS] = {latent, theta};
    sn_quant_options resolved = *options;
    SN_TRY(sn_quant_resolve(&resolved, error));
    return sn_graph_apply(graph, &sn_op_quantize, &resolved, inputs, NULL, weight, error);
}

void sn_quantize_now(const sn_node *node, sn_region *regions, float *weight, uint8_t *mask) {
    quantize_filters(node, 0, filters_of(node), regions, weight, mask);
}

void sn_quantize_levels(const sn_node *node, int8_t *levels, float *filter) {
    sn_quant_options options = *options_of(node);
    const sn_quantizer *quantizer = sn_quantizer_at(options.quantizer);
    const bool centered = quantizer->code == SN_CODE_SIGNED_BINARY_CENTERED;
    const size_t filters = filters_of(node), count = filter_size(node);
    options.scale_rule = SN_SCALE_ONE;
    for (size_t k = 0; k < filters; k++) {
        int8_t *own = levels + k * count;
        sn_region region = {.sign = sn_region_sign(k, filters, options.positive_fraction)};
        quantizer->quantize(&options, node->input[LATENT]->value + k * count, count, &region,
                            filter, (uint8_t *)own);
        /* denseshift has eighths */
        for (size_t i = 0; i < count; i++)
            if (own[i])
                own[i] = (int8_t)lrintf(8 * (centered ? region.sign : filter[i]));
    }
}

sn_weight_counts sn_count_effectual(const sn_graph *graph) {
    sn_weight_counts counts = {0, 0};
    for (size_t i = 0; i < sn_graph_node_count(graph); i++) {
        const sn_node *node = sn_graph_node(graph, i);
        if (node->op != &sn_op_quantize)
            continue;
        for (size_t k = 0; k < filters_of(node); k++) {
            sn_region region;
            quantize_filter(node, k, &region, NULL, NULL);
            counts.effectual += region.effectual;
        }
        counts.total += sn_shape_count(&node->output->shape);
    }
    return counts;
}

double sn_gradient_suppressed(const sn_node *node, double progress) {
    const sn_quant_options *options = options_of(node);
    const sn_estimator *estimator = sn_estimator_at(options->estimator);
    const size_t count = filter_size(node);
    double passed = 0, arrived = 0;
    for (size_t k = 0; k < filters_of(node); k++) {
        const double peak = estimator->peak(options, &regions_of(node)[k], progress);
        arrived += gradient_sums_of(node)[k];
        if (peak > 0)
            passed += sn_sum_of_magnitudes(node->input[LATENT]->gradient + k * count, count) / peak;
    }
    return arrived > 0 ? fmax(0, 1 - passed / arrived) : 0;
}
