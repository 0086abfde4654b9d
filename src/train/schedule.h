/* Learning-rate schedules, step by step. */
#ifndef SN_TRAIN_SCHEDULE_H
#define SN_TRAIN_SCHEDULE_H

#include <stdint.h>

typedef enum sn_schedule_kind {
    SN_SCHEDULE_COSINE,  /* lr (1 + cos(pi p)) / 2 at share p of the run */
    SN_SCHEDULE_LINEAR,  /* lr (1 - p) */
    SN_SCHEDULE_STEP,    /* times step_factor at half and three quarters of the run, or every
                            step_epochs */
    SN_SCHEDULE_CONSTANT /* lr */
} sn_schedule_kind;

const char *sn_schedule_name(int index); /* NULL past the last */

typedef struct sn_schedule_options {
    int kind; /* sn_schedule_kind */
    double learning_rate;
    double warmup; /* epochs over which the rate first rises linearly */
    double step_factor;
    uint64_t step_epochs;
} sn_schedule_options;

/* The learning rate of step `step` (from 0) of epochs * steps_per_epoch. */
double sn_schedule_rate(const sn_schedule_options *options, uint64_t step, uint64_t steps_per_epoch,
                        uint64_t epochs);

#endif
