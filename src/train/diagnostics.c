#include "train/diagnostics.h"

#include "base/memory.h"
#include "layers/quantize.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double least_density = 0.02, most_density = 0.98;

typedef struct watched {
    const sn_layer *layer;
    int8_t *levels; /* of the last epoch */
    sn_layer_report report;
    size_t dead_before; /* at the measurement before */
    bool was_outside;   /* its density was outside its limits then */
    bool measured;
} watched;

struct sn_diagnostics {
    watched *layers;
    size_t count;
    sn_region *regions; /* workspace: of one layer */
    int8_t *fresh;      /* workspace: levels of one layer */
    float *filter;      /* workspace: of one filter */
    size_t memory;
    bool known; /* whether levels are */
};

static size_t weights_of(const watched *l) {
    return sn_shape_count(sn_tensor_shape(l->layer->weight));
}

static void describe(watched *l, const sn_layer *layer) {
    const sn_shape *shape = sn_tensor_shape(layer->weight);
    const sn_quant_options *options = sn_quantize_options(layer->quantizer);
    const sn_quantizer *quantizer = sn_quantizer_at(options->quantizer);
    l->layer = layer;
    l->report.quantizer = quantizer->name;
    l->report.zero_free = quantizer->zero_free;
    l->report.has_signs = quantizer->sign_evidence != NULL;
    l->report.filters = shape->size[0];
    l->report.regions = l->report.filters * sn_regions_per_filter(options, shape);
    memcpy(l->report.name, layer->name, sizeof l->report.name);
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

static bool allocate(sn_diagnostics *d, const sn_layers *layers) {
    size_t most_regions = 0, most_weights = 0, most_in_filter = 0;
    bool complete = true;
    for (int i = 0; i < layers->count; i++)
        d->count += layers->at[i].quantizer != NULL;
    d->layers = calloc(d->count + 1, sizeof *d->layers);
    watched *l = d->layers;
    for (int i = 0; l && i < layers->count; i++) {
        if (!layers->at[i].quantizer)
            continue;
        describe(l, &layers->at[i]);
        l->levels = sn_alloc(weights_of(l));
        complete = complete && l->levels;
        d->memory += weights_of(l);
        most_regions = larger(most_regions, l->report.regions);
        most_weights = larger(most_weights, weights_of(l));
        most_in_filter = larger(most_in_filter, weights_of(l) / l->report.filters);
        l++;
    }
    d->regions = sn_alloc_array(most_regions, sizeof *d->regions);
    d->fresh = sn_alloc(most_weights);
    d->filter = sn_alloc_array(most_in_filter, sizeof *d->filter);
    d->memory += most_weights;
    return complete && d->layers && d->regions && d->fresh && d->filter;
}

sn_status sn_diagnostics_create(const sn_layers *layers, sn_diagnostics **diagnostics,
                                sn_error *error) {
    sn_diagnostics *made = calloc(1, sizeof *made);
    if (!made || !allocate(made, layers)) {
        sn_diagnostics_free(made);
        return sn_error_set(error, SN_ERROR_MEMORY, "out of memory for diagnostics");
    }
    *diagnostics = made;
    return SN_OK;
}

void sn_diagnostics_free(sn_diagnostics *diagnostics) {
    if (!diagnostics)
        return;
    for (size_t i = 0; diagnostics->layers && i < diagnostics->count; i++)
        sn_free(diagnostics->layers[i].levels);
    sn_free(diagnostics->regions);
    sn_free(diagnostics->fresh);
    sn_free(diagnostics->filter);
    free(diagnostics->layers);
    free(diagnostics);
}

void sn_diagnostics_mark(sn_diagnostics *diagnostics) {
    for (size_t i = 0; i < diagnostics->count; i++)
        sn_quantize_levels(diagnostics->layers[i].layer->quantizer, diagnostics->layers[i].levels,
                           diagnostics->filter);
    diagnostics->known = true;
}

/* Whether the region had another sign at the beginning of the epoch; one without an effectual
 * weight then cannot tell. */
static bool has_turned(const watched *l, size_t region, float sign) {
    const sn_region_span span = sn_quantize_span(l->layer->quantizer, region);
    size_t i = span.first;
    while (l->report.has_signs && i < span.first + span.count && l->levels[i] == 0)
        i++;
    return l->report.has_signs && i < span.first + span.count && (l->levels[i] > 0) != (sign > 0);
}

static void measure_weights(sn_diagnostics *d, watched *l) {
    sn_layer_report *r = &l->report;
    const size_t filters = r->filters, weights = weights_of(l);
    const size_t parts = r->regions / filters;
    size_t effectual = 0, changed = 0, positive = 0;
    r->dead = r->full = r->turned = 0;
    r->alpha = r->delta = 0;
    sn_quantize_now(l->layer->quantizer, d->regions, NULL, NULL);
    for (size_t k = 0; k < filters; k++) {
        size_t in_filter = 0;
        for (size_t i = k * parts; i < (k + 1) * parts; i++) {
            const sn_region *region = &d->regions[i];
            in_filter += region->effectual;
            positive += region->sign > 0;
            r->turned += has_turned(l, i, region->sign);
            r->alpha += (double)region->scale / (double)r->regions;
            r->delta += fabs((double)region->threshold) / (double)r->regions;
        }
        effectual += in_filter;
        r->dead += in_filter == 0;
        r->full += in_filter == weights / filters;
    }
    r->density = (double)effectual / (double)weights;
    r->positive = (double)positive / (double)r->regions;
    sn_quantize_levels(l->layer->quantizer, d->fresh, d->filter);
    for (size_t i = 0; i < weights; i++)
        changed += d->fresh[i] != l->levels[i];
    r->flips = d->known ? (double)changed / (double)weights : (double)NAN;
}

static void measure_latent(watched *l, double progress) {
    const sn_tensor *latent = l->layer->weight;
    const size_t weights = weights_of(l);
    double sum = 0, squares = 0, gradients = 0;
    for (size_t i = 0; i < weights; i++)
        sum += (double)latent->value[i];
    for (size_t i = 0; i < weights; i++) {
        const double beyond = (double)latent->value[i] - sum / (double)weights;
        squares += beyond * beyond;
        gradients += (double)latent->gradient[i] * (double)latent->gradient[i];
    }
    l->report.sigma = sqrt(squares / (double)weights);
    l->report.gradient_norm = sqrt(gradients);
    l->report.suppressed = sn_gradient_suppressed(l->layer->quantizer, progress);
}

static bool is_outside(const sn_layer_report *report) {
    return !report->zero_free &&
           (report->density < least_density || report->density > most_density);
}

void sn_diagnostics_measure(sn_diagnostics *diagnostics, double progress) {
    for (size_t i = 0; i < diagnostics->count; i++) {
        watched *l = &diagnostics->layers[i];
        l->dead_before = l->report.dead;
        l->was_outside = l->measured && is_outside(&l->report);
        l->measured = true;
        /* As in that backward: the step has moved the weights since. */
        measure_latent(l, progress);
        measure_weights(diagnostics, l);
    }
}

size_t sn_diagnostics_count(const sn_diagnostics *diagnostics) {
    return diagnostics->count;
}

const sn_layer_report *sn_diagnostics_at(const sn_diagnostics *diagnostics, size_t layer) {
    return &diagnostics->layers[layer].report;
}

int8_t *sn_diagnostics_levels(sn_diagnostics *diagnostics, size_t layer, sn_shape *shape) {
    *shape = *sn_tensor_shape(diagnostics->layers[layer].layer->weight);
    return diagnostics->layers[layer].levels;
}

void sn_diagnostics_levels_known(sn_diagnostics *diagnostics) {
    diagnostics->known = true;
}

size_t sn_diagnostics_memory(const sn_diagnostics *diagnostics) {
    return diagnostics->memory;
}

bool sn_diagnostics_warning(const sn_diagnostics *diagnostics, size_t layer,
                            char text[SN_WARNING_SIZE]) {
    const struct watched *l = &diagnostics->layers[layer];
    const sn_layer_report *r = &l->report;
    const bool left = is_outside(r) && !l->was_outside, died = r->dead > l->dead_before;
    int used = 0;
    if (left)
        used = snprintf(text, SN_WARNING_SIZE, "%s: density %.3g is outside of %g .. %g", r->name,
                        r->density, least_density, most_density);
    if (died)
        snprintf(text + used, SN_WARNING_SIZE - (size_t)used,
                 "%s%sdead filters, without an effectual weight: %zu of %zu",
                 left ? ", and " : r->name, left ? "" : ": ", r->dead, r->filters);
    return left || died;
}

const char sn_diagnostics_heading[] = "epoch,layer,quant,density,dead_filters,full_filters,flips,"
                                      "alpha,delta,latent_sigma,gradient_norm,suppressed,"
                                      "positive_regions,turned_regions";

void sn_diagnostics_line(const sn_layer_report *report, uint64_t epoch,
                         char text[SN_DIAGNOSTICS_LINE_SIZE]) {
    const sn_layer_report *r = report;
    char flips[32] = "", signs[64] = ","; /* empty: unknown, or none */
    if (!isnan(r->flips))
        snprintf(flips, sizeof flips, "%.9g", r->flips);
    if (r->has_signs)
        snprintf(signs, sizeof signs, "%.9g,%zu", r->positive, r->turned);
    snprintf(text, SN_DIAGNOSTICS_LINE_SIZE,
             "%llu,%s,%s,%.9g,%zu,%zu,%s,%.9g,%.9g,%.9g,%.9g,%.9g,%s", (unsigned long long)epoch,
             r->name, r->quantizer, r->density, r->dead, r->full, flips, r->alpha, r->delta,
             r->sigma, r->gradient_norm, r->suppressed, signs);
}
