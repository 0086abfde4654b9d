/* The model zoo.
 *
 * CIFAR ResNets (He et al. 2016, section 4.2; depth 6n + 2, projection shortcuts) and the ImageNet
 * ResNets 18 and 34, whose stem is 7x7 stride 2 and a max pool, or 3x3 for images up to 64 pixels.
 * The same depths and widths with the block of PLUM's own code: resnet20-plum, resnet18-plum.
 * First convolution, shortcut convolutions and classifier stay in full precision.
 */
#ifndef SN_LAYERS_MODEL_H
#define SN_LAYERS_MODEL_H

#include "layers/modules.h"

typedef struct sn_model_options {
    int arch;     /* index of sn_arch_name */
    double width; /* multiplies the number of filters, rounded, at least 1 */
    size_t classes, channels, height, image_width;
    sn_activation activation; /* but that of PLUM's block, which is PReLU */
    int act;                  /* sn_act */
    sn_quant_options quant;
    const char *layer_rules; /* text of layer_rules.h; NULL: none. Borrowed while building */
} sn_model_options;

/* resnet20, ...; NULL past the last. */
const char *sn_arch_name(int index);

/* Whether what quantized convolutions read has both signs, see sn_quant_options. */
bool sn_arch_has_signed_inputs(int index);

/* What it is, in a line, and where it is from; NULL past the last. */
const char *sn_arch_summary(int index);
const char *sn_arch_reference(int index);

/* Adds the network to a graph: images[N][channels][height][image_width] to logits[N][classes].
 * Graphs over the same parameters share the network.
 */
sn_status sn_model_build(const sn_model_options *options, sn_graph *graph, sn_tensor *images,
                         sn_tensor **logits, sn_error *error);

#endif
