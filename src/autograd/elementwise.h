/* What the ops that work number by number share: they keep their input's shape and do not care how
 * the tensor is laid out. */
#ifndef SN_AUTOGRAD_ELEMENTWISE_H
#define SN_AUTOGRAD_ELEMENTWISE_H

#include "autograd/op.h"

/* The output has the shape and the format of input 0. */
sn_status sn_elementwise_shape(sn_node *node, int threads, sn_error *error);

/* Runs `function` on [first, last) of 0 .. count, a chunk for each thread. */
void sn_elementwise_run(const sn_node *node, const sn_run *run,
                        void (*function)(const sn_node *node, size_t first, size_t last));

#endif
