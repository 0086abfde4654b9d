/* Ops for tests of the order of execution: they compute very little, in phases of every kind. */
#ifndef SN_TESTS_PROGRAM_OPS_H
#define SN_TESTS_PROGRAM_OPS_H

#include "autograd/op.h"

#include <stdatomic.h>

/* How y = 2 x is computed, and its gradient. */
typedef enum twice_kind {
    TWICE_EARLY, /* ahead, and late in backward, as quantizers do */
    TWICE_TOGETHER,
    TWICE_IMAGES,
    TWICE_KINDS
} twice_kind;

sn_status twice(sn_graph *graph, sn_tensor *x, twice_kind kind, sn_tensor **y, sn_error *error);

enum { MAX_WITNESSED = 32 };

/* What one direction of an op over images has been asked to do. */
typedef struct witnessed {
    atomic_int visits[MAX_WITNESSED]; /* of each image */
    int thread[MAX_WITNESSED];        /* who came last */
    atomic_int starts[MAX_WITNESSED]; /* of each thread: calls with is_start */
    atomic_int late_starts;           /* such calls after others of that thread */
    atomic_int calls[MAX_WITNESSED];
    size_t largest[MAX_WITNESSED]; /* of each thread: images in one call */
} witnessed;

/* y = x. */
sn_status witness(sn_graph *graph, sn_tensor *x, witnessed *forward, witnessed *backward,
                  sn_tensor **y, sn_error *error);

#endif
