#include "cli/arguments.h"

#include "cli/nearest.h"

#include <string.h>

enum {
    COLUMNS = 100,     /* of the help text */
    NAME_COLUMNS = 30, /* at most, before the explanations begin */
    NAME_SIZE = 64,    /* bytes of an option's name that are looked at */
    NOTE_SIZE = 1024,  /* bytes of "(one of ...; default: ...)" */
    SHOWN = 200        /* bytes of an argument in messages */
};

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

/* The names of the options, help first. */
static const char *option_name(const void *context, size_t index) {
    const sn_arguments *arguments = context;
    if (index == 0)
        return "help";
    return index <= arguments->count ? arguments->table[index - 1].name : NULL;
}

/* `name` has `length` bytes and need not end there. */
static const sn_option *find_named(const sn_arguments *arguments, const char *name, size_t length) {
    for (size_t i = 0; i < arguments->count; i++) {
        const char *const known = arguments->table[i].name;
        if (strlen(known) == length && memcmp(known, name, length) == 0)
            return &arguments->table[i];
    }
    return NULL;
}

static sn_status unknown_option(const sn_arguments *arguments, const char *argument,
                                sn_error *error) {
    char typed[NAME_SIZE + 1];
    const char *const name = argument + strspn(argument, "-");
    const size_t length = smaller(strcspn(name, "="), NAME_SIZE);
    memcpy(typed, name, length);
    typed[length] = '\0';
    const char *const best = sn_nearest_name(typed, option_name, arguments);
    const int shown = (int)smaller(strcspn(argument, "="), SHOWN);
    if (best)
        return sn_error_set(error, SN_ERROR_ARGUMENT, "unknown option '%.*s'; did you mean --%s?",
                            shown, argument, best);
    return sn_error_set(error, SN_ERROR_ARGUMENT, "unknown option '%.*s'; --help lists the options",
                        shown, argument);
}

/* Reads the option at argv[*index], and its value from the next argument where it has one there. */
static sn_status read_option(sn_arguments *arguments, int argc, char **argv, int *index,
                             sn_error *error) {
    const char *const argument = argv[*index];
    const char *const name = argument + 2;
    const size_t length = strcspn(name, "=");
    const sn_option *const option = find_named(arguments, name, length);
    if (!option)
        return unknown_option(arguments, argument, error);

    const char *value = name[length] == '=' ? name + length + 1 : NULL;
    if (!value && option->kind == SN_OPTION_FLAG) {
        value = "true";
    } else if (!value) {
        const char *const next = *index + 1 < argc ? argv[*index + 1] : NULL;
        SN_RETURN_IF(!next || strncmp(next, "--", 2) == 0, error, SN_ERROR_ARGUMENT,
                     "--%s needs a value: --%s %s", option->name, option->name, option->value_name);
        value = next;
        ++*index;
    }
    SN_TRY(sn_option_set(option, arguments->object, value, error));
    if (arguments->given)
        arguments->given[option - arguments->table] = true;
    return SN_OK;
}

static sn_status add_positional(sn_arguments *arguments, const char *argument, sn_error *error) {
    SN_RETURN_IF(arguments->positional_count >= arguments->positional_limit, error,
                 SN_ERROR_ARGUMENT, "unexpected argument '%.*s'", SHOWN, argument);
    arguments->positional[arguments->positional_count++] = argument;
    return SN_OK;
}

sn_status sn_arguments_parse(sn_arguments *arguments, int argc, char **argv, sn_error *error) {
    arguments->positional_count = 0;
    arguments->help = false;
    if (arguments->given)
        memset(arguments->given, 0, arguments->count * sizeof *arguments->given);
    bool options_end = false;
    for (int i = 1; i < argc; i++) {
        const char *const argument = argv[i];
        if (options_end || argument[0] != '-' || argument[1] == '\0') {
            SN_TRY(add_positional(arguments, argument, error));
        } else if (strcmp(argument, "--") == 0) {
            options_end = true;
        } else if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
            arguments->help = true;
            return SN_OK;
        } else if (argument[1] == '-') {
            SN_TRY(read_option(arguments, argc, argv, &i, error));
        } else {
            return unknown_option(arguments, argument, error);
        }
    }
    return SN_OK;
}

/* Text that is filled into columns, word by word. */
typedef struct paragraph {
    FILE *out;
    size_t indent; /* of every line */
    size_t column; /* where the next character goes */
} paragraph;

static void break_line(paragraph *text) {
    fprintf(text->out, "\n%*s", (int)text->indent, "");
    text->column = text->indent;
}

static void put_words(paragraph *text, const char *words) {
    while (*words) {
        words += strspn(words, " ");
        size_t length = strcspn(words, " ");
        const bool first = text->column == text->indent;
        if (length > 0 && !first && text->column + 1 + length > COLUMNS) {
            break_line(text);
        } else if (length > 0 && !first) {
            fputc(' ', text->out);
            text->column++;
        }
        while (length > 0) { /* a word wider than the line is cut */
            if (text->column >= COLUMNS)
                break_line(text);
            const size_t part = smaller(length, COLUMNS - text->column);
            fwrite(words, 1, part, text->out);
            text->column += part;
            words += part;
            length -= part;
        }
    }
}

/* "(one of a, b; default: a)" */
static void describe_default(const sn_option *option, char note[NOTE_SIZE]) {
    size_t used = 1;
    const char *name;
    note[0] = '(';
    note[1] = '\0';
    for (int i = 0; option->kind == SN_OPTION_CHOICE && (name = option->choice_name(i)); i++)
        if (used < NOTE_SIZE)
            used += (size_t)snprintf(note + used, NOTE_SIZE - used, "%s%s",
                                     i ? ", " : "one of: ", name);
    const char *fallback = option->fallback;
    if (option->kind == SN_OPTION_FLAG)
        fallback = "off";
    else if (!fallback || !*fallback)
        fallback = "none";
    if (used < NOTE_SIZE)
        snprintf(note + used, NOTE_SIZE - used, "%sdefault: %s)", used > 1 ? "; " : "", fallback);
}

static size_t name_width(const sn_option *option) {
    const size_t value = option->value_name ? 1 + strlen(option->value_name) : 0;
    return strlen("  --") + strlen(option->name) + value;
}

/* Prints one entry: the name at the left, explanations from column `indent` on. */
static void print_entry(FILE *out, size_t indent, const char *name, const char *value_name,
                        const char *help, const char *note) {
    size_t column =
        (size_t)fprintf(out, "  %s%s%s", name, value_name ? " " : "", value_name ? value_name : "");
    if (column + 2 > indent) {
        fputc('\n', out);
        column = 0;
    }
    fprintf(out, "%*s", (int)(indent - column), "");
    paragraph text = {.out = out, .indent = indent, .column = indent};
    put_words(&text, help);
    put_words(&text, note);
    fputc('\n', out);
}

const char *sn_arguments_group(const sn_option *option) {
    return option->group ? option->group : "Options";
}

bool sn_arguments_group_seen(const sn_option *table, size_t index) {
    for (size_t i = 0; i < index; i++)
        if (strcmp(sn_arguments_group(&table[i]), sn_arguments_group(&table[index])) == 0)
            return true;
    return false;
}

void sn_arguments_help(const sn_option *table, size_t count, const char *usage, FILE *out) {
    size_t indent = strlen("  -h, --help") + 2;
    for (size_t i = 0; i < count; i++) {
        const size_t width = name_width(&table[i]) + 2;
        if (width > indent && width <= NAME_COLUMNS)
            indent = width;
    }
    fputs(usage, out);
    if (*usage && usage[strlen(usage) - 1] != '\n')
        fputc('\n', out);
    for (size_t first = 0; first < count; first++) {
        if (sn_arguments_group_seen(table, first))
            continue;
        fprintf(out, "\n%s:\n", sn_arguments_group(&table[first]));
        for (size_t i = first; i < count; i++) {
            if (strcmp(sn_arguments_group(&table[i]), sn_arguments_group(&table[first])) != 0)
                continue;
            char name[2 + NAME_SIZE + 1], note[NOTE_SIZE];
            snprintf(name, sizeof name, "--%s", table[i].name);
            describe_default(&table[i], note);
            print_entry(out, indent, name, table[i].value_name, table[i].help, note);
        }
    }
    fputs("\nOther:\n", out);
    print_entry(out, indent, "-h, --help", NULL, "print this text", "");
}
