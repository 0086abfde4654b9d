/* The memory plan. Each buffer has a first and a last moment of use. Buffers that are used at the
 * same time get disjoint places in one block; others may share a place. A moment is a task of the
 * forward or the backward program. Within a step threads may be at different tasks and images. So a
 * buffer that threads share is in use for the whole step, and only a buffer that each thread has
 * for itself is in use task by task. */
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
    size_t size; /* bytes of the block */
} buffer_list;

static void add_buffer(buffer_list *list, size_t bytes, long first, long last, void *place) {
    if (bytes > 0 && first <= last)
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
void sn_plan_gradients(sn_graph *graph) {
    for (size_t i = 0; i < graph->tensor_count; i++)
        if (is_trained(graph->tensors[i]))
            graph->tensors[i]->wants_gradient = true;
    for (size_t i = 0; i < graph->node_count; i++) {
        sn_node *node = graph->nodes[i];
        for (int k = 0; k < SN_MAX_INPUTS; k++)
            if (node->input[k] && node->input[k]->wants_gradient)
                node->output->wants_gradient = true;
    }
    /* Here `gradient` marks tensors whose gradient a node already visited writes. */
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
        if (tensor->wants_gradient && tensor->is_parameter) {
            tensor->gradient = tensor->parameter->gradient;
            tensor->gradient_storage.base = tensor->gradient;
        }
    }
}

/* ---- spans ---- */

/* When something is in use. */
typedef struct span {
    long first, last; /* moments; last < first: never */
    bool by_image;    /* only ever image by image */
} span;

/* Of one tensor's value and gradient, or of a node's four buffers. */
typedef struct tensor_spans {
    span value, gradient;
} tensor_spans;

typedef struct node_spans {
    span saved, forward_sums, backward_sums, forward_scratch, backward_scratch;
} node_spans;

typedef struct spans {
    tensor_spans *tensors;
    node_spans *nodes;
} spans;

static const span never = {.first = 0, .last = -1, .by_image = true};

static void use(span *s, long moment, sn_phase_kind kind) {
    if (s->last < s->first)
        s->first = s->last = moment;
    if (moment < s->first)
        s->first = moment;
    if (moment > s->last)
        s->last = moment;
    s->by_image = s->by_image && kind == SN_PHASE_IMAGES;
}

static bool is_apart(const sn_task *task) {
    return task->kind == SN_PHASE_EARLY || task->kind == SN_PHASE_LATE;
}

/* Whether the task may touch operand k at all. Early and late ones have only weights, and an output
 * that depends on nothing else. */
static bool touches(const sn_task *task, int k) {
    const sn_node *node = task->node;
    if (!sn_node_operand(node, k))
        return false;
    if (!is_apart(task))
        return true;
    if (k != SN_OUTPUT)
        return sn_node_has_weight(node, k);
    for (int i = 0; i < SN_MAX_INPUTS; i++)
        if (node->input[i] && !sn_node_has_weight(node, i))
            return false;
    return true;
}

static void use_forward(spans *s, const sn_task *task, long moment) {
    const sn_node *node = task->node;
    node_spans *own = &s->nodes[node->index];
    for (int k = 0; k < SN_OPERANDS; k++)
        if (touches(task, k) && !task->phase->leaves[k])
            use(&s->tensors[sn_node_operand(node, k)->index].value, moment, task->kind);
    use(&own->saved, moment, task->kind);
    if (task->kind != SN_PHASE_EARLY)
        use(&own->forward_sums, moment, task->kind);
    if (task->kind == SN_PHASE_IMAGES)
        use(&own->forward_scratch, moment, task->kind);
}

static void use_backward(spans *s, const sn_task *task, long moment) {
    const sn_node *node = task->node;
    node_spans *own = &s->nodes[node->index];
    for (int k = 0; k < SN_OPERANDS; k++) {
        if (!touches(task, k))
            continue;
        tensor_spans *operand = &s->tensors[sn_node_operand(node, k)->index];
        if (!task->phase->leaves[k])
            use(&operand->gradient, moment, task->kind);
        if (node->saves[k])
            use(&operand->value, moment, task->kind);
    }
    use(&own->saved, moment, task->kind);
    use(&own->backward_sums, moment, task->kind);
    if (task->kind == SN_PHASE_IMAGES)
        use(&own->backward_scratch, moment, task->kind);
}

static void use_program(spans *s, const sn_program *program, long first_moment,
                        void (*use_task)(spans *, const sn_task *, long)) {
    for (size_t i = 0; i < program->task_count; i++)
        use_task(s, &program->tasks[i], first_moment + (long)i);
}

/* What the caller does before, between and after the programs. */
static void use_outside(spans *s, const sn_graph *graph) {
    const long backward = (long)graph->forward.task_count;
    const long end = backward + (long)graph->backward.task_count;
    for (size_t i = 0; i < graph->tensor_count; i++) {
        const sn_tensor *tensor = graph->tensors[i];
        if (tensor->is_input)
            use(&s->tensors[i].value, 0, SN_PHASE_TOGETHER);
        if (tensor->keep)
            use(&s->tensors[i].value, end, SN_PHASE_TOGETHER);
        if (tensor->is_input && tensor->wants_gradient)
            use(&s->tensors[i].gradient, end, SN_PHASE_TOGETHER);
        if (tensor == graph->root && tensor->wants_gradient)
            use(&s->tensors[i].gradient, backward, SN_PHASE_TOGETHER);
    }
}

static sn_status find_spans(const sn_graph *graph, spans *s, sn_error *error) {
    s->tensors = calloc(graph->tensor_count + 1, sizeof *s->tensors);
    s->nodes = calloc(graph->node_count + 1, sizeof *s->nodes);
    SN_RETURN_IF(!s->tensors || !s->nodes, error, SN_ERROR_MEMORY, "out of memory for the graph");
    for (size_t i = 0; i < graph->tensor_count; i++) {
        graph->tensors[i]->index = i;
        s->tensors[i] = (tensor_spans){never, never};
    }
    for (size_t i = 0; i < graph->node_count; i++) {
        graph->nodes[i]->index = i;
        s->nodes[i] = (node_spans){never, never, never, never, never};
    }
    use_program(s, &graph->forward, 0, use_forward);
    use_program(s, &graph->backward, (long)graph->forward.task_count, use_backward);
    use_outside(s, graph);
    return SN_OK;
}

/* ---- buffers ---- */

/* The step of a moment: its first and last moment, and how many images a thread has at a time. */
typedef struct period {
    long first, last;
    size_t slice;
} period;

static period period_of(const sn_graph *graph, long moment) {
    const sn_program *program = &graph->forward;
    long start = 0;
    if (moment >= (long)program->task_count) {
        start = (long)program->task_count;
        program = &graph->backward;
    }
    for (size_t i = 0; i < program->step_count; i++) {
        const sn_step *step = &program->steps[i];
        const long first = start + (long)step->first_task;
        if (moment >= first && moment < first + (long)step->task_count)
            return (period){first, first + (long)step->task_count - 1, step->slice};
    }
    return (period){moment, moment, 0}; /* after the last step */
}

/* The two blocks: what all threads share, and what each thread has for itself. */
typedef struct blocks {
    buffer_list shared, own;
} blocks;

static void list_shared(blocks *b, const sn_graph *graph, size_t bytes, const span *s,
                        void *place) {
    if (s->first <= s->last)
        add_buffer(&b->shared, bytes, period_of(graph, s->first).first,
                   period_of(graph, s->last).last, place);
}

/* A place for the whole batch, or one for each thread's images at hand. */
static void list_storage(blocks *b, const sn_graph *graph, const sn_tensor *tensor, const span *s,
                         sn_storage *storage) {
    const size_t row = sn_tensor_row(tensor) * sn_element_size(tensor);
    const period p = period_of(graph, s->first);
    if (tensor->is_activation && s->by_image && s->last <= p.last)
        add_buffer(&b->own, p.slice * row, s->first, s->last, &storage->base);
    else
        list_shared(b, graph, row * tensor->shape.size[0], s, &storage->base);
}

static void list_tensor(blocks *b, const sn_graph *graph, const spans *s, sn_tensor *tensor) {
    const tensor_spans *own = &s->tensors[tensor->index];
    if (tensor->is_parameter)
        return;
    if (tensor->is_labels) {
        list_shared(b, graph, tensor->shape.size[0] * sizeof *tensor->labels, &own->value,
                    &tensor->labels);
        return;
    }
    list_storage(b, graph, tensor, &own->value, &tensor->value_storage);
    if (tensor->wants_gradient)
        list_storage(b, graph, tensor, &own->gradient, &tensor->gradient_storage);
}

static void list_node(blocks *b, const sn_graph *graph, const spans *s, sn_node *node) {
    const node_spans *own = &s->nodes[node->index];
    const span *forward = &own->forward_scratch, *backward = &own->backward_scratch;
    list_shared(b, graph, node->saved_size, &own->saved, &node->saved);
    list_shared(b, graph, node->forward_sums_size, &own->forward_sums, &node->forward_sums);
    list_shared(b, graph, node->backward_sums_size, &own->backward_sums, &node->backward_sums);
    add_buffer(&b->own, node->forward_scratch_size, forward->first, forward->last,
               &node->forward_scratch.base);
    add_buffer(&b->own, node->backward_scratch_size, backward->first, backward->last,
               &node->backward_scratch.base);
}

static int compare_larger_first(const void *a, const void *b) {
    const buffer *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x->first < y->first ? -1 : x->first > y->first;
}

static bool overlap_in_time(const buffer *a, const buffer *b) {
    /* Under AddressSanitizer nothing shares a place, so that every overrun meets a redzone. */
    return SN_HAS_ASAN || (a->first <= b->last && b->first <= a->last);
}

/* The lowest offset at which `item` overlaps none of the buffers before it in space and time. */
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

static void place_buffers(buffer_list *list) {
    qsort(list->items, list->count, sizeof *list->items, compare_larger_first);
    for (size_t i = 0; i < list->count; i++) {
        buffer *item = &list->items[i];
        item->offset = lowest_offset(list, i);
        if (list->size < item->offset + item->bytes)
            list->size = item->offset + item->bytes;
    }
}

/* Sets the addresses in the block at `memory`, which is repeated `copies` times. */
static void set_places(const buffer_list *list, unsigned char *memory, int copies) {
    for (size_t i = 0; i < list->count; i++) {
        const buffer *item = &list->items[i];
        void *address = memory + item->offset;
        memcpy(item->place, &address, sizeof address); /* whatever it points to */
        for (int copy = 0; copy < copies; copy++)
            sn_memory_poison(memory + (size_t)copy * list->size + item->offset + item->used,
                             item->bytes - item->used);
    }
}

static sn_status allocate(sn_graph *graph, blocks *b, sn_error *error) {
    const size_t threads = (size_t)graph->run.threads;
    place_buffers(&b->shared);
    place_buffers(&b->own);
    graph->memory_size = b->shared.size + threads * b->own.size;
    graph->memory = sn_alloc(graph->memory_size);
    SN_RETURN_IF(
        !graph->memory, error, SN_ERROR_MEMORY,
        "out of memory: the network needs %.1f MiB at this batch size and number of threads",
        (double)graph->memory_size / 1048576);
    set_places(&b->shared, graph->memory, 1);
    set_places(&b->own, graph->memory + b->shared.size, graph->run.threads);
    return SN_OK;
}

/* Sets the distance from thread to thread for what is in the threads' own block. */
static void set_place_size(const sn_graph *graph, const blocks *b, sn_storage *storage) {
    const unsigned char *own = graph->memory + b->shared.size;
    const unsigned char *base = storage->base;
    if (base >= own && base < own + b->own.size)
        storage->place_size = b->own.size;
}

/* The short names of what can be reached directly. */
static void set_pointers(sn_tensor *tensor) {
    const bool is_whole = !tensor->bf16 && !tensor->is_parameter;
    if (is_whole && tensor->value_storage.place_size == 0)
        tensor->value = tensor->value_storage.base;
    if (is_whole && tensor->gradient_storage.place_size == 0)
        tensor->gradient = tensor->gradient_storage.base;
}

static void set_addresses(const sn_graph *graph, const blocks *b) {
    for (size_t i = 0; i < graph->tensor_count; i++) {
        set_place_size(graph, b, &graph->tensors[i]->value_storage);
        set_place_size(graph, b, &graph->tensors[i]->gradient_storage);
        set_pointers(graph->tensors[i]);
    }
    for (size_t i = 0; i < graph->node_count; i++) {
        set_place_size(graph, b, &graph->nodes[i]->forward_scratch);
        set_place_size(graph, b, &graph->nodes[i]->backward_scratch);
    }
}

sn_status sn_plan_memory(sn_graph *graph, sn_error *error) {
    const size_t limit = 2 * graph->tensor_count + 5 * graph->node_count;
    spans s = {0};
    blocks b = {0};
    sn_status status = find_spans(graph, &s, error);
    b.shared.items = calloc(limit, sizeof(buffer));
    b.own.items = calloc(limit, sizeof(buffer));
    if (status == SN_OK && (!b.shared.items || !b.own.items))
        status = sn_error_set(error, SN_ERROR_MEMORY, "out of memory for the graph");
    if (status == SN_OK) {
        for (size_t i = 0; i < graph->tensor_count; i++)
            list_tensor(&b, graph, &s, graph->tensors[i]);
        for (size_t i = 0; i < graph->node_count; i++)
            list_node(&b, graph, &s, graph->nodes[i]);
        status = allocate(graph, &b, error);
    }
    if (status == SN_OK)
        set_addresses(graph, &b);
    free(s.tensors);
    free(s.nodes);
    free(b.shared.items);
    free(b.own.items);
    return status;
}
