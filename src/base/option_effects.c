/* Finds options that have no effect beside the others, by the conditions of an option table. */
#include "base/option.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 64, LIST_SIZE = 256 };

typedef struct options {
    const sn_option *table;
    size_t count;
    const void *object;
} options;

/* One alternative of a term, taken apart. */
typedef struct alternative {
    const sn_option *option;
    bool negated;
    char values[LIST_SIZE]; /* "adam,adamw"; empty: any but none */
} alternative;

/* An alternative that begins at `text` and ends at a blank, a | or the end. */
static alternative parse_alternative(const options *o, const char *text) {
    alternative result = {0};
    char name[NAME_SIZE];
    const size_t length = strcspn(text, " |"), name_length = strcspn(text, "!= |");
    const char *values = text + name_length;
    assert(name_length < sizeof name && length < sizeof result.values);
    snprintf(name, sizeof name, "%.*s", (int)name_length, text);
    result.option = sn_option_find(o->table, o->count, name);
    assert(result.option);
    result.negated = *values == '!';
    values += strspn(values, "!=");
    snprintf(result.values, sizeof result.values, "%.*s", (int)(text + length - values), values);
    return result;
}

static bool list_has(const char *list, const char *value) {
    const size_t length = strlen(value);
    for (const char *item = list; *item; item += strcspn(item, ",") + (strchr(item, ',') != NULL))
        if (strcspn(item, ",") == length && strncmp(item, value, length) == 0)
            return true;
    return false;
}

/* Whether an option has a value that is not "none". */
static bool is_set(const sn_option *option, const char *value) {
    switch (option->kind) {
    case SN_OPTION_FLAG:
        return strcmp(value, "true") == 0;
    case SN_OPTION_COUNT:
    case SN_OPTION_REAL:
        return strcmp(value, "0") != 0;
    default:
        return value[0] != '\0';
    }
}

static bool alternative_holds(const options *o, const alternative *a) {
    char value[SN_OPTION_TEXT_SIZE];
    sn_option_format(a->option, o->object, value);
    if (!a->values[0])
        return is_set(a->option, value);
    return list_has(a->values, value) != a->negated;
}

static bool term_holds(const options *o, const char *term) {
    for (;;) {
        const alternative a = parse_alternative(o, term);
        if (alternative_holds(o, &a))
            return true;
        term += strcspn(term, " |");
        if (*term != '|')
            return false;
        term++;
    }
}

/* The first term of a condition that does not hold, or NULL. */
static const char *find_unmet(const options *o, const char *condition) {
    for (const char *term = condition; term && *term;) {
        if (!term_holds(o, term))
            return term;
        term += strcspn(term, " ");
        term += strspn(term, " ");
    }
    return NULL;
}

/* "adam or adamw", "a, b or c" */
static void join_values(const char *values, char text[LIST_SIZE]) {
    size_t used = 0;
    text[0] = '\0';
    for (const char *item = values; *item && used < LIST_SIZE;) {
        const size_t length = strcspn(item, ",");
        const char *rest = item[length] ? item + length + 1 : "";
        const char *join = item == values ? "" : *rest ? ", " : " or ";
        used += (size_t)snprintf(text + used, LIST_SIZE - used, "%s%.*s", join, (int)length, item);
        item = rest;
    }
}

/* Says that the option has no effect since the term does not hold. */
static void describe(const options *o, const sn_option *option, const char *term,
                     char text[SN_ERROR_MESSAGE_SIZE]) {
    const alternative a = parse_alternative(o, term);
    char here[SN_OPTION_TEXT_SIZE], values[LIST_SIZE];
    sn_option_format(a.option, o->object, here);
    join_values(a.values, values);
    if (!a.values[0])
        snprintf(text, SN_ERROR_MESSAGE_SIZE, "--%s has no effect without --%s", option->name,
                 a.option->name);
    else if (a.negated)
        snprintf(text, SN_ERROR_MESSAGE_SIZE, "--%s has no effect with --%s %.200s", option->name,
                 a.option->name, here);
    else
        snprintf(text, SN_ERROR_MESSAGE_SIZE, "--%s has no effect without --%s %s (here: %.200s)",
                 option->name, a.option->name, values, here);
}

static bool is_given(const options *o, const bool *given, size_t index) {
    const sn_option *option = &o->table[index];
    char value[SN_OPTION_TEXT_SIZE];
    sn_option_format(option, o->object, value);
    return given[index] && (option->kind != SN_OPTION_FLAG || is_set(option, value));
}

static sn_status check_excluded(const options *o, const bool *given, const sn_option *option,
                                sn_error *error) {
    for (const char *name = option->excludes; name && *name;) {
        const size_t length = strcspn(name, " ");
        for (size_t i = 0; i < o->count; i++)
            SN_RETURN_IF(strlen(o->table[i].name) == length &&
                             strncmp(o->table[i].name, name, length) == 0 && is_given(o, given, i),
                         error, SN_ERROR_ARGUMENT, "--%s does not go with --%s; give one of them",
                         option->name, o->table[i].name);
        name += length + strspn(name + length, " ");
    }
    return SN_OK;
}

sn_status sn_option_check_effects(const sn_option *table, size_t count, const void *object,
                                  const bool *given, void (*say)(void *context, const char *text),
                                  void *context, sn_error *error) {
    const options o = {table, count, object};
    char text[SN_ERROR_MESSAGE_SIZE];
    for (size_t i = 0; i < count; i++) {
        const char *unmet = find_unmet(&o, table[i].needs);
        if (!is_given(&o, given, i))
            continue;
        SN_TRY(check_excluded(&o, given, &table[i], error));
        if (unmet) {
            describe(&o, &table[i], unmet, text);
            return sn_error_set(error, SN_ERROR_ARGUMENT, "%s", text);
        }
    }
    for (size_t i = 0; say && i < count; i++) {
        const char *unmet = find_unmet(&o, table[i].wants);
        if (!unmet || !is_given(&o, given, i))
            continue;
        describe(&o, &table[i], unmet, text);
        say(context, text);
    }
    return SN_OK;
}
