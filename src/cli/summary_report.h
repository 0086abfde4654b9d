/* A summary for people and for programs. */
#ifndef SN_CLI_SUMMARY_REPORT_H
#define SN_CLI_SUMMARY_REPORT_H

#include "cli/summary.h"

#include <jansson.h>

typedef struct sn_summary_options {
    bool untrained;      /* the weights are initial ones */
    bool measured_costs; /* the planner's costs were measured */
} sn_summary_options;

/* A row for each layer, totals, and what the columns mean, to stdout. SN_ERROR_MEMORY. */
sn_status sn_summary_print(const sn_summary *summary, const sn_summary_options *options,
                           sn_error *error);

/* A line for each layer. SN_ERROR_MEMORY. */
sn_status sn_summary_csv(const sn_summary *summary, sn_error *error);

/* An object with an array of layers; NULL when memory is out. */
json_t *sn_summary_json(const sn_summary *summary, const sn_summary_options *options);

#endif
