/* Weights of a checkpoint as the start of another run (--init). */
#ifndef SN_TRAIN_WARM_START_H
#define SN_TRAIN_WARM_START_H

#include "train/checkpoint.h"

enum { SN_WARM_START_NOTE_SIZE = 2048 };

/* Gives the initialised parameters of a planned training graph, whose layers these are, the values
 * that the checkpoint config->init has under the same names: latent weights take those of full
 * precision, and the other way round. Signs of regions that the checkpoint lacks are those of the
 * loaded weights. `note` is a line about what was not in the checkpoint and keeps its initial
 * value, and what of the checkpoint was not used; "" when all fits. SN_ERROR_ARGUMENT, naming what
 * differs and what would be right, when the architecture, width, classes, channels or the shape of
 * a parameter are others.
 */
sn_status sn_warm_start(const sn_train_config *config, const sn_input_info *input,
                        sn_parameters *parameters, const sn_layers *layers,
                        char note[SN_WARM_START_NOTE_SIZE], sn_error *error);

#endif
