/* How long the layers of a model take in one form and another. */
#ifndef SN_CLI_PLAN_TIMES_H
#define SN_CLI_PLAN_TIMES_H

#include "base/status.h"
#include "infer/signet.h"

/* One layer as planned, and what it took. */
typedef struct sn_plan_row {
    sn_infer_layer_info layer;
    double us; /* median */
    /* The same for each form; 0: not timed, or not a form of this layer. The planned form's is
     * `us`. */
    double form_us[SN_INFER_FORM_COUNT];
} sn_plan_row;

typedef struct sn_plan_times {
    sn_infer_info info; /* as planned */
    sn_plan_row *rows;  /* [info.layers] */
    size_t runs;        /* of which `us` are the medians */
} sn_plan_times;

/* Opens the model once as the options have it and once in each form of wanted[SN_INFER_FORM_COUNT],
 * and runs them in turn for about `seconds` each. Free *times also after an error. */
sn_status sn_plan_times_measure(const void *packed, size_t bytes, const sn_infer_options *options,
                                const bool *wanted, double seconds, sn_plan_times *times,
                                sn_error *error);
void sn_plan_times_free(sn_plan_times *times);

/* The form that took the least time; AUTO when none was timed. */
sn_infer_form sn_plan_fastest(const sn_plan_row *row);

/* How many times faster than planned the layer was in the dense form. 0: not faster by more than
 * measurements differ anyway, or planned dense. */
double sn_plan_dense_gain(const sn_plan_row *row);

#endif
