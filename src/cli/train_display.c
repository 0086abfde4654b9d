#include "cli/train_display.h"

#include "base/clock.h"

#include <stdio.h>
#include <time.h>

enum { PACE_STEPS = 20 }; /* after which the time to the end is told */

typedef sn_train_display display;

static void show_begin(void *context) {
    display *d = context;
    sn_opening_print(d->opening);
    sn_opening_warn(d->opening);
    sn_pace_start(&d->pace, sn_trainer_evaluation_images(d->trainer));
    d->started = sn_clock_seconds();
}

/* Seconds to the end of this invocation; 0 while unknown. */
static double seconds_left(const display *d, const sn_step_report *report) {
    const uint64_t epochs = d->last_epoch - report->epoch;
    const size_t images =
        report->images_total - report->images_done + (size_t)epochs * report->images_total;
    return sn_pace_seconds(&d->pace, images, epochs + 1);
}

/* "train: 812 images/s; at this rate 100 epochs take 2 h 05 min, until about 14:30" */
static void tell_pace(display *d, double left) {
    const bool resumed = sn_trainer_was_resumed(d->trainer);
    const double now = sn_clock_seconds();
    const time_t today = time(NULL);
    char duration[32], until[32], what[48];
    sn_pace_duration(resumed ? left : now - d->started + left, duration, sizeof duration);
    sn_pace_clock(today + (time_t)left, today, until, sizeof until);
    snprintf(what, sizeof what, "%llu epoch%s", (unsigned long long)d->last_epoch,
             d->last_epoch == 1 ? "" : "s");
    d->told = true;
    sn_progress_clear(&d->progress);
    fprintf(stderr, "train: %.0f images/s; at this rate %s take%s %s, until about %s\n",
            sn_pace_rate(&d->pace), resumed ? "the rest" : what,
            resumed || d->last_epoch == 1 ? "s" : "", duration, until);
}

static void show_step(void *context, const sn_step_report *report) {
    display *d = context;
    sn_pace_step(&d->pace, report->images_done, sn_clock_seconds());
    const double left = seconds_left(d, report);
    if (!d->told && d->pace.steps >= PACE_STEPS && left > 0)
        tell_pace(d, left);
    if (d->line_epoch != report->epoch)
        sn_progress_start(&d->progress, "images");
    d->line_epoch = report->epoch;
    char label[64], duration[32], run[48] = "", extra[80];
    snprintf(label, sizeof label, "epoch %llu/%llu", (unsigned long long)report->epoch,
             (unsigned long long)report->epochs);
    sn_pace_duration(left, duration, sizeof duration);
    if (left > 0)
        snprintf(run, sizeof run, "  run %s left", duration);
    snprintf(extra, sizeof extra, "loss %.4f%s", report->loss, run);
    sn_progress_update(&d->progress, label, report->images_done, report->images_total,
                       report->images_before, extra);
}

static void show_evaluating(void *context) {
    display *d = context;
    sn_progress_clear(&d->progress);
    sn_pace_evaluating(&d->pace, sn_clock_seconds());
}

static void show_epoch(void *context, const sn_epoch_metrics *m) {
    display *d = context;
    sn_pace_evaluated(&d->pace, sn_clock_seconds());
    char valid[64] = "";
    if (m->has_valid)
        snprintf(valid, sizeof valid, "valid loss %.4f  valid %5.2f %%  ", m->valid.loss,
                 m->valid.top1);
    printf("epoch %3llu  loss %.4f  train %5.2f %%  %stest %5.2f %%  density %.3f  lr %.3g  "
           "%.0f images/s  %.1f s%s\n",
           (unsigned long long)m->epoch, m->loss, m->train_top1, valid, m->test.top1, m->density,
           m->learning_rate, m->images_per_second, m->seconds, m->best ? "  best" : "");
    fflush(stdout);
}

static void show_warning(void *context, const char *text) {
    (void)context;
    fprintf(stderr, "train: warning: %s\n", text);
}

sn_train_observer sn_train_display_observer(sn_train_display *d) {
    return (sn_train_observer){d, show_begin, show_step, show_evaluating, show_epoch, show_warning};
}

void sn_train_display_end(const sn_trainer *trainer, const sn_train_config *config) {
    const sn_train_state *state = sn_trainer_state(trainer);
    const char *directory = sn_trainer_directory(trainer);
    if (state->best_top1 >= 0)
        printf("best %stop-1 %.2f %% after epoch %llu: %s/best.h5\n",
               config->valid > 0 ? "validation " : "", state->best_top1,
               (unsigned long long)state->best_epoch, directory);
    if (state->epoch < config->epochs)
        fprintf(stderr, "train: stopped %s epoch %llu of %llu; continue with --resume %s\n",
                state->step > 0 ? "in" : "after",
                (unsigned long long)state->epoch + (state->step > 0),
                (unsigned long long)config->epochs, directory);
}
