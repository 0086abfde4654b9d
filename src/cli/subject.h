/* The checkpoint or model file that a command works on, as a packed model. */
#ifndef SN_CLI_SUBJECT_H
#define SN_CLI_SUBJECT_H

#include "infer/signet.h"
#include "train/checkpoint.h"
#include "train/network.h"

enum { SN_SUBJECT_BATCH = 64 }; /* images that the training graph takes at once */

typedef struct sn_subject {
    const char *path;
    sn_checkpoint *checkpoint; /* NULL for a model file, which has none of the next two */
    sn_parameters *parameters;
    sn_network network; /* the training graph, in eval mode */
    void *packed;
    size_t packed_bytes;
    sn_infer_info info;  /* with portable kernels */
    sn_input_info input; /* what it takes, and how that is normalised */
    bool normalised;     /* input.statistics are known */
} sn_subject;

/* Opens a model file, told by its first bytes or by ".sgn", or else a checkpoint, which is frozen.
 * Close it also after an error. SN_ERROR_IO, SN_ERROR_DATA, SN_ERROR_MEMORY. */
sn_status sn_subject_open(const char *path, int threads, sn_subject *subject, sn_error *error);
void sn_subject_close(sn_subject *subject);

/* Whether the network of the checkpoint was trained with activations of eight bits (--act int8), so
 * that its steps are settled. */
bool sn_subject_was_rounded(const sn_subject *subject);

/* SN_ERROR_ARGUMENT for a model file, whose activations are settled. `act` is what was asked for.
 */
sn_status sn_subject_check_act(const sn_subject *subject, sn_act act, sn_error *error);

/* SN_ERROR_ARGUMENT for a model file, which has no network to calibrate, and for a network without
 * convolutions with one-bit or ternary weights. */
sn_status sn_subject_can_calibrate(const sn_subject *subject, sn_error *error);

/* Freezes a checkpoint again, with activations as they are, whatever it was trained with; the
 * training graph no longer rounds them either. */
sn_status sn_subject_use_floats(sn_subject *subject, sn_error *error);

/* Freezes a checkpoint again, with activations of eight bits before those convolutions. Their steps
 * are taken from the first `images` images of `dataset`, which should be training images. */
sn_status sn_subject_calibrate(sn_subject *subject, const sn_dataset *dataset, size_t images,
                               int threads, sn_error *error);

/* The index of the data set that it was trained on; -1 when it does not say or is not known. */
int sn_subject_dataset(const sn_subject *subject);

/* SN_ERROR_DATA unless the data set's images and classes are those of the network. */
sn_status sn_subject_check(const sn_subject *subject, const sn_dataset *dataset, sn_error *error);

#endif
