#include "base/memory.h"
#include "cli/plan_times.h"
#include "cli/runner.h"
#include "infer/packer.h"
#include "suites.h"

#include <math.h>

START_TEST(medians) {
    double one[] = {3}, even[] = {4, 1, 3, 2}, odd[] = {9, 1, 5};
    ck_assert_double_eq(sn_median(one, 1), 3);
    ck_assert_double_eq(sn_median(even, 4), 2.5);
    ck_assert_double_eq(sn_median(odd, 3), 5);
}
END_TEST

START_TEST(fastest_form) {
    sn_plan_row row = {.us = 2};
    ck_assert_int_eq(sn_plan_fastest(&row), SN_INFER_FORM_AUTO);
    row.form_us[SN_INFER_FORM_SHARED] = 2;
    row.form_us[SN_INFER_FORM_DENSE] = 3;
    ck_assert_int_eq(sn_plan_fastest(&row), SN_INFER_FORM_SHARED);
    row.form_us[SN_INFER_FORM_COMPLEMENT] = 1;
    ck_assert_int_eq(sn_plan_fastest(&row), SN_INFER_FORM_COMPLEMENT);
}
END_TEST

START_TEST(dense_gain) {
    sn_plan_row row = {.layer = {.form = SN_INFER_FORM_SHARED}, .us = 2};
    ck_assert_double_eq(sn_plan_dense_gain(&row), 0); /* not timed */
    row.form_us[SN_INFER_FORM_DENSE] = 3;
    ck_assert_double_eq(sn_plan_dense_gain(&row), 0);
    row.form_us[SN_INFER_FORM_DENSE] = 1.99; /* by chance */
    ck_assert_double_eq(sn_plan_dense_gain(&row), 0);
    row.form_us[SN_INFER_FORM_DENSE] = 1;
    ck_assert_double_eq(sn_plan_dense_gain(&row), 2);
    row.layer.form = SN_INFER_FORM_DENSE;
    ck_assert_double_eq(sn_plan_dense_gain(&row), 0);
    row.layer.form = SN_INFER_FORM_AUTO; /* fp32 weights */
    ck_assert_double_eq(sn_plan_dense_gain(&row), 0);
}
END_TEST

/* A model of two convolutions: fp32 and signed-binary. */
static void *small_model(size_t *bytes) {
    enum { CHANNELS = 3, FILTERS = 8, TAPS = 9 };
    static float weights[FILTERS * CHANNELS * TAPS];
    static uint8_t mask[FILTERS * FILTERS * TAPS];
    static int8_t sign[FILTERS];
    sn_packer *packer;
    sn_packer_value input, between, output;
    void *packed;
    const sn_packer_conv conv = {
        .filters = FILTERS, .kernel_height = 3, .kernel_width = 3, .stride = 1, .padding = 1};
    const sn_packer_signed_binary bits = {mask, sign, false, 0};
    for (int i = 0; i < FILTERS * CHANNELS * TAPS; i++)
        weights[i] = (float)(i % 5) - 2;
    for (int i = 0; i < FILTERS * FILTERS * TAPS; i++)
        mask[i] = i % 3 == 0;
    for (int i = 0; i < FILTERS; i++)
        sign[i] = i % 2 ? 1 : -1;
    ck_assert_int_eq(sn_packer_create(CHANNELS, 8, 8, &packer, &input, NULL), SN_OK);
    ck_assert_int_eq(sn_packer_add_conv_fp32(packer, input, &conv, weights,
                                             &(sn_packer_epilogue){0}, &between, NULL),
                     SN_OK);
    ck_assert_int_eq(sn_packer_add_conv_signed_binary(packer, between, &conv, &bits,
                                                      &(sn_packer_epilogue){0}, &output, NULL),
                     SN_OK);
    ck_assert_int_eq(sn_packer_finish(packer, output, &packed, bytes, NULL), SN_OK);
    sn_packer_free(packer);
    return packed;
}

START_TEST(contest) {
    size_t bytes;
    void *packed = small_model(&bytes);
    const bool all[SN_INFER_FORM_COUNT] = {false, true, true, true, true}, none[5] = {false};
    const sn_infer_options options = {.form = SN_INFER_FORM_SPARSE, .threads = 2};
    sn_plan_times times;
    ck_assert_int_eq(sn_plan_times_measure(packed, bytes, &options, all, 0.001, &times, NULL),
                     SN_OK);
    ck_assert_int_eq(times.info.layers, 2);
    ck_assert_uint_ge(times.runs, 6);
    for (int i = 0; i < 2; i++)
        ck_assert_double_gt(times.rows[i].us, 0);
    for (int form = SN_INFER_FORM_DENSE; form < SN_INFER_FORM_COUNT; form++) {
        ck_assert_double_eq(times.rows[0].form_us[form], 0); /* no choice */
        ck_assert_double_gt(times.rows[1].form_us[form], 0);
    }
    ck_assert_int_eq(times.rows[1].layer.form, SN_INFER_FORM_SPARSE);
    ck_assert_double_eq(times.rows[1].form_us[SN_INFER_FORM_SPARSE], times.rows[1].us);
    sn_plan_times_free(&times);
    ck_assert_int_eq(sn_plan_times_measure(packed, bytes, &options, none, 0, &times, NULL), SN_OK);
    ck_assert_double_eq(times.rows[1].form_us[SN_INFER_FORM_DENSE], 0);
    sn_plan_times_free(&times);
    sn_free(packed);
}
END_TEST

START_TEST(unknown_isa) {
    size_t bytes;
    void *packed = small_model(&bytes);
    const bool none[SN_INFER_FORM_COUNT] = {false};
    const sn_infer_options options = {.isa = SN_INFER_ISA_COUNT};
    sn_plan_times times;
    sn_infer_costs costs;
    ck_assert_int_eq(sn_plan_times_measure(packed, bytes, &options, none, 0, &times, NULL),
                     SN_ERROR_ARGUMENT);
    sn_plan_times_free(&times);
    ck_assert_int_eq(sn_runner_measure_costs(SN_INFER_ISA_COUNT, &costs, NULL), SN_ERROR_ARGUMENT);
    sn_free(packed);
}
END_TEST

START_TEST(measured_costs) {
    sn_infer_costs costs;
    ck_assert_int_eq(sn_runner_measure_costs(SN_INFER_ISA_PORTABLE, &costs, NULL), SN_OK);
    ck_assert(costs.add > 0 && costs.list > 0 && costs.transition > 0 && costs.multiply > 0 &&
              costs.copy > 0 && costs.miss >= 0 && isfinite(costs.miss));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("plan times");
    TCase *tests = tcase_create("plan times");
    tcase_add_test(tests, medians);
    tcase_add_test(tests, fastest_form);
    tcase_add_test(tests, dense_gain);
    tcase_add_test(tests, contest);
    tcase_add_test(tests, unknown_isa);
    tcase_add_test(tests, measured_costs);
    suite_add_tcase(suite, tests);
    return run_suite(suite, CK_FORK);
}
