/* Threads for the benchmark, until src/infer/threads.h is there. */
#ifndef SN_BENCH_INFER_POOL_H
#define SN_BENCH_INFER_POOL_H

#include "infer/signet.h"

typedef struct bench_pool bench_pool;

/* The calling thread counts as one of them. NULL when there is no memory or no thread. */
bench_pool *bench_pool_create(int threads);
void bench_pool_free(bench_pool *pool);
sn_infer_pool bench_pool_interface(bench_pool *pool);

#endif
