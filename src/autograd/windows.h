/* Convolutions of any window, stride and padding, on activations in vectors of channels: the
 * windows of a block of outputs are gathered as the rows of a matrix and multiplied by the weights.
 *
 * Backward data of stride s is s^2 convolutions of dy with stride 1, one for each remainder of
 * dx's coordinates modulo s, with the taps that can reach those pixels: nothing is multiplied by
 * zeros that a stride would put in, and no sum is ever folded back from windows.
 *
 * The input may be plain, a [N][C][H][W] array of numbers: so it is in the first layer, whose few
 * channels would fill a vector badly. Then there is no backward data.
 *
 * A call works on the images of one slice, on the calling thread, without allocating. No bit of a
 * result depends on how images are cut into slices; sums over images run in their order. With a
 * bf16 layout numbers are converted when loaded and rounded when stored, nowhere else.
 */
#ifndef SN_AUTOGRAD_WINDOWS_H
#define SN_AUTOGRAD_WINDOWS_H

#include "autograd/lanes.h"

typedef struct sn_windows {
    size_t channels, filters;     /* of x and of y */
    size_t height, width;         /* of x */
    size_t rows, columns;         /* of a window */
    size_t stride, padding;       /* along both axes */
    size_t out_height, out_width; /* of y */
    bool plain;                   /* of x's layout, only image_stride counts */
    sn_lane_layout x, y;          /* also of dx and dy */
} sn_windows;

/* Elements of the arranged weights: for forward (and their gradient), for backward data. */
size_t sn_windows_forward_count(const sn_windows *w);
size_t sn_windows_backward_count(const sn_windows *w);

/* Arranges weight[K][C][rows][columns]. The work has sn_windows_weight_items(w) independent items,
 * of which a call does [first, last). u_backward may be NULL. */
size_t sn_windows_weight_items(const sn_windows *w);
void sn_windows_weights(const sn_windows *w, const sn_real *weight, size_t first, size_t last,
                        sn_real *u_forward, sn_real *u_backward);

/* Bytes of the workspace of one thread, enough for each of the next three. */
size_t sn_windows_workspace(const sn_windows *w);

void sn_windows_forward(const sn_windows *w, size_t images, const void *x, const sn_real *u_forward,
                        void *y, void *workspace);

/* dx = or, with `add`, dx +=. x must not be plain. */
void sn_windows_backward_data(const sn_windows *w, size_t images, const void *dy,
                              const sn_real *u_backward, void *dx, bool add, void *workspace);

/* du (sn_windows_forward_count elements) += the slice's sum; the caller zeroes it first. */
void sn_windows_backward_weights(const sn_windows *w, size_t images, const void *x, const void *dy,
                                 sn_real *du, void *workspace);

/* dweight[K][C][rows][columns] = or += the sum of `count` arrays du, in their order. Of
 * sn_windows_finish_items(w) independent items a call does [first, last). */
size_t sn_windows_finish_items(const sn_windows *w);
void sn_windows_finish_weights(const sn_windows *w, const sn_real *const *du, size_t count,
                               size_t first, size_t last, sn_real *dweight, bool add);

#endif
