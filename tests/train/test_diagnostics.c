/* layers.csv against what the weights say, and warnings. */
#include "train_tests.h"

#include "train/diagnostics.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static char folder[SN_OPTION_TEXT_SIZE];

static void setup(void) {
    make_folder(folder);
}

static void teardown(void) {
    remove_folder(folder);
}

static void write_to(sn_train_config *config, const char *name) {
    char path[SN_RUN_PATH_SIZE];
    ck_assert_int_lt(snprintf(path, sizeof path, "%s/%s", folder, name), SN_OPTION_TEXT_SIZE);
    strcpy(config->out, path);
}

/* The columns of a line from density on, but for those of signs. */
enum { DENSITY, DEAD, FULL, FLIPS, ALPHA, DELTA, SIGMA, NORM, SUPPRESSED, COLUMNS };

static void read_line(const char *text, uint64_t epoch, const char *layer, double *values) {
    char start[128];
    snprintf(start, sizeof start, "\n%llu,%s,ternary,", (unsigned long long)epoch, layer);
    const char *place = strstr(text, start);
    ck_assert_msg(place != NULL, "no line %s", start);
    place += strlen(start);
    for (int i = 0; i < COLUMNS; i++) {
        char *end;
        values[i] = strtod(place, &end);
        ck_assert_msg(*end == ',', "%.80s", place);
        place = end + 1;
    }
    ck_assert_int_eq(strncmp(place, ",\n", 2), 0); /* ternary filters have no signs */
}

/* TWN in plain double: which of -1, 0, 1 each weight is, and the threshold. */
static double plain_levels(const float *latent, size_t count, int *levels) {
    double mean = 0;
    for (size_t i = 0; i < count; i++)
        mean += fabs((double)latent[i]) / (double)count;
    for (size_t i = 0; i < count; i++)
        levels[i] = fabs((double)latent[i]) <= 0.7 * mean ? 0 : latent[i] > 0 ? 1 : -1;
    return 0.7 * mean;
}

static void check_layer(const sn_parameter *now, const sn_parameter *before, const double *have) {
    const size_t filters = now->shape.size[0], count = now->count / filters;
    int *levels = calloc(count, sizeof *levels), *old = calloc(count, sizeof *old);
    double effectual = 0, dead = 0, full = 0, flips = 0, alpha = 0, delta = 0;
    for (size_t k = 0; k < filters; k++) {
        const float *latent = now->value + k * count;
        double own = 0, total = 0;
        delta += plain_levels(latent, count, levels) / (double)filters;
        plain_levels(before->value + k * count, count, old);
        for (size_t i = 0; i < count; i++) {
            own += levels[i] != 0;
            total += levels[i] ? fabs((double)latent[i]) : 0;
            flips += levels[i] != old[i];
        }
        alpha += total / own / (double)filters;
        dead += own == 0;
        full += own == (double)count;
        effectual += own;
    }
    double mean = 0, squares = 0;
    for (size_t i = 0; i < now->count; i++)
        mean += (double)now->value[i] / (double)now->count;
    for (size_t i = 0; i < now->count; i++)
        squares += pow((double)now->value[i] - mean, 2) / (double)now->count;
    const double all = (double)now->count;
    ck_assert_double_eq_tol(have[DENSITY], effectual / all, 1e-8);
    ck_assert_double_eq(have[DEAD], dead);
    ck_assert_double_eq(have[FULL], full);
    ck_assert_double_eq_tol(have[FLIPS], flips / all, 1e-8);
    ck_assert_double_gt(flips, 0);
    ck_assert_double_eq_tol(have[ALPHA], alpha, 1e-6 * alpha);
    ck_assert_double_eq_tol(have[DELTA], delta, 1e-6 * delta);
    ck_assert_double_eq_tol(have[SIGMA], sqrt(squares), 1e-6 * sqrt(squares));
    free(levels);
    free(old);
}

START_TEST(lines_say_what_the_weights_are) {
    sn_train_config config;
    test_run run, fresh;
    sn_error error;
    configure(&config, "epochs", "1", "quant", "ternary", NULL);
    write_to(&config, "run");
    must_run(&config, 0, &run);
    /* Another run of the seed that takes no step has the initial weights. */
    write_to(&config, "fresh");
    fresh = (test_run){0};
    ck_assert_int_eq(sn_trainer_create(&config, run.train, run.test, NULL, &fresh.trainer, &error),
                     SN_OK);
    char *text = read_text(folder, "run/layers.csv");
    size_t lines = 0;
    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    ck_assert_uint_eq(lines, 1 + 18); /* a heading, and the convolutions in the blocks */
    ck_assert_int_eq(strncmp(text, "epoch,layer,quant,density,", 26), 0);
    static const char *const layers[] = {"layer1.0.conv1", "layer2.0.conv1", "layer3.2.conv2"};
    for (int i = 0; i < 3; i++) {
        char name[128];
        double values[COLUMNS];
        snprintf(name, sizeof name, "%s.weight", layers[i]);
        const sn_parameter *now = sn_parameters_find(sn_trainer_parameters(run.trainer), name);
        read_line(text, 1, layers[i], values);
        check_layer(now, sn_parameters_find(sn_trainer_parameters(fresh.trainer), name), values);
        double norm = 0; /* the last step's gradient is still there */
        for (size_t j = 0; j < now->count; j++)
            norm += (double)now->gradient[j] * (double)now->gradient[j];
        ck_assert_double_eq_tol(values[NORM], sqrt(norm), 1e-6 * sqrt(norm));
        ck_assert_double_gt(norm, 0);
        ck_assert(values[SUPPRESSED] >= 0 && values[SUPPRESSED] < 0.5); /* few exceed 1 so far */
    }
    ck_assert_uint_eq(run.warnings, 0);
    free(text);
    sn_trainer_free(fresh.trainer);
    end_training(&run);
}
END_TEST

/* With a threshold near the largest weight hardly any is effectual. */
START_TEST(a_collapsing_layer_is_reported_once) {
    sn_train_config config;
    test_run run;
    configure(&config, "epochs", "1", "delta-ratio", "0.999", "lr", "1e-6", NULL);
    write_to(&config, "run");
    must_run(&config, 0, &run);
    ck_assert_uint_ge(run.warnings, 9);
    ck_assert_uint_le(run.warnings, 18);
    ck_assert_ptr_nonnull(strstr(run.warning, "layer3.2.conv2: density"));
    ck_assert_ptr_nonnull(strstr(run.warning, "dead filters"));
    end_training(&run);
    write_to(&config, "longer");
    config.epochs = 3;
    const size_t first = run.warnings;
    must_run(&config, 0, &run);
    ck_assert_uint_eq(run.warnings, first); /* not for every epoch again */
    end_training(&run);
}
END_TEST

START_TEST(full_layers_are_no_collapse_where_weights_are_never_zero) {
    static const char *const names[] = {"binary", "biper", "denseshift"};
    sn_train_config config;
    test_run run;
    configure(&config, "epochs", "1", "quant", names[_i], NULL);
    write_to(&config, "run");
    must_run(&config, 0, &run);
    ck_assert_uint_eq(run.warnings, 0);
    end_training(&run);
}
END_TEST

/* Signs turned by hand: each is counted, but for that of a region without effectual weights, and
 * the line tells. */
START_TEST(turned_signs_are_counted) {
    sn_train_config config;
    sn_trainer *trainer;
    sn_dataset *train, *test;
    sn_diagnostics *diagnostics;
    configure(&config, "signs", "learned", "region", "3", NULL);
    must_open_images(&config, &train, &test);
    ck_assert_int_eq(sn_trainer_create(&config, train, test, NULL, &trainer, NULL), SN_OK);
    ck_assert_int_eq(
        sn_diagnostics_create(&sn_trainer_training(trainer)->layers, &diagnostics, NULL), SN_OK);
    const sn_parameters *parameters = sn_trainer_parameters(trainer);
    const sn_parameter *signs = sn_parameters_find(parameters, "layer1.0.conv1.weight_sign");
    const sn_parameter *latent = sn_parameters_find(parameters, "layer1.0.conv1.weight");
    ck_assert_uint_eq(signs->count, 8); /* 4 filters of 4 channels: 3 and 1 */
    for (size_t i = 0; i < 36; i++)     /* filter 0 */
        latent->value[i] = i < 27 ? -signs->value[0] * 0.1F : latent->value[i];
    sn_diagnostics_mark(diagnostics);
    double positive = 0;
    for (size_t i = 0; i < 8; i++) {
        signs->value[i] *= i == 0 || i == 3 || i == 4 ? -1 : 1;
        positive += signs->value[i] > 0;
    }
    sn_diagnostics_measure(diagnostics, 0);
    const sn_layer_report *report = sn_diagnostics_at(diagnostics, 0);
    char line[SN_DIAGNOSTICS_LINE_SIZE], end[64];
    ck_assert_uint_eq(report->regions, 8);
    ck_assert_uint_eq(report->turned, 2);
    ck_assert_double_eq(report->positive, positive / 8);
    ck_assert_uint_eq(sn_diagnostics_at(diagnostics, 1)->turned, 0);
    sn_diagnostics_line(report, 1, line);
    snprintf(end, sizeof end, ",%.9g,2", positive / 8);
    ck_assert_str_eq(line + strlen(line) - strlen(end), end);
    sn_diagnostics_free(diagnostics);
    sn_trainer_free(trainer);
    sn_dataset_free(train);
    sn_dataset_free(test);
}
END_TEST

START_TEST(a_network_in_full_precision_has_a_heading_only) {
    sn_train_config config;
    test_run run;
    configure(&config, "epochs", "1", "quant", "fp32", NULL);
    write_to(&config, "run");
    must_run(&config, 0, &run);
    char *text = read_text(folder, "run/layers.csv");
    ck_assert_int_eq(strncmp(text, sn_diagnostics_heading, strlen(text) - 1), 0);
    free(text);
    end_training(&run);
}
END_TEST

Suite *diagnostics_suite(void) {
    Suite *suite = suite_create("diagnostics");
    TCase *tcase = tcase_create("diagnostics");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, lines_say_what_the_weights_are);
    tcase_add_test(tcase, a_collapsing_layer_is_reported_once);
    tcase_add_loop_test(tcase, full_layers_are_no_collapse_where_weights_are_never_zero, 0, 3);
    tcase_add_test(tcase, turned_signs_are_counted);
    tcase_add_test(tcase, a_network_in_full_precision_has_a_heading_only);
    suite_add_tcase(suite, tcase);
    return suite;
}
