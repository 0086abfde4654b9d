#define _POSIX_C_SOURCE 200809L
#include "cli/arguments.h"
#include "suites.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct settings {
    uint64_t epochs, batch;
    double rate, decay;
    bool augment, resume;
    char out[SN_OPTION_TEXT_SIZE];
    int quant;
} settings;

static const char *quant_name(int index) {
    static const char *const names[] = {"fp32", "signed-binary", "ternary"};
    return index >= 0 && index < 3 ? names[index] : NULL;
}

#define FIELD(name) .offset = offsetof(settings, name)

static const sn_option table[] = {
    {.name = "epochs",
     .value_name = "N",
     .kind = SN_OPTION_COUNT,
     FIELD(epochs),
     .fallback = "350",
     .group = "Run",
     .help = "passes over the training images",
     .minimum = 1,
     .maximum = 1000000},
    {.name = "batch-size",
     .value_name = "N",
     .kind = SN_OPTION_COUNT,
     FIELD(batch),
     .fallback = "128",
     .group = "Run",
     .help = "images per step",
     .minimum = 1,
     .maximum = 4096},
    {.name = "learning-rate",
     .value_name = "X",
     .kind = SN_OPTION_REAL,
     FIELD(rate),
     .fallback = "0.1",
     .group = "Optimisation",
     .help = "step size of the first epoch; the schedule lowers it from there to zero along half a "
             "cosine, once per epoch and not once per step",
     .maximum = 10},
    {.name = "weight-decay",
     .value_name = "X",
     .kind = SN_OPTION_REAL,
     FIELD(decay),
     .fallback = "5e-4",
     .group = "Optimisation",
     .help = "L2 penalty",
     .maximum = 1},
    {.name = "out",
     .value_name = "DIR",
     .kind = SN_OPTION_TEXT,
     FIELD(out),
     .group = "Run",
     .help = "where results go"},
    {.name = "quant",
     .value_name = "NAME",
     .kind = SN_OPTION_CHOICE,
     FIELD(quant),
     .fallback = "signed-binary",
     .group = "Weights",
     .help = "how weights are quantized",
     .choice_name = quant_name},
    {.name = "augment",
     .kind = SN_OPTION_FLAG,
     FIELD(augment),
     .group = "Run",
     .help = "crop and flip at random"},
    {.name = "resume-from-a-checkpoint-file",
     .kind = SN_OPTION_FLAG,
     FIELD(resume),
     .help = "a name too long for the column"},
};

enum { COUNT = sizeof table / sizeof *table, POSITIONAL = 2 };

static settings object;
static bool given[COUNT];
static const char *positional[POSITIONAL];
static sn_arguments arguments;
static sn_error error;

static void start_over(void) {
    ck_assert_int_eq(sn_option_defaults(table, COUNT, &object, NULL), SN_OK);
    error = (sn_error){SN_OK, ""};
    arguments = (sn_arguments){.table = table,
                               .count = COUNT,
                               .object = &object,
                               .given = given,
                               .positional = positional,
                               .positional_limit = POSITIONAL};
}

/* Parses the words, the last of which is NULL. */
static sn_status parse(const char *const *words) {
    char *argv[32] = {(char *)"program"};
    int argc = 1;
    for (; words[argc - 1]; argc++)
        argv[argc] = (char *)words[argc - 1];
    start_over();
    return sn_arguments_parse(&arguments, argc, argv, &error);
}

#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

static void check_refused(sn_status status, const char *message) {
    ck_assert_int_eq(status, SN_ERROR_ARGUMENT);
    ck_assert_str_eq(error.message, message);
}

START_TEST(both_ways_to_give_a_value) {
    ck_assert_int_eq(PARSE("--epochs", "7", "--out=a=b", "--augment", "--quant", "fp32"), SN_OK);
    ck_assert_uint_eq(object.epochs, 7);
    ck_assert_str_eq(object.out, "a=b");
    ck_assert(object.augment);
    ck_assert(!object.resume);
    ck_assert_int_eq(object.quant, 0);
    ck_assert_uint_eq(object.batch, 128);
    ck_assert(given[0] && !given[1] && !given[2] && given[4] && given[5] && given[6] && !given[7]);
    ck_assert_uint_eq(arguments.positional_count, 0);
    ck_assert(!arguments.help);
}
END_TEST

START_TEST(the_last_value_counts) {
    ck_assert_int_eq(PARSE("--epochs=7", "--epochs=9", "--augment", "--augment=false"), SN_OK);
    ck_assert_uint_eq(object.epochs, 9);
    ck_assert(!object.augment);
    ck_assert(given[6]);
}
END_TEST

START_TEST(nothing_is_fine) {
    start_over();
    memset(given, 1, sizeof given);
    ck_assert_int_eq(sn_arguments_parse(&arguments, 0, NULL, &error), SN_OK);
    for (int i = 0; i < COUNT; i++)
        ck_assert(!given[i]);
    arguments.given = NULL;
    char *argv[] = {(char *)"program", (char *)"--epochs=3", NULL};
    ck_assert_int_eq(sn_arguments_parse(&arguments, 2, argv, &error), SN_OK);
    ck_assert_uint_eq(object.epochs, 3);
}
END_TEST

START_TEST(positional_arguments_keep_their_order) {
    ck_assert_int_eq(PARSE("a", "--epochs", "3", "-"), SN_OK);
    ck_assert_uint_eq(arguments.positional_count, 2);
    ck_assert_str_eq(positional[0], "a");
    ck_assert_str_eq(positional[1], "-");
    ck_assert_int_eq(PARSE("--", "--epochs", "-h"), SN_OK);
    ck_assert_uint_eq(arguments.positional_count, 2);
    ck_assert_str_eq(positional[0], "--epochs");
    ck_assert_uint_eq(object.epochs, 350);
    check_refused(PARSE("a", "b", "c"), "unexpected argument 'c'");
}
END_TEST

START_TEST(help_is_noticed_anywhere) {
    ck_assert_int_eq(PARSE("--epochs", "3", "-h"), SN_OK);
    ck_assert(arguments.help);
    ck_assert_int_eq(PARSE("--help", "--bogus"), SN_OK);
    ck_assert(arguments.help);
    ck_assert_int_eq(PARSE("a"), SN_OK);
    ck_assert(!arguments.help);
}
END_TEST

START_TEST(values_may_be_missing_or_bad) {
    check_refused(PARSE("--epochs"), "--epochs needs a value: --epochs N");
    check_refused(PARSE("--out", "--augment"), "--out needs a value: --out DIR");
    check_refused(PARSE("--epochs", ""), "--epochs: '' is not a whole number from 1 to 1000000");
    check_refused(PARSE("--epochs="), "--epochs: '' is not a whole number from 1 to 1000000");
    check_refused(PARSE("--epochs", "-1"),
                  "--epochs: '-1' is not a whole number from 1 to 1000000");
    check_refused(PARSE("--augment=maybe"), "--augment: 'maybe' is neither true nor false");
    check_refused(PARSE("--augment", "x", "y", "z"), "unexpected argument 'z'");
    ck_assert_int_eq(PARSE("--out=--augment"), SN_OK);
    ck_assert_str_eq(object.out, "--augment");
}
END_TEST

START_TEST(typos_get_a_suggestion) {
    check_refused(PARSE("--epoch", "3"), "unknown option '--epoch'; did you mean --epochs?");
    check_refused(PARSE("--epcohs=3"), "unknown option '--epcohs'; did you mean --epochs?");
    check_refused(PARSE("--uqatn"), "unknown option '--uqatn'; did you mean --quant?");
    check_refused(PARSE("-epochs", "3"), "unknown option '-epochs'; did you mean --epochs?");
    check_refused(PARSE("--batchsize"), "unknown option '--batchsize'; did you mean --batch-size?");
    check_refused(PARSE("--weight"), "unknown option '--weight'; did you mean --weight-decay?");
    check_refused(PARSE("--lerning_rate"),
                  "unknown option '--lerning_rate'; did you mean --learning-rate?");
    check_refused(PARSE("--hlep"), "unknown option '--hlep'; did you mean --help?");
    check_refused(PARSE("--zzzzzzz"), "unknown option '--zzzzzzz'; --help lists the options");
    check_refused(PARSE("-x"), "unknown option '-x'; --help lists the options");
    check_refused(PARSE("--=3"), "unknown option '--'; --help lists the options");
    char longest[3000];
    memset(longest, '-', sizeof longest);
    memset(longest + 2, 'e', sizeof longest - 3);
    longest[sizeof longest - 1] = '\0';
    ck_assert_int_eq(PARSE(longest), SN_ERROR_ARGUMENT);
}
END_TEST

static char *help_text(const sn_option *options, size_t count, const char *usage) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(out);
    sn_arguments_help(options, count, usage, out);
    ck_assert_int_eq(fclose(out), 0);
    return text;
}

START_TEST(help_looks_like_this) {
    char *text = help_text(table, COUNT, "usage: train [OPTION]...\nTrains a network.");
    ck_assert_str_eq(
        text,
        "usage: train [OPTION]...\n"
        "Trains a network.\n"
        "\n"
        "Run:\n"
        "  --epochs N         passes over the training images (default: 350)\n"
        "  --batch-size N     images per step (default: 128)\n"
        "  --out DIR          where results go (default: none)\n"
        "  --augment          crop and flip at random (default: off)\n"
        "\n"
        "Optimisation:\n"
        "  --learning-rate X  step size of the first epoch; the schedule lowers it from there to "
        "zero along\n"
        "                     half a cosine, once per epoch and not once per step (default: 0.1)\n"
        "  --weight-decay X   L2 penalty (default: 5e-4)\n"
        "\n"
        "Weights:\n"
        "  --quant NAME       how weights are quantized (one of: fp32, signed-binary, ternary; "
        "default:\n"
        "                     signed-binary)\n"
        "\n"
        "Options:\n"
        "  --resume-from-a-checkpoint-file\n"
        "                     a name too long for the column (default: off)\n"
        "\n"
        "Other:\n"
        "  -h, --help         print this text\n");
    free(text);
}
END_TEST

START_TEST(help_is_never_wider_than_100_columns) {
    char words[600];
    for (size_t i = 0; i < sizeof words - 1; i++) /* words of every length, the last one too wide */
        words[i] = i < 300 && i % 17 * i % 5 == 0 ? ' ' : 'w';
    words[sizeof words - 1] = '\0';
    sn_option wide = table[0];
    wide.help = words;
    char *text = help_text(&wide, 1, "usage: train");
    size_t letters = 0, longest = 0;
    for (const char *line = text; *line;) {
        const size_t width = strcspn(line, "\n");
        longest = width > longest ? width : longest;
        line += width + (line[width] == '\n');
    }
    for (const char *c = text; *c; c++)
        letters += *c == 'w';
    size_t expected = 0;
    for (const char *c = words; *c; c++)
        expected += *c == 'w';
    ck_assert_uint_eq(longest, 100);
    ck_assert_uint_eq(letters, expected);
    free(text);
}
END_TEST

/* The explanation has 86 columns here, from 15 to 100. */
START_TEST(words_are_not_cut_where_lines_end) {
    static const struct {
        int first; /* letters of the first word; the second has 43 */
        const char *between, *after;
    } cases[] = {{42, " ", "\n              "}, {43, "\n              ", " "}};
    for (int i = 0; i < 2; i++) {
        char words[100], expected[200];
        snprintf(words, sizeof words, "%0*d %043d", cases[i].first, 0, 0);
        snprintf(expected, sizeof expected, "  --epochs N  %0*d%s%043d%s(default: 350)\n",
                 cases[i].first, 0, cases[i].between, 0, cases[i].after);
        sn_option option = table[0];
        option.help = words;
        char *text = help_text(&option, 1, "usage: train");
        ck_assert_msg(strstr(text, expected) != NULL, "%s", text);
        free(text);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("arguments");
    TCase *tests = tcase_create("arguments");
    tcase_add_test(tests, both_ways_to_give_a_value);
    tcase_add_test(tests, the_last_value_counts);
    tcase_add_test(tests, nothing_is_fine);
    tcase_add_test(tests, positional_arguments_keep_their_order);
    tcase_add_test(tests, help_is_noticed_anywhere);
    tcase_add_test(tests, values_may_be_missing_or_bad);
    tcase_add_test(tests, typos_get_a_suggestion);
    tcase_add_test(tests, help_looks_like_this);
    tcase_add_test(tests, words_are_not_cut_where_lines_end);
    tcase_add_test(tests, help_is_never_wider_than_100_columns);
    suite_add_tcase(suite, tests);
    return run_suite(suite, CK_FORK_GETENV);
}
