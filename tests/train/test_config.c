/* Schedules, and the configuration as JSON. */
#include "train_tests.h"

#include <check.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

static const double pi = 3.14159265358979323846;

START_TEST(schedules_follow_their_formulas) {
    const uint64_t per_epoch = 10, epochs = 8;
    for (uint64_t step = 0; step < per_epoch * epochs; step++) {
        const double share = (double)step / 80;
        const double expected[] = {
            [SN_SCHEDULE_COSINE] = 0.2 * 0.5 * (1 + cos(pi * share)),
            [SN_SCHEDULE_LINEAR] = 0.2 * (1 - share),
            [SN_SCHEDULE_STEP] = 0.2 * (step < 40   ? 1
                                        : step < 60 ? 0.1
                                                    : 0.01),
            [SN_SCHEDULE_CONSTANT] = 0.2,
        };
        for (int kind = 0; sn_schedule_name(kind); kind++) {
            sn_schedule_options options = {
                .kind = kind, .learning_rate = 0.2, .warmup = 1.5, .step_factor = 0.1};
            const double rate = sn_schedule_rate(&options, step, per_epoch, epochs);
            const double warm = 0.2 * (double)(step + 1) / 15;
            ck_assert_double_eq_tol(rate, step < 15 ? warm : expected[kind], 1e-12);
        }
    }
}
END_TEST

START_TEST(step_schedule_can_drop_every_few_epochs) {
    const sn_schedule_options options = {
        .kind = SN_SCHEDULE_STEP, .learning_rate = 1, .step_factor = 0.5, .step_epochs = 3};
    for (uint64_t epoch = 0; epoch < 10; epoch++)
        ck_assert_double_eq_tol(sn_schedule_rate(&options, epoch * 7 + 6, 7, 10),
                                pow(0.5, (double)(epoch / 3)), 1e-12);
}
END_TEST

static const sn_input_info input = {.classes = 10,
                                    .channels = 3,
                                    .height = 32,
                                    .width = 32,
                                    .statistics = {{0.1F, 0.2F, 0.3F}, {0.4F, 0.5F, 0.6F}},
                                    .train_images = 40000,
                                    .test_images = 5000,
                                    .smallest_images = 12,
                                    .largest_images = 9000,
                                    .smallest_class = 9,
                                    .largest_class = 3};

START_TEST(json_keeps_every_option) {
    sn_train_config config, read;
    sn_input_info input_read;
    sn_error error;
    configure(&config, "quant", "signed-binary-centered", "act", "int8", "delta-ratio",
              "0.123456789012345", "seed", "9007199254740991", "lr", "0.3", "plain-momentum",
              "true", "data-dir", "a \"quoted\" folder", "schedule", "step", "layer",
              "conv1=binary", "layer", "layer1.*=ternary,delta=0.5", "valid", "0.1", "augment",
              "crop+flip+cutout", "cutout", "9", "clip-grad", "2.5", "init", "a b.h5", NULL);
    ck_assert_str_eq(config.layers, "conv1=binary layer1.*=ternary,delta=0.5");
    char *text;
    ck_assert_int_eq(sn_config_to_json(&config, &input, &text, NULL), SN_OK);
    if (sn_config_from_json(text, "test", &read, &input_read, &error) != SN_OK)
        ck_abort_msg("%s", error.message);
    size_t count;
    const sn_option *table = sn_config_table(&count);
    for (size_t i = 0; i < count; i++) {
        char before[SN_OPTION_TEXT_SIZE], after[SN_OPTION_TEXT_SIZE];
        sn_option_format(&table[i], &config, before);
        sn_option_format(&table[i], &read, after);
        ck_assert_str_eq(before, after);
    }
    ck_assert_mem_eq(&input, &input_read, sizeof input);
    ck_assert(!read.optimizer.nesterov);
    free(text);
}
END_TEST

static void check_refused(const char *text, const char *part) {
    sn_train_config config;
    sn_input_info input_read;
    sn_error error;
    ck_assert_int_eq(sn_config_from_json(text, "x.h5", &config, &input_read, &error),
                     SN_ERROR_DATA);
    ck_assert_msg(strstr(error.message, part) && strstr(error.message, "x.h5"), "%s",
                  error.message);
}

/* The JSON of a good configuration with the first `from` replaced. */
static char *with_change(const char *from, const char *to) {
    sn_train_config config;
    configure(&config, NULL);
    char *text;
    ck_assert_int_eq(sn_config_to_json(&config, &input, &text, NULL), SN_OK);
    const char *place = strstr(text, from);
    ck_assert_msg(place != NULL, "no %s", from);
    char *changed = calloc(1, strlen(text) + strlen(to) + 1);
    memcpy(changed, text, (size_t)(place - text));
    strcat(changed, to);
    strcat(changed, place + strlen(from));
    free(text);
    return changed;
}

START_TEST(damaged_json_is_refused) {
    static const char *const changes[][3] = {
        {"\"resnet20\"", "\"resnet21\"", "arch"},
        {"\"epochs\"", "\"epoch\"", "unknown option 'epoch'"},
        {"\"batch\": 20", "\"batch\": -1", "batch"},
        {"\"batch\": 20", "\"batch\": null", "batch"},
        {"\"classes\": 10", "\"classes\": 0", "input"},
        {"\"std\"", "\"variance\"", "statistics"},
        {"configuration 1", "configuration 9", "format"},
        {"{", "{{", "no JSON"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        char *text = with_change(changes[i][0], changes[i][1]);
        check_refused(text, changes[i][2]);
        free(text);
    }
    check_refused("[]", "format");
}
END_TEST

/* As when a checkpoint is older than an option. */
START_TEST(an_absent_option_has_its_default) {
    sn_train_config config;
    sn_input_info input_read;
    char *text = with_change("\"batch\": 20,", "");
    ck_assert_int_eq(sn_config_from_json(text, "test", &config, &input_read, NULL), SN_OK);
    ck_assert_uint_eq(config.batch, 128);
    free(text);
}
END_TEST

/* Before there was --center, signed-binary was as published, and so its rules were. */
START_TEST(signed_binary_without_a_centring_is_as_published) {
    sn_train_config config;
    sn_input_info input_read;
    sn_error error;
    static const struct {
        const char *quant, *rules, *center, *rules_now;
    } cases[] = {
        {"signed-binary",
         "conv1=binary layer1.*=signed-binary layer2.*=signed-binary,delta=0.5 "
         "layer3.*=signed-binary-centered",
         "none",
         "conv1=binary layer1.*=signed-binary,center=none "
         "layer2.*=signed-binary,delta=0.5,center=none layer3.*=signed-binary-centered"},
        {"signed-binary-centered", "layer1.*=signed-binary", "weights",
         "layer1.*=signed-binary,center=none"},
        {"binary", "", "none", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char json[1024];
        snprintf(json, sizeof json,
                 "{\"format\": \"signet configuration 1\", \"options\": {\"quant\": \"%s\", "
                 "\"layer\": \"%s\"}, \"input\": {\"classes\": 10, \"channels\": 1, "
                 "\"height\": 8, \"width\": 8, \"mean\": [0], \"std\": [1]}}",
                 cases[i].quant, cases[i].rules);
        if (sn_config_from_json(json, "test", &config, &input_read, &error) != SN_OK)
            ck_abort_msg("%s", error.message);
        ck_assert_str_eq(sn_quantizer_name(config.quant.quantizer), cases[i].quant);
        ck_assert_str_eq(sn_center_name(config.quant.center), cases[i].center);
        ck_assert_str_eq(config.layers, cases[i].rules_now);
    }
}
END_TEST

/* As when a checkpoint is older than --augment and --crop-padding. */
START_TEST(older_configurations_augment_as_they_did) {
    sn_train_config config;
    sn_input_info input_read;
    for (int off = 0; off < 2; off++) {
        char text[512];
        snprintf(text, sizeof text,
                 "{\"format\": \"signet configuration 1\", \"options\": {\"no-augment\": %s}, "
                 "\"input\": {\"classes\": 2, \"channels\": 1, \"height\": 64, \"width\": 64, "
                 "\"mean\": [0.5], \"std\": [0.5]}}",
                 off ? "true" : "false");
        ck_assert_int_eq(sn_config_from_json(text, "test", &config, &input_read, NULL), SN_OK);
        ck_assert_uint_eq(config.crop_padding, 4); /* whatever the size */
        ck_assert_int_eq(config.augment, off ? SN_AUGMENT_NONE : SN_AUGMENT_CROP_FLIP);
        ck_assert_int_eq(config.no_augment, off);
    }
    configure(&config, NULL);
    ck_assert_uint_eq(config.crop_padding, 0); /* automatic */
    configure(&config, "no-augment", "true", NULL);
    ck_assert_int_eq(config.augment, SN_AUGMENT_NONE);
    configure(&config, "augment", "none", NULL);
    ck_assert(config.no_augment);
}
END_TEST

START_TEST(text_that_json_cannot_hold_is_refused) {
    sn_train_config config;
    sn_error error;
    char *text;
    configure(&config, "data-dir", "caf\xe9", NULL);
    ck_assert_int_eq(sn_config_to_json(&config, &input, &text, &error), SN_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(error.message, "--data-dir"));
}
END_TEST

START_TEST(evaluation_counts_ranks_and_refuses_nan) {
    const float logits[4][6] = {{3, 2, 1, 0, -1, -2},
                                {3, 3, 1, 0, -1, -2}, /* equal ones: the lower class wins */
                                {3, 2, 1, 0, -1, -2},
                                {NAN, NAN, NAN, NAN, NAN, NAN}};
    const int labels[4] = {0, 1, 5, 0};
    sn_evaluation evaluation = {0};
    for (int i = 0; i < 4; i++) {
        sn_evaluation_add(&evaluation, logits[i], 6, labels[i]);
        ck_assert_uint_eq(evaluation.first, 1);
        ck_assert_uint_eq(evaluation.first_five, i == 0 ? 1 : 2);
        ck_assert(isfinite(evaluation.loss_sum) == (i < 3));
    }
    sn_evaluation_finish(&evaluation);
    ck_assert_double_eq(evaluation.top1, 25);
    ck_assert_double_eq(evaluation.top5, 50);
    ck_assert(!isfinite(evaluation.loss));
}
END_TEST

START_TEST(automatic_values_are_resolved) {
    sn_train_config config;
    configure(&config, "optimizer", "adamw", "weight-decay", "0.05", "threads", "0", NULL);
    ck_assert_double_eq(config.schedule.learning_rate, 0.002);
    ck_assert_double_eq(config.optimizer.decay_latent, 0.05);
    ck_assert_uint_ge(config.threads, 1);
    ck_assert(config.optimizer.nesterov);
}
END_TEST

/* The value of an option had it not been given, as text. */
static void expect_default(const sn_train_config *config, const char *name, const char *value) {
    size_t count;
    const sn_option *table = sn_config_table(&count), *option = sn_option_find(table, count, name);
    sn_train_config other;
    char text[SN_OPTION_TEXT_SIZE];
    sn_config_default(config, (size_t)(option - table), &other);
    sn_option_format(option, &other, text);
    ck_assert_str_eq(text, value);
}

/* Defaults depend on the other options. */
START_TEST(defaults_go_with_the_other_options) {
    sn_train_config config;
    configure(&config, "optimizer", "adam", "lr", "0.5", "quant", "ternary", "delta-ratio", "0.3",
              "weight-decay", "0.01", "layer", "conv1=binary", "no-augment", "true", NULL);
    expect_default(&config, "lr", "0.002");
    expect_default(&config, "optimizer", "sgd");
    expect_default(&config, "delta-ratio", "0.7");
    expect_default(&config, "weight-decay-latent", "0.01");
    expect_default(&config, "layer", "");
    expect_default(&config, "augment", "crop+flip");
    expect_default(&config, "quant", "signed-binary");
    ck_assert_double_eq(config.schedule.learning_rate, 0.5);
}
END_TEST

static size_t index_of(const char *name) {
    size_t count;
    const sn_option *table = sn_config_table(&count);
    return (size_t)(sn_option_find(table, count, name) - table);
}

START_TEST(json_says_what_was_given) {
    sn_train_config config, read;
    sn_input_info input_read;
    sn_error error;
    char *text;
    configure(&config, "quant", "ternary", "lr", "0.1", NULL);
    config.given[index_of("quant")] = config.given[index_of("lr")] = true;
    ck_assert_int_eq(sn_config_to_json(&config, &input, &text, NULL), SN_OK);
    ck_assert_ptr_nonnull(strstr(text, "\"given\": [\n    \"quant\",\n    \"lr\"\n  ]"));
    const char *defaults = strstr(text, "\"defaults\": {");
    ck_assert_ptr_nonnull(defaults);
    ck_assert_ptr_nonnull(strstr(defaults, "\"quant\": \"signed-binary\""));
    if (sn_config_from_json(text, "test", &read, &input_read, &error) != SN_OK)
        ck_abort_msg("%s", error.message);
    ck_assert_int_eq(memcmp(read.given, config.given, sizeof read.given), 0);
    /* Another name there is a mistake. */
    char *name = strstr(strstr(text, "\"given\""), "quant");
    memcpy(name, "quark", 5);
    ck_assert_int_eq(sn_config_from_json(text, "x.h5", &read, &input_read, &error), SN_ERROR_DATA);
    ck_assert_ptr_nonnull(strstr(error.message, "'quark'"));
    free(text);
}
END_TEST

/* Older configurations do not say it: it is what differs. */
/* A thread for each processor is the default of this machine, and not of another one. */
START_TEST(the_command_has_what_was_given) {
    char command[1000], expected[100];
    sn_train_config config;
    configure(&config, "threads", "0", "no-augment", "true", "out", "a b", NULL);
    ck_assert(sn_config_command(&config, command, sizeof command));
    ck_assert_str_eq(command, "./train --out 'a b'");
    config.given[index_of("threads")] = config.given[index_of("no-augment")] = true;
    ck_assert(sn_config_command(&config, command, sizeof command));
    snprintf(expected, sizeof expected, "./train --no-augment --threads %d --out 'a b'",
             omp_get_num_procs());
    ck_assert_str_eq(command, expected);
    ck_assert(!sn_config_command(&config, command, strlen(expected)));
}
END_TEST

START_TEST(older_configurations_were_given_what_differs) {
    static const char json[] =
        "{\"format\": \"signet configuration 1\", \"options\": {\"quant\": \"ternary\", "
        "\"lr\": 0.1, \"batch\": 64}, \"input\": {\"classes\": 10, \"channels\": 1, "
        "\"height\": 8, \"width\": 8, \"mean\": [0.5], \"std\": [0.5]}}";
    sn_train_config config;
    sn_input_info input_read;
    ck_assert_int_eq(sn_config_from_json(json, "test", &config, &input_read, NULL), SN_OK);
    ck_assert(config.given[index_of("quant")]);
    ck_assert(config.given[index_of("batch")]);
    ck_assert(!config.given[index_of("lr")]);
    ck_assert(!config.given[index_of("crop-padding")]); /* was no option, but always 4 */
    ck_assert_uint_eq(config.crop_padding, 4);
    ck_assert(!config.given[index_of("dataset")]);
}
END_TEST

Suite *config_suite(void) {
    Suite *suite = suite_create("config");
    TCase *tcase = tcase_create("config");
    tcase_add_test(tcase, schedules_follow_their_formulas);
    tcase_add_test(tcase, step_schedule_can_drop_every_few_epochs);
    tcase_add_test(tcase, json_keeps_every_option);
    tcase_add_test(tcase, damaged_json_is_refused);
    tcase_add_test(tcase, an_absent_option_has_its_default);
    tcase_add_test(tcase, signed_binary_without_a_centring_is_as_published);
    tcase_add_test(tcase, older_configurations_augment_as_they_did);
    tcase_add_test(tcase, defaults_go_with_the_other_options);
    tcase_add_test(tcase, json_says_what_was_given);
    tcase_add_test(tcase, the_command_has_what_was_given);
    tcase_add_test(tcase, older_configurations_were_given_what_differs);
    tcase_add_test(tcase, text_that_json_cannot_hold_is_refused);
    tcase_add_test(tcase, evaluation_counts_ranks_and_refuses_nan);
    tcase_add_test(tcase, automatic_values_are_resolved);
    suite_add_tcase(suite, tcase);
    return suite;
}
