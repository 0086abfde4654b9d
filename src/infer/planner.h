/* Inside the runtime: which kernel runs a layer. A pure function: it allocates nothing and runs no
 * kernel. */
#ifndef SN_INFER_PLANNER_H
#define SN_INFER_PLANNER_H

#include "infer/kernel.h"

typedef struct sn_infer_choice {
    const sn_infer_kernel *kernel;
    sn_infer_plan plan;
} sn_infer_choice;

/* Of the kernels in the list, which ends with NULL, the one whose plan costs least; of several the
 * first. Where none has the form that is forced, a last resort. False when none can run it. */
bool sn_infer_plan_layer(const sn_infer_kernel *const *kernels, const sn_infer_layer *layer,
                         const sn_infer_request *request, sn_infer_choice *choice);

/* options and, where they leave it open, the instruction set's own costs. */
sn_infer_request sn_infer_request_of(const sn_infer_options *options, uint32_t lanes,
                                     const sn_infer_costs *typical);

#endif
