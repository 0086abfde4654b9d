#include "train/summary.h"

#include "autograd/ops.h"
#include "layers/quantize.h"
#include "train/profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Layers so far, and which of them each node belongs to. */
typedef struct listing {
    sn_layer *layers;
    size_t count;
    size_t *layer_of; /* by node */
} listing;

static bool has_own_row(const sn_node *node) {
    static const sn_op *const others[] = {&sn_op_linear, &sn_op_max_pool, &sn_op_average_pool,
                                          &sn_op_global_average_pool};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (node->op == others[i])
            return true;
    return sn_op_is_conv2d(node->op) || !node->input[0]->producer;
}

static const sn_tensor *behind_quantizer(const sn_tensor *tensor) {
    const bool quantized = tensor->producer && tensor->producer->op == &sn_op_quantize;
    return quantized ? tensor->producer->input[0] : tensor;
}

static void count_parameters(sn_layer *layer, const sn_node *node) {
    for (int k = 0; k < SN_MAX_INPUTS; k++) {
        const sn_tensor *input = node->input[k] ? behind_quantizer(node->input[k]) : NULL;
        if (!input || !input->is_parameter || !sn_role_is_trained(input->parameter->role))
            continue;
        layer->parameters += input->parameter->count;
        if (input->parameter->role == SN_ROLE_LATENT)
            layer->quantized += input->parameter->count;
    }
}

static void describe(sn_layer *layer, const sn_node *node) {
    const sn_tensor *weight = node->input[1] ? behind_quantizer(node->input[1]) : NULL;
    snprintf(layer->name, sizeof layer->name, "%s", node->op->name);
    if (weight && weight->is_parameter) {
        snprintf(layer->name, sizeof layer->name, "%s", weight->parameter->name);
        char *leaf = strrchr(layer->name, '.');
        if (leaf)
            *leaf = '\0';
    }
    if (sn_op_is_conv2d(node->op))
        snprintf(layer->op, sizeof layer->op, "conv %zux%zu/%d", weight->shape.size[2],
                 weight->shape.size[3],
                 ((const sn_conv2d_attributes *)(const void *)node->attributes)->stride);
    else
        snprintf(layer->op, sizeof layer->op, "%.30s", node->op->name);
}

static void add_own(listing *l, const sn_node *node) {
    sn_layer *layer = &l->layers[l->count];
    l->layer_of[node->index] = l->count++;
    layer->kind = node->op;
    layer->output = node->output->shape;
    layer->multiply_adds =
        sn_node_work(node, false).flops / 2 / (double)node->output->shape.size[0];
    describe(layer, node);
    count_parameters(layer, node);
}

static void add_to_layer(listing *l, const sn_node *node) {
    const size_t index = l->layer_of[node->input[0]->producer->index];
    sn_layer *layer = &l->layers[index];
    l->layer_of[node->index] = index;
    count_parameters(layer, node);
    const size_t used = strlen(layer->op);
    if (node->op == &sn_op_batch_norm)
        snprintf(layer->op + used, sizeof layer->op - used, " + bn");
}

sn_status sn_layers_of(const sn_graph *graph, sn_layer **layers, size_t *count, sn_error *error) {
    const size_t nodes = sn_graph_node_count(graph);
    listing l = {calloc(nodes, sizeof *l.layers), 0, calloc(nodes, sizeof *l.layer_of)};
    for (size_t i = 0; l.layers && l.layer_of && i < nodes; i++) {
        const sn_node *node = sn_graph_node(graph, i);
        if (node->op == &sn_op_quantize || node->op == &sn_op_fake_quantize ||
            node->op == &sn_op_cross_entropy)
            continue;
        if (has_own_row(node))
            add_own(&l, node);
        else
            add_to_layer(&l, node);
    }
    const bool complete = l.layers && l.layer_of;
    free(l.layer_of);
    if (!complete)
        free(l.layers);
    SN_RETURN_IF(!complete, error, SN_ERROR_MEMORY, "out of memory for the summary");
    *layers = l.layers;
    *count = l.count;
    return SN_OK;
}
