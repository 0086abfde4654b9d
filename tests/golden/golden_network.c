/* The whole ResNet-20 in double to 1e-9: logits, every gradient, the losses of four steps.
 *
 * Masks of quantizers and gradients of ReLUs are steps. In float the order of a sum may decide on
 * which side of a step a number falls, and results then differ by far more than rounding; in double
 * the reference was drawn so that no number is that near. What float adds, and each engine, is
 * tested layer by layer: tests/autograd. */
#include "golden.h"

#include "autograd/ops.h"
#include "base/option.h"
#include "layers/model.h"
#include "train/optimizer.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(sn_real) == sizeof(double), "in float steps are ambiguous");

static const double tolerance = 1e-9;

/* The groups below resnet20/networks that are compared. */
static const char *const networks[] = {
    "fp32",
    "binary",
    "ternary",
    "signed-binary",
    "signed-binary-centered",
    "signed-binary-center-activations",
};

/* With 1x1 and strided layers on the same engine. */
static const sn_engine engines[] = {SN_ENGINE_WINOGRAD, SN_ENGINE_GEMM};

enum { NETWORKS = sizeof networks / sizeof *networks, ENGINES = sizeof engines / sizeof *engines };

enum { STEPS = 4, BATCH_LIMIT = 64, THREADS = 2 };

static const char shared[] = "resnet20";

/* A network under test, and what it is given. */
typedef struct trial {
    golden_file file;
    char group[128];
    golden_array images;
    int32_t labels[BATCH_LIMIT];
    sn_model_options model;
    size_t batch;
    sn_engine engine;
    sn_parameters *parameters;
    sn_graph *training, *evaluation; /* over the same parameters */
    sn_tensor *x[2], *logits[2];     /* of training, of evaluation */
    sn_tensor *label_tensor, *loss;
} trial;

static void read_batch(trial *t) {
    t->images = golden_read(&t->file, shared, "x");
    t->batch = t->images.shape.size[0];
    ck_assert(t->images.shape.rank == 4 && t->batch <= BATCH_LIMIT);
    golden_array labels = golden_read_count(&t->file, shared, "labels", t->batch);
    for (size_t i = 0; i < t->batch; i++)
        t->labels[i] = (int32_t)labels.values[i];
    golden_free(&labels);
}

static int choice(const trial *t, const char *attribute, const char *(*name)(int index)) {
    char word[GOLDEN_WORD_SIZE];
    golden_word(&t->file, t->group, attribute, word);
    const int index = sn_choice_find(name, word);
    ck_assert_msg(index >= 0, "%s: no %s %s", t->group, attribute, word);
    return index;
}

static sn_model_options model_options(const trial *t) {
    /* The quantizer with centred weights says so by its name. */
    const int quantizer = choice(t, "quant", sn_quantizer_name);
    const bool of_weights = sn_quantizer_at(quantizer)->center == SN_CENTER_WEIGHTS;
    const int center = choice(t, "center", sn_center_name);
    return (sn_model_options){.arch = sn_choice_find(sn_arch_name, "resnet20"),
                              .width = golden_attribute(&t->file, shared, "width"),
                              .classes = 10,
                              .channels = t->images.shape.size[1],
                              .height = t->images.shape.size[2],
                              .image_width = t->images.shape.size[3],
                              .quant = {.quantizer = quantizer,
                                        .center = of_weights ? SN_CENTER_WEIGHTS : center,
                                        .estimator = choice(t, "estimator", sn_estimator_name),
                                        .delta_ratio = -1,
                                        .positive_fraction = 0.5}};
}

static sn_graph *build(trial *t, bool training) {
    sn_graph *graph;
    sn_error error = {0};
    const sn_shape shape = t->images.shape;
    sn_tensor **x = &t->x[!training], **logits = &t->logits[!training];
    sn_layers layers = {0};
    const bool built = sn_graph_create(t->parameters, training ? SN_GRAPH_TRAIN : SN_GRAPH_EVAL,
                                       THREADS, &graph, &error) == SN_OK &&
                       sn_graph_set_engine(graph, t->engine, SN_PRECISION_FP32, &error) == SN_OK &&
                       sn_graph_input(graph, shape, x, &error) == SN_OK &&
                       sn_model_build(&t->model, graph, *x, &layers, logits, &error) == SN_OK;
    sn_layers_free(&layers);
    ck_assert_msg(built, "%s", error.message);
    sn_tensor *root = *logits;
    if (training) {
        sn_tensor_keep(*logits);
        ck_assert_int_eq(sn_graph_labels(graph, t->batch, &t->label_tensor, &error), SN_OK);
        ck_assert_int_eq(sn_cross_entropy(graph, *logits, t->label_tensor, 0, &t->loss, &error),
                         SN_OK);
        root = t->loss;
    }
    ck_assert_msg(sn_graph_plan(graph, root, &error) == SN_OK, "%s", error.message);
    return graph;
}

static void load_state(const trial *t) {
    char state[64];
    snprintf(state, sizeof state, "%s/state", shared);
    ck_assert_uint_eq(golden_group_size(&t->file, state), sn_parameters_count(t->parameters));
    for (size_t i = 0; i < sn_parameters_count(t->parameters); i++) {
        const sn_parameter *entry = sn_parameters_at(t->parameters, i);
        golden_array array = golden_read(&t->file, state, entry->name);
        ck_assert_msg(sn_shape_equal(&array.shape, &entry->shape), "%s", entry->name);
        memcpy(entry->value, array.reals, array.count * sizeof *array.reals);
        golden_free(&array);
    }
}

static void open_trial(trial *t, const char *name, sn_engine engine) {
    *t = (trial){.file = golden_open(), .engine = engine};
    snprintf(t->group, sizeof t->group, "%s/networks/%s", shared, name);
    read_batch(t);
    t->model = model_options(t);
    ck_assert_int_eq(sn_parameters_create(&t->parameters, NULL), SN_OK);
    t->training = build(t, true);
    t->evaluation = build(t, false);
    load_state(t);
    sn_graph_set_progress(t->training, golden_attribute(&t->file, t->group, "progress"));
}

static void close_trial(trial *t) {
    sn_graph_free(t->training);
    sn_graph_free(t->evaluation);
    sn_parameters_free(t->parameters);
    golden_free(&t->images);
    golden_close(&t->file);
}

static void compare(const trial *t, const char *name, const sn_real *values, size_t count) {
    golden_check_named(&t->file, t->group, name, values, count, tolerance);
}

static void compare_logits(const trial *t, const char *name, const sn_tensor *logits) {
    const size_t count = sn_shape_count(sn_tensor_shape(logits));
    sn_real *values = malloc(count * sizeof *values);
    ck_assert_ptr_nonnull(values);
    sn_tensor_read(logits, values, t->batch);
    compare(t, name, values, count);
    free(values);
}

static void compare_gradients(const trial *t) {
    char name[SN_PARAMETER_NAME_SIZE + 8], group[160];
    size_t trained = 0;
    for (size_t i = 0; i < sn_parameters_count(t->parameters); i++) {
        const sn_parameter *entry = sn_parameters_at(t->parameters, i);
        if (!sn_role_is_trained(entry->role))
            continue;
        snprintf(name, sizeof name, "grad/%s", entry->name);
        compare(t, name, entry->gradient, entry->count);
        trained++;
    }
    snprintf(group, sizeof group, "%s/grad", t->group);
    ck_assert_uint_eq(golden_group_size(&t->file, group), trained);
}

static void evaluate(const trial *t) {
    sn_tensor_write(t->x[1], t->images.reals, t->batch);
    sn_graph_forward(t->evaluation);
    compare_logits(t, "logits_eval", t->logits[1]);
}

static sn_real run_step(const trial *t) {
    sn_real loss;
    sn_tensor_write(t->x[0], t->images.reals, t->batch);
    sn_tensor_write_labels(t->label_tensor, t->labels, t->batch);
    sn_parameters_zero_gradients(t->parameters);
    sn_graph_forward(t->training);
    sn_tensor_read(t->loss, &loss, 1);
    sn_graph_backward(t->training, NULL);
    return loss;
}

/* SGD with Nesterov momentum and decay on everything, as in the reference. */
static sn_optimizer *make_optimizer(const trial *t) {
    const double decay = golden_attribute(&t->file, shared, "weight_decay");
    const sn_optimizer_options options = {.kind = SN_OPTIMIZER_SGD,
                                          .momentum =
                                              golden_attribute(&t->file, shared, "momentum"),
                                          .nesterov = true,
                                          .decay_weight = decay,
                                          .decay_latent = decay,
                                          .decay_others = decay};
    sn_optimizer *optimizer;
    ck_assert_int_eq(sn_optimizer_create(&options, t->parameters, THREADS, &optimizer, NULL),
                     SN_OK);
    return optimizer;
}

static void train(const trial *t) {
    const double learning_rate = golden_attribute(&t->file, shared, "lr");
    sn_optimizer *optimizer = make_optimizer(t);
    sn_real losses[STEPS];
    for (int step = 0; step < STEPS; step++) {
        losses[step] = run_step(t);
        if (step == 0) {
            compare_logits(t, "logits_train", t->logits[0]);
            compare_gradients(t);
        }
        sn_optimizer_step(optimizer, learning_rate);
    }
    compare(t, "losses", losses, STEPS);
    sn_optimizer_free(optimizer);
}

START_TEST(resnet20_matches) {
    trial t;
    open_trial(&t, networks[_i % NETWORKS], engines[_i / NETWORKS]);
    evaluate(&t);
    train(&t);
    close_trial(&t);
}
END_TEST

static bool is_listed(const char *name, const char *const *list, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], name) == 0)
            return true;
    return false;
}

START_TEST(every_network_of_the_file_is_listed) {
    golden_file file = golden_open();
    char group[64], name[GOLDEN_NAME_SIZE];
    snprintf(group, sizeof group, "%s/networks", shared);
    const size_t count = golden_group_size(&file, group);
    ck_assert_uint_eq(count, NETWORKS);
    for (size_t i = 0; i < count; i++) {
        golden_group_name(&file, group, i, name);
        ck_assert_msg(is_listed(name, networks, NETWORKS), "%s: nothing compares with %s",
                      file.path, name);
    }
    golden_close(&file);
}
END_TEST

Suite *golden_network_suite(void) {
    Suite *suite = suite_create("golden-network");
    TCase *tcase = tcase_create("network");
    tcase_add_loop_test(tcase, resnet20_matches, 0, NETWORKS * ENGINES);
    tcase_add_test(tcase, every_network_of_the_file_is_listed);
    suite_add_tcase(suite, tcase);
    return suite;
}
