/* Our library as a contestant. */
#ifndef SN_BENCH_INFER_OURS_H
#define SN_BENCH_INFER_OURS_H

#include "infer/signet.h"
#include "infer_contest.h"
#include "infer_net.h"

typedef struct bench_ours_setup {
    const bench_net *net; /* must stay */
    sn_infer_isa isa;
    sn_infer_form form;
    int batch, threads;
    /* What is timed. Whole runs: value 0 is the time from images in to logits out, and with
     * `layers` value 1 + i that of instruction i. Otherwise the only value is the time of
     * instruction net->layer. */
    bool whole, layers;
} bench_ours_setup;

/* One image is spread over all threads; of several each thread runs some, one after the other. Then
 * a layer's time is that of the thread that takes longest over its images. */
sn_status bench_ours_create(const bench_ours_setup *setup, bench_contestant *made, sn_error *error);

/* Runs the batch and compares all outputs with net->expected, where that is there. */
sn_status bench_ours_verify(const bench_contestant *ours, const char *who, sn_error *error);

const float *bench_ours_logits(const bench_contestant *ours, int image);
const sn_infer_info *bench_ours_info(const bench_contestant *ours);
sn_infer_layer_info bench_ours_layer(const bench_contestant *ours, int index);

#endif
