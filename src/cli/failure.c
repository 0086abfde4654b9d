#include "cli/failure.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

int sn_cli_fail(const char *program, const sn_error *error) {
    if (error->message[0])
        fprintf(stderr, "%s: %s\n", program, error->message);
    switch (error->status) {
    case SN_ERROR_MEMORY:
    case SN_ERROR_DIVERGED:
    case SN_ERROR_INTERNAL:
        return SN_EXIT_FAILED;
    default:
        return SN_EXIT_BAD_INPUT;
    }
}

sn_status sn_cli_flush(sn_error *error) {
    const bool failed = fflush(stdout) != 0 || ferror(stdout);
    SN_RETURN_IF(failed, error, SN_ERROR_IO, "cannot write to standard output: %s",
                 strerror(errno));
    return SN_OK;
}
