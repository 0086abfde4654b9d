#define _POSIX_C_SOURCE 200809L
#include "cli/pace.h"
#include "suites.h"

#include <stdlib.h>
#include <string.h>

START_TEST(the_rate_is_that_of_steps_within_an_epoch) {
    sn_pace pace;
    sn_pace_start(&pace, 300);
    ck_assert_double_eq(sn_pace_rate(&pace), 0);
    ck_assert_double_eq(sn_pace_seconds(&pace, 1000, 1), 0);
    sn_pace_step(&pace, 100, 50); /* the first waited for this and that */
    ck_assert_double_eq(sn_pace_rate(&pace), 0);
    sn_pace_step(&pace, 200, 52);
    sn_pace_step(&pace, 300, 54);
    ck_assert_double_eq_tol(sn_pace_rate(&pace), 50, 1e-9);
    sn_pace_evaluating(&pace, 54);
    sn_pace_evaluated(&pace, 60);
    sn_pace_step(&pace, 100, 90);
    ck_assert_double_eq_tol(sn_pace_rate(&pace), 50, 1e-9);
    sn_pace_step(&pace, 200, 91); /* 300 images in 5 seconds */
    ck_assert_double_eq_tol(sn_pace_rate(&pace), 60, 1e-9);
    ck_assert_uint_eq(pace.steps, 5);
}
END_TEST

START_TEST(epochs_of_one_step_have_a_rate) {
    sn_pace pace;
    sn_pace_start(&pace, 300);
    sn_pace_step(&pace, 100, 50);
    sn_pace_evaluating(&pace, 50);
    sn_pace_evaluated(&pace, 51);
    ck_assert_double_eq(sn_pace_rate(&pace), 0);
    sn_pace_step(&pace, 100, 53);
    ck_assert_double_eq_tol(sn_pace_rate(&pace), 50, 1e-9);
    ck_assert_double_eq_tol(sn_pace_seconds(&pace, 1000, 2), 20 + 2 * 1, 1e-9);
}
END_TEST

START_TEST(evaluations_are_estimated_and_then_measured) {
    sn_pace pace;
    sn_pace_start(&pace, 300);
    sn_pace_step(&pace, 100, 0);
    sn_pace_step(&pace, 200, 2);
    /* 1000 images at 50 a second; 300 images take as long as 100 in training */
    ck_assert_double_eq_tol(sn_pace_seconds(&pace, 1000, 0), 20, 1e-9);
    ck_assert_double_eq_tol(sn_pace_seconds(&pace, 1000, 4), 20 + 4 * 2, 1e-9);
    sn_pace_evaluating(&pace, 2);
    sn_pace_evaluated(&pace, 9);
    ck_assert_double_eq_tol(sn_pace_seconds(&pace, 1000, 4), 20 + 4 * 7, 1e-9);
    sn_pace_evaluating(&pace, 10);
    sn_pace_evaluated(&pace, 11);
    ck_assert_double_eq_tol(sn_pace_seconds(&pace, 0, 4), 4, 1e-9);
}
END_TEST

START_TEST(durations_are_as_people_say_them) {
    static const struct {
        double seconds;
        const char *text;
    } cases[] = {{0.4, "0 s"},         {35, "35 s"},         {59.6, "1 min 00 s"},
                 {250, "4 min 10 s"},  {725, "12 min"},      {3569, "59 min"},
                 {3570, "1 h 00 min"}, {7500, "2 h 05 min"}, {172799, "48 h 00 min"},
                 {172800, "2 d 00 h"}, {273600, "3 d 04 h"}, {1e300, "41666 d 16 h"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[32];
        sn_pace_duration(cases[i].seconds, text, sizeof text);
        ck_assert_str_eq(text, cases[i].text);
    }
}
END_TEST

START_TEST(other_days_are_named) {
    char text[32];
    ck_assert_int_eq(setenv("TZ", "UTC0", 1), 0);
    const time_t noon = 1798545600; /* Tue 29 Dec 2026 12:00 UTC */
    sn_pace_clock(noon + 9000, noon, text, sizeof text);
    ck_assert_str_eq(text, "14:30");
    sn_pace_clock(noon + 86400, noon, text, sizeof text);
    ck_assert_str_eq(text, "Wed 30 Dec 12:00");
    sn_pace_clock(noon + (time_t)366 * 86400, noon, text, sizeof text);
    ck_assert_str_eq(text, "Thu 30 Dec 12:00");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("pace");
    TCase *tests = tcase_create("pace");
    tcase_add_test(tests, the_rate_is_that_of_steps_within_an_epoch);
    tcase_add_test(tests, epochs_of_one_step_have_a_rate);
    tcase_add_test(tests, evaluations_are_estimated_and_then_measured);
    tcase_add_test(tests, durations_are_as_people_say_them);
    tcase_add_test(tests, other_days_are_named);
    suite_add_tcase(suite, tests);
    return run_suite(suite, CK_FORK_GETENV);
}
