/* Recipes: validation images, weights of another run, clipped gradients. */
#define _POSIX_C_SOURCE 200809L
#include "train_tests.h"

#include "layers/quantize.h"

#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[SN_OPTION_TEXT_SIZE];

static void setup(void) {
    make_folder(folder);
}

static void teardown(void) {
    remove_folder(folder);
}

/* folder/name */
static const char *in_folder(char path[SN_RUN_PATH_SIZE], const char *name) {
    snprintf(path, SN_RUN_PATH_SIZE, "%s/%s", folder, name);
    return path;
}

/* Of the run in folder/run. */
static json_t *metrics_of(const char *run) {
    char path[SN_RUN_PATH_SIZE];
    return read_metrics(in_folder(path, run));
}

static double number(const json_t *object, const char *name) {
    const json_t *member = json_object_get(object, name);
    ck_assert_msg(json_is_number(member), "no %s", name);
    return json_number_value(member);
}

/* ---- validation ---- */

START_TEST(validation_images_choose_best_h5) {
    char out[SN_RUN_PATH_SIZE];
    sn_train_config config;
    test_run run;
    configure(&config, "epochs", "6", "quant", "fp32", "valid", "0.25", "lr", "0.02", "out",
              in_folder(out, "run"), NULL);
    must_run(&config, 0, &run);
    const sn_trainer_images images = sn_trainer_images_of(run.trainer);
    ck_assert_uint_eq(images.train + images.valid, 80);
    ck_assert(images.valid >= 15 && images.valid <= 25); /* to a half for each of 10 classes */
    ck_assert_uint_eq(images.test, 20);
    json_t *metrics = metrics_of("run");
    double best = -1;
    for (size_t i = 0; i < json_array_size(metrics); i++) {
        const json_t *line = json_array_get(metrics, i);
        const double top1 = number(line, "valid_top1");
        ck_assert_double_eq_tol(top1 * (double)images.valid / 100,
                                round(top1 * (double)images.valid / 100), 1e-4);
        ck_assert(isfinite(number(line, "valid_loss")));
        ck_assert_int_eq(json_is_true(json_object_get(line, "best")), top1 > best);
        best = top1 > best ? top1 : best;
    }
    ck_assert_double_eq_tol(sn_trainer_state(run.trainer)->best_top1, best, 1e-6);
    json_decref(metrics);
    end_training(&run);
}
END_TEST

/* Training with a part held out is training on the other part alone, to the bit. */
START_TEST(validation_images_are_not_trained_on) {
    char out[SN_RUN_PATH_SIZE];
    sn_train_config config;
    sn_dataset *kept, *held;
    sn_trainer *alone;
    test_run run;
    sn_error error;
    configure(&config, "epochs", "2", "valid", "0.25", "ema", "0.5", "out", in_folder(out, "run"),
              NULL);
    must_run(&config, 0, &run);
    ck_assert_int_eq(sn_dataset_hold_out(run.train, 0.25, 0, &kept, &held, NULL), SN_OK);
    configure(&config, "epochs", "2", "ema", "0.5", "out", in_folder(out, "alone"), NULL);
    if (sn_trainer_create(&config, kept, run.test, NULL, &alone, &error) != SN_OK)
        ck_abort_msg("%s", error.message);
    const sn_train_observer observer = {0};
    ck_assert_int_eq(sn_trainer_run(alone, &observer, &run.stop, NULL), SN_OK);
    check_same_parameters(sn_trainer_parameters(run.trainer), sn_trainer_parameters(alone));
    sn_trainer_free(alone);
    sn_dataset_free(kept);
    sn_dataset_free(held);
    end_training(&run);
}
END_TEST

START_TEST(a_batch_larger_than_what_is_left_is_refused) {
    char out[SN_RUN_PATH_SIZE];
    sn_train_config config;
    test_run run;
    sn_error error;
    configure(&config, "batch", "50", "valid", "0.5", "out", in_folder(out, "run"), NULL);
    ck_assert_int_eq(run_training(&config, 0, &run, &error), SN_ERROR_ARGUMENT);
    ck_assert_msg(strstr(error.message, "--batch 50"), "%s", error.message);
    end_training(&run);
}
END_TEST

/* ---- weights of another run ---- */

/* Trains an epoch into folder/name; the options are fp32's unless the pairs say otherwise. */
static void make_run(const char *name, const char *quant, const char *signs, const char *region) {
    char out[SN_RUN_PATH_SIZE];
    sn_train_config config;
    test_run run;
    configure(&config, "epochs", "1", "quant", quant, "signs", signs, "region", region, "seed", "9",
              "out", in_folder(out, name), NULL);
    must_run(&config, 0, &run);
    end_training(&run);
}

/* A new run that is not begun. To be ended with end_training whatever it returns. */
static sn_status prepare_run(const sn_train_config *config, test_run *run, sn_error *error) {
    *run = (test_run){0};
    SN_TRY(open_images(config, SN_SPLIT_TRAIN, &run->train, error));
    SN_TRY(open_images(config, SN_SPLIT_TEST, &run->test, error));
    return sn_trainer_create(config, run->train, run->test, NULL, &run->trainer, error);
}

static void must_prepare(const sn_train_config *config, test_run *run) {
    sn_error error;
    if (prepare_run(config, run, &error) != SN_OK)
        ck_abort_msg("%s", error.message);
}

/* Fails unless the entry has the values that the file has under its name. */
static void check_taken(const sn_h5 *h5, const sn_parameter *entry) {
    char name[SN_PARAMETER_NAME_SIZE + 8];
    sn_error error;
    float *values = calloc(entry->count, sizeof *values);
    snprintf(name, sizeof name, "state/%s", entry->name);
    if (sn_h5_read_floats(h5, name, &entry->shape, values, &error) != SN_OK)
        ck_abort_msg("%s", error.message);
    ck_assert_msg(memcmp(values, entry->value, entry->count * sizeof *values) == 0, "%s differs",
                  entry->name);
    free(values);
}

/* Whether the sign of every region is that of the sum of its weights. */
static bool signs_follow_weights(const sn_graph *graph) {
    bool all = true;
    for (size_t i = 0; i < sn_graph_node_count(graph); i++) {
        const sn_node *node = sn_graph_node(graph, i);
        if (node->op != &sn_op_quantize)
            continue;
        const size_t regions = sn_shape_count(&node->state[0]->shape);
        for (size_t r = 0; r < regions; r++) {
            const sn_region_span span = sn_quantize_span(node, r);
            double sum = 0;
            for (size_t j = span.first; j < span.first + span.count; j++)
                sum += (double)node->input[0]->value[j];
            all = all && node->state[0]->value[r] == (sum >= 0 ? 1 : -1);
        }
    }
    return all;
}

START_TEST(latent_weights_start_from_full_precision) {
    char path[SN_RUN_PATH_SIZE];
    sn_train_config config;
    test_run run;
    sn_h5 h5;
    size_t taken = 0, left = 0;
    make_run("fp32", "fp32", "fixed", "filter");
    configure(&config, "quant", "signed-binary", "signs", "learned", "scale", "learned", "act",
              "int8", "activation", "prelu", "region", "2", "init", in_folder(path, "fp32/best.h5"),
              NULL);
    must_prepare(&config, &run);
    ck_assert_int_eq(sn_h5_open(path, &h5, NULL), SN_OK);
    const sn_parameters *parameters = sn_trainer_parameters(run.trainer);
    for (size_t i = 0; i < sn_parameters_count(parameters); i++) {
        const sn_parameter *entry = sn_parameters_at(parameters, i);
        const sn_role role = entry->role;
        const bool added = role == SN_ROLE_SLOPE || role == SN_ROLE_SCALE ||
                           role == SN_ROLE_INPUT_RANGE || role == SN_ROLE_SIGN ||
                           role == SN_ROLE_SIGN_EVIDENCE;
        if (!added)
            check_taken(&h5, entry);
        else if (role == SN_ROLE_SLOPE)
            ck_assert_float_eq(entry->value[0], 0.25F);
        taken += !added;
        left += added;
    }
    sn_h5_close(&h5, NULL);
    ck_assert_uint_gt(taken, 100);
    ck_assert_uint_eq(left, 19 + 4 * 18);
    ck_assert(signs_follow_weights(sn_trainer_training(run.trainer)->graph));
    const char *note = sn_trainer_note(run.trainer);
    static const char *const parts[] = {
        "--init",
        "fp32/best.h5: not in it",
        "weight of 19 layers (act1 to layer3.2.act2)",
        "weight_scale of 18 layers (layer1.0.conv1 to layer3.2.conv2)",
        "input_range of 18 layers",
        "signs are those of its weights"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        ck_assert_msg(strstr(note, parts[i]), "no '%s' in: %s", parts[i], note);
    ck_assert_ptr_null(strstr(note, "in it, but"));
    end_training(&run);
}
END_TEST

/* Turns all signs of a layer in a checkpoint. */
static void turn_signs(const char *path) {
    float signs[4];
    const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    const hid_t set = H5Dopen2(file, "state/layer1.0.conv2.weight_sign", H5P_DEFAULT);
    ck_assert(H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, signs) >= 0);
    for (int i = 0; i < 4; i++)
        signs[i] = -signs[i];
    ck_assert(H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, signs) >= 0);
    H5Dclose(set);
    close_changed(file);
}

START_TEST(signs_of_the_checkpoint_come_first) {
    char path[SN_RUN_PATH_SIZE];
    sn_train_config config;
    test_run run;
    sn_h5 h5;
    make_run("signs", "signed-binary", "init", "filter");
    turn_signs(in_folder(path, "signs/last.h5"));
    configure(&config, "signs", "learned", "init", path, NULL);
    must_prepare(&config, &run);
    ck_assert_int_eq(sn_h5_open(path, &h5, NULL), SN_OK);
    const sn_parameters *parameters = sn_trainer_parameters(run.trainer);
    for (size_t i = 0; i < sn_parameters_count(parameters); i++)
        if (sn_parameters_at(parameters, i)->role == SN_ROLE_SIGN)
            check_taken(&h5, sn_parameters_at(parameters, i));
    sn_h5_close(&h5, NULL);
    ck_assert(!signs_follow_weights(sn_trainer_training(run.trainer)->graph));
    ck_assert_ptr_null(strstr(sn_trainer_note(run.trainer), "signs are"));
    ck_assert_ptr_nonnull(strstr(sn_trainer_note(run.trainer), "weight_sign_evidence of 18"));
    end_training(&run);

    /* A network without signs says that it has no use for them. */
    configure(&config, "quant", "fp32", "init", path, NULL);
    must_prepare(&config, &run);
    ck_assert_msg(strstr(sn_trainer_note(run.trainer), "in it, but not in this network: "
                                                       "weight_sign of 18 layers"),
                  "%s", sn_trainer_note(run.trainer));
    end_training(&run);
    /* One that has all of them says nothing. */
    configure(&config, "signs", "init", "init", path, NULL);
    must_prepare(&config, &run);
    ck_assert_str_eq(sn_trainer_note(run.trainer), "");
    end_training(&run);
}
END_TEST

START_TEST(weights_that_do_not_fit_are_refused) {
    static const struct {
        const char *option, *value, *part, *right;
    } cases[] = {
        {"arch", "resnet32", "holds a resnet20", "--arch resnet20"},
        {"width", "0.5", "--width 0.25", "--width 0.25 takes it"},
        {"region", "2", "layer1.0.conv1.weight_sign has shape [4, 1], need [4, 2]", "--region"},
        {"init", "nowhere.h5", "--init", "nowhere.h5"},
    };
    char path[SN_RUN_PATH_SIZE];
    make_run("signs", "signed-binary", "init", "filter");
    in_folder(path, "signs/last.h5");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sn_train_config config;
        test_run run;
        sn_error error = {0};
        configure(&config, "signs", "init", "init", path, cases[i].option, cases[i].value, NULL);
        ck_assert_int_ne(prepare_run(&config, &run, &error), SN_OK);
        ck_assert_msg(strstr(error.message, "--init"), "%s", error.message);
        ck_assert_msg(strstr(error.message, cases[i].part), "%s", error.message);
        ck_assert_msg(strstr(error.message, cases[i].right), "%s", error.message);
        end_training(&run);
    }
}
END_TEST

/* ---- all at once, stopped and resumed ---- */

static void configure_all(sn_train_config *config, const char *init, const char *name,
                          const char *value) {
    configure(config, "epochs", "4", "valid", "0.25", "clip-grad", "1", "augment",
              "crop+flip+cutout", "cutout", "7", "crop-padding", "3", "init", init, name, value,
              NULL);
}

START_TEST(a_resumed_run_has_the_same_bits) {
    char init[SN_RUN_PATH_SIZE], whole[SN_RUN_PATH_SIZE], parts[SN_RUN_PATH_SIZE];
    sn_train_config config;
    test_run one, first, second;
    make_run("fp32", "fp32", "fixed", "filter");
    configure_all(&config, in_folder(init, "fp32/last.h5"), "out", in_folder(whole, "whole"));
    must_run(&config, 0, &one);
    configure_all(&config, init, "out", in_folder(parts, "parts"));
    must_run(&config, _i ? 5 : 3, &first); /* an epoch has 3 steps */
    ck_assert_uint_lt(sn_trainer_state(first.trainer)->epoch, 4);
    end_training(&first);
    ck_assert_int_eq(unlink(init), 0);
    configure_all(&config, init, "resume", parts);
    must_run(&config, 0, &second);
    check_same_parameters(sn_trainer_parameters(one.trainer),
                          sn_trainer_parameters(second.trainer));
    json_t *a = metrics_of("whole"), *b = metrics_of("parts");
    ck_assert(json_equal(a, b));
    const double share = number(json_array_get(a, 1), "clipped");
    ck_assert(share >= 0 && share <= 1);
    ck_assert_double_gt(number(json_array_get(a, 1), "gradient_norm"), 0);
    json_decref(a);
    json_decref(b);
    char *text = read_text(parts, "config.json");
    ck_assert_ptr_nonnull(strstr(text, "fp32/last.h5"));
    free(text);
    end_training(&one);
    end_training(&second);
}
END_TEST

/* ---- clipped gradients ---- */

enum { FIRST = 1000, SECOND = 37 };

/* Parameters 1, 2 and a buffer, with gradients that are not all alike. */
static sn_parameters *make_parameters(double scale) {
    const sn_init ones = {SN_INIT_CONSTANT, 1};
    sn_parameters *parameters;
    size_t index;
    ck_assert_int_eq(sn_parameters_create(&parameters, NULL), SN_OK);
    sn_parameters_add(parameters, "a", sn_shape_1(FIRST), SN_ROLE_WEIGHT, ones, &index, NULL);
    sn_parameters_add(parameters, "b", sn_shape_1(SECOND), SN_ROLE_LATENT, ones, &index, NULL);
    sn_parameters_add(parameters, "c", sn_shape_1(3), SN_ROLE_RUNNING_MEAN, ones, &index, NULL);
    ck_assert_int_eq(sn_parameters_allocate(parameters, NULL), SN_OK);
    sn_parameters_initialise(parameters, 0);
    for (size_t i = 0; i < 2; i++) {
        const sn_parameter *entry = sn_parameters_at(parameters, i);
        for (size_t j = 0; j < entry->count; j++)
            entry->gradient[j] = (float)(scale * (sin((double)(j + i)) + 0.1 * (double)i));
    }
    return parameters;
}

static double plain_norm(const sn_parameters *parameters) {
    double sum = 0;
    for (size_t i = 0; i < 2; i++) {
        const sn_parameter *entry = sn_parameters_at(parameters, i);
        for (size_t j = 0; j < entry->count; j++)
            sum += (double)entry->gradient[j] * (double)entry->gradient[j];
    }
    return sqrt(sum);
}

static sn_optimizer *make_optimizer(int kind, sn_parameters *parameters, int threads) {
    const sn_optimizer_options options = {.kind = kind,
                                          .momentum = 0.9,
                                          .nesterov = true,
                                          .beta1 = 0.9,
                                          .beta2 = 0.99,
                                          .epsilon = 1e-8,
                                          .decay_weight = 0.01};
    sn_optimizer *optimizer;
    ck_assert_int_eq(sn_optimizer_create(&options, parameters, threads, &optimizer, NULL), SN_OK);
    return optimizer;
}

/* A clipped step is the step of gradients that are as much smaller; the one after it is not. */
START_TEST(long_gradients_are_scaled_down) {
    sn_parameters *parameters = make_parameters(1), *smaller = make_parameters(0.25);
    sn_optimizer *optimizer = make_optimizer(_i, parameters, 1);
    sn_optimizer *other = make_optimizer(_i, smaller, 1);
    const double before = plain_norm(parameters), norm = sn_optimizer_clip(optimizer, before / 4);
    ck_assert_double_eq_tol(norm, before, 1e-9 * before);
    for (int step = 0; step < 2; step++) {
        sn_optimizer_step(optimizer, 0.1);
        sn_optimizer_step(other, 0.1);
        for (size_t i = 0; i < 2; i++) {
            const sn_parameter *x = sn_parameters_at(parameters, i);
            const sn_parameter *y = sn_parameters_at(smaller, i);
            for (size_t j = 0; j < x->count; j++)
                ck_assert_float_eq_tol(x->value[j], y->value[j], 1e-6F);
            for (size_t j = 0; j < y->count; j++) /* for the second step: not clipped */
                y->gradient[j] = x->gradient[j];
        }
    }
    ck_assert_double_eq(plain_norm(parameters), before); /* gradients are left alone */
    sn_optimizer_free(optimizer);
    sn_optimizer_free(other);
    sn_parameters_free(parameters);
    sn_parameters_free(smaller);
}
END_TEST

START_TEST(short_gradients_and_threads_change_no_bit) {
    sn_parameters *plain = make_parameters(1), *clipped = make_parameters(1);
    sn_optimizer *a = make_optimizer(_i, plain, 1), *b = make_optimizer(_i, clipped, 3);
    const double norm = sn_optimizer_clip(a, 1e30), same = sn_optimizer_clip(b, 1e30);
    ck_assert_mem_eq(&norm, &same, sizeof norm);
    ck_assert_double_eq(sn_optimizer_clip(b, norm), norm); /* not longer than that */
    sn_optimizer *never = make_optimizer(_i, plain, 1);
    sn_optimizer_step(never, 0.1);
    sn_optimizer_step(b, 0.1);
    check_same_parameters(plain, clipped);
    sn_optimizer_free(a);
    sn_optimizer_free(b);
    sn_optimizer_free(never);
    sn_parameters_free(plain);
    sn_parameters_free(clipped);
}
END_TEST

START_TEST(a_run_reports_what_it_clips) {
    static const char *const limits[] = {"1e-6", "1e20", "0"};
    char out[SN_RUN_PATH_SIZE];
    test_run runs[3];
    for (int i = 0; i < 3; i++) {
        sn_train_config config;
        char name[8];
        snprintf(name, sizeof name, "clip%d", i);
        configure(&config, "epochs", "1", "clip-grad", limits[i], "out", in_folder(out, name),
                  NULL);
        must_run(&config, 0, &runs[i]);
        json_t *metrics = metrics_of(name);
        const json_t *line = json_array_get(metrics, 0);
        if (i < 2) {
            ck_assert_double_eq(number(line, "clipped"), i == 0);
            ck_assert_double_gt(number(line, "gradient_norm"), 1e-3);
        } else
            ck_assert_ptr_null(json_object_get(line, "clipped"));
        json_decref(metrics);
    }
    check_same_parameters(sn_trainer_parameters(runs[1].trainer),
                          sn_trainer_parameters(runs[2].trainer));
    for (int i = 0; i < 3; i++)
        end_training(&runs[i]);
}
END_TEST

Suite *recipes_suite(void) {
    Suite *suite = suite_create("recipes");
    TCase *tcase = tcase_create("recipes");
    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, validation_images_choose_best_h5);
    tcase_add_test(tcase, validation_images_are_not_trained_on);
    tcase_add_test(tcase, a_batch_larger_than_what_is_left_is_refused);
    tcase_add_test(tcase, latent_weights_start_from_full_precision);
    tcase_add_test(tcase, signs_of_the_checkpoint_come_first);
    tcase_add_test(tcase, weights_that_do_not_fit_are_refused);
    tcase_add_loop_test(tcase, a_resumed_run_has_the_same_bits, 0, 2);
    tcase_add_loop_test(tcase, long_gradients_are_scaled_down, 0, 3);
    tcase_add_loop_test(tcase, short_gradients_and_threads_change_no_bit, 0, 3);
    tcase_add_test(tcase, a_run_reports_what_it_clips);
    suite_add_tcase(suite, tcase);
    return suite;
}
