/* Builds a packed model (docs/model-format.md), layer by layer. Tool side: allocates, uses status
 * codes of base.
 *
 * Values are handles of activations: the input, then the output of every call. All weights are
 * copied at the call.
 */
#ifndef SN_INFER_PACKER_H
#define SN_INFER_PACKER_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sn_packer sn_packer;
typedef int sn_packer_value;

typedef enum sn_packer_activation {
    SN_PACKER_LINEAR,
    SN_PACKER_RELU,
    SN_PACKER_HARDTANH, /* clamp to [-1, 1] */
    SN_PACKER_PRELU     /* x < 0 ? slope[channel] * x : x */
} sn_packer_activation;

typedef struct sn_packer_conv {
    int filters, kernel_height, kernel_width, stride, padding;
    /* Not 0: the input is rounded to integers, q = round(x / input_scale), held to 0 .. 255, or to
     * -127 .. 127 when it is signed. */
    float input_scale;
    bool input_signed;
    /* At each pixel the mean over all input channels is subtracted from the input; the padding
     * stays 0. The mean of C integers is floor((sum + C / 2) / C), C / 2 rounded down. Not for fp32
     * weights, nor for centred ones. */
    bool input_centered;
} sn_packer_conv;

/* What follows the sums of a layer with K outputs:
 *     y = activation(scale * sum + bias + residual) + shift */
typedef struct sn_packer_epilogue {
    const float *scale; /* [K], NULL for 1 */
    const float *bias;  /* [K], NULL for 0 */
    sn_packer_activation activation;
    const float *slope; /* [K] for PReLU, otherwise NULL */
    /* A value of the output's shape, the shortcut of a residual block; NULL for none. A pointer,
     * because 0 is a value: the image. Convolutions only. */
    const sn_packer_value *residual;
    const float *shift; /* [K], NULL for 0. Convolutions only */
} sn_packer_epilogue;

/* Signed-binary weights (docs/method.md, "Inference"). A filter has P = ceil(C / region_channels)
 * regions, region p being its weights of the input channels p * region_channels and up, and
 *
 *     w = sign[k][p] * (mask - (centered ? density[k][p] : 0))
 *
 * with density[k][p] the mean of the region's mask. The filter's alpha belongs into the epilogue's
 * scale. */
typedef struct sn_packer_signed_binary {
    const uint8_t *mask; /* [K][C][R][S], 0 or 1 */
    const int8_t *sign;  /* [K][P], +1 or -1 */
    bool centered;
    int region_channels; /* 0: a region is a whole filter; otherwise input channels of a region, the
                            last may have fewer. From C on it is a whole filter, too */
} sn_packer_signed_binary;

sn_status sn_packer_create(int channels, int height, int width, sn_packer **packer,
                           sn_packer_value *input, sn_error *error);
void sn_packer_free(sn_packer *packer);

/* Convolution with weights[K][C][R][S]. */
sn_status sn_packer_add_conv_fp32(sn_packer *packer, sn_packer_value input,
                                  const sn_packer_conv *conv, const float *weights,
                                  const sn_packer_epilogue *epilogue, sn_packer_value *output,
                                  sn_error *error);

sn_status sn_packer_add_conv_signed_binary(sn_packer *packer, sn_packer_value input,
                                           const sn_packer_conv *conv,
                                           const sn_packer_signed_binary *weights,
                                           const sn_packer_epilogue *epilogue,
                                           sn_packer_value *output, sn_error *error);

/* weights[K][C][R][S], each +1 or -1. The filter's alpha goes into the epilogue's scale. */
sn_status sn_packer_add_conv_binary(sn_packer *packer, sn_packer_value input,
                                    const sn_packer_conv *conv, const int8_t *weights,
                                    const sn_packer_epilogue *epilogue, sn_packer_value *output,
                                    sn_error *error);

/* weights[K][C][R][S], each +1, 0 or -1; likewise. */
sn_status sn_packer_add_conv_ternary(sn_packer *packer, sn_packer_value input,
                                     const sn_packer_conv *conv, const int8_t *weights,
                                     const sn_packer_epilogue *epilogue, sn_packer_value *output,
                                     sn_error *error);

/* activation(a + b), equal shapes; slope[C] for PReLU, otherwise NULL. */
sn_status sn_packer_add_sum(sn_packer *packer, sn_packer_value a, sn_packer_value b,
                            sn_packer_activation activation, const float *slope,
                            sn_packer_value *output, sn_error *error);

/* clamp(x + shift[C], -2, 2). */
sn_status sn_packer_add_shift_clamp(sn_packer *packer, sn_packer_value input, const float *shift,
                                    sn_packer_value *output, sn_error *error);

/* Max pooling ignores the padding; average pooling counts it as zeros (PyTorch's defaults). */
sn_status sn_packer_add_max_pool(sn_packer *packer, sn_packer_value input, int kernel, int stride,
                                 int padding, sn_packer_value *output, sn_error *error);
sn_status sn_packer_add_average_pool(sn_packer *packer, sn_packer_value input, int kernel,
                                     int stride, int padding, sn_packer_value *output,
                                     sn_error *error);

/* Mean over all pixels: [C][H][W] to [C][1][1]. */
sn_status sn_packer_add_global_average_pool(sn_packer *packer, sn_packer_value input,
                                            sn_packer_value *output, sn_error *error);

/* weights[outputs][C*H*W], epilogue over outputs; the result is [outputs][1][1]. */
sn_status sn_packer_add_linear(sn_packer *packer, sn_packer_value input, int outputs,
                               const float *weights, const sn_packer_epilogue *epilogue,
                               sn_packer_value *output, sn_error *error);

/* ---- what the model says about itself; all are copied, all may be left out ---- */

/* Images are normalised as (value / 255 - mean[c]) / deviation[c], value in 0 .. 255. */
sn_status sn_packer_set_normalisation(sn_packer *packer, const float *mean, const float *deviation,
                                      sn_error *error);

/* Names: at most 255 bytes of UTF-8 without control characters. That of the network and that of
 * the data set it was trained on; NULL or "": none. */
sn_status sn_packer_set_name(sn_packer *packer, const char *name, sn_error *error);
sn_status sn_packer_set_dataset(sn_packer *packer, const char *dataset, sn_error *error);

/* What the layer that made `value` is called. Either all layers have names or none has. */
sn_status sn_packer_set_layer_name(sn_packer *packer, sn_packer_value value, const char *name,
                                   sn_error *error);

/* names[count], none of them empty; count has to be the number of logits. 0: none. */
sn_status sn_packer_set_class_names(sn_packer *packer, const char *const *names, int count,
                                    sn_error *error);

/* Ends the model: `output` holds the logits. *packed (sn_free) gets the bytes. */
sn_status sn_packer_finish(sn_packer *packer, sn_packer_value output, void **packed, size_t *bytes,
                           sn_error *error);

#endif
