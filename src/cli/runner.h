/* A packed model opened to be looked at and timed, layer by layer. */
#ifndef SN_CLI_RUNNER_H
#define SN_CLI_RUNNER_H

#include "base/status.h"
#include "infer/signet.h"

typedef struct sn_runner {
    sn_infer_info info;
    const sn_infer_model *model; /* in `memory` */
    int threads;
    void *memory, *scratch;
    float *image, *logits;
} sn_runner;

/* Close it also after an error. SN_ERROR_ARGUMENT for instructions that this machine lacks. The
 * image is random with mean 0 and variance 1, like a normalised one. */
sn_status sn_runner_open(const void *packed, size_t bytes, const sn_infer_options *options,
                         sn_runner *runner, sn_error *error);
void sn_runner_close(sn_runner *runner);

/* Runs the image once on all threads; seconds[info.layers] is what each layer took. */
sn_status sn_runner_time(sn_runner *runner, double *seconds, sn_error *error);

/* Measures what steps of the isa's kernels cost on this machine. Takes the median of several
 * measurements, because one may be far off while other programs run. */
sn_status sn_runner_measure_costs(sn_infer_isa isa, sn_infer_costs *costs, sn_error *error);

/* Of count > 0 values, which it sorts. */
double sn_median(double *values, size_t count);

#endif
