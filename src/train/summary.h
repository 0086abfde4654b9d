/* The layers of a network as a person counts them: what is computed along with a convolution
 * belongs to it. */
#ifndef SN_TRAIN_SUMMARY_H
#define SN_TRAIN_SUMMARY_H

#include "autograd/op.h"

enum { SN_LAYER_OP_SIZE = 32 };

typedef struct sn_layer {
    char name[SN_PARAMETER_NAME_SIZE]; /* "layer1.0.conv1"; without parameters the op's name */
    char op[SN_LAYER_OP_SIZE];         /* "conv 3x3/2 + bn" */
    sn_shape output;                   /* of a batch */
    size_t parameters;                 /* trained ones, batch-norm included */
    size_t quantized;                  /* of these: behind a quantizer */
    double multiply_adds;              /* for each image */
    const sn_op *kind;                 /* of the node that the row stands for */
} sn_layer;

/* In the order of execution; the loss is left out. *layers: free. */
sn_status sn_layers_of(const sn_graph *graph, sn_layer **layers, size_t *count, sn_error *error);

#endif
