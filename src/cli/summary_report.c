#include "cli/summary_report.h"

#include "cli/text_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- the table ---- */

enum {
    NAME,
    OP,
    WEIGHTS,
    OUTPUT,
    ONE_BIT,
    TWO_BIT,
    FULL,
    SIZE,
    MACS,
    EFFECTUAL,
    DENSITY,
    SLICES,
    DISTINCT,
    ADDITIONS,
    PLANNED,
    COLUMNS
};

static const sn_text_column columns[COLUMNS] = {
    [NAME] = {NULL, "layer", true},
    [OP] = {NULL, "op", true},
    [WEIGHTS] = {NULL, "weights", true},
    [OUTPUT] = {NULL, "output", false},
    [ONE_BIT] = {"parameters", "1-bit", false},
    [TWO_BIT] = {"parameters", "2-bit", false},
    [FULL] = {"parameters", "32-bit", false},
    [SIZE] = {NULL, "kB", false},
    [MACS] = {"M MACs", "all", false},
    [EFFECTUAL] = {"M MACs", "effectual", false},
    [DENSITY] = {NULL, "density", false},
    [SLICES] = {"filter slices", "all", false},
    [DISTINCT] = {"filter slices", "distinct", false},
    [ADDITIONS] = {"additions/output", "unshared", false},
    [PLANNED] = {"additions/output", "planned", false},
};

/* A table of which one row is being filled. */
typedef struct line {
    sn_text_table *table;
    size_t row;
} line;

__attribute__((format(printf, 3, 4))) static void put(const line *l, size_t column,
                                                      const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sn_text_table_cell(l->table, l->row, column), SN_TEXT_CELL_SIZE, format, arguments);
    va_end(arguments);
}

static void put_count(const line *l, size_t column, uint64_t count) {
    if (count)
        put(l, column, "%llu", (unsigned long long)count);
    else
        put(l, column, "-");
}

static void put_millions(const line *l, size_t column, double count) {
    if (count > 0)
        put(l, column, "%.3f", count / 1e6);
    else
        put(l, column, "-");
}

static bool is(const char *text, const char *other) {
    return strcmp(text, other) == 0;
}

/* The kinds of signed-binary weights in one word. */
static const char *short_weights(const char *weights) {
    return is(weights, "signed-binary")            ? "signed"
           : is(weights, "signed-binary-centered") ? "centered"
           : weights[0]                            ? weights
                                                   : "-";
}

static void put_op(const line *l, const sn_infer_layer_info *layer) {
    if (is(layer->opcode, "convolution"))
        put(l, OP, "conv %dx%d/%d", layer->kernel_height, layer->kernel_width, layer->stride);
    else if (layer->kernel_height)
        put(l, OP, "%s %dx%d/%d", layer->opcode, layer->kernel_height, layer->kernel_width,
            layer->stride);
    else
        put(l, OP, "%s", is(layer->opcode, "fully connected") ? "linear" : layer->opcode);
}

static void put_output(const line *l, const sn_infer_layer_info *layer) {
    if (layer->out_height == 1 && layer->out_width == 1)
        put(l, OUTPUT, "%d", layer->out_channels);
    else
        put(l, OUTPUT, "%dx%dx%d", layer->out_channels, layer->out_height, layer->out_width);
}

/* `some`: the model has quantized weights, so that the columns are there. */
static void put_savings(const line *l, const sn_summary_row *row, bool some) {
    if (!row->quantized) {
        for (size_t column = DENSITY; some && column <= PLANNED; column++)
            put(l, column, "-");
        return;
    }
    put(l, DENSITY, "%.3f", sn_summary_density(row));
    put_count(l, SLICES, row->slices);
    put_count(l, DISTINCT, row->distinct);
    put(l, ADDITIONS, "%.1f", sn_summary_per_output(row, row->additions));
    put(l, PLANNED, "%.1f%s", sn_summary_per_output(row, row->planned), row->multiplies ? "*" : "");
}

static void put_numbers(const line *l, const sn_summary_row *row, const sn_summary_row *total) {
    if (total->one_bit)
        put_count(l, ONE_BIT, row->one_bit);
    if (total->two_bit)
        put_count(l, TWO_BIT, row->two_bit);
    put_count(l, FULL, row->full);
    put(l, SIZE, "%.2f", (double)row->bytes / 1e3);
    put_millions(l, MACS, row->macs);
    if (total->quantized)
        put_millions(l, EFFECTUAL, row->effectual_macs);
    put_savings(l, row, total->quantized);
}

static void fill_table(const sn_summary *s, sn_text_table *table) {
    for (size_t i = 0; i < s->count; i++) {
        const line l = {table, i};
        const sn_summary_row *row = &s->rows[i];
        if (row->name)
            put(&l, NAME, "%s", row->name);
        else
            put(&l, NAME, "%zu", i);
        put_op(&l, &row->layer);
        put(&l, WEIGHTS, "%s%s", short_weights(row->layer.weights),
            row->layer.input_centered ? "-mean" : "");
        put_output(&l, &row->layer);
        put_numbers(&l, row, &s->total);
    }
    const line others = {table, s->count}, total = {table, s->count + 1};
    put(&others, NAME, "header, metadata, gaps");
    put(&others, SIZE, "%.2f", (double)s->other_bytes / 1e3);
    put(&total, NAME, "total");
    put_numbers(&total, &s->total, &s->total);
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
    sn_text_table table;
    const sn_status status =
        sn_text_table_create(columns, COLUMNS, summary->count + 2, &table, error);
    if (status == SN_OK) {
        fill_table(summary, &table);
        sn_text_table_print(&table, stdout);
        print_totals(summary);
        print_legend(summary, options);
    }
    sn_text_table_free(&table);
    return status;
}

/* ---- JSON ---- */

static json_t *pack_numbers(const sn_summary_row *row) {
    const bool some = row->quantized;
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:f, s:f, s:o, s:o, s:o, s:o, s:o}", "parameters_1_bit",
        (json_int_t)row->one_bit, "parameters_2_bit", (json_int_t)row->two_bit, "parameters_32_bit",
        (json_int_t)row->full, "bytes", (json_int_t)row->bytes, "macs", row->macs, "effectual_macs",
        row->effectual_macs, "density", some ? json_real(sn_summary_density(row)) : json_null(),
        "filter_slices", some ? json_integer((json_int_t)row->slices) : json_null(),
        "distinct_filter_slices", some ? json_integer((json_int_t)row->distinct) : json_null(),
        "unshared_additions_per_output",
        some ? json_real(sn_summary_per_output(row, row->additions)) : json_null(),
        "planned_additions_per_output",
        some ? json_real(sn_summary_per_output(row, row->planned)) : json_null());
}

static json_t *pack_row(size_t index, const sn_summary_row *row) {
    const sn_infer_layer_info *l = &row->layer;
    const bool window = l->kernel_height > 0;
    json_t *object = json_pack(
        "{s:I, s:o, s:s, s:o, s:b, s:[iii], s:o, s:o, s:o, s:o}", "layer", (json_int_t)index,
        "name", row->name ? json_string(row->name) : json_null(), "op", l->opcode, "weights",
        l->weights[0] ? json_string(l->weights) : json_null(), "input_centered", l->input_centered,
        "output", l->out_channels, l->out_height, l->out_width, "kernel",
        window ? json_pack("[ii]", l->kernel_height, l->kernel_width) : json_null(), "stride",
        window ? json_integer(l->stride) : json_null(), "form",
        row->quantized ? json_string(sn_infer_form_name((int)l->form)) : json_null(), "group",
        row->quantized ? json_integer(l->group) : json_null());
    json_t *numbers = pack_numbers(row);
    json_object_update(object, numbers);
    json_decref(numbers);
    return object;
}

json_t *sn_summary_json(const sn_summary *summary, const sn_summary_options *options) {
    const sn_summary *s = summary;
    json_t *layers = json_array();
    for (size_t i = 0; i < s->count; i++)
        json_array_append_new(layers, pack_row(i, &s->rows[i]));
    return json_pack(
        "{s:s, s:s, s:o, s:o, s:I, s:I, s:I, s:f}", "isa", sn_infer_isa_name((int)s->info.isa),
        "costs", options->measured_costs ? "measured" : "builtin", "layers", layers, "total",
        pack_numbers(&s->total), "other_bytes", (json_int_t)s->other_bytes, "packed_bytes",
        (json_int_t)s->total.bytes, "parameters", (json_int_t)sn_summary_parameters(&s->total),
        "compression", sn_summary_compression(s));
}
