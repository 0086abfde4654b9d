/* OpenBLAS maps a buffer for every thread that is in GEMM at the same time. Where the system
 * refuses it one, as under `ulimit -v`, it tries again for ever. So the buffers are asked for
 * before. */
#ifndef SN_AUTOGRAD_BLAS_MEMORY_H
#define SN_AUTOGRAD_BLAS_MEMORY_H

#include "base/status.h"

#include <stdbool.h>

/* Lets OpenBLAS map its buffers for `threads` threads, which it keeps, unless that was done before.
 * SN_ERROR_MEMORY when there is not enough address space. */
sn_status sn_blas_reserve(int threads, sn_error *error);

/* Whether a buffer could be mapped now. If not, threads that OpenBLAS started with the program may
 * still be trying, and its handler at the end of the program, which waits for them, must not run.
 */
bool sn_blas_has_room(void);

#endif
