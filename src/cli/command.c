#include "cli/command.h"

#include "cli/arguments.h"
#include "cli/nearest.h"

#include <stdlib.h>
#include <string.h>

enum { FORM_INDENT = 13 };

static const sn_command *const commands[] = {&sn_cmd_train,   &sn_cmd_eval,    &sn_cmd_export,
                                             &sn_cmd_inspect, &sn_cmd_version, &sn_cmd_help};

const sn_command *sn_command_at(size_t index) {
    return index < sizeof commands / sizeof *commands ? commands[index] : NULL;
}

const sn_command *sn_command_find(const char *name) {
    const sn_command *command;
    for (size_t i = 0; (command = sn_command_at(i)) != NULL; i++)
        if (strcmp(command->name, name) == 0)
            return command;
    return NULL;
}

static const char *name_at(const void *context, size_t index) {
    const sn_command *command = sn_command_at(index);
    (void)context;
    return command ? command->name : NULL;
}

sn_status sn_command_unknown(const char *name, sn_error *error) {
    const char *nearest = sn_nearest_name(name, name_at, NULL);
    char known[256] = "";
    if (nearest)
        return sn_error_set(error, SN_ERROR_ARGUMENT, "unknown command '%.200s'; did you mean %s?",
                            name, nearest);
    for (size_t i = 0, used = 0; name_at(NULL, i) && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "",
                                 name_at(NULL, i));
    return sn_error_set(error, SN_ERROR_ARGUMENT, "unknown command '%.200s'; there are: %s", name,
                        known);
}

/* A form of the command; where it breaks, it goes on below its arguments. */
static void put_form(const char *form, FILE *out) {
    for (; *form; form++) {
        putc(*form, out);
        if (*form == '\n')
            fprintf(out, "%*s", FORM_INDENT, "");
    }
    putc('\n', out);
}

static void put_usage(const sn_command *command, FILE *out) {
    const char *root = getenv("SN_ROOT");
    const bool launched = command->launcher && root && root[0];
    for (size_t i = 0; command->forms[i]; i++) {
        fprintf(out, "%s%s%s ", i ? "       " : "usage: ", launched ? "" : "signet ",
                launched ? command->launcher : command->name);
        put_form(command->forms[i], out);
    }
    fprintf(out, "\n%s\n", command->description);
}

void sn_command_help(const sn_command *command, FILE *out) {
    sn_option table[SN_COMMAND_MOST_OPTIONS];
    const size_t count = command->options(table);
    put_usage(command, out);
    sn_arguments_help(table, count, "", out);
}
