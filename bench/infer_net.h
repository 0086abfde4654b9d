/* Random networks for the benchmark: packed, and run naively in double precision at the same time.
 *
 * Two images go through the reference; a batch of any size is these two in turn, in memory of its
 * own for each, so that every output of a batch can be checked.
 */
#ifndef SN_BENCH_INFER_NET_H
#define SN_BENCH_INFER_NET_H

#include "infer_conv.h"

enum { BENCH_IMAGES = 2, BENCH_NET_VALUES = 96, BENCH_NET_CONVS = 32 };

/* A packed network with images to run it on. */
typedef struct bench_net {
    void *packed; /* sn_free */
    size_t packed_bytes;
    size_t inputs, outputs;
    float *image[BENCH_IMAGES];
    double *expected[BENCH_IMAGES];
    bench_shape convs[BENCH_NET_CONVS]; /* in order of execution */
    size_t conv_count;
    int layer; /* of bench_net_chain: the instruction that counts */
} bench_net;

void bench_net_free(bench_net *net);

/* One convolution alone. density, region: as in bench_conv_create. */
sn_status bench_net_single(const bench_shape *shape, bench_weights weights, double density,
                           int region, uint64_t seed, bench_net *net, sn_error *error);

/* The convolution between two others with weights of its kind: a 3x3 one that keeps the shape
 * before it, unless it is the first one of a network, and a 3x3 one behind it. Three equal ones
 * when it keeps the shape itself. */
sn_status bench_net_chain(const bench_shape *shape, bench_weights weights, double density,
                          int region, uint64_t seed, bench_net *net, sn_error *error);

/* "resnet20" for 32x32 pixels or "resnet18" for 224x224, as src/layers/arch_resnet.c has them: the
 * first convolution, the 1x1 shortcuts and the classifier in fp32. */
sn_status bench_net_resnet(const char *name, bench_weights weights, double density, int region,
                           uint64_t seed, bench_net *net, sn_error *error);

/* A packed model from a file, with random images. There is no reference: expected is NULL. */
sn_status bench_net_open(const char *path, uint64_t seed, bench_net *net, sn_error *error);

#endif
