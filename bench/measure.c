#include "measure.h"

#include "base/clock.h"
#include "scratch.h"
#include "train/trainer.h"

#include <stdlib.h>

typedef struct stopwatch {
    const measure_options *options;
    double *seconds; /* [steps done] */
    size_t done;
    double started, latest;
    volatile sig_atomic_t stop;
} stopwatch;

/* Whatever lies between two callbacks belongs to the step: waiting for the loader, too. */
static void after_step(void *context, const sn_step_report *report) {
    (void)report;
    stopwatch *w = context;
    const double now = sn_clock_seconds();
    w->seconds[w->done++] = now - w->latest;
    w->latest = now;
    const bool late = now - w->started > w->options->seconds && w->done >= 2;
    if (w->done == w->options->steps + MEASURE_WARM_UP || late || signals_waiting())
        w->stop = 1;
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count) {
    qsort(values, count, sizeof *values, compare);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

/* A run that was cut short may have little more than its warm-up: then half of it counts. */
static void summarise(const stopwatch *w, measure_result *result) {
    const bool whole = w->done == w->options->steps + MEASURE_WARM_UP;
    const size_t half = w->done / 2;
    const size_t warm_up = whole || half > MEASURE_WARM_UP ? MEASURE_WARM_UP : half;
    *result = (measure_result){.steps = w->done < 2 ? 0 : w->done - warm_up};
    if (result->steps)
        result->seconds_per_step = median(w->seconds + warm_up, result->steps);
}

static sn_status run(stopwatch *w, const sn_train_config *config, const sn_dataset *train,
                     const sn_dataset *test, sn_error *error) {
    sn_trainer *trainer;
    SN_TRY(sn_trainer_create(config, train, test, NULL, &trainer, error));
    const sn_train_observer observer = {.context = w, .step = after_step};
    w->started = w->latest = sn_clock_seconds();
    const sn_status status = sn_trainer_run(trainer, &observer, &w->stop, error);
    sn_trainer_free(trainer);
    return status;
}

sn_status measure_training(const measure_options *options, const sn_train_config *config,
                           const sn_dataset *train, const sn_dataset *test, measure_result *result,
                           sn_error *error) {
    stopwatch w = {.options = options};
    w.seconds = calloc(options->steps + MEASURE_WARM_UP, sizeof *w.seconds);
    SN_RETURN_IF(!w.seconds, error, SN_ERROR_MEMORY, "no memory for %zu steps", options->steps);
    const sn_status status = run(&w, config, train, test, error);
    if (status == SN_OK)
        summarise(&w, result);
    free(w.seconds);
    return status;
}
