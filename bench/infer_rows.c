#include "infer_rows.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 256, TEXT_SIZE = 24 };

/* ---- rows ---- */

static const char layout[] = "%-20s %5s %7s %7s %-28s %-15s %-10s %10s %10s %10s %8s %9s %9s\n";

/* "-" for what was not measured. */
static const char *number(char text[TEXT_SIZE], const char *format, double value) {
    if (isnan(value))
        return "-";
    snprintf(text, TEXT_SIZE, format, value);
    return text;
}

/* "signed-binary/8" of regions of 8 channels. */
static const char *weights_text(char text[BENCH_NAME_SIZE], const bench_row *r) {
    const char *name = bench_weights_name((int)r->weights);
    if (!r->region)
        return name;
    snprintf(text, BENCH_NAME_SIZE, "%s/%d", name, r->region);
    return text;
}

static void print_text(const bench_row *r) {
    char weights[BENCH_NAME_SIZE];
    char batch[TEXT_SIZE], threads[TEXT_SIZE], density[TEXT_SIZE], us[TEXT_SIZE], least[TEXT_SIZE],
        alone[TEXT_SIZE], additions[TEXT_SIZE], best[TEXT_SIZE], direct[TEXT_SIZE];
    printf(layout, r->layer, number(batch, "%.0f", r->batch), number(threads, "%.0f", r->threads),
           number(density, "%.2f", r->density), weights_text(weights, r), r->form, r->form_used,
           number(us, "%.2f", r->us_median), number(least, "%.2f", r->us_min),
           number(alone, "%.2f", r->alone_us), number(additions, "%.1f", r->additions),
           number(best, "%.3f", r->others.best / r->us_median),
           number(direct, "%.3f", r->others.direct / r->us_median));
}

static json_t *real_or_null(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static sn_status print_json(const bench_row *r, sn_error *error) {
    const bench_others *o = &r->others;
    json_t *object =
        json_pack("{s:s, s:i, s:i, s:f, s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "layer", r->layer,
                  "batch", r->batch, "threads", r->threads, "density", r->density, "weights",
                  bench_weights_name((int)r->weights), "form", r->form, "isa", r->isa, "us_median",
                  real_or_null(r->us_median), "us_min", real_or_null(r->us_min), "onednn_best_us",
                  real_or_null(o->best), "onednn_direct_us", real_or_null(o->direct));
    json_t *more = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:i, s:o, s:o, s:i}",
        "onednn_winograd_us", real_or_null(o->winograd), "onednn_auto_us",
        real_or_null(o->automatic), "onednn_best_us_min", real_or_null(o->best_min),
        "onednn_direct_us_min", real_or_null(o->direct_min), "onednn_bf16_us",
        real_or_null(o->bf16), "onednn_int8_us", real_or_null(o->int8), "openblas_us",
        real_or_null(o->openblas), "torch_us", real_or_null(o->torch), "contest_density",
        real_or_null(r->contest_density), "alone_us", real_or_null(r->alone_us), "form_used",
        r->form_used, "group", r->group, "additions", real_or_null(r->additions), "predicted_us",
        real_or_null(r->predicted_us), "region_channels", r->region);
    char *text = NULL;
    if (object && more && json_object_update(object, more) == 0)
        text = json_dumps(object, JSON_REAL_PRECISION(6));
    json_decref(more);
    json_decref(object);
    SN_RETURN_IF(!text, error, SN_ERROR_MEMORY, "no memory for a row");
    puts(text);
    free(text);
    return SN_OK;
}

static void print_csv_number(FILE *csv, double value) {
    if (isfinite(value))
        fprintf(csv, ",%.6g", value);
    else
        fputc(',', csv);
}

static void print_csv(FILE *csv, const bench_row *r) {
    const bench_others *o = &r->others;
    fprintf(csv, "%s,%d,%d,%g,%s,%s,%s", r->layer, r->batch, r->threads, r->density,
            bench_weights_name((int)r->weights), r->form, r->isa);
    const double numbers[] = {
        r->us_median,       r->us_min,     o->best, o->direct, o->winograd, o->automatic,
        o->best_min,        o->direct_min, o->bf16, o->int8,   o->openblas, o->torch,
        r->contest_density, r->alone_us};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        print_csv_number(csv, numbers[i]);
    fprintf(csv, ",%s,%d", r->form_used, r->group);
    print_csv_number(csv, r->additions);
    print_csv_number(csv, r->predicted_us);
    fprintf(csv, ",%d", r->region);
    fputc('\n', csv);
    fflush(csv);
}

void bench_rows_begin(bench_rows *rows) {
    if (!rows->json)
        printf(layout, "layer", "batch", "threads", "density", "weights", "form", "runs as", "us",
               "us min", "us alone", "adds", "best/us", "direct/us");
    if (rows->csv)
        fputs("layer,batch,threads,density,weights,form,isa,us_median,us_min,onednn_best_us,"
              "onednn_direct_us,onednn_winograd_us,onednn_auto_us,onednn_best_us_min,"
              "onednn_direct_us_min,onednn_bf16_us,onednn_int8_us,"
              "openblas_us,torch_us,contest_density,alone_us,form_used,group,additions,"
              "predicted_us,region_channels\n",
              rows->csv);
}

sn_status bench_rows_add(bench_rows *rows, const bench_row *row, sn_error *error) {
    if (rows->count == rows->room) {
        const size_t room = rows->room ? 2 * rows->room : FIRST_ROOM;
        bench_row *grown = realloc(rows->rows, room * sizeof *grown);
        SN_RETURN_IF(!grown, error, SN_ERROR_MEMORY, "no memory for rows");
        rows->rows = grown;
        rows->room = room;
    }
    rows->rows[rows->count++] = *row;
    if (rows->csv)
        print_csv(rows->csv, row);
    if (rows->json)
        SN_TRY(print_json(row, error));
    else
        print_text(row);
    fflush(stdout);
    return SN_OK;
}

void bench_rows_other(const bench_rows *rows, const bench_row *of, const char *who, double us) {
    char batch[TEXT_SIZE], threads[TEXT_SIZE], time[TEXT_SIZE], best[TEXT_SIZE], direct[TEXT_SIZE];
    if (rows->json || isnan(us))
        return;
    printf(layout, of->layer, number(batch, "%.0f", of->batch),
           number(threads, "%.0f", of->threads), "", "", who, "", number(time, "%.2f", us), "", "",
           "", number(best, "%.3f", of->others.best / us),
           number(direct, "%.3f", of->others.direct / us));
}

void bench_rows_free(bench_rows *rows) {
    free(rows->rows);
    if (rows->csv)
        fclose(rows->csv);
    *rows = (bench_rows){0};
}

/* ---- summary ---- */

enum { BEST, DIRECT, TERNARY, BINARY, BINARY_SHARED, TORCH, RATIOS };

/* By medians, and by the fastest repetitions of both sides. */
typedef enum measure { MEDIAN, FASTEST, MEASURES } measure;

static const char *const ratio_names[RATIOS] = {"oneDNN best", "direct",        "own ternary",
                                                "own binary",  "binary shared", "PyTorch"};

/* Whether two rows of the same weights differ in the layer only. */
static bool same_setting(const bench_row *a, const bench_row *b) {
    return a->batch == b->batch && a->threads == b->threads && a->region == b->region &&
           a->contest_density == b->contest_density;
}

/* Whole networks whose weights have no density are in a contest of their own. */
static bool comparable(const bench_row *r, const bench_row *of) {
    const bool same = r->contest_density == of->contest_density ||
                      (r->contest_density == 1 && !bench_weights_have_density(r->weights));
    return same && r->batch == of->batch && r->threads == of->threads &&
           strcmp(r->layer, of->layer) == 0;
}

static double time_of(const bench_row *r, measure by) {
    return by == MEDIAN ? r->us_median : r->us_min;
}

/* The fastest row of these weights under a row's conditions; form NULL: any. */
static double fastest(const bench_rows *rows, const bench_row *of, bench_weights weights,
                      const char *form, measure by) {
    double least = NAN;
    for (size_t i = 0; i < rows->count; i++) {
        const bench_row *r = &rows->rows[i];
        if (comparable(r, of) && r->weights == weights && (!form || strcmp(r->form, form) == 0))
            least = fmin(least, time_of(r, by));
    }
    return least;
}

static void ratios_of(const bench_rows *rows, const bench_row *r, measure by,
                      double ratios[RATIOS]) {
    const bench_others *o = &r->others;
    const double times[RATIOS] = {
        by == MEDIAN ? o->best : o->best_min,         by == MEDIAN ? o->direct : o->direct_min,
        fastest(rows, r, BENCH_TERNARY, NULL, by),    fastest(rows, r, BENCH_BINARY, NULL, by),
        fastest(rows, r, BENCH_BINARY, "shared", by), o->torch};
    for (int i = 0; i < RATIOS; i++)
        ratios[i] = times[i] / time_of(r, by);
}

static void print_ratios(const char *name, const double ratios[RATIOS]) {
    printf("  %-22s", name);
    for (int i = 0; i < RATIOS; i++) {
        char text[TEXT_SIZE];
        printf(" %14s", number(text, "%.3f", ratios[i]));
    }
    putchar('\n');
}

static bool is_subject(const bench_row *r, bench_weights weights) {
    return r->weights == weights && strcmp(r->form, "auto") == 0;
}

/* The geometric means over those of the seven that are there. */
static void print_means(const bench_rows *rows, const bench_row *first, measure by) {
    double logs[RATIOS] = {0}, ratios[RATIOS];
    int count = 0;
    for (const bench_row *r = first; r < rows->rows + rows->count; r++) {
        if (!is_subject(r, first->weights) || !same_setting(r, first) ||
            !bench_shape_is_of_seven(r->layer))
            continue;
        ratios_of(rows, r, by, ratios);
        count++;
        for (int i = 0; i < RATIOS; i++)
            logs[i] += log(ratios[i]);
    }
    if (count == 0)
        return;
    for (int i = 0; i < RATIOS; i++)
        ratios[i] = exp(logs[i] / count);
    char name[BENCH_NAME_SIZE];
    snprintf(name, sizeof name, "mean of %d%s", count, by == FASTEST ? ", fastest" : "");
    print_ratios(name, ratios);
}

/* Rows like `first` in all but the layer. */
static void print_group(const bench_rows *rows, const bench_row *first) {
    char weights[BENCH_NAME_SIZE];
    double ratios[RATIOS];
    printf("\n%s, auto: batch %d, threads %d, density %g\n  %-22s", weights_text(weights, first),
           first->batch, first->threads, first->contest_density, "time / ours");
    for (int i = 0; i < RATIOS; i++)
        printf(" %14s", ratio_names[i]);
    putchar('\n');
    for (const bench_row *r = first; r < rows->rows + rows->count; r++) {
        if (!is_subject(r, first->weights) || !same_setting(r, first))
            continue;
        ratios_of(rows, r, MEDIAN, ratios);
        print_ratios(r->layer, ratios);
    }
    for (int by = 0; by < MEASURES; by++)
        print_means(rows, first, (measure)by);
}

void bench_rows_summarise(const bench_rows *rows) {
    static const bench_weights subjects[] = {BENCH_SIGNED_BINARY, BENCH_SIGNED_BINARY_CENTERED,
                                             BENCH_SIGNED_BINARY_INPUT_CENTERED};
    if (rows->json)
        return;
    for (size_t s = 0; s < sizeof subjects / sizeof *subjects; s++) {
        for (size_t i = 0; i < rows->count; i++) {
            bool is_first = is_subject(&rows->rows[i], subjects[s]);
            for (size_t j = 0; j < i && is_first; j++)
                is_first = !is_subject(&rows->rows[j], subjects[s]) ||
                           !same_setting(&rows->rows[i], &rows->rows[j]);
            if (is_first)
                print_group(rows, &rows->rows[i]);
        }
    }
}
