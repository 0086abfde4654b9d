/* A further option of training, a field and a line in a table, shows up wherever options do. */
#define _POSIX_C_SOURCE 200809L
#include "cli/arguments.h"
#include "cli/manual.h"
#include "suites.h"
#include "train/config.h"

#include <stdlib.h>
#include <string.h>

/* Stand in for the commands of signet. */
static size_t options_of(sn_option to[SN_COMMAND_MOST_OPTIONS]) {
    size_t count;
    const sn_option *table = sn_config_table(&count);
    memcpy(to, table, count * sizeof *table);
    return count;
}

static const char *const forms[] = {"[OPTION...]", NULL};
static const sn_command train = {.name = "train",
                                 .summary = "trains",
                                 .forms = forms,
                                 .description = "Trains.",
                                 .options = options_of};
const sn_command sn_cmd_help = {.name = "help"};

const sn_command *sn_command_at(size_t index) {
    return index == 0 ? &train : NULL;
}

static char *text;
static size_t length;

static FILE *capture(void) {
    FILE *out = open_memstream(&text, &length);
    ck_assert_ptr_nonnull(out);
    return out;
}

static void expect(FILE *out, const char *words) {
    ck_assert_int_eq(fclose(out), 0);
    ck_assert_msg(strstr(text, words), "no '%s' in: %s", words, text);
    free(text);
}

START_TEST(test_shown) {
    size_t count;
    const sn_option *table = sn_config_table(&count);
    FILE *out = capture();
    sn_arguments_help(table, count, "usage", out);
    expect(out, "--toy-noise X");
    out = capture();
    sn_manual_page(&train, out);
    expect(out, "toy\\-noise");
    out = capture();
    sn_manual_completion(out);
    expect(out, "--toy-noise ");
}
END_TEST

/* From the command line into config.json, and back. */
START_TEST(test_kept) {
    size_t count;
    const sn_option *table = sn_config_table(&count);
    sn_train_config config = {0}, read;
    const sn_input_info input = {.classes = 2,
                                 .channels = 1,
                                 .height = 8,
                                 .width = 8,
                                 .statistics = {.mean = {0}, .deviation = {1}}};
    sn_input_info input_read;
    sn_error error;
    char *json, *argv[] = {"train", "--toy-noise", "0.5", NULL};
    ck_assert_int_eq(sn_option_defaults(table, count, &config, NULL), SN_OK);
    ck_assert_double_eq(config.toy_noise, 0.25);
    sn_arguments arguments = {
        .table = table, .count = count, .object = &config, .given = config.given};
    ck_assert_int_eq(sn_arguments_parse(&arguments, 3, argv, NULL), SN_OK);
    ck_assert_int_eq(sn_config_to_json(&config, &input, &json, NULL), SN_OK);
    ck_assert_ptr_nonnull(strstr(json, "\"toy-noise\""));
    if (sn_config_from_json(json, "test", &read, &input_read, &error) != SN_OK)
        ck_abort_msg("%s", error.message);
    free(json);
    ck_assert_double_eq(read.toy_noise, 0.5);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("extending option");
    TCase *tcase = tcase_create("toy");
    tcase_add_test(tcase, test_shown);
    tcase_add_test(tcase, test_kept);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, CK_FORK_GETENV);
}
