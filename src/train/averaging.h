/* An exponential moving average of the trained parameters (Polyak averaging; --ema), which is what
 * is then evaluated: latent weights are averaged and quantized anew, and the running statistics of
 * batch-norm, which belong to other weights, are computed anew. Ranges of rounded activations
 * follow the average while that is done. */
#ifndef SN_TRAIN_AVERAGING_H
#define SN_TRAIN_AVERAGING_H

#include "data/loader.h"
#include "train/network.h"

typedef struct sn_averaging sn_averaging;

/* For parameters that are allocated and outlive it. The average starts as the values are at
 * sn_averaging_begin. */
sn_status sn_averaging_create(sn_parameters *parameters, double decay, sn_averaging **averaging,
                              sn_error *error);
void sn_averaging_free(sn_averaging *averaging);
void sn_averaging_begin(sn_averaging *averaging);

/* average = d average + (1 - d) value, d = min(decay, (1 + steps) / (10 + steps)): in the beginning
 * it forgets faster, as values change faster. `steps` counts the steps of the whole run, this one
 * included. */
void sn_averaging_step(sn_averaging *averaging, uint64_t steps);

/* The average, parallel to sn_parameters_values, for checkpoints. */
float *sn_averaging_values(sn_averaging *averaging);

/* Puts the average in the place of the values, and running statistics that fit it: the mean over
 * the first `batches` batches of the loader's first epoch of what the training network finds in
 * each. Ranges start there from those of the run and move batch by batch, as they do in training.
 * sn_averaging_leave puts back what was there. */
void sn_averaging_enter(sn_averaging *averaging, sn_network *training, sn_loader *loader,
                        size_t batches);
void sn_averaging_leave(sn_averaging *averaging);

/* Bytes. */
size_t sn_averaging_memory(const sn_averaging *averaging);

#endif
