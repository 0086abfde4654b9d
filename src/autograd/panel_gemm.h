/* The register-blocked matrix product of Winograd and implicit GEMM: C (+)= A B, on the calling
 * thread.
 *
 * Columns are whole vectors, cut into panels of two vectors; the last panel may have one. A packed
 * matrix stores panel after panel, each [count][its columns], so that a panel is read front to
 * back. Every element of C is one chain of multiply-adds in the order of the steps. Its bits do not
 * depend on how the rows, or with `add` the steps, are cut into calls.
 */
#ifndef SN_AUTOGRAD_PANEL_GEMM_H
#define SN_AUTOGRAD_PANEL_GEMM_H

#include "autograd/lane_layout.h"

enum {
    SN_PANEL = 2 * SN_LANES, /* columns of a panel */
    /* Rows that fit the registers beside a panel of two vectors; `rows` is best a multiple. */
    SN_REGISTER_ROWS = SN_LANES == 16 ? 12 : 6
};

typedef struct sn_panel_gemm {
    size_t rows, steps;
    size_t groups;        /* vectors of columns */
    size_t a_row, a_step; /* strides of A[row][step], in elements; one of the two is 1 */
    size_t b_stride;      /* of B from step to step; 0: B is packed, [steps] */
    size_t c_stride;      /* of C from row to row; 0: C is packed, [rows] */
    bool add;             /* C += instead of C = */
} sn_panel_gemm;

void sn_panel_multiply(const sn_panel_gemm *gemm, const sn_real *a, const sn_real *b, sn_real *c);

/* Where element [index][column] of a packed matrix with `count` rows and `groups` vectors lies. */
static inline size_t sn_packed_at(size_t count, size_t groups, size_t index, size_t column) {
    const size_t panel = column / SN_PANEL;
    const size_t width = groups - 2 * panel == 1 ? SN_LANES : SN_PANEL;
    return panel * SN_PANEL * count + index * width + column % SN_PANEL;
}

#endif
