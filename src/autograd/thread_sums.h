/* Sums over images. Each thread sums over its own images; when all are done, the threads' sums are
 * added up in the order of the threads. So the bits depend on the number of threads only.
 */
#ifndef SN_AUTOGRAD_THREAD_SUMS_H
#define SN_AUTOGRAD_THREAD_SUMS_H

#include "autograd/op.h"

/* Number i of thread t is element t * stride + i. */
typedef struct sn_thread_sums {
    const sn_real *first;
    size_t stride;
    int threads;
} sn_thread_sums;

/* The total over the threads of number i. */
static inline sn_real sn_thread_total(const sn_thread_sums *sums, size_t i) {
    sn_real total = 0;
    for (int t = 0; t < sums->threads; t++)
        total += sums->first[(size_t)t * sums->stride + i];
    return total;
}

/* Of numbers i .. i + SN_LANES - 1. */
static inline sn_vec sn_thread_total_vec(const sn_thread_sums *sums, size_t i) {
    sn_vec total = {0};
    for (int t = 0; t < sums->threads; t++)
        total += sn_vec_load(sums->first + (size_t)t * sums->stride + i);
    return total;
}

/* The same for sums in double. */
static inline double sn_thread_total_double(const double *first, size_t stride, int threads,
                                            size_t i) {
    double total = 0;
    for (int t = 0; t < threads; t++)
        total += first[(size_t)t * stride + i];
    return total;
}

/* Puts or adds `value` to element i of the gradient of an input; does nothing if it has none. */
static inline void sn_add_gradient(const sn_node *node, int input, size_t i, sn_real value) {
    sn_real *gradient = node->input[input] ? node->input[input]->gradient : NULL;
    if (gradient)
        gradient[i] = (node->add[input] ? gradient[i] : 0) + value;
}

/* Elements [first, last) of the gradient of an input from numbers offset + first .. of the sums. */
static inline void sn_add_thread_sums(const sn_node *node, int input, const sn_thread_sums *sums,
                                      size_t offset, size_t first, size_t last) {
    if (node->input[input] && node->input[input]->gradient)
        for (size_t i = first; i < last; i++)
            sn_add_gradient(node, input, i, sn_thread_total(sums, offset + i));
}

#endif
