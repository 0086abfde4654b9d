/* Threads for sn_infer_run on systems that have POSIX threads: a library of its own, which the
 * runtime does not need.
 *
 *     sn_infer_pool pool;
 *     if (sn_infer_threads_create(4, &pool)) {
 *         sn_infer_run(model, scratch, scratch_bytes, &pool, image, logits);   // options.threads 4
 *         sn_infer_threads_free(&pool);
 *     }
 *
 * A pool serves one call at a time; each that runs at the same time needs its own.
 */
#ifndef SN_INFER_THREADS_H
#define SN_INFER_THREADS_H

#include "infer/signet.h"

enum { SN_INFER_MAX_THREADS = 1024 };

/* `threads` counts the one that calls: threads - 1 are started. False when the number is not one of
 * 1 .. SN_INFER_MAX_THREADS, or when there is no memory or no thread; *pool is as it was then. */
bool sn_infer_threads_create(int threads, sn_infer_pool *pool);

/* Ends the threads, which must have nothing to do, and clears *pool. One that is clear stays so. */
void sn_infer_threads_free(sn_infer_pool *pool);

#endif
