/* Runs: reproducible, resumable to the bit, and never lost. */
#define _POSIX_C_SOURCE 200809L
#include "train_tests.h"

#include "base/file.h"

#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { QUANTIZERS = 9 };

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

static char *metrics_text(const char *run_folder) {
    json_t *all = read_metrics(run_folder);
    char *result = json_dumps(all, JSON_SORT_KEYS);
    json_decref(all);
    return result;
}

static void check_same_metrics(const char *a, const char *b) {
    char *x = metrics_text(a), *y = metrics_text(b);
    ck_assert_str_eq(x, y);
    free(x);
    free(y);
}

START_TEST(the_same_seed_gives_the_same_run) {
    char a[SN_RUN_PATH_SIZE], b[SN_RUN_PATH_SIZE], c[SN_RUN_PATH_SIZE];
    sn_train_config config;
    test_run first, second, other;
    configure(&config, "epochs", "2", "out", in_folder(a, "a"), NULL);
    must_run(&config, 0, &first);
    configure(&config, "epochs", "2", "out", in_folder(b, "b"), NULL);
    must_run(&config, 0, &second);
    check_same_metrics(a, b);
    check_same_parameters(sn_trainer_parameters(first.trainer),
                          sn_trainer_parameters(second.trainer));

    configure(&config, "epochs", "2", "seed", "1", "out", in_folder(c, "c"), NULL);
    must_run(&config, 0, &other);
    char *x = metrics_text(a), *y = metrics_text(c);
    ck_assert_str_ne(x, y);
    free(x);
    free(y);
    end_training(&first);
    end_training(&second);
    end_training(&other);
}
END_TEST

static const struct {
    const char *arch, *optimizer, *ema, *signs, *region, *act;
} resumes[] = {{"resnet20", "sgd", "0", "fixed", "filter", "fp32"},
               {"resnet20", "adamw", "0", "init", "filter", "fp32"},
               {"resnet20", "sgd", "0.9", "learned", "3", "fp32"},
               {"resnet20", "sgd", "0", "fixed", "filter", "int8"},
               {"resnet20", "sgd", "0.9", "fixed", "filter", "int8"},
               {"resnet20-plum", "sgd", "0", "fixed", "filter", "int8"}};

enum { RESUMES = sizeof resumes / sizeof *resumes };

/* Stops a run of four epochs, by count of epochs or in the middle of one, and continues it. */
static void check_resume(int kind, const char *stop_after, uint64_t steps) {
    const char *optimizer = resumes[kind].optimizer, *ema = resumes[kind].ema;
    const char *signs = resumes[kind].signs, *region = resumes[kind].region;
    const char *act = resumes[kind].act, *arch = resumes[kind].arch;
    char whole[SN_RUN_PATH_SIZE], parts[SN_RUN_PATH_SIZE];
    sn_train_config config;
    test_run one, first, second;
    configure(&config, "epochs", "4", "optimizer", optimizer, "ema", ema, "signs", signs, "region",
              region, "act", act, "arch", arch, "out", in_folder(whole, "whole"), NULL);
    must_run(&config, 0, &one);

    configure(&config, "epochs", "4", "optimizer", optimizer, "ema", ema, "signs", signs, "region",
              region, "act", act, "arch", arch, "out", in_folder(parts, "parts"), "stop-after",
              stop_after, NULL);
    must_run(&config, steps, &first);
    ck_assert_uint_lt(sn_trainer_state(first.trainer)->epoch, 4);
    end_training(&first);

    configure(&config, "epochs", "4", "resume", parts, "optimizer", optimizer, "ema", ema, "signs",
              signs, "region", region, "act", act, "arch", arch, NULL);
    must_run(&config, 0, &second);
    check_same_parameters(sn_trainer_parameters(one.trainer),
                          sn_trainer_parameters(second.trainer));
    check_same_metrics(whole, parts);
    char *x = read_text(whole, "layers.csv"), *y = read_text(parts, "layers.csv");
    ck_assert_str_eq(x, y);
    free(x);
    free(y);
    end_training(&one);
    end_training(&second);
}

/* Test images of 32x32, which a network for 16x16 would read past the end of its input with. */
START_TEST(test_images_of_another_size_are_refused) {
    char out[SN_RUN_PATH_SIZE];
    sn_train_config config;
    sn_dataset *train, *test;
    sn_trainer *trainer = NULL;
    sn_error error;
    configure(&config, "out", in_folder(out, "run"), NULL);
    ck_assert_int_eq(open_images(&config, SN_SPLIT_TRAIN, &train, NULL), SN_OK);
    ck_assert_int_eq(sn_dataset_open(config.dataset, SN_SPLIT_TEST, "", 20, &test, NULL), SN_OK);
    ck_assert_int_eq(sn_trainer_create(&config, train, test, NULL, &trainer, &error),
                     SN_ERROR_DATA);
    ck_assert_ptr_nonnull(strstr(error.message, "training images are 3x16x16 of 10 classes, test "
                                                "images 3x32x32 of 10"));
    sn_dataset_free(train);
    sn_dataset_free(test);
}
END_TEST

START_TEST(two_epochs_and_two_are_four) {
    check_resume(_i, "2", 0);
}
END_TEST

START_TEST(a_run_stopped_within_an_epoch_continues_with_the_next_step) {
    check_resume(_i, "0", 6); /* an epoch has 4 steps */
}
END_TEST

/* Two epochs, and the first of two. */
static void run_whole_and_half(char whole[SN_RUN_PATH_SIZE], char parts[SN_RUN_PATH_SIZE]) {
    sn_train_config config;
    test_run run;
    configure(&config, "epochs", "2", "out", in_folder(whole, "whole"), NULL);
    must_run(&config, 0, &run);
    end_training(&run);
    configure(&config, "epochs", "2", "out", in_folder(parts, "parts"), "stop-after", "1", NULL);
    must_run(&config, 0, &run);
    end_training(&run);
}

/* As after a crash between the line and the checkpoint, or in the middle of a line. */
START_TEST(lines_behind_the_checkpoint_are_dropped) {
    char whole[SN_RUN_PATH_SIZE], parts[SN_RUN_PATH_SIZE], metrics[SN_RUN_PATH_SIZE + 16];
    sn_train_config config;
    test_run run;
    run_whole_and_half(whole, parts);
    snprintf(metrics, sizeof metrics, "%s/metrics.jsonl", parts);
    FILE *file = fopen(metrics, "a");
    fputs("{\"epoch\": 2, \"loss\": 99}\n{\"epoch\": 3, \"lo", file);
    fclose(file);
    snprintf(metrics, sizeof metrics, "%s/layers.csv", parts);
    file = fopen(metrics, "a");
    fputs("2,layer1.0.conv1,signed-binary,99\n2,la", file);
    fclose(file);
    configure(&config, "epochs", "2", "resume", parts, NULL);
    must_run(&config, 0, &run);
    end_training(&run);
    check_same_metrics(whole, parts);
    char *x = read_text(whole, "layers.csv"), *y = read_text(parts, "layers.csv");
    ck_assert_str_eq(x, y);
    free(x);
    free(y);
}
END_TEST

/* Every line of layers.csv without its last `columns`; writes the file when `path` is not NULL. */
static char *cut_columns(char *text, int columns, const char *path) {
    char *to = text;
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        size_t length = (size_t)(end - line);
        for (int left = columns; left > 0; left -= line[length] == ',')
            length--;
        memmove(to, line, length);
        to += length;
        *to++ = '\n';
    }
    *to = '\0';
    if (path)
        ck_assert_int_eq(sn_file_write(path, text, strlen(text), NULL), SN_OK);
    return text;
}

/* layers.csv as runs left it that began before its last two columns were there. */
START_TEST(an_older_layers_csv_gets_its_missing_columns) {
    char whole[SN_RUN_PATH_SIZE], parts[SN_RUN_PATH_SIZE], path[SN_RUN_PATH_SIZE + 16];
    sn_train_config config;
    test_run run;
    run_whole_and_half(whole, parts);
    snprintf(path, sizeof path, "%s/layers.csv", parts);
    free(cut_columns(read_text(parts, "layers.csv"), 2, path));
    configure(&config, "epochs", "2", "resume", parts, NULL);
    must_run(&config, 0, &run);
    end_training(&run);

    char *x = read_text(whole, "layers.csv"), *y = read_text(parts, "layers.csv");
    ck_assert_int_eq(strncmp(x, y, strcspn(x, "\n") + 1), 0);
    const char *first = strchr(y, '\n') + 1, *last = strstr(x, "\n2,"), *now = strstr(y, "\n2,");
    ck_assert_ptr_nonnull(last);
    ck_assert_ptr_nonnull(now);
    ck_assert_str_eq(last, now);
    const char *end = strchr(first, '\n');
    ck_assert_int_eq(strncmp(end - 2, ",,", 2), 0);
    ck_assert_str_eq(cut_columns(x, 2, NULL), cut_columns(y, 2, NULL));
    free(x);
    free(y);
}
END_TEST

START_TEST(a_diverging_run_says_so) {
    char out[SN_RUN_PATH_SIZE];
    sn_train_config config;
    test_run run;
    sn_error error;
    configure(&config, "epochs", "30", "quant", "fp32", "lr", "1000", "warmup", "0", "out",
              in_folder(out, "run"), NULL);
    config.schedule.learning_rate = 1e30;
    ck_assert_int_eq(run_training(&config, 0, &run, &error), SN_ERROR_DIVERGED);
    ck_assert_ptr_nonnull(strstr(error.message, "not finite"));
    ck_assert_ptr_nonnull(strstr(error.message, "--lr"));
    end_training(&run);
}
END_TEST

/* Weights that overflow behind the last loss of an epoch, which was finite. */
START_TEST(values_that_overflow_are_not_saved) {
    char out[SN_RUN_PATH_SIZE], path[SN_RUN_PATH_SIZE];
    sn_train_config config;
    test_run run;
    sn_error error;
    configure(&config, "epochs", "1", "quant", "fp32", "warmup", "0", "limit-train", "20", "out",
              in_folder(out, "run"), NULL);
    config.schedule.learning_rate = 1e38;
    config.optimizer.decay_weight = 1e3;
    ck_assert_int_eq(run_training(&config, 0, &run, &error), SN_ERROR_DIVERGED);
    ck_assert_ptr_nonnull(strstr(error.message, "epoch 1, step 1,")); /* of one */
    /* What was saved before the step is still there: the initial values. */
    sn_h5 h5;
    float bias[10];
    const sn_shape shape = sn_shape_1(10);
    ck_assert_int_eq(sn_h5_open(in_folder(path, "run/last.h5"), &h5, NULL), SN_OK);
    ck_assert_int_eq(sn_h5_read_floats(&h5, "state/fc.bias", &shape, bias, NULL), SN_OK);
    for (int i = 0; i < 10; i++)
        ck_assert(isfinite(bias[i]) && fabsf(bias[i]) <= 0.25F); /* 1 / sqrt(16 inputs) */
    sn_h5_close(&h5, NULL);
    end_training(&run);
}
END_TEST

START_TEST(fewer_epochs_than_were_run_are_refused) {
    char out[SN_RUN_PATH_SIZE];
    sn_train_config config;
    test_run run;
    sn_error error;
    configure(&config, "epochs", "3", "out", in_folder(out, "run"), "stop-after", "2", NULL);
    must_run(&config, 0, &run);
    end_training(&run);
    configure(&config, "epochs", "1", "resume", out, NULL);
    ck_assert_int_eq(run_training(&config, 0, &run, &error), SN_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(error.message, "finished 2"));
    end_training(&run);
}
END_TEST

START_TEST(a_damaged_line_of_a_log_is_not_dropped) {
    char out[SN_RUN_PATH_SIZE], metrics[SN_RUN_PATH_SIZE + 16];
    sn_train_config config;
    test_run run;
    sn_error error;
    configure(&config, "epochs", "2", "out", in_folder(out, "run"), "stop-after", "1", NULL);
    must_run(&config, 0, &run);
    end_training(&run);
    snprintf(metrics, sizeof metrics, "%s/%s", out, _i ? "layers.csv" : "metrics.jsonl");
    const char *bad = _i ? "epoch,layer\n#,conv\n" : "{\"epoch\": #}\n";
    ck_assert_int_eq(sn_file_write(metrics, bad, strlen(bad), NULL), SN_OK);
    configure(&config, "epochs", "2", "resume", out, NULL);
    ck_assert_int_eq(run_training(&config, 0, &run, &error), SN_ERROR_DATA);
    ck_assert_ptr_nonnull(strstr(error.message, _i ? "layers.csv: line 2" : "jsonl: line 1"));
    end_training(&run);
}
END_TEST

START_TEST(one_process_at_a_time_trains_a_run) {
    char out[SN_RUN_PATH_SIZE];
    sn_train_config config;
    test_run first, second;
    sn_error error;
    configure(&config, "epochs", "2", "out", in_folder(out, "run"), "stop-after", "1", NULL);
    must_run(&config, 0, &first); /* its trainer still holds the run */
    /* A line whose checkpoint that process has still to write. */
    char path[SN_RUN_PATH_SIZE + 16];
    snprintf(path, sizeof path, "%s/metrics.jsonl", out);
    FILE *file = fopen(path, "a");
    fputs("{\"epoch\": 2}\n", file);
    fclose(file);
    configure(&config, "epochs", "2", "resume", out, NULL);
    ck_assert_int_eq(run_training(&config, 0, &second, &error), SN_ERROR_IO);
    ck_assert_ptr_nonnull(strstr(error.message, "another process"));
    char holder[64];
    snprintf(holder, sizeof holder, "process %ld", (long)getpid());
    ck_assert_ptr_nonnull(strstr(error.message, holder));
    char *text = read_text(out, "metrics.jsonl");
    ck_assert_ptr_nonnull(strstr(text, "{\"epoch\": 2}"));
    free(text);
    end_training(&second);
    end_training(&first);
}
END_TEST

START_TEST(a_batch_larger_than_the_data_is_refused) {
    char out[SN_RUN_PATH_SIZE];
    sn_train_config config;
    test_run run;
    sn_error error;
    configure(&config, "batch", "81", "out", in_folder(out, "run"), NULL);
    ck_assert_int_eq(run_training(&config, 0, &run, &error), SN_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(error.message, "80"));
    ck_assert_int_ne(access(out, F_OK), 0);
    end_training(&run);
}
END_TEST

START_TEST(runs_without_a_folder_get_free_names) {
    sn_train_config config;
    test_run run;
    char here[4096];
    ck_assert_ptr_nonnull(getcwd(here, sizeof here));
    ck_assert_int_eq(chdir(folder), 0);
    static const char *const expected[] = {"runs/shapes-resnet20-signed-binary-7",
                                           "runs/shapes-resnet20-signed-binary-7-2",
                                           "runs/shapes-resnet20-signed-binary-7-3"};
    for (int i = 0; i < 3; i++) {
        configure(&config, "epochs", "1", "seed", "7", NULL);
        must_run(&config, 1, &run);
        ck_assert_str_eq(sn_trainer_directory(run.trainer), expected[i]);
        end_training(&run);
    }
    ck_assert_int_eq(chdir(here), 0);
}
END_TEST

/* A few pictures are learnt by heart: chance is a loss of 2.3. */
START_TEST(training_learns) {
    char out[SN_RUN_PATH_SIZE];
    sn_train_config config;
    test_run run;
    configure(&config, "epochs", "45", "quant", "signed-binary-centered", "estimator", "ste",
              "threads", "1", "no-augment", "true", "limit-train", "16", "batch", "8", "limit-test",
              "5", "out", in_folder(out, "run"), NULL);
    must_run(&config, 0, &run);
    char *text = read_text(out, "metrics.jsonl");
    const char *last = strrchr(text, '{');
    json_t *object = json_loads(last, 0, NULL);
    ck_assert_double_lt(json_real_value(json_object_get(object, "loss")), 1);
    json_decref(object);
    free(text);
    end_training(&run);
}
END_TEST

/* The teacher's logits alone teach a student whose labels have no weight, and a run with a teacher
 * is resumed to the bit. Both may round their activations. */
START_TEST(a_teacher_teaches) {
    char out[SN_RUN_PATH_SIZE], teacher[SN_RUN_PATH_SIZE], path[SN_RUN_PATH_SIZE];
    sn_train_config config;
    test_run run, parts;
    const char *act = sn_act_name(_i);
    configure(&config, "epochs", "25", "quant", _i ? "signed-binary-centered" : "fp32", "act", act,
              "threads", "1", "no-augment", "true", "limit-train", "16", "batch", "8", "limit-test",
              "5", "out", in_folder(out, "teacher"), NULL);
    must_run(&config, 0, &run);
    end_training(&run);
    const char *const student[] = {"whole", "parts"};
    for (int i = 0; i < 2; i++) {
        configure(&config, "epochs", "25", "quant", "signed-binary-centered", "estimator", "ste",
                  "threads", "1", "no-augment", "true", "limit-train", "16", "batch", "8",
                  "limit-test", "5", "seed", "5", "teacher", in_folder(teacher, "teacher/last.h5"),
                  "distill-weight", "1", "distill-temperature", "2", "act", act, "out",
                  in_folder(out, student[i]), NULL);
        must_run(&config, i ? 7 : 0, i ? &parts : &run);
    }
    end_training(&parts);
    sn_checkpoint *checkpoint;
    snprintf(out, sizeof out, "%s/parts/last.h5", folder);
    ck_assert_int_eq(sn_checkpoint_open(out, &checkpoint, NULL), SN_OK);
    config = *sn_checkpoint_config(checkpoint);
    strcpy(config.resume, in_folder(path, "parts"));
    sn_checkpoint_free(checkpoint);
    must_run(&config, 0, &parts);
    check_same_parameters(sn_trainer_parameters(run.trainer), sn_trainer_parameters(parts.trainer));
    char *text = read_text(folder, "whole/metrics.jsonl");
    json_t *object = json_loads(strrchr(text, '{'), 0, NULL);
    ck_assert_double_gt(json_real_value(json_object_get(object, "train_top1")),
                        30); /* chance: 10 */
    json_decref(object);
    free(text);
    end_training(&run);
    end_training(&parts);
}
END_TEST

START_TEST(a_teacher_that_is_not_there_is_refused) {
    char out[SN_RUN_PATH_SIZE], none[SN_RUN_PATH_SIZE];
    sn_train_config config;
    test_run run;
    sn_error error;
    configure(&config, "epochs", "1", "teacher", in_folder(none, "none.h5"), "out",
              in_folder(out, "run"), NULL);
    ck_assert_int_eq(run_training(&config, 0, &run, &error), SN_ERROR_IO);
    ck_assert_ptr_nonnull(strstr(error.message, "--teacher"));
    ck_assert_int_ne(access(out, F_OK), 0);
    end_training(&run);
}
END_TEST

/* As training_learns, with every quantizer, and with one of them every rule for the scale. */
START_TEST(every_quantizer_learns) {
    char out[SN_RUN_PATH_SIZE];
    sn_train_config config;
    test_run run;
    ck_assert_ptr_null(sn_quantizer_name(QUANTIZERS));
    const bool is_quantizer = sn_quantizer_name(_i) != NULL;
    const char *quant = is_quantizer ? sn_quantizer_name(_i) : "ternary";
    /* The first rule is the default, which the quantizers have. */
    const char *rule =
        sn_scale_rule_name(is_quantizer ? SN_SCALE_FILTER_MEAN : _i - QUANTIZERS + 1);
    configure(&config, "epochs", "30", "quant", quant, "scale", rule, "threads", "1", "no-augment",
              "true", "limit-train", "16", "batch", "8", "limit-test", "5", "out",
              in_folder(out, "run"), NULL);
    must_run(&config, 0, &run);
    char *text = read_text(out, "metrics.jsonl");
    json_t *object = json_loads(strrchr(text, '{'), 0, NULL);
    const double loss = json_real_value(json_object_get(object, "loss"));
    ck_assert_msg(loss < 2.2, "%s, %s: %g", quant, rule, loss);
    json_decref(object);
    free(text);
    end_training(&run);
}
END_TEST

Suite *trainer_suite(void) {
    Suite *suite = suite_create("trainer");
    TCase *tcase = tcase_create("trainer");
    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_same_seed_gives_the_same_run);
    tcase_add_test(tcase, test_images_of_another_size_are_refused);
    tcase_add_loop_test(tcase, two_epochs_and_two_are_four, 0, RESUMES);
    tcase_add_loop_test(tcase, a_run_stopped_within_an_epoch_continues_with_the_next_step, 0,
                        RESUMES);
    tcase_add_test(tcase, lines_behind_the_checkpoint_are_dropped);
    tcase_add_test(tcase, an_older_layers_csv_gets_its_missing_columns);
    tcase_add_test(tcase, a_diverging_run_says_so);
    tcase_add_test(tcase, values_that_overflow_are_not_saved);
    tcase_add_test(tcase, fewer_epochs_than_were_run_are_refused);
    tcase_add_loop_test(tcase, a_damaged_line_of_a_log_is_not_dropped, 0, 2);
    tcase_add_test(tcase, one_process_at_a_time_trains_a_run);
    tcase_add_test(tcase, a_batch_larger_than_the_data_is_refused);
    tcase_add_test(tcase, runs_without_a_folder_get_free_names);
    suite_add_tcase(suite, tcase);

    TCase *learning = tcase_create("learning");
    tcase_set_timeout(learning, 300);
    tcase_add_checked_fixture(learning, setup, teardown);
    tcase_add_test(learning, training_learns);
    tcase_add_loop_test(learning, a_teacher_teaches, 0, 2);
    tcase_add_test(learning, a_teacher_that_is_not_there_is_refused);
    tcase_add_loop_test(learning, every_quantizer_learns, 0, QUANTIZERS + SN_SCALE_MEAN - 1);
    suite_add_tcase(suite, learning);
    return suite;
}
