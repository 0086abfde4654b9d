/* The graph's own structure, shared by graph.c (construction), program.c (order of execution) and
 * memory_plan.c. */
#ifndef SN_AUTOGRAD_GRAPH_INTERNAL_H
#define SN_AUTOGRAD_GRAPH_INTERNAL_H

#include "autograd/op.h"

/* One phase of one node. */
typedef struct sn_task {
    sn_node *node;
    const sn_phase *phase;
    sn_phase_kind kind; /* the phase's; together if it cannot be early or late */
    double seconds;     /* spent by all threads since sn_graph_set_profiling */
} sn_task;

/* Tasks during which the threads do not wait for each other. */
typedef struct sn_step {
    size_t first_task, task_count;
    size_t images; /* of the batch that it goes over; 0: together */
    size_t slice;  /* most images at a time */
} sn_step;

/* Forward or backward. */
typedef struct sn_program {
    sn_task *tasks;
    size_t task_count;
    sn_step *steps;
    size_t step_count;
} sn_program;

struct sn_graph {
    sn_parameters *parameters;
    sn_run run;
    sn_tensor **tensors;
    size_t tensor_count, tensor_capacity;
    sn_node **nodes;
    size_t node_count, node_capacity;
    sn_tensor *root;
    sn_program forward, backward;
    bool profiling;
    bool ready;            /* for backward: a forward has run, and no backward since */
    unsigned char *memory; /* NULL until planned */
    size_t memory_size;
};

/* Decides which gradients exist and who overwrites or adds. */
void sn_plan_gradients(sn_graph *graph);

/* Lays out and allocates memory; after the programs are made. */
sn_status sn_plan_memory(sn_graph *graph, sn_error *error);

/* Makes both programs. */
sn_status sn_program_build(sn_graph *graph, sn_error *error);
void sn_program_free(sn_program *program);
void sn_program_run(sn_graph *graph, sn_program *program);

#endif
