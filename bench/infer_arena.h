/* One contest: all that competes for a layer or a network under the same conditions. */
#ifndef SN_BENCH_INFER_ARENA_H
#define SN_BENCH_INFER_ARENA_H

#include "infer_baseline.h"
#include "infer_ours.h"
#include "infer_rows.h"

enum { BENCH_LIST = 16 };

typedef struct bench_plan {
    int batch[BENCH_LIST], threads[BENCH_LIST];
    double density[BENCH_LIST];
    int region[BENCH_LIST]; /* of weights that have regions; 0: whole filters */
    size_t batches, thread_counts, densities, regions;
    bool weights[BENCH_WEIGHTS];
    bool form[SN_INFER_FORM_COUNT];
    sn_infer_isa isa;
    size_t rounds;
    double seconds; /* of a slice */
    uint64_t seed;
    bool per_layer;     /* of networks */
    bool others;        /* oneDNN and OpenBLAS compete, too */
    const char *python; /* with PyTorch; NULL: PyTorch does not compete */
    const char *script; /* torch_infer.py */
} bench_plan;

/* Everything else than ours for one shape. */
typedef struct bench_baseline {
    bench_conv conv;
    float *image[BENCH_IMAGES];
    double *expected[BENCH_IMAGES];
} bench_baseline;

enum { BENCH_BLAS = BENCH_ONEDNN_KINDS, BENCH_BASELINES };

sn_status bench_baseline_create(const bench_shape *shape, uint64_t seed, bench_baseline *made,
                                sn_error *error);
void bench_baseline_free(bench_baseline *baseline);

/* Fills contestants[BENCH_BASELINES], zero where something is not available. */
sn_status bench_baseline_enter(const bench_baseline *baseline, int batch, int threads,
                               bench_contestant *contestants, sn_error *error);

/* Medians for an image of what bench_baseline_enter has entered. */
bench_others bench_baseline_times(const bench_contestant *contestants, int batch);

/* Every combination of the plan for a layer. */
sn_status bench_layer(const bench_plan *plan, const bench_shape *shape, bench_rows *rows,
                      sn_error *error);

/* "resnet20" or "resnet18" with random weights; or, with a path, a packed model. */
sn_status bench_network(const bench_plan *plan, const char *name, const char *path,
                        bench_rows *rows, sn_error *error);

/* PyTorch in a process of its own, which answers each line with the seconds of one run. */
sn_status bench_torch_create(const bench_plan *plan, const char *network, int batch, int threads,
                             bench_contestant *made, sn_error *error);

/* A row without names, weights and times. */
bench_row bench_row_of(const bench_contestant *ours, int layer, sn_infer_form form, int batch,
                       int threads);

#endif
