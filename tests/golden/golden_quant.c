/* Quantizers and gradient estimators to 1e-6. */
#include "golden.h"

#include "base/option.h"
#include "quant/quant.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double tolerance = 1e-6;

static const struct {
    const char *name;
    double delta_ratio;
    int estimators; /* of those below */
} kinds[] = {{"signed-binary", 0.05, 5},
             {"signed-binary-centered", 0.05, 5},
             {"binary", 0, 5},
             {"ternary", 0.7, 1}};
static const char *const shapes[] = {"16x16x3x3", "7x5x3x3"};

static const sn_quantizer *find_quantizer(const char *name) {
    return sn_quantizer_at(sn_choice_find(sn_quantizer_name, name));
}

static const sn_estimator *find_estimator(const char *name) {
    return sn_estimator_at(sn_choice_find(sn_estimator_name, name));
}

/* A whole weight, quantized filter by filter. */
typedef struct quantized {
    size_t filters, count; /* of a filter */
    sn_region regions[64];
    float *weight;
    uint8_t *mask;
    float scale[64], threshold[64];
} quantized;

static quantized quantize(const char *kind, const golden_array *w, double fraction, double ratio) {
    const sn_quant_options options = {.delta_ratio = ratio, .positive_fraction = fraction};
    ck_assert_int_eq(w->shape.rank, 4);
    quantized q = {.filters = w->shape.size[0], .count = w->count / w->shape.size[0]};
    ck_assert_uint_le(q.filters, 64);
    q.weight = malloc(w->count * sizeof *q.weight);
    q.mask = malloc(w->count);
    for (size_t k = 0; k < q.filters; k++) {
        q.regions[k].sign = sn_region_sign(k, q.filters, fraction);
        find_quantizer(kind)->quantize(&options, w->values + k * q.count, q.count, &q.regions[k],
                                       q.weight + k * q.count, q.mask + k * q.count);
        q.scale[k] = q.regions[k].scale;
        q.threshold[k] = q.regions[k].threshold;
    }
    return q;
}

static void check_forward(const sn_h5 *h5, const char *group, const quantized *q) {
    golden_check_named(h5, group, "wq", q->weight, q->filters * q->count, tolerance);
    golden_check_named(h5, group, "alpha", q->scale, q->filters, tolerance);
    golden_check_named(h5, group, "threshold", q->threshold, q->filters, tolerance);
    for (size_t k = 0; k < q->filters; k++) {
        size_t effectual = 0;
        for (size_t i = 0; i < q->count; i++)
            effectual += q->mask[k * q->count + i];
        ck_assert_uint_eq(effectual, q->regions[k].effectual);
    }
}

static void check_estimator(const sn_h5 *h5, const char *group, const char *name,
                            const golden_array *w, const golden_array *g, const quantized *q) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", group, name);
    const bool is_ede = strncmp(name, "ede", 3) == 0;
    const double progress = golden_attribute(h5, path, "progress");
    if (is_ede) {
        double t, k;
        sn_ede_schedule(0.1, 10, progress, &t, &k);
        ck_assert_double_eq_tol(t, golden_attribute(h5, path, "t"), 1e-9);
        ck_assert_double_eq_tol(k, golden_attribute(h5, path, "k"), 1e-9);
    }
    const sn_quant_options options = {.ede_t_min = 0.1, .ede_t_max = 10};
    float *dw = calloc(w->count, sizeof *dw);
    for (size_t k = 0; k < q->filters; k++)
        find_estimator(is_ede ? "ede" : "ste")
            ->backward(&options, w->values + k * q->count, q->count, &q->regions[k], progress,
                       g->values + k * q->count, dw + k * q->count);
    golden_check_named(h5, path, "dw", dw, w->count, tolerance);
    free(dw);
}

/* Every quantizer with every shape. */
START_TEST(quantizer_matches) {
    static const char *const estimators[] = {"ste", "ede_00", "ede_25", "ede_50", "ede_90"};
    const char *kind = kinds[_i / 2].name, *shape = shapes[_i % 2];
    sn_h5 h5 = golden_open();
    char group[64];
    snprintf(group, sizeof group, "quant/%s/%s", kind, shape);
    golden_array w = golden_read(&h5, group, "w");
    golden_array g = golden_read_count(&h5, group, "g", w.count);
    quantized q = quantize(kind, &w, 0.5, kinds[_i / 2].delta_ratio);
    check_forward(&h5, group, &q);
    for (int i = 0; i < kinds[_i / 2].estimators; i++)
        check_estimator(&h5, group, estimators[i], &w, &g, &q);
    free(q.weight);
    free(q.mask);
    free(w.values);
    free(g.values);
    sn_h5_close(&h5, NULL);
}
END_TEST

START_TEST(fractions_and_ratios_match) {
    static const char *const names[] = {"positive_000_delta_010", "positive_025_delta_010",
                                        "positive_100_delta_010"};
    sn_h5 h5 = golden_open();
    char parent[64], group[128];
    snprintf(parent, sizeof parent, "quant/signed-binary/%s", shapes[_i / 3]);
    snprintf(group, sizeof group, "%s/%s", parent, names[_i % 3]);
    golden_array w = golden_read(&h5, parent, "w");
    quantized q = quantize("signed-binary", &w, golden_attribute(&h5, group, "positive_fraction"),
                           golden_attribute(&h5, group, "delta_ratio"));
    check_forward(&h5, group, &q);
    free(q.weight);
    free(q.mask);
    free(w.values);
    sn_h5_close(&h5, NULL);
}
END_TEST

Suite *golden_quant_suite(void) {
    Suite *suite = suite_create("golden-quant");
    TCase *tcase = tcase_create("quant");
    tcase_add_loop_test(tcase, quantizer_matches, 0, 2 * sizeof kinds / sizeof *kinds);
    tcase_add_loop_test(tcase, fractions_and_ratios_match, 0, 6);
    suite_add_tcase(suite, tcase);
    return suite;
}
