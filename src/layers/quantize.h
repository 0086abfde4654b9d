/* The op that stands between latent weights and a convolution. */
#ifndef SN_LAYERS_QUANTIZE_H
#define SN_LAYERS_QUANTIZE_H

#include "autograd/op.h"
#include "autograd/parameters.h"
#include "quant/quant.h"

/* Attributes: sn_quant_options. Forward quantizes latent[K][C][R][S] filter by filter; backward is
 * the estimator's at the graph's progress (sn_graph_set_progress). */
extern const sn_op sn_op_quantize;

sn_status sn_quantize(sn_graph *graph, sn_tensor *latent, const sn_quant_options *options,
                      sn_tensor **weight, sn_error *error);

/* Counts over all latent weights of a network: those that the quantizer makes effectual (non-zero),
 * and all. density = effectual / total; both 0 for a full-precision network. */
typedef struct sn_weight_counts {
    uint64_t effectual, total;
} sn_weight_counts;

sn_weight_counts sn_count_effectual(const sn_parameters *parameters,
                                    const sn_quant_options *options);

#endif
