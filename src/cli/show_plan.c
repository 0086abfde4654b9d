#include "cli/show_plan.h"

#include "cli/layer_value.h"
#include "cli/plan_times.h"
#include "cli/report.h"
#include "cli/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of all convolutions. */
typedef struct totals {
    double predicted_us, us;
    double dense_us;   /* with every layer that has a choice in the dense form */
    double fastest_us; /* with each in its fastest form */
    double other_us;   /* all layers but convolutions */
    size_t table_bytes;
    int dense_planned, dense_faster; /* layers */
} totals;

typedef struct sheet {
    const sn_subject *subject;
    const sn_show_plan_options *options;
    sn_plan_times times;
    totals total;
} sheet;

/* AUTO stands for "no choice": fp32 weights, which are multiplied. */
static const char *form_name(const sn_infer_layer_info *layer) {
    return sn_infer_form_name(layer->form == SN_INFER_FORM_AUTO ? SN_INFER_FORM_DENSE
                                                                : (int)layer->form);
}

static double density(const sn_infer_layer_info *layer) {
    return (double)layer->effectual_weights / (double)layer->weight_count;
}

/* The type of what the layer adds up. */
static const char *input_name(const sn_infer_layer_info *layer) {
    if (!layer->input_rounded)
        return "fp32";
    return layer->input_signed ? "int8" : "uint8";
}

static bool runs_dense_by_plan(const sn_plan_row *row) {
    return row->layer.form == SN_INFER_FORM_DENSE;
}

static void add_up(sheet *s) {
    totals *t = &s->total;
    for (int i = 0; i < s->times.info.layers; i++) {
        const sn_plan_row *row = &s->times.rows[i];
        if (!sn_layer_is_conv(&row->layer)) {
            t->other_us += row->us;
            continue;
        }
        const sn_infer_form fastest = sn_plan_fastest(row);
        const double dense = row->form_us[SN_INFER_FORM_DENSE];
        t->predicted_us += row->layer.predicted_us;
        t->us += row->us;
        t->dense_us += dense > 0 ? dense : row->us;
        t->fastest_us += fastest == SN_INFER_FORM_AUTO ? row->us : row->form_us[fastest];
        t->table_bytes += row->layer.table_bytes;
        t->dense_planned += runs_dense_by_plan(row);
        t->dense_faster += sn_plan_dense_gain(row) > 0;
    }
}

static double ratio(double predicted, double measured) {
    return measured > 0 ? predicted / measured : 0;
}

/* ---- rows ---- */

/* A convolution, or a line with totals, which has no `row`. */
typedef struct line {
    const sheet *sheet;
    const sn_plan_row *row;
    int index;
    bool is_rest; /* of the totals: all layers but convolutions */
} line;

enum {
    INDEX = SN_LAYER_PARTS,
    NAME,
    LABEL,
    INPUT_TYPE,
    DENSITY,
    FORM,
    SIGNS,
    CHUNK,
    ADDITIONS,
    PATTERNS,
    NOTE
};

static sn_value note_of(const sn_plan_row *row) {
    const sn_infer_layer_info *l = &row->layer;
    const double gain = sn_plan_dense_gain(row);
    sn_value note = sn_value_text_of("%s", runs_dense_by_plan(row) ? "  dense chosen" : "");
    size_t used = strlen(note.own);
    if (gain > 0)
        used += (size_t)snprintf(note.own + used, sizeof note.own - used,
                                 "  dense is %.2fx as fast", gain);
    if (l->input_centered)
        used += (size_t)snprintf(note.own + used, sizeof note.own - used, "  input centered");
    if (l->regions > 1)
        used += (size_t)snprintf(note.own + used, sizeof note.own - used,
                                 "  regions of %d channels", l->region_channels);
    if (l->signs != SN_INFER_SIGNS_AUTO)
        snprintf(note.own + used, sizeof note.own - used, ", signs by %s",
                 sn_infer_signs_name((int)l->signs));
    memmove(note.own, note.own + strspn(note.own, " "),
            strlen(note.own) + 1 - strspn(note.own, " "));
    return note;
}

static sn_value get_total_label(const line *l, int part) {
    if (part == LABEL)
        return sn_value_text(l->is_rest ? "" : "total");
    if (part == SN_LAYER_SHAPE)
        return sn_value_text(l->is_rest ? "all other layers" : "convolutions");
    return sn_value_blank();
}

static sn_value get_layer(const void *of, int part) {
    const line *at = of;
    if (!at->row)
        return get_total_label(at, part);
    const sn_infer_layer_info *l = &at->row->layer;
    const char *name = sn_infer_layer_name(at->sheet->subject->packed, at->index);
    switch (part) {
    case INDEX:
        return sn_value_count((uint64_t)at->index);
    case NAME:
        return sn_value_text(name);
    case LABEL:
        return name ? sn_value_text(name) : sn_value_count((uint64_t)at->index);
    case INPUT_TYPE:
        return sn_value_text(input_name(l));
    case DENSITY:
        return sn_value_real(density(l));
    case FORM:
        return sn_value_text(form_name(l));
    case SIGNS:
        return sn_value_text(sn_infer_signs_name((int)l->signs));
    case CHUNK:
        return sn_value_count((uint64_t)l->chunk);
    case ADDITIONS:
        return sn_value_real(l->additions);
    case PATTERNS:
        return sn_value_count(l->patterns);
    case NOTE:
        return note_of(at->row);
    default:
        return sn_layer_value(l, part);
    }
}

enum { TABLE_BYTES, PREDICTED, MEASURED, RATIO };

static sn_value get_time(const void *of, int part) {
    const line *l = of;
    const totals *t = &l->sheet->total;
    const double predicted = l->row ? l->row->layer.predicted_us : t->predicted_us;
    const double us = l->row ? l->row->us : l->is_rest ? t->other_us : t->us;
    if (!l->row && l->is_rest && part != MEASURED)
        return sn_value_blank();
    switch (part) {
    case TABLE_BYTES:
        return sn_value_count(l->row ? l->row->layer.table_bytes : t->table_bytes);
    case PREDICTED:
        return sn_value_real(predicted);
    case MEASURED:
        return sn_value_real(us);
    default:
        return sn_value_real(ratio(predicted, us));
    }
}

static sn_value get_form_us(const void *of, int form) {
    const line *l = of;
    if (!l->row)
        return sn_value_blank();
    return l->row->form_us[form] > 0 ? sn_value_real(l->row->form_us[form]) : sn_value_absent();
}

/* The dense form, and all of them where they are compared: then the fastest has a star. */
static sn_value get_shown_us(const void *of, int form) {
    const line *l = of;
    const bool compares = l->sheet->options->compare_forms;
    if (form != SN_INFER_FORM_DENSE && !compares)
        return sn_value_blank();
    if (!l->row)
        return form == SN_INFER_FORM_DENSE && !l->is_rest ? sn_value_real(l->sheet->total.dense_us)
                                                          : sn_value_blank();
    if (!(l->row->form_us[form] > 0))
        return sn_value_null();
    return sn_value_text_of("%.2f%s", l->row->form_us[form],
                            compares && (int)sn_plan_fastest(l->row) == form ? "*" : "");
}

enum { FASTEST, DENSE_PLANNED, DENSE_FASTER_BY };

static sn_value get_verdict(const void *of, int part) {
    const line *l = of;
    if (!l->row)
        return sn_value_blank();
    const sn_infer_form fastest = sn_plan_fastest(l->row);
    const double gain = sn_plan_dense_gain(l->row);
    switch (part) {
    case FASTEST:
        return l->sheet->options->compare_forms && fastest != SN_INFER_FORM_AUTO
                   ? sn_value_text(sn_infer_form_name((int)fastest))
                   : sn_value_null();
    case DENSE_PLANNED:
        return sn_value_flag(runs_dense_by_plan(l->row));
    default:
        return gain > 0 ? sn_value_real(gain) : sn_value_null();
    }
}

static const sn_field fields[] = {
    SN_DATA("layer", get_layer, INDEX),
    SN_DATA("name", get_layer, NAME),
    {NULL, "layer", get_layer, LABEL, .left = true, .width = 5},
    SN_DATA("input", get_layer, SN_LAYER_INPUT),
    SN_DATA("output", get_layer, SN_LAYER_OUTPUT),
    SN_DATA("kernel", get_layer, SN_LAYER_KERNEL),
    SN_DATA("stride", get_layer, SN_LAYER_STRIDE),
    SN_DATA("padding", get_layer, SN_LAYER_PADDING),
    {NULL, "shape", get_layer, SN_LAYER_SHAPE, .left = true, .width = 22, .gap = 2},
    {"weights", "weights", get_layer, SN_LAYER_WEIGHTS, .left = true, .width = 22},
    SN_DATA("region_channels", get_layer, SN_LAYER_REGION_CHANNELS),
    {"input_type", "input", get_layer, INPUT_TYPE, .left = true, .width = 5},
    SN_DATA("input_centered", get_layer, SN_LAYER_INPUT_CENTERED),
    {"density", "density", get_layer, DENSITY, .decimals = 3, .width = 7},
    {"form", "form", get_layer, FORM, .left = true, .width = 10},
    SN_DATA("signs", get_layer, SIGNS),
    {"group", "group", get_layer, SN_LAYER_GROUP, .width = 5},
    SN_DATA("chunk", get_layer, CHUNK),
    {"additions_per_output", "adds/out", get_layer, ADDITIONS, .decimals = 1, .width = 8},
    {"patterns", "patterns", get_layer, PATTERNS, .width = 8},
    {"table_bytes", "table kB", get_time, TABLE_BYTES, 1e3, 1, .width = 8},
    {"predicted_us", "predicted", get_time, PREDICTED, .decimals = 2, .width = 9},
    {"measured_us", "us", get_time, MEASURED, .decimals = 2, .width = 9},
    {"predicted_over_measured", "ratio", get_time, RATIO, .decimals = 2, .width = 6},
    SN_DATA("form_us.dense", get_form_us, SN_INFER_FORM_DENSE),
    SN_DATA("form_us.sparse", get_form_us, SN_INFER_FORM_SPARSE),
    SN_DATA("form_us.shared", get_form_us, SN_INFER_FORM_SHARED),
    SN_DATA("form_us.complement", get_form_us, SN_INFER_FORM_COMPLEMENT),
    {NULL, "dense", get_shown_us, SN_INFER_FORM_DENSE, .decimals = 2, .width = 10, .keep = true},
    {NULL, "sparse", get_shown_us, SN_INFER_FORM_SPARSE, .width = 10},
    {NULL, "shared", get_shown_us, SN_INFER_FORM_SHARED, .width = 10},
    {NULL, "complement", get_shown_us, SN_INFER_FORM_COMPLEMENT, .width = 10},
    SN_DATA("fastest_form", get_verdict, FASTEST),
    SN_DATA("dense_planned", get_verdict, DENSE_PLANNED),
    SN_DATA("dense_faster_by", get_verdict, DENSE_FASTER_BY),
    {NULL, "note", get_layer, NOTE, .left = true, .gap = 2, .keep = true},
};

_Static_assert(SN_INFER_FORM_COUNT == SN_INFER_FORM_COMPLEMENT + 1, "a form has no fields");

/* Lines for all convolutions and two with totals; free them. *count: of convolutions. */
static sn_status make_lines(const sheet *s, line **lines, size_t *count, sn_error *error) {
    *count = 0;
    *lines = calloc((size_t)s->times.info.layers + 2, sizeof **lines);
    SN_RETURN_IF(!*lines, error, SN_ERROR_MEMORY, "out of memory for a plan");
    for (int i = 0; i < s->times.info.layers; i++)
        if (sn_layer_is_conv(&s->times.rows[i].layer))
            (*lines)[(*count)++] = (line){s, &s->times.rows[i], i, false};
    (*lines)[*count] = (line){s, NULL, 0, false};
    (*lines)[*count + 1] = (line){s, NULL, 0, true};
    return SN_OK;
}

static sn_rows rows_of(const line *lines, size_t count) {
    return (sn_rows){fields, sizeof fields / sizeof *fields, lines, sizeof *lines, count, false};
}

/* ---- text ---- */

static void print_heading(const sheet *s) {
    const sn_infer_costs *c = s->options->infer.costs;
    const int threads = s->options->infer.threads;
    printf("%s: %s kernels, %d thread%s", s->subject->path,
           sn_infer_isa_name((int)s->times.info.isa), threads, threads == 1 ? "" : "s");
    if (c)
        printf("; costs measured here: add %.3f ns, list %.2f, miss %.2f, transition %.3f, "
               "multiply %.3f, "
               "stage %.3f",
               (double)c->add, (double)c->list, (double)c->miss, (double)c->transition,
               (double)c->multiply, (double)c->copy);
    else
        printf("; built-in costs");
    fputs("\n\n", stdout);
}

static void print_totals(const sheet *s) {
    const totals *t = &s->total;
    if (s->options->compare_forms)
        printf("Each layer in its fastest form would take %.2f us, the plan takes %.1f %% more.\n",
               t->fastest_us, 100 * (t->us / t->fastest_us - 1));
    printf("Layers with one-bit or ternary weights that the plan runs dense: %d. "
           "Measured faster dense than planned: %d.\n",
           t->dense_planned, t->dense_faster);
    printf("Medians of %zu runs of a random image. Predictions are for one thread. Additions of a "
           "dense layer are products.\n",
           s->times.runs);
}

static sn_status print_text(const sheet *s, const line *lines, size_t count, sn_error *error) {
    const sn_rows rows = rows_of(lines, count + 2);
    print_heading(s);
    SN_TRY(sn_rows_text(&rows, stdout, error));
    putchar('\n');
    print_totals(s);
    return SN_OK;
}

/* ---- JSON ---- */

static json_t *pack_costs(const sn_infer_costs *c) {
    if (!c)
        return json_null();
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "add", (double)c->add, "list",
                     (double)c->list, "miss", (double)c->miss, "transition", (double)c->transition,
                     "multiply", (double)c->multiply, "stage", (double)c->copy);
}

static sn_status print_json(const sheet *s, const line *lines, size_t count, sn_error *error) {
    const totals *t = &s->total;
    const sn_rows rows = rows_of(lines, count);
    json_t *total =
        json_pack("{s:f, s:f, s:f, s:f, s:o, s:f, s:I, s:i, s:i}", "predicted_us", t->predicted_us,
                  "measured_us", t->us, "predicted_over_measured", ratio(t->predicted_us, t->us),
                  "dense_us", t->dense_us, "fastest_us",
                  s->options->compare_forms ? json_real(t->fastest_us) : json_null(),
                  "other_layers_us", t->other_us, "table_bytes", (json_int_t)t->table_bytes,
                  "dense_planned", t->dense_planned, "dense_faster", t->dense_faster);
    return sn_report_object(
        s->subject,
        json_pack("{s:s, s:i, s:s, s:o, s:I, s:o, s:o}", "isa",
                  sn_infer_isa_name((int)s->times.info.isa), "threads", s->options->infer.threads,
                  "costs", s->options->infer.costs ? "measured" : "builtin", "cost_ns",
                  pack_costs(s->options->infer.costs), "runs", (json_int_t)s->times.runs, "layers",
                  sn_rows_json(&rows), "total", total),
        error);
}

static sn_status print(const sheet *s, sn_error *error) {
    line *lines;
    size_t count;
    sn_status status = make_lines(s, &lines, &count, error);
    const sn_rows rows = rows_of(lines, count);
    if (status == SN_OK && s->options->format == SN_OUTPUT_JSON)
        status = print_json(s, lines, count, error);
    else if (status == SN_OK && s->options->format == SN_OUTPUT_CSV)
        sn_rows_csv(&rows, stdout);
    else if (status == SN_OK)
        status = print_text(s, lines, count, error);
    free(lines);
    return status;
}

sn_status sn_show_plan(const sn_subject *subject, const sn_show_plan_options *options,
                       sn_error *error) {
    sheet s = {.subject = subject, .options = options};
    bool wanted[SN_INFER_FORM_COUNT] = {[SN_INFER_FORM_DENSE] = true};
    for (int form = SN_INFER_FORM_DENSE; form < SN_INFER_FORM_COUNT; form++)
        wanted[form] = wanted[form] || options->compare_forms;
    sn_status status =
        sn_plan_times_measure(subject->packed, subject->packed_bytes, &options->infer, wanted,
                              options->seconds, &s.times, error);
    if (status == SN_OK) {
        add_up(&s);
        status = print(&s, error);
    }
    sn_plan_times_free(&s.times);
    return status;
}
