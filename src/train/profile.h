/* Where the time of a training step goes, and how much work is in it.
 *
 * Work is counted from shapes: multiply-adds, each as two, of direct convolution and of linear
 * layers; and bytes of operands, each read and written once by each op and direction.
 */
#ifndef SN_TRAIN_PROFILE_H
#define SN_TRAIN_PROFILE_H

#include "autograd/op.h"

typedef struct sn_work {
    double flops, bytes;
} sn_work;

/* Of one direction. Backward: of the gradients that the graph wants; 0 where it wants none. */
sn_work sn_node_work(const sn_node *node, bool backward);

/* The least that a training step has to do: direct convolution, and traffic to memory if each run
 * of ops between two barriers reads and writes every value and gradient that has room for the whole
 * batch at most once, and finds nothing in the caches that an earlier run left there. */
sn_status sn_graph_floor(const sn_graph *graph, sn_work *floor, sn_error *error);

enum { SN_PROFILE_SHAPE_SIZE = 64 };

/* All nodes of one op and shape. Seconds and work are of one step. */
typedef struct sn_profile_row {
    const char *op;
    char shape[SN_PROFILE_SHAPE_SIZE]; /* of one image: "3x3/2 16x32x32 > 32x16x16" */
    size_t nodes;
    double forward, backward; /* thread seconds / threads, so that rows add up to the step */
    sn_work work;
} sn_profile_row;

/* From the times of `steps` steps (sn_graph_set_profiling), the slowest first. *rows: free. */
sn_status sn_profile_rows(const sn_graph *graph, size_t steps, sn_profile_row **rows, size_t *count,
                          sn_error *error);

#endif
