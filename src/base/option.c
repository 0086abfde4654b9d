#define _POSIX_C_SOURCE 200809L
#include "base/option.h"

#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KNOWN_SIZE = 512, SHOWN = 200 }; /* bytes of a list of choices; of a bad value in messages */

static void *field_of(const sn_option *option, void *object) {
    return (char *)object + option->offset;
}

/* The user's locale may have a decimal comma, which must not change what a configuration means. So
 * conversions run in the C locale, for this thread and this call only. */
static double real_from_text(const char *text) {
    const locale_t plain = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    const locale_t before = uselocale(plain);
    const double value = strtod(text, NULL);
    uselocale(before);
    if (plain)
        freelocale(plain);
    return value;
}

/* The shortest text that reads back as the same number; whole numbers without exponent. */
static void real_to_text(double value, char *text, size_t size) {
    const locale_t plain = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    const locale_t before = uselocale(plain);
    const bool whole = fabs(value) < 1e15 && value == trunc(value);
    snprintf(text, size, "%.0f", value);
    for (int digits = 1; !whole && digits <= 17; digits++) {
        snprintf(text, size, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    uselocale(before);
    if (plain)
        freelocale(plain);
}

static const char *skip_digits(const char *text) {
    while (*text >= '0' && *text <= '9')
        text++;
    return text;
}

/* [-]digits[.digits][e[+-]digits], with digits on at least one side of the point. strtod alone
 * would also take blanks, hexadecimal, "inf" and "nan". */
static bool is_decimal(const char *text) {
    if (*text == '-')
        text++;
    const char *const whole = text;
    text = skip_digits(text);
    ptrdiff_t digits = text - whole;
    if (*text == '.') {
        const char *const fraction = ++text;
        text = skip_digits(text);
        digits += text - fraction;
    }
    if (digits == 0)
        return false;
    if (*text == 'e' || *text == 'E') {
        text++;
        if (*text == '+' || *text == '-')
            text++;
        const char *const exponent = text;
        text = skip_digits(text);
        if (text == exponent)
            return false;
    }
    return *text == '\0';
}

/* False when text is not all digits or the number needs more than 64 bits. */
static bool parse_count(const char *text, uint64_t *value) {
    uint64_t number = 0;
    if (*text == '\0' || *skip_digits(text) != '\0')
        return false;
    for (; *text; text++) {
        const uint64_t digit = (uint64_t)(*text - '0');
        if (number > (UINT64_MAX - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    *value = number;
    return true;
}

/* A limit of the table as a count: 2^64 and more mean "no limit". */
static uint64_t count_limit(double limit) {
    if (!(limit > 0.0))
        return 0;
    return limit >= 0x1p64 ? UINT64_MAX : (uint64_t)limit;
}

static sn_status set_count(const sn_option *option, uint64_t *field, const char *text,
                           sn_error *error) {
    const uint64_t minimum = count_limit(option->minimum);
    const uint64_t maximum = count_limit(option->maximum);
    const char *zero = option->zero_name;
    uint64_t value = 0;
    const bool valid = (zero && strcmp(text, zero) == 0) ||
                       (parse_count(text, &value) && value >= minimum && value <= maximum);
    SN_RETURN_IF(!valid, error, SN_ERROR_ARGUMENT,
                 "--%s: '%.*s' is %s%s%s a whole number from %" PRIu64 " to %" PRIu64, option->name,
                 SHOWN, text, zero ? "neither " : "not", zero ? zero : "", zero ? " nor" : "",
                 minimum, maximum);
    *field = value;
    return SN_OK;
}

static sn_status set_real(const sn_option *option, double *field, const char *text,
                          sn_error *error) {
    const double value = is_decimal(text) ? real_from_text(text) : NAN;
    if (isfinite(value) && value >= option->minimum && value <= option->maximum) {
        *field = value;
        return SN_OK;
    }
    char minimum[32], maximum[32];
    real_to_text(option->minimum, minimum, sizeof minimum);
    real_to_text(option->maximum, maximum, sizeof maximum);
    if (isinf(option->maximum))
        return sn_error_set(error, SN_ERROR_ARGUMENT,
                            isinf(option->minimum) ? "--%s: '%.*s' is not a finite number"
                                                   : "--%s: '%.*s' is not a number of at least %s",
                            option->name, SHOWN, text, minimum);
    return sn_error_set(error, SN_ERROR_ARGUMENT, "--%s: '%.*s' is not a number from %s to %s",
                        option->name, SHOWN, text, minimum, maximum);
}

static sn_status set_flag(const sn_option *option, bool *field, const char *text, sn_error *error) {
    const bool value = strcmp(text, "true") == 0;
    SN_RETURN_IF(!value && strcmp(text, "false") != 0, error, SN_ERROR_ARGUMENT,
                 "--%s: '%.*s' is neither true nor false", option->name, SHOWN, text);
    *field = value;
    return SN_OK;
}

static sn_status set_text(const sn_option *option, char *field, const char *text, sn_error *error) {
    const size_t length = strlen(text);
    SN_RETURN_IF(length >= SN_OPTION_TEXT_SIZE, error, SN_ERROR_ARGUMENT,
                 "--%s: the value has %zu bytes; at most %d fit", option->name, length,
                 SN_OPTION_TEXT_SIZE - 1);
    memmove(field, text, length + 1);
    return SN_OK;
}

static sn_status add_text(const sn_option *option, char *field, const char *text, sn_error *error) {
    const size_t used = *text ? strlen(field) : 0, length = strlen(text);
    const size_t blank = used > 0;
    SN_RETURN_IF(used + blank + length >= SN_OPTION_TEXT_SIZE, error, SN_ERROR_ARGUMENT,
                 "--%s: the values have more than %d bytes together", option->name,
                 SN_OPTION_TEXT_SIZE - 1);
    if (blank)
        field[used] = ' ';
    memmove(field + used + blank, text, length + 1);
    return SN_OK;
}

int sn_choice_find(const char *(*name_at)(int index), const char *name) {
    const char *candidate;
    for (int index = 0; (candidate = name_at(index)) != NULL; index++)
        if (strcmp(candidate, name) == 0)
            return index;
    return -1;
}

static sn_status set_choice(const sn_option *option, int *field, const char *text,
                            sn_error *error) {
    const int found = sn_choice_find(option->choice_name, text);
    if (found >= 0) {
        *field = found;
        return SN_OK;
    }
    char known[KNOWN_SIZE] = "";
    size_t used = 0;
    const char *name;
    for (int index = 0; (name = option->choice_name(index)) != NULL && used < sizeof known; index++)
        used +=
            (size_t)snprintf(known + used, sizeof known - used, "%s%s", index ? ", " : "", name);
    return sn_error_set(error, SN_ERROR_ARGUMENT, "--%s: unknown '%.*s'; known: %s", option->name,
                        SHOWN, text, known);
}

sn_status sn_option_defaults(const sn_option *table, size_t count, void *object, sn_error *error) {
    for (size_t i = 0; i < count; i++) {
        const sn_option *option = &table[i];
        const char *text = option->fallback;
        if (!text && option->kind == SN_OPTION_FLAG)
            text = "false";
        if (!text && (option->kind == SN_OPTION_TEXT || option->kind == SN_OPTION_LIST))
            text = "";
        SN_RETURN_IF(!text, error, SN_ERROR_INTERNAL, "--%s has no default", option->name);
        sn_error reason;
        SN_RETURN_IF(sn_option_set(option, object, text, &reason) != SN_OK, error,
                     SN_ERROR_INTERNAL, "bad default: %.900s", reason.message);
    }
    return SN_OK;
}

const sn_option *sn_option_find(const sn_option *table, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

sn_status sn_option_set(const sn_option *option, void *object, const char *text, sn_error *error) {
    void *const field = field_of(option, object);
    switch (option->kind) {
    case SN_OPTION_FLAG:
        return set_flag(option, field, text, error);
    case SN_OPTION_COUNT:
        return set_count(option, field, text, error);
    case SN_OPTION_REAL:
        return set_real(option, field, text, error);
    case SN_OPTION_TEXT:
        return set_text(option, field, text, error);
    case SN_OPTION_LIST:
        return add_text(option, field, text, error);
    case SN_OPTION_CHOICE:
        return set_choice(option, field, text, error);
    }
    return sn_error_set(error, SN_ERROR_INTERNAL, "--%s has no known kind", option->name);
}

/* The name of a choice, "" for an index outside the table. */
static const char *choice_text(const sn_option *option, int value) {
    const char *name;
    for (int index = 0; (name = option->choice_name(index)) != NULL; index++)
        if (index == value)
            return name;
    return "";
}

void sn_option_format(const sn_option *option, const void *object, char text[SN_OPTION_TEXT_SIZE]) {
    const void *const field = (const char *)object + option->offset;
    switch (option->kind) {
    case SN_OPTION_FLAG:
        snprintf(text, SN_OPTION_TEXT_SIZE, "%s", *(const bool *)field ? "true" : "false");
        return;
    case SN_OPTION_COUNT:
        if (option->zero_name && *(const uint64_t *)field == 0)
            snprintf(text, SN_OPTION_TEXT_SIZE, "%s", option->zero_name);
        else
            snprintf(text, SN_OPTION_TEXT_SIZE, "%" PRIu64, *(const uint64_t *)field);
        return;
    case SN_OPTION_REAL:
        real_to_text(*(const double *)field, text, SN_OPTION_TEXT_SIZE);
        return;
    case SN_OPTION_TEXT:
    case SN_OPTION_LIST:
        snprintf(text, SN_OPTION_TEXT_SIZE, "%s", (const char *)field);
        return;
    case SN_OPTION_CHOICE:
        snprintf(text, SN_OPTION_TEXT_SIZE, "%s", choice_text(option, *(const int *)field));
        return;
    }
    text[0] = '\0';
}
