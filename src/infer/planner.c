#include "infer/planner.h"

/* The cheapest plan; last_resorts: only of kernels that are. */
static bool choose(const sn_infer_kernel *const *kernels, const sn_infer_layer *layer,
                   const sn_infer_request *request, bool last_resorts, sn_infer_choice *choice) {
    sn_infer_plan plan;
    choice->kernel = NULL;
    for (; *kernels; kernels++) {
        const sn_infer_kernel *kernel = *kernels;
        if ((last_resorts && !kernel->last_resort) || !kernel->accepts(layer) ||
            !kernel->plan(layer, request, &plan))
            continue;
        if (!choice->kernel || plan.cost_ns < choice->plan.cost_ns)
            *choice = (sn_infer_choice){.kernel = kernel, .plan = plan};
    }
    return choice->kernel;
}

bool sn_infer_plan_layer(const sn_infer_kernel *const *kernels, const sn_infer_layer *layer,
                         const sn_infer_request *request, sn_infer_choice *choice) {
    if (choose(kernels, layer, request, false, choice))
        return true;
    sn_infer_request dense = *request;
    dense.form = SN_INFER_FORM_DENSE;
    return choose(kernels, layer, &dense, true, choice);
}

sn_infer_request sn_infer_request_of(const sn_infer_options *options, uint32_t lanes,
                                     const sn_infer_costs *typical) {
    return (sn_infer_request){
        .lanes = lanes,
        .costs = options->costs ? *options->costs : *typical,
        .form = options->form,
        .signs = options->signs,
        .group = (uint32_t)options->group,
    };
}
