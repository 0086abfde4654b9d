/* Quantizers and gradient estimators to 1e-6 in float (the sine to 5e-5), to 1e-12 in double. */
#include "golden.h"

#include "base/option.h"
#include "quant/quant.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double tolerance = GOLDEN_TOLERANCE(1e-6);

/* Latent weights are below 2, so that the phase 20 W is below 40, and two roundings make it wrong
 * by 40 * 2^-23 = 5e-6 at most; of what is allowed a tenth is relative to the largest value. */
static const double sine_tolerance = GOLDEN_TOLERANCE(5e-5);

enum { MAX_FILTERS = 64, MAX_ESTIMATORS = 6 };

#define ONE_STEP "ste", "ede_00", "ede_25", "ede_50", "ede_90", "standardized_50"

static const struct {
    const char *name;
    const char *estimators[MAX_ESTIMATORS]; /* groups of the file */
} kinds[] = {{"signed-binary", {ONE_STEP}}, {"signed-binary-centered", {ONE_STEP}},
             {"binary", {ONE_STEP}},        {"ternary", {"ste"}},
             {"ternary-b158", {"ste"}},     {"ternary-b158-median", {"ste"}},
             {"biper", {"sine"}},           {"denseshift", {"ste"}}};
static const char *const shapes[] = {"4x16x3x3", "7x5x3x3"};

enum { KINDS = sizeof kinds / sizeof *kinds, SHAPES = sizeof shapes / sizeof *shapes };

static const sn_quantizer *find_quantizer(const char *name) {
    return sn_quantizer_at(sn_choice_find(sn_quantizer_name, name));
}

/* By the name of a group. */
static const sn_estimator *find_estimator(const char *group) {
    const char *name = group;
    if (strncmp(group, "ede", 3) == 0)
        name = "ede";
    if (strncmp(group, "standardized", 12) == 0)
        name = "ede-standardized";
    return sn_estimator_at(sn_choice_find(sn_estimator_name, name));
}

/* A whole weight, quantized filter by filter. */
typedef struct quantized {
    size_t filters, count; /* of a filter */
    sn_region regions[MAX_FILTERS];
    sn_real *weight;
    uint8_t *mask;
    sn_real scale[MAX_FILTERS], threshold[MAX_FILTERS];
} quantized;

static quantized quantize(const char *kind, const golden_array *w, double fraction, double ratio) {
    const sn_quant_options options = {.delta_ratio = ratio, .positive_fraction = fraction};
    ck_assert_int_eq(w->shape.rank, 4);
    quantized q = {.filters = w->shape.size[0], .count = w->count / w->shape.size[0]};
    ck_assert_uint_le(q.filters, MAX_FILTERS);
    q.weight = malloc(w->count * sizeof *q.weight);
    q.mask = malloc(w->count);
    ck_assert(q.weight && q.mask);
    for (size_t k = 0; k < q.filters; k++) {
        q.regions[k].sign = sn_region_sign(k, q.filters, fraction);
        find_quantizer(kind)->quantize(&options, w->reals + k * q.count, q.count, &q.regions[k],
                                       q.weight + k * q.count, q.mask + k * q.count);
        q.scale[k] = q.regions[k].scale;
        q.threshold[k] = q.regions[k].threshold;
    }
    return q;
}

static void check_forward(const golden_file *file, const char *group, const quantized *q) {
    golden_check_named(file, group, "wq", q->weight, q->filters * q->count, tolerance);
    golden_check_named(file, group, "alpha", q->scale, q->filters, tolerance);
    golden_check_named(file, group, "threshold", q->threshold, q->filters, tolerance);
    for (size_t k = 0; k < q->filters; k++) {
        size_t effectual = 0;
        for (size_t i = 0; i < q->count; i++)
            effectual += q->mask[k * q->count + i];
        ck_assert_uint_eq(effectual, q->regions[k].effectual);
    }
}

static void check_estimator(const golden_file *file, const char *group, const char *name,
                            const golden_array *w, const golden_array *g, const quantized *q) {
    char path[GOLDEN_NAME_SIZE];
    snprintf(path, sizeof path, "%s/%s", group, name);
    const double progress = golden_attribute(file, path, "progress");
    double t, k;
    sn_ede_schedule(0.1, 10, progress, &t, &k);
    ck_assert_double_eq_tol(t, golden_attribute(file, path, "t"), 1e-13);
    ck_assert_double_eq_tol(k, golden_attribute(file, path, "k"), 1e-13);
    const sn_quant_options options = {.ede_t_min = 0.1, .ede_t_max = 10};
    sn_real *dw = calloc(w->count, sizeof *dw);
    ck_assert_ptr_nonnull(dw);
    for (size_t f = 0; f < q->filters; f++)
        find_estimator(name)->backward(&options, w->reals + f * q->count, q->count, &q->regions[f],
                                       progress, g->reals + f * q->count, dw + f * q->count);
    golden_check_named(file, path, "dw", dw, w->count,
                       strcmp(name, "sine") == 0 ? sine_tolerance : tolerance);
    free(dw);
}

/* Every quantizer with every shape. */
START_TEST(quantizer_matches) {
    const char *kind = kinds[_i / SHAPES].name;
    golden_file file = golden_open();
    char shape[64], group[128];
    snprintf(shape, sizeof shape, "quant/%s", shapes[_i % SHAPES]);
    snprintf(group, sizeof group, "%s/%s", shape, kind);
    golden_array w = golden_read(&file, shape, "w");
    golden_array g = golden_read_count(&file, shape, "g", w.count);
    quantized q = quantize(kind, &w, 0.5, find_quantizer(kind)->delta_ratio);
    check_forward(&file, group, &q);
    for (int i = 0; i < MAX_ESTIMATORS && kinds[_i / SHAPES].estimators[i]; i++)
        check_estimator(&file, group, kinds[_i / SHAPES].estimators[i], &w, &g, &q);
    free(q.weight);
    free(q.mask);
    golden_free(&w);
    golden_free(&g);
    golden_close(&file);
}
END_TEST

START_TEST(fractions_and_ratios_match) {
    static const char *const names[] = {"positive_000_delta_010", "positive_025_delta_010",
                                        "positive_100_delta_010"};
    golden_file file = golden_open();
    char shape[64], group[128];
    snprintf(shape, sizeof shape, "quant/%s", shapes[_i / 3]);
    snprintf(group, sizeof group, "%s/signed-binary/%s", shape, names[_i % 3]);
    golden_array w = golden_read(&file, shape, "w");
    quantized q = quantize("signed-binary", &w, golden_attribute(&file, group, "positive_fraction"),
                           golden_attribute(&file, group, "delta_ratio"));
    check_forward(&file, group, &q);
    free(q.weight);
    free(q.mask);
    golden_free(&w);
    golden_close(&file);
}
END_TEST

Suite *golden_quant_suite(void) {
    Suite *suite = suite_create("golden-quant");
    TCase *tcase = tcase_create("quant");
    tcase_add_loop_test(tcase, quantizer_matches, 0, KINDS * SHAPES);
    tcase_add_loop_test(tcase, fractions_and_ratios_match, 0, 3 * SHAPES);
    suite_add_tcase(suite, tcase);
    return suite;
}
