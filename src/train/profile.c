#include "train/profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- work of one node ---- */

static double tensor_bytes(const sn_tensor *tensor) {
    if (tensor->is_labels)
        return (double)tensor->shape.size[0] * sizeof *tensor->labels;
    return (double)tensor->shape.size[0] * (double)sn_tensor_row(tensor) *
           (double)sn_element_size(tensor);
}

static sn_work forward_work(const sn_node *node) {
    sn_work work = {2 * sn_node_multiply_adds(node), tensor_bytes(node->output)};
    for (int k = 0; k < SN_MAX_INPUTS; k++)
        if (sn_node_operand(node, k))
            work.bytes += tensor_bytes(sn_node_operand(node, k));
    return work;
}

static sn_work backward_work(const sn_node *node) {
    if (!node->output->wants_gradient)
        return (sn_work){0, 0};
    sn_work work = {0, tensor_bytes(node->output)};
    if (node->saves[SN_OUTPUT])
        work.bytes += tensor_bytes(node->output);
    for (int k = 0; k < SN_MAX_INPUTS; k++) {
        const sn_tensor *input = sn_node_operand(node, k);
        if (!input)
            continue;
        if (node->saves[k])
            work.bytes += tensor_bytes(input);
        if (!input->wants_gradient)
            continue;
        work.bytes += tensor_bytes(input) * (node->add[k] ? 2 : 1);
        if (sn_node_declared(node, k)->is_factor)
            work.flops += 2 * sn_node_multiply_adds(node);
    }
    return work;
}

sn_work sn_node_work(const sn_node *node, bool backward) {
    return backward ? backward_work(node) : forward_work(node);
}

/* ---- the floor of a step ---- */

/* The run of ops, counted from 1, in which a value or gradient was last read and written. */
typedef struct visit {
    size_t read, written;
} visit;

typedef struct traffic {
    visit *values, *gradients; /* by sn_tensor.index */
    const sn_task_time **first,
        **last; /* by node: tasks of the direction at hand that go over data */
    size_t step;
    double bytes;
} traffic;

static void touch(traffic *t, visit *v, const sn_tensor *tensor, const sn_storage *storage,
                  bool write) {
    if (!tensor->is_activation || !storage->base || storage->place_size != 0)
        return;
    size_t *last = write ? &v->written : &v->read;
    if (*last == t->step || v->written == t->step)
        return;
    *last = t->step;
    t->bytes += tensor_bytes(tensor);
}

static void touch_value(traffic *t, const sn_tensor *tensor, bool write) {
    touch(t, &t->values[tensor->index], tensor, &tensor->value_storage, write);
}

static void touch_gradient(traffic *t, const sn_tensor *tensor, bool write) {
    touch(t, &t->gradients[tensor->index], tensor, &tensor->gradient_storage, write);
}

/* Only batch-norm goes over its images more than once in a direction. Each pass reads the main
 * input, and in backward the output's gradient; one pass reads the other operands. */
static void pass_forward(traffic *t, const sn_node *node, bool is_last) {
    touch_value(t, sn_node_main_input(node), false);
    for (int k = 0; is_last && k < SN_MAX_INPUTS; k++)
        if (sn_node_operand(node, k))
            touch_value(t, sn_node_operand(node, k), false);
    if (is_last)
        touch_value(t, node->output, true);
}

static void pass_backward(traffic *t, const sn_node *node, bool is_first, bool is_last) {
    touch_gradient(t, node->output, false);
    if (is_first && node->saves[SN_OUTPUT])
        touch_value(t, node->output, false);
    for (int k = 0; k < SN_MAX_INPUTS; k++) {
        const sn_tensor *input = sn_node_operand(node, k);
        if (!input)
            continue;
        if ((input == sn_node_main_input(node) || is_first) && node->saves[k])
            touch_value(t, input, false);
        if (is_last && input->wants_gradient && node->add[k])
            touch_gradient(t, input, false);
        if (is_last && input->wants_gradient)
            touch_gradient(t, input, true);
    }
}

/* Whether the task goes over activations: phases over images do; those in which threads work
 * together only join sums, if the node has any of the former. */
static bool goes_over_data(const sn_task_time *tasks, size_t count, size_t index) {
    if (tasks[index].over_images)
        return true;
    for (size_t i = 0; i < count; i++)
        if (tasks[i].node == tasks[index].node && tasks[i].backward == tasks[index].backward &&
            tasks[i].over_images)
            return false;
    return true;
}

static void count_direction(traffic *t, const sn_task_time *tasks, size_t count, size_t nodes,
                            bool backward) {
    memset(t->first, 0, nodes * sizeof *t->first);
    for (size_t i = 0; i < count; i++) {
        if (tasks[i].backward != backward || !goes_over_data(tasks, count, i))
            continue;
        const size_t node = tasks[i].node->index;
        t->last[node] = &tasks[i];
        if (!t->first[node])
            t->first[node] = &tasks[i];
    }
    for (size_t i = 0; i < count; i++) {
        if (tasks[i].backward != backward || !goes_over_data(tasks, count, i))
            continue;
        const sn_node *node = tasks[i].node;
        t->step = tasks[i].step + 1;
        if (backward)
            pass_backward(t, node, t->first[node->index] == &tasks[i],
                          t->last[node->index] == &tasks[i]);
        else
            pass_forward(t, node, t->last[node->index] == &tasks[i]);
    }
}

static size_t tensor_limit(const sn_graph *graph) {
    size_t limit = 1;
    for (size_t i = 0; i < sn_graph_node_count(graph); i++) {
        const sn_node *node = sn_graph_node(graph, i);
        if (node->output->index >= limit)
            limit = node->output->index + 1;
        for (int k = 0; k < SN_MAX_INPUTS; k++) {
            const sn_tensor *input = sn_node_operand(node, k);
            if (input && input->index >= limit)
                limit = input->index + 1;
        }
    }
    return limit;
}

sn_status sn_graph_floor(const sn_graph *graph, sn_work *floor, sn_error *error) {
    const size_t nodes = sn_graph_node_count(graph), count = sn_graph_task_count(graph);
    const size_t tensors = tensor_limit(graph);
    sn_task_time *tasks = calloc(count, sizeof *tasks);
    traffic t = {.values = calloc(tensors, sizeof *t.values),
                 .gradients = calloc(tensors, sizeof *t.gradients),
                 .first = calloc(nodes, sizeof *t.first),
                 .last = calloc(nodes, sizeof *t.last)};
    const bool complete = tasks && t.values && t.gradients && t.first && t.last;
    for (size_t i = 0; complete && i < count; i++)
        tasks[i] = sn_graph_task_time(graph, i);
    if (complete) {
        count_direction(&t, tasks, count, nodes, false);
        count_direction(&t, tasks, count, nodes, true);
    }
    *floor = (sn_work){0, t.bytes};
    for (size_t i = 0; i < nodes; i++)
        floor->flops += sn_node_work(sn_graph_node(graph, i), false).flops +
                        sn_node_work(sn_graph_node(graph, i), true).flops;
    free(tasks);
    free(t.values);
    free(t.gradients);
    free(t.first);
    free(t.last);
    SN_RETURN_IF(!complete, error, SN_ERROR_MEMORY, "out of memory for the profile");
    return SN_OK;
}

/* ---- rows ---- */

/* "16x32x32": dimensions from `first` on. */
static int dimensions(const sn_shape *shape, int first, char *text, size_t size) {
    int used = 0;
    for (int i = first; i < shape->rank && used < (int)size; i++)
        used += snprintf(text + used, size - (size_t)used, "%s%zu", i > first ? "x" : "",
                         shape->size[i]);
    return used;
}

static void describe(const sn_node *node, char text[SN_PROFILE_SHAPE_SIZE]) {
    char from[SN_PROFILE_SHAPE_SIZE] = "", to[SN_PROFILE_SHAPE_SIZE] = "";
    char own[SN_PROFILE_SHAPE_SIZE / 4];
    const sn_shape *x = &sn_node_main_input(node)->shape, *y = &node->output->shape;
    sn_node_describe(node, own, sizeof own);
    dimensions(x, node->output->is_activation ? 1 : 0, from, sizeof from / 2);
    dimensions(y, 1, to, sizeof to / 2);
    if (*own) {
        snprintf(text, SN_PROFILE_SHAPE_SIZE, "%.7s %.26s > %.26s", own, from, to);
    } else if (node->output->is_activation && y->rank > 1 && !sn_shape_equal(x, y)) {
        snprintf(text, SN_PROFILE_SHAPE_SIZE, "%.28s > %.28s", from, to);
    } else {
        snprintf(text, SN_PROFILE_SHAPE_SIZE, "%s", from);
    }
}

static sn_profile_row *row_of(sn_profile_row *rows, size_t *count, const sn_node *node) {
    sn_profile_row fresh = {.op = sn_node_op_name(node)};
    describe(node, fresh.shape);
    for (size_t i = 0; i < *count; i++)
        if (strcmp(rows[i].op, fresh.op) == 0 && strcmp(rows[i].shape, fresh.shape) == 0)
            return &rows[i];
    rows[*count] = fresh;
    return &rows[(*count)++];
}

static int compare_slower_first(const void *a, const void *b) {
    const sn_profile_row *x = a, *y = b;
    const double left = x->forward + x->backward, right = y->forward + y->backward;
    return left < right ? 1 : left > right ? -1 : strcmp(x->shape, y->shape);
}

sn_status sn_profile_rows(const sn_graph *graph, size_t steps, sn_profile_row **rows, size_t *count,
                          sn_error *error) {
    const double share = 1 / ((double)sn_graph_run(graph)->threads * (double)steps);
    *count = 0;
    *rows = calloc(sn_graph_node_count(graph), sizeof **rows);
    SN_RETURN_IF(!*rows, error, SN_ERROR_MEMORY, "out of memory for the profile");
    for (size_t i = 0; i < sn_graph_node_count(graph); i++) {
        const sn_node *node = sn_graph_node(graph, i);
        const sn_work forward = sn_node_work(node, false), backward = sn_node_work(node, true);
        sn_profile_row *row = row_of(*rows, count, node);
        row->nodes++;
        row->work.flops += forward.flops + backward.flops;
        row->work.bytes += forward.bytes + backward.bytes;
    }
    for (size_t i = 0; i < sn_graph_task_count(graph); i++) {
        const sn_task_time task = sn_graph_task_time(graph, i);
        sn_profile_row *row = row_of(*rows, count, task.node);
        *(task.backward ? &row->backward : &row->forward) += task.seconds * share;
    }
    qsort(*rows, *count, sizeof **rows, compare_slower_first);
    return SN_OK;
}
