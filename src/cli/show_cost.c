#define _POSIX_C_SOURCE 200809L
#include "cli/show_cost.h"

#include "base/clock.h"
#include "base/memory.h"
#include "cli/cost.h"
#include "cli/layer_value.h"
#include "cli/rapl.h"
#include "cli/rows.h"

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
    bool assumed; /* some density is not the model's own */
    sn_cost total[SN_COST_SCHEMES];
    measured measured;
} sheet;

/* ---- counting ---- */

static bool any_quantized(const sn_infer_model *model, const sn_infer_info *info) {
    for (int i = 0; i < info->layers; i++) {
        sn_infer_layer_info layer;
        sn_infer_describe_layer(model, i, &layer);
        if (sn_layer_is_conv(&layer) && sn_cost_is_quantized(&layer))
            return true;
    }
    return false;
}

/* Which layers of a model in full precision would have other weights: all but the first convolution
 * and the 1x1 ones, as in src/layers/model.c. */
static bool would_be_quantized(const sn_infer_layer_info *layer, bool is_first) {
    return !is_first && layer->kernel_height * layer->kernel_width > 1;
}

static void fill_row(sheet *s, int index, const char *name, const sn_infer_layer_info *layer,
                     bool quantized) {
    row *r = &s->rows[s->count++];
    *r = (row){.index = index, .name = name, .layer = *layer, .quantized = quantized};
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
        if (sn_layer_is_conv(&layer))
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

/* ---- layers ---- */

enum { INDEX = SN_LAYER_PARTS, NAME, LABEL, QUANTIZED, DENSITY, MACS, NOTE };

static sn_value get_layer(const void *of, int part) {
    const row *r = of;
    const sn_infer_layer_info *l = &r->layer;
    switch (part) {
    case INDEX:
        return sn_value_count((uint64_t)r->index);
    case NAME:
        return sn_value_text(r->name);
    case LABEL:
        return r->name ? sn_value_text(r->name) : sn_value_count((uint64_t)r->index);
    case QUANTIZED:
        return sn_value_flag(r->quantized);
    case DENSITY:
        return r->quantized ? sn_value_real(sn_cost_density(l)) : sn_value_null();
    case MACS:
        return sn_value_real(r->cost[SN_COST_FP32].l1_bytes / 4);
    case NOTE:
        return l->regions > 1 ? sn_value_text_of("regions of %d channels", l->region_channels)
                              : sn_value_blank();
    default:
        return sn_layer_value(l, part);
    }
}

/* ---- costs in one scheme ---- */

enum {
    ADDITIONS,
    MULTIPLICATIONS,
    DRAM,
    L2,
    L1,
    PJ_ARITHMETIC,
    PJ_L1,
    PJ_L2,
    PJ_DRAM,
    PJ_ALL,
    QUANTITIES
};

static sn_value quantity(const sn_cost *c, int part) {
    const sn_energy e = sn_cost_energy(c);
    const double values[QUANTITIES] = {[ADDITIONS] = c->additions,
                                       [MULTIPLICATIONS] = c->multiplications,
                                       [DRAM] = c->dram_bytes,
                                       [L2] = c->l2_bytes,
                                       [L1] = c->l1_bytes,
                                       [PJ_ARITHMETIC] = e.arithmetic,
                                       [PJ_L1] = e.l1,
                                       [PJ_L2] = e.l2,
                                       [PJ_DRAM] = e.dram,
                                       [PJ_ALL] = sn_energy_total(&e)};
    return sn_value_real(values[part]);
}

/* part: QUANTITIES * scheme + quantity */
static sn_value get_cost(const void *of, int part) {
    const row *r = of;
    return quantity(&r->cost[part / QUANTITIES], part % QUANTITIES);
}

#define SCHEME(key, scheme, title)                                                                 \
    SN_DATA("schemes." key ".additions", get_cost, QUANTITIES *(scheme) + ADDITIONS),              \
        SN_DATA("schemes." key ".multiplications", get_cost,                                       \
                QUANTITIES *(scheme) + MULTIPLICATIONS),                                           \
        SN_DATA("schemes." key ".dram_bytes", get_cost, QUANTITIES *(scheme) + DRAM),              \
        SN_DATA("schemes." key ".l2_bytes", get_cost, QUANTITIES *(scheme) + L2),                  \
        SN_DATA("schemes." key ".l1_bytes", get_cost, QUANTITIES *(scheme) + L1),                  \
        SN_DATA("schemes." key ".energy_pj.arithmetic", get_cost,                                  \
                QUANTITIES *(scheme) + PJ_ARITHMETIC),                                             \
        SN_DATA("schemes." key ".energy_pj.l1", get_cost, QUANTITIES *(scheme) + PJ_L1),           \
        SN_DATA("schemes." key ".energy_pj.l2", get_cost, QUANTITIES *(scheme) + PJ_L2),           \
        SN_DATA("schemes." key ".energy_pj.dram", get_cost, QUANTITIES *(scheme) + PJ_DRAM), {     \
        "schemes." key ".energy_pj.total", title, get_cost, QUANTITIES *(scheme) + PJ_ALL,         \
            .unit = 1e6, .decimals = 3, .width = 9                                                 \
    }

static const sn_field layer_fields[] = {
    SN_DATA("layer", get_layer, INDEX),
    SN_DATA("name", get_layer, NAME),
    {NULL, "layer", get_layer, LABEL, .left = true, .width = 5},
    {NULL, "shape", get_layer, SN_LAYER_SHAPE, .left = true, .width = 26, .gap = 2},
    {"weights", "weights", get_layer, SN_LAYER_WEIGHTS, .left = true, .width = 22},
    SN_DATA("region_channels", get_layer, SN_LAYER_REGION_CHANNELS),
    SN_DATA("input_centered", get_layer, SN_LAYER_INPUT_CENTERED),
    SN_DATA("quantized", get_layer, QUANTIZED),
    {"density", "density", get_layer, DENSITY, .decimals = 3, .width = 8, .keep = true},
    {NULL, "M mult-add", get_layer, MACS, .unit = 1e6, .decimals = 3, .width = 10},
    SN_DATA("input", get_layer, SN_LAYER_INPUT),
    SN_DATA("output", get_layer, SN_LAYER_OUTPUT),
    SN_DATA("kernel", get_layer, SN_LAYER_KERNEL),
    SN_DATA("stride", get_layer, SN_LAYER_STRIDE),
    SCHEME("fp32", SN_COST_FP32, "fp32 uJ"),
    SCHEME("binary", SN_COST_BINARY, "binary"),
    SCHEME("ternary", SN_COST_TERNARY, "ternary"),
    SCHEME("signed-binary", SN_COST_SIGNED_BINARY, "signed"),
    SCHEME("planned", SN_COST_PLANNED, "planned"),
    {NULL, "", get_layer, NOTE, .left = true, .gap = 2},
};

static sn_rows layer_rows(const sheet *s) {
    return (sn_rows){layer_fields, sizeof layer_fields / sizeof *layer_fields,
                     s->rows,      sizeof *s->rows,
                     s->count,     false};
}

/* ---- all layers together ---- */

typedef struct total_row {
    const sheet *sheet;
    int scheme;
} total_row;

static sn_value get_total(const void *of, int part) {
    const total_row *t = of;
    return quantity(&t->sheet->total[t->scheme], part);
}

static sn_value get_scheme(const void *of, int part) {
    const total_row *t = of;
    (void)part;
    return sn_value_text(sn_cost_scheme_name(t->scheme));
}

/* How many times the energy of binary weights is this scheme's: of arithmetic alone, or all. */
static double binary_over(const sheet *s, int scheme, bool arithmetic) {
    const sn_energy binary = sn_cost_energy(&s->total[SN_COST_BINARY]);
    const sn_energy own = sn_cost_energy(&s->total[scheme]);
    return arithmetic ? binary.arithmetic / own.arithmetic
                      : sn_energy_total(&binary) / sn_energy_total(&own);
}

static sn_value get_binary_over(const void *of, int arithmetic) {
    const total_row *t = of;
    return sn_value_real(binary_over(t->sheet, t->scheme, arithmetic));
}

static const sn_field total_fields[] = {
    {NULL, "all together", get_scheme, .left = true, .width = 14},
    {"additions", "M adds", get_total, ADDITIONS, 1e6, 3, .width = 9},
    {"multiplications", "M mults", get_total, MULTIPLICATIONS, 1e6, 3, .width = 9},
    {"dram_bytes", "DRAM kB", get_total, DRAM, 1e3, 1, .width = 9},
    {"l2_bytes", "L2 kB", get_total, L2, 1e3, 1, .width = 9},
    {"l1_bytes", "L1 MB", get_total, L1, 1e6, 2, .width = 9},
    {"energy_pj.arithmetic", "arith. uJ", get_total, PJ_ARITHMETIC, 1e6, 2, .width = 10},
    {"energy_pj.l1", "L1 uJ", get_total, PJ_L1, 1e6, 2, .width = 9},
    {"energy_pj.l2", "L2 uJ", get_total, PJ_L2, 1e6, 2, .width = 9},
    {"energy_pj.dram", "DRAM uJ", get_total, PJ_DRAM, 1e6, 2, .width = 9},
    {"energy_pj.total", "all uJ", get_total, PJ_ALL, 1e6, 2, .width = 9},
    {NULL, "arith. x", get_binary_over, true, .decimals = 2, .width = 8},
    {NULL, "all x", get_binary_over, false, .decimals = 2, .width = 8},
};

enum { TOTAL_FIELDS = sizeof total_fields / sizeof *total_fields };

/* ---- text ---- */

static sn_status print_tables(const sheet *s, FILE *out, sn_error *error) {
    total_row totals[SN_COST_SCHEMES];
    const sn_rows layers = layer_rows(s);
    for (int scheme = 0; scheme < SN_COST_SCHEMES; scheme++)
        totals[scheme] = (total_row){s, scheme};
    SN_TRY(sn_rows_text(&layers, out, error));
    putc('\n', out);
    return sn_rows_text(
        &(sn_rows){total_fields, TOTAL_FIELDS, totals, sizeof *totals, SN_COST_SCHEMES, false}, out,
        error);
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

static json_t *pack_totals(const sheet *s) {
    json_t *object = json_object();
    for (int scheme = 0; scheme < SN_COST_SCHEMES; scheme++)
        if (json_object_set_new(object, sn_cost_scheme_name(scheme),
                                sn_row_json(total_fields, TOTAL_FIELDS, &(total_row){s, scheme})) !=
            0) {
            json_decref(object);
            return NULL;
        }
    return object;
}

static json_t *pack_measured(const measured *m) {
    if (!m->available)
        return json_null();
    return json_pack("{s:f, s:f, s:f, s:f, s:f}", "images", m->images, "seconds", m->seconds,
                     "joules_per_image", joules_per_image(m), "joules_per_image_above_idle",
                     joules_above_idle(m), "idle_watts", m->idle_watts);
}

static json_t *pack_sheet(const sheet *s) {
    const sn_rows layers = layer_rows(s);
    return json_pack("{s:o, s:o, s:b, s:{s:f, s:f, s:f, s:f}, s:{s:f, s:f, s:f, s:f, s:f}, s:o}",
                     "layers", sn_rows_json(&layers), "total", pack_totals(s), "density_assumed",
                     s->assumed, "binary_over", "signed_binary",
                     binary_over(s, SN_COST_SIGNED_BINARY, false), "signed_binary_arithmetic",
                     binary_over(s, SN_COST_SIGNED_BINARY, true), "planned",
                     binary_over(s, SN_COST_PLANNED, false), "planned_arithmetic",
                     binary_over(s, SN_COST_PLANNED, true), "pj", "add", SN_PJ_ADD, "multiply",
                     SN_PJ_MUL, "l1_word", SN_PJ_L1, "l2_word", SN_PJ_L2, "dram_word", SN_PJ_DRAM,
                     "measured", pack_measured(&s->measured));
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
    const sn_rows layers = layer_rows(s);
    switch (options->format) {
    case SN_OUTPUT_JSON:
        return print_json(s, out, error);
    case SN_OUTPUT_CSV:
        sn_rows_csv(&layers, out);
        return SN_OK;
    case SN_OUTPUT_TEXT:
        break;
    }
    SN_TRY(print_tables(s, out, error));
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
    if (status == SN_OK && options->seconds > 0 && options->format != SN_OUTPUT_CSV)
        status = measure(model, info, options, &s.measured, error);
    if (status == SN_OK)
        status = print(&s, options, out, error);
    free(s.rows);
    return status;
}
