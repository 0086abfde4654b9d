/* What must hold for the programs and the memory of any planned graph; ends the test otherwise. */
#ifndef SN_TESTS_PROGRAM_CHECK_H
#define SN_TESTS_PROGRAM_CHECK_H

#include "autograd/graph_internal.h"

/* Every phase runs once, after all that it reads and before all that must wait for it. */
void check_programs(const sn_graph *graph);

/* Tensors that only one step uses have a place for each thread, and others do not. Buffers that a
 * phase uses do not overlap. Returns how many values and gradients only one step uses. */
size_t check_places(const sn_graph *graph);

/* The index of the step that runs a phase of the node; -1: none does. */
long step_of(const sn_program *program, const sn_node *node, const sn_phase *phase);

#endif
