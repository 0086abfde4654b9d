#define _POSIX_C_SOURCE 200809L
#include "cli/failure.h"

#include "autograd/blas_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whether main has come to its end. */
static volatile sig_atomic_t is_ending;

static void say_unexpected_end(void) {
    static const char text[] =
        "a library has ended the program, as HDF5 does where memory runs out; checkpoints are "
        "whole\n";
    if (is_ending)
        return;
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
        _exit(SN_EXIT_BAD_INPUT);
    _exit(SN_EXIT_FAILED);
}

void sn_cli_begin(void) {
    /* From 0 up: open takes the lowest number that is free. */
    for (int file = 0; file <= 2; file++)
        if (fcntl(file, F_GETFD) < 0 && errno == EBADF &&
            open("/dev/null", file == 2 ? O_WRONLY : O_RDONLY) != file)
            _exit(SN_EXIT_BAD_INPUT); /* there is nowhere to say why */
    signal(SIGXFSZ, SIG_IGN);
    if (atexit(say_unexpected_end) != 0)
        _exit(SN_EXIT_FAILED);
}

int sn_cli_end(int status) {
    is_ending = true;
    if (sn_blas_has_room())
        return status;
    fflush(NULL);
    _exit(status);
}

int sn_cli_fail(const char *program, const sn_error *error) {
    if (error->message[0])
        fprintf(stderr, "%s: %s\n", program, error->message);
    switch (error->status) {
    case SN_ERROR_DIVERGED:
        return SN_EXIT_DIVERGED;
    case SN_ERROR_MEMORY:
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
