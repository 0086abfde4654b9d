#include "infer/kernels.h"
#include "infer/amx_tile.h"

/* What every instruction set has. */
#define OTHER_LAYERS                                                                               \
    &sn_infer_linear_kernel, &sn_infer_sum_kernel, &sn_infer_window_pool_kernel,                   \
        &sn_infer_global_pool_kernel, &sn_infer_shift_clamp_kernel, NULL
#define FLOAT_CONVOLUTIONS &sn_infer_conv_walk_kernel, &sn_infer_conv_dense_kernel
#define CONVOLUTIONS       FLOAT_CONVOLUTIONS, &sn_infer_conv_short_kernel

const sn_infer_kernel *const sn_infer_scalar_kernels[] = {FLOAT_CONVOLUTIONS, OTHER_LAYERS};
const sn_infer_kernel *const sn_infer_vector_kernels[] = {CONVOLUTIONS, OTHER_LAYERS};
#if SN_INFER_HAS_AMX
const sn_infer_kernel *const sn_infer_amx_kernels[] = {&sn_infer_conv_amx_kernel, CONVOLUTIONS,
                                                       OTHER_LAYERS};
#endif
