#define _POSIX_C_SOURCE 200809L
#include "cli/show_cost.h"

#include "base/clock.h"
#include "base/memory.h"
#include "cli/cost.h"
#include "cli/rapl.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* One convolution in every scheme. */
typedef struct row {
    int index;        /* instruction */
    const char *name; /* in the packed model; NULL: not known */
    sn_infer_layer_info layer;
    bool quantized; /* may have weights of any kind; otherwise fp32 in every scheme */
    sn_cost cost[SN_COST_SCHEMES];
} row;

typedef struct measured {
    bool available;
    double images, seconds;
    double joules, idle_watts; /* of all processors, while running; and while not */
} measured;

typedef struct sheet {
    row *rows;
    size_t count;
    int label_width;
    bool assumed; /* some density is not the model's own */
    sn_cost total[SN_COST_SCHEMES];
    measured measured;
} sheet;

/* ---- counting ---- */

static bool is_conv(const sn_infer_layer_info *layer) {
    return strcmp(layer->opcode, "convolution") == 0;
}

static bool any_quantized(const sn_infer_model *model, const sn_infer_info *info) {
    for (int i = 0; i < info->layers; i++) {
        sn_infer_layer_info layer;
        sn_infer_describe_layer(model, i, &layer);
        if (is_conv(&layer) && sn_cost_is_quantized(&layer))
            return true;
    }
    return false;
}

/* Which layers of a model in full precision would have other weights: all but the first convolution
 * and the 1x1 ones, as in src/layers. */
static bool would_be_quantized(const sn_infer_layer_info *layer, bool is_first) {
    return !is_first && layer->kernel_height * layer->kernel_width > 1;
}

static void fill_row(sheet *s, int index, const char *name, const sn_infer_layer_info *layer,
                     bool quantized) {
    row *r = &s->rows[s->count++];
    *r = (row){.index = index, .name = name, .layer = *layer, .quantized = quantized};
    if (name && (int)strlen(name) > s->label_width)
        s->label_width = (int)strlen(name);
    const bool tells = sn_cost_is_quantized(layer) && strcmp(layer->weights, "binary") != 0;
    s->assumed = s->assumed || (quantized && !tells);
    for (int scheme = 0; scheme < SN_COST_SCHEMES; scheme++) {
        const bool stays = !quantized && scheme != SN_COST_PLANNED;
        r->cost[scheme] = sn_cost_of(layer, stays ? SN_COST_FP32 : (sn_cost_scheme)scheme);
        sn_cost_add(&s->total[scheme], &r->cost[scheme]);
    }
}

static sn_status fill_sheet(const sn_infer_model *model, const sn_infer_info *info,
                            const void *packed, sheet *s, sn_error *error) {
    const bool quantized = any_quantized(model, info);
    s->rows = calloc((size_t)info->layers + 1, sizeof *s->rows);
    SN_RETURN_IF(!s->rows, error, SN_ERROR_MEMORY, "no memory for the costs");
    for (int i = 0; i < info->layers; i++) {
        sn_infer_layer_info layer;
        sn_infer_describe_layer(model, i, &layer);
        if (is_conv(&layer))
            fill_row(s, i, packed ? sn_infer_layer_name(packed, i) : NULL, &layer,
                     quantized ? sn_cost_is_quantized(&layer)
                               : would_be_quantized(&layer, s->count == 0));
    }
    return SN_OK;
}

/* ---- measuring ---- */

typedef struct trial {
    const sn_infer_model *model;
    const sn_infer_info *info;
    void *scratch;
    float *image, *logits;
} trial;

/* Runs for so long; the number of runs. */
static sn_status run_for(const trial *t, double seconds, double *runs, sn_error *error) {
    const double start = sn_clock_seconds();
    *runs = 0;
    do {
        const sn_infer_status status =
            sn_infer_run(t->model, t->scratch, t->info->scratch_memory, NULL, t->image, t->logits);
        SN_RETURN_IF(status != SN_INFER_OK, error, SN_ERROR_INTERNAL, "cannot run the model: %s",
                     sn_infer_status_text(status));
        ++*runs;
    } while (sn_clock_seconds() - start < seconds);
    return SN_OK;
}

static void rest_for(double seconds) {
    const time_t whole = (time_t)seconds;
    const struct timespec time = {whole, (long)((seconds - (double)whole) * 1e9)};
    nanosleep(&time, NULL);
}

/* First a rest, to know what the machine takes anyway. */
static sn_status measure_trial(const trial *t, const char *root, double seconds, measured *m,
                               sn_error *error) {
    sn_rapl rapl;
    if (!sn_rapl_open(root, &rapl))
        return SN_OK;
    double start = sn_clock_seconds();
    rest_for(seconds);
    bool good = sn_rapl_update(&rapl);
    m->idle_watts = rapl.joules / (sn_clock_seconds() - start);
    rapl.joules = 0;
    start = sn_clock_seconds();
    SN_TRY(run_for(t, seconds, &m->images, error));
    good = sn_rapl_update(&rapl) && good;
    m->seconds = sn_clock_seconds() - start;
    m->joules = rapl.joules;
    m->available = good;
    return SN_OK;
}

static sn_status measure(const sn_infer_model *model, const sn_infer_info *info,
                         const sn_show_cost_options *options, measured *m, sn_error *error) {
    const size_t pixels = (size_t)info->channels * info->height * info->width;
    const char *root = options->rapl_root ? options->rapl_root : SN_RAPL_ROOT;
    trial t = {.model = model, .info = info};
    sn_status status = SN_OK;
    t.scratch = sn_alloc(info->scratch_memory);
    t.image = sn_alloc_array(pixels, sizeof *t.image);
    t.logits = sn_alloc_array((size_t)info->classes, sizeof *t.logits);
    if (!t.scratch || !t.image || !t.logits)
        status = sn_error_set(error, SN_ERROR_MEMORY, "no memory to run the model");
    for (size_t i = 0; status == SN_OK && i < pixels; i++)
        t.image[i] = (float)(i % 7) / 4 - 0.75f; /* no denormal numbers */
    if (status == SN_OK)
        status = measure_trial(&t, root, options->seconds, m, error);
    sn_free(t.scratch);
    sn_free(t.image);
    sn_free(t.logits);
    return status;
}

static double joules_per_image(const measured *m) {
    return m->joules / m->images;
}

static double joules_above_idle(const measured *m) {
    return (m->joules - m->idle_watts * m->seconds) / m->images;
}

/* ---- text ---- */

static void print_layers(const sheet *s, FILE *out) {
    /* Names are aligned on the left, numbers on the right. */
    const int width = s->label_width > 5 ? -s->label_width : s->label_width ? -5 : 5;
    fprintf(out, "%*s  %-26s %-22s %8s %10s %9s %9s %9s %9s %9s\n", width, "layer", "shape",
            "weights", "density", "M mult-add", "fp32 uJ", "binary", "ternary", "signed",
            "planned");
    for (size_t i = 0; i < s->count; i++) {
        const row *r = &s->rows[i];
        const sn_infer_layer_info *l = &r->layer;
        char shape[48], number[16], density[16] = "-";
        snprintf(number, sizeof number, "%d", r->index);
        snprintf(shape, sizeof shape, "%dx%dx%d>%d %dx%d/%d", l->in_channels, l->in_height,
                 l->in_width, l->out_channels, l->kernel_height, l->kernel_width, l->stride);
        if (r->quantized)
            snprintf(density, sizeof density, "%.3f", sn_cost_density(l));
        fprintf(out, "%*s  %-26s %-22s %8s %10.3f", width, r->name ? r->name : number, shape,
                l->weights, density, r->cost[SN_COST_FP32].l1_bytes / 4e6);
        for (int scheme = 0; scheme < SN_COST_SCHEMES; scheme++) {
            const sn_energy energy = sn_cost_energy(&r->cost[scheme]);
            fprintf(out, " %9.3f", sn_energy_total(&energy) / 1e6);
        }
        if (l->regions > 1)
            fprintf(out, "  regions of %d channels", l->region_channels);
        fputc('\n', out);
    }
}

static void print_totals(const sheet *s, FILE *out) {
    const sn_energy binary = sn_cost_energy(&s->total[SN_COST_BINARY]);
    fprintf(out, "\n%-14s %9s %9s %9s %9s %9s %10s %9s %9s %9s %9s %8s %8s\n", "all together",
            "M adds", "M mults", "DRAM kB", "L2 kB", "L1 MB", "arith. uJ", "L1 uJ", "L2 uJ",
            "DRAM uJ", "all uJ", "arith. x", "all x");
    for (int scheme = 0; scheme < SN_COST_SCHEMES; scheme++) {
        const sn_cost *c = &s->total[scheme];
        const sn_energy e = sn_cost_energy(c);
        fprintf(out,
                "%-14s %9.3f %9.3f %9.1f %9.1f %9.2f %10.2f %9.2f %9.2f %9.2f %9.2f %8.2f %8.2f\n",
                sn_cost_scheme_name(scheme), c->additions / 1e6, c->multiplications / 1e6,
                c->dram_bytes / 1e3, c->l2_bytes / 1e3, c->l1_bytes / 1e6, e.arithmetic / 1e6,
                e.l1 / 1e6, e.l2 / 1e6, e.dram / 1e6, sn_energy_total(&e) / 1e6,
                binary.arithmetic / e.arithmetic, sn_energy_total(&binary) / sn_energy_total(&e));
    }
}

static void print_notes(const sheet *s, FILE *out) {
    fprintf(
        out,
        "\nx: energy of binary weights divided by this one's. 45 nm (Horowitz 2014), pJ: add %g, "
        "multiply %g;\n32 bits of L1 %g, L2 %g, DRAM %g. Convolutions only; layers without a "
        "density stay fp32 everywhere.\nTernary and signed-binary weights have the density of "
        "the layer's own%s.\n",
        SN_PJ_ADD, SN_PJ_MUL, SN_PJ_L1, SN_PJ_L2, SN_PJ_DRAM,
        s->assumed ? ", or, where those are fp32 or binary, an assumed one of 0.35" : "");
}

static void print_measured(const measured *m, FILE *out) {
    if (m->available)
        fprintf(out,
                "Measured (RAPL, all processors, %.0f images in %.2f s): %.3f mJ an image, %.3f mJ "
                "above idle (%.2f W).\n",
                m->images, m->seconds, 1e3 * joules_per_image(m), 1e3 * joules_above_idle(m),
                m->idle_watts);
    else
        fputs("Measured energy: not available here (no readable RAPL counters).\n", out);
}

/* ---- JSON ---- */

static json_t *pack_cost(const sn_cost *c) {
    const sn_energy e = sn_cost_energy(c);
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:{s:f, s:f, s:f, s:f, s:f}}", "additions",
                     c->additions, "multiplications", c->multiplications, "dram_bytes",
                     c->dram_bytes, "l2_bytes", c->l2_bytes, "l1_bytes", c->l1_bytes, "energy_pj",
                     "arithmetic", e.arithmetic, "l1", e.l1, "l2", e.l2, "dram", e.dram, "total",
                     sn_energy_total(&e));
}

static json_t *pack_schemes(const sn_cost *costs) {
    json_t *object = json_object();
    for (int scheme = 0; scheme < SN_COST_SCHEMES; scheme++)
        json_object_set_new(object, sn_cost_scheme_name(scheme), pack_cost(&costs[scheme]));
    return object;
}

static json_t *pack_row(const row *r) {
    const sn_infer_layer_info *l = &r->layer;
    return json_pack(
        "{s:i, s:s?, s:s, s:i, s:b, s:b, s:o, s:[iii], s:[iii], s:[ii], s:i, s:o}", "layer",
        r->index, "name", r->name, "weights", l->weights, "region_channels", l->region_channels,
        "input_centered", l->input_centered, "quantized", r->quantized, "density",
        r->quantized ? json_real(sn_cost_density(l)) : json_null(), "input", l->in_channels,
        l->in_height, l->in_width, "output", l->out_channels, l->out_height, l->out_width, "kernel",
        l->kernel_height, l->kernel_width, "stride", l->stride, "schemes", pack_schemes(r->cost));
}

static json_t *pack_measured(const measured *m) {
    if (!m->available)
        return json_null();
    return json_pack("{s:f, s:f, s:f, s:f, s:f}", "images", m->images, "seconds", m->seconds,
                     "joules_per_image", joules_per_image(m), "joules_per_image_above_idle",
                     joules_above_idle(m), "idle_watts", m->idle_watts);
}

static json_t *pack_sheet(const sheet *s) {
    json_t *layers = json_array();
    for (size_t i = 0; i < s->count; i++)
        json_array_append_new(layers, pack_row(&s->rows[i]));
    const sn_energy binary = sn_cost_energy(&s->total[SN_COST_BINARY]),
                    signed_binary = sn_cost_energy(&s->total[SN_COST_SIGNED_BINARY]),
                    planned = sn_cost_energy(&s->total[SN_COST_PLANNED]);
    return json_pack("{s:o, s:o, s:b, s:{s:f, s:f, s:f, s:f}, s:{s:f, s:f, s:f, s:f, s:f}, s:o}",
                     "layers", layers, "total", pack_schemes(s->total), "density_assumed",
                     s->assumed, "binary_over", "signed_binary",
                     sn_energy_total(&binary) / sn_energy_total(&signed_binary),
                     "signed_binary_arithmetic", binary.arithmetic / signed_binary.arithmetic,
                     "planned", sn_energy_total(&binary) / sn_energy_total(&planned),
                     "planned_arithmetic", binary.arithmetic / planned.arithmetic, "pj", "add",
                     SN_PJ_ADD, "multiply", SN_PJ_MUL, "l1_word", SN_PJ_L1, "l2_word", SN_PJ_L2,
                     "dram_word", SN_PJ_DRAM, "measured", pack_measured(&s->measured));
}

static sn_status print_json(const sheet *s, FILE *out, sn_error *error) {
    json_t *object = pack_sheet(s);
    char *text = object ? json_dumps(object, JSON_REAL_PRECISION(9)) : NULL;
    json_decref(object);
    SN_RETURN_IF(!text, error, SN_ERROR_MEMORY, "no memory for the costs");
    fprintf(out, "%s\n", text);
    free(text);
    return SN_OK;
}

static sn_status print(const sheet *s, const sn_show_cost_options *options, FILE *out,
                       sn_error *error) {
    if (options->json)
        return print_json(s, out, error);
    print_layers(s, out);
    print_totals(s, out);
    print_notes(s, out);
    print_measured(&s->measured, out);
    return SN_OK;
}

sn_status sn_show_cost(const sn_infer_model *model, const sn_infer_info *info,
                       const sn_show_cost_options *options, FILE *out, sn_error *error) {
    sheet s = {0};
    sn_status status = fill_sheet(model, info, options->packed, &s, error);
    if (status == SN_OK && s.count == 0)
        status = sn_error_set(error, SN_ERROR_ARGUMENT, "--cost: the model has no convolution");
    if (status == SN_OK && options->seconds > 0)
        status = measure(model, info, options, &s.measured, error);
    if (status == SN_OK)
        status = print(&s, options, out, error);
    free(s.rows);
    return status;
}
