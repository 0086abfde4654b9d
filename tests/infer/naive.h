/* What the tests of the inference library share: a network built twice, once for the packer and
 * once as plain loops in double precision, and a comparison of the two. */
#ifndef SN_TESTS_INFER_NAIVE_H
#define SN_TESTS_INFER_NAIVE_H

#include "base/rng.h"
#include "infer/packer.h"
#include "infer/signet.h"

enum { TWIN_MAX_VALUES = 128 };

/* Values have the same handles on both sides. */
typedef struct twin_value {
    int channels, height, width;
    double *data; /* [C][H][W] */
} twin_value;

typedef struct twin {
    sn_packer *packer;
    sn_rng rng;
    float *image; /* random, [C][H][W] */
    twin_value values[TWIN_MAX_VALUES];
    int count;
    bool ternary; /* some of its weights are */
    bool regions; /* some of its filters have several */
} twin;

typedef struct twin_conv {
    int filters, kernel_height, kernel_width, stride, padding;
    double density; /* of the mask; below 0: full-precision weights */
    bool centered;
    sn_packer_activation activation;
    bool plain; /* no scale and no bias */
} twin_conv;

/* What few convolutions have. */
typedef struct twin_extra {
    enum { TWIN_BY_DENSITY, TWIN_BINARY, TWIN_TERNARY } weights;
    const sn_packer_value *residual; /* added before the activation, or NULL */
    int region_channels;             /* of signed-binary weights; 0: whole filters */
    bool input_centered;             /* not of full-precision weights */
    bool shifted;                    /* behind the activation */
} twin_extra;

/* Weights, signs, scales, biases and slopes are drawn from the twin's generator. */
void twin_init(twin *t, int channels, int height, int width, uint64_t seed);
void twin_free(twin *t);
sn_packer_value twin_add_conv(twin *t, sn_packer_value input, const twin_conv *conv);
sn_packer_value twin_add_conv_extra(twin *t, sn_packer_value input, const twin_conv *conv,
                                    const twin_extra *extra);
sn_packer_value twin_add_linear(twin *t, sn_packer_value input, int outputs,
                                sn_packer_activation activation);
sn_packer_value twin_add_sum(twin *t, sn_packer_value a, sn_packer_value b,
                             sn_packer_activation activation);
sn_packer_value twin_add_pool(twin *t, sn_packer_value input, bool max, int kernel, int stride,
                              int padding);
sn_packer_value twin_add_shift_clamp(twin *t, sn_packer_value input);
sn_packer_value twin_add_global_pool(twin *t, sn_packer_value input);

/* Packs, runs with memory of exactly the announced sizes, and compares each logit with the double:
 * |difference| <= tolerance * (1 + |expected|). On every isa, in every form and with every way to
 * take signs of regions, which must be those that were asked for wherever the weights have them.
 * Fails the Check test otherwise. */
void twin_check(twin *t, sn_packer_value output, double tolerance, const char *what);

/* The packed bytes (sn_free). */
void *twin_pack(twin *t, sn_packer_value output, size_t *bytes);

/* A residual network as for CIFAR: first convolution in full precision, three stages of `blocks`
 * blocks with 16, 32 and 64 (times width / 16) channels, 1x1 shortcuts, ten classes. density and
 * centered as in twin_conv. */
sn_packer_value twin_add_resnet(twin *t, int width, int blocks, double density, bool centered);

#endif
