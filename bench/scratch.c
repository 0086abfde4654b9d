#define _XOPEN_SOURCE 700
#include "scratch.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPEN_FOLDERS = 8 }; /* while a tree is walked */

sn_status scratch_make(char path[SN_OPTION_TEXT_SIZE], sn_error *error) {
    const char *parent = getenv("TMPDIR");
    if (!parent || !parent[0])
        parent = "/tmp";
    const int length = snprintf(path, SN_OPTION_TEXT_SIZE, "%s/signet-bench-XXXXXX", parent);
    SN_RETURN_IF(length >= SN_OPTION_TEXT_SIZE, error, SN_ERROR_IO, "$TMPDIR: path too long");
    SN_RETURN_IF(!mkdtemp(path), error, SN_ERROR_IO, "%s: cannot make a folder there: %s", parent,
                 strerror(errno));
    return SN_OK;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place) {
    (void)info;
    (void)kind;
    (void)place;
    remove(path); /* what cannot be removed must not keep the rest */
    return 0;
}

void scratch_remove(const char *path) {
    nftw(path, remove_entry, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS);
}

/* Set by a signal: nothing else can reach a handler. Blocking signals instead would not do, since
 * OpenBLAS has started threads that do not block them before main begins. */
static volatile sig_atomic_t caught;

static void keep_back(int signal_number) {
    caught = signal_number;
}

void signals_hold(void) {
    static const int ending[] = {SIGHUP, SIGINT, SIGTERM};
    for (size_t i = 0; i < sizeof ending / sizeof *ending; i++) {
        struct sigaction action = {.sa_handler = keep_back, .sa_flags = (int)SA_RESETHAND};
        struct sigaction before;
        sigemptyset(&action.sa_mask);
        if (sigaction(ending[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(ending[i], &action, NULL);
    }
}

bool signals_waiting(void) {
    return caught != 0;
}

void signals_release(void) {
    if (caught)
        raise(caught);
}
