/* The model zoo: networks by name, as archs.def lists them. First convolution, shortcut
 * convolutions and classifier stay in full precision.
 */
#ifndef SN_LAYERS_MODEL_H
#define SN_LAYERS_MODEL_H

#include "layers/modules.h"

typedef struct sn_model_options {
    int arch;     /* index of sn_arch_name */
    double width; /* multiplies the number of filters, rounded, at least 1 */
    size_t classes, channels, height, image_width;
    sn_activation activation; /* PLUM's block has PReLU instead */
    int act;                  /* sn_act */
    sn_quant_options quant;
    const char *layer_rules; /* text of layer_rules.h; NULL: none. Borrowed while building */
} sn_model_options;

/* resnet20, ...; NULL past the last. */
const char *sn_arch_name(int index);

/* Whether what quantized convolutions read has both signs, see sn_quant_options. */
bool sn_arch_has_signed_inputs(int index);

/* What SGD starts with unless it is told otherwise. */
double sn_arch_learning_rate(int index);

/* What it is, in a line, and where it is from; NULL past the last. */
const char *sn_arch_summary(int index);
const char *sn_arch_reference(int index);

/* Adds the network to a graph: images[N][channels][height][image_width] to logits[N][classes].
 * Graphs over the same parameters share the network. *layers describes it, by tensors of this
 * graph: sn_layers_free, whatever comes out.
 */
sn_status sn_model_build(const sn_model_options *options, sn_graph *graph, sn_tensor *images,
                         sn_layers *layers, sn_tensor **logits, sn_error *error);

#endif
