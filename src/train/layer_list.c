#include "train/layer_list.h"

#include "autograd/ops.h"
#include "layers/quantize.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All else goes with a layer: batch-norms, activations, sums, the quantizers of weights. */
static bool is_layer(const sn_node *node) {
    static const sn_op *const others[] = {&sn_op_linear, &sn_op_max_pool, &sn_op_average_pool,
                                          &sn_op_global_average_pool, &sn_op_shift_clamp};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (node->op == others[i])
            return true;
    return sn_op_is_conv2d(node->op);
}

static const sn_tensor *behind_quantizer(const sn_tensor *tensor) {
    const bool quantized = tensor->producer && tensor->producer->op == &sn_op_quantize;
    return quantized ? tensor->producer->input[0] : tensor;
}

static void describe(sn_layer *layer, const sn_node *node) {
    const sn_tensor *weight = node->input[1] ? behind_quantizer(node->input[1]) : NULL;
    const bool named = weight && weight->is_parameter;
    *layer = (sn_layer){.op = node->op, .channels = node->output->shape.size[1]};
    snprintf(layer->name, sizeof layer->name, "%s",
             named ? weight->parameter->name : node->op->name);
    char *leaf = named ? strrchr(layer->name, '.') : NULL;
    if (leaf)
        *leaf = '\0';
}

sn_status sn_layers_of(const sn_graph *graph, sn_layer **layers, size_t *count, sn_error *error) {
    const size_t nodes = sn_graph_node_count(graph);
    *count = 0;
    *layers = calloc(nodes, sizeof **layers);
    SN_RETURN_IF(!*layers, error, SN_ERROR_MEMORY, "out of memory for the list of layers");
    for (size_t i = 0; i < nodes; i++)
        if (is_layer(sn_graph_node(graph, i)))
            describe(&(*layers)[(*count)++], sn_graph_node(graph, i));
    return SN_OK;
}
