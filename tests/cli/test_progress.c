#define _XOPEN_SOURCE 700 /* pseudo-terminals */
#include "cli/progress.h"
#include "suites.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void check_line(sn_progress_state state, const char *expected) {
    char line[200];
    state.label = "epoch 3/10";
    state.unit = "images";
    ck_assert_uint_eq(sn_progress_format(line, sizeof line, &state), strlen(expected));
    ck_assert_str_eq(line, expected);
}

START_TEST(lines_tell_share_rate_and_time) {
    check_line((sn_progress_state){.done = 0, .total = 50000, .seconds = 1.0},
               "epoch 3/10  0 %  0/50000 images");
    check_line(
        (sn_progress_state){.done = 21500, .total = 50000, .seconds = 26.5, .extra = "loss 1"},
        "epoch 3/10  43 %  21500/50000 images  811/s  0:35 left  loss 1");
    /* What an earlier process did says nothing about this one's speed. */
    check_line(
        (sn_progress_state){.done = 30000, .total = 50000, .skipped = 29000, .seconds = 10.0},
        "epoch 3/10  60 %  30000/50000 images  100/s  3:20 left");
    check_line((sn_progress_state){.done = 10, .total = 50000, .seconds = 4.0},
               "epoch 3/10  0 %  10/50000 images  2.5/s  5:33:16 left");
    check_line((sn_progress_state){.done = 50000, .total = 50000, .seconds = 100.0},
               "epoch 3/10  100 %  50000/50000 images  500/s  0:00 left");
    check_line((sn_progress_state){.done = 10, .total = 17, .seconds = 5.0},
               "epoch 3/10  58 %  10/17 images  2.0/s  0:04 left");
    check_line((sn_progress_state){.done = 5, .total = 5, .skipped = 5, .seconds = 1.0},
               "epoch 3/10  100 %  5/5 images");
    check_line((sn_progress_state){.done = 0, .total = 0}, "epoch 3/10  100 %  0/0 images");
}
END_TEST

START_TEST(lines_are_cut_to_fit) {
    char line[8];
    const sn_progress_state state = {
        .label = "label", .unit = "images", .done = 1, .total = SIZE_MAX, .seconds = 1e-9};
    ck_assert_uint_eq(sn_progress_format(line, sizeof line, &state), 7);
    ck_assert_str_eq(line, "label  ");
}
END_TEST

/* What update and clear write to stderr, which is a terminal or a pipe. */
static size_t written(bool terminal, char *text, size_t size) {
    int ends[2];
    if (terminal) {
        ends[0] = posix_openpt(O_RDWR | O_NOCTTY);
        ck_assert_int_ge(ends[0], 0);
        ck_assert_int_eq(grantpt(ends[0]), 0);
        ck_assert_int_eq(unlockpt(ends[0]), 0);
        ends[1] = open(ptsname(ends[0]), O_RDWR | O_NOCTTY);
    } else {
        ck_assert_int_eq(pipe(ends), 0);
    }
    const int before = dup(STDERR_FILENO);
    ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
    sn_progress progress;
    sn_progress_start(&progress, "images");
    for (size_t done = 1; done <= 1000; done++)
        sn_progress_update(&progress, "test", done, 1000, 0, NULL);
    sn_progress_clear(&progress);
    sn_progress_clear(&progress);
    dup2(before, STDERR_FILENO);
    close(before);
    /* With the writing end closed, reading goes on until everything has arrived: a terminal hands
     * its text over some time after it was written. */
    close(ends[1]);
    size_t used = 0;
    for (ssize_t count; (count = read(ends[0], text + used, size - 1 - used)) > 0;)
        used += (size_t)count;
    close(ends[0]);
    text[used] = '\0';
    return used;
}

START_TEST(a_terminal_sees_one_line_and_then_none) {
    char text[4000];
    ck_assert_uint_gt(written(true, text, sizeof text), 0);
    const char *const start = "\rtest  0 %  1/1000 images";
    ck_assert_int_eq(strncmp(text, start, strlen(start)), 0);
    int lines = 0;
    for (const char *c = text; (c = strstr(c, "\rtest")) != NULL; c++)
        lines++;
    ck_assert_int_le(lines, 5); /* ten in a second, however many updates */
    ck_assert_ptr_null(strchr(text, '\n'));
    const char *const last = strrchr(text, '\r');
    ck_assert_str_eq(last, "\r");
    ck_assert(last > text && last[-1] == ' '); /* erased, once */
}
END_TEST

START_TEST(others_see_nothing) {
    char text[100];
    ck_assert_uint_eq(written(false, text, sizeof text), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("progress");
    TCase *tests = tcase_create("progress");
    tcase_add_test(tests, lines_tell_share_rate_and_time);
    tcase_add_test(tests, lines_are_cut_to_fit);
    tcase_add_test(tests, a_terminal_sees_one_line_and_then_none);
    tcase_add_test(tests, others_see_nothing);
    suite_add_tcase(suite, tests);
    return run_suite(suite, CK_FORK_GETENV);
}
