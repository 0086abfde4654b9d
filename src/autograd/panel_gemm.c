#include "autograd/panel_gemm.h"

#if defined(__FMA__) && !defined(SN_REAL_DOUBLE)
#include <immintrin.h>
#endif

/* sum + left * right. A compiler may round the product or not, and may choose differently for each
 * block shape. Results would then depend on how rows are cut. The intrinsic leaves it no choice;
 * without the instruction strict C does not either. */
SN_INLINE sn_vec multiply_add(sn_vec left, sn_vec right, sn_vec sum) {
#if defined(__AVX512F__) && !defined(SN_REAL_DOUBLE)
    return (sn_vec)_mm512_fmadd_ps((__m512)left, (__m512)right, (__m512)sum);
#elif defined(__FMA__) && !defined(SN_REAL_DOUBLE)
    return (sn_vec)_mm256_fmadd_ps((__m256)left, (__m256)right, (__m256)sum);
#else
    return sum + left * right;
#endif
}

/* One panel of the operands. */
typedef struct panel {
    size_t steps, a_row, a_step, b_stride, c_stride;
    bool add;
} panel;

enum { MAX_ROWS = 12 };

/* Keeps rows x vectors of C in registers through all steps. Both are constants here, and so is the
 * stride of A that is 1. */
SN_INLINE void block(const panel *p, const sn_real *a, size_t a_row, size_t a_step,
                     const sn_real *b, sn_real *c, size_t rows, size_t vectors) {
    const size_t b_stride = p->b_stride, c_stride = p->c_stride;
    sn_vec sum[MAX_ROWS][2];
#pragma GCC unroll 12
    for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 2
        for (size_t j = 0; j < vectors; j++)
            sum[i][j] =
                p->add ? sn_vec_load(c + i * c_stride + j * SN_LANES) : sn_vec_all((sn_real)0);
    for (size_t step = p->steps; step > 0; step--) {
        sn_vec right[2];
#pragma GCC unroll 2
        for (size_t j = 0; j < vectors; j++)
            right[j] = sn_vec_load(b + j * SN_LANES);
#pragma GCC unroll 12
        for (size_t i = 0; i < rows; i++) {
            const sn_vec left = sn_vec_all(a[i * a_row]);
#pragma GCC unroll 2
            for (size_t j = 0; j < vectors; j++)
                sum[i][j] = multiply_add(left, right[j], sum[i][j]);
        }
        a += a_step;
        b += b_stride;
    }
#pragma GCC unroll 12
    for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 2
        for (size_t j = 0; j < vectors; j++)
            sn_vec_store(c + i * c_stride + j * SN_LANES, sum[i][j]);
}

/* Calls block with a constant number of rows; fewer than `most` remain. */
SN_INLINE void remainder_block(const panel *p, const sn_real *a, size_t a_row, size_t a_step,
                               const sn_real *b, sn_real *c, size_t rows, size_t vectors,
                               size_t most) {
#define SN_CASE(count)                                                                             \
    case count:                                                                                    \
        if ((count) < most)                                                                        \
            block(p, a, a_row, a_step, b, c, count, vectors);                                      \
        break
    switch (rows) {
        SN_CASE(1);
        SN_CASE(2);
        SN_CASE(3);
        SN_CASE(4);
        SN_CASE(5);
        SN_CASE(6);
        SN_CASE(7);
        SN_CASE(8);
        SN_CASE(9);
        SN_CASE(10);
        SN_CASE(11);
    default:
        break;
    }
#undef SN_CASE
}

SN_INLINE void all_rows(const panel *p, size_t rows, const sn_real *a, size_t a_row, size_t a_step,
                        const sn_real *b, sn_real *c, size_t vectors, size_t most) {
    /* Two half-full blocks at the end keep the multipliers busier than a full and a tiny one. */
    const size_t rest = rows % most;
    const bool balance = rows > most && rest > 0 && 2 * rest <= most;
    for (size_t full = rows / most - balance; full > 0; full--) {
        block(p, a, a_row, a_step, b, c, most, vectors);
        a += most * a_row;
        c += most * p->c_stride;
    }
    size_t left = rest;
    if (balance) {
        const size_t half = (most + rest) / 2;
        remainder_block(p, a, a_row, a_step, b, c, half, vectors, most);
        a += half * a_row;
        c += half * p->c_stride;
        left = most + rest - half;
    }
    remainder_block(p, a, a_row, a_step, b, c, left, vectors, most);
}

static void wide_panel_of_rows(const panel *p, size_t rows, const sn_real *a, const sn_real *b,
                               sn_real *c) {
    all_rows(p, rows, a, p->a_row, 1, b, c, 2, SN_REGISTER_ROWS);
}

static void wide_panel_of_columns(const panel *p, size_t rows, const sn_real *a, const sn_real *b,
                                  sn_real *c) {
    all_rows(p, rows, a, 1, p->a_step, b, c, 2, SN_REGISTER_ROWS);
}

static void narrow_panel_of_rows(const panel *p, size_t rows, const sn_real *a, const sn_real *b,
                                 sn_real *c) {
    all_rows(p, rows, a, p->a_row, 1, b, c, 1, MAX_ROWS);
}

static void narrow_panel_of_columns(const panel *p, size_t rows, const sn_real *a, const sn_real *b,
                                    sn_real *c) {
    all_rows(p, rows, a, 1, p->a_step, b, c, 1, MAX_ROWS);
}

void sn_panel_multiply(const sn_panel_gemm *gemm, const sn_real *a, const sn_real *b, sn_real *c) {
    for (size_t group = 0; group < gemm->groups; group += 2) {
        const bool wide = gemm->groups - group > 1;
        const size_t width = wide ? SN_PANEL : SN_LANES;
        const panel p = {.steps = gemm->steps,
                         .a_row = gemm->a_row,
                         .a_step = gemm->a_step,
                         .b_stride = gemm->b_stride ? gemm->b_stride : width,
                         .c_stride = gemm->c_stride ? gemm->c_stride : width,
                         .add = gemm->add};
        if (wide)
            (gemm->a_step == 1 ? wide_panel_of_rows : wide_panel_of_columns)(&p, gemm->rows, a, b,
                                                                             c);
        else
            (gemm->a_step == 1 ? narrow_panel_of_rows : narrow_panel_of_columns)(&p, gemm->rows, a,
                                                                                 b, c);
        b += gemm->b_stride ? width : width * gemm->steps;
        c += gemm->c_stride ? width : width * gemm->rows;
    }
}
