/* A progress line on stderr: share done, rate, time left. Nothing is printed unless stderr is a
 * terminal. */
#ifndef SN_CLI_PROGRESS_H
#define SN_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct sn_progress {
    const char *unit; /* e.g. "images" */
    double started;   /* seconds, sn_clock_seconds */
    double shown;     /* when the line was last drawn */
    bool enabled;     /* stderr is a terminal */
    size_t width;     /* bytes on the line now */
} sn_progress;

/* What a line says. */
typedef struct sn_progress_state {
    const char *label, *unit, *extra; /* extra may be NULL */
    size_t done, total;               /* items of the whole, also those of an earlier process */
    size_t skipped;                   /* items that were done before this process began */
    double seconds;                   /* since this process began with the others */
} sn_progress_state;

/* Writes the line of sn_progress_update, cut to size - 1 bytes; size > 0. Returns its length. Rate
 * and time left are missing until one item is done. */
size_t sn_progress_format(char *line, size_t size, const sn_progress_state *state);

/* Starts a line; `unit` must outlive it. */
void sn_progress_start(sn_progress *progress, const char *unit);

/* Redraws at most ten times a second: "LABEL  43 %  21500/50000 images  812/s  0:35 left  EXTRA".
 * `extra` may be NULL. `done` counts from where this process began when `skipped` items were done
 * before (a resumed epoch): the rate is that of done - skipped. */
void sn_progress_update(sn_progress *progress, const char *label, size_t done, size_t total,
                        size_t skipped, const char *extra);

/* Erases the line so that ordinary output can follow. */
void sn_progress_clear(sn_progress *progress);

#endif
