/* What the engines' convolutions have in common. */
#ifndef SN_AUTOGRAD_CONV2D_H
#define SN_AUTOGRAD_CONV2D_H

#include "autograd/op.h"

typedef struct sn_conv2d_geometry {
    size_t n, c, h, w; /* input */
    size_t k, r, s;    /* weight */
    size_t oh, ow;     /* output */
    size_t stride, padding;
    size_t taps, pixels; /* C R S and OH OW */
} sn_conv2d_geometry;

sn_conv2d_geometry sn_conv2d_geometry_of(const sn_node *node);

/* Checks the operands and sets the output's shape. */
sn_status sn_conv2d_shape(sn_node *node, sn_error *error);

/* "3x3/2": kernel and stride. */
void sn_conv2d_describe(const sn_node *node, char *text, size_t size);

/* Adds the bias's gradient from `images` images of dy, in a lane layout, to sums[K], padded to
 * whole lanes. */
void sn_conv2d_sum_bias(const sn_node *node, size_t images, const void *dy, sn_real *sums);

#endif
