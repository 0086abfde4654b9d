/* Implicit GEMM: convolutions of any kernel size, stride and padding, on activations in a lane
 * layout. The windows of one block of outputs at a time are gathered as the rows of a matrix and
 * multiplied by the weights. The whole im2col matrix never exists.
 *
 * Backward data with stride s is s^2 convolutions of dy with stride 1: one for each remainder of
 * dx's coordinates modulo s, with the taps that reach those pixels. No zeros are inserted, and no
 * sums are scattered back from windows.
 *
 * The input may be plain, [N][C][H][W]. The first layer's is, because a few channels would leave
 * most lanes empty. A plain input has no backward data.
 *
 * A call works on the images of one slice, on the calling thread, without allocating. Results do
 * not depend on how images are cut into slices; sums over images run in their order. With a bf16
 * layout numbers are converted when they are loaded and rounded when they are stored.
 */
#ifndef SN_AUTOGRAD_IMPLICIT_GEMM_H
#define SN_AUTOGRAD_IMPLICIT_GEMM_H

#include "autograd/thread_sums.h"

typedef struct sn_implicit_gemm {
    size_t channels, filters;     /* of x and of y */
    size_t height, width;         /* of x */
    size_t rows, columns;         /* of a window */
    size_t stride, padding;       /* along both axes */
    size_t out_height, out_width; /* of y */
    bool plain;                   /* of x's layout, only image_stride counts */
    sn_lane_layout x, y;          /* also of dx and dy */
} sn_implicit_gemm;

/* Elements of the arranged weights: for forward (and their gradient), for backward data. */
size_t sn_implicit_gemm_forward_count(const sn_implicit_gemm *w);
size_t sn_implicit_gemm_backward_count(const sn_implicit_gemm *w);

/* Arranges weight[K][C][rows][columns]. The work has sn_implicit_gemm_weight_items(w) independent
 * items, of which a call does [first, last). u_backward may be NULL. */
size_t sn_implicit_gemm_weight_items(const sn_implicit_gemm *w);
void sn_implicit_gemm_weights(const sn_implicit_gemm *w, const sn_real *weight, size_t first,
                              size_t last, sn_real *u_forward, sn_real *u_backward);

/* Bytes of the workspace of one thread, enough for each of the next three. */
size_t sn_implicit_gemm_workspace(const sn_implicit_gemm *w);

void sn_implicit_gemm_forward(const sn_implicit_gemm *w, size_t images, const void *x,
                              const sn_real *u_forward, void *y, void *workspace);

/* dx = or, with `add`, dx +=. x must not be plain. */
void sn_implicit_gemm_backward_data(const sn_implicit_gemm *w, size_t images, const void *dy,
                                    const sn_real *u_backward, void *dx, bool add, void *workspace);

/* du (sn_implicit_gemm_forward_count elements) += the slice's sum; the caller zeroes it first. */
void sn_implicit_gemm_backward_weights(const sn_implicit_gemm *w, size_t images, const void *x,
                                       const void *dy, sn_real *du, void *workspace);

/* dweight[K][C][rows][columns] = or += the threads' total of du. The work has
 * sn_implicit_gemm_join_items(w) independent items, of which a call does [first, last). */
size_t sn_implicit_gemm_join_items(const sn_implicit_gemm *w);
void sn_implicit_gemm_join_weights(const sn_implicit_gemm *w, const sn_thread_sums *du,
                                   size_t first, size_t last, sn_real *dweight, bool add);

#endif
