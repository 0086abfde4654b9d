/* Options without effect beside others: what is refused, what is said, what passes. */
#include "base/option.h"
#include "suites.h"

#include <stdint.h>
#include <string.h>

typedef struct settings {
    int kind, quant;
    double momentum, beta, scale;
    uint64_t period;
    bool plain, dry;
    char teacher[SN_OPTION_TEXT_SIZE], rules[SN_OPTION_TEXT_SIZE], out[SN_OPTION_TEXT_SIZE];
    double weight;
} settings;

static const char *kind_name(int index) {
    static const char *const names[] = {"sgd", "adam", "adamw", "lion"};
    return index >= 0 && index < 4 ? names[index] : NULL;
}

static const char *quant_name(int index) {
    static const char *const names[] = {"fp32", "binary"};
    return index >= 0 && index < 2 ? names[index] : NULL;
}

#define FIELD(name) .offset = offsetof(settings, name)
#define REAL        .kind = SN_OPTION_REAL, .maximum = 10
#define TEXT        .kind = SN_OPTION_TEXT

static const sn_option table[] = {
    {"kind", FIELD(kind), .kind = SN_OPTION_CHOICE, .choice_name = kind_name, .fallback = "sgd"},
    {"momentum", FIELD(momentum), REAL, .fallback = "0.9", .needs = "kind=sgd"},
    {"plain", FIELD(plain), .kind = SN_OPTION_FLAG, .needs = "kind=sgd momentum"},
    {"beta", FIELD(beta), REAL, .fallback = "0.9", .needs = "kind=adam,adamw,lion"},
    {"teacher", FIELD(teacher), TEXT},
    {"weight", FIELD(weight), REAL, .fallback = "1", .needs = "teacher"},
    {"quant", FIELD(quant), .kind = SN_OPTION_CHOICE, .choice_name = quant_name,
     .fallback = "binary"},
    {"rules", FIELD(rules), .kind = SN_OPTION_LIST},
    {"scale", FIELD(scale), REAL, .fallback = "1", .wants = "quant!=fp32|rules"},
    {"period", FIELD(period), .kind = SN_OPTION_COUNT, .maximum = 9, .fallback = "0",
     .needs = "kind=adam,adamw", .wants = "scale"},
    {"dry", FIELD(dry), .kind = SN_OPTION_FLAG, .excludes = "weight out"},
    {"out", FIELD(out), TEXT},
};

enum { COUNT = sizeof table / sizeof *table };

typedef struct said {
    int lines;
    char last[SN_ERROR_MESSAGE_SIZE];
} said;

static void say(void *context, const char *text) {
    said *s = context;
    s->lines++;
    strcpy(s->last, text);
}

/* Gives the options of "name=value name=value ..." and looks at what they do. */
static sn_status check(const char *command, said *what, sn_error *error) {
    settings object;
    bool given[COUNT] = {false};
    char words[256];
    *what = (said){0};
    ck_assert_int_eq(sn_option_defaults(table, COUNT, &object, NULL), SN_OK);
    strcpy(words, command);
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " ")) {
        char *value = strchr(word, '=');
        *value++ = '\0';
        const sn_option *option = sn_option_find(table, COUNT, word);
        ck_assert_int_eq(sn_option_set(option, &object, value, NULL), SN_OK);
        given[option - table] = true;
    }
    return sn_option_check_effects(table, COUNT, &object, given, say, what, error);
}

START_TEST(what_has_an_effect_passes) {
    static const char *const commands[] = {
        "",
        "momentum=0.5 plain=true",
        "kind=adam beta=0.5",
        "kind=lion beta=0.5",
        "teacher=x weight=0.5",
        "scale=2",
        "quant=fp32 rules=a scale=2",
        "kind=adam", /* momentum has its default, and nobody gave it */
        "kind=adam plain=false",
        "dry=true",
        "weight=0.5 teacher=x dry=false out=y",
    };
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        said what;
        sn_error error = {0};
        ck_assert_msg(check(commands[i], &what, &error) == SN_OK, "%s: %s", commands[i],
                      error.message);
        ck_assert_msg(what.lines == 0, "%s: %s", commands[i], what.last);
    }
}
END_TEST

START_TEST(what_lacks_what_it_needs_is_refused) {
    static const char *const commands[][2] = {
        {"beta=0.9", "--beta has no effect without --kind adam, adamw or lion (here: sgd)"},
        {"kind=lion period=1", "--period has no effect without --kind adam or adamw (here: lion)"},
        {"kind=adam momentum=0.9", "--momentum has no effect without --kind sgd (here: adam)"},
        {"plain=true momentum=0", "--plain has no effect without --momentum"},
        {"weight=1", "--weight has no effect without --teacher"},
        {"dry=true out=x", "--dry does not go with --out; give one of them"},
        {"dry=true teacher=x weight=2", "--dry does not go with --weight; give one of them"},
    };
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        said what;
        sn_error error = {0};
        ck_assert_msg(check(commands[i][0], &what, &error) == SN_ERROR_ARGUMENT, "%s",
                      commands[i][0]);
        ck_assert_str_eq(error.message, commands[i][1]);
        ck_assert_int_eq(what.lines, 0);
    }
}
END_TEST

START_TEST(what_lacks_what_it_wants_is_said) {
    said what;
    ck_assert_int_eq(check("quant=fp32 scale=1", &what, NULL), SN_OK);
    ck_assert_int_eq(what.lines, 1);
    ck_assert_str_eq(what.last, "--scale has no effect with --quant fp32");
    ck_assert_int_eq(check("quant=fp32 scale=0 kind=adam period=2", &what, NULL), SN_OK);
    ck_assert_int_eq(what.lines, 2);
    ck_assert_str_eq(what.last, "--period has no effect without --scale");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("option_effects");
    TCase *tests = tcase_create("option_effects");
    tcase_add_test(tests, what_has_an_effect_passes);
    tcase_add_test(tests, what_lacks_what_it_needs_is_refused);
    tcase_add_test(tests, what_lacks_what_it_wants_is_said);
    suite_add_tcase(suite, tests);
    return run_suite(suite, CK_FORK_GETENV);
}
