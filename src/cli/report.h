/* What eval and export print, and what begins each JSON object about a network. */
#ifndef SN_CLI_REPORT_H
#define SN_CLI_REPORT_H

#include "cli/evaluate.h"
#include "cli/rows.h"

/* Results on stdout. dataset: index of sn_dataset_name. SN_ERROR_DATA for a path that JSON cannot
 * hold. */
sn_status sn_report_evaluation(const sn_subject *subject, int dataset,
                               const sn_evaluate_options *options, const sn_evaluate_result *result,
                               sn_output format, sn_error *error);

/* Prints one JSON object: what the path names, and the members of `more`, which it releases.
 * SN_ERROR_DATA for a path that JSON cannot hold. */
sn_status sn_report_object(const sn_subject *subject, json_t *more, sn_error *error);

/* What was exported: paths, NULL for what was not. */
typedef struct sn_exported {
    const char *model, *header, *example;
} sn_exported;

sn_status sn_report_export(const sn_subject *subject, const sn_exported *exported, sn_output format,
                           sn_error *error);

#endif
