/* Modules: ops together with their parameters, named as torchvision names them.
 *
 * `name` is the module's full name ("layer1.0.conv1"); parameters append ".weight", ".bias" and so
 * on. All add to builder->graph, record the layer in builder->layers and return the output in *y.
 * What a module reads must be what modules made, or the images.
 */
#ifndef SN_LAYERS_MODULES_H
#define SN_LAYERS_MODULES_H

#include "autograd/ops.h"
#include "layers/layer.h"
#include "layers/layer_rules.h"
#include "layers/round_input.h"
#include "quant/quant.h"

/* What all modules of a network have in common. */
typedef struct sn_builder {
    sn_graph *graph;
    const sn_quant_options *quant;
    sn_layer_rules *rules; /* for layers that are to be quantized otherwise */
    sn_activation activation;
    sn_act act; /* what convolutions with one-bit or ternary weights read */
    sn_layers *layers;
} sn_builder;

typedef struct sn_conv_options {
    size_t filters;
    int kernel, stride, padding;
    bool quantized; /* weights pass through builder->quant; a rule overrides it */
    bool bias;      /* uniform within 1 / sqrt(inputs of a filter) as in PyTorch */
} sn_conv_options;

/* "BLOCK.LEAF" */
enum { SN_MODULE_NAME_SIZE = 64 };
const char *sn_module_name(char name[SN_MODULE_NAME_SIZE], const char *block, const char *leaf);

/* Convolution, He initialisation over fan-out (He et al. 2015). */
sn_status sn_module_conv(const sn_builder *builder, const char *name,
                         const sn_conv_options *options, sn_tensor *x, sn_tensor **y,
                         sn_error *error);

typedef struct sn_norm_options {
    const char *activation; /* name of the network's activation behind it; NULL: none */
    sn_tensor *residual;    /* added before the activation; NULL: none */
} sn_norm_options;

#define SN_BATCH_NORM_MOMENTUM 0.1

/* Batch-norm with that momentum and epsilon 1e-5; gamma 1, beta 0. PReLU has one slope per channel,
 * from 0.25. x has to come right from a convolution, which batch-norm is folded into; shortcuts are
 * best computed before it. */
sn_status sn_module_batch_norm(const sn_builder *builder, const char *name,
                               const sn_norm_options *options, sn_tensor *x, sn_tensor **y,
                               sn_error *error);

/* clamp(x + shift, -2, 2), the shift being one "NAME.bias" per channel, from 0. */
sn_status sn_module_shift_clamp(const sn_builder *builder, const char *name, sn_tensor *x,
                                sn_tensor **y, sn_error *error);

/* The modules of a PReLU between two shifts: slopes per channel, from 0.25, and shifts as above. */
typedef struct sn_shift_prelu_names {
    const char *before, *activation, *after;
} sn_shift_prelu_names;

sn_status sn_module_shift_prelu(const sn_builder *builder, const sn_shift_prelu_names *names,
                                sn_tensor *x, sn_tensor **y, sn_error *error);

/* Pools have no parameters, but a name. Padding as for sn_max_pool and sn_average_pool. */
sn_status sn_module_max_pool(const sn_builder *builder, const char *name,
                             const sn_pool_attributes *window, sn_tensor *x, sn_tensor **y,
                             sn_error *error);
sn_status sn_module_average_pool(const sn_builder *builder, const char *name,
                                 const sn_pool_attributes *window, sn_tensor *x, sn_tensor **y,
                                 sn_error *error);
sn_status sn_module_global_average_pool(const sn_builder *builder, const char *name, sn_tensor *x,
                                        sn_tensor **y, sn_error *error);

/* x[N][I], or x[N][C][H][W] flattened to I = C H W. Fully connected with bias, both uniform within
 * 1 / sqrt(inputs) as in PyTorch. */
sn_status sn_module_linear(const sn_builder *builder, const char *name, size_t outputs,
                           sn_tensor *x, sn_tensor **y, sn_error *error);

#endif
