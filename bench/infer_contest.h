/* Timing several programs for the same thing against each other. */
#ifndef SN_BENCH_INFER_CONTEST_H
#define SN_BENCH_INFER_CONTEST_H

#include "base/status.h"

#include <stddef.h>

typedef struct bench_contestant {
    void *self;
    /* Runs once and writes `values` numbers of seconds. */
    sn_status (*run)(void *self, double *seconds, sn_error *error);
    void (*destroy)(void *self);
    size_t values;   /* at least 1 */
    double settle;   /* seconds of rest after a slice, for threads that it leaves spinning */
    double *samples; /* [count][values] */
    size_t count, room;
} bench_contestant;

/* In every round each contestant runs in turn: once uncounted, then for `seconds`, at least once.
 */
sn_status bench_contest(bench_contestant *contestants, size_t count, size_t rounds, double seconds,
                        sn_error *error);

/* Of value `index` over all repetitions; NAN without any. */
double bench_median(const bench_contestant *contestant, size_t index);
double bench_minimum(const bench_contestant *contestant, size_t index);

/* Forgets the samples and destroys what runs. Fine for one that is all zero. */
void bench_contestant_free(bench_contestant *contestant);

#endif
