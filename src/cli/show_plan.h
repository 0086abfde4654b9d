/* ./eval --plan */
#ifndef SN_CLI_SHOW_PLAN_H
#define SN_CLI_SHOW_PLAN_H

#include "cli/rows.h"
#include "cli/subject.h"

typedef struct sn_show_plan_options {
    sn_output format;       /* CSV: the convolutions alone */
    bool compare_forms;     /* time every form, not only the chosen one and the dense one */
    double seconds;         /* about what each form is run for */
    sn_infer_options infer; /* its threads are those that each layer is spread over */
} sn_show_plan_options;

/* Prints to stdout how each convolution is computed, the time that was predicted for that, and the
 * time it takes on a random image. Says where a layer with one-bit or ternary weights runs dense,
 * and where dense would be faster. */
sn_status sn_show_plan(const sn_subject *subject, const sn_show_plan_options *options,
                       sn_error *error);

#endif
