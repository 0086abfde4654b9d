/* What others make of a convolution with bias and ReLU.
 *
 * oneDNN: bias and ReLU in the same primitive, memory in the formats that oneDNN prefers, weights
 * and images put into them beforehand. Batch-norm's factors are in the weights, for integers in the
 * factors that turn sums into outputs. OpenBLAS: im2col of each image and sgemm, then bias and
 * ReLU. */
#ifndef SN_BENCH_INFER_BASELINE_H
#define SN_BENCH_INFER_BASELINE_H

#include "infer_contest.h"
#include "infer_conv.h"

#include <stdbool.h>

typedef enum bench_onednn_kind {
    BENCH_ONEDNN_DIRECT,
    BENCH_ONEDNN_WINOGRAD,
    BENCH_ONEDNN_AUTO,
    BENCH_ONEDNN_BF16, /* weights and images, by whatever algorithm oneDNN chooses */
    BENCH_ONEDNN_INT8, /* images in 8 bits without sign, weights in 8 bits */
    BENCH_ONEDNN_KINDS
} bench_onednn_kind;

const char *bench_onednn_name(bench_onednn_kind kind);

/* Version and instruction set; "not built in" without it. */
const char *bench_onednn_about(void);

/* Why this processor does not do this kind in hardware, NULL when it does. */
const char *bench_onednn_lacks(bench_onednn_kind kind);

/* A batch consists of these images in turn. */
typedef struct bench_baseline_setup {
    const bench_conv *conv;  /* fp32 */
    int images;              /* different ones */
    float *const *image;     /* [images] */
    double *const *expected; /* [images] */
    int batch, threads;
} bench_baseline_setup;

/* Makes the contestant and verifies it. One that oneDNN has no implementation for stays all zero.
 */
sn_status bench_onednn_create(const bench_baseline_setup *setup, bench_onednn_kind kind,
                              bench_contestant *made, sn_error *error);

sn_status bench_blas_create(const bench_baseline_setup *setup, bench_contestant *made,
                            sn_error *error);

#endif
