#include "base/option.h"
#include "suites.h"

#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct settings {
    bool quick;
    uint64_t epochs;
    uint64_t seed;
    double rate;
    double shift;
    double slope;
    char out[SN_OPTION_TEXT_SIZE];
    int quant;
    uint64_t region;
} settings;

static const char *quant_name(int index) {
    static const char *const names[] = {"fp32", "signed-binary", "ternary"};
    return index >= 0 && index < 3 ? names[index] : NULL;
}

#define FIELD(name) .offset = offsetof(settings, name)

static const sn_option table[] = {
    {.name = "quick", .kind = SN_OPTION_FLAG, FIELD(quick)},
    {.name = "epochs",
     .kind = SN_OPTION_COUNT,
     FIELD(epochs),
     .fallback = "10",
     .minimum = 1,
     .maximum = 1000000},
    {.name = "seed", .kind = SN_OPTION_COUNT, FIELD(seed), .fallback = "0", .maximum = 0x1p64},
    {.name = "rate", .kind = SN_OPTION_REAL, FIELD(rate), .fallback = "0.1", .maximum = 10},
    {.name = "shift",
     .kind = SN_OPTION_REAL,
     FIELD(shift),
     .fallback = "-1.5",
     .minimum = -INFINITY,
     .maximum = INFINITY},
    {.name = "slope",
     .kind = SN_OPTION_REAL,
     FIELD(slope),
     .fallback = "1",
     .minimum = 0.5,
     .maximum = INFINITY},
    {.name = "out", .kind = SN_OPTION_TEXT, FIELD(out)},
    {.name = "quant",
     .kind = SN_OPTION_CHOICE,
     FIELD(quant),
     .fallback = "ternary",
     .choice_name = quant_name},
    {.name = "region",
     .kind = SN_OPTION_COUNT,
     FIELD(region),
     .fallback = "filter",
     .maximum = 64,
     .zero_name = "filter"},
};

enum { COUNT = sizeof table / sizeof *table };

static sn_status set(settings *object, const char *name, const char *text, sn_error *error) {
    const sn_option *option = sn_option_find(table, COUNT, name);
    ck_assert_ptr_nonnull(option);
    return sn_option_set(option, object, text, error);
}

static void check_refused(const char *name, const char *text, const char *message) {
    settings object, before;
    memset(&object, 0x5a, sizeof object);
    memcpy(&before, &object, sizeof object);
    sn_error error;
    ck_assert_msg(set(&object, name, text, &error) == SN_ERROR_ARGUMENT, "--%s took '%s'", name,
                  text);
    if (message)
        ck_assert_str_eq(error.message, message);
    ck_assert_ptr_null(strchr(error.message, '\n'));
    ck_assert_mem_eq(&object, &before, sizeof object);
}

START_TEST(defaults_fill_every_field) {
    settings object;
    memset(&object, 0x5a, sizeof object);
    ck_assert_int_eq(sn_option_defaults(table, COUNT, &object, NULL), SN_OK);
    ck_assert(!object.quick);
    ck_assert_uint_eq(object.epochs, 10);
    ck_assert_uint_eq(object.seed, 0);
    ck_assert_double_eq(object.rate, 0.1);
    ck_assert_double_eq(object.shift, -1.5);
    ck_assert_str_eq(object.out, "");
    ck_assert_int_eq(object.quant, 2);
}
END_TEST

START_TEST(bad_defaults_are_bugs_of_the_table) {
    settings object;
    sn_error error;
    const sn_option low = {.name = "low",
                           .kind = SN_OPTION_COUNT,
                           FIELD(epochs),
                           .fallback = "0",
                           .minimum = 1,
                           .maximum = 5};
    ck_assert_int_eq(sn_option_defaults(&low, 1, &object, &error), SN_ERROR_INTERNAL);
    ck_assert_str_eq(error.message, "bad default: --low: '0' is not a whole number from 1 to 5");
    const sn_option none = {.name = "none", .kind = SN_OPTION_REAL, FIELD(rate), .maximum = 1};
    ck_assert_int_eq(sn_option_defaults(&none, 1, &object, &error), SN_ERROR_INTERNAL);
}
END_TEST

START_TEST(find_wants_the_whole_name) {
    ck_assert_ptr_eq(sn_option_find(table, COUNT, "epochs"), &table[1]);
    ck_assert_ptr_null(sn_option_find(table, COUNT, "epoch"));
    ck_assert_ptr_null(sn_option_find(table, COUNT, "epochss"));
    ck_assert_ptr_null(sn_option_find(table, COUNT, ""));
    ck_assert_ptr_null(sn_option_find(table, 1, "epochs"));
}
END_TEST

START_TEST(counts_are_read_whole_and_within_bounds) {
    settings object;
    ck_assert_int_eq(set(&object, "epochs", "1", NULL), SN_OK);
    ck_assert_uint_eq(object.epochs, 1);
    ck_assert_int_eq(set(&object, "epochs", "1000000", NULL), SN_OK);
    ck_assert_uint_eq(object.epochs, 1000000);
    ck_assert_int_eq(set(&object, "epochs", "007", NULL), SN_OK);
    ck_assert_uint_eq(object.epochs, 7);
    ck_assert_int_eq(set(&object, "seed", "18446744073709551615", NULL), SN_OK);
    ck_assert_uint_eq(object.seed, UINT64_MAX);

    check_refused("epochs", "1e9x", "--epochs: '1e9x' is not a whole number from 1 to 1000000");
    check_refused("region", "filters",
                  "--region: 'filters' is neither filter nor a whole number from 0 to 64");
    check_refused("seed", "18446744073709551616",
                  "--seed: '18446744073709551616' is not a whole number from 0 to "
                  "18446744073709551615");
    static const char *const bad[] = {"",
                                      " 3",
                                      "3 ",
                                      "-1",
                                      "+1",
                                      "0x10",
                                      "1.0",
                                      "1e3",
                                      "nan",
                                      "0",
                                      "1,0",
                                      "abc",
                                      "1\n",
                                      "1000001",
                                      "184467440737095516160",
                                      "99999999999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_refused("epochs", bad[i], NULL);
}
END_TEST

START_TEST(reals_are_read_whole_and_within_bounds) {
    static const struct {
        const char *text;
        double value;
    } good[] = {{"0", 0.0},     {"10", 10.0},  {".5", 0.5},  {"5.", 5.0},
                {"1e-3", 1e-3}, {"1E+0", 1.0}, {"0.1", 0.1}, {"1e-400", 0.0}};
    settings object;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ck_assert_int_eq(set(&object, "rate", good[i].text, NULL), SN_OK);
        ck_assert_double_eq(object.rate, good[i].value);
    }
    ck_assert_int_eq(set(&object, "shift", "-2.5e2", NULL), SN_OK);
    ck_assert_double_eq(object.shift, -250.0);

    check_refused("rate", "fast", "--rate: 'fast' is not a number from 0 to 10");
    check_refused("shift", "1e999", "--shift: '1e999' is not a finite number");
    check_refused("slope", "0.25", "--slope: '0.25' is not a number of at least 0.5");
    static const char *const bad[] = {"",    " 1",  "1 ",  "-1",   "nan", "inf", "-inf",
                                      "0x1", "1e",  "1e+", ".",    "-",   "e3",  "1.2.3",
                                      "1,5", "--1", "+1",  "10.1", "1f",  "1e5", "infinity"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_refused("rate", bad[i], NULL);
}
END_TEST

START_TEST(texts_have_a_limit) {
    settings object;
    char text[SN_OPTION_TEXT_SIZE + 1];
    memset(text, 'x', sizeof text);
    text[SN_OPTION_TEXT_SIZE] = '\0';
    check_refused("out", text, "--out: the value has 1024 bytes; at most 1023 fit");
    text[SN_OPTION_TEXT_SIZE - 1] = '\0';
    ck_assert_int_eq(set(&object, "out", text, NULL), SN_OK);
    ck_assert_str_eq(object.out, text);
    ck_assert_int_eq(set(&object, "out", "", NULL), SN_OK);
    ck_assert_str_eq(object.out, "");
}
END_TEST

START_TEST(choices_and_flags_name_what_is_known) {
    settings object;
    ck_assert_int_eq(set(&object, "quant", "signed-binary", NULL), SN_OK);
    ck_assert_int_eq(object.quant, 1);
    check_refused("quant", "foo", "--quant: unknown 'foo'; known: fp32, signed-binary, ternary");
    check_refused("quant", "", NULL);
    check_refused("quant", "FP32", NULL);
    check_refused("quant", "fp3", NULL);
    ck_assert_int_eq(set(&object, "quick", "true", NULL), SN_OK);
    ck_assert(object.quick);
    ck_assert_int_eq(set(&object, "quick", "false", NULL), SN_OK);
    ck_assert(!object.quick);
    check_refused("quick", "yes", "--quick: 'yes' is neither true nor false");
}
END_TEST

START_TEST(very_long_values_do_not_hide_the_reason) {
    char text[5000];
    memset(text, '7', sizeof text);
    text[sizeof text - 1] = '\0';
    sn_error error;
    settings object;
    ck_assert_int_eq(set(&object, "epochs", text, &error), SN_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(error.message, "is not a whole number from 1 to 1000000"));
}
END_TEST

static void check_round_trip(const char *name, const char *text, const char *expected) {
    settings object;
    char formatted[SN_OPTION_TEXT_SIZE];
    ck_assert_int_eq(set(&object, name, text, NULL), SN_OK);
    sn_option_format(sn_option_find(table, COUNT, name), &object, formatted);
    ck_assert_str_eq(formatted, expected);
}

START_TEST(format_is_what_set_reads) {
    check_round_trip("quick", "true", "true");
    check_round_trip("quick", "false", "false");
    check_round_trip("seed", "18446744073709551615", "18446744073709551615");
    check_round_trip("rate", "0.1", "0.1");
    check_round_trip("rate", "0.10", "0.1");
    check_round_trip("rate", "5e-4", "0.0005");
    check_round_trip("shift", "-1e300", "-1e+300");
    check_round_trip("out", "runs/a b", "runs/a b");
    check_round_trip("quant", "fp32", "fp32");
    check_round_trip("region", "12", "12");
    check_round_trip("region", "filter", "filter");
    check_round_trip("region", "0", "filter");

    const sn_option *shift = sn_option_find(table, COUNT, "shift");
    static const double hard[] = {0.1 + 0.2, 1.0 / 3.0, 5e-324, 1.7976931348623157e308, -0.7};
    for (size_t i = 0; i < sizeof hard / sizeof *hard; i++) {
        settings object = {.shift = hard[i]};
        char text[SN_OPTION_TEXT_SIZE];
        sn_option_format(shift, &object, text);
        object.shift = 0.0;
        ck_assert_int_eq(sn_option_set(shift, &object, text, NULL), SN_OK);
        ck_assert_double_eq(object.shift, hard[i]);
    }
    settings object = {.quant = 99};
    char text[SN_OPTION_TEXT_SIZE];
    sn_option_format(sn_option_find(table, COUNT, "quant"), &object, text);
    ck_assert_str_eq(text, "");
}
END_TEST

/* Where such a locale is installed. */
START_TEST(a_decimal_comma_changes_nothing) {
    if (!setlocale(LC_NUMERIC, "de_DE.UTF-8") && !setlocale(LC_NUMERIC, "fr_FR.UTF-8"))
        return;
    ck_assert_double_eq(strtod("1,5", NULL), 1.5); /* the locale is in force */
    settings object;
    ck_assert_int_eq(set(&object, "rate", "1.5", NULL), SN_OK);
    ck_assert_double_eq(object.rate, 1.5);
    check_refused("rate", "1,5", NULL);
    check_round_trip("rate", "0.25", "0.25");
    ck_assert_double_eq(strtod("1,5", NULL), 1.5); /* and still is */
}
END_TEST

START_TEST(a_list_collects_texts) {
    static const sn_option list = {"rule", .kind = SN_OPTION_LIST};
    char field[SN_OPTION_TEXT_SIZE] = "left over", text[SN_OPTION_TEXT_SIZE],
         again[sizeof text] = "";
    sn_error error;
    ck_assert_int_eq(sn_option_defaults(&list, 1, field, NULL), SN_OK);
    ck_assert_str_eq(field, "");
    ck_assert_int_eq(sn_option_set(&list, field, "a=b", NULL), SN_OK);
    ck_assert_int_eq(sn_option_set(&list, field, "c", NULL), SN_OK);
    ck_assert_str_eq(field, "a=b c");
    sn_option_format(&list, field, text);
    ck_assert_int_eq(sn_option_set(&list, again, text, NULL), SN_OK);
    ck_assert_str_eq(again, field);
    char longest[SN_OPTION_TEXT_SIZE];
    memset(longest, 'x', sizeof longest);
    longest[SN_OPTION_TEXT_SIZE - 6] = '\0'; /* with a blank one too many */
    ck_assert_int_eq(sn_option_set(&list, field, longest, &error), SN_ERROR_ARGUMENT);
    ck_assert_str_eq(field, "a=b c");
    longest[SN_OPTION_TEXT_SIZE - 7] = '\0';
    ck_assert_int_eq(sn_option_set(&list, field, longest, NULL), SN_OK);
    ck_assert_int_eq(sn_option_set(&list, field, "", NULL), SN_OK);
    ck_assert_str_eq(field, "");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("option");
    TCase *tests = tcase_create("option");
    tcase_add_test(tests, defaults_fill_every_field);
    tcase_add_test(tests, bad_defaults_are_bugs_of_the_table);
    tcase_add_test(tests, find_wants_the_whole_name);
    tcase_add_test(tests, counts_are_read_whole_and_within_bounds);
    tcase_add_test(tests, reals_are_read_whole_and_within_bounds);
    tcase_add_test(tests, texts_have_a_limit);
    tcase_add_test(tests, choices_and_flags_name_what_is_known);
    tcase_add_test(tests, very_long_values_do_not_hide_the_reason);
    tcase_add_test(tests, format_is_what_set_reads);
    tcase_add_test(tests, a_decimal_comma_changes_nothing);
    tcase_add_test(tests, a_list_collects_texts);
    suite_add_tcase(suite, tests);
    return run_suite(suite, CK_FORK_GETENV);
}
