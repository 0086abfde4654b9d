/* What the layers of a frozen network are called in the network that it was frozen from. */
#ifndef SN_CLI_LAYER_NAMES_H
#define SN_CLI_LAYER_NAMES_H

#include "autograd/parameters.h"
#include "train/network.h"

typedef char sn_layer_name[SN_PARAMETER_NAME_SIZE];

/* A name for each instruction of the packed model, which `graph` was frozen into: that of its
 * weights without the last part, such as "layer1.0.conv1"; without weights the op's. *names: free.
 * SN_ERROR_INTERNAL when the model has other layers than the graph. */
sn_status sn_layer_names_find(const sn_graph *graph, const void *packed, sn_layer_name **names,
                              sn_error *error);

#endif
