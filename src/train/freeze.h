/* From a trained network to the packed model that the inference library runs. */
#ifndef SN_TRAIN_FREEZE_H
#define SN_TRAIN_FREEZE_H

#include "train/metadata.h"
#include "train/network.h"

/* Packs the network: quantized convolutions as bits and scales, batch-norm folded into scale and
 * bias, shortcuts and activations fused, inputs of convolutions rounded as the network rounds them.
 * `metadata`: what the model says about itself; NULL: nothing but the names of its layers.
 * *packed is the caller's: sn_free. SN_ERROR_ARGUMENT for a network that the model format cannot
 * express. */
sn_status sn_freeze(const sn_network *network, const sn_metadata *metadata, void **packed,
                    size_t *bytes, sn_error *error);

/* The same with steps[network->layers.count], of which those of convolutions with one-bit and
 * ternary weights are used. calibrate.h finds them. */
sn_status sn_freeze_integers(const sn_network *network, const sn_metadata *metadata,
                             const sn_input_step *steps, void **packed, size_t *bytes,
                             sn_error *error);

#endif
