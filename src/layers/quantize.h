/* The op that stands between latent weights and a convolution. */
#ifndef SN_LAYERS_QUANTIZE_H
#define SN_LAYERS_QUANTIZE_H

#include "autograd/op.h"
#include "autograd/parameters.h"
#include "quant/quant.h"

/* Attributes: sn_quant_options, resolved. Inputs: latent weights, and theta where the scale is
 * learned; states: signs and evidence. Forward quantizes latent[K][C][R][S] region by region;
 * backward is the estimator's at the graph's progress (sn_graph_set_progress), the scale being a
 * constant unless it is learned. Where signs are learned backward also weighs the evidence. */
extern const sn_op sn_op_quantize;

typedef struct sn_quantize_operands {
    sn_tensor *latent;   /* [K][C][R][S] */
    sn_tensor *theta;    /* [K]: logarithms of the scales with SN_SCALE_LEARNED, otherwise NULL */
    sn_tensor *signs;    /* [K][P], P regions in a filter; NULL where signs are fixed */
    sn_tensor *evidence; /* likewise, with SN_SIGNS_LEARNED; otherwise NULL */
} sn_quantize_operands;

/* SN_ERROR_ARGUMENT for options that do not go together, see sn_quant_resolve. */
sn_status sn_quantize(sn_graph *graph, const sn_quantize_operands *operands,
                      const sn_quant_options *options, sn_tensor **weight, sn_error *error);

/* How many regions a filter of latent[K][C][R][S] has. */
size_t sn_regions_per_filter(const sn_quant_options *options, const sn_shape *latent);

/* Resolved, of a node with sn_op_quantize, as all below. */
const sn_quant_options *sn_quantize_options(const sn_node *node);

/* Gives the regions of a planned node whose signs are not fixed the sign of the sum of their latent
 * weights: after sn_parameters_initialise. */
void sn_quantize_initialise_signs(const sn_node *node);

/* What forward of a node with sn_op_quantize computes from the values that the parameters have now:
 * regions[K][P], and weight[K][C][R][S] and mask[K][C][R][S] unless NULL. The graph must be
 * planned. */
void sn_quantize_now(const sn_node *node, sn_region *regions, sn_real *weight, uint8_t *mask);

/* levels[K][C][R][S]: the value of each weight without its scale: 8 Wq / alpha, for
 * the centred form without what is taken off. `filter` is room for the weights of a filter. */
void sn_quantize_levels(const sn_node *node, int8_t *levels, sn_real *filter);

/* The weights of region `index` of node's filters, counted filter by filter: the first of them in
 * [K][C][R][S], and their number. */
typedef struct sn_region_span {
    size_t first, count;
} sn_region_span;

sn_region_span sn_quantize_span(const sn_node *node, size_t index);

/* How many weights of a planned node are effectual (non-zero). */
uint64_t sn_quantize_count_effectual(const sn_node *node);

/* The share of the gradient that arrived at Wq in the latest backward, as a sum of magnitudes, that
 * the estimator kept from the latent weights: 1 - sum |dW| / (peak sum |dWq|), peak being its
 * largest slope. `progress` as in that backward; the gradients of the parameters must still be
 * those of it. For a node with sn_op_quantize in a training graph. */
double sn_gradient_suppressed(const sn_node *node, double progress);

#endif
