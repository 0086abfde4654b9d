/* OpenBLAS maps a buffer for each thread that is in GEMM at the same time. If the system refuses
 * one, for example under `ulimit -v`, it tries again forever. So signet asks for the buffers
 * beforehand.
 */
#ifndef SN_AUTOGRAD_BLAS_MEMORY_H
#define SN_AUTOGRAD_BLAS_MEMORY_H

#include "base/status.h"

#include <stdbool.h>

/* Makes OpenBLAS map its buffers for `threads` threads, unless that was done before. OpenBLAS keeps
 * them. SN_ERROR_MEMORY when there is not enough address space. */
sn_status sn_blas_reserve(int threads, sn_error *error);

/* Whether a buffer could be mapped now. If not, the threads that OpenBLAS starts with the program
 * may still be trying. OpenBLAS waits for them in its exit handler, which must then not run. */
bool sn_blas_has_room(void);

#endif
