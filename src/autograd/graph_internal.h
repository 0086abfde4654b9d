/* The graph's own structure, shared by graph.c (construction, execution) and plan.c (memory). */
#ifndef SN_AUTOGRAD_GRAPH_INTERNAL_H
#define SN_AUTOGRAD_GRAPH_INTERNAL_H

#include "autograd/op.h"

struct sn_graph {
    sn_parameters *parameters;
    sn_run run;
    sn_tensor **tensors;
    size_t tensor_count, tensor_capacity;
    sn_node **nodes;
    size_t node_count, node_capacity;
    sn_tensor *root;
    bool ready;            /* for backward: a forward has run and no backward has used it up */
    unsigned char *memory; /* NULL until planned */
    size_t memory_size;
};

/* Decides which gradients exist and who overwrites or adds, then lays out and allocates memory. */
sn_status sn_plan_memory(sn_graph *graph, sn_error *error);

#endif
