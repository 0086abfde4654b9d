/* What ./eval measures: a checkpoint's network, frozen and run by the inference library. */
#ifndef SN_CLI_EVALUATE_H
#define SN_CLI_EVALUATE_H

#include "cli/progress.h"
#include "train/checkpoint.h"
#include "train/network.h"
#include "train/predictor.h"

#include <stdio.h>

typedef struct sn_evaluate_options {
    int threads;
    size_t parity_images; /* how many of the first images the training graph runs too */
    FILE *predictions;    /* CSV goes here: index, label, prediction, logits; or NULL */
    sn_progress *progress;
} sn_evaluate_options;

typedef struct sn_evaluate_result {
    sn_evaluation accuracy;   /* by the inference library */
    double images_per_second; /* normalisation and inference, all threads */
    sn_infer_info model;      /* sizes and counts of the packed model */
    size_t parity_images;
    double parity_max_abs;    /* largest |difference| of a logit to the training graph's */
    size_t parity_mismatches; /* images with another prediction */
} sn_evaluate_result;

/* Rebuilds the network, freezes it and runs the data set through both. */
sn_status sn_evaluate(const sn_checkpoint *checkpoint, const sn_dataset *dataset,
                      const sn_evaluate_options *options, sn_evaluate_result *result,
                      sn_error *error);

#endif
