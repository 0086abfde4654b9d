#include "cli/show_plan.h"

#include "cli/plan_times.h"
#include "cli/report.h"
#include "infer/format.h"

#include <stdio.h>
#include <string.h>

/* Of all convolutions. */
typedef struct totals {
    double predicted_us, us;
    double dense_us;   /* with every layer that has a choice in the dense form */
    double fastest_us; /* with each in its fastest form */
    double other_us;   /* all layers that are no convolutions */
    size_t table_bytes;
    int dense_planned, dense_faster; /* layers */
} totals;

typedef struct sheet {
    const sn_subject *subject;
    const sn_show_plan_options *options;
    sn_plan_times times;
    totals total;
    int name_width; /* of the layers' names; 0 when they have none */
} sheet;

static bool is_conv(const sn_infer_layer_info *layer) {
    return strcmp(layer->opcode, "convolution") == 0;
}

/* AUTO stands for "no choice": fp32 weights, which are multiplied. */
static const char *form_name(const sn_infer_layer_info *layer) {
    return sn_infer_form_name(layer->form == SN_INFER_FORM_AUTO ? SN_INFER_FORM_DENSE
                                                                : (int)layer->form);
}

static double density(const sn_infer_layer_info *layer) {
    return (double)layer->effectual_weights / (double)layer->weight_count;
}

/* What the layer's sums are of: only the packed model says. */
static const char *input_name(const sheet *s, int index) {
    sn_infer_record record;
    sn_infer_load_words(&record,
                        (const unsigned char *)s->subject->packed + sizeof(sn_infer_header) +
                            (size_t)index * sizeof record,
                        sizeof record / 4);
    if (record.input_scale == 0)
        return "fp32";
    return record.flags & SN_INFER_FLAG_INPUT_SIGNED ? "int8" : "uint8";
}

static bool runs_dense_by_plan(const sn_plan_row *row) {
    return row->layer.form == SN_INFER_FORM_DENSE;
}

static void add_up(sheet *s) {
    totals *t = &s->total;
    for (int i = 0; i < s->times.info.layers; i++) {
        const sn_plan_row *row = &s->times.rows[i];
        if (!is_conv(&row->layer)) {
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

static void measure_names(sheet *s) {
    for (int i = 0; i < s->times.info.layers; i++) {
        const char *name = sn_infer_layer_name(s->subject->packed, i);
        if (name && is_conv(&s->times.rows[i].layer) && (int)strlen(name) > s->name_width)
            s->name_width = (int)strlen(name);
    }
}

/* ---- text ---- */

/* What a line begins with: names are aligned on the left, numbers on the right. */
static void print_label(const sheet *s, const char *text) {
    const int least = 5;
    printf("%*s", s->name_width > least ? -s->name_width : s->name_width ? -least : least, text);
}

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
               (double)c->multiply, (double)c->stage);
    else
        printf("; built-in costs");
    fputs("\n\n", stdout);
    print_label(s, "layer");
    printf("  %-22s %-22s %-5s %7s %-10s %5s %8s %8s %8s %9s %9s %6s", "shape", "weights", "input",
           "density", "form", "group", "adds/out", "patterns", "table kB", "predicted", "us",
           "ratio");
    for (int form = SN_INFER_FORM_DENSE; form < SN_INFER_FORM_COUNT; form++)
        if (form == SN_INFER_FORM_DENSE || s->options->compare_forms)
            printf(" %10s", sn_infer_form_name(form));
    puts("  note");
}

/* The times in the forms, the fastest with a star when all were compared. */
static void print_forms(const sheet *s, const sn_plan_row *row) {
    const sn_infer_form fastest = sn_plan_fastest(row);
    for (int form = SN_INFER_FORM_DENSE; form < SN_INFER_FORM_COUNT; form++) {
        if (form != SN_INFER_FORM_DENSE && !s->options->compare_forms)
            continue;
        char text[32] = "-";
        if (row->form_us[form] > 0)
            snprintf(text, sizeof text, "%.2f%s", row->form_us[form],
                     s->options->compare_forms && (int)fastest == form ? "*" : "");
        printf(" %10s", text);
    }
}

static void print_row(const sheet *s, int index, const sn_plan_row *row) {
    const sn_infer_layer_info *l = &row->layer;
    const double gain = sn_plan_dense_gain(row);
    const char *name = sn_infer_layer_name(s->subject->packed, index);
    char shape[48], number[12];
    snprintf(shape, sizeof shape, "%dx%dx%d>%d %dx%d/%d", l->in_channels, l->in_height, l->in_width,
             l->out_channels, l->kernel_height, l->kernel_width, l->stride);
    snprintf(number, sizeof number, "%d", index);
    print_label(s, name ? name : number);
    printf("  %-22s %-22s %-5s %7.3f %-10s %5d %8.1f %8llu %8.1f %9.2f %9.2f %6.2f", shape,
           l->weights, input_name(s, index), density(l), form_name(l), l->group, l->additions,
           (unsigned long long)l->patterns, (double)l->table_bytes / 1e3, l->predicted_us, row->us,
           ratio(l->predicted_us, row->us));
    print_forms(s, row);
    if (runs_dense_by_plan(row))
        printf("  dense chosen");
    if (gain > 0)
        printf("  dense is %.2fx as fast", gain);
    if (l->input_centered)
        printf("  input centered");
    if (l->regions > 1)
        printf("  regions of %d channels", l->region_channels);
    if (l->signs != SN_INFER_SIGNS_AUTO)
        printf(", signs by %s", sn_infer_signs_name((int)l->signs));
    putchar('\n');
}

static void print_totals(const sheet *s) {
    const totals *t = &s->total;
    print_label(s, "total");
    printf("  %-22s %-22s %-5s %7s %-10s %5s %8s %8s %8.1f %9.2f %9.2f %6.2f %10.2f\n",
           "convolutions", "", "", "", "", "", "", "", (double)t->table_bytes / 1e3,
           t->predicted_us, t->us, ratio(t->predicted_us, t->us), t->dense_us);
    print_label(s, "");
    printf("  %-22s %91s %9.2f\n\n", "all other layers", "", t->other_us);
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

static void print_text(const sheet *s) {
    print_heading(s);
    for (int i = 0; i < s->times.info.layers; i++)
        if (is_conv(&s->times.rows[i].layer))
            print_row(s, i, &s->times.rows[i]);
    print_totals(s);
}

/* ---- JSON ---- */

static json_t *pack_forms(const sn_plan_row *row) {
    json_t *object = json_object();
    for (int form = SN_INFER_FORM_DENSE; form < SN_INFER_FORM_COUNT; form++)
        if (row->form_us[form] > 0)
            json_object_set_new(object, sn_infer_form_name(form), json_real(row->form_us[form]));
    return object;
}

static json_t *pack_row(const sheet *s, int index, const sn_plan_row *row) {
    const sn_infer_layer_info *l = &row->layer;
    const sn_infer_form fastest = sn_plan_fastest(row);
    const double gain = sn_plan_dense_gain(row);
    const char *name = sn_infer_layer_name(s->subject->packed, index);
    json_t *object = json_pack(
        "{s:i, s:o, s:[iii], s:[iii], s:[ii], s:i, s:i, s:s, s:i, s:s, s:b, s:f, s:s, s:s, s:i, "
        "s:i, s:f, s:I, s:I}",
        "layer", index, "name", name ? json_string(name) : json_null(), "input", l->in_channels,
        l->in_height, l->in_width, "output", l->out_channels, l->out_height, l->out_width, "kernel",
        l->kernel_height, l->kernel_width, "stride", l->stride, "padding", l->padding, "weights",
        l->weights, "region_channels", l->region_channels, "input_type", input_name(s, index),
        "input_centered", l->input_centered, "density", density(l), "form", form_name(l), "signs",
        sn_infer_signs_name((int)l->signs), "group", l->group, "chunk", l->chunk,
        "additions_per_output", l->additions, "patterns", (json_int_t)l->patterns, "table_bytes",
        (json_int_t)l->table_bytes);
    json_t *times =
        json_pack("{s:f, s:f, s:f, s:o, s:o, s:b, s:o}", "predicted_us", l->predicted_us,
                  "measured_us", row->us, "predicted_over_measured",
                  ratio(l->predicted_us, row->us), "form_us", pack_forms(row), "fastest_form",
                  s->options->compare_forms && fastest != SN_INFER_FORM_AUTO
                      ? json_string(sn_infer_form_name((int)fastest))
                      : json_null(),
                  "dense_planned", runs_dense_by_plan(row), "dense_faster_by",
                  gain > 0 ? json_real(gain) : json_null());
    json_object_update(object, times);
    json_decref(times);
    return object;
}

static json_t *pack_costs(const sn_infer_costs *c) {
    if (!c)
        return json_null();
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "add", (double)c->add, "list",
                     (double)c->list, "miss", (double)c->miss, "transition", (double)c->transition,
                     "multiply", (double)c->multiply, "stage", (double)c->stage);
}

static sn_status print_json(const sheet *s, sn_error *error) {
    const totals *t = &s->total;
    json_t *layers = json_array();
    for (int i = 0; i < s->times.info.layers; i++)
        if (is_conv(&s->times.rows[i].layer))
            json_array_append_new(layers, pack_row(s, i, &s->times.rows[i]));
    json_t *total =
        json_pack("{s:f, s:f, s:f, s:f, s:o, s:f, s:I, s:i, s:i}", "predicted_us", t->predicted_us,
                  "measured_us", t->us, "predicted_over_measured", ratio(t->predicted_us, t->us),
                  "dense_us", t->dense_us, "fastest_us",
                  s->options->compare_forms ? json_real(t->fastest_us) : json_null(),
                  "other_layers_us", t->other_us, "table_bytes", (json_int_t)t->table_bytes,
                  "dense_planned", t->dense_planned, "dense_faster", t->dense_faster);
    return sn_report_object(s->subject,
                            json_pack("{s:s, s:i, s:s, s:o, s:I, s:o, s:o}", "isa",
                                      sn_infer_isa_name((int)s->times.info.isa), "threads",
                                      s->options->infer.threads, "costs",
                                      s->options->infer.costs ? "measured" : "builtin", "cost_ns",
                                      pack_costs(s->options->infer.costs), "runs",
                                      (json_int_t)s->times.runs, "layers", layers, "total", total),
                            error);
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
        measure_names(&s);
        if (options->json)
            status = print_json(&s, error);
        else
            print_text(&s);
    }
    sn_plan_times_free(&s.times);
    return status;
}
