/* What bench/infer measured: printed as a table, CSV or JSON lines, and summed up. */
#ifndef SN_BENCH_INFER_ROWS_H
#define SN_BENCH_INFER_ROWS_H

#include "infer_conv.h"

#include <stdio.h>

enum { BENCH_NAME_SIZE = 48 };

/* Microseconds for an image, medians unless they say otherwise; NAN: not measured. */
typedef struct bench_others {
    double best, direct, winograd, automatic; /* oneDNN, fp32 */
    double best_min, direct_min;              /* the fastest repetitions of those */
    double bf16, int8;                        /* oneDNN */
    double openblas, torch;
} bench_others;

typedef struct bench_row {
    char layer[BENCH_NAME_SIZE];
    int batch, threads;
    double density; /* share of effectual weights asked for; 1 for weights without zeros */
    bench_weights weights;
    int region;             /* input channels of a region; 0: all, or weights without regions */
    const char *form, *isa; /* form: as asked for */
    double us_median, us_min;
    bench_others others;
    /* What is not among the keys that everybody knows. */
    double contest_density; /* of the contest that the row is from: compare within one contest */
    double alone_us;        /* one-layer model, plain image in and out */
    const char *form_used;
    int group;
    double additions;
    double predicted_us;
} bench_row;

typedef struct bench_rows {
    bench_row *rows;
    size_t count, room;
    bool json;
    FILE *csv; /* NULL: none */
} bench_rows;

/* Headings, where there are any. */
void bench_rows_begin(bench_rows *rows);

/* Prints the row at once, and keeps it for the summary. */
sn_status bench_rows_add(bench_rows *rows, const bench_row *row, sn_error *error);

/* One line of the table for what is not ours. Nothing for NAN, and nothing as JSON. */
void bench_rows_other(const bench_rows *rows, const bench_row *of, const char *who, double us);

/* Text only: for each number of images, threads and density the ratios of others' times to those of
 * our signed-binary layers, layer by layer, and their geometric means over the seven. */
void bench_rows_summarise(const bench_rows *rows);

void bench_rows_free(bench_rows *rows);

#endif
