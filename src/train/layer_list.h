/* The layers of a network as a person counts them: what is computed along with a convolution
 * belongs to it. */
#ifndef SN_TRAIN_LAYER_LIST_H
#define SN_TRAIN_LAYER_LIST_H

#include "autograd/op.h"

typedef struct sn_layer {
    char name[SN_PARAMETER_NAME_SIZE]; /* "layer1.0.conv1"; without parameters the op's name */
    const sn_op *op;                   /* of the node that the layer is named after */
    size_t channels;                   /* of its output */
} sn_layer;

/* In the order of execution; the loss is left out, and so are sums. *layers: free. */
sn_status sn_layers_of(const sn_graph *graph, sn_layer **layers, size_t *count, sn_error *error);

#endif
