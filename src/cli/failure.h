/* How the programs end. */
#ifndef SN_CLI_FAILURE_H
#define SN_CLI_FAILURE_H

#include "base/status.h"

enum {
    SN_EXIT_FAILED = 1,        /* memory ran out, or signet has a bug */
    SN_EXIT_BAD_INPUT = 2,     /* something the user gave is wrong, or a file cannot be written */
    SN_EXIT_DIVERGED = 3,      /* training produced values that are not finite */
    SN_EXIT_HUNG_UP = 129,     /* SIGHUP, as the shell has it */
    SN_EXIT_INTERRUPTED = 130, /* Ctrl-C, likewise */
    SN_EXIT_TERMINATED = 143   /* SIGTERM, likewise */
};

/* First of all in main: opens what is closed of standard input, output and error, so that no file
 * of the program becomes one of them (what is printed to a closed standard output then fails), and
 * lets writing beyond a limit of the file size fail instead of ending the program. */
void sn_cli_begin(void);

/* Last of all in main: returns `status`, or ends the program with it where exit handlers of
 * libraries would wait for memory that is not there. */
int sn_cli_end(int status);

/* Prints "PROGRAM: MESSAGE" to stderr, nothing when the message is empty because a script has said
 * it already; returns the exit status that fits error->status. */
int sn_cli_fail(const char *program, const sn_error *error);

/* Writes out standard output; SN_ERROR_IO when that fails, as on a full disk. */
sn_status sn_cli_flush(sn_error *error);

#endif
