#include "op_trial.h"

#include "element_ops.h"
#include "to_lanes.h"

#include "base/rng.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

double *new_numbers(size_t count) {
    double *numbers = calloc(count + 1, sizeof *numbers);
    ck_assert_ptr_nonnull(numbers);
    return numbers;
}

void new_gradients(const op_trial *trial, double *gradient[MAX_OPERANDS]) {
    for (int k = 0; k < MAX_OPERANDS; k++)
        gradient[k] = trial->wanted[k] ? new_numbers(trial->count[k]) : NULL;
}

void free_gradients(double *gradient[MAX_OPERANDS]) {
    for (int k = 0; k < MAX_OPERANDS; k++)
        free(gradient[k]);
}

const char *op_trial_text(const op_trial *trial, char text[TRIAL_TEXT_SIZE]) {
    char shape[SN_SHAPE_TEXT_SIZE];
    int used = snprintf(text, TRIAL_TEXT_SIZE, "%s(", trial->entry->name);
    for (int k = 0; k < MAX_OPERANDS; k++)
        if (trial->c->operand[k].rank)
            used += snprintf(text + used, TRIAL_TEXT_SIZE - (size_t)used, "%s%s", k ? " " : "",
                             sn_shape_text(&trial->c->operand[k], shape));
    snprintf(text + used, TRIAL_TEXT_SIZE - (size_t)used,
             "; kernel %d stride %d padding %d activation %d residual %d eval %d) threads %d "
             "parameters %d twice %d unwanted %#x layout %d bf16 %d plain %#x",
             trial->c->kernel, trial->c->stride, trial->c->padding, (int)trial->c->activation,
             trial->c->residual_is_x, trial->c->eval, trial->setting.threads,
             trial->setting.parameters, trial->setting.twice, trial->setting.unwanted,
             (int)trial->setting.layout, trial->setting.bf16, trial->setting.plain);
    return text;
}

static double draw(const op_trial *trial, sn_rng *rng, size_t i, const uint32_t *order) {
    double x = sn_rng_normal(rng);
    if (trial->entry->data == DATA_DISTINCT)
        x = 0.02 * (double)order[i] - 1;
    return x + trial->c->offset;
}

/* The nearest number that the tensors hold in both precisions. */
static double round_number(const op_trial *trial, double x) {
    const float single = (float)x;
    if (!trial->setting.bf16)
        return (double)single;
    uint32_t bits;
    memcpy(&bits, &single, sizeof bits);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
    float rounded;
    memcpy(&rounded, &bits, sizeof rounded);
    return (double)rounded;
}

static void fill_operand(op_trial *trial, int k, sn_rng *rng) {
    const size_t count = trial->count[k];
    const operand_kind kind = op_operand_kind(trial->entry, k);
    uint32_t *order = malloc((count + 1) * sizeof *order);
    ck_assert_ptr_nonnull(order);
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    sn_rng_shuffle(rng, order, count);
    for (size_t i = 0; i < count; i++) {
        double x = sn_rng_normal(rng);
        if (kind == OPERAND_DATA)
            x = draw(trial, rng, i, order);
        if (kind == OPERAND_VARIANCE)
            x = sn_rng_range(rng, 0.2, 2);
        if (kind == OPERAND_RANGE)
            x = trial->c->range;
        if (kind == OPERAND_LABELS)
            x = (double)sn_rng_below(rng, trial->c->operand[0].size[1]);
        trial->value[k][i] = round_number(trial, x);
    }
    free(order);
}

/* Draws operands until the op is smooth around them. */
static void fill_operands(op_trial *trial, sn_rng *rng) {
    const op_entry *entry = trial->entry;
    /* Rounded results must not land on a kink either. */
    const double margin = trial->setting.bf16 ? 0.005 : 0.001;
    int draws = 0;
    do {
        ck_assert_msg(draws++ < 100000, "%s: every draw is too near a kink", entry->name);
        for (int k = 0; k < MAX_OPERANDS; k++)
            if (trial->value[k])
                fill_operand(trial, k, rng);
    } while (entry->is_smooth && !entry->is_smooth(trial->c, trial->value, margin));
}

static sn_status add_operand(op_trial *trial, int k, sn_error *error) {
    const sn_shape shape = trial->c->operand[k];
    const sn_init zero = {SN_INIT_CONSTANT, 0};
    const operand_kind kind = op_operand_kind(trial->entry, k);
    char name[16];
    snprintf(name, sizeof name, "operand.%d", k);
    const bool differentiable = kind == OPERAND_DATA || kind == OPERAND_WEIGHT;
    trial->wanted[k] = differentiable && !(trial->setting.unwanted >> k & 1u) && !trial->c->eval;
    switch (kind) {
    case OPERAND_LABELS:
        return sn_graph_labels(trial->graph, shape.size[0], &trial->operand[k], error);
    case OPERAND_MEAN:
    case OPERAND_VARIANCE:
        return sn_graph_parameter(trial->graph, name, shape,
                                  kind == OPERAND_MEAN ? SN_ROLE_RUNNING_MEAN
                                                       : SN_ROLE_RUNNING_VARIANCE,
                                  zero, &trial->operand[k], error);
    case OPERAND_RANGE:
        return sn_graph_parameter(trial->graph, name, shape, SN_ROLE_INPUT_RANGE, zero,
                                  &trial->operand[k], error);
    case OPERAND_WEIGHT:
        if (trial->setting.parameters && !(trial->setting.unwanted >> k & 1u))
            return sn_graph_parameter(trial->graph, name, shape, SN_ROLE_WEIGHT, zero,
                                      &trial->operand[k], error);
        break;
    case OPERAND_NONE:
    case OPERAND_DATA:
        break;
    }
    SN_TRY(sn_graph_input(trial->graph, shape, &trial->operand[k], error));
    if (trial->wanted[k])
        sn_tensor_require_gradient(trial->operand[k]);
    return SN_OK;
}

/* The operands as the op meets them. */
static sn_status lay_out(const op_trial *trial, sn_tensor *used[MAX_OPERANDS], sn_error *error) {
    const trial_setting *setting = &trial->setting;
    for (int k = 0; k < MAX_OPERANDS; k++) {
        used[k] = trial->operand[k];
        if (used[k] && op_operand_kind(trial->entry, k) == OPERAND_DATA &&
            !(setting->plain >> k & 1u) && setting->layout != SN_LAYOUT_PLAIN)
            SN_TRY(
                to_lanes(trial->graph, used[k], setting->layout, setting->bf16, &used[k], error));
    }
    return SN_OK;
}

static sn_status build(op_trial *trial, sn_error *error) {
    sn_tensor *used[MAX_OPERANDS];
    SN_TRY(sn_parameters_create(&trial->parameters, error));
    SN_TRY(sn_graph_create(trial->parameters, trial->c->eval ? SN_GRAPH_EVAL : SN_GRAPH_TRAIN,
                           trial->setting.threads, &trial->graph, error));
    SN_TRY(sn_graph_set_engine(trial->graph, trial->entry->engine, SN_PRECISION_FP32, error));
    for (int k = 0; k < MAX_OPERANDS; k++)
        if (trial->count[k])
            SN_TRY(add_operand(trial, k, error));
    SN_TRY(lay_out(trial, used, error));
    SN_TRY(trial->entry->apply(trial->graph, trial->c, used, &trial->y, error));
    if (trial->setting.twice) {
        sn_tensor *again;
        SN_TRY(trial->entry->apply(trial->graph, trial->c, used, &again, error));
        SN_TRY(element_sum(trial->graph, trial->y, again, &trial->y, error));
    }
    return sn_graph_plan(trial->graph, trial->y, error);
}

static void write_numbers(sn_tensor *tensor, const double *numbers, size_t count) {
    sn_real *reals = malloc(count * sizeof *reals);
    ck_assert_ptr_nonnull(reals);
    for (size_t i = 0; i < count; i++)
        reals[i] = (sn_real)(numbers ? numbers[i] : (double)NAN);
    sn_tensor_write(tensor, reals, sn_tensor_shape(tensor)->size[0]);
    free(reals);
}

static void write_labels(sn_tensor *tensor, const double *numbers, size_t count) {
    int32_t *labels = malloc(count * sizeof *labels);
    ck_assert_ptr_nonnull(labels);
    for (size_t i = 0; i < count; i++)
        labels[i] = (int32_t)numbers[i];
    sn_tensor_write_labels(tensor, labels, count);
    free(labels);
}

static void write_operands(op_trial *trial, bool dirty) {
    for (int k = 0; k < MAX_OPERANDS; k++) {
        if (!trial->count[k])
            continue;
        if (op_operand_kind(trial->entry, k) == OPERAND_LABELS)
            write_labels(trial->operand[k], trial->value[k], trial->count[k]);
        else
            write_numbers(trial->operand[k], dirty ? NULL : trial->value[k], trial->count[k]);
    }
}

op_trial *op_trial_create(const op_entry *entry, const op_case *c, trial_setting setting) {
    op_trial *trial = calloc(1, sizeof *trial);
    ck_assert_ptr_nonnull(trial);
    trial->entry = entry;
    trial->c = c;
    trial->setting = setting;
    sn_rng rng;
    sn_rng_init(&rng, 1, SN_RNG_TEST, sn_hash_text(entry->name));
    for (int k = 0; k < MAX_OPERANDS; k++)
        if (c->operand[k].rank) {
            trial->count[k] = sn_shape_count(&c->operand[k]);
            trial->value[k] = new_numbers(trial->count[k]);
        }
    fill_operands(trial, &rng);
    sn_error error;
    char text[TRIAL_TEXT_SIZE];
    ck_assert_msg(build(trial, &error) == SN_OK, "%s: %s", op_trial_text(trial, text),
                  error.message);
    trial->y_count = sn_shape_count(sn_tensor_shape(trial->y));
    trial->dy = new_numbers(trial->y_count);
    write_operands(trial, true);
    sn_graph_forward(trial->graph);
    if (!c->eval) {
        sn_real *nans = malloc(trial->y_count * sizeof *nans);
        ck_assert_ptr_nonnull(nans);
        for (size_t i = 0; i < trial->y_count; i++)
            nans[i] = (sn_real)NAN;
        sn_graph_backward(trial->graph, nans);
        free(nans);
        take_dirty_gradients(); /* a zero weight times NaN is NaN */
    }
    for (size_t i = 0; i < trial->y_count; i++)
        trial->dy[i] = round_number(trial, sn_rng_normal(&rng));
    return trial;
}

void op_trial_free(op_trial *trial) {
    for (int k = 0; k < MAX_OPERANDS; k++)
        free(trial->value[k]);
    free(trial->dy);
    sn_graph_free(trial->graph);
    sn_parameters_free(trial->parameters);
    free(trial);
}

void op_trial_read(const op_trial *trial, int k, double *value) {
    const size_t count = trial->count[k];
    sn_real *reals = malloc(count * sizeof *reals);
    ck_assert_ptr_nonnull(reals);
    sn_tensor_read(trial->operand[k], reals, trial->c->operand[k].size[0]);
    for (size_t i = 0; i < count; i++)
        value[i] = (double)reals[i];
    free(reals);
}

void op_trial_forward(op_trial *trial, double *y) {
    write_operands(trial, false);
    sn_graph_forward(trial->graph);
    sn_real *reals = malloc(trial->y_count * sizeof *reals);
    ck_assert_ptr_nonnull(reals);
    sn_tensor_read(trial->y, reals, sn_tensor_shape(trial->y)->size[0]);
    for (size_t i = 0; i < trial->y_count; i++)
        y[i] = (double)reals[i];
    free(reals);
    char text[TRIAL_TEXT_SIZE];
    ck_assert_msg(
        count_dirty_paddings(trial->y, trial->y->value_storage.base, trial->y->shape.size[0]) == 0,
        "paddings of the output are not zero: %s", op_trial_text(trial, text));
}

void op_trial_backward(op_trial *trial, double *const *gradient) {
    sn_real *dy = malloc(trial->y_count * sizeof *dy);
    ck_assert_ptr_nonnull(dy);
    for (size_t i = 0; i < trial->y_count; i++)
        dy[i] = (sn_real)trial->dy[i];
    sn_parameters_zero_gradients(trial->parameters);
    sn_graph_backward(trial->graph, dy);
    free(dy);
    char text[TRIAL_TEXT_SIZE];
    ck_assert_msg(take_dirty_gradients() == 0, "paddings of a gradient are not zero: %s",
                  op_trial_text(trial, text));
    for (int k = 0; k < MAX_OPERANDS; k++) {
        if (!trial->wanted[k])
            continue;
        sn_real *reals = malloc((trial->count[k] + 1) * sizeof *reals);
        ck_assert_ptr_nonnull(reals);
        if (trial->count[k])
            sn_tensor_read_gradient(trial->operand[k], reals);
        for (size_t i = 0; i < trial->count[k]; i++)
            gradient[k][i] = (double)reals[i];
        free(reals);
    }
}
