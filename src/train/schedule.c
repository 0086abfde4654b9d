#include "train/schedule.h"

#include <math.h>
#include <stddef.h>

const char *sn_schedule_name(int index) {
    static const char *const names[] = {[SN_SCHEDULE_COSINE] = "cosine",
                                        [SN_SCHEDULE_LINEAR] = "linear",
                                        [SN_SCHEDULE_STEP] = "step",
                                        [SN_SCHEDULE_CONSTANT] = "constant"};
    return index >= 0 && index < (int)(sizeof names / sizeof *names) ? names[index] : NULL;
}

static double steps_down(const sn_schedule_options *options, uint64_t epoch, double share) {
    if (options->step_epochs) {
        const uint64_t steps = epoch / options->step_epochs;
        return (double)steps;
    }
    return (share >= 0.5) + (share >= 0.75);
}

double sn_schedule_rate(const sn_schedule_options *options, uint64_t step, uint64_t steps_per_epoch,
                        uint64_t epochs) {
    const double pi = 3.14159265358979323846;
    const double warmup_steps = options->warmup * (double)steps_per_epoch;
    if ((double)step < warmup_steps)
        return options->learning_rate * fmin(1, (double)(step + 1) / warmup_steps);
    const double share = (double)step / (double)(steps_per_epoch * epochs);
    switch ((sn_schedule_kind)options->kind) {
    case SN_SCHEDULE_COSINE:
        return options->learning_rate * 0.5 * (1 + cos(pi * share));
    case SN_SCHEDULE_LINEAR:
        return options->learning_rate * (1 - share);
    case SN_SCHEDULE_STEP:
        return options->learning_rate *
               pow(options->step_factor, steps_down(options, step / steps_per_epoch, share));
    case SN_SCHEDULE_CONSTANT:
        break;
    }
    return options->learning_rate;
}
