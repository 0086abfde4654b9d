/* Counts of work against sums done by hand, and a profile whose parts add up. */
#include "train_tests.h"

#include "autograd/ops.h"
#include "base/memory.h"
#include "train/profile.h"
#include "train/roofline.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* ---- networks of the zoo ---- */

static void open_zoo(const char *arch, size_t size, size_t classes, size_t batch,
                     sn_graph_mode mode, sn_parameters **parameters, sn_network *network) {
    const sn_network_options options = {
        .model = {.arch = sn_choice_find(sn_arch_name, arch),
                  .width = 1,
                  .classes = classes,
                  .channels = 3,
                  .height = size,
                  .image_width = size,
                  .quant = {.quantizer = sn_choice_find(sn_quantizer_name, "signed-binary"),
                            .delta_ratio = 0.05,
                            .positive_fraction = 0.5}},
        .mode = mode,
        .batch = batch,
        .threads = 2};
    sn_error error;
    ck_assert_int_eq(sn_parameters_create(parameters, &error), SN_OK);
    if (sn_network_create(&options, *parameters, network, &error) != SN_OK)
        ck_abort_msg("%s", error.message);
}

/* Multiply-adds of ResNet-20 on 32x32: the 40.55 million of the paper (He et al. 2015), where
 * shortcuts are free, and the two 1x1 shortcuts; 10 classes. */
static double resnet20_multiply_adds(void) {
    double total = 3 * 9 * 16 * 1024.0;
    for (int stage = 0; stage < 3; stage++) {
        const double filters = 16 << stage, pixels = 1024 >> (2 * stage);
        for (int layer = 0; layer < 6; layer++) {
            const bool narrow = stage > 0 && layer == 0;
            total += (narrow ? filters / 2 : filters) * 9 * filters * pixels;
        }
        if (stage > 0)
            total += filters / 2 * filters * pixels;
    }
    return total + 64 * 10;
}

/* Backward does the work of forward twice, but for the image's gradient, which nobody wants. */
START_TEST(a_step_is_three_forwards_but_for_the_first_gradient) {
    enum { BATCH = 4 };
    sn_parameters *parameters;
    sn_network network;
    sn_work least;
    open_zoo("resnet20", 32, 10, BATCH, SN_GRAPH_TRAIN, &parameters, &network);
    ck_assert_int_eq(sn_graph_floor(network.graph, &least, NULL), SN_OK);
    const double first = 3 * 9 * 16 * 1024.0;
    ck_assert_double_eq(least.flops, 2 * BATCH * (3 * resnet20_multiply_adds() - first));
    double bytes = 0;
    for (size_t i = 0; i < sn_graph_node_count(network.graph); i++)
        bytes += sn_node_work(sn_graph_node(network.graph, i), false).bytes +
                 sn_node_work(sn_graph_node(network.graph, i), true).bytes;
    ck_assert_double_gt(least.bytes, 0);
    ck_assert_double_lt(least.bytes, bytes);
    sn_network_free(&network);
    sn_parameters_free(parameters);
}
END_TEST

/* Large images at a batch that a small machine should manage. */
START_TEST(resnet18_at_224_fits_into_four_gib) {
    if (SN_HAS_ASAN)
        return; /* there no memory is shared, on purpose */
    sn_parameters *parameters;
    sn_network network;
    open_zoo("resnet18", 224, 1000, 32, SN_GRAPH_TRAIN, &parameters, &network);
    /* Values, gradients and two moments. */
    const size_t own = 4 * sn_parameters_length(parameters) * sizeof(sn_real);
    ck_assert_uint_gt(sn_graph_memory(network.graph), (size_t)64 << 20);
    ck_assert_uint_lt(sn_graph_memory(network.graph) + own, (size_t)4 << 30);
    sn_network_free(&network);
    sn_parameters_free(parameters);
}
END_TEST

/* ---- a network small enough for sums by hand ---- */

enum { N = 4, C = 3, K = 5, SIDE = 8, CLASSES = 10 };

typedef struct tiny {
    sn_parameters *parameters;
    sn_graph *graph;
} tiny;

static sn_tensor *parameter(tiny *t, const char *name, sn_shape shape, sn_role role) {
    const sn_init init = {SN_INIT_CONSTANT, 0.5};
    sn_tensor *tensor;
    ck_assert_int_eq(sn_graph_parameter(t->graph, name, shape, role, init, &tensor, NULL), SN_OK);
    return tensor;
}

/* Convolution, batch-norm without activation, mean, classifier, loss. */
static void open_tiny(tiny *t) {
    sn_tensor *x, *labels;
    ck_assert_int_eq(sn_parameters_create(&t->parameters, NULL), SN_OK);
    ck_assert_int_eq(sn_graph_create(t->parameters, SN_GRAPH_TRAIN, 2, &t->graph, NULL), SN_OK);
    ck_assert_int_eq(sn_graph_input(t->graph, sn_shape_4(N, C, SIDE, SIDE), &x, NULL), SN_OK);
    sn_tensor *weight = parameter(t, "conv.weight", sn_shape_4(K, C, 3, 3), SN_ROLE_WEIGHT);
    const sn_batch_norm_operands operands = {
        .gamma = parameter(t, "bn.weight", sn_shape_1(K), SN_ROLE_NORM_SCALE),
        .beta = parameter(t, "bn.bias", sn_shape_1(K), SN_ROLE_NORM_SHIFT),
        .running_mean = parameter(t, "bn.running_mean", sn_shape_1(K), SN_ROLE_RUNNING_MEAN),
        .running_variance =
            parameter(t, "bn.running_var", sn_shape_1(K), SN_ROLE_RUNNING_VARIANCE)};
    const sn_batch_norm_attributes attributes = {0.1, 1e-5, SN_ACTIVATION_NONE};
    ck_assert_int_eq(sn_conv2d(t->graph, x, weight, NULL, 1, 1, &x, NULL), SN_OK);
    ck_assert_int_eq(sn_batch_norm(t->graph, x, &operands, &attributes, &x, NULL), SN_OK);
    ck_assert_int_eq(sn_global_average_pool(t->graph, x, &x, NULL), SN_OK);
    ck_assert_int_eq(
        sn_linear(t->graph, x, parameter(t, "fc.weight", sn_shape_2(CLASSES, K), SN_ROLE_WEIGHT),
                  parameter(t, "fc.bias", sn_shape_1(CLASSES), SN_ROLE_BIAS), &x, NULL),
        SN_OK);
    ck_assert_int_eq(sn_graph_labels(t->graph, N, &labels, NULL), SN_OK);
    ck_assert_int_eq(sn_cross_entropy(t->graph, x, labels, 0, &x, NULL), SN_OK);
    ck_assert_int_eq(sn_graph_plan(t->graph, x, NULL), SN_OK);
}

static void close_tiny(tiny *t) {
    sn_graph_free(t->graph);
    sn_parameters_free(t->parameters);
}

enum {
    X_BYTES = 4 * N * C * SIDE * SIDE,
    Y_BYTES = 4 * N * K * SIDE * SIDE,
    WEIGHT_BYTES = 4 * K * C * 9,
    MEAN_BYTES = 4 * N * K,
    LOGIT_BYTES = 4 * N * CLASSES
};

START_TEST(work_of_single_ops) {
    tiny t;
    open_tiny(&t);
    const sn_node *conv = sn_graph_node(t.graph, 0), *norm = sn_graph_node(t.graph, 1);
    const sn_node *linear = sn_graph_node(t.graph, 3);
    const double products = N * K * SIDE * SIDE * C * 9;
    const sn_work conv_forward = sn_node_work(conv, false), conv_back = sn_node_work(conv, true);
    ck_assert_double_eq(conv_forward.flops, 2 * products);
    ck_assert_double_eq(conv_forward.bytes, X_BYTES + WEIGHT_BYTES + Y_BYTES);
    /* No gradient of x; that of the weight is added to what is there. */
    ck_assert_double_eq(conv_back.flops, 2 * products);
    ck_assert_double_eq(conv_back.bytes, Y_BYTES + X_BYTES + 3 * WEIGHT_BYTES);
    ck_assert_double_eq(sn_node_work(norm, false).flops, 0);
    ck_assert_double_eq(sn_node_work(norm, false).bytes, 2 * Y_BYTES + 2 * 4 * K);
    ck_assert_double_eq(sn_node_work(linear, false).flops, 2 * N * K * CLASSES);
    ck_assert_double_eq(sn_node_work(linear, true).flops, 4 * N * K * CLASSES);
    close_tiny(&t);
}
END_TEST

/* Forward: the image is read; the convolution's output is written, and read again when its
 * statistics are known; batch-norm's never leaves the cache. Backward: the gradient that batch-norm
 * gets is written, and read again after its sums are known; so is the convolution's output, for
 * both; the gradient of that never leaves the cache; the image is read for the gradient of the
 * weights. */
START_TEST(floor_of_a_step_by_hand) {
    tiny t;
    sn_work least;
    open_tiny(&t);
    ck_assert_int_eq(sn_graph_floor(t.graph, &least, NULL), SN_OK);
    const double pixels = 2 * X_BYTES + 6 * Y_BYTES;
    const double means = 5 * MEAN_BYTES;   /* write, read twice; gradient: write, read */
    const double logits = 4 * LOGIT_BYTES; /* write, read; gradient: write, read */
    const double loss = 2 * 4;
    ck_assert_double_eq(least.bytes, pixels + means + logits + loss);
    close_tiny(&t);
}
END_TEST

/* ---- a trial ---- */

START_TEST(parts_of_a_trial_add_up) {
    sn_train_config config;
    test_run run = {0};
    sn_trial trial;
    sn_profile_row *rows;
    sn_error error;
    size_t count, nodes = 0;
    configure(&config, NULL);
    must_open_images(&config, &run.train, &run.test);
    if (sn_trainer_create(&config, run.train, run.test, NULL, &run.trainer, &error) != SN_OK)
        ck_abort_msg("%s", error.message);
    /* An epoch has four steps. */
    ck_assert_int_eq(sn_trainer_try(run.trainer, 2, 5, 0, &trial, NULL), SN_OK);
    ck_assert_uint_eq(trial.steps, 5);
    const sn_step_seconds *s = &trial.spent;
    const double parts = s->data + s->forward + s->backward + s->optimizer + s->metrics;
    ck_assert_double_le(parts, trial.seconds);
    ck_assert_double_gt(parts, 0.9 * trial.seconds);

    const sn_graph *graph = sn_trainer_training(run.trainer)->graph;
    ck_assert_int_eq(sn_profile_rows(graph, trial.steps, &rows, &count, NULL), SN_OK);
    double forward = 0, backward = 0;
    for (size_t i = 0; i < count; i++) {
        nodes += rows[i].nodes;
        forward += rows[i].forward * (double)trial.steps;
        backward += rows[i].backward * (double)trial.steps;
        ck_assert(i == 0 ||
                  rows[i].forward + rows[i].backward <= rows[i - 1].forward + rows[i - 1].backward);
    }
    ck_assert_uint_eq(nodes, sn_graph_node_count(graph));
    ck_assert_double_gt(forward, 0);
    ck_assert_double_gt(backward, 0);
    ck_assert_double_le(forward, s->forward);
    ck_assert_double_le(backward, s->backward);
    free(rows);
    end_training(&run);
}
END_TEST

START_TEST(machine_has_rates) {
    sn_roofline machine;
    ck_assert_int_eq(sn_roofline_measure(2, &machine, NULL), SN_OK);
    ck_assert_double_gt(machine.flops, 1e7);
    ck_assert_double_gt(machine.bytes, 1e6);
}
END_TEST

Suite *profile_suite(void) {
    Suite *suite = suite_create("profile");
    TCase *work = tcase_create("work");
    tcase_set_timeout(work, 120);
    tcase_add_test(work, a_step_is_three_forwards_but_for_the_first_gradient);
    tcase_add_test(work, resnet18_at_224_fits_into_four_gib);
    tcase_add_test(work, work_of_single_ops);
    tcase_add_test(work, floor_of_a_step_by_hand);
    tcase_add_test(work, parts_of_a_trial_add_up);
    tcase_add_test(work, machine_has_rates);
    suite_add_tcase(suite, work);
    return suite;
}
