#include "program_ops.h"

static sn_status same_shape(sn_node *node, const sn_run *run, sn_error *error) {
    (void)run;
    (void)error;
    node->output->shape = node->input[0]->shape;
    return SN_OK;
}

/* The rows of a part of a phase over images, or of the thread's share otherwise. */
static sn_part share_of(const sn_node *node, const sn_run *run, const sn_part *part, bool images) {
    const size_t rows = node->output->shape.size[0];
    sn_part share = *part;
    if (!images) {
        share.first = sn_chunk_start(rows, part->thread, run->threads);
        share.last = sn_chunk_start(rows, part->thread + 1, run->threads);
    }
    return share;
}

static void copy_forward(const sn_node *node, const sn_part *part, sn_real factor) {
    const sn_real *x = sn_value_at(node->input[0], part);
    sn_real *y = sn_value_at(node->output, part);
    for (size_t i = 0; i < (part->last - part->first) * sn_tensor_row(node->output); i++)
        y[i] = factor * x[i];
}

static void copy_backward(const sn_node *node, const sn_part *part, sn_real factor) {
    const sn_real *dy = sn_gradient_at(node->output, part);
    sn_real *dx = sn_gradient_at(node->input[0], part);
    for (size_t i = 0; i < (part->last - part->first) * sn_tensor_row(node->output); i++)
        dx[i] = (node->add[0] ? dx[i] : 0) + factor * dy[i];
}

static void twice_forward(const sn_node *node, const sn_run *run, const sn_part *part) {
    const sn_part share = share_of(node, run, part, false);
    copy_forward(node, &share, 2);
}

static void twice_backward(const sn_node *node, const sn_run *run, const sn_part *part) {
    const sn_part share = share_of(node, run, part, false);
    copy_backward(node, &share, 2);
}

static void twice_images_forward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    copy_forward(node, part, 2);
}

static void twice_images_backward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    copy_backward(node, part, 2);
}

static const sn_op op_twice[TWICE_KINDS] = {
    [TWICE_EARLY] = {.name = "twice_early",
                     .operand = {{"x", SN_OPERAND_WEIGHT}},
                     .shape = same_shape,
                     .forward = {{SN_PHASE_EARLY, twice_forward, SN_ALWAYS}},
                     .backward = {{SN_PHASE_LATE, twice_backward, SN_ALWAYS}}},
    [TWICE_TOGETHER] = {.name = "twice_together",
                        .operand = {{"x", SN_OPERAND_DATA}},
                        .shape = same_shape,
                        .forward = {{SN_PHASE_TOGETHER, twice_forward, SN_ALWAYS}},
                        .backward = {{SN_PHASE_TOGETHER, twice_backward, SN_ALWAYS}}},
    [TWICE_IMAGES] = {.name = "twice_images",
                      .operand = {{"x", SN_OPERAND_DATA}},
                      .shape = same_shape,
                      .forward = {{SN_PHASE_IMAGES, twice_images_forward, SN_ALWAYS}},
                      .backward = {{SN_PHASE_IMAGES, twice_images_backward, SN_ALWAYS}}},
};

sn_status twice(sn_graph *graph, sn_tensor *x, twice_kind kind, sn_tensor **y, sn_error *error) {
    sn_tensor *const inputs[SN_MAX_INPUTS] = {x};
    return sn_graph_apply(graph, &op_twice[kind], NULL, inputs, NULL, y, error);
}

/* ---- witness ---- */

typedef struct witness_attributes {
    witnessed *forward, *backward;
} witness_attributes;

static void note(witnessed *record, const sn_part *part) {
    const int t = part->thread;
    const size_t images = part->last - part->first;
    if (part->is_start) {
        atomic_fetch_add(&record->starts[t], 1);
        if (atomic_load(&record->calls[t]) > 0)
            atomic_fetch_add(&record->late_starts, 1);
    }
    atomic_fetch_add(&record->calls[t], 1);
    if (record->largest[t] < images)
        record->largest[t] = images;
    for (size_t i = part->first; i < part->last && i < MAX_WITNESSED; i++) {
        atomic_fetch_add(&record->visits[i], 1);
        record->thread[i] = t;
    }
}

static void witness_forward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    note(((const witness_attributes *)(const void *)node->attributes)->forward, part);
    copy_forward(node, part, 1);
}

static void witness_backward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    note(((const witness_attributes *)(const void *)node->attributes)->backward, part);
    copy_backward(node, part, 1);
}

static const sn_op op_witness = {
    .name = "witness",
    .operand = {{"x", SN_OPERAND_DATA}},
    .attributes_size = sizeof(witness_attributes),
    .shape = same_shape,
    .forward = {{SN_PHASE_IMAGES, witness_forward, SN_ALWAYS}},
    .backward = {{SN_PHASE_IMAGES, witness_backward, SN_ALWAYS}},
};

sn_status witness(sn_graph *graph, sn_tensor *x, witnessed *forward, witnessed *backward,
                  sn_tensor **y, sn_error *error) {
    const witness_attributes attributes = {forward, backward};
    sn_tensor *const inputs[SN_MAX_INPUTS] = {x};
    return sn_graph_apply(graph, &op_witness, &attributes, inputs, NULL, y, error);
}
