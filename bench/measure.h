/* Times the steps of a training run through the trainer's step callback. */
#ifndef SN_BENCH_MEASURE_H
#define SN_BENCH_MEASURE_H

#include "base/status.h"
#include "train/config.h"

/* Steps that are run but not counted, and batches at the end of the data that are never trained on:
 * the loader, which works ahead, shall have something to do during every step that counts. */
enum { MEASURE_WARM_UP = 3, MEASURE_SPARE = 8 };

typedef struct measure_options {
    size_t steps;   /* wanted, warm-up not counted; > 0 */
    double seconds; /* after which the run ends with fewer, but with one warm-up and one step */
} measure_options;

typedef struct measure_result {
    size_t steps;            /* that count */
    double seconds_per_step; /* the median */
} measure_result;

/* Trains `config` on the data until that is done; with a signal that waits (scratch.h)
 * result->steps may be 0. config->out must be an empty folder; files of the run stay there. The
 * data must have MEASURE_WARM_UP + options->steps + MEASURE_SPARE batches. */
sn_status measure_training(const measure_options *options, const sn_train_config *config,
                           const sn_dataset *train, const sn_dataset *test, measure_result *result,
                           sn_error *error);

#endif
