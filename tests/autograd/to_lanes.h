/* An op for tests: copies a plain tensor into another layout, so that the next op gets activations
 * in a lane layout; and copies the gradient back. */
#ifndef SN_TESTS_TO_LANES_H
#define SN_TESTS_TO_LANES_H

#include "autograd/op.h"

/* x is [N, C, H, W]; bf16 in single precision only. */
sn_status to_lanes(sn_graph *graph, sn_tensor *x, sn_layout layout, bool bf16, sn_tensor **y,
                   sn_error *error);

/* How many numbers in the paddings of `rows` images at `stored` are not zero. */
size_t count_dirty_paddings(const sn_tensor *tensor, const void *stored, size_t rows);

/* Likewise, in all gradients that the op has been given since the last call. */
size_t take_dirty_gradients(void);

#endif
