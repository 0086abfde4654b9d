/* Checkpoints: one HDF5 file holds a network, how it was configured and, for resuming, everything
 * that the next step depends on. The layout is described in docs/checkpoint.md. */
#ifndef SN_TRAIN_CHECKPOINT_H
#define SN_TRAIN_CHECKPOINT_H

#include "train/config.h"
#include "train/data_identity.h"
#include "train/h5.h"
#include "train/metadata.h"
#include "train/optimizer.h"

/* Where a run stands. Random draws are named by seed, epoch and image (base/rng.h): together with
 * the seed this is the random state too. */
typedef struct sn_train_state {
    uint64_t epoch;      /* finished epochs */
    uint64_t step;       /* finished steps of the epoch after those */
    double loss_sum;     /* over the images of those steps */
    uint64_t correct;    /* of those images: whose label had the largest logit */
    double seconds;      /* spent on those steps */
    double best_top1;    /* percent, of the images that choose best.h5; -1 before any evaluation */
    uint64_t best_epoch; /* finished epochs then */
    double norm_sum;     /* with --clip-grad, over those steps: gradient norms */
    uint64_t clipped;    /* of those steps: whose gradients were scaled down */
} sn_train_state;

/* An array that some runs keep besides. */
typedef struct sn_checkpoint_extra {
    char name[SN_PARAMETER_NAME_SIZE + 32]; /* in the file: "training/levels/conv1.weight" */
    sn_shape shape;
    float *floats; /* one of the two, the other NULL */
    int8_t *bytes;
} sn_checkpoint_extra;

typedef struct sn_checkpoint_content {
    const sn_train_config *config;
    const sn_input_info *input;
    const sn_metadata *metadata;
    const sn_data_identity *data;
    const sn_parameters *parameters;
    sn_optimizer *optimizer;
    const sn_train_state *state;
    const sn_checkpoint_extra *extras;
    size_t extra_count;
} sn_checkpoint_content;

/* Writes a checkpoint so that `path` holds either the old file or the whole new one, which has been
 * read back and compared. */
sn_status sn_checkpoint_write(const char *path, const sn_checkpoint_content *content,
                              sn_error *error);

typedef struct sn_checkpoint sn_checkpoint;

/* Opens a checkpoint and reads its configuration. The whole file is read, its checksum compared,
 * and the names and shapes of its parameters with those of the network that the configuration
 * describes, before anything is allocated by their sizes. SN_ERROR_DATA when one of these is not
 * right. */
sn_status sn_checkpoint_open(const char *path, sn_checkpoint **checkpoint, sn_error *error);
void sn_checkpoint_free(sn_checkpoint *checkpoint);
const sn_train_config *sn_checkpoint_config(const sn_checkpoint *checkpoint);
const sn_input_info *sn_checkpoint_input(const sn_checkpoint *checkpoint);
const sn_metadata *sn_checkpoint_metadata(const sn_checkpoint *checkpoint);

/* What the run's data is; without classes in a checkpoint of an older version. */
const sn_data_identity *sn_checkpoint_data(const sn_checkpoint *checkpoint);

/* Reads every parameter and running statistic of the table. SN_ERROR_DATA when one is missing, has
 * another shape or is not finite, or when the file holds others: a checkpoint of another
 * architecture. */
sn_status sn_checkpoint_read_parameters(const sn_checkpoint *checkpoint, sn_parameters *parameters,
                                        sn_error *error);

/* Reads one parameter or buffer by its name. SN_ERROR_DATA when it is missing, has another shape or
 * values that it cannot have. */
sn_status sn_checkpoint_read_parameter(const sn_checkpoint *checkpoint, const sn_parameter *entry,
                                       sn_error *error);

/* The name of parameter or buffer `index` of those that the checkpoint holds, in the order of
 * names. False past the last. */
bool sn_checkpoint_parameter_name(const sn_checkpoint *checkpoint, size_t index,
                                  char name[SN_PARAMETER_NAME_SIZE]);

/* Reads what resuming needs besides. SN_ERROR_DATA, with its name, for a value that training cannot
 * have left. */
sn_status sn_checkpoint_read_training(const sn_checkpoint *checkpoint,
                                      const sn_parameters *parameters, sn_optimizer *optimizer,
                                      sn_train_state *state, sn_error *error);

/* Whether there is something of that name, "training/levels". */
bool sn_checkpoint_has(const sn_checkpoint *checkpoint, const char *name);

/* Reads into extra->floats or extra->bytes. SN_ERROR_DATA when it is missing, has another shape
 * or is not finite. */
sn_status sn_checkpoint_read_extra(const sn_checkpoint *checkpoint,
                                   const sn_checkpoint_extra *extra, sn_error *error);

#endif
