/* The op that stands between latent weights and a convolution. */
#ifndef SN_LAYERS_QUANTIZE_H
#define SN_LAYERS_QUANTIZE_H

#include "autograd/op.h"
#include "quant/quant.h"

/* Attributes: sn_quant_options. Forward quantizes latent[K][C][R][S] filter by filter; backward is
 * the estimator's at the graph's progress (sn_graph_set_progress). */
extern const sn_op sn_op_quantize;

sn_status sn_quantize(sn_graph *graph, sn_tensor *latent, const sn_quant_options *options,
                      sn_tensor **weight, sn_error *error);

#endif
