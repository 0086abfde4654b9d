/* Accuracy and speed of a packed model, run by the inference library. */
#ifndef SN_CLI_EVALUATE_H
#define SN_CLI_EVALUATE_H

#include "cli/progress.h"
#include "cli/subject.h"
#include "train/predictor.h"

#include <stdio.h>

typedef struct sn_evaluate_options {
    int threads;
    sn_infer_options infer;
    size_t parity_images; /* how many of the first images the training graph runs too; a model file
                             has none */
    FILE *predictions;    /* CSV goes here: index, label, prediction, logits; or NULL */
    const char *split;    /* what reports call images other than test images; or NULL */
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

/* Runs the data set through the packed model, and the first images through the training graph. */
sn_status sn_evaluate(const sn_subject *subject, const sn_dataset *dataset,
                      const sn_evaluate_options *options, sn_evaluate_result *result,
                      sn_error *error);

#endif
