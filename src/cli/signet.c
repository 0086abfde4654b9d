/* signet: one program with subcommands. Results go to stdout, messages to stderr. */
#include "cli/command.h"
#include "cli/failure.h"

#include <stdlib.h>
#include <string.h>

/* `signet --help` and the like are commands, too. */
static const char *command_name(const char *argument) {
    if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0)
        return sn_cmd_help.name;
    return strcmp(argument, "--version") == 0 ? sn_cmd_version.name : argument;
}

static int refuse(sn_error *error) {
    return sn_cli_fail("signet", error);
}

static int run(int argc, char **argv) {
    sn_error error = {0};
    if (argc < 2) {
        sn_error_set(&error, SN_ERROR_ARGUMENT, "no command given; signet help lists the commands");
        return refuse(&error);
    }
    const sn_command *command = sn_command_find(command_name(argv[1]));
    if (command)
        return command->run(argc - 1, argv + 1);
    sn_command_unknown(argv[1], &error);
    return refuse(&error);
}

int main(int argc, char **argv) {
    sn_cli_begin();
    return sn_cli_end(run(argc, argv));
}
