/* What the ops that work number by number share: they keep their input's shape. */
#ifndef SN_AUTOGRAD_ELEMENTWISE_H
#define SN_AUTOGRAD_ELEMENTWISE_H

#include "autograd/op.h"

/* The output has the shape of input 0. */
sn_status sn_elementwise_shape(sn_node *node, const sn_run *run, sn_error *error);

/* Numbers in the images of the part. */
size_t sn_elementwise_count(const sn_node *node, const sn_part *part);

#endif
