/* The ops of the engine, each with a function that adds it to a graph.
 *
 * Shapes are N C H W. All return SN_ERROR_ARGUMENT when shapes do not fit, and say which.
 */
#ifndef SN_AUTOGRAD_OPS_H
#define SN_AUTOGRAD_OPS_H

#include "autograd/graph.h"

/* Attributes, as stored in the nodes. */
typedef struct sn_conv2d_attributes {
    int stride, padding;
} sn_conv2d_attributes;

typedef struct sn_pool_attributes {
    int kernel, stride, padding;
} sn_pool_attributes;

typedef enum sn_activation {
    SN_ACTIVATION_RELU,
    SN_ACTIVATION_PRELU,
    SN_ACTIVATION_HARDTANH,
    SN_ACTIVATION_NONE,
    SN_ACTIVATION_COUNT
} sn_activation;

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

/* Rounds to integers of 8 bits, which stay floats: step round(x / step), x / step held to 0 .. 255,
 * or to -127 .. 127 if signed, halves to the even neighbour (Jacob et al. 2018, arXiv 1712.05877,
 * with one step for the tensor and no zero point). step = range / 255 or range / 127; range[1] is a
 * moving average of the largest |x| of a batch, moved at the end of forward in a training graph:
 *     range = momentum range + (1 - momentum) max |x|
 * While the range gives no step, as 0 does, x is left alone, and the first batch's takes its place.
 * Straight-through gradient (arXiv 1308.3432): that of y where x was not clipped, 0 elsewhere. Both
 * ends belong to the former: at 0 an unsigned one passes it on, and what a ReLU before it does
 * there remains the ReLU's, which sees its own output and not the rounded one. */
sn_status sn_fake_quantize(sn_graph *graph, sn_tensor *x, sn_tensor *range,
                           const sn_fake_quantize_attributes *attributes, sn_tensor **y,
                           sn_error *error);

/* The step for that range; 0: none. */
sn_real sn_fake_quantize_step(sn_real range, bool is_signed);

/* x - mean_c x: takes the mean over all channels off every pixel. `range` is NULL, or that of the
 * fake_quantize which x comes from: then the mean is rounded to a whole number of its steps,
 *     y = step (q - floor((sum_c q + floor(C / 2)) / C)),     q = x / step
 * The gradient is dy - mean_c dy in both cases. */
sn_status sn_center_channels(sn_graph *graph, sn_tensor *x, sn_tensor *range,
                             const sn_center_channels_attributes *attributes, sn_tensor **y,
                             sn_error *error);

/* max(x, 0); the gradient at 0 is 0. */
sn_status sn_relu(sn_graph *graph, sn_tensor *x, sn_tensor **y, sn_error *error);

/* x clamped to [-1, 1]; the gradient at the ends is 0. */
sn_status sn_hardtanh(sn_graph *graph, sn_tensor *x, sn_tensor **y, sn_error *error);

/* x > 0 ? x : slope[c] x, slope[C] (He et al. 2015). */
sn_status sn_prelu(sn_graph *graph, sn_tensor *x, sn_tensor *slope, sn_tensor **y, sn_error *error);

#define SN_SHIFT_LIMIT 2

/* clamp(x + shift[c], -2, 2), x[N][C][H][W] and shift[C], as PLUM's own block has it before a
 * convolution (docs/method.md). The gradient passes where |x + shift[c]| <= 2. */
sn_status sn_shift_clamp(sn_graph *graph, sn_tensor *x, sn_tensor *shift, sn_tensor **y,
                         sn_error *error);

/* prelu(x + before[c], slope[c]) + after[c], as the same block ends. */
sn_status sn_shift_prelu(sn_graph *graph, sn_tensor *x, const sn_shift_prelu_operands *operands,
                         sn_tensor **y, sn_error *error);

/* a + b, equal shapes. */
sn_status sn_add(sn_graph *graph, sn_tensor *a, sn_tensor *b, sn_tensor **y, sn_error *error);

/* Padding never wins; of equal values the first in row-major order gets the gradient. */
sn_status sn_max_pool(sn_graph *graph, sn_tensor *x, int kernel, int stride, int padding,
                      sn_tensor **y, sn_error *error);

/* Padding counts as zeros: the divisor is always kernel * kernel. */
sn_status sn_average_pool(sn_graph *graph, sn_tensor *x, int kernel, int stride, int padding,
                          sn_tensor **y, sn_error *error);

/* [N][C][H][W] to [N][C]. */
sn_status sn_global_average_pool(sn_graph *graph, sn_tensor *x, sn_tensor **y, sn_error *error);

/* x[N][I] weight[O][I]^T + bias[O] (or NULL), to [N][O]. */
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

/* Whether the op is a convolution, of whatever engine: inputs x, weight, bias and attributes
 * sn_conv2d_attributes. */
bool sn_op_is_conv2d(const sn_op *op);

#define SN_OP(name) extern const sn_op sn_op_##name;
#include "autograd/ops.def"
#undef SN_OP

/* All of them, in the order of ops.def; NULL past the last. */
const sn_op *sn_op_at(size_t index);

#endif
