/* The optimizers' paths, and the whole ResNet-20: logits, every gradient, four losses. */
#include "golden.h"

#include "base/option.h"
#include "train/network.h"
#include "train/optimizer.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double tolerance = 1e-4;

/* ---- optimizers ---- */

typedef struct optimizer_case {
    const char *name;
    sn_optimizer_options options;
    double learning_rate;
} optimizer_case;

static const optimizer_case optimizers[] = {
    {"sgd", {.kind = SN_OPTIMIZER_SGD, .momentum = 0.9, .decay_weight = 1e-2}, 0.1},
    {"sgd_nesterov",
     {.kind = SN_OPTIMIZER_SGD, .momentum = 0.9, .nesterov = true, .decay_weight = 1e-2},
     0.1},
    {"adam", {.kind = SN_OPTIMIZER_ADAM, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8}, 0.01},
    {"adamw",
     {.kind = SN_OPTIMIZER_ADAMW,
      .beta1 = 0.9,
      .beta2 = 0.999,
      .epsilon = 1e-8,
      .decay_weight = 0.1},
     0.01},
};

enum { OPTIMIZERS = sizeof optimizers / sizeof *optimizers };

START_TEST(optimizer_follows_the_path) {
    const optimizer_case *c = &optimizers[_i];
    char group[64];
    snprintf(group, sizeof group, "optim/%s", c->name);
    sn_h5 h5 = golden_open();
    golden_array w0 = golden_read(&h5, group, "w0"), grads = golden_read(&h5, group, "grads");
    golden_array path = golden_read(&h5, group, "path");
    sn_parameters *parameters;
    sn_optimizer *optimizer;
    size_t index;
    ck_assert_int_eq(sn_parameters_create(&parameters, NULL), SN_OK);
    ck_assert_int_eq(sn_parameters_add(parameters, "w", w0.shape, SN_ROLE_WEIGHT,
                                       (sn_init){SN_INIT_CONSTANT, 0}, &index, NULL),
                     SN_OK);
    ck_assert_int_eq(sn_parameters_allocate(parameters, NULL), SN_OK);
    ck_assert_int_eq(sn_optimizer_create(&c->options, parameters, 2, &optimizer, NULL), SN_OK);
    const sn_parameter *w = sn_parameters_at(parameters, index);
    memcpy(w->value, w0.values, w0.count * sizeof *w0.values);
    for (size_t step = 0; step < path.shape.size[0]; step++) {
        const golden_array expected = {w0.shape, w0.count, path.values + step * w0.count};
        memcpy(w->gradient, grads.values + step * w0.count, w0.count * sizeof *w0.values);
        sn_optimizer_step(optimizer, c->learning_rate);
        golden_check(group, w->value, &expected, 1e-5);
    }
    sn_optimizer_free(optimizer);
    sn_parameters_free(parameters);
    free(w0.values);
    free(grads.values);
    free(path.values);
    sn_h5_close(&h5, NULL);
}
END_TEST

/* ---- ResNet-20 ---- */

static const struct {
    const char *quant, *estimator;
} networks[] = {{"fp32", "ste"}, {"signed-binary", "ede"}, {"signed-binary-centered", "ste"}};

static void make_network(const char *quant, const char *estimator, sn_graph_mode mode, size_t batch,
                         sn_parameters *parameters, sn_network *network) {
    sn_error error;
    const sn_network_options options = {
        .model = {.arch = sn_choice_find(sn_arch_name, "resnet20"),
                  .width = 1,
                  .classes = 10,
                  .channels = 3,
                  .height = 32,
                  .image_width = 32,
                  .quant = {.quantizer = sn_choice_find(sn_quantizer_name, quant),
                            .estimator = sn_choice_find(sn_estimator_name, estimator),
                            .delta_ratio = 0.05,
                            .positive_fraction = 0.5}},
        .mode = mode,
        .batch = batch,
        .threads = 2};
    if (sn_network_create(&options, parameters, network, &error) != SN_OK)
        ck_abort_msg("%s", error.message);
}

static void load_state(const sn_h5 *h5, const char *group, const sn_parameters *parameters) {
    char state[128];
    snprintf(state, sizeof state, "%s/state", group);
    ck_assert_uint_eq(sn_h5_group_size(h5, state), sn_parameters_count(parameters));
    for (size_t i = 0; i < sn_parameters_count(parameters); i++) {
        const sn_parameter *entry = sn_parameters_at(parameters, i);
        golden_array array = golden_read(h5, state, entry->name);
        ck_assert_msg(sn_shape_equal(&array.shape, &entry->shape), "%s", entry->name);
        memcpy(entry->value, array.values, array.count * sizeof *array.values);
        free(array.values);
    }
}

static void check_gradients(const sn_h5 *h5, const char *group, const sn_parameters *parameters) {
    char name[128];
    size_t trained = 0;
    snprintf(name, sizeof name, "%s/grad", group);
    for (size_t i = 0; i < sn_parameters_count(parameters); i++) {
        const sn_parameter *entry = sn_parameters_at(parameters, i);
        if (!sn_role_is_trained(entry->role))
            continue;
        golden_check_named(h5, name, entry->name, entry->gradient, tolerance);
        trained++;
    }
    ck_assert_uint_eq(sn_h5_group_size(h5, name), trained);
}

static void check_logits(const sn_h5 *h5, const char *group, const char *name,
                         const sn_network *network) {
    float *logits = malloc(network->batch * network->classes * sizeof *logits);
    sn_tensor_read(network->logits, logits, network->batch);
    golden_check_named(h5, group, name, logits, tolerance);
    free(logits);
}

/* Four steps as in the reference: SGD with Nesterov momentum and decay on everything. */
static void train_and_check(const sn_h5 *h5, const char *group, sn_parameters *parameters,
                            sn_network *network, const float *images, const int32_t *labels) {
    const double decay = golden_attribute(h5, group, "weight_decay");
    const sn_optimizer_options options = {.kind = SN_OPTIMIZER_SGD,
                                          .momentum = golden_attribute(h5, group, "momentum"),
                                          .nesterov = true,
                                          .decay_weight = decay,
                                          .decay_latent = decay,
                                          .decay_others = decay};
    sn_optimizer *optimizer;
    float losses[4];
    ck_assert_int_eq(sn_optimizer_create(&options, parameters, 2, &optimizer, NULL), SN_OK);
    for (int step = 0; step < 4; step++) {
        sn_tensor_write(network->images, images, network->batch);
        sn_tensor_write_labels(network->labels, labels, network->batch);
        sn_parameters_zero_gradients(parameters);
        sn_graph_forward(network->graph);
        sn_tensor_read(network->loss, &losses[step], 1);
        sn_graph_backward(network->graph, NULL);
        if (step == 0) {
            check_logits(h5, group, "logits_train", network);
            check_gradients(h5, group, parameters);
        }
        sn_optimizer_step(optimizer, golden_attribute(h5, group, "lr"));
    }
    golden_check_named(h5, group, "losses", losses, tolerance);
    sn_optimizer_free(optimizer);
}

START_TEST(resnet20_matches) {
    char group[64];
    snprintf(group, sizeof group, "resnet20/%s", networks[_i].quant);
    sn_h5 h5 = golden_open();
    golden_array x = golden_read(&h5, group, "x"), stored = golden_read(&h5, group, "labels");
    const size_t batch = x.shape.size[0];
    int32_t labels[64];
    ck_assert_uint_le(batch, 64);
    for (size_t i = 0; i < batch; i++)
        labels[i] = (int32_t)stored.values[i];
    sn_parameters *parameters;
    sn_network training, evaluation;
    ck_assert_int_eq(sn_parameters_create(&parameters, NULL), SN_OK);
    make_network(networks[_i].quant, networks[_i].estimator, SN_GRAPH_TRAIN, batch, parameters,
                 &training);
    make_network(networks[_i].quant, networks[_i].estimator, SN_GRAPH_EVAL, batch, parameters,
                 &evaluation);
    load_state(&h5, group, parameters);

    sn_tensor_write(evaluation.images, x.values, batch);
    sn_graph_forward(evaluation.graph);
    check_logits(&h5, group, "logits_eval", &evaluation);

    const double progress = golden_attribute(&h5, group, "progress");
    sn_graph_set_progress(training.graph, progress < 0 ? 0 : progress);
    train_and_check(&h5, group, parameters, &training, x.values, labels);

    sn_network_free(&training);
    sn_network_free(&evaluation);
    sn_parameters_free(parameters);
    free(x.values);
    free(stored.values);
    sn_h5_close(&h5, NULL);
}
END_TEST

Suite *golden_train_suite(void) {
    Suite *suite = suite_create("golden-train");
    TCase *tcase = tcase_create("train");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, optimizer_follows_the_path, 0, OPTIMIZERS);
    tcase_add_loop_test(tcase, resnet20_matches, 0, 3);
    suite_add_tcase(suite, tcase);
    return suite;
}
