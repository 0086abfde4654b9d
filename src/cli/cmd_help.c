/* signet help: the commands, and what --help of each prints; manual pages and bash completion for
 * the installation. */
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/failure.h"
#include "cli/manual.h"

#include <stdlib.h>
#include <string.h>

typedef struct help_options {
    bool man, completion;
} help_options;

#define FIELD(member) .offset = offsetof(help_options, member)

static const sn_option table[] = {
    {"man", FIELD(man), .kind = SN_OPTION_FLAG, .group = "Output",
     .help = "print a manual page instead, for man -l -"},
    {"completion", FIELD(completion), .kind = SN_OPTION_FLAG, .group = "Output", .excludes = "man",
     .help = "print completion for bash instead, to be sourced"},
};

enum { OPTION_COUNT = sizeof table / sizeof *table };

static void list_commands(void) {
    const sn_command *command;
    puts("usage: signet COMMAND [ARGUMENT...]\n\nTrains networks with signed-binary weights and "
         "runs them with the kernels of the device.\n");
    for (size_t i = 0; (command = sn_command_at(i)) != NULL; i++)
        printf("  %-8s  %s\n", command->name, command->summary);
    puts("\nsignet help COMMAND explains one of them.");
}

static sn_status show(const help_options *options, const char *name, sn_error *error) {
    const sn_command *command = name ? sn_command_find(name) : NULL;
    if (name && !command)
        return sn_command_unknown(name, error);
    SN_RETURN_IF(options->completion && name, error, SN_ERROR_ARGUMENT,
                 "--completion is for all commands; leave out '%.200s'", name);
    if (options->completion)
        sn_manual_completion(stdout);
    else if (options->man)
        sn_manual_page(command, stdout);
    else if (command)
        sn_command_help(command, stdout);
    else
        list_commands();
    return SN_OK;
}

static sn_status help(int argc, char **argv, sn_error *error) {
    help_options options = {0};
    bool given[OPTION_COUNT];
    const char *name = NULL;
    sn_arguments arguments = {.table = table,
                              .count = OPTION_COUNT,
                              .object = &options,
                              .given = given,
                              .positional = &name,
                              .positional_limit = 1};
    SN_TRY(sn_option_defaults(table, OPTION_COUNT, &options, error));
    SN_TRY(sn_arguments_parse(&arguments, argc, argv, error));
    SN_TRY(sn_option_check_effects(table, OPTION_COUNT, &options, given, NULL, NULL, error));
    if (arguments.help)
        sn_command_help(&sn_cmd_help, stdout);
    else
        SN_TRY(show(&options, name, error));
    return sn_cli_flush(error);
}

static size_t options_of(sn_option to[SN_COMMAND_MOST_OPTIONS]) {
    memcpy(to, table, sizeof table);
    return OPTION_COUNT;
}

static int run(int argc, char **argv) {
    sn_error error = {0};
    return help(argc, argv, &error) == SN_OK ? EXIT_SUCCESS : sn_cli_fail("help", &error);
}

const sn_command sn_cmd_help = {
    .name = "help",
    .summary = "list the commands, or explain one",
    .forms = (const char *const[]){"[COMMAND]", "--man [COMMAND]", "--completion", NULL},
    .description = "Lists the commands, or prints what COMMAND --help prints.",
    .options = options_of,
    .run = run};
