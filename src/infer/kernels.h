/* Inside the runtime: the kernels that instruction sets have, in order. Where two plans cost the
 * same the first in the list wins. Lists end with NULL. */
#ifndef SN_INFER_KERNELS_H
#define SN_INFER_KERNELS_H

#include "infer/kernel.h"

extern const sn_infer_kernel sn_infer_conv_amx_kernel;   /* conv_amx.c, where there is AMX */
extern const sn_infer_kernel sn_infer_conv_walk_kernel;  /* conv_walk.c */
extern const sn_infer_kernel sn_infer_conv_short_kernel; /* conv_walk.c: lanes of 16 bits */
extern const sn_infer_kernel sn_infer_conv_dense_kernel; /* conv_dense.c */
extern const sn_infer_kernel sn_infer_linear_kernel;
extern const sn_infer_kernel sn_infer_sum_kernel;
extern const sn_infer_kernel sn_infer_shift_clamp_kernel;
extern const sn_infer_kernel sn_infer_window_pool_kernel;
extern const sn_infer_kernel sn_infer_global_pool_kernel;

extern const sn_infer_kernel *const sn_infer_scalar_kernels[]; /* vectors of one lane */
extern const sn_infer_kernel *const sn_infer_vector_kernels[]; /* of several */
extern const sn_infer_kernel *const sn_infer_amx_kernels[];

#endif
