/* 3x3 convolutions with stride 1 and padding 1 by Winograd's F(2x2, 3x3) (Lavin and Gray, arXiv
 * 1509.09308), on activations in a lane layout.
 *
 * A Winograd tile is 2x2 outputs, Y = A^T [(G g G^T) . (B^T d B)] A of a 4x4 patch d. That takes 16
 * multiplications; the sum over taps takes 36. Each of the 16 positions is a matrix product over
 * channels. Backward data is the same convolution of dy, with the weights flipped and transposed.
 * Backward weights is the adjoint in g: tiles are summed in the transformed domain and transformed
 * back once, by sn_winograd_join_weights.
 *
 * A call works on the images of one slice, on the calling thread, without allocating. Results do
 * not depend on how images are cut into slices; sums over images run in their order. With a bf16
 * layout numbers are converted when they are loaded and rounded when they are stored.
 */
#ifndef SN_AUTOGRAD_WINOGRAD_H
#define SN_AUTOGRAD_WINOGRAD_H

#include "autograd/thread_sums.h"

typedef struct sn_winograd {
    size_t channels, filters; /* of x and of y */
    size_t height, width;     /* of both */
    sn_lane_layout x, y;      /* also of dx and dy */
} sn_winograd;

/* Elements of the transformed weights: for forward (and their gradient), for backward data. */
size_t sn_winograd_forward_count(const sn_winograd *w);
size_t sn_winograd_backward_count(const sn_winograd *w);

/* Transforms weight[K][C][3][3]. The work has sn_winograd_weight_items(w) independent items, of
 * which a call does [first, last). u_backward may be NULL. */
size_t sn_winograd_weight_items(const sn_winograd *w);
void sn_winograd_weights(const sn_winograd *w, const sn_real *weight, size_t first, size_t last,
                         sn_real *u_forward, sn_real *u_backward);

/* Bytes of the workspace of one thread, enough for each of the next three. */
size_t sn_winograd_workspace(const sn_winograd *w);

void sn_winograd_forward(const sn_winograd *w, size_t images, const void *x,
                         const sn_real *u_forward, void *y, void *workspace);

/* dx = or, with `add`, dx +=. */
void sn_winograd_backward_data(const sn_winograd *w, size_t images, const void *dy,
                               const sn_real *u_backward, void *dx, bool add, void *workspace);

/* du (sn_winograd_forward_count elements) += the slice's sum; the caller zeroes it first. */
void sn_winograd_backward_weights(const sn_winograd *w, size_t images, const void *x,
                                  const void *dy, sn_real *du, void *workspace);

/* dweight[K][C][3][3] = or += the threads' total of du, transformed back. The work has
 * sn_winograd_join_items(w) independent items, of which a call does [first, last). */
size_t sn_winograd_join_items(const sn_winograd *w);
void sn_winograd_join_weights(const sn_winograd *w, const sn_thread_sums *du, size_t first,
                              size_t last, sn_real *dweight, bool add);

#endif
