/* Weight repetition: how many of a layer's filter slices are different.
 *
 * A slice is what a filter does to one input channel: its R x S weights, each -1, 0 or 1 as the
 * packed model has them, without the scale. A layer has K * C of them. Two are the same when all
 * their weights are, signs included: a mask in a positive filter and in a negative one make two.
 */
#ifndef SN_CLI_SLICES_H
#define SN_CLI_SLICES_H

#include "base/status.h"
#include "infer/signet.h"

typedef struct sn_slices {
    uint64_t all, distinct;
} sn_slices;

/* Of layer `index`, a convolution with one-bit or ternary weights; `layer` describes it.
 * SN_ERROR_MEMORY. */
sn_status sn_slices_count(const sn_infer_model *model, int index, const sn_infer_layer_info *layer,
                          sn_slices *slices, sn_error *error);

#endif
