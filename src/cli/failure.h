/* How the programs end. */
#ifndef SN_CLI_FAILURE_H
#define SN_CLI_FAILURE_H

#include "base/status.h"

enum {
    SN_EXIT_FAILED = 1,        /* training diverged, memory ran out, or signet has a bug */
    SN_EXIT_BAD_INPUT = 2,     /* something the user gave is wrong */
    SN_EXIT_INTERRUPTED = 130, /* Ctrl-C, as the shell has it */
    SN_EXIT_TERMINATED = 143   /* SIGTERM, likewise */
};

/* Prints "PROGRAM: MESSAGE" to stderr, nothing when the message is empty because a script has said
 * it already; returns the exit status that fits error->status. */
int sn_cli_fail(const char *program, const sn_error *error);

/* Writes out standard output; SN_ERROR_IO when that fails, as on a full disk. */
sn_status sn_cli_flush(sn_error *error);

#endif
