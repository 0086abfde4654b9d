/* How fast a run goes, and when it will have ended, evaluations included. */
#ifndef SN_CLI_PACE_H
#define SN_CLI_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Times are seconds of one clock, such as sn_clock_seconds. */
typedef struct sn_pace {
    size_t evaluation_images; /* that go forward once in an evaluation */
    size_t steps;             /* of this invocation */
    size_t images;            /* of the steps that were timed */
    double seconds;           /* likewise */
    double evaluation;        /* seconds that the latest one took */
    bool evaluated;           /* there was one */
    bool in_epoch;            /* the latest step belongs to the epoch that goes on */
    size_t last_images;       /* done after the latest step */
    double last;              /* when that ended, or the evaluation began or ended */
} sn_pace;

/* The first step of an epoch is not timed: it waits for the loader, and the very first one for
 * memory. Only when epochs have no other step, the second epoch's is. */
void sn_pace_start(sn_pace *pace, size_t evaluation_images);

/* After a step, when `images` of the epoch are done. */
void sn_pace_step(sn_pace *pace, size_t images, double now);

/* When an evaluation begins, and when it and all that belongs to it has ended. */
void sn_pace_evaluating(sn_pace *pace, double now);
void sn_pace_evaluated(sn_pace *pace, double now);

/* Training images in a second; 0 while unknown. */
double sn_pace_rate(const sn_pace *pace);

/* Seconds for so many training images and evaluations; 0 while the rate is unknown. Before the
 * first evaluation an image is taken to cost a third of what it costs in training, which goes
 * forward and then backward for activations and for weights. */
double sn_pace_seconds(const sn_pace *pace, size_t images, uint64_t evaluations);

/* "35 s", "4 min 10 s", "12 min", "2 h 05 min", "3 d 04 h" */
void sn_pace_duration(double seconds, char *text, size_t size);

/* "14:30" in local time; on another day than `now` "Mon 30 Nov 14:30". */
void sn_pace_clock(time_t when, time_t now, char *text, size_t size);

#endif
