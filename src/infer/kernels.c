#include "infer/layer.h"

static const sn_infer_kernel *const kernels[] = {
    &sn_infer_conv_kernel,        &sn_infer_linear_kernel,      &sn_infer_sum_kernel,
    &sn_infer_window_pool_kernel, &sn_infer_global_pool_kernel, &sn_infer_shift_clamp_kernel,
};

const sn_infer_kernel *sn_infer_kernel_find(const sn_infer_layer *layer) {
    for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++)
        if (kernels[i]->accepts(layer))
            return kernels[i];
    return NULL;
}
