#include "cli/failure.h"

#include <stdio.h>

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
