#include "base/text.h"

#include "suites.h"

static const char *const good[] = {
    "",         "plain",        "\xc2\x80",         "d\xc3\xb6g",
    "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",     "\xef\xbf\xbf",
    "\x7f",     "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"};

static const char *const bad[] = {"\x80",
                                  "caf\xe9",
                                  "\xc0\x80",
                                  "\xc1\xbf",
                                  "\xc3",
                                  "\xc3\xc3",
                                  "\xe0\x9f\xbf",
                                  "\xed\xa0\x80",
                                  "\xe2\x82",
                                  "\xf0\x8f\xbf\xbf",
                                  "\xf4\x90\x80\x80",
                                  "\xf5\x80\x80\x80",
                                  "\xf0\x90\x80",
                                  "\xff",
                                  "a\xbf"};

START_TEST(utf8_is_told_from_what_is_none) {
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert_msg(sn_text_is_utf8(good[i]), "good text %zu", i);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!sn_text_is_utf8(bad[i]), "bad text %zu", i);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("text");
    TCase *tests = tcase_create("text");
    tcase_add_test(tests, utf8_is_told_from_what_is_none);
    suite_add_tcase(suite, tests);
    return run_suite(suite, CK_NOFORK);
}
