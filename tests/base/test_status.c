#include "base/notes.h"
#include "base/status.h"
#include "suites.h"

#include <string.h>

START_TEST(set_formats_and_returns_the_status) {
    sn_error error;
    ck_assert_int_eq(sn_error_set(&error, SN_ERROR_DATA, "%s: %d", "file", 7), SN_ERROR_DATA);
    ck_assert_int_eq(error.status, SN_ERROR_DATA);
    ck_assert_str_eq(error.message, "file: 7");
    ck_assert_int_eq(sn_error_set(NULL, SN_ERROR_IO, "nobody listens"), SN_ERROR_IO);
}
END_TEST

START_TEST(messages_are_cut_to_fit) {
    char text[2 * SN_ERROR_MESSAGE_SIZE];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    sn_error error;
    sn_error_set(&error, SN_ERROR_DATA, "%s", text);
    ck_assert_uint_eq(strlen(error.message), SN_ERROR_MESSAGE_SIZE - 1);
}
END_TEST

START_TEST(messages_stay_one_line) {
    sn_error error;
    sn_error_set(&error, SN_ERROR_DATA, "cannot read '%s'", "a\nb\033[2J\x7f\xc3\xa4");
    ck_assert_str_eq(error.message, "cannot read 'a?b?[2J?\xc3\xa4'");
}
END_TEST

START_TEST(notes_are_kept_up_to_a_number) {
    static sn_notes notes;
    for (int i = 0; i < SN_NOTES_MAX + 3; i++)
        sn_notes_add(&notes, i ? SN_NOTE_FAULT : SN_NOTE_WARNING, "%d\n", i);
    sn_notes_add(NULL, SN_NOTE_WARNING, "nobody listens");
    ck_assert_uint_eq(notes.count, SN_NOTES_MAX);
    ck_assert_uint_eq(notes.lost, 3);
    ck_assert_int_eq(notes.note[0].kind, SN_NOTE_WARNING);
    ck_assert_int_eq(notes.note[1].kind, SN_NOTE_FAULT);
    ck_assert_str_eq(notes.note[SN_NOTES_MAX - 1].text, "63?");
}
END_TEST

static sn_status half_of(int number, int *half, sn_error *error) {
    SN_RETURN_IF(number % 2, error, SN_ERROR_ARGUMENT, "%d is odd", number);
    *half = number / 2;
    return SN_OK;
}

static sn_status quarter_of(int number, int *quarter, sn_error *error) {
    int half = 0;
    SN_TRY(half_of(number, &half, error));
    SN_TRY(half_of(half, quarter, error));
    return SN_OK;
}

START_TEST(macros_hand_errors_on) {
    sn_error error = {SN_OK, ""};
    int quarter = 0;
    ck_assert_int_eq(quarter_of(12, &quarter, &error), SN_OK);
    ck_assert_int_eq(quarter, 3);
    ck_assert_int_eq(quarter_of(6, &quarter, &error), SN_ERROR_ARGUMENT);
    ck_assert_str_eq(error.message, "3 is odd");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("status");
    TCase *tests = tcase_create("status");
    tcase_add_test(tests, set_formats_and_returns_the_status);
    tcase_add_test(tests, messages_are_cut_to_fit);
    tcase_add_test(tests, messages_stay_one_line);
    tcase_add_test(tests, notes_are_kept_up_to_a_number);
    tcase_add_test(tests, macros_hand_errors_on);
    suite_add_tcase(suite, tests);
    return run_suite(suite, CK_FORK_GETENV);
}
