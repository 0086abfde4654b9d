/* Steps for activations in eight bits, from what a trained network's activations are like. */
#ifndef SN_TRAIN_CALIBRATE_H
#define SN_TRAIN_CALIBRATE_H

#include "data/dataset.h"
#include "train/freeze.h"

/* Runs the first `images` images of a data set (all, when it has fewer) through an eval network
 * made with keep_inputs, and sets steps[network->layers.count] for every convolution with quantized
 * weights: the largest value it read / 255 when it read none below 0, the largest magnitude / 127
 * otherwise. So nothing seen here is clipped; larger values than these are, later on. A convolution
 * that reads only zeros keeps its input as it is: step 0. SN_ERROR_DATA when values are not finite.
 */
sn_status sn_calibrate(const sn_network *network, const sn_dataset *dataset,
                       const sn_pixel_statistics *statistics, size_t images, sn_input_step *steps,
                       sn_error *error);

#endif
