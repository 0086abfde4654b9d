/* One random convolution with what follows it in a network: y = relu(scale * sum + bias). */
#ifndef SN_BENCH_INFER_CONV_H
#define SN_BENCH_INFER_CONV_H

#include "base/rng.h"
#include "infer/packer.h"
#include "infer_shape.h"

typedef enum bench_weights {
    BENCH_SIGNED_BINARY,
    BENCH_SIGNED_BINARY_CENTERED,
    BENCH_SIGNED_BINARY_INPUT_CENTERED, /* not the weights: at each pixel the mean over channels is
                                           taken off the input */
    BENCH_BINARY,
    BENCH_TERNARY,
    BENCH_FP32,
    BENCH_WEIGHTS
} bench_weights;

const char *bench_weights_name(int index); /* NULL past the last */

/* Whether weights of this kind can be zero. */
bool bench_weights_have_density(bench_weights weights);

/* Whether their filters have regions. */
bool bench_weights_have_regions(bench_weights weights);

typedef struct bench_conv {
    bench_shape shape;
    bench_weights weights;
    int region; /* input channels of a region; 0: all */
    bool relu;
    uint8_t *mask;       /* [K][C][R][S]: 1 where effectual; binary: where positive */
    int8_t *sign;        /* signed binary [K][regions], ternary [K][C][R][S]: +1 or -1 */
    float *values;       /* [K][C][R][S]: the weights as floats, without scale */
    float *scale, *bias; /* [K] */
} bench_conv;

/* Draws weights; scale and bias bring what an input like relu(normal) makes back to normal, as
 * batch-norm would. A density is the share of weights that are effectual; region as above, of
 * weights that have regions. */
sn_status bench_conv_create(const bench_shape *shape, bench_weights weights, double density,
                            int region, bool relu, sn_rng *rng, bench_conv *conv, sn_error *error);
void bench_conv_free(bench_conv *conv);

/* Naive, in double precision: image [C][H][W] to output [K][H'][W']. */
sn_status bench_conv_reference(const bench_conv *conv, const double *image, double *output,
                               sn_error *error);

/* residual: NULL, or the shortcut to add before a ReLU. */
sn_status bench_conv_pack(const bench_conv *conv, const sn_packer_value *residual,
                          sn_packer *packer, sn_packer_value input, sn_packer_value *output,
                          sn_error *error);

/* Random relu(normal): not negative, about half zeros, nothing near the denormal numbers. */
void bench_fill_image(sn_rng *rng, float *image, size_t count);

/* SN_ERROR_INTERNAL unless |values - expected| <= tolerance * max |expected| everywhere. */
sn_status bench_verify(const char *who, const float *values, const double *expected, size_t count,
                       double tolerance, sn_error *error);

#endif
