/* GEMM on the number type of training. */
#ifndef SN_AUTOGRAD_REAL_H
#define SN_AUTOGRAD_REAL_H

#include "base/real.h"

#include <cblas.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct sn_matrix {
    const sn_real *data; /* row major */
    size_t stride;       /* elements from row to row as stored */
    bool transposed;     /* the operand is the transpose of what is stored */
} sn_matrix;

/* c[m][n] = a[m][k] b[k][n] + beta c, row major, on the calling thread alone. */
static inline void sn_gemm(size_t m, size_t n, size_t k, sn_matrix a, sn_matrix b, sn_real beta,
                           sn_real *c, size_t c_stride) {
    const enum CBLAS_TRANSPOSE a_order = a.transposed ? CblasTrans : CblasNoTrans;
    const enum CBLAS_TRANSPOSE b_order = b.transposed ? CblasTrans : CblasNoTrans;
#ifdef SN_REAL_DOUBLE
    cblas_dgemm
#else
    cblas_sgemm
#endif
        (CblasRowMajor, a_order, b_order, (blasint)m, (blasint)n, (blasint)k, 1, a.data,
         (blasint)a.stride, b.data, (blasint)b.stride, beta, c, (blasint)c_stride);
}

#endif
