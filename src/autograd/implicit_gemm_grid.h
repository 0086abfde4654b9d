/* Which source pixels an output's window covers. Shared by the files of implicit_gemm.h. */
#ifndef SN_AUTOGRAD_IMPLICIT_GEMM_GRID_H
#define SN_AUTOGRAD_IMPLICIT_GEMM_GRID_H

#include "autograd/implicit_gemm.h"

/* Outputs (j, i), j < rows, i < columns. Tap (r, s) of output (j, i) reads the source's pixel
 * (first_y + j step + r direction, first_x + i step + s direction), zero if outside. */
typedef struct sn_implicit_gemm_grid {
    size_t rows, columns;
    size_t taps_y, taps_x;
    size_t step;
    ptrdiff_t first_y, first_x;
    int direction;
} sn_implicit_gemm_grid;

sn_implicit_gemm_grid sn_implicit_gemm_forward_grid(const sn_implicit_gemm *w);

/* The pixels of dx with these remainders modulo the stride as outputs, dy as the source. The
 * window's tap (r, s) there is tap (first + r stride, first + s stride) of the weight, where the
 * two firsts are sn_implicit_gemm_first_tap of the remainders. */
sn_implicit_gemm_grid sn_implicit_gemm_backward_grid(const sn_implicit_gemm *w, size_t remainder_y,
                                                     size_t remainder_x);
size_t sn_implicit_gemm_first_tap(const sn_implicit_gemm *w, size_t remainder);

static inline size_t sn_implicit_gemm_padded(size_t channels) {
    return sn_lane_groups(channels) * SN_LANES;
}

#endif
