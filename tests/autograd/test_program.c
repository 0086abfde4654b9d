/* The order of execution and what follows from it for memory: steps and slices. */
#include "graph_help.h"

#include "autograd/graph_internal.h"
#include "element_ops.h"
#include "program_check.h"
#include "program_ops.h"
#include "suites.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLASSES = 4, CHANNELS = 4, MAX_NAME = SN_PARAMETER_NAME_SIZE };

typedef struct network {
    sn_parameters *parameters;
    sn_graph *graph;
    sn_tensor *images, *labels, *root;
    sn_tensor *zeros; /* an input, or NULL */
} network;

static void open_network(network *net, sn_graph_mode mode, int threads, sn_shape shape) {
    *net = (network){0};
    OK(sn_parameters_create(&net->parameters, &error));
    OK(sn_graph_create(net->parameters, mode, threads, &net->graph, &error));
    OK(sn_graph_input(net->graph, shape, &net->images, &error));
}

static void plan_network(network *net, sn_tensor *root) {
    net->root = root;
    OK(sn_graph_plan(net->graph, root, &error));
    sn_parameters_initialise(net->parameters, 1);
}

static void close_network(network *net) {
    sn_graph_free(net->graph);
    sn_parameters_free(net->parameters);
}

/* ---- networks ---- */

static sn_tensor *new_vector(network *net, const char *layer, const char *part, sn_role role,
                             double value, size_t channels) {
    char name[MAX_NAME];
    sn_tensor *tensor;
    snprintf(name, sizeof name, "%s.%s", layer, part);
    OK(sn_graph_parameter(net->graph, name, sn_shape_1(channels), role,
                          (sn_init){SN_INIT_CONSTANT, value}, &tensor, &error));
    return tensor;
}

/* Batch-norm with what may be fused; a slope is made where there is none and one is needed. */
static sn_tensor *new_norm(network *net, const char *name, sn_tensor *x, sn_activation activation,
                           sn_tensor *residual, sn_tensor *slope) {
    const size_t channels = sn_tensor_shape(x)->size[1];
    if (activation == SN_ACTIVATION_PRELU && !slope)
        slope = new_vector(net, name, "slope", SN_ROLE_WEIGHT, 0.25, channels);
    const sn_batch_norm_operands operands = {
        .gamma = new_vector(net, name, "gamma", SN_ROLE_NORM_SCALE, 1.5, channels),
        .beta = new_vector(net, name, "beta", SN_ROLE_NORM_SHIFT, 0.1, channels),
        .running_mean = new_vector(net, name, "mean", SN_ROLE_RUNNING_MEAN, 0.2, channels),
        .running_variance =
            new_vector(net, name, "variance", SN_ROLE_RUNNING_VARIANCE, 1, channels),
        .residual = residual,
        .slope = slope};
    const sn_batch_norm_attributes attributes = {0.1, 1e-5, activation};
    sn_tensor *y;
    OK(sn_batch_norm(net->graph, x, &operands, &attributes, &y, &error));
    return y;
}

/* A convolution whose weight goes through early ops, as a quantized one does: `depth` of them; and
 * whose input is rounded, as it may be in front of one. */
static sn_tensor *new_quantized(network *net, const char *name, sn_tensor *x, size_t kernel,
                                int stride, int depth) {
    const sn_fake_quantize_attributes rounding = {0.9, true};
    sn_tensor *range = new_vector(net, name, "input_range", SN_ROLE_INPUT_RANGE, 0, 1);
    OK(sn_fake_quantize(net->graph, x, range, &rounding, &x, &error));
    sn_tensor *weight = new_weight(
        net->graph, name, sn_shape_4(CHANNELS, sn_tensor_shape(x)->size[1], kernel, kernel), 0.2);
    for (int i = 0; i < depth; i++)
        OK(twice(net->graph, weight, TWICE_EARLY, &weight, &error));
    OK(sn_conv2d(net->graph, x, weight, NULL, stride, (int)kernel / 2, &x, &error));
    return x;
}

static sn_tensor *new_block(network *net, int index, sn_tensor *x, int stride) {
    char name[4][MAX_NAME / 2];
    for (int i = 0; i < 4; i++)
        snprintf(name[i], sizeof name[i], "block%d.%d", index, i);
    sn_tensor *shortcut = x;
    if (stride > 1) {
        shortcut = new_quantized(net, name[0], x, 1, stride, index);
        shortcut = new_norm(net, name[1], shortcut, SN_ACTIVATION_NONE, NULL, NULL);
    }
    x = new_quantized(net, name[2], x, 3, stride, 1);
    x = new_norm(net, name[2], x, SN_ACTIVATION_PRELU, NULL, NULL);
    x = new_quantized(net, name[3], x, 3, 1, 2);
    if (stride > 1) {
        /* The shortcut goes from one step over images to another, and none but these read it. */
        x = new_norm(net, name[3], x, SN_ACTIVATION_NONE, NULL, NULL);
        OK(element_sum(net->graph, x, shortcut, &x, &error));
        OK(element_activation(net->graph, x, NULL, SN_ACTIVATION_RELU, &x, &error));
        return x;
    }
    return new_norm(net, name[3], x, index % 2 ? SN_ACTIVATION_HARDTANH : SN_ACTIVATION_RELU,
                    shortcut, NULL);
}

/* Like a ResNet with quantized weights. `keep`: every value is kept, so that none lives within one
 * step and none gives its memory away. */
static void open_resnet(network *net, sn_graph_mode mode, int threads, size_t images, bool keep) {
    open_network(net, mode, threads, sn_shape_4(images, 3, 9, 8));
    OK(sn_graph_labels(net->graph, images, &net->labels, &error));
    sn_tensor *x = new_conv2d(net->graph, "stem", net->images, CHANNELS, 3, 1);
    x = new_norm(net, "stem", x, SN_ACTIVATION_RELU, NULL, NULL);
    OK(sn_max_pool(net->graph, x, 3, 2, 1, &x, &error));
    for (int i = 0; i < 4; i++)
        x = new_block(net, i, x, i == 2 ? 2 : 1);
    sn_tensor *slope = new_vector(net, "last", "slope", SN_ROLE_WEIGHT, 0.1, CHANNELS);
    OK(element_activation(net->graph, x, slope, SN_ACTIVATION_PRELU, &x, &error));
    OK(sn_global_average_pool(net->graph, x, &x, &error));
    x = new_linear(net->graph, "fc", x, CLASSES);
    OK(sn_cross_entropy(net->graph, x, net->labels, 0.1, &x, &error));
    for (size_t i = 0; keep && i < sn_graph_node_count(net->graph); i++)
        sn_tensor_keep(sn_graph_node(net->graph, i)->output);
    plan_network(net, x);
}

/* A step on the numbers that belong to `seed`; gradients start at zero. */
static void run_network(const network *net, uint64_t seed) {
    sn_rng rng;
    sn_rng_init(&rng, 3, SN_RNG_TEST, seed);
    write_normal(net->images, &rng);
    if (net->zeros)
        sn_tensor_write(net->zeros, &(sn_real){0}, 0);
    if (net->labels) {
        int32_t labels[MAX_WITNESSED];
        const size_t count = sn_tensor_shape(net->labels)->size[0];
        for (size_t i = 0; i < count; i++)
            labels[i] = (int32_t)sn_rng_below(&rng, CLASSES);
        sn_tensor_write_labels(net->labels, labels, count);
    }
    sn_parameters_zero_gradients(net->parameters);
    sn_graph_forward(net->graph);
    if (net->graph->run.training)
        sn_graph_backward(net->graph, NULL);
}

/* Output, parameters and gradients agree in every bit, up to a power of two for the gradients. */
static void check_same(const network *a, const network *b, sn_real factor) {
    const size_t count = sn_shape_count(sn_tensor_shape(a->root));
    const size_t length = sn_parameters_length(a->parameters);
    const size_t rows = sn_tensor_shape(a->root)->size[0];
    sn_real *x = new_reals(count), *y = new_reals(count);
    sn_tensor_read(a->root, x, rows);
    sn_tensor_read(b->root, y, rows);
    ck_assert_uint_eq(count, sn_shape_count(sn_tensor_shape(b->root)));
    ck_assert_uint_eq(length, sn_parameters_length(b->parameters));
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(x[i] == y[i], "output [%zu]: %.9g and %.9g", i, (double)x[i], (double)y[i]);
    for (size_t p = 0; p < sn_parameters_count(a->parameters); p++) {
        const sn_parameter *v = sn_parameters_at(a->parameters, p);
        const sn_parameter *w = sn_parameters_at(b->parameters, p);
        ck_assert_str_eq(v->name, w->name);
        for (size_t i = 0; i < v->count; i++) {
            if (!sn_role_is_trained(v->role))
                ck_assert_msg(v->value[i] == w->value[i], "%s[%zu]: %.9g and %.9g", v->name, i,
                              (double)v->value[i], (double)w->value[i]);
            else if (a->graph->run.training)
                ck_assert_msg(v->gradient[i] == factor * w->gradient[i],
                              "gradient of %s[%zu]: %.9g and %.9g times %g", v->name, i,
                              (double)v->gradient[i], (double)w->gradient[i], (double)factor);
        }
    }
    free(x);
    free(y);
}

/* ---- order ---- */

START_TEST(test_resnet_programs) {
    for (int keep = 0; keep <= 1; keep++)
        for (int mode = SN_GRAPH_TRAIN; mode <= SN_GRAPH_EVAL; mode++) {
            network net;
            open_resnet(&net, (sn_graph_mode)mode, _i, 5, keep);
            check_programs(net.graph);
            const size_t local = check_places(net.graph);
            /* In training at least a gradient behind pooling; in eval nearly all values. */
            ck_assert_uint_ge(local, keep && mode == SN_GRAPH_EVAL ? 0 : 1);
            if (!keep && mode == SN_GRAPH_EVAL)
                ck_assert_uint_ge(local, sn_graph_node_count(net.graph) / 2);
            close_network(&net);
        }
}
END_TEST

static bool shares_a_step(const sn_program *program, sn_phase_kind kind, sn_phase_kind with) {
    for (size_t i = 0; i < program->step_count; i++) {
        const sn_task *tasks = program->tasks + program->steps[i].first_task;
        for (size_t k = 1; k < program->steps[i].task_count; k++)
            if (tasks[0].kind == with && tasks[k].kind == kind)
                return true;
    }
    return false;
}

/* Early ops take as many steps as there are levels, and late ones share steps with others. */
START_TEST(test_few_steps) {
    network net;
    open_resnet(&net, SN_GRAPH_TRAIN, 2, 3, false);
    const sn_program *forward = &net.graph->forward, *backward = &net.graph->backward;
    for (size_t i = 0; i < forward->step_count; i++) {
        const sn_phase_kind kind = forward->tasks[forward->steps[i].first_task].kind;
        /* Block 2 has two ops one behind the other, and so have all blocks' last convolutions. */
        ck_assert((kind == SN_PHASE_EARLY) == (i < 2));
    }
    ck_assert(shares_a_step(forward, SN_PHASE_LATE, SN_PHASE_TOGETHER));
    ck_assert(shares_a_step(backward, SN_PHASE_LATE, SN_PHASE_TOGETHER));
    close_network(&net);
}
END_TEST

/* Kinds of ops in front of a convolution's weight, from the parameter on. */
typedef struct chain {
    int length;
    twice_kind kind[2];
} chain;

static sn_tensor *new_chain(network *net, const chain *c, sn_tensor *x) {
    for (int i = 0; i < c->length; i++)
        OK(twice(net->graph, x, c->kind[i], &x, &error));
    return x;
}

/* All weights through chains. There are as many filters as images, so that phases over either could
 * be taken for parts of one step. */
static void open_chained(network *net, sn_graph_mode mode, int threads, const chain *c,
                         bool is_activation) {
    open_network(net, mode, threads, sn_shape_4(CHANNELS, 2, 5, 4));
    const sn_shape shape = sn_shape_4(CHANNELS, 2, 3, 3);
    const sn_shape vector = sn_shape_1(CHANNELS);
    sn_tensor *weight = new_weight(net->graph, "weight", shape, 0.3);
    OK(sn_graph_input(net->graph, shape, &net->zeros, &error));
    if (is_activation) {
        sn_tensor *zeros; /* the input as a weight itself */
        OK(twice(net->graph, net->zeros, TWICE_EARLY, &zeros, &error));
        OK(element_sum(net->graph, weight, zeros, &weight, &error));
    }
    weight = new_chain(net, c, weight);
    sn_tensor *gamma = new_chain(net, c, new_weight(net->graph, "gamma", vector, 0.3));
    sn_tensor *beta = new_chain(net, c, new_weight(net->graph, "beta", vector, 0.3));
    sn_tensor *slope = new_chain(net, c, new_weight(net->graph, "slope", vector, 0.3));
    sn_tensor *x = net->images;
    OK(sn_conv2d(net->graph, x, weight, gamma, 1, 1, &x, &error));
    const sn_batch_norm_operands operands = {
        .gamma = gamma,
        .beta = beta,
        .running_mean = new_vector(net, "norm", "mean", SN_ROLE_RUNNING_MEAN, 0.2, CHANNELS),
        .running_variance =
            new_vector(net, "norm", "variance", SN_ROLE_RUNNING_VARIANCE, 1, CHANNELS),
        .slope = slope};
    const sn_batch_norm_attributes attributes = {0.1, 1e-5, SN_ACTIVATION_PRELU};
    OK(sn_batch_norm(net->graph, x, &operands, &attributes, &x, &error));
    OK(element_activation(net->graph, x,
                          new_chain(net, c, new_weight(net->graph, "last", vector, 0.3)),
                          SN_ACTIVATION_PRELU, &x, &error));
    plan_network(net, x);
}

static void check_chain(sn_graph_mode mode, int threads, const chain *c, const network *plain) {
    for (int is_activation = 0; is_activation <= 1; is_activation++) {
        network net;
        open_chained(&net, mode, threads, c, is_activation);
        check_programs(net.graph);
        check_places(net.graph);
        /* What the chains do to the values is undone before. */
        const sn_real factor = c->length == 0 ? 1 : c->length == 1 ? 2 : 4;
        for (size_t p = 0; p < sn_parameters_count(net.parameters); p++) {
            const sn_parameter *parameter = sn_parameters_at(net.parameters, p);
            for (size_t i = 0; i < parameter->count && sn_role_is_trained(parameter->role); i++)
                parameter->value[i] /= factor;
        }
        for (uint64_t step = 0; step < 3; step++)
            run_network(&net, step);
        check_same(&net, plain, factor);
        close_network(&net);
    }
}

START_TEST(test_weights_from_anywhere) {
    const sn_graph_mode mode = _i % 2 ? SN_GRAPH_TRAIN : SN_GRAPH_EVAL;
    const int threads = 1 + _i / 2;
    const chain none = {0};
    network plain;
    open_chained(&plain, mode, threads, &none, false);
    for (uint64_t step = 0; step < 3; step++)
        run_network(&plain, step);
    check_chain(mode, threads, &none, &plain);
    for (int first = 0; first < TWICE_KINDS; first++) {
        check_chain(mode, threads, &(chain){1, {(twice_kind)first}}, &plain);
        for (int second = 0; second < TWICE_KINDS; second++)
            check_chain(mode, threads, &(chain){2, {(twice_kind)first, (twice_kind)second}},
                        &plain);
    }
    close_network(&plain);
}
END_TEST

/* Two ops of different kinds with the same slope, behind an early op or not; with `apart` each has
 * its own. The order of the two differs with `turned`. */
static void open_shared(network *net, int threads, bool early, bool turned, bool apart) {
    open_network(net, SN_GRAPH_TRAIN, threads, sn_shape_4(3, CHANNELS, 5, 4));
    sn_tensor *slope[2], *x = net->images;
    for (int i = 0; i < 2; i++) {
        slope[i] = i > 0 && !apart && early ? slope[0]
                                            : new_vector(net, i > 0 && apart ? "second" : "first",
                                                         "slope", SN_ROLE_WEIGHT, 0.25, CHANNELS);
        if (early && (i == 0 || apart))
            OK(twice(net->graph, slope[i], TWICE_EARLY, &slope[i], &error));
    }
    for (int i = 0; i < 2; i++) {
        x = new_conv2d(net->graph, i ? "conv1" : "conv0", x, CHANNELS, 3, 1);
        if ((i > 0) == turned)
            OK(element_activation(net->graph, x, slope[i], SN_ACTIVATION_PRELU, &x, &error));
        else
            x = new_norm(net, "norm", x, SN_ACTIVATION_PRELU, NULL, slope[i]);
    }
    plan_network(net, new_conv2d(net->graph, "last", x, 1, 3, 1));
}

START_TEST(test_shared_weights) {
    const bool early = _i & 1, turned = _i & 2;
    for (int threads = 1; threads <= 3; threads++) {
        network apart, shared;
        open_shared(&apart, threads, early, turned, true);
        open_shared(&shared, threads, early, turned, false);
        check_programs(shared.graph);
        run_network(&apart, 0);
        const sn_parameter *first = sn_parameters_find(apart.parameters, "first.slope");
        const sn_parameter *second = sn_parameters_find(apart.parameters, "second.slope");
        const sn_parameter *both = sn_parameters_find(shared.parameters, "first.slope");
        for (int repetition = 0; repetition < 10; repetition++) {
            run_network(&shared, 0);
            for (size_t i = 0; i < both->count; i++)
                ck_assert_double_eq_tol((double)both->gradient[i],
                                        (double)first->gradient[i] + (double)second->gradient[i],
                                        1e-4);
        }
        close_network(&apart);
        close_network(&shared);
    }
}
END_TEST

/* A weight that a late op and one over images have in common: the image op is further back. */
START_TEST(test_weight_is_a_term) {
    for (int apart = 0; apart <= 1; apart++)
        for (int threads = 1; threads <= 3; threads++) {
            network net;
            open_network(&net, SN_GRAPH_TRAIN, threads, sn_shape_4(2, 2, 5, 4));
            const sn_shape shape = sn_shape_4(CHANNELS, 2, 3, 3);
            sn_tensor *weight = new_weight(net.graph, "weight", shape, 0.3), *early, *sum, *x;
            sn_tensor *other = new_weight(net.graph, "weight", shape, 0.3);
            OK(twice(net.graph, weight, TWICE_EARLY, &early, &error));
            if (apart)
                OK(twice(net.graph, other, TWICE_EARLY, &other, &error));
            else
                other = early;
            OK(element_sum(net.graph, other, weight, &sum, &error));
            /* Over images, right behind an op over filters. */
            OK(twice(net.graph, net.images, TWICE_IMAGES, &x, &error));
            OK(sn_conv2d(net.graph, x, sum, NULL, 1, 1, &x, &error));
            sn_tensor *y;
            OK(sn_conv2d(net.graph, net.images, early, NULL, 1, 1, &y, &error));
            OK(element_sum(net.graph, x, y, &x, &error));
            plan_network(&net, x);
            check_programs(net.graph);
            check_places(net.graph);
            run_network(&net, 0);
            run_network(&net, 0);
            /* The root is linear in the weight: its sum is the weight times the gradient. */
            const sn_parameter *parameter = sn_parameters_find(net.parameters, "weight");
            double have = 0, want = 0;
            sn_real *output = new_reals(sn_shape_count(sn_tensor_shape(net.root)));
            sn_tensor_read(net.root, output, 2);
            for (size_t i = 0; i < parameter->count; i++)
                have += (double)parameter->gradient[i] * (double)parameter->value[i];
            for (size_t i = 0; i < sn_shape_count(sn_tensor_shape(net.root)); i++)
                want += (double)output[i];
            free(output);
            ck_assert_double_eq_tol(have, want, 1e-3);
            close_network(&net);
        }
}
END_TEST

/* ---- slices ---- */

static void set_slices(sn_program *program, size_t most) {
    for (size_t i = 0; i < program->step_count; i++)
        if (program->steps[i].slice > most)
            program->steps[i].slice = most;
}

static void check_witnessed(const witnessed *record, size_t images, int threads, size_t slice) {
    for (int t = 0; t < threads; t++) {
        const size_t first = sn_chunk_start(images, t, threads);
        const size_t last = sn_chunk_start(images, t + 1, threads);
        ck_assert_int_eq(record->starts[t], 1);
        ck_assert_uint_le(record->largest[t], slice);
        ck_assert_int_ge(record->calls[t], 1);
        ck_assert_uint_eq((size_t)record->calls[t],
                          last > first ? (last - first + slice - 1) / slice : 1);
        for (size_t i = first; i < last; i++)
            ck_assert_int_eq(record->thread[i], t);
    }
    ck_assert_int_eq(record->late_starts, 0);
    for (size_t i = 0; i < MAX_WITNESSED; i++)
        ck_assert_int_eq(record->visits[i], i < images);
}

START_TEST(test_slices_cover_the_batch) {
    const size_t images = (size_t)_i;
    for (int threads = 1; threads <= 4; threads++)
        for (size_t slice = 1; slice <= 4; slice++) {
            network net;
            witnessed records[2][2] = {0};
            sn_tensor *x;
            open_network(&net, SN_GRAPH_TRAIN, threads, sn_shape_4(images, 2, 3, 3));
            x = new_conv2d(net.graph, "conv", net.images, 3, 3, 1);
            for (int i = 0; i < 2; i++)
                OK(witness(net.graph, x, &records[i][0], &records[i][1], &x, &error));
            plan_network(&net, x);
            set_slices(&net.graph->forward, slice);
            set_slices(&net.graph->backward, slice);
            /* The convolution and both witnesses are one step, in either direction. */
            const size_t most = net.graph->forward.steps[0].slice;
            ck_assert_uint_eq(net.graph->forward.step_count, 1);
            ck_assert_uint_eq(net.graph->backward.step_count, 2);
            run_network(&net, 0);
            for (int i = 0; i < 2; i++) {
                check_witnessed(&records[i][0], images, threads, most);
                check_witnessed(&records[i][1], images, threads, most);
            }
            close_network(&net);
        }
}
END_TEST

/* Whether slices are small or large, whether values live within a step or are kept: the same bits.
 * Batches are smaller than the number of threads, no multiple of it, and larger. */
START_TEST(test_slices_change_nothing) {
    static const size_t batches[] = {1, 2, 5, 7};
    const int threads = 1 + _i % 3;
    const sn_graph_mode mode = _i / 3 ? SN_GRAPH_TRAIN : SN_GRAPH_EVAL;
    for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
        network plain;
        open_resnet(&plain, mode, threads, batches[b], true);
        run_network(&plain, 0);
        run_network(&plain, 1);
        for (size_t slice = 1; slice <= 4; slice++) {
            network net;
            open_resnet(&net, mode, threads, batches[b], false);
            set_slices(&net.graph->forward, slice);
            set_slices(&net.graph->backward, slice);
            run_network(&net, 0);
            run_network(&net, 1);
            check_same(&plain, &net, 1);
            close_network(&net);
        }
        close_network(&plain);
    }
}
END_TEST

/* Many images, or large ones: a slice leaves room in the cache for what it moves. */
START_TEST(test_slices_are_small) {
    network net;
    const size_t images = 64;
    open_network(&net, SN_GRAPH_TRAIN, 1, sn_shape_4(images, 8, 64, 64));
    sn_tensor *x = new_conv2d(net.graph, "conv", net.images, 8, 1, 1);
    OK(element_activation(net.graph, x, NULL, SN_ACTIVATION_RELU, &x, &error));
    plan_network(&net, x);
    for (int direction = 0; direction < 2; direction++) {
        const sn_program *program = direction ? &net.graph->backward : &net.graph->forward;
        ck_assert_uint_ge(program->steps[0].slice, 1);
        ck_assert_uint_lt(program->steps[0].slice, images);
    }
    close_network(&net);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("program");
    TCase *tcase = tcase_create("program");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, test_resnet_programs, 1, 5);
    tcase_add_test(tcase, test_few_steps);
    tcase_add_loop_test(tcase, test_weights_from_anywhere, 0, 6);
    tcase_add_loop_test(tcase, test_shared_weights, 0, 4);
    tcase_add_test(tcase, test_weight_is_a_term);
    tcase_add_loop_test(tcase, test_slices_cover_the_batch, 1, 8);
    tcase_add_loop_test(tcase, test_slices_change_nothing, 0, 6);
    tcase_add_test(tcase, test_slices_are_small);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, CK_FORK_GETENV);
}
