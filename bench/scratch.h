/* Leaving nothing behind: a folder that goes away again, and signals that wait until it has. */
#ifndef SN_BENCH_SCRATCH_H
#define SN_BENCH_SCRATCH_H

#include "base/option.h"

/* Makes an empty folder below $TMPDIR, or /tmp. SN_ERROR_IO. */
sn_status scratch_make(char path[SN_OPTION_TEXT_SIZE], sn_error *error);

/* Removes it with all that is in it. */
void scratch_remove(const char *path);

/* Keeps back the signals that end a program, the first of each kind; those that are ignored anyway
 * stay as they are. */
void signals_hold(void);

/* Whether one has come. */
bool signals_waiting(void);

/* If one has come, it has its effect now: this does not return. */
void signals_release(void);

#endif
