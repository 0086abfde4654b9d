#include "infer/layer.h"

/* Faster kernels go before slower ones that accept the same layers. */
static const sn_infer_kernel *const kernels[] = {
    &sn_infer_conv_signed_binary,
    &sn_infer_conv_fp32,
    &sn_infer_linear_fp32,
    &sn_infer_sum,
    &sn_infer_max_pool,
    &sn_infer_average_pool,
    &sn_infer_global_average_pool,
};

const sn_infer_kernel *sn_infer_kernel_find(const sn_infer_layer *layer) {
    for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++)
        if (kernels[i]->accepts(layer))
            return kernels[i];
    return NULL;
}
