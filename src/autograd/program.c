/* The program: the order of execution. Consecutive phases over images form one step. In a step each
 * thread takes its own images through all phases, a slice at a time, so that each op finds in the
 * cache what the one before it wrote. Between steps the threads wait for each other. */
#include "autograd/graph_internal.h"

#include "base/clock.h"

#include <stdlib.h>
#include <unistd.h>

/* Taken as the cache's size if that is not known. */
enum { USUAL_CACHE = 512 * 1024 };

/* A late task, waiting for the next step in which threads work together. Tasks of one level do not
 * need each other's results. */
typedef struct late_task {
    sn_node *node;
    const sn_phase *phase;
    size_t level;
} late_task;

typedef struct builder {
    const sn_graph *graph;
    sn_program *program;
    bool backward;
    late_task *late;
    size_t late_count;
} builder;

static bool is_active(const sn_graph *graph, const sn_phase *phase) {
    return phase->mode == SN_ALWAYS || (phase->mode == SN_TRAINING_ONLY) == graph->run.training;
}

static void begin_step(builder *b, size_t images) {
    b->program->steps[b->program->step_count++] =
        (sn_step){.first_task = b->program->task_count, .images = images};
}

static void add_task(builder *b, sn_node *node, const sn_phase *phase, sn_phase_kind kind) {
    b->program->tasks[b->program->task_count++] =
        (sn_task){.node = node, .phase = phase, .kind = kind};
    b->program->steps[b->program->step_count - 1].task_count++;
}

/* Whether the current step computes weights of the node. The node needs them complete. */
static bool step_makes_weights(const builder *b, const sn_node *node) {
    const sn_step *step = &b->program->steps[b->program->step_count - 1];
    for (size_t i = 0; !b->backward && i < step->task_count; i++)
        for (int k = 0; k < SN_MAX_INPUTS; k++)
            if (sn_node_has_weight(node, k) &&
                node->input[k]->producer == b->program->tasks[step->first_task + i].node)
                return true;
    return false;
}

static void add_over_images(builder *b, sn_node *node, const sn_phase *phase) {
    const size_t images = node->output->shape.size[0];
    const sn_program *p = b->program;
    if (p->step_count == 0 || p->steps[p->step_count - 1].images != images ||
        step_makes_weights(b, node))
        begin_step(b, images);
    add_task(b, node, phase, SN_PHASE_IMAGES);
}

/* Whether the weights are there before anything else is computed. */
static bool is_early(const sn_node *node) {
    for (int k = 0; k < SN_MAX_INPUTS; k++) {
        const sn_tensor *input = node->input[k];
        if (!sn_node_has_weight(node, k) || input->is_parameter)
            continue;
        if (input->is_activation || input->producer->op->forward[0].kind != SN_PHASE_EARLY ||
            !is_early(input->producer))
            return false;
    }
    return true;
}

/* Whether the gradients of weights may wait: only late phases read them. */
static bool is_late(const sn_node *node) {
    for (int k = 0; k < SN_MAX_INPUTS; k++) {
        const sn_tensor *input = node->input[k];
        if (sn_node_has_weight(node, k) && !input->is_parameter &&
            (input->is_activation || input->producer->op->backward[0].kind != SN_PHASE_LATE ||
             !is_late(input->producer)))
            return false;
    }
    return true;
}

/* How many early steps must come before this node's. */
static size_t early_level(const sn_node *node) {
    size_t level = 0;
    for (int k = 0; k < SN_MAX_INPUTS; k++) {
        const sn_tensor *input = node->input[k];
        if (!sn_node_has_weight(node, k) || !input->producer)
            continue;
        const size_t below = early_level(input->producer) + 1;
        if (level < below)
            level = below;
    }
    return level;
}

/* Early phases; those that do not need each other's results share a step. */
static void add_early(builder *b) {
    bool more = true;
    for (size_t level = 0; more; level++) {
        bool begun = false;
        more = false;
        for (size_t i = 0; i < b->graph->node_count; i++) {
            sn_node *node = b->graph->nodes[i];
            for (const sn_phase *p = node->op->forward;
                 p < node->op->forward + SN_MAX_PHASES && p->kind; p++) {
                if (p->kind != SN_PHASE_EARLY || !is_active(b->graph, p) || !is_early(node))
                    continue;
                const size_t own = early_level(node);
                if (own < level)
                    continue;
                if (own > level) {
                    more = true;
                    continue;
                }
                if (!begun)
                    begin_step(b, 0);
                begun = true;
                add_task(b, node, p, SN_PHASE_EARLY);
            }
        }
    }
}

static bool is_same(const sn_tensor *a, const sn_tensor *b) {
    return a == b ||
           (a->is_parameter && b->is_parameter && a->parameter_index == b->parameter_index);
}

/* Whether the late node and another write the gradient of the same weights. Then their order
 * matters: the first overwrites, the second adds, and they divide the work differently. */
static bool share_gradient(const sn_node *late, const sn_node *other) {
    for (int i = 0; i < SN_MAX_INPUTS; i++)
        for (int k = 0; k < SN_MAX_INPUTS; k++)
            if (sn_node_has_weight(late, i) && late->input[i]->wants_gradient && other->input[k] &&
                is_same(late->input[i], other->input[k]))
                return true;
    return false;
}

/* A late phase waits for those that write its node's output gradient, or the same gradient. */
static void postpone(builder *b, sn_node *node, const sn_phase *phase) {
    late_task task = {.node = node, .phase = phase};
    for (size_t i = 0; i < b->late_count; i++)
        for (int k = 0; k < SN_MAX_INPUTS; k++)
            if ((b->late[i].node->input[k] == node->output ||
                 share_gradient(b->late[i].node, node)) &&
                task.level <= b->late[i].level)
                task.level = b->late[i].level + 1;
    b->late[b->late_count++] = task;
}

/* Moves the waiting tasks into the program; the first level joins the current step. */
static void add_late(builder *b) {
    size_t added = 0;
    for (size_t level = 0; added < b->late_count; level++) {
        if (level > 0)
            begin_step(b, 0);
        for (size_t i = 0; i < b->late_count; i++) {
            if (b->late[i].level != level)
                continue;
            add_task(b, b->late[i].node, b->late[i].phase, SN_PHASE_LATE);
            added++;
        }
    }
    b->late_count = 0;
}

/* Adds the waiting tasks now if one must write a gradient before this node does. */
static void add_late_before(builder *b, const sn_node *node) {
    bool shares = false;
    for (size_t i = 0; i < b->late_count; i++)
        shares = shares || (b->late[i].node != node && share_gradient(b->late[i].node, node));
    if (shares) {
        begin_step(b, 0);
        add_late(b);
    }
}

static void add_node(builder *b, sn_node *node) {
    const sn_phase *phases = b->backward ? node->op->backward : node->op->forward;
    for (const sn_phase *p = phases; p < phases + SN_MAX_PHASES && p->kind; p++) {
        if (!is_active(b->graph, p) || (p->kind == SN_PHASE_EARLY && is_early(node)))
            continue;
        if (p->kind == SN_PHASE_LATE && is_late(node)) {
            postpone(b, node, p);
            continue;
        }
        add_late_before(b, node);
        if (p->kind == SN_PHASE_IMAGES) {
            add_over_images(b, node, p);
        } else {
            begin_step(b, 0);
            add_task(b, node, p, SN_PHASE_TOGETHER);
            add_late(b);
        }
    }
}

/* ---- slices ---- */

/* Raises the bytes that a task moves for each image, and once for all images. */
static void count_bytes(const sn_task *task, size_t *most_images, size_t *most_once) {
    const sn_node *node = task->node;
    size_t images = 0, once = 0;
    for (int k = 0; k < SN_OPERANDS; k++) {
        const sn_tensor *operand = sn_node_operand(node, k);
        if (!operand)
            continue;
        const size_t bytes = sn_tensor_row(operand) * sn_element_size(operand);
        if (operand->is_activation)
            images += bytes;
        else
            once += bytes * operand->shape.size[0];
    }
    *most_images = *most_images > images ? *most_images : images;
    *most_once = *most_once > once ? *most_once : once;
}

static size_t cache_size(void) {
#ifdef _SC_LEVEL2_CACHE_SIZE
    const long known = sysconf(_SC_LEVEL2_CACHE_SIZE);
    if (known > 0)
        return (size_t)known;
#endif
    return USUAL_CACHE;
}

/* So many images that the operands of two ops stay in the cache; more if otherwise weights would be
 * read more often than images. */
static void choose_slice(const builder *b, sn_step *step) {
    const int threads = b->graph->run.threads;
    size_t images = 0, once = 0;
    for (size_t i = 0; i < step->task_count; i++)
        count_bytes(&b->program->tasks[step->first_task + i], &images, &once);
    const size_t budget = cache_size() / 2 > once ? cache_size() / 2 : once;
    const size_t most = (step->images + (size_t)threads - 1) / (size_t)threads;
    step->slice = images ? budget / images : most;
    if (step->slice > most)
        step->slice = most;
    if (step->slice == 0)
        step->slice = 1;
    for (size_t i = 0; i < step->task_count; i++) {
        sn_node *node = b->program->tasks[step->first_task + i].node;
        size_t *slice = b->backward ? &node->backward_slice : &node->forward_slice;
        if (*slice < step->slice)
            *slice = step->slice;
    }
}

/* ---- the whole ---- */

static sn_status build(sn_graph *graph, sn_program *program, bool backward, sn_error *error) {
    const size_t limit = graph->node_count * SN_MAX_PHASES;
    builder b = {.graph = graph, .program = program, .backward = backward};
    program->tasks = calloc(limit, sizeof *program->tasks);
    program->steps = calloc(2 * limit + 1, sizeof *program->steps);
    b.late = calloc(limit, sizeof *b.late);
    SN_RETURN_IF(!program->tasks || !program->steps || !b.late, error, SN_ERROR_MEMORY,
                 "out of memory for the graph");
    if (!backward)
        add_early(&b);
    for (size_t i = 0; i < graph->node_count; i++) {
        sn_node *node = graph->nodes[backward ? graph->node_count - 1 - i : i];
        if (!backward || node->output->wants_gradient)
            add_node(&b, node);
    }
    if (b.late_count > 0) {
        begin_step(&b, 0);
        add_late(&b);
    }
    free(b.late);
    for (size_t i = 0; i < program->step_count; i++)
        if (program->steps[i].images)
            choose_slice(&b, &program->steps[i]);
    return SN_OK;
}

sn_status sn_program_build(sn_graph *graph, sn_error *error) {
    SN_TRY(build(graph, &graph->forward, false, error));
    return graph->run.training ? build(graph, &graph->backward, true, error) : SN_OK;
}

void sn_program_free(sn_program *program) {
    free(program->tasks);
    free(program->steps);
}

/* ---- execution ---- */

static void run_task(const sn_graph *graph, sn_task *task, const sn_part *part) {
    const double started = graph->profiling ? sn_clock_seconds() : 0;
    task->phase->run(task->node, &graph->run, part);
    if (graph->profiling) {
        const double spent = sn_clock_seconds() - started;
#pragma omp atomic
        task->seconds += spent;
    }
}

static void run_step(const sn_graph *graph, sn_program *program, const sn_step *step, int thread) {
    sn_task *tasks = program->tasks + step->first_task;
    sn_part part = {.thread = thread, .is_start = true};
    if (step->images == 0) {
        for (size_t i = 0; i < step->task_count; i++)
            run_task(graph, &tasks[i], &part);
        return;
    }
    part.first = sn_chunk_start(step->images, thread, graph->run.threads);
    const size_t end = sn_chunk_start(step->images, thread + 1, graph->run.threads);
    /* Also without images: sums must start at zero. */
    do {
        part.last = end - part.first > step->slice ? part.first + step->slice : end;
        for (size_t i = 0; i < step->task_count; i++)
            run_task(graph, &tasks[i], &part);
        part.first = part.last;
        part.is_start = false;
    } while (part.first < end);
}

void sn_program_run(sn_graph *graph, sn_program *program) {
    const int threads = graph->run.threads;
#pragma omp parallel num_threads(threads)
    for (size_t i = 0; i < program->step_count; i++) {
        /* Ends with a barrier. If there are fewer threads than asked for, some do more. */
#pragma omp for schedule(static, 1)
        for (int thread = 0; thread < threads; thread++)
            run_step(graph, program, &program->steps[i], thread);
    }
}

/* ---- profiling ---- */

void sn_graph_set_profiling(sn_graph *graph, bool profiling) {
    graph->profiling = profiling;
    for (size_t i = 0; i < graph->forward.task_count; i++)
        graph->forward.tasks[i].seconds = 0;
    for (size_t i = 0; i < graph->backward.task_count; i++)
        graph->backward.tasks[i].seconds = 0;
}

size_t sn_graph_task_count(const sn_graph *graph) {
    return graph->forward.task_count + graph->backward.task_count;
}

sn_task_time sn_graph_task_time(const sn_graph *graph, size_t index) {
    const bool backward = index >= graph->forward.task_count;
    const sn_program *program = backward ? &graph->backward : &graph->forward;
    const size_t own = backward ? index - graph->forward.task_count : index;
    const sn_task *task = &program->tasks[own];
    size_t step = 0;
    while (own >= program->steps[step].first_task + program->steps[step].task_count)
        step++;
    return (sn_task_time){.node = task->node,
                          .backward = backward,
                          .over_images = task->kind == SN_PHASE_IMAGES,
                          .step = step + (backward ? graph->forward.step_count : 0),
                          .seconds = task->seconds};
}
