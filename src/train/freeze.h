/* From a trained network to the packed model that the inference library runs. */
#ifndef SN_TRAIN_FREEZE_H
#define SN_TRAIN_FREEZE_H

#include "train/metadata.h"
#include "train/network.h"

/* Packs the network: quantized convolutions as bits and scales, batch-norm folded into scale and
 * bias, shortcuts and activations fused, inputs of convolutions rounded as the network rounds them.
 * `labels`: what the model says about itself; NULL: nothing.
 * *packed is the caller's: sn_free. SN_ERROR_ARGUMENT for a network that the model format cannot
 * express. */
sn_status sn_freeze(const sn_network *network, const sn_metadata *labels, void **packed,
                    size_t *bytes, sn_error *error);

/* How a convolution's input is rounded to integers: q = round(x / step), held to 0 .. 255, or to
 * -127 .. 127 when it is signed. Step 0: not at all. */
typedef struct sn_input_step {
    float step;
    bool is_signed;
} sn_input_step;

/* Likewise, with steps[nodes of the network's graph], of which those of convolutions with one-bit
 * and ternary weights are used. calibrate.h finds them. */
sn_status sn_freeze_integers(const sn_network *network, const sn_metadata *labels,
                             const sn_input_step *steps, void **packed, size_t *bytes,
                             sn_error *error);

#endif
