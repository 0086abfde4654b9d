/* Memory planning. Every buffer has a first and a last moment of use; buffers whose spans overlap
 * get disjoint places in one block, others may share. With n nodes, forward of node i is moment i
 * and its backward is moment 2n - 1 - i. */
#include "autograd/graph_internal.h"

#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct buffer {
    size_t used;          /* bytes asked for */
    size_t bytes, offset; /* bytes of the place: aligned, with a redzone */
    long first, last;     /* moments, inclusive */
    void *place;          /* the pointer that receives the address */
} buffer;

typedef struct buffer_list {
    buffer *items;
    size_t count;
} buffer_list;

static void add_buffer(buffer_list *list, size_t bytes, long first, long last, void *place) {
    if (bytes > 0)
        list->items[list->count++] = (buffer){.used = bytes,
                                              .bytes = sn_align_up(bytes) + SN_REDZONE,
                                              .first = first,
                                              .last = last,
                                              .place = place};
}

static bool is_trained(const sn_tensor *tensor) {
    return tensor->is_parameter && sn_role_is_trained(tensor->parameter->role);
}

/* Sets wants_gradient on every tensor between something trainable and the root, and clears it
 * elsewhere; then decides which input gradients are overwritten and which are added to. */
static void plan_gradients(sn_graph *graph) {
    for (size_t i = 0; i < graph->tensor_count; i++)
        if (is_trained(graph->tensors[i]))
            graph->tensors[i]->wants_gradient = true;
    for (size_t i = 0; i < graph->node_count; i++) {
        sn_node *node = graph->nodes[i];
        for (int k = 0; k < SN_MAX_INPUTS; k++)
            if (node->input[k] && node->input[k]->wants_gradient)
                node->output->wants_gradient = true;
    }
    /* `gradient` serves as a mark here: a tensor that some backward, already visited, writes. */
    sn_real mark;
    if (graph->root->wants_gradient)
        graph->root->gradient = &mark;
    for (size_t i = graph->node_count; i-- > 0;) {
        sn_node *node = graph->nodes[i];
        if (!node->output->gradient)
            continue;
        for (int k = 0; k < SN_MAX_INPUTS; k++) {
            sn_tensor *input = node->input[k];
            if (!input || !input->wants_gradient)
                continue;
            node->add[k] = input->is_parameter || input->gradient;
            input->gradient = &mark;
        }
    }
    for (size_t i = 0; i < graph->tensor_count; i++) {
        sn_tensor *tensor = graph->tensors[i];
        tensor->wants_gradient = tensor->gradient != NULL;
        tensor->gradient = NULL;
        if (tensor->wants_gradient && tensor->is_parameter)
            tensor->gradient = tensor->parameter->gradient;
    }
}

/* The span of a tensor's value and of its gradient. */
typedef struct span {
    long value_first, value_last, gradient_first, gradient_last;
} span;

static span tensor_span(const sn_graph *graph, const sn_tensor *tensor) {
    const long n = (long)graph->node_count;
    span s = {.value_first = -1, .value_last = -1, .gradient_first = n, .gradient_last = 2 * n};
    for (long i = 0; i < n; i++) {
        const sn_node *node = graph->nodes[i];
        const long backward = 2 * n - 1 - i;
        const bool goes_back = node->output->wants_gradient;
        if (node->output == tensor) {
            s.value_first = i;
            s.value_last = i;
            s.gradient_last = backward;
            if (goes_back && node->op->backward_reads & SN_READS_OUTPUT)
                s.value_last = backward;
        }
        for (int k = 0; k < SN_MAX_INPUTS; k++) {
            if (node->input[k] != tensor)
                continue;
            if (s.value_last < i)
                s.value_last = i;
            if (goes_back) {
                if (node->op->backward_reads & SN_READS_INPUT(k) && s.value_last < backward)
                    s.value_last = backward;
                /* Later nodes go first in backward: the last consumer makes the first write. */
                s.gradient_first = backward;
            }
        }
    }
    if (tensor == graph->root)
        s.gradient_first = n - 1;
    if (tensor->keep)
        s.value_last = 2 * n;
    return s;
}

static void list_tensor(buffer_list *list, const sn_graph *graph, sn_tensor *tensor) {
    if (tensor->is_parameter)
        return;
    const span s = tensor_span(graph, tensor);
    const size_t count = sn_shape_count(&tensor->shape);
    if (tensor->format == SN_FORMAT_LABELS)
        add_buffer(list, count * sizeof *tensor->labels, s.value_first, s.value_last,
                   &tensor->labels);
    else
        add_buffer(list, count * sizeof(sn_real), s.value_first, s.value_last, &tensor->value);
    if (tensor->wants_gradient)
        add_buffer(list, count * sizeof(sn_real), s.gradient_first, s.gradient_last,
                   &tensor->gradient);
}

static void list_node(buffer_list *list, const sn_graph *graph, size_t index) {
    sn_node *node = graph->nodes[index];
    const long forward = (long)index, backward = 2 * (long)graph->node_count - 1 - forward;
    const bool goes_back = node->output->wants_gradient;
    add_buffer(list, node->saved_size, forward, goes_back ? backward : forward, &node->saved);
    add_buffer(list, node->forward_size, forward, forward, &node->forward_workspace);
    if (goes_back)
        add_buffer(list, node->backward_size, backward, backward, &node->backward_workspace);
}

static int compare_larger_first(const void *a, const void *b) {
    const buffer *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x->first < y->first ? -1 : x->first > y->first;
}

static bool overlap_in_time(const buffer *a, const buffer *b) {
    /* Under AddressSanitizer nothing is shared, so that every overrun meets a redzone. */
    return SN_HAS_ASAN || (a->first <= b->last && b->first <= a->last);
}

/* The lowest place where `item` meets none of the buffers before it that live at the same time. */
static size_t lowest_offset(const buffer_list *list, size_t item) {
    const buffer *moving = &list->items[item];
    size_t offset = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = 0; i < item; i++) {
            const buffer *fixed = &list->items[i];
            if (overlap_in_time(fixed, moving) && offset < fixed->offset + fixed->bytes &&
                fixed->offset < offset + moving->bytes) {
                offset = fixed->offset + fixed->bytes;
                moved = true;
            }
        }
    }
    return offset;
}

static sn_status place_buffers(sn_graph *graph, buffer_list *list, sn_error *error) {
    qsort(list->items, list->count, sizeof *list->items, compare_larger_first);
    size_t size = 0;
    for (size_t i = 0; i < list->count; i++) {
        buffer *item = &list->items[i];
        item->offset = lowest_offset(list, i);
        if (size < item->offset + item->bytes)
            size = item->offset + item->bytes;
    }
    graph->memory_size = size;
    graph->memory = sn_alloc(size);
    SN_RETURN_IF(
        !graph->memory, error, SN_ERROR_MEMORY,
        "out of memory: the network needs %.1f MiB at this batch size and number of threads",
        (double)size / 1048576);
    for (size_t i = 0; i < list->count; i++) {
        const buffer *item = &list->items[i];
        void *address = graph->memory + item->offset;
        memcpy(item->place, &address, sizeof address); /* whatever it points to */
        sn_memory_poison(graph->memory + item->offset + item->used, item->bytes - item->used);
    }
    return SN_OK;
}

sn_status sn_plan_memory(sn_graph *graph, sn_error *error) {
    if (graph->run.training)
        plan_gradients(graph);
    else
        for (size_t i = 0; i < graph->tensor_count; i++)
            graph->tensors[i]->wants_gradient = false;
    const size_t limit = 2 * graph->tensor_count + 3 * graph->node_count;
    buffer_list list = {.items = calloc(limit, sizeof(buffer))};
    SN_RETURN_IF(!list.items, error, SN_ERROR_MEMORY, "out of memory for the graph");
    for (size_t i = 0; i < graph->tensor_count; i++)
        list_tensor(&list, graph, graph->tensors[i]);
    for (size_t i = 0; i < graph->node_count; i++)
        list_node(&list, graph, i);
    const sn_status status = place_buffers(graph, &list, error);
    free(list.items);
    return status;
}
