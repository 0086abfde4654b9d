/* Planning and execution of graphs: memory, modes, repeated steps. */
#include "graph_help.h"

#include "autograd/op.h"
#include "base/memory.h"
#include "element_ops.h"
#include "suites.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* With fewer channels oneDNN computes gradients by its reference code, which takes most of a
 * minute. */
enum { IMAGES = 4, CHANNELS = 16, CLASSES = 10, BLOCKS = 8, MAX_NODES = 128 };

static const sn_engine engines[] = {
    SN_ENGINE_GEMM,
    SN_ENGINE_WINOGRAD,
#if SN_HAS_ONEDNN
    SN_ENGINE_ONEDNN,
#endif
};
enum { ENGINES = sizeof engines / sizeof *engines, MAX_THREADS = 3 };

/* Of the tests that go over engines and threads. */
static sn_engine engine_of(int index) {
    return engines[index / MAX_THREADS];
}

static int threads_of(int index) {
    return index % MAX_THREADS + 1;
}

typedef struct network {
    sn_parameters *parameters;
    sn_graph *graph;
    sn_tensor *images, *labels, *logits, *loss;
} network;

static sn_tensor *new_block(sn_graph *graph, int index, sn_tensor *x) {
    char name[32];
    sn_tensor *y;
    snprintf(name, sizeof name, "block%d.conv1", index);
    y = new_conv2d(graph, name, x, CHANNELS, 3, 1);
    snprintf(name, sizeof name, "block%d.bn1", index);
    y = new_batch_norm(graph, name, y);
    OK(element_activation(graph, y, NULL, SN_ACTIVATION_HARDTANH, &y, &error));
    snprintf(name, sizeof name, "block%d.conv2", index);
    y = new_conv2d(graph, name, y, CHANNELS, 3, 1);
    snprintf(name, sizeof name, "block%d.bn2", index);
    y = new_batch_norm(graph, name, y);
    OK(element_sum(graph, x, y, &y, &error));
    OK(element_activation(graph, y, NULL, SN_ACTIVATION_RELU, &y, &error));
    return y;
}

static void start_network(network *net, sn_parameters *shared, sn_graph_mode mode, sn_engine engine,
                          int threads) {
    *net = (network){.parameters = shared};
    if (!shared)
        OK(sn_parameters_create(&net->parameters, &error));
    OK(sn_graph_create(net->parameters, mode, threads, &net->graph, &error));
    OK(sn_graph_set_engine(net->graph, engine, SN_PRECISION_FP32, &error));
}

static void finish_network(network *net, bool keep) {
    OK(sn_graph_input(net->graph, sn_shape_4(IMAGES, 3, 16, 16), &net->images, &error));
    OK(sn_graph_labels(net->graph, IMAGES, &net->labels, &error));
    sn_tensor *x = new_conv2d(net->graph, "conv1", net->images, CHANNELS, 3, 1);
    OK(sn_max_pool(net->graph, x, 2, 2, 0, &x, &error));
    for (int i = 0; i < BLOCKS; i++)
        x = new_block(net->graph, i, x);
    OK(sn_global_average_pool(net->graph, x, &x, &error));
    net->logits = new_linear(net->graph, "fc", x, CLASSES);
    OK(sn_cross_entropy(net->graph, net->logits, net->labels, 0.1, &net->loss, &error));
    for (size_t i = 0; keep && i < sn_graph_node_count(net->graph); i++)
        sn_tensor_keep(sn_graph_node(net->graph, i)->output);
    if (keep)
        sn_tensor_keep(net->images);
    OK(sn_graph_plan(net->graph, net->loss, &error));
}

/* A deep residual network; with `keep` no value gives its memory away. Parameters may be shared
 * with a network built before. */
static void open_network(network *net, sn_parameters *shared, sn_graph_mode mode, sn_engine engine,
                         int threads, bool keep) {
    start_network(net, shared, mode, engine, threads);
    finish_network(net, keep);
    if (!shared)
        sn_parameters_initialise(net->parameters, 1);
}

static void close_network(network *net, bool shared) {
    sn_graph_free(net->graph);
    if (!shared)
        sn_parameters_free(net->parameters);
}

/* Forward on the images of `step`; the loss. */
static double run_forward(network *net, uint64_t step) {
    sn_rng rng;
    sn_rng_init(&rng, 7, SN_RNG_TEST, step);
    write_normal(net->images, &rng);
    int32_t labels[IMAGES];
    for (int i = 0; i < IMAGES; i++)
        labels[i] = (int32_t)sn_rng_below(&rng, CLASSES);
    sn_tensor_write_labels(net->labels, labels, IMAGES);
    sn_graph_forward(net->graph);
    sn_real loss;
    sn_tensor_read(net->loss, &loss, 1);
    return (double)loss;
}

/* A step of gradient descent; the loss before it. */
static double run_step(network *net, uint64_t step) {
    const double loss = run_forward(net, step);
    sn_parameters_zero_gradients(net->parameters);
    sn_graph_backward(net->graph, NULL);
    sn_real *values = sn_parameters_values(net->parameters);
    const sn_real *gradients = sn_parameters_gradients(net->parameters);
    for (size_t i = 0; i < sn_parameters_length(net->parameters); i++)
        values[i] -= (sn_real)0.05 * gradients[i];
    return loss;
}

/* Trained values and running statistics agree in every bit. */
static void check_same_parameters(const sn_parameters *a, const sn_parameters *b) {
    ck_assert_uint_eq(sn_parameters_count(a), sn_parameters_count(b));
    for (size_t i = 0; i < sn_parameters_count(a); i++) {
        const sn_parameter *p = sn_parameters_at(a, i), *q = sn_parameters_at(b, i);
        ck_assert_str_eq(p->name, q->name);
        ck_assert_msg(memcmp(p->value, q->value, p->count * sizeof *p->value) == 0, "%s differs",
                      p->name);
    }
}

START_TEST(test_sharing_changes_nothing) {
    network sharing, keeping;
    open_network(&sharing, NULL, SN_GRAPH_TRAIN, engine_of(_i), threads_of(_i), false);
    open_network(&keeping, NULL, SN_GRAPH_TRAIN, engine_of(_i), threads_of(_i), true);
    for (uint64_t step = 0; step < 5; step++)
        ck_assert_double_eq(run_step(&sharing, step), run_step(&keeping, step));
    check_same_parameters(sharing.parameters, keeping.parameters);
    close_network(&sharing, false);
    close_network(&keeping, false);
}
END_TEST

/* Training twice with the same number of threads. */
START_TEST(test_same_bits) {
    network first, second;
    open_network(&first, NULL, SN_GRAPH_TRAIN, engine_of(_i), threads_of(_i), false);
    open_network(&second, NULL, SN_GRAPH_TRAIN, engine_of(_i), threads_of(_i), false);
    for (uint64_t step = 0; step < 5; step++)
        run_step(&first, step);
    for (uint64_t step = 0; step < 5; step++)
        run_step(&second, step);
    check_same_parameters(first.parameters, second.parameters);
    close_network(&first, false);
    close_network(&second, false);
}
END_TEST

/* With activations of 8 bits the same losses, nearly, in any number of threads. */
START_TEST(test_bf16_is_near) {
    network single, half;
    const sn_engine engine = engine_of(_i);
    open_network(&single, NULL, SN_GRAPH_TRAIN, engine, threads_of(_i), false);
    start_network(&half, NULL, SN_GRAPH_TRAIN, engine, threads_of(_i));
    OK(sn_graph_set_engine(half.graph, engine, SN_PRECISION_BF16, &error));
    finish_network(&half, false);
    sn_parameters_initialise(half.parameters, 1);
    bool differs = false;
    for (uint64_t step = 0; step < 5; step++) {
        const double exact = run_step(&single, step), rounded = run_step(&half, step);
        ck_assert_double_eq_tol(rounded, exact, 0.1);
        differs = differs || rounded != exact;
    }
    ck_assert(differs);
    close_network(&single, false);
    close_network(&half, false);
}
END_TEST

START_TEST(test_training_learns) {
    network net;
    open_network(&net, NULL, SN_GRAPH_TRAIN, engines[_i], 2, false);
    const double first = run_step(&net, 0);
    double last = first;
    for (int i = 0; i < 20; i++)
        last = run_step(&net, 0);
    ck_assert_msg(last < first - 0.5, "loss %g after 20 steps, %g before", last, first);
    close_network(&net, false);
}
END_TEST

/* Bytes of all values as they are stored, and of the gradients that training needs. */
static size_t unplanned_size(const network *net, bool gradients) {
    size_t bytes = 0;
    for (size_t i = 0; i < sn_graph_node_count(net->graph); i++) {
        const sn_node *node = sn_graph_node(net->graph, i);
        const sn_tensor *output = node->output;
        const size_t rows = output->shape.rank ? output->shape.size[0] : 1;
        const size_t value = rows * sn_tensor_row(output) * sizeof(sn_real);
        bytes += (gradients ? 2 : 1) * value + node->saved_size + node->forward_sums_size +
                 node->forward_scratch_size;
        bytes += gradients ? node->backward_sums_size + node->backward_scratch_size : 0;
    }
    return bytes;
}

START_TEST(test_memory_is_shared) {
    if (SN_HAS_ASAN)
        return; /* there nothing is shared on purpose */
    network train, eval;
    open_network(&train, NULL, SN_GRAPH_TRAIN, engines[_i], 1, false);
    open_network(&eval, train.parameters, SN_GRAPH_EVAL, engines[_i], 1, false);
    const size_t train_size = sn_graph_memory(train.graph), eval_size = sn_graph_memory(eval.graph);
    ck_assert_uint_lt(train_size, unplanned_size(&train, true) / 2);
    ck_assert_uint_lt(eval_size, unplanned_size(&eval, false) / 4);
    ck_assert_uint_lt(eval_size, train_size / 3);
    close_network(&eval, true);
    close_network(&train, false);
}
END_TEST

/* The same parameters in two graphs: eval reads what training wrote, and changes nothing. */
START_TEST(test_eval_graph) {
    network train, eval, keeping;
    open_network(&train, NULL, SN_GRAPH_TRAIN, engines[_i], 2, false);
    open_network(&eval, train.parameters, SN_GRAPH_EVAL, engines[_i], 1, false);
    open_network(&keeping, train.parameters, SN_GRAPH_EVAL, engines[_i], 3, true);
    const double before = run_forward(&eval, 1);
    for (uint64_t step = 0; step < 3; step++)
        run_step(&train, step);
    const sn_parameter *mean = sn_parameters_find(train.parameters, "block0.bn1.running_mean");
    const sn_real kept = mean->value[0];
    ck_assert_double_ne((double)kept, 0);
    const double after = run_forward(&eval, 1);
    ck_assert_double_ne(after, before);
    ck_assert_double_eq(after, run_forward(&eval, 1));
    ck_assert_double_eq_tol(after, run_forward(&keeping, 1), 1e-5);
    ck_assert_double_eq((double)mean->value[0], (double)kept);
    close_network(&eval, true);
    close_network(&keeping, true);
    close_network(&train, false);
}
END_TEST

/* Buffers that are in use at the same time do not overlap. */
START_TEST(test_kept_values_are_apart) {
    network net;
    open_network(&net, NULL, SN_GRAPH_TRAIN, engines[_i], 1, true);
    const size_t count = sn_graph_node_count(net.graph);
    ck_assert_uint_le(count, MAX_NODES);
    for (size_t i = 0; i < count; i++) {
        const sn_tensor *a = sn_graph_node(net.graph, i)->output;
        ck_assert_uint_eq((uintptr_t)a->value % SN_ALIGNMENT, 0);
        for (size_t j = 0; j < i; j++) {
            const sn_tensor *b = sn_graph_node(net.graph, j)->output;
            const size_t a_count = sn_shape_count(&a->shape), b_count = sn_shape_count(&b->shape);
            ck_assert_msg((uintptr_t)(a->value + a_count) <= (uintptr_t)b->value ||
                              (uintptr_t)(b->value + b_count) <= (uintptr_t)a->value,
                          "outputs of nodes %zu and %zu overlap", i, j);
        }
    }
    close_network(&net, false);
}
END_TEST

/* Parameters add up over steps; inputs have the gradient of the last step. */
START_TEST(test_gradients_accumulate) {
    network net;
    open_network(&net, NULL, SN_GRAPH_TRAIN, engines[_i], 2, false);
    const size_t count = sn_parameters_length(net.parameters);
    const sn_real *gradients = sn_parameters_gradients(net.parameters);
    sn_real *once = new_reals(count);
    run_forward(&net, 0);
    sn_graph_backward(net.graph, NULL);
    memcpy(once, gradients, count * sizeof *once);
    const sn_real minus_three = -3;
    run_forward(&net, 0);
    sn_graph_backward(net.graph, &minus_three);
    double largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs((double)once[i]));
    ck_assert_double_gt(largest, 0);
    for (size_t i = 0; i < count; i++)
        ck_assert_double_eq_tol((double)gradients[i], -2 * (double)once[i], 1e-5 * largest);
    sn_parameters_zero_gradients(net.parameters);
    for (size_t i = 0; i < count; i++)
        ck_assert_double_eq((double)gradients[i], 0);
    free(once);
    close_network(&net, false);
}
END_TEST

START_TEST(test_partial_rows) {
    sn_parameters *parameters;
    sn_graph *graph;
    sn_tensor *x, *labels, *y, *loss;
    OK(sn_parameters_create(&parameters, &error));
    OK(sn_graph_create(parameters, SN_GRAPH_TRAIN, 1, &graph, &error));
    OK(sn_graph_input(graph, sn_shape_2(3, 2), &x, &error));
    OK(sn_graph_labels(graph, 3, &labels, &error));
    sn_tensor_require_gradient(x);
    OK(element_sum(graph, x, x, &y, &error));
    sn_tensor_keep(y);
    OK(sn_cross_entropy(graph, y, labels, 0, &loss, &error));
    OK(sn_graph_plan(graph, loss, &error));
    const sn_real full[6] = {1, 2, 3, 4, 5, 6};
    const int32_t ones[3] = {1, 1, 1};
    sn_real read[7];
    for (size_t rows = 4; rows-- > 0;) {
        sn_tensor_write(x, full, 3);
        sn_tensor_write_labels(labels, ones, 3);
        sn_tensor_write(x, full, rows);
        sn_tensor_write_labels(labels, ones, rows);
        sn_graph_forward(graph);
        for (int i = 0; i < 7; i++)
            read[i] = -1;
        sn_tensor_read(y, read, 3);
        for (size_t i = 0; i < 6; i++)
            ck_assert_double_eq((double)read[i], i < 2 * rows ? 2 * (double)full[i] : 0);
        ck_assert_double_eq((double)read[6], -1);
        /* Rows that were not written have label 0 and equal logits: gradient (1/2 - 1) 2 / 3. */
        sn_graph_backward(graph, NULL);
        sn_tensor_read_gradient(x, read);
        for (size_t i = 2 * rows; i < 6; i++)
            ck_assert_double_eq_tol((double)read[i], i % 2 ? 1.0 / 3 : -1.0 / 3, 1e-6);
        for (size_t i = 0; i < 2 * rows; i++)
            ck_assert((read[i] > 0) == (i % 2 == 0)); /* label 1 pulls the second logit up */
        read[2] = -1;
        sn_tensor_read(y, read, 1); /* no more than the rows asked for */
        ck_assert_double_eq((double)read[2], -1);
    }
    sn_graph_free(graph);
    sn_parameters_free(parameters);
}
END_TEST

/* A value that is not a number must reach the loss: training stops by it. */
START_TEST(test_nan_reaches_the_loss) {
    network net;
    open_network(&net, NULL, SN_GRAPH_TRAIN, engines[_i], 2, false);
    sn_parameters_find(net.parameters, "block3.conv2.weight")->value[0] = (sn_real)NAN;
    ck_assert(isnan(run_forward(&net, 0)));
    close_network(&net, false);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("graph");
    TCase *tcase = tcase_create("graph");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, test_sharing_changes_nothing, 0, ENGINES * MAX_THREADS);
    tcase_add_loop_test(tcase, test_same_bits, 0, ENGINES * MAX_THREADS);
    tcase_add_loop_test(tcase, test_bf16_is_near, 0, ENGINES * MAX_THREADS);
    tcase_add_loop_test(tcase, test_training_learns, 0, ENGINES);
    tcase_add_loop_test(tcase, test_memory_is_shared, 0, ENGINES);
    tcase_add_loop_test(tcase, test_eval_graph, 0, ENGINES);
    tcase_add_loop_test(tcase, test_kept_values_are_apart, 0, ENGINES);
    tcase_add_loop_test(tcase, test_gradients_accumulate, 0, ENGINES);
    tcase_add_test(tcase, test_partial_rows);
    tcase_add_loop_test(tcase, test_nan_reaches_the_loss, 0, ENGINES);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, CK_NOFORK); /* so that oneDNN compiles each kernel once */
}
