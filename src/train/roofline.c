/* Compiled so that a * b + c is one instruction where there is one (meson.build). */
#include "train/roofline.h"

#include "autograd/lane_layout.h"
#include "autograd/op.h"
#include "base/clock.h"
#include "base/memory.h"

#include <string.h>

enum {
    CHAINS = 12, /* independent sums: more than latency times units; they fit into 16 registers */
    ROUNDS = 1 << 20,
    COPY_BYTES = 128 << 20 /* several times the caches of most machines */
};

/* Each rate is the best that is seen in this time: whatever else runs on the machine only makes
 * them slower. */
static const double seconds_each = 0.5;

/* The result makes the work matter; `factor` and `term` are not known when this is compiled. */
static sn_vec add_products(sn_vec factor, sn_vec term) {
    sn_vec sum[CHAINS];
    for (int i = 0; i < CHAINS; i++)
        sum[i] = sn_vec_all((sn_real)i);
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < CHAINS; i++)
            sum[i] = sum[i] * factor + term;
    for (int i = 1; i < CHAINS; i++)
        sum[0] += sum[i];
    return sum[0];
}

static double measure_flops(int threads) {
    volatile sn_real factor = (sn_real)0.5, sink;
    const double flops = 2.0 * SN_LANES * CHAINS * ROUNDS * threads;
    double best = 0;
    for (const double end = sn_clock_seconds() + seconds_each;
         best == 0 || sn_clock_seconds() < end;) {
        const double started = sn_clock_seconds();
#pragma omp parallel for num_threads(threads) schedule(static, 1)
        for (int thread = 0; thread < threads; thread++) {
            const sn_vec result = add_products(sn_vec_all(factor), sn_vec_all(1));
#pragma omp critical
            sink = result[0];
        }
        const double rate = flops / (sn_clock_seconds() - started);
        best = rate > best ? rate : best;
    }
    (void)sink;
    return best;
}

static double measure_bytes(int threads, unsigned char *to, const unsigned char *from) {
    double best = 0;
    for (const double end = sn_clock_seconds() + seconds_each;
         best == 0 || sn_clock_seconds() < end;) {
        const double started = sn_clock_seconds();
#pragma omp parallel for num_threads(threads) schedule(static, 1)
        for (int thread = 0; thread < threads; thread++) {
            const size_t first = sn_chunk_start(COPY_BYTES, thread, threads);
            const size_t last = sn_chunk_start(COPY_BYTES, thread + 1, threads);
            memcpy(to + first, from + first, last - first);
        }
        const double rate = 2.0 * COPY_BYTES / (sn_clock_seconds() - started);
        best = rate > best ? rate : best;
    }
    return best;
}

sn_status sn_roofline_measure(int threads, sn_roofline *roofline, sn_error *error) {
    unsigned char *from = sn_alloc(COPY_BYTES), *to = sn_alloc(COPY_BYTES);
    sn_status status = SN_OK;
    if (from && to)
        *roofline = (sn_roofline){measure_flops(threads), measure_bytes(threads, to, from)};
    else
        status = sn_error_set(error, SN_ERROR_MEMORY, "out of memory for measuring the machine");
    sn_free(from);
    sn_free(to);
    return status;
}
