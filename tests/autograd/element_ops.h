/* Ops for tests that work number by number. The engine has neither: sums and activations are fused
 * into batch-norm. Here they join branches of a graph, and show the table of activations alone. */
#ifndef SN_TESTS_ELEMENT_OPS_H
#define SN_TESTS_ELEMENT_OPS_H

#include "autograd/ops.h"

/* y = a + b, equal shapes. */
sn_status element_sum(sn_graph *graph, sn_tensor *a, sn_tensor *b, sn_tensor **y, sn_error *error);

/* y = activation(x). slope: [C] for x[N][C][H][W] where the activation has one, otherwise NULL. */
sn_status element_activation(sn_graph *graph, sn_tensor *x, sn_tensor *slope,
                             sn_activation activation, sn_tensor **y, sn_error *error);

#endif
