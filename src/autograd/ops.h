/* The ops of the engine, each with a function that adds it to a graph.
 *
 * Shapes are N C H W. All return SN_ERROR_ARGUMENT when shapes do not fit, and say which.
 */
#ifndef SN_AUTOGRAD_OPS_H
#define SN_AUTOGRAD_OPS_H

#include "autograd/activation.h"
#include "autograd/graph.h"

/* Attributes, as stored in the nodes. */
typedef struct sn_conv2d_attributes {
    int stride, padding;
} sn_conv2d_attributes;

typedef struct sn_pool_attributes {
    int kernel, stride, padding;
} sn_pool_attributes;

typedef struct sn_batch_norm_attributes {
    double momentum, epsilon;
    sn_activation activation;
} sn_batch_norm_attributes;

typedef struct sn_fake_quantize_attributes {
    double momentum; /* what the range keeps of itself in a step */
    bool is_signed;
} sn_fake_quantize_attributes;

typedef struct sn_center_channels_attributes {
    bool is_signed; /* as fake_quantize's, where there is a range */
} sn_center_channels_attributes;

/* All [C] but the residual, which has x's shape. */
typedef struct sn_batch_norm_operands {
    sn_tensor *gamma, *beta, *running_mean, *running_variance;
    sn_tensor *residual; /* NULL: none */
    sn_tensor *slope;    /* for SN_ACTIVATION_PRELU, otherwise NULL */
} sn_batch_norm_operands;

/* All [C]. */
typedef struct sn_shift_prelu_operands {
    sn_tensor *before, *slope, *after;
} sn_shift_prelu_operands;

typedef struct sn_cross_entropy_attributes {
    double label_smoothing;
    double temperature, teacher_weight; /* with a teacher; otherwise 0 */
} sn_cross_entropy_attributes;

/* By the graph's engine. Cross-correlation with zero padding: x[N][C][H][W], weight[K][C][R][S],
 * bias[K] or NULL, to [N][K][(H + 2 padding - R) / stride + 1][...]. */
sn_status sn_conv2d(sn_graph *graph, sn_tensor *x, sn_tensor *weight, sn_tensor *bias, int stride,
                    int padding, sn_tensor **y, sn_error *error);

/* Batch normalisation over N, H, W (Ioffe and Szegedy 2015), as PyTorch: biased variance
 * normalises, running = (1 - momentum) running + momentum batch, with the unbiased variance; then
 * the residual is added and the activation applied. An eval graph uses the running statistics. */
sn_status sn_batch_norm(sn_graph *graph, sn_tensor *x, const sn_batch_norm_operands *operands,
                        const sn_batch_norm_attributes *attributes, sn_tensor **y, sn_error *error);

/* Rounds to 8-bit integers, in floats: y = step round(x / step), with x / step clamped to 0 .. 255,
 * or -127 .. 127 if signed, and ties to even (Jacob et al. 2018, arXiv 1712.05877, with one step
 * for the tensor and no zero point). step = range / 255 or range / 127. range[1] is a moving
 * average of the largest |x| of a batch; in a training graph it moves at the end of forward: range
 * = momentum range + (1 - momentum) max |x| While the range gives no step, for example at 0, y = x,
 * and the batch's max |x| becomes the range. Straight-through gradient (arXiv 1308.3432): dy where
 * x was not clipped, ends included, and 0 elsewhere. A ReLU before it reads its own output, not the
 * rounded one. */
sn_status sn_fake_quantize(sn_graph *graph, sn_tensor *x, sn_tensor *range,
                           const sn_fake_quantize_attributes *attributes, sn_tensor **y,
                           sn_error *error);

/* The step for that range; 0: none. */
sn_real sn_fake_quantize_step(sn_real range, bool is_signed);

/* x - mean_c x: subtracts from each pixel the mean over its channels. If x comes from
 * fake_quantize, `range` is fake_quantize's range, and the mean is rounded to a whole number of its
 * steps, y = step (q - floor((sum_c q + floor(C / 2)) / C)),     q = x / step Otherwise `range` is
 * NULL. The gradient is dy - mean_c dy in both cases. */
sn_status sn_center_channels(sn_graph *graph, sn_tensor *x, sn_tensor *range,
                             const sn_center_channels_attributes *attributes, sn_tensor **y,
                             sn_error *error);

#define SN_SHIFT_LIMIT 2

/* clamp(x + shift[c], -2, 2), x[N][C][H][W] and shift[C]: before a convolution of PLUM's own block
 * (docs/method.md). The gradient passes where |x + shift[c]| <= 2. */
sn_status sn_shift_clamp(sn_graph *graph, sn_tensor *x, sn_tensor *shift, sn_tensor **y,
                         sn_error *error);

/* prelu(x + before[c], slope[c]) + after[c]: the end of the same block. */
sn_status sn_shift_prelu(sn_graph *graph, sn_tensor *x, const sn_shift_prelu_operands *operands,
                         sn_tensor **y, sn_error *error);

/* Padding never wins. Of equal values the first in row-major order gets the gradient. */
sn_status sn_max_pool(sn_graph *graph, sn_tensor *x, int kernel, int stride, int padding,
                      sn_tensor **y, sn_error *error);

/* Padding counts as zeros; the divisor is always kernel * kernel. */
sn_status sn_average_pool(sn_graph *graph, sn_tensor *x, int kernel, int stride, int padding,
                          sn_tensor **y, sn_error *error);

/* [N][C][H][W] to [N][C]. */
sn_status sn_global_average_pool(sn_graph *graph, sn_tensor *x, sn_tensor **y, sn_error *error);

/* x[N][I] weight[O][I]^T + bias[O] (or NULL), to [N][O]. x[N][C][H][W] is read as x[N][C H W]. */
sn_status sn_linear(sn_graph *graph, sn_tensor *x, sn_tensor *weight, sn_tensor *bias,
                    sn_tensor **y, sn_error *error);

/* Mean over the batch of the cross-entropy of softmax(logits[N][classes]) with labels[N]; with
 * label smoothing e the target is 1 - e + e / classes for the label and e / classes for the others
 * (Szegedy et al. 2016). To [1]. Labels must be 0 .. classes - 1. */
sn_status sn_cross_entropy(sn_graph *graph, sn_tensor *logits, sn_tensor *labels,
                           double label_smoothing, sn_tensor **loss, sn_error *error);

/* Knowledge distillation (Hinton et al. 2015, arXiv 1503.02531): with w = teacher_weight and T =
 * temperature,
 *     (1 - w) cross-entropy as above + w T^2 KL(softmax(teacher / T) || softmax(logits / T)),
 * the latter too as the mean over the batch. teacher[N][classes]: another network's logits. */
sn_status sn_distillation(sn_graph *graph, sn_tensor *logits, sn_tensor *labels, sn_tensor *teacher,
                          const sn_cross_entropy_attributes *attributes, sn_tensor **loss,
                          sn_error *error);

#define SN_OP(name) extern const sn_op sn_op_##name;
#include "autograd/ops.def"
#undef SN_OP

/* All of them, in the order of ops.def; NULL past the last. */
const sn_op *sn_op_at(size_t index);

#endif
