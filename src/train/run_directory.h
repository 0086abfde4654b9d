/* The output folder of a run: config.json, metrics.jsonl, layers.csv, last.h5, best.h5. */
#ifndef SN_TRAIN_RUN_DIRECTORY_H
#define SN_TRAIN_RUN_DIRECTORY_H

#include "train/config.h"
#include "train/run_lock.h"
#include "train/run_log.h"

#include <stdio.h>

enum { SN_RUN_PATH_SIZE = SN_OPTION_TEXT_SIZE + 64 };

typedef struct sn_run_directory {
    char path[SN_OPTION_TEXT_SIZE];
    FILE *metrics, *layers; /* NULL until opened */
    sn_run_lock lock;       /* held between opening and closing */
    bool made;              /* the folder was not there before */
    /* What was wrong with metrics.jsonl and layers.csv when the run was resumed; else "". */
    char note[2][SN_RUN_NOTE_SIZE];
} sn_run_directory;

/* A folder that is not open. */
sn_run_directory sn_run_directory_none(void);

/* Chooses and makes the folder: config->out, or runs/NAME, runs/NAME-2, ... An existing --out
 * folder must not hold a run; what is left of one that ended before its first checkpoint is
 * removed. Nothing is left behind on an error. */
sn_status sn_run_directory_create(const sn_train_config *config, sn_run_directory *directory,
                                  sn_error *error);

/* Opens the folder of a run that is resumed after `epoch` finished epochs, with `layers` quantized
 * layers: lines of metrics.jsonl and layers.csv that lie behind that point, and a half-written last
 * one, are dropped, and so are temporary files of a process that was killed. */
sn_status sn_run_directory_reopen(const char *path, uint64_t epoch, size_t layers,
                                  sn_run_directory *directory, sn_error *error);

/* What to say to somebody who wants to resume a run that has no last.h5: SN_ERROR_IO, with the
 * command that begins it anew. */
sn_status sn_run_directory_explain(const char *path, sn_error *error);

/* Removes all that a run has written that has no checkpoint yet, and closes. */
void sn_run_directory_discard(sn_run_directory *directory);

void sn_run_directory_close(sn_run_directory *directory);

/* DIR/name */
void sn_run_directory_file(const sn_run_directory *directory, const char *name,
                           char path[SN_RUN_PATH_SIZE]);

/* Writes config.json, whole or not at all. */
sn_status sn_run_directory_write_config(const sn_run_directory *directory,
                                        const sn_train_config *config, const sn_input_info *input,
                                        sn_error *error);

/* Appends a line to metrics.jsonl and sees it to the disk. */
sn_status sn_run_directory_append(sn_run_directory *directory, const char *line, sn_error *error);

/* Appends lines, each with its newline, to layers.csv. */
sn_status sn_run_directory_append_layers(sn_run_directory *directory, const char *lines,
                                         sn_error *error);

#endif
