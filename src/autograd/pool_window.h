/* The windows of a pooling op. */
#ifndef SN_AUTOGRAD_POOL_WINDOW_H
#define SN_AUTOGRAD_POOL_WINDOW_H

#include "autograd/op.h"

/* Checks the attributes (sn_pool_attributes) and sets the output's shape. */
sn_status sn_pool_window_shape(sn_node *node, sn_error *error);

/* The part of the window of output pixel (oy, ox) that lies inside the image: [y0, y1) x [x0, x1).
 * Never empty. */
typedef struct sn_pool_window {
    size_t y0, y1, x0, x1;
} sn_pool_window;

sn_pool_window sn_pool_window_at(const sn_node *node, size_t oy, size_t ox);

/* One group of channels of one image, for ops that take any layout. */
typedef struct sn_pool_window_group {
    const sn_lane_layout *in, *out;
    size_t x0, y0; /* where it begins in the part's images, in elements */
} sn_pool_window_group;

typedef void sn_pool_window_visit(const sn_node *node, const sn_part *part,
                                  const sn_pool_window_group *group);

/* Calls `visit` for each group of the part's images, which have a lane layout. */
void sn_pool_window_groups(const sn_node *node, const sn_part *part, sn_pool_window_visit *walk);

/* Likewise for the gradient of input 0, which is cleared unless it is added to. */
void sn_pool_window_groups_back(const sn_node *node, const sn_part *part,
                                sn_pool_window_visit *walk);

#endif
