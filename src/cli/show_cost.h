/* ./eval --cost */
#ifndef SN_CLI_SHOW_COST_H
#define SN_CLI_SHOW_COST_H

#include "base/status.h"
#include "cli/rows.h"
#include "infer/signet.h"

#include <stdio.h>

typedef struct sn_show_cost_options {
    sn_output format;      /* CSV: the layers alone */
    double seconds;        /* that runs are repeated for to measure their energy; 0: not at all */
    const char *rapl_root; /* NULL for the system's own */
    const void *packed;    /* the model's bytes, for the names of layers; NULL: by number */
} sn_show_cost_options;

/* Prints what an image costs in the convolutions of an opened model with each kind of weights, by
 * the model of docs/cost.md, and the measured energy where the machine counts it. `info` comes from
 * sn_infer_inspect with the same options. */
sn_status sn_show_cost(const sn_infer_model *model, const sn_infer_info *info,
                       const sn_show_cost_options *options, FILE *out, sn_error *error);

#endif
