#include "autograd/blas_memory.h"
#include "autograd/graph_internal.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

sn_status sn_graph_create(sn_parameters *parameters, sn_graph_mode mode, int threads,
                          sn_graph **graph, sn_error *error) {
    SN_RETURN_IF(threads < 1, error, SN_ERROR_ARGUMENT, "a graph needs at least 1 thread, not %d",
                 threads);
    *graph = calloc(1, sizeof **graph);
    SN_RETURN_IF(!*graph, error, SN_ERROR_MEMORY, "out of memory for the graph");
    (*graph)->parameters = parameters;
    (*graph)->run =
        (sn_run){.threads = threads, .training = mode == SN_GRAPH_TRAIN, .engine = SN_ENGINE_GEMM};
    /* Ops call GEMM from their own threads, so OpenBLAS must not start more. */
    openblas_set_num_threads(1);
    return SN_OK;
}

sn_status sn_graph_set_engine(sn_graph *graph, sn_engine engine, sn_precision precision,
                              sn_error *error) {
    assert(graph->node_count == 0);
    const sn_engine resolved = sn_engine_resolve(engine, precision);
    SN_RETURN_IF(!sn_engine_is_built(resolved), error, SN_ERROR_ARGUMENT,
                 "this build has no oneDNN; install libdnnl-dev and build anew, or choose another "
                 "engine");
    graph->run.engine = resolved;
    graph->run.precision = precision;
    return SN_OK;
}

void sn_graph_free(sn_graph *graph) {
    if (!graph)
        return;
    for (size_t i = 0; i < graph->tensor_count; i++)
        free(graph->tensors[i]);
    for (size_t i = 0; i < graph->node_count; i++) {
        if (graph->nodes[i]->op->release)
            graph->nodes[i]->op->release(graph->nodes[i]);
        free(graph->nodes[i]);
    }
    sn_program_free(&graph->forward);
    sn_program_free(&graph->backward);
    free(graph->tensors);
    free(graph->nodes);
    if (graph->memory)
        sn_memory_unpoison(graph->memory, graph->memory_size);
    sn_free(graph->memory);
    free(graph);
}

/* The array of pointers with room for one more, or NULL; the old one is then still valid. */
static void *grow(void *array, size_t count, size_t *capacity) {
    if (count < *capacity)
        return array;
    const size_t grown = *capacity ? 2 * *capacity : 64;
    void *moved = realloc(array, grown * sizeof(void *));
    if (moved)
        *capacity = grown;
    return moved;
}

static sn_status add_tensor(sn_graph *graph, sn_shape shape, sn_tensor **tensor, sn_error *error) {
    sn_tensor **tensors = grow(graph->tensors, graph->tensor_count, &graph->tensor_capacity);
    if (tensors)
        graph->tensors = tensors;
    *tensor = tensors ? calloc(1, sizeof **tensor) : NULL;
    SN_RETURN_IF(!*tensor, error, SN_ERROR_MEMORY, "out of memory for the graph");
    graph->tensors[graph->tensor_count++] = *tensor;
    (*tensor)->shape = shape;
    return SN_OK;
}

sn_status sn_graph_input(sn_graph *graph, sn_shape shape, sn_tensor **tensor, sn_error *error) {
    char text[SN_SHAPE_TEXT_SIZE];
    SN_RETURN_IF(!sn_shape_is_valid(&shape), error, SN_ERROR_ARGUMENT,
                 "input shape %s is empty or too large", sn_shape_text(&shape, text));
    SN_TRY(add_tensor(graph, shape, tensor, error));
    (*tensor)->is_input = (*tensor)->is_activation = true;
    return SN_OK;
}

sn_status sn_graph_labels(sn_graph *graph, size_t count, sn_tensor **tensor, sn_error *error) {
    const sn_shape shape = sn_shape_1(count);
    SN_RETURN_IF(!sn_shape_is_valid(&shape), error, SN_ERROR_ARGUMENT,
                 "%zu labels; need at least 1, and fewer than 2^31", count);
    SN_TRY(add_tensor(graph, shape, tensor, error));
    (*tensor)->is_input = (*tensor)->is_activation = (*tensor)->is_labels = true;
    return SN_OK;
}

sn_status sn_graph_parameter(sn_graph *graph, const char *name, sn_shape shape, sn_role role,
                             sn_init init, sn_tensor **tensor, sn_error *error) {
    size_t index;
    SN_TRY(sn_parameters_add(graph->parameters, name, shape, role, init, &index, error));
    SN_TRY(add_tensor(graph, shape, tensor, error));
    (*tensor)->is_parameter = true;
    (*tensor)->parameter_index = index;
    return SN_OK;
}

void sn_tensor_require_gradient(sn_tensor *tensor) {
    assert(tensor->is_input && !tensor->is_labels);
    tensor->wants_gradient = true;
}

void sn_tensor_keep(sn_tensor *tensor) {
    tensor->keep = true;
}

/* Inputs against what the op declares. */
static sn_status check_inputs(const sn_op *op, sn_tensor *const *inputs, sn_error *error) {
    for (int i = 0; i < SN_MAX_INPUTS; i++) {
        const sn_operand *operand = &op->operand[i];
        if (operand->role == SN_OPERAND_NONE) {
            SN_RETURN_IF(inputs[i], error, SN_ERROR_ARGUMENT, "%s: operand %d; it has only %d",
                         op->name, i + 1, i);
            continue;
        }
        SN_RETURN_IF(!inputs[i] && !operand->optional, error, SN_ERROR_ARGUMENT,
                     "%s: operand %d is missing; need %s", op->name, i + 1, operand->name);
        const bool needs_labels = operand->role == SN_OPERAND_LABELS;
        SN_RETURN_IF(inputs[i] && inputs[i]->is_labels && !needs_labels, error, SN_ERROR_ARGUMENT,
                     "%s: operand %d is labels; need %s", op->name, i + 1, operand->name);
        SN_RETURN_IF(inputs[i] && !inputs[i]->is_labels && needs_labels, error, SN_ERROR_ARGUMENT,
                     "%s: operand %d must be labels", op->name, i + 1);
    }
    return SN_OK;
}

static sn_status check_states(const sn_graph *graph, const sn_op *op, sn_tensor *const *states,
                              sn_error *error) {
    for (int i = 0; states && i < SN_MAX_STATES; i++) {
        const sn_tensor *state = states[i];
        if (!state)
            continue;
        SN_RETURN_IF(!op->state[i], error, SN_ERROR_ARGUMENT, "%s: state %d; it has only %d",
                     op->name, i + 1, i);
        /* Other memory is not kept from step to step. */
        SN_RETURN_IF(!state->is_parameter ||
                         sn_role_is_trained(
                             sn_parameters_at(graph->parameters, state->parameter_index)->role),
                     error, SN_ERROR_ARGUMENT,
                     "%s: state %d must be a parameter that is not trained; need the %s", op->name,
                     i + 1, op->state[i]);
    }
    return SN_OK;
}

/* Gives the node its output and lets the op check the shapes. */
static sn_status complete_node(sn_graph *graph, sn_node *node, sn_error *error) {
    char text[SN_SHAPE_TEXT_SIZE];
    SN_TRY(add_tensor(graph, (sn_shape){0}, &node->output, error));
    node->output->producer = node;
    for (int k = 0; k < SN_MAX_INPUTS; k++)
        if (node->input[k] && node->input[k]->is_activation)
            node->output->is_activation = true;
    for (int k = 0; k < SN_OPERANDS; k++)
        node->saves[k] = node->op->operand[k].saved;
    SN_TRY(node->op->shape(node, &graph->run, error));
    SN_RETURN_IF(!sn_shape_is_valid(&node->output->shape), error, SN_ERROR_ARGUMENT,
                 "%s: output %s is too large", node->op->name,
                 sn_shape_text(&node->output->shape, text));
    return SN_OK;
}

sn_status sn_graph_apply(sn_graph *graph, const sn_op *op, const void *attributes,
                         sn_tensor *const *operands, sn_tensor *const *states, sn_tensor **output,
                         sn_error *error) {
    assert(op->attributes_size <= SN_MAX_ATTRIBUTES_SIZE && !graph->memory);
    sn_tensor *inputs[SN_MAX_INPUTS];
    SN_TRY(check_inputs(op, operands, error));
    SN_TRY(check_states(graph, op, states, error));
    for (int i = 0; i < SN_MAX_INPUTS; i++) {
        inputs[i] = operands[i];
        if (inputs[i] && !op->any_layout)
            SN_TRY(sn_make_plain(graph, operands[i], &inputs[i], error));
    }
    sn_node **nodes = grow(graph->nodes, graph->node_count, &graph->node_capacity);
    if (nodes)
        graph->nodes = nodes;
    sn_node *node = nodes ? calloc(1, sizeof *node) : NULL;
    SN_RETURN_IF(!node, error, SN_ERROR_MEMORY, "out of memory for the graph");
    node->op = op;
    if (op->attributes_size)
        memcpy(node->attributes, attributes, op->attributes_size);
    memcpy(node->input, inputs, sizeof node->input);
    if (states)
        memcpy(node->state, states, sizeof node->state);
    const sn_status status = complete_node(graph, node, error);
    if (status != SN_OK) {
        /* The graph stays as it was. */
        if (node->output)
            free(graph->tensors[--graph->tensor_count]);
        free(node);
        return status;
    }
    graph->nodes[graph->node_count++] = node;
    *output = node->output;
    return SN_OK;
}

sn_status sn_graph_plan(sn_graph *graph, sn_tensor *root, sn_error *error) {
    assert(!graph->memory && root->producer);
    graph->root = root;
    root->keep = true;
    SN_TRY(sn_parameters_allocate(graph->parameters, error));
    for (size_t i = 0; i < graph->tensor_count; i++) {
        sn_tensor *tensor = graph->tensors[i];
        if (tensor->is_parameter) {
            tensor->parameter = sn_parameters_at(graph->parameters, tensor->parameter_index);
            tensor->value = tensor->parameter->value;
            tensor->value_storage.base = tensor->value;
        }
    }
    if (graph->run.training)
        sn_plan_gradients(graph);
    else
        for (size_t i = 0; i < graph->tensor_count; i++)
            graph->tensors[i]->wants_gradient = false;
    SN_TRY(sn_program_build(graph, error));
    for (size_t i = 0; i < graph->node_count; i++)
        if (graph->nodes[i]->op->plan)
            SN_TRY(graph->nodes[i]->op->plan(graph->nodes[i], &graph->run, error));
    SN_TRY(sn_plan_memory(graph, error));
    return sn_blas_reserve(graph->run.threads, error);
}

void sn_graph_set_progress(sn_graph *graph, double progress) {
    graph->run.progress = progress;
}

void sn_graph_forward(sn_graph *graph) {
    sn_program_run(graph, &graph->forward);
    graph->ready = true;
}

void sn_graph_backward(sn_graph *graph, const sn_real *root_gradient) {
    assert(graph->run.training && graph->ready);
    graph->ready = false;
    sn_tensor *root = graph->root;
    if (!root->gradient_storage.base)
        return; /* the root depends on nothing that wants a gradient */
    const size_t rows = root->shape.size[0];
    if (root_gradient)
        sn_rows_from_plain(root, root->gradient_storage.base, root_gradient, rows, false);
    else
        sn_rows_fill(root, root->gradient_storage.base, 1, rows);
    sn_program_run(graph, &graph->backward);
}

size_t sn_graph_memory(const sn_graph *graph) {
    return graph->memory_size;
}

size_t sn_graph_node_count(const sn_graph *graph) {
    return graph->node_count;
}

const sn_node *sn_graph_node(const sn_graph *graph, size_t index) {
    return graph->nodes[index];
}

void sn_node_describe(const sn_node *node, char *text, size_t size) {
    text[0] = '\0';
    if (node->op->describe)
        node->op->describe(node, text, size);
}

double sn_node_multiply_adds(const sn_node *node) {
    for (int k = 0; k < SN_MAX_INPUTS; k++) {
        if (!sn_node_has_weight(node, k) || !node->op->operand[k].is_factor)
            continue;
        const sn_shape *weight = &node->input[k]->shape;
        const size_t slice = sn_shape_count(weight) / weight->size[0];
        return (double)sn_shape_count(&node->output->shape) * (double)slice;
    }
    return 0;
}

const sn_shape *sn_tensor_shape(const sn_tensor *tensor) {
    return &tensor->shape;
}

const sn_run *sn_graph_run(const sn_graph *graph) {
    return &graph->run;
}

void sn_tensor_write(sn_tensor *tensor, const sn_real *source, size_t rows) {
    assert(tensor->value && rows <= tensor->shape.size[0]);
    const size_t written = rows * sn_tensor_row(tensor);
    memcpy(tensor->value, source, written * sizeof(sn_real));
    memset(tensor->value + written, 0,
           (sn_shape_count(&tensor->shape) - written) * sizeof(sn_real));
}

void sn_tensor_write_labels(sn_tensor *tensor, const int32_t *labels, size_t rows) {
    assert(tensor->is_labels && rows <= tensor->shape.size[0]);
    memcpy(tensor->labels, labels, rows * sizeof *labels);
    memset(tensor->labels + rows, 0, (tensor->shape.size[0] - rows) * sizeof *labels);
}

void sn_tensor_read(const sn_tensor *tensor, sn_real *target, size_t rows) {
    assert(!tensor->is_labels && tensor->value_storage.place_size == 0);
    assert(rows <= tensor->shape.size[0]);
    sn_rows_to_plain(tensor, tensor->value_storage.base, target, rows);
}

void sn_tensor_read_gradient(const sn_tensor *tensor, sn_real *target) {
    assert(tensor->gradient);
    memcpy(target, tensor->gradient, sn_shape_count(&tensor->shape) * sizeof(sn_real));
}
