/* Predictions of an evaluation as a file. */
#ifndef SN_CLI_PREDICTIONS_H
#define SN_CLI_PREDICTIONS_H

#include "cli/evaluate.h"

/* sn_evaluate, with a line of CSV for each image in the file `path`: it holds either what it held
 * before or all of the lines. SN_ERROR_IO. */
sn_status sn_evaluate_with_predictions(const sn_subject *subject, const sn_dataset *dataset,
                                       const char *path, sn_evaluate_options *options,
                                       sn_evaluate_result *result, sn_error *error);

#endif
