/* Batch normalisation, fused with the residual sum and the activation that follow it, if any:
 *     y = activation(gamma (x - mean) / sqrt(variance + epsilon) + beta + residual)
 * Forward goes over the images twice: once to gather the statistics, once to apply them. Backward
 * does the same with the gradients' sums. Each thread sums over its own images in their order; the
 * sums are joined in the order of the threads (thread_sums.h). */
#include "autograd/batch_norm_plane.h"
#include "autograd/op.h"
#include "autograd/ops.h"
#include "autograd/thread_sums.h"

#include "base/memory.h"

#include <math.h>

enum { X, GAMMA, BETA, RESIDUAL, SLOPE };
enum { MEAN, VARIANCE };

/* Vectors over the channels, padded to whole lanes with zeros. */
enum { SAVED_MEAN, SAVED_INVERSE, SAVED_SCALE, SAVED_SHIFT, SAVED_SLOPE, SAVED_VECTORS };

/* Sums of each thread, over the padded channels: two in forward, three in backward. Behind the
 * forward sums is each thread's centre, which is subtracted from x before summing: without it the
 * variance would be a difference of two large numbers. */
enum { SUM, SECOND_SUM, THIRD_SUM, FORWARD_SUMS = 2, BACKWARD_SUMS = 3 };

/* What backward computes from the joined sums; stored behind them. */
enum { CONSTANT, FACTOR, BACKWARD_VECTORS };

static size_t padded_channels(const sn_node *node) {
    return sn_lane_groups(node->input[X]->shape.size[1]) * SN_LANES;
}

/* ---- shape ---- */

static sn_status check_vectors(const sn_node *node, sn_error *error) {
    const sn_shape *x = &node->input[X]->shape;
    char xs[SN_SHAPE_TEXT_SIZE], ps[SN_SHAPE_TEXT_SIZE];
    const sn_tensor *const vectors[] = {node->input[GAMMA], node->input[BETA], node->state[MEAN],
                                        node->state[VARIANCE], node->input[SLOPE]};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        SN_RETURN_IF(vectors[i] &&
                         (vectors[i]->shape.rank != 1 || vectors[i]->shape.size[0] != x->size[1]),
                     error, SN_ERROR_ARGUMENT, "batch_norm: parameter %s does not fit input %s",
                     sn_shape_text(&vectors[i]->shape, ps), sn_shape_text(x, xs));
    return SN_OK;
}

static sn_status batch_norm_shape(sn_node *node, const sn_run *run, sn_error *error) {
    const sn_tensor *x = node->input[X], *residual = node->input[RESIDUAL];
    char xs[SN_SHAPE_TEXT_SIZE], rs[SN_SHAPE_TEXT_SIZE];
    SN_RETURN_IF(x->shape.rank != 4, error, SN_ERROR_ARGUMENT,
                 "batch_norm: input %s; need [N, C, H, W]", sn_shape_text(&x->shape, xs));
    const sn_batch_norm_attributes *attributes = (const void *)node->attributes;
    SN_RETURN_IF(!(attributes->momentum >= 0 && attributes->momentum <= 1) ||
                     !(attributes->epsilon > 0 && isfinite(attributes->epsilon)),
                 error, SN_ERROR_ARGUMENT,
                 "batch_norm: momentum %g, epsilon %g; need 0 to 1, and more than 0",
                 attributes->momentum, attributes->epsilon);
    const sn_activation_traits activation = sn_activation_traits_of(attributes->activation);
    SN_TRY(check_vectors(node, error));
    SN_RETURN_IF(activation.has_slope != (node->input[SLOPE] != NULL), error, SN_ERROR_ARGUMENT,
                 activation.has_slope ? "batch_norm: activation %s needs a slope"
                                      : "batch_norm: activation %s has no slope",
                 activation.name);
    SN_RETURN_IF(residual && !sn_shape_equal(&residual->shape, &x->shape), error, SN_ERROR_ARGUMENT,
                 "batch_norm: shortcut %s does not fit input %s",
                 sn_shape_text(&residual->shape, rs), sn_shape_text(&x->shape, xs));
    node->output->shape = x->shape;
    node->output->layout = x->layout;
    node->output->bf16 = x->bf16;
    const size_t channels = padded_channels(node), threads = (size_t)run->threads;
    node->saved_size = SAVED_VECTORS * channels * sizeof(sn_real);
    node->forward_sums_size =
        threads * channels * (FORWARD_SUMS * sizeof(double) + sizeof(sn_real));
    node->backward_sums_size =
        channels * (threads * BACKWARD_SUMS * sizeof(double) + BACKWARD_VECTORS * sizeof(sn_real));
    node->saves[SN_OUTPUT] = activation.backward_reads == SN_BACKWARD_READS_Y;
    node->saves[RESIDUAL] = activation.backward_reads == SN_BACKWARD_READS_X;
    return SN_OK;
}

/* If x is its own residual, the residual's share of the gradient is written first. */
static sn_status batch_norm_plan(sn_node *node, const sn_run *run, sn_error *error) {
    (void)run;
    (void)error;
    if (node->input[X] == node->input[RESIDUAL]) {
        node->add[RESIDUAL] = node->add[X];
        node->add[X] = true;
    }
    return SN_OK;
}

/* ---- memory ---- */

static sn_real *saved_vector(const sn_node *node, size_t which) {
    return (sn_real *)node->saved + which * padded_channels(node);
}

static double *forward_sum(const sn_node *node, int thread, size_t which) {
    return (double *)node->forward_sums +
           ((size_t)thread * FORWARD_SUMS + which) * padded_channels(node);
}

static sn_real *forward_centre(const sn_node *node, const sn_run *run, int thread) {
    sn_real *first = (void *)forward_sum(node, run->threads, 0);
    return first + (size_t)thread * padded_channels(node);
}

static double *backward_sum(const sn_node *node, int thread, size_t which) {
    return (double *)node->backward_sums +
           ((size_t)thread * BACKWARD_SUMS + which) * padded_channels(node);
}

static sn_real *backward_vector(const sn_node *node, const sn_run *run, size_t which) {
    sn_real *first = (void *)backward_sum(node, run->threads, 0);
    return first + which * padded_channels(node);
}

/* ---- the statistics of a plane ---- */

static sn_affine plane_affine(const sn_node *node, const sn_planes *s, size_t plane) {
    return (sn_affine){.mean = sn_plane_vector(s, saved_vector(node, SAVED_MEAN), plane),
                       .scale = sn_plane_vector(s, saved_vector(node, SAVED_SCALE), plane),
                       .shift = sn_plane_vector(s, saved_vector(node, SAVED_SHIFT), plane),
                       .slope = sn_plane_vector(s, saved_vector(node, SAVED_SLOPE), plane)};
}

/* ---- forward ---- */

/* The means of the thread's first image. They are close enough to the batch's means. */
static void choose_centre(const sn_planes *s, const void *x, sn_real *centre) {
    for (size_t plane = 0; plane < s->count; plane++) {
        const sn_plane first = sn_plane_at(s, 0, plane);
        sn_vec sum, square;
        SN_WITH_CONSTANT_BF16(s->bf16,
                              sn_plane_moments(x, &first, (sn_vec){0}, bf16, &sum, &square));
        double sums[SN_LANES] = {0};
        sn_plane_add_to_sums(s, 0, sum, sums);
        for (size_t i = 0; i < (s->in_lanes ? (size_t)SN_LANES : 1); i++)
            centre[plane * (s->in_lanes ? (size_t)SN_LANES : 1) + i] =
                (sn_real)(sums[i] / (double)s->pixels);
    }
}

static void batch_norm_gather(const sn_node *node, const sn_run *run, const sn_part *part) {
    const sn_planes s = sn_planes_of(node->input[X]);
    const void *x = sn_value_at(node->input[X], part);
    const size_t channels = padded_channels(node), images = part->last - part->first;
    double *sums = forward_sum(node, part->thread, SUM);
    double *squares = forward_sum(node, part->thread, SECOND_SUM);
    sn_real *centre = forward_centre(node, run, part->thread);
    if (part->is_start) {
        memset(sums, 0, channels * sizeof *sums);
        memset(squares, 0, channels * sizeof *squares);
        memset(centre, 0, channels * sizeof *centre);
        if (images > 0)
            choose_centre(&s, x, centre);
    }
    for (size_t n = 0; n < images; n++) {
        for (size_t i = 0; i < s.count; i++) {
            const sn_plane plane = sn_plane_at(&s, n, i);
            const sn_vec c = sn_plane_vector(&s, centre, i);
            sn_vec sum, square;
            SN_WITH_CONSTANT_BF16(s.bf16, sn_plane_moments(x, &plane, c, bf16, &sum, &square));
            sn_plane_add_to_sums(&s, i, sum, sums);
            sn_plane_add_to_sums(&s, i, square, squares);
        }
    }
}

/* Joins the threads' means and sums of squared deviations (Chan, Golub, LeVeque 1979). */
static void join_channel(const sn_node *node, const sn_run *run, size_t c, double *mean,
                         double *variance) {
    const sn_shape *shape = &node->input[X]->shape;
    const double pixels = (double)(shape->size[2] * shape->size[3]);
    double count = 0, deviations = 0;
    *mean = 0;
    for (int thread = 0; thread < run->threads; thread++) {
        const double part =
            pixels * (double)(sn_chunk_start(shape->size[0], thread + 1, run->threads) -
                              sn_chunk_start(shape->size[0], thread, run->threads));
        if (part == 0)
            continue;
        const double sum = forward_sum(node, thread, SUM)[c];
        const double square = forward_sum(node, thread, SECOND_SUM)[c];
        const double own = (double)forward_centre(node, run, thread)[c] + sum / part;
        const double away = own - *mean;
        deviations += square - sum * sum / part + away * away * count * part / (count + part);
        count += part;
        *mean += away * part / count;
    }
    *variance = deviations > 0 || isnan(deviations) ? deviations / count : 0;
}

static void update_running(const sn_node *node, size_t c, double mean, double variance) {
    const sn_batch_norm_attributes *attributes = (const void *)node->attributes;
    const size_t *size = node->input[X]->shape.size;
    const double momentum = attributes->momentum, count = (double)(size[0] * size[2] * size[3]);
    const double unbiased = count > 1 ? variance * count / (count - 1) : variance;
    sn_real *running_mean = node->state[MEAN]->value, *running = node->state[VARIANCE]->value;
    running_mean[c] = (sn_real)((1 - momentum) * (double)running_mean[c] + momentum * mean);
    running[c] = (sn_real)((1 - momentum) * (double)running[c] + momentum * unbiased);
}

static void batch_norm_join(const sn_node *node, const sn_run *run, const sn_part *part) {
    const sn_batch_norm_attributes *attributes = (const void *)node->attributes;
    const size_t channels = node->input[X]->shape.size[1], padded = padded_channels(node);
    const size_t last = sn_chunk_start(padded, part->thread + 1, run->threads);
    for (size_t c = sn_chunk_start(padded, part->thread, run->threads); c < last; c++) {
        double mean = 0, inverse = 0;
        const bool exists = c < channels;
        if (exists) {
            double variance = (double)node->state[VARIANCE]->value[c];
            mean = (double)node->state[MEAN]->value[c];
            if (run->training) {
                join_channel(node, run, c, &mean, &variance);
                update_running(node, c, mean, variance);
            }
            inverse = 1 / sqrt(variance + attributes->epsilon);
        }
        const double gamma = exists ? (double)node->input[GAMMA]->value[c] : 0;
        saved_vector(node, SAVED_MEAN)[c] = (sn_real)mean;
        saved_vector(node, SAVED_INVERSE)[c] = (sn_real)inverse;
        saved_vector(node, SAVED_SCALE)[c] = (sn_real)(gamma * inverse);
        saved_vector(node, SAVED_SHIFT)[c] = exists ? node->input[BETA]->value[c] : 0;
        saved_vector(node, SAVED_SLOPE)[c] =
            exists && node->input[SLOPE] ? node->input[SLOPE]->value[c] : 0;
    }
}

static void batch_norm_apply(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    const sn_batch_norm_attributes *attributes = (const void *)node->attributes;
    const sn_planes s = sn_planes_of(node->input[X]);
    const void *x = sn_value_at(node->input[X], part);
    const void *residual = node->input[RESIDUAL] ? sn_value_at(node->input[RESIDUAL], part) : NULL;
    void *y = sn_value_at(node->output, part);
    for (size_t n = 0; n < part->last - part->first; n++) {
        for (size_t i = 0; i < s.count; i++) {
            const sn_plane plane = sn_plane_at(&s, n, i);
            const sn_affine a = plane_affine(node, &s, i);
            if (residual)
                SN_WITH_CONSTANT_BF16(
                    s.bf16, SN_WITH_CONSTANT_ACTIVATION(attributes->activation,
                                                        sn_plane_forward(x, residual, y, &plane, &a,
                                                                         bf16, activation, true)));
            else
                SN_WITH_CONSTANT_BF16(
                    s.bf16, SN_WITH_CONSTANT_ACTIVATION(
                                attributes->activation,
                                sn_plane_forward(x, NULL, y, &plane, &a, bf16, activation, false)));
        }
    }
}

/* ---- backward ---- */

static void batch_norm_reduce(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    const sn_batch_norm_attributes *attributes = (const void *)node->attributes;
    const sn_planes s = sn_planes_of(node->input[X]);
    const sn_tensor *residual = node->input[RESIDUAL];
    const sn_plane_gradients g = {
        .x = sn_value_at(node->input[X], part),
        .y = node->saves[SN_OUTPUT] ? sn_value_at(node->output, part) : NULL,
        .residual = residual && node->saves[RESIDUAL] ? sn_value_at(residual, part) : NULL,
        .dy = sn_gradient_at(node->output, part),
        .dresidual = residual ? sn_gradient_at(residual, part) : NULL,
        .add_residual = node->add[RESIDUAL]};
    double *sums[BACKWARD_SUMS];
    for (size_t i = 0; i < BACKWARD_SUMS; i++) {
        sums[i] = backward_sum(node, part->thread, i);
        if (part->is_start)
            memset(sums[i], 0, padded_channels(node) * sizeof *sums[i]);
    }
    for (size_t n = 0; n < part->last - part->first; n++) {
        for (size_t i = 0; i < s.count; i++) {
            const sn_plane plane = sn_plane_at(&s, n, i);
            const sn_affine a = plane_affine(node, &s, i);
            sn_plane_sums own;
            SN_WITH_CONSTANT_BF16(s.bf16, SN_WITH_CONSTANT_ACTIVATION(
                                              attributes->activation,
                                              sn_plane_reduce(&g, &plane, &a, bf16, activation,
                                                              g.residual != NULL, &own)));
            sn_plane_add_to_sums(&s, i, own.dz, sums[SUM]);
            sn_plane_add_to_sums(&s, i, own.product, sums[SECOND_SUM]);
            if (node->input[SLOPE])
                sn_plane_add_to_sums(&s, i, own.slope, sums[THIRD_SUM]);
        }
    }
}

static double joined_sum(const sn_node *node, const sn_run *run, size_t which, size_t c) {
    return sn_thread_total_double(backward_sum(node, 0, which),
                                  BACKWARD_SUMS * padded_channels(node), run->threads, c);
}

/* dx = gamma inverse (dz - mean(dz) - x_hat mean(dz x_hat)) */
static void batch_norm_join_back(const sn_node *node, const sn_run *run, const sn_part *part) {
    const size_t *size = node->input[X]->shape.size;
    const double count = (double)(size[0] * size[2] * size[3]);
    const size_t padded = padded_channels(node);
    const size_t last = sn_chunk_start(padded, part->thread + 1, run->threads);
    for (size_t c = sn_chunk_start(padded, part->thread, run->threads); c < last; c++) {
        const double inverse = (double)saved_vector(node, SAVED_INVERSE)[c];
        const double scale = (double)saved_vector(node, SAVED_SCALE)[c];
        const double total = joined_sum(node, run, SUM, c);
        const double product = joined_sum(node, run, SECOND_SUM, c) * inverse; /* dz x_hat */
        backward_vector(node, run, CONSTANT)[c] = (sn_real)(scale * total / count);
        backward_vector(node, run, FACTOR)[c] = (sn_real)(scale * inverse * product / count);
        if (c >= size[1])
            continue;
        sn_add_gradient(node, GAMMA, c, (sn_real)product);
        sn_add_gradient(node, BETA, c, (sn_real)total);
        sn_add_gradient(node, SLOPE, c, (sn_real)joined_sum(node, run, THIRD_SUM, c));
    }
}

static void batch_norm_pass_back(const sn_node *node, const sn_run *run, const sn_part *part) {
    const sn_planes s = sn_planes_of(node->input[X]);
    const void *x = sn_value_at(node->input[X], part);
    const void *dz = sn_gradient_at(node->output, part);
    void *dx = sn_gradient_at(node->input[X], part);
    const bool add = node->add[X];
    for (size_t n = 0; dx && n < part->last - part->first; n++) {
        for (size_t i = 0; i < s.count; i++) {
            const sn_plane plane = sn_plane_at(&s, n, i);
            const sn_affine a = plane_affine(node, &s, i);
            const sn_vec constant = sn_plane_vector(&s, backward_vector(node, run, CONSTANT), i);
            const sn_vec factor = sn_plane_vector(&s, backward_vector(node, run, FACTOR), i);
            SN_WITH_CONSTANT_BF16(
                s.bf16, sn_plane_backward(x, dz, dx, &plane, &a, constant, factor, bf16, add));
        }
    }
}

/* What phases leave alone. */
#define RESIDUAL_AND_OUTPUT                                                                        \
    { [RESIDUAL] = true, [SN_OUTPUT] = true }
#define ALL_DATA                                                                                   \
    { [X] = true, [RESIDUAL] = true, [SN_OUTPUT] = true }

const sn_op sn_op_batch_norm = {
    .name = "batch_norm",
    .attributes_size = sizeof(sn_batch_norm_attributes),
    .operand = {[X] = {"x", SN_OPERAND_DATA, .saved = true},
                [GAMMA] = {"gamma", SN_OPERAND_WEIGHT},
                [BETA] = {"beta", SN_OPERAND_WEIGHT},
                [RESIDUAL] = {"residual", SN_OPERAND_DATA, .optional = true},
                [SLOPE] = {"slope", SN_OPERAND_WEIGHT, .optional = true}},
    .state = {[MEAN] = "running mean", [VARIANCE] = "running variance"},
    .any_layout = true,
    .shape = batch_norm_shape,
    .plan = batch_norm_plan,
    .forward = {{SN_PHASE_IMAGES, batch_norm_gather, SN_TRAINING_ONLY, RESIDUAL_AND_OUTPUT},
                {SN_PHASE_TOGETHER, batch_norm_join, SN_TRAINING_ONLY, ALL_DATA},
                {SN_PHASE_EARLY, batch_norm_join, SN_EVAL_ONLY, ALL_DATA},
                {SN_PHASE_IMAGES, batch_norm_apply, SN_ALWAYS}},
    .backward = {{SN_PHASE_IMAGES, batch_norm_reduce, SN_ALWAYS, {[X] = true}},
                 {SN_PHASE_TOGETHER, batch_norm_join_back, SN_ALWAYS, ALL_DATA},
                 {SN_PHASE_IMAGES, batch_norm_pass_back, SN_ALWAYS, {[RESIDUAL] = true}}},
};

sn_status sn_batch_norm(sn_graph *graph, sn_tensor *x, const sn_batch_norm_operands *operands,
                        const sn_batch_norm_attributes *attributes, sn_tensor **y,
                        sn_error *error) {
    sn_tensor *residual = operands->residual;
    /* Both have the same layout, or both are made plain. */
    if (residual && (residual->layout != x->layout || residual->bf16 != x->bf16)) {
        SN_TRY(sn_make_plain(graph, x, &x, error));
        SN_TRY(sn_make_plain(graph, residual, &residual, error));
    }
    sn_tensor *const inputs[SN_MAX_INPUTS] = {x, operands->gamma, operands->beta, residual,
                                              operands->slope};
    sn_tensor *const states[SN_MAX_STATES] = {operands->running_mean, operands->running_variance};
    return sn_graph_apply(graph, &sn_op_batch_norm, attributes, inputs, states, y, error);
}
