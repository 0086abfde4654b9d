#include "cli/summary_report.h"

#include "cli/layer_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the table ---- */

/* A line of the table: a layer, what belongs to none, or the total. */
typedef struct line {
    const sn_summary *summary;
    const sn_summary_row *row; /* NULL: what belongs to no layer */
    const char *label;         /* NULL: the layer's own */
    size_t index;
} line;

static bool is_layer(const line *l) {
    return l->row && !l->label;
}

static bool is(const char *text, const char *other) {
    return strcmp(text, other) == 0;
}

static sn_value get_label(const void *row, int part) {
    const line *l = row;
    (void)part;
    if (l->label)
        return sn_value_text(l->label);
    return l->row->name ? sn_value_text(l->row->name) : sn_value_text_of("%zu", l->index);
}

/* What only layers have. */
enum { INDEX = SN_LAYER_PARTS, NAME, OP, SHORT_WEIGHTS, FORM, GROUP };

static sn_value op_of(const sn_infer_layer_info *layer) {
    if (layer->kernel_height)
        return sn_value_text_of("%s %dx%d/%d",
                                is(layer->opcode, "convolution") ? "conv" : layer->opcode,
                                layer->kernel_height, layer->kernel_width, layer->stride);
    return sn_value_text(is(layer->opcode, "fully connected") ? "linear" : layer->opcode);
}

/* The kinds of signed-binary weights in one word. */
static sn_value short_weights(const sn_infer_layer_info *layer) {
    const char *weights = layer->weights;
    return sn_value_text_of("%s%s",
                            is(weights, "signed-binary")            ? "signed"
                            : is(weights, "signed-binary-centered") ? "centered"
                            : weights[0]                            ? weights
                                                                    : "-",
                            layer->input_centered ? "-mean" : "");
}

static sn_value get_layer(const void *row, int part) {
    const line *l = row;
    if (!is_layer(l))
        return sn_value_blank();
    const sn_infer_layer_info *layer = &l->row->layer;
    switch (part) {
    case INDEX:
        return sn_value_count(l->index);
    case NAME:
        return sn_value_text(l->row->name);
    case OP:
        return op_of(layer);
    case SHORT_WEIGHTS:
        return short_weights(layer);
    case FORM:
        return l->row->quantized ? sn_value_text(sn_infer_form_name((int)layer->form))
                                 : sn_value_null();
    case GROUP:
        return l->row->quantized ? sn_layer_value(layer, SN_LAYER_GROUP) : sn_value_null();
    default:
        return sn_layer_value(layer, part);
    }
}

/* What layers and the total have. */
enum { ONE_BIT, TWO_BIT, FULL, MACS, EFFECTUAL, SHOWN_EFFECTUAL };

static sn_value get_number(const void *row, int part) {
    const line *l = row;
    if (!l->row)
        return sn_value_blank();
    switch (part) {
    case ONE_BIT:
        return sn_value_count(l->row->one_bit);
    case TWO_BIT:
        return sn_value_count(l->row->two_bit);
    case FULL:
        return sn_value_count(l->row->full);
    case MACS:
        return sn_value_real(l->row->macs);
    case SHOWN_EFFECTUAL: /* of no interest where all are */
        return l->summary->total.quantized ? sn_value_real(l->row->effectual_macs)
                                           : sn_value_blank();
    default:
        return sn_value_real(l->row->effectual_macs);
    }
}

static sn_value get_bytes(const void *row, int part) {
    const line *l = row;
    (void)part;
    return sn_value_count(l->row ? l->row->bytes : l->summary->other_bytes);
}

/* What only one-bit and ternary weights have. */
enum { DENSITY, SLICES, DISTINCT, ADDITIONS, PLANNED, SHOWN_PLANNED };

static sn_value get_saving(const void *row, int part) {
    const line *l = row;
    if (!l->row)
        return sn_value_blank();
    if (!l->row->quantized)
        return sn_value_null();
    switch (part) {
    case DENSITY:
        return sn_value_real(sn_summary_density(l->row));
    case SLICES:
        return sn_value_count(l->row->slices);
    case DISTINCT:
        return sn_value_count(l->row->distinct);
    case ADDITIONS:
        return sn_value_real(sn_summary_per_output(l->row, l->row->additions));
    case SHOWN_PLANNED:
        return sn_value_text_of("%.1f%s", sn_summary_per_output(l->row, l->row->planned),
                                l->row->multiplies ? "*" : "");
    default:
        return sn_value_real(sn_summary_per_output(l->row, l->row->planned));
    }
}

static const sn_field fields[] = {
    SN_DATA("layer", get_layer, INDEX),
    SN_DATA("name", get_layer, NAME),
    {NULL, "layer", get_label, .left = true},
    SN_DATA("op", get_layer, SN_LAYER_OPCODE),
    {NULL, "op", get_layer, OP, .left = true},
    SN_DATA("weights", get_layer, SN_LAYER_WEIGHTS),
    {NULL, "weights", get_layer, SHORT_WEIGHTS, .left = true},
    SN_DATA("input_centered", get_layer, SN_LAYER_INPUT_CENTERED),
    {"output", "output", get_layer, .part = SN_LAYER_OUTPUT},
    SN_DATA("kernel", get_layer, SN_LAYER_KERNEL),
    SN_DATA("stride", get_layer, SN_LAYER_STRIDE),
    SN_DATA("form", get_layer, FORM),
    SN_DATA("group", get_layer, GROUP),
    {"parameters_1_bit", "1-bit", get_number, ONE_BIT, .group = "parameters", .dash_zero = true},
    {"parameters_2_bit", "2-bit", get_number, TWO_BIT, .group = "parameters", .dash_zero = true},
    {"parameters_32_bit", "32-bit", get_number, FULL, .group = "parameters", .dash_zero = true},
    {"bytes", "kB", get_bytes, .unit = 1e3, .decimals = 2},
    {"macs", "all", get_number, MACS, 1e6, 3, true, .group = "M MACs"},
    SN_DATA("effectual_macs", get_number, EFFECTUAL),
    {NULL, "effectual", get_number, SHOWN_EFFECTUAL, 1e6, 3, true, .group = "M MACs"},
    {"density", "density", get_saving, DENSITY, .decimals = 3},
    {"filter_slices", "all", get_saving, SLICES, .group = "filter slices", .dash_zero = true},
    {"distinct_filter_slices", "distinct", get_saving, DISTINCT, .group = "filter slices",
     .dash_zero = true},
    {"unshared_additions_per_output", "unshared", get_saving, ADDITIONS, .decimals = 1,
     .group = "additions/output"},
    SN_DATA("planned_additions_per_output", get_saving, PLANNED),
    {NULL, "planned", get_saving, SHOWN_PLANNED, .group = "additions/output"},
};

enum { FIELDS = sizeof fields / sizeof *fields };

/* Lines for all layers, for what belongs to none, and for the total; free them. */
static sn_status make_lines(const sn_summary *s, line **lines, sn_error *error) {
    *lines = calloc(s->count + 2, sizeof **lines);
    SN_RETURN_IF(!*lines, error, SN_ERROR_MEMORY, "out of memory for a summary");
    for (size_t i = 0; i < s->count; i++)
        (*lines)[i] = (line){s, &s->rows[i], NULL, i};
    (*lines)[s->count] = (line){s, NULL, "header, metadata, gaps", 0};
    (*lines)[s->count + 1] = (line){s, &s->total, "total", 0};
    return SN_OK;
}

/* ---- what follows it ---- */

/* MACs of layers whose weights have so many bits. */
static double macs_of(const sn_summary *s, int bits) {
    double macs = 0;
    for (size_t i = 0; i < s->count; i++) {
        const sn_summary_row *row = &s->rows[i];
        if ((row->one_bit ? 1 : row->two_bit ? 2 : 32) == bits)
            macs += row->macs;
    }
    return macs;
}

static void print_totals(const sn_summary *s) {
    const sn_summary_row *total = &s->total;
    const uint64_t parameters = sn_summary_parameters(total);
    printf("\npacked       %llu bytes; its %llu parameters in fp32 take %llu, %.2f times as many\n",
           (unsigned long long)total->bytes, (unsigned long long)parameters,
           (unsigned long long)parameters * sizeof(float), sn_summary_compression(s));
    printf("to run       %zu bytes, and %zu for each thread\n", s->info.model_memory,
           s->info.scratch_memory);
    if (!total->quantized)
        return;
    printf("MACs         %.3f M, effectual %.3f M", total->macs / 1e6, total->effectual_macs / 1e6);
    static const int bits[] = {1, 2, 32};
    const char *separator = "; by";
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
        if (macs_of(s, bits[i]) > 0) {
            printf("%s %d-bit weights %.3f M", separator, bits[i], macs_of(s, bits[i]) / 1e6);
            separator = ", by";
        }
    putchar('\n');
    printf("additions    %.3f M unshared, %.3f M as planned: a ratio of %.2f\n",
           total->additions / 1e6, total->planned / 1e6, total->additions / total->planned);
}

static void print_legend(const sn_summary *s, const sn_summary_options *options) {
    puts("\nparameters: by the bits that each takes; of a batch-norm a scale and a bias are left. "
         "kB: 1000 bytes of the packed model.");
    if (!s->total.quantized)
        return;
    puts("density: share of 1-bit and 2-bit weights that are not 0. effectual MACs: all times "
         "density.\n"
         "filter slice: the R x S weights of a filter for one input channel, each of them -, 0 or "
         "+; distinct: different ones in a layer.");
    printf("additions: unshared, one for each effectual weight; planned, with sums shared by "
           "filters, for %s kernels by %s costs,\n"
           "not counting the sum of all inputs that some layers need.%s More: docs/summary.md\n",
           sn_infer_isa_name((int)s->info.isa), options->measured_costs ? "measured" : "built-in",
           s->total.multiplies ? " *: planned dense, multiplications." : "");
    if (options->untrained)
        puts("Not trained yet: densities, slices and additions are those of the initial weights.");
}

sn_status sn_summary_print(const sn_summary *summary, const sn_summary_options *options,
                           sn_error *error) {
    line *lines;
    SN_TRY(make_lines(summary, &lines, error));
    const sn_status status = sn_rows_text(
        &(sn_rows){fields, FIELDS, lines, sizeof *lines, summary->count + 2, true}, stdout, error);
    free(lines);
    SN_TRY(status);
    print_totals(summary);
    print_legend(summary, options);
    return SN_OK;
}

sn_status sn_summary_csv(const sn_summary *summary, sn_error *error) {
    line *lines;
    SN_TRY(make_lines(summary, &lines, error));
    sn_rows_csv(&(sn_rows){fields, FIELDS, lines, sizeof *lines, summary->count, false}, stdout);
    free(lines);
    return SN_OK;
}

/* ---- JSON ---- */

json_t *sn_summary_json(const sn_summary *summary, const sn_summary_options *options) {
    const sn_summary *s = summary;
    line *lines;
    if (make_lines(s, &lines, NULL) != SN_OK)
        return NULL;
    json_t *layers =
        sn_rows_json(&(sn_rows){fields, FIELDS, lines, sizeof *lines, s->count, false});
    json_t *total = sn_row_json(fields, FIELDS, &lines[s->count + 1]);
    free(lines);
    return json_pack(
        "{s:s, s:s, s:o, s:o, s:I, s:I, s:I, s:f}", "isa", sn_infer_isa_name((int)s->info.isa),
        "costs", options->measured_costs ? "measured" : "builtin", "layers", layers, "total", total,
        "other_bytes", (json_int_t)s->other_bytes, "packed_bytes", (json_int_t)s->total.bytes,
        "parameters", (json_int_t)sn_summary_parameters(&s->total), "compression",
        sn_summary_compression(s));
}
