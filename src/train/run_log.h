/* The logs of a run, metrics.jsonl and layers.csv, when it is resumed. */
#ifndef SN_TRAIN_RUN_LOG_H
#define SN_TRAIN_RUN_LOG_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

enum { SN_RUN_NOTE_SIZE = 512 };

/* Drops the lines of metrics.jsonl that lie behind `epoch` finished epochs, and a half-written last
 * one: what a crash can leave. `note` then says which epochs before have no line or several; it is
 * "" when each has one. No file is fine. SN_ERROR_DATA, with the file as it was, for a line that
 * is not JSON with an epoch; SN_ERROR_IO, SN_ERROR_MEMORY. */
sn_status sn_run_log_trim_metrics(const char *path, uint64_t epoch, char note[SN_RUN_NOTE_SIZE],
                                  sn_error *error);

/* The same for layers.csv, in which each epoch has `layers` lines below a heading. Columns that an
 * older version did not write are added, empty. SN_ERROR_DATA also for another heading. */
sn_status sn_run_log_trim_layers(const char *path, uint64_t epoch, size_t layers,
                                 char note[SN_RUN_NOTE_SIZE], sn_error *error);

#endif
