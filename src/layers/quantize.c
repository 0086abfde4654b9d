#include "layers/quantize.h"

#include <string.h>

_Static_assert(sizeof(sn_quant_options) <= SN_MAX_ATTRIBUTES_SIZE, "attributes fit into a node");

static sn_status quantize_shape(sn_node *node, const sn_run *run, sn_error *error) {
    (void)run;
    const sn_shape *latent = &node->input[0]->shape;
    char text[SN_SHAPE_TEXT_SIZE];
    SN_RETURN_IF(latent->rank != 4, error, SN_ERROR_ARGUMENT,
                 "quantize: weight %s; need [K, C, R, S]", sn_shape_text(latent, text));
    node->output->shape = *latent;
    node->saved_size = latent->size[0] * sizeof(sn_region);
    return SN_OK;
}

static void quantize_forward(const sn_node *node, const sn_run *run, const sn_part *part) {
    const sn_quant_options *options = (const void *)node->attributes;
    const sn_quantizer *quantizer = sn_quantizer_at(options->quantizer);
    const size_t filters = node->input[0]->shape.size[0];
    const size_t count = sn_shape_count(&node->input[0]->shape) / filters;
    sn_region *regions = node->saved;
    const size_t last = sn_chunk_start(filters, part->thread + 1, run->threads);
    for (size_t k = sn_chunk_start(filters, part->thread, run->threads); k < last; k++) {
        regions[k].sign = sn_region_sign(k, filters, options->positive_fraction);
        quantizer->quantize(options, node->input[0]->value + k * count, count, &regions[k],
                            node->output->value + k * count, NULL);
    }
}

static void quantize_backward(const sn_node *node, const sn_run *run, const sn_part *part) {
    const sn_quant_options *options = (const void *)node->attributes;
    const sn_estimator *estimator = sn_estimator_at(options->estimator);
    const size_t filters = node->input[0]->shape.size[0];
    const size_t count = sn_shape_count(&node->input[0]->shape) / filters;
    const sn_region *regions = node->saved;
    float *dlatent = node->input[0]->gradient;
    const size_t last = sn_chunk_start(filters, part->thread + 1, run->threads);
    for (size_t k = sn_chunk_start(filters, part->thread, run->threads); k < last; k++) {
        if (!node->add[0])
            memset(dlatent + k * count, 0, count * sizeof *dlatent);
        estimator->backward(node->input[0]->value + k * count, count, &regions[k], run->progress,
                            node->output->gradient + k * count, dlatent + k * count);
    }
}

const sn_op sn_op_quantize = {
    .name = "quantize",
    .attributes_size = sizeof(sn_quant_options),
    .backward_reads = SN_READS_INPUT(0),
    .weights = SN_READS_INPUT(0),
    .shape = quantize_shape,
    .forward = {{SN_PHASE_EARLY, quantize_forward, SN_ALWAYS}},
    .backward = {{SN_PHASE_LATE, quantize_backward, SN_ALWAYS}},
};

sn_status sn_quantize(sn_graph *graph, sn_tensor *latent, const sn_quant_options *options,
                      sn_tensor **weight, sn_error *error) {
    sn_tensor *const inputs[SN_MAX_INPUTS] = {latent};
    sn_quant_options resolved = *options;
    SN_TRY(sn_quant_resolve(&resolved, error));
    return sn_graph_apply(graph, &sn_op_quantize, &resolved, inputs, NULL, weight, error);
}

sn_weight_counts sn_count_effectual(const sn_parameters *parameters,
                                    const sn_quant_options *options) {
    sn_weight_counts counts = {0, 0};
    for (size_t i = 0; i < sn_parameters_count(parameters); i++) {
        const sn_parameter *entry = sn_parameters_at(parameters, i);
        if (entry->role != SN_ROLE_LATENT)
            continue;
        const size_t filters = entry->shape.size[0], count = entry->count / filters;
        for (size_t k = 0; k < filters; k++) {
            sn_region region = {.sign = sn_region_sign(k, filters, options->positive_fraction)};
            sn_quantizer_at(options->quantizer)
                ->quantize(options, entry->value + k * count, count, &region, NULL, NULL);
            counts.effectual += region.effectual;
        }
        counts.total += entry->count;
    }
    return counts;
}
