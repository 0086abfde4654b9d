/* How the program ends. */
#ifndef SN_CLI_FAILURE_H
#define SN_CLI_FAILURE_H

#include "base/status.h"

enum {
    SN_EXIT_FAILED = 1,        /* memory ran out, or signet has a bug */
    SN_EXIT_BAD_INPUT = 2,     /* something the user gave is wrong, or a file cannot be written */
    SN_EXIT_DIVERGED = 3,      /* training produced values that are not finite */
    SN_EXIT_HUNG_UP = 129,     /* SIGHUP; this and the next as shells report them */
    SN_EXIT_INTERRUPTED = 130, /* Ctrl-C */
    SN_EXIT_TERMINATED = 143   /* SIGTERM */
};

/* First of all in main. Opens standard input, output and error where they are closed, so that no
 * other file gets their numbers; printing to a closed standard output then fails. Writing beyond a
 * limit of the file size fails instead of ending the program. */
void sn_cli_begin(void);

/* Last of all in main. Returns `status`, or ends the program with it if exit handlers of libraries
 * would hang for lack of memory. */
int sn_cli_end(int status);

/* Prints "PROGRAM: MESSAGE" to stderr and returns the exit status for error->status. Prints nothing
 * for an empty message: a script has said it already. */
int sn_cli_fail(const char *program, const sn_error *error);

/* Writes out standard output; SN_ERROR_IO when that fails, as on a full disk. */
sn_status sn_cli_flush(sn_error *error);

#endif
