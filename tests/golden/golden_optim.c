/* The optimizers: every step of their paths to 1e-5 in float, to 1e-12 in double. */
#include "golden.h"

#include "train/optimizer.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double tolerance = GOLDEN_TOLERANCE(1e-5);

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
    golden_file file = golden_open();
    golden_array w0 = golden_read(&file, group, "w0"), path = golden_read(&file, group, "path");
    golden_array grads = golden_read_count(&file, group, "grads", path.count);
    ck_assert_uint_eq(path.count, path.shape.size[0] * w0.count);
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
    memcpy(w->value, w0.reals, w0.count * sizeof *w0.reals);
    for (size_t step = 0; step < path.shape.size[0]; step++) {
        memcpy(w->gradient, grads.reals + step * w0.count, w0.count * sizeof *w0.reals);
        sn_optimizer_step(optimizer, c->learning_rate);
        golden_check(group, w->value, path.values + step * w0.count, w0.count, tolerance);
    }
    sn_optimizer_free(optimizer);
    sn_parameters_free(parameters);
    golden_free(&w0);
    golden_free(&grads);
    golden_free(&path);
    golden_close(&file);
}
END_TEST

Suite *golden_optim_suite(void) {
    Suite *suite = suite_create("golden-optim");
    TCase *tcase = tcase_create("optim");
    tcase_add_loop_test(tcase, optimizer_follows_the_path, 0, OPTIMIZERS);
    suite_add_tcase(suite, tcase);
    return suite;
}
