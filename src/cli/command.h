/* The subcommands of signet: `signet NAME ...`. Each has a file of its own, cmd_NAME.c, and a line
 * in command.c. Help, man pages and completion are made from what stands here. */
#ifndef SN_CLI_COMMAND_H
#define SN_CLI_COMMAND_H

#include "base/option.h"

#include <stdio.h>

enum { SN_COMMAND_MOST_OPTIONS = 128 };

typedef struct sn_command {
    const char *name;         /* "train" */
    const char *launcher;     /* "./train"; NULL: it has none */
    const char *summary;      /* one line without a full stop */
    const char *const *forms; /* what may follow the name; NULL at the end. Line breaks are kept */
    const char *description;  /* a paragraph, lines of at most 100 bytes */
    const char *const
        *words; /* what the first argument may be; NULL at the end, or NULL: anything */
    /* Fills in the options and returns how many there are. */
    size_t (*options)(sn_option table[SN_COMMAND_MOST_OPTIONS]);
    int (*run)(int argc, char **argv); /* argv[0]: its name. Returns the exit status. */
} sn_command;

extern const sn_command sn_cmd_train, sn_cmd_eval, sn_cmd_export, sn_cmd_inspect, sn_cmd_version,
    sn_cmd_help;

/* The command with this index; NULL past the last. */
const sn_command *sn_command_at(size_t index);

/* NULL: no command has this name. */
const sn_command *sn_command_find(const char *name);

/* The error for an unknown command: SN_ERROR_ARGUMENT, with the nearest name. */
sn_status sn_command_unknown(const char *name, sn_error *error);

/* What --help prints. The usage names a launcher of the source tree, which sets $SN_ROOT, as it is
 * typed. */
void sn_command_help(const sn_command *command, FILE *out);

#endif
