#include "cli/plan_times.h"

#include "base/clock.h"
#include "cli/runner.h"

#include <stdlib.h>

/* A turn of a contestant is one run that warms up its tables and some that count. */
enum { TURN_RUNS = 3, LEAST_RUNS = 6, MOST_RUNS = 1500 };

/* On a busy machine two medians of the same code differ by a few percent. */
static const double noise = 1.03;

typedef struct contestant {
    sn_infer_form form; /* AUTO: as planned */
    sn_runner runner;
    double *samples; /* [layers][MOST_RUNS], seconds */
} contestant;

typedef struct contest {
    contestant all[SN_INFER_FORM_COUNT];
    int count;
    size_t layers, runs;
    double *seconds; /* of one run */
} contest;

static sn_status enter(contest *c, const void *packed, size_t bytes,
                       const sn_infer_options *options, sn_infer_form form, sn_error *error) {
    contestant *one = &c->all[c->count++];
    sn_infer_options own = *options;
    if (form != SN_INFER_FORM_AUTO)
        own.form = form;
    one->form = form;
    SN_TRY(sn_runner_open(packed, bytes, &own, &one->runner, error));
    c->layers = (size_t)one->runner.info.layers;
    one->samples = calloc(c->layers * MOST_RUNS, sizeof *one->samples);
    SN_RETURN_IF(!one->samples, error, SN_ERROR_MEMORY, "out of memory for times");
    return SN_OK;
}

static sn_status take_turn(contest *c, contestant *one, sn_error *error) {
    SN_TRY(sn_runner_time(&one->runner, c->seconds, error));
    for (size_t run = c->runs; run < c->runs + TURN_RUNS; run++) {
        SN_TRY(sn_runner_time(&one->runner, c->seconds, error));
        for (size_t i = 0; i < c->layers; i++)
            one->samples[i * MOST_RUNS + run] = c->seconds[i];
    }
    return SN_OK;
}

/* All take turns, so that a slow moment of the machine hits all of them. */
static sn_status run_contest(contest *c, double seconds, sn_error *error) {
    const double end = sn_clock_seconds() + seconds * c->count;
    c->seconds = calloc(c->layers, sizeof *c->seconds);
    SN_RETURN_IF(!c->seconds, error, SN_ERROR_MEMORY, "out of memory for times");
    while (c->runs + TURN_RUNS <= MOST_RUNS && (c->runs < LEAST_RUNS || sn_clock_seconds() < end)) {
        for (int i = 0; i < c->count; i++)
            SN_TRY(take_turn(c, &c->all[i], error));
        c->runs += TURN_RUNS;
    }
    return SN_OK;
}

static void fill_row(contest *c, size_t index, sn_plan_row *row) {
    sn_infer_describe_layer(c->all[0].runner.model, (int)index, &row->layer);
    for (int i = 0; i < c->count; i++) {
        const contestant *one = &c->all[i];
        const double us = 1e6 * sn_median(one->samples + index * MOST_RUNS, c->runs);
        sn_infer_layer_info layer;
        sn_infer_describe_layer(one->runner.model, (int)index, &layer);
        if (one->form == SN_INFER_FORM_AUTO)
            row->us = us;
        else if (layer.form == one->form) /* otherwise the layer does not have it */
            row->form_us[one->form] = us;
    }
    /* Two measurements of one form would only differ by chance. */
    if (row->layer.form != SN_INFER_FORM_AUTO)
        row->form_us[row->layer.form] = row->us;
}

static sn_status fill_times(contest *c, sn_plan_times *times, sn_error *error) {
    times->info = c->all[0].runner.info;
    times->runs = c->runs;
    times->rows = calloc(c->layers, sizeof *times->rows);
    SN_RETURN_IF(!times->rows, error, SN_ERROR_MEMORY, "out of memory for times");
    for (size_t i = 0; i < c->layers; i++)
        fill_row(c, i, &times->rows[i]);
    return SN_OK;
}

sn_status sn_plan_times_measure(const void *packed, size_t bytes, const sn_infer_options *options,
                                const bool *wanted, double seconds, sn_plan_times *times,
                                sn_error *error) {
    contest c = {0};
    *times = (sn_plan_times){0};
    sn_status status = enter(&c, packed, bytes, options, SN_INFER_FORM_AUTO, error);
    for (int form = SN_INFER_FORM_DENSE; status == SN_OK && form < SN_INFER_FORM_COUNT; form++)
        if (wanted[form] && options->form != (sn_infer_form)form)
            status = enter(&c, packed, bytes, options, (sn_infer_form)form, error);
    if (status == SN_OK)
        status = run_contest(&c, seconds, error);
    if (status == SN_OK)
        status = fill_times(&c, times, error);
    for (int i = 0; i < c.count; i++) {
        sn_runner_close(&c.all[i].runner);
        free(c.all[i].samples);
    }
    free(c.seconds);
    return status;
}

void sn_plan_times_free(sn_plan_times *times) {
    free(times->rows);
    *times = (sn_plan_times){0};
}

sn_infer_form sn_plan_fastest(const sn_plan_row *row) {
    int best = SN_INFER_FORM_AUTO;
    for (int form = SN_INFER_FORM_DENSE; form < SN_INFER_FORM_COUNT; form++)
        if (row->form_us[form] > 0 &&
            (best == SN_INFER_FORM_AUTO || row->form_us[form] < row->form_us[best]))
            best = form;
    return (sn_infer_form)best;
}

double sn_plan_dense_gain(const sn_plan_row *row) {
    const double dense = row->form_us[SN_INFER_FORM_DENSE];
    const bool is_faster = row->layer.form != SN_INFER_FORM_AUTO &&
                           row->layer.form != SN_INFER_FORM_DENSE && dense > 0 &&
                           dense * noise < row->us;
    return is_faster ? row->us / dense : 0;
}
