#include "cli/summary.h"

#include "cli/runner.h"
#include "cli/slices.h"

#include <stdlib.h>

/* A batch-norm is, once folded, a scale and a bias for each filter. Classifiers have a scale too,
 * but only because the format has no choice: it is 1, and no parameter. */
static void count_parameters(sn_summary_row *row) {
    const sn_infer_layer_info *layer = &row->layer;
    const bool is_classifier = layer->weight_bits > 0 && layer->kernel_height == 0;
    if (layer->weight_bits == 1)
        row->one_bit = layer->weight_count;
    else if (layer->weight_bits == 2)
        row->two_bit = layer->weight_count;
    else
        row->full = layer->weight_count;
    row->full += (uint64_t)(layer->channel_floats - is_classifier) * (uint64_t)layer->out_channels;
}

static sn_status fill_row(const sn_infer_model *model, int index, sn_summary_row *row,
                          sn_error *error) {
    sn_slices slices;
    sn_infer_describe_layer(model, index, &row->layer);
    const sn_infer_layer_info *info = &row->layer;
    const double outputs = (double)info->out_channels * info->out_height * info->out_width;
    const double pixels = (double)info->out_height * info->out_width;
    row->bytes = info->packed_bytes;
    row->macs = (double)info->weight_count * pixels;
    row->effectual_macs = (double)info->effectual_weights * pixels;
    count_parameters(row);
    row->quantized = info->weight_bits == 1 || info->weight_bits == 2;
    if (!row->quantized)
        return SN_OK;
    SN_TRY(sn_slices_count(model, index, info, &slices, error));
    row->multiplies = info->form == SN_INFER_FORM_DENSE;
    row->weights = info->weight_count;
    row->effectual = info->effectual_weights;
    row->slices = slices.all;
    row->distinct = slices.distinct;
    row->outputs = outputs;
    row->additions = row->effectual_macs;
    row->planned = info->additions * outputs;
    return SN_OK;
}

static void add_row(sn_summary_row *total, const sn_summary_row *row) {
    total->quantized = total->quantized || row->quantized;
    total->multiplies = total->multiplies || row->multiplies;
    total->one_bit += row->one_bit;
    total->two_bit += row->two_bit;
    total->full += row->full;
    total->bytes += row->bytes;
    total->macs += row->macs;
    total->effectual_macs += row->effectual_macs;
    total->weights += row->weights;
    total->effectual += row->effectual;
    total->slices += row->slices;
    total->distinct += row->distinct;
    total->outputs += row->outputs;
    total->additions += row->additions;
    total->planned += row->planned;
}

static sn_status fill(const sn_runner *runner, const void *packed, sn_summary *s, sn_error *error) {
    s->info = runner->info;
    s->rows = calloc((size_t)s->info.layers, sizeof *s->rows);
    SN_RETURN_IF(!s->rows, error, SN_ERROR_MEMORY, "out of memory for the summary");
    s->count = (size_t)s->info.layers;
    for (size_t i = 0; i < s->count; i++) {
        s->rows[i].name = sn_infer_layer_name(packed, (int)i);
        SN_TRY(fill_row(runner->model, (int)i, &s->rows[i], error));
        add_row(&s->total, &s->rows[i]);
    }
    s->other_bytes = s->info.packed_bytes - s->total.bytes;
    s->total.bytes = s->info.packed_bytes;
    return SN_OK;
}

sn_status sn_summary_make(const void *packed, size_t bytes, const sn_infer_options *options,
                          sn_summary *summary, sn_error *error) {
    sn_runner runner;
    *summary = (sn_summary){0};
    sn_status status = sn_runner_open(packed, bytes, options, &runner, error);
    if (status == SN_OK)
        status = fill(&runner, packed, summary, error);
    sn_runner_close(&runner);
    return status;
}

void sn_summary_free(sn_summary *summary) {
    free(summary->rows);
    *summary = (sn_summary){0};
}

uint64_t sn_summary_parameters(const sn_summary_row *row) {
    return row->one_bit + row->two_bit + row->full;
}

double sn_summary_compression(const sn_summary *summary) {
    return (double)sn_summary_parameters(&summary->total) * sizeof(float) /
           (double)summary->total.bytes;
}

double sn_summary_density(const sn_summary_row *row) {
    return (double)row->effectual / (double)row->weights;
}

double sn_summary_per_output(const sn_summary_row *row, double additions) {
    return additions / row->outputs;
}
