/* One process at a time works in a folder: a file "lock" there, locked with flock, names it. */
#ifndef SN_TRAIN_RUN_LOCK_H
#define SN_TRAIN_RUN_LOCK_H

#include "base/option.h"
#include "base/status.h"

typedef struct sn_run_lock {
    int file; /* -1: not taken */
    char path[SN_OPTION_TEXT_SIZE + 64];
} sn_run_lock;

/* Takes the lock of a folder. What a process left that is gone does not count. SN_ERROR_IO when
 * another process has it, with its number and machine as far as they are known, or when the folder
 * cannot be written. */
sn_status sn_run_lock_take(const char *directory, sn_run_lock *lock, sn_error *error);

/* Also of one that was not taken. Removes the file. */
void sn_run_lock_release(sn_run_lock *lock);

#endif
