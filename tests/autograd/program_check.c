#include "program_check.h"

#include <check.h>

/* The step of a task, given by its index. */
static size_t step_of_task(const sn_program *program, size_t task) {
    for (size_t i = 0; i < program->step_count; i++) {
        const sn_step *step = &program->steps[i];
        if (task >= step->first_task && task < step->first_task + step->task_count)
            return i;
    }
    ck_abort_msg("task %zu is in no step", task);
    return 0;
}

long step_of(const sn_program *program, const sn_node *node, const sn_phase *phase) {
    for (size_t i = 0; i < program->task_count; i++)
        if (program->tasks[i].node == node && program->tasks[i].phase == phase)
            return (long)step_of_task(program, i);
    return -1;
}

static bool is_weight(const sn_node *node, const sn_tensor *tensor) {
    for (int k = 0; k < SN_MAX_INPUTS; k++)
        if (node->input[k] == tensor && sn_node_has_weight(node, k))
            return true;
    return false;
}

static bool is_apart(const sn_task *task) {
    return task->kind == SN_PHASE_EARLY || task->kind == SN_PHASE_LATE;
}

/* An early or late task does not touch activations, and a phase may leave other operands alone. */
static bool touches(const sn_task *task, const sn_tensor *tensor) {
    if (is_apart(task) && !is_weight(task->node, tensor))
        return false;
    for (int k = 0; k < SN_MAX_INPUTS; k++)
        if (task->node->input[k] == tensor && !task->phase->leaves[k])
            return true;
    return false;
}

/* An early or late one only if the output depends on weights alone. */
static bool touches_output(const sn_task *task, const sn_tensor *tensor) {
    if (task->node != tensor->producer || task->phase->leaves[SN_OUTPUT])
        return false;
    for (int k = 0; k < SN_MAX_INPUTS && is_apart(task); k++)
        if (task->node->input[k] && !is_weight(task->node, task->node->input[k]))
            return false;
    return true;
}

static const char *name_of(const sn_task *task) {
    return task->node->op->name;
}

/* `first` comes before `second`; in the same step only if both go image by image. */
static void check_order(const sn_program *program, size_t first, size_t second, bool as_a_whole) {
    const sn_task *a = &program->tasks[first], *b = &program->tasks[second];
    const size_t a_step = step_of_task(program, first), b_step = step_of_task(program, second);
    const bool by_image = a->kind == SN_PHASE_IMAGES && b->kind == SN_PHASE_IMAGES && !as_a_whole;
    ck_assert_msg(a_step < b_step || (by_image && a_step == b_step && first < second),
                  "a phase of %s (step %zu, task %zu) must come before one of %s (step %zu, task "
                  "%zu)",
                  name_of(a), a_step, first, name_of(b), b_step, second);
}

/* ---- steps ---- */

static void check_steps(const sn_graph *graph, const sn_program *program) {
    size_t next = 0;
    for (size_t i = 0; i < program->step_count; i++) {
        const sn_step *step = &program->steps[i];
        size_t together = 0;
        ck_assert_uint_eq(step->first_task, next);
        ck_assert_uint_gt(step->task_count, 0);
        next += step->task_count;
        for (size_t t = step->first_task; t < next; t++) {
            const sn_task *task = &program->tasks[t];
            ck_assert_int_eq(task->kind == SN_PHASE_IMAGES, step->images > 0);
            if (step->images > 0)
                ck_assert_uint_eq(task->node->output->shape.size[0], step->images);
            together += task->kind == SN_PHASE_TOGETHER;
        }
        ck_assert_uint_le(together, 1);
        const size_t threads = (size_t)graph->run.threads;
        if (step->images > 0) {
            ck_assert_uint_ge(step->slice, 1);
            ck_assert_uint_le(step->slice, (step->images + threads - 1) / threads);
        }
    }
    ck_assert_uint_eq(next, program->task_count);
}

static bool is_active(const sn_graph *graph, const sn_phase *phase) {
    return phase->mode == SN_ALWAYS || (phase->mode == SN_TRAINING_ONLY) == graph->run.training;
}

/* Each phase of the node once, and in their order. */
static size_t check_phases(const sn_graph *graph, const sn_program *program, const sn_node *node,
                           const sn_phase *phases) {
    size_t wanted = 0;
    for (int p = 0; p < SN_MAX_PHASES && phases[p].kind; p++) {
        if (!is_active(graph, &phases[p]))
            continue;
        wanted++;
        size_t found = 0, at = 0;
        for (size_t i = 0; i < program->task_count; i++)
            if (program->tasks[i].node == node && program->tasks[i].phase == &phases[p]) {
                found++;
                at = i;
            }
        ck_assert_msg(found == 1, "phase %d of %s runs %zu times", p, node->op->name, found);
        for (size_t i = at + 1; i < program->task_count; i++)
            if (program->tasks[i].node == node)
                check_order(program, at, i, false);
    }
    return wanted;
}

/* ---- what waits for what ---- */

static void check_forward(const sn_graph *graph) {
    const sn_program *program = &graph->forward;
    bool early_is_over = false;
    for (size_t i = 0; i < program->task_count; i++) {
        const sn_task *task = &program->tasks[i];
        early_is_over = early_is_over || task->kind != SN_PHASE_EARLY;
        ck_assert_msg(!early_is_over || task->kind != SN_PHASE_EARLY,
                      "an early phase of %s comes after others", name_of(task));
        /* Nothing waits for late phases. */
        for (size_t j = 0; j < program->task_count; j++)
            if (program->tasks[j].kind != SN_PHASE_LATE &&
                touches(task, program->tasks[j].node->output))
                check_order(program, j, i, is_weight(task->node, program->tasks[j].node->output));
    }
}

/* The weights whose gradients both write. */
static bool share_weights(const sn_node *a, const sn_node *b) {
    for (int i = 0; i < SN_MAX_INPUTS; i++)
        for (int k = 0; k < SN_MAX_INPUTS; k++) {
            const sn_tensor *x = a->input[i], *y = b->input[k];
            if (x && y && x->wants_gradient && sn_node_has_weight(a, i) &&
                (x == y ||
                 (x->is_parameter && y->is_parameter && x->parameter_index == y->parameter_index)))
                return true;
        }
    return false;
}

static void check_backward(const sn_graph *graph) {
    const sn_program *program = &graph->backward;
    for (size_t i = 0; i < program->task_count; i++) {
        const sn_task *task = &program->tasks[i];
        ck_assert(task->kind != SN_PHASE_EARLY);
        for (size_t j = 0; j < program->task_count; j++) {
            const sn_task *other = &program->tasks[j];
            /* Gradients arrive before they are passed on. */
            if (touches(other, task->node->output))
                check_order(program, j, i, false);
            /* Of two that write one gradient the node further back in the graph adds. */
            if (task->kind == SN_PHASE_LATE && other->node != task->node &&
                share_weights(task->node, other->node) &&
                (other->kind == SN_PHASE_LATE || other->kind == SN_PHASE_TOGETHER))
                check_order(program, other->node->index > task->node->index ? j : i,
                            other->node->index > task->node->index ? i : j, true);
        }
    }
}

void check_programs(const sn_graph *graph) {
    size_t forward = 0, backward = 0;
    check_steps(graph, &graph->forward);
    check_steps(graph, &graph->backward);
    for (size_t i = 0; i < graph->node_count; i++) {
        const sn_node *node = graph->nodes[i];
        forward += check_phases(graph, &graph->forward, node, node->op->forward);
        if (graph->run.training && node->output->wants_gradient)
            backward += check_phases(graph, &graph->backward, node, node->op->backward);
    }
    ck_assert_uint_eq(graph->forward.task_count, forward);
    ck_assert_uint_eq(graph->backward.task_count, backward);
    check_forward(graph);
    check_backward(graph);
}

/* ---- places ---- */

/* The only step that touches something, and whether there is just that. */
typedef struct home {
    long step;
    bool is_one; /* no other step does, and all goes image by image */
} home;

static void visit(home *h, size_t step, bool by_image) {
    h->is_one = h->is_one && by_image && (h->step < 0 || h->step == (long)step);
    h->step = (long)step;
}

static home value_home(const sn_graph *graph, const sn_tensor *tensor) {
    home h = {-1, tensor->is_activation && !tensor->is_input && !tensor->keep};
    for (size_t i = 0; i < graph->forward.task_count; i++) {
        const sn_task *task = &graph->forward.tasks[i];
        if (touches_output(task, tensor) || touches(task, tensor))
            visit(&h, step_of_task(&graph->forward, i),
                  task->kind == SN_PHASE_IMAGES && !is_weight(task->node, tensor));
    }
    for (size_t i = 0; i < graph->backward.task_count; i++) {
        const sn_task *task = &graph->backward.tasks[i];
        if (task->node == tensor->producer && task->node->saves[SN_OUTPUT])
            h.is_one = false;
        for (int k = 0; k < SN_MAX_INPUTS; k++)
            if (task->node->input[k] == tensor && task->node->saves[k])
                h.is_one = false;
    }
    return h;
}

static home gradient_home(const sn_graph *graph, const sn_tensor *tensor) {
    home h = {-1, tensor->is_activation && !tensor->is_input && tensor != graph->root};
    for (size_t i = 0; i < graph->backward.task_count; i++) {
        const sn_task *task = &graph->backward.tasks[i];
        if (touches_output(task, tensor) || touches(task, tensor))
            visit(&h, step_of_task(&graph->backward, i), task->kind == SN_PHASE_IMAGES);
    }
    return h;
}

static size_t check_place(const sn_tensor *tensor, const char *what, const sn_program *program,
                          const sn_storage *storage, home h) {
    const char *producer = tensor->producer ? tensor->producer->op->name : "no op";
    ck_assert_msg(storage->base != NULL, "the %s of %s has no memory", what, producer);
    ck_assert_msg((storage->place_size > 0) == h.is_one,
                  "the %s of %s: place size %zu, but it is needed in %s", what, producer,
                  storage->place_size, h.is_one ? "one step" : "more than one");
    if (h.is_one) {
        const size_t row = sn_tensor_row(tensor) * sn_element_size(tensor);
        ck_assert_uint_ge(storage->place_size, program->steps[h.step].slice * row);
    }
    return h.is_one;
}

/* ---- what a phase works with ---- */

typedef struct area {
    const char *what;
    const unsigned char *base;
    size_t bytes;
} area;

enum { MAX_AREAS = 4 + 2 * (SN_MAX_INPUTS + 1) };

typedef struct areas {
    area items[MAX_AREAS];
    size_t count;
} areas;

/* Nothing, and what is there already, is left out. */
static void add_area(areas *a, const char *what, const void *base, size_t bytes) {
    for (size_t i = 0; i < a->count; i++)
        if (a->items[i].what == what && a->items[i].base == base)
            return;
    if (base && bytes > 0)
        a->items[a->count++] = (area){what, base, bytes};
}

static void add_storage(areas *a, const char *what, const sn_tensor *tensor,
                        const sn_storage *storage, size_t slice) {
    const size_t rows = storage->place_size > 0 ? slice : tensor->shape.size[0];
    if (!tensor->is_labels)
        add_area(a, what, storage->base, rows * sn_tensor_row(tensor) * sn_element_size(tensor));
}

static void add_tensors(areas *a, const sn_task *task, bool backward, size_t slice) {
    const sn_node *node = task->node;
    static const char value[] = "value", gradient[] = "gradient";
    if (touches_output(task, node->output)) {
        if (!backward || node->saves[SN_OUTPUT])
            add_storage(a, value, node->output, &node->output->value_storage, slice);
        if (backward)
            add_storage(a, gradient, node->output, &node->output->gradient_storage, slice);
    }
    for (int k = 0; k < SN_MAX_INPUTS; k++) {
        const sn_tensor *input = node->input[k];
        if (!input || !touches(task, input))
            continue;
        if (!backward || node->saves[k])
            add_storage(a, value, input, &input->value_storage, slice);
        if (backward)
            add_storage(a, gradient, input, &input->gradient_storage, slice);
    }
}

static void check_apart(const sn_program *program, bool backward) {
    for (size_t t = 0; t < program->task_count; t++) {
        const sn_task *task = &program->tasks[t];
        const sn_node *node = task->node;
        areas a = {0};
        add_tensors(&a, task, backward, program->steps[step_of_task(program, t)].slice);
        add_area(&a, "saved", node->saved, node->saved_size);
        if (backward)
            add_area(&a, "sums", node->backward_sums, node->backward_sums_size);
        else if (task->kind != SN_PHASE_EARLY)
            add_area(&a, "sums", node->forward_sums, node->forward_sums_size);
        if (task->kind == SN_PHASE_IMAGES)
            add_area(&a, "scratch",
                     backward ? node->backward_scratch.base : node->forward_scratch.base,
                     backward ? node->backward_scratch_size : node->forward_scratch_size);
        for (size_t i = 0; i < a.count; i++)
            for (size_t j = 0; j < i; j++)
                ck_assert_msg(a.items[i].base + a.items[i].bytes <= a.items[j].base ||
                                  a.items[j].base + a.items[j].bytes <= a.items[i].base,
                              "%s and %s of %s overlap", a.items[i].what, a.items[j].what,
                              name_of(task));
    }
}

size_t check_places(const sn_graph *graph) {
    check_apart(&graph->forward, false);
    check_apart(&graph->backward, true);
    size_t local = 0;
    for (size_t i = 0; i < graph->tensor_count; i++) {
        const sn_tensor *tensor = graph->tensors[i];
        if (tensor->is_labels || tensor->is_parameter)
            continue;
        local += check_place(tensor, "value", &graph->forward, &tensor->value_storage,
                             value_home(graph, tensor));
        if (tensor->wants_gradient)
            local += check_place(tensor, "gradient", &graph->backward, &tensor->gradient_storage,
                                 gradient_home(graph, tensor));
    }
    return local;
}
