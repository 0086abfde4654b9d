#define _POSIX_C_SOURCE 200809L
#include "infer_contest.h"

#include "base/clock.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

enum { FIRST_ROOM = 64 };

static sn_status sample(bench_contestant *c, sn_error *error) {
    if (c->count == c->room) {
        const size_t room = c->room ? 2 * c->room : FIRST_ROOM;
        double *samples = realloc(c->samples, room * c->values * sizeof *samples);
        SN_RETURN_IF(!samples, error, SN_ERROR_MEMORY, "no memory for measurements");
        c->samples = samples;
        c->room = room;
    }
    SN_TRY(c->run(c->self, c->samples + c->count * c->values, error));
    c->count++;
    return SN_OK;
}

static void rest(double seconds) {
    const struct timespec time = {0, (long)(seconds * 1e9)};
    if (seconds > 0)
        nanosleep(&time, NULL);
}

static sn_status slice(bench_contestant *c, double seconds, sn_error *error) {
    SN_TRY(sample(c, error));
    c->count--; /* what others left in the caches is gone now */
    const double start = sn_clock_seconds();
    do
        SN_TRY(sample(c, error));
    while (sn_clock_seconds() - start < seconds);
    rest(c->settle);
    return SN_OK;
}

sn_status bench_contest(bench_contestant *contestants, size_t count, size_t rounds, double seconds,
                        sn_error *error) {
    for (size_t round = 0; round < rounds; round++)
        for (size_t i = 0; i < count; i++)
            if (contestants[i].run)
                SN_TRY(slice(&contestants[i], seconds, error));
    return SN_OK;
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(const bench_contestant *c, size_t index) {
    double *column = c->count ? malloc(c->count * sizeof *column) : NULL;
    if (!column)
        return NAN;
    for (size_t i = 0; i < c->count; i++)
        column[i] = c->samples[i * c->values + index];
    qsort(column, c->count, sizeof *column, compare);
    const double median = (column[(c->count - 1) / 2] + column[c->count / 2]) / 2;
    free(column);
    return median;
}

double bench_minimum(const bench_contestant *c, size_t index) {
    double least = NAN;
    for (size_t i = 0; i < c->count; i++)
        least = fmin(least, c->samples[i * c->values + index]);
    return least;
}

void bench_contestant_free(bench_contestant *c) {
    if (c->destroy)
        c->destroy(c->self);
    free(c->samples);
    *c = (bench_contestant){0};
}
