/* --ema: the average itself, and that it is what is evaluated and kept as best.h5. */
#include "train_tests.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGES = 64, CLASSES = 10 };

static char folder[SN_OPTION_TEXT_SIZE];

static void setup(void) {
    make_folder(folder);
}

static void teardown(void) {
    remove_folder(folder);
}

/* The average of all trained parameters, step by step in double. */
typedef struct plain_average {
    const sn_trainer *trainer;
    double *values; /* parameter after parameter */
    uint64_t steps;
} plain_average;

static void average_step(void *context, const sn_step_report *report) {
    plain_average *p = context;
    (void)report;
    const sn_parameters *parameters = sn_trainer_parameters(p->trainer);
    const double steps = (double)++p->steps;
    const double keep = fmin(0.6, (1 + steps) / (10 + steps));
    double *value = p->values;
    for (size_t i = 0; i < sn_parameters_count(parameters); i++) {
        const sn_parameter *entry = sn_parameters_at(parameters, i);
        for (size_t j = 0; sn_role_is_trained(entry->role) && j < entry->count; j++, value++)
            *value = keep * *value + (1 - keep) * (double)entry->value[j];
    }
}

static void begin_average(plain_average *p) {
    const sn_parameters *parameters = sn_trainer_parameters(p->trainer);
    size_t length = 0;
    for (size_t i = 0; i < sn_parameters_count(parameters); i++)
        length += sn_parameters_at(parameters, i)->count;
    double *value = p->values = calloc(length, sizeof *p->values);
    for (size_t i = 0; i < sn_parameters_count(parameters); i++) {
        const sn_parameter *entry = sn_parameters_at(parameters, i);
        for (size_t j = 0; sn_role_is_trained(entry->role) && j < entry->count; j++)
            *value++ = (double)entry->value[j];
    }
}

static void check_average(const plain_average *p, const sn_parameters *best) {
    const double *value = p->values;
    double moved = 0;
    for (size_t i = 0; i < sn_parameters_count(best); i++) {
        const sn_parameter *entry = sn_parameters_at(best, i);
        const sn_parameter *live =
            sn_parameters_find(sn_trainer_parameters(p->trainer), entry->name);
        ck_assert(entry->role != SN_ROLE_INPUT_RANGE || entry->value[0] > 0);
        for (size_t j = 0; sn_role_is_trained(entry->role) && j < entry->count; j++, value++) {
            ck_assert_double_eq_tol((double)entry->value[j], *value, 1e-5 * (1 + fabs(*value)));
            moved = fmax(moved, fabs((double)live->value[j] - *value));
        }
    }
    ck_assert_double_gt(moved, 1e-3); /* the run goes on with other weights */
}

/* Logits of the first images, as the network in `mode` sees the whole batch. */
static void predict(const sn_checkpoint *checkpoint, sn_graph_mode mode, const float *images,
                    sn_parameters *parameters, float *logits) {
    const sn_network_options options = {
        .model = sn_config_model(sn_checkpoint_config(checkpoint), sn_checkpoint_input(checkpoint)),
        .mode = mode,
        .batch = IMAGES,
        .threads = 1};
    sn_network network;
    ck_assert_int_eq(sn_network_create(&options, parameters, &network, NULL), SN_OK);
    ck_assert_int_eq(sn_checkpoint_read_parameters(checkpoint, parameters, NULL), SN_OK);
    const int32_t labels[IMAGES] = {0};
    sn_tensor_write(network.images, images, IMAGES);
    if (mode == SN_GRAPH_TRAIN)
        sn_tensor_write_labels(network.labels, labels, IMAGES);
    sn_graph_forward(network.graph);
    sn_tensor_read(network.logits, logits, IMAGES);
    sn_network_free(&network);
}

/* All training images are one batch, so the statistics of the average are those of that batch: in
 * evaluation it gives the logits that it gives in training, but for the unbiased variance; where
 * activations are rounded, also but for the range, which moved after the statistics were found. */
static void check_statistics(const sn_checkpoint *best, const sn_dataset *train,
                             sn_parameters *parameters) {
    const bool rounded = sn_checkpoint_config(best)->act == SN_ACT_INT8;
    const size_t pixels = 3 * 16 * 16;
    float *images = calloc(IMAGES * pixels, sizeof *images);
    float seen[IMAGES * CLASSES], expected[IMAGES * CLASSES];
    for (size_t i = 0; i < IMAGES; i++)
        sn_dataset_normalised(train, i, &sn_checkpoint_input(best)->statistics,
                              images + i * pixels);
    predict(best, SN_GRAPH_EVAL, images, parameters, seen);
    predict(best, SN_GRAPH_TRAIN, images, parameters, expected);
    double scale = 0;
    for (size_t i = 0; i < IMAGES * CLASSES; i++)
        scale = fmax(scale, fabs((double)expected[i]));
    for (size_t i = 0; i < IMAGES * CLASSES; i++)
        ck_assert_double_eq_tol((double)seen[i], (double)expected[i],
                                (rounded ? 3e-2 : 1e-2) * scale);
    free(images);
}

START_TEST(the_average_is_evaluated_and_kept) {
    static const char *const quantizers[] = {"fp32", "signed-binary-centered",
                                             "signed-binary-centered"};
    static const char *const signs[] = {"fixed", "learned", "fixed"}; /* are no statistics */
    sn_train_config config;
    sn_error error;
    plain_average plain = {0};
    sn_dataset *train, *test;
    sn_trainer *trainer;
    sn_checkpoint *best;
    sn_parameters *parameters;
    volatile sig_atomic_t stop = 0;
    char path[SN_RUN_PATH_SIZE];
    configure(&config, "epochs", "3", "ema", "0.6", "limit-train", "64", "batch", "64",
              "no-augment", "true", "quant", quantizers[_i], "signs", signs[_i], "act",
              _i == 2 ? "int8" : "fp32", "stop-after", "1", "warmup", "0", NULL);
    ck_assert_int_lt(snprintf(path, sizeof path, "%s/run", folder), SN_OPTION_TEXT_SIZE);
    strcpy(config.out, path);
    must_open_images(&config, &train, &test);
    ck_assert_int_eq(sn_trainer_create(&config, train, test, NULL, &trainer, &error), SN_OK);
    plain.trainer = trainer;
    begin_average(&plain);
    const sn_train_observer observer = {.context = &plain, .step = average_step};
    if (sn_trainer_run(trainer, &observer, &stop, &error) != SN_OK)
        ck_abort_msg("%s", error.message);
    ck_assert_uint_eq(plain.steps, 1);
    snprintf(path, sizeof path, "%s/run/best.h5", folder);
    ck_assert_int_eq(sn_checkpoint_open(path, &best, &error), SN_OK);
    ck_assert_int_eq(sn_parameters_create(&parameters, NULL), SN_OK);
    check_statistics(best, train, parameters);
    check_average(&plain, parameters);
    for (size_t i = 0; i < sn_parameters_count(parameters); i++) {
        const sn_parameter *entry = sn_parameters_at(parameters, i);
        for (size_t j = 0; entry->role == SN_ROLE_SIGN && j < entry->count; j++)
            ck_assert_float_eq(fabsf(entry->value[j]), 1);
    }
    sn_checkpoint_free(best);
    sn_parameters_free(parameters);
    free(plain.values);
    sn_trainer_free(trainer);
    sn_dataset_free(train);
    sn_dataset_free(test);
}
END_TEST

/* Without the average of weights the checkpoints of a run have no group ema, with it one entry for
 * each trained parameter; the live run is the same. */
START_TEST(training_itself_is_the_same) {
    sn_train_config config;
    test_run with, without;
    sn_error error;
    char path[SN_RUN_PATH_SIZE];
    for (int i = 0; i < 2; i++) {
        configure(&config, "epochs", "2", "ema", i ? "0.9" : "0", "act", _i ? "int8" : "fp32",
                  NULL);
        ck_assert_int_lt(snprintf(path, sizeof path, "%s/run%d", folder, i), SN_OPTION_TEXT_SIZE);
        strcpy(config.out, path);
        if (run_training(&config, 0, i ? &with : &without, &error) != SN_OK)
            ck_abort_msg("%s", error.message);
        sn_h5 h5;
        snprintf(path, sizeof path, "%s/run%d/last.h5", folder, i);
        ck_assert_int_eq(sn_h5_open(path, &h5, NULL), SN_OK);
        ck_assert_uint_eq(sn_h5_group_size(&h5, "ema"),
                          i ? sn_h5_group_size(&h5, "optimizer/momentum") : 0);
        sn_h5_close(&h5, NULL);
    }
    check_same_parameters(sn_trainer_parameters(with.trainer),
                          sn_trainer_parameters(without.trainer));
    char *x = read_text(folder, "run0/layers.csv"), *y = read_text(folder, "run1/layers.csv");
    ck_assert_str_eq(x, y);
    free(x);
    free(y);
    end_training(&with);
    end_training(&without);
}
END_TEST

Suite *averaging_suite(void) {
    Suite *suite = suite_create("averaging");
    TCase *tcase = tcase_create("averaging");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, the_average_is_evaluated_and_kept, 0, 3);
    tcase_add_loop_test(tcase, training_itself_is_the_same, 0, 2);
    suite_add_tcase(suite, tcase);
    return suite;
}
