/* The windows of a pooling op. */
#ifndef SN_AUTOGRAD_WINDOW_H
#define SN_AUTOGRAD_WINDOW_H

#include "autograd/op.h"

/* Checks the attributes (sn_pool_attributes) and sets the output's shape. */
sn_status sn_window_shape(sn_node *node, sn_error *error);

/* The part of the window of output pixel (oy, ox) that lies inside the image: [y0, y1) x [x0, x1).
 * Never empty. */
typedef struct sn_window {
    size_t y0, y1, x0, x1;
} sn_window;

sn_window sn_window_at(const sn_node *node, size_t oy, size_t ox);

#endif
