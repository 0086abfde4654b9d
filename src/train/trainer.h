/* The training loop. */
#ifndef SN_TRAIN_TRAINER_H
#define SN_TRAIN_TRAINER_H

#include "train/checkpoint.h"
#include "train/network.h"
#include "train/run_directory.h"

#include <signal.h>

/* One finished epoch, as a line of metrics.jsonl. */
typedef struct sn_epoch_metrics {
    uint64_t epoch;            /* from 1 */
    double loss, train_top1;   /* mean over the epoch's training images; percent */
    sn_evaluation test, valid; /* valid: with --valid */
    double gradient_norm;      /* with --clip-grad: mean over the steps, before clipping */
    double clipped;            /* likewise: share of the steps whose gradients were scaled down */
    double learning_rate;      /* of the last step */
    double density;            /* effectual / all quantized weights; 1 in full precision */
    double seconds;            /* training and evaluation */
    double images_per_second;  /* training alone */
    bool has_valid, has_clip;
    bool best; /* best top-1 so far, of validation where there is one, else of test */
} sn_epoch_metrics;

/* What the loop is doing, after every step. */
typedef struct sn_step_report {
    uint64_t epoch, epochs;                          /* from 1 */
    size_t images_done, images_before, images_total; /* of this epoch; before this invocation */
    double loss;                                     /* mean over the epoch so far */
} sn_step_report;

/* Callbacks of the caller; any may be NULL. */
typedef struct sn_train_observer {
    void *context;
    void (*begin)(void *context); /* the folder is there, no step was made */
    void (*step)(void *context, const sn_step_report *report);
    void (*evaluating)(void *context);
    void (*epoch)(void *context, const sn_epoch_metrics *metrics);
    /* A layer is about to collapse, "layer1.0.conv1: density ...", or what a resumed run found is
     * not as it should be. */
    void (*warning)(void *context, const char *text);
} sn_train_observer;

typedef struct sn_trainer sn_trainer;

/* Prepares a run: network, optimizer, loaders. The data sets must outlive the trainer; with
 * config->valid a part of `train` is held out (sn_dataset_hold_out). Nothing is written. `resume`
 * is an open checkpoint to continue from, or NULL for a new run; it is read here and may be closed
 * afterwards. */
sn_status sn_trainer_create(const sn_train_config *config, const sn_dataset *train,
                            const sn_dataset *test, const sn_checkpoint *resume,
                            sn_trainer **trainer, sn_error *error);
void sn_trainer_free(sn_trainer *trainer);

/* Trains until the configured epochs are done, config->stop_after epochs have been run, or *stop is
 * not 0, which is looked at after every step. In the latter cases last.h5 is written so that the
 * run goes on with the very next step. SN_ERROR_DIVERGED when a value is not finite: last.h5
 * then holds the last good state. It is also written every config->checkpoint_minutes within an
 * epoch. */
sn_status sn_trainer_run(sn_trainer *trainer, const sn_train_observer *observer,
                         const volatile sig_atomic_t *stop, sn_error *error);

/* What the calling thread spent its time on. */
typedef struct sn_step_seconds {
    double data; /* waiting for the loader, and writing the batch into the graph */
    double forward, backward, optimizer;
    double metrics; /* reading logits and counting */
} sn_step_seconds;

typedef struct sn_trial {
    size_t steps;
    double seconds; /* of these steps */
    sn_step_seconds spent;
} sn_trial;

/* Trains `warmup` steps, then at least `least` more and as many as fit into `seconds`, and measures
 * the latter; sn_graph_task_time of the training graph has the details. Nothing is written. For a
 * new trainer that is not run afterwards. */
sn_status sn_trainer_try(sn_trainer *trainer, size_t warmup, size_t least, double seconds,
                         sn_trial *trial, sn_error *error);

/* How many images go forward after each epoch. */
size_t sn_trainer_evaluation_images(const sn_trainer *trainer);

size_t sn_trainer_steps_per_epoch(const sn_trainer *trainer);

/* Bytes that a trainer has allocated. */
typedef struct sn_trainer_memory {
    size_t training, evaluation; /* the graphs */
    size_t parameters;           /* values, gradients and running statistics */
    size_t optimizer;
    size_t loaders;
    size_t diagnostics;
    size_t average; /* of weights */
    size_t teacher;
    size_t checkpoint; /* while one is written: the file, and its largest data set once more */
} sn_trainer_memory;

sn_trainer_memory sn_trainer_memory_of(const sn_trainer *trainer);

const sn_network *sn_trainer_training(const sn_trainer *trainer);
const sn_network *sn_trainer_evaluation(const sn_trainer *trainer);

/* Images of each part; valid: 0 without --valid. */
typedef struct sn_trainer_images {
    size_t train, valid, test;
} sn_trainer_images;

sn_trainer_images sn_trainer_images_of(const sn_trainer *trainer);

/* What --init did not take over, in a line; "" when there is nothing to say. */
const char *sn_trainer_note(const sn_trainer *trainer);

/* The folder that sn_trainer_run writes to; valid once it has begun, as from the first callback. */
const char *sn_trainer_directory(const sn_trainer *trainer);
bool sn_trainer_was_resumed(const sn_trainer *trainer);
const sn_input_info *sn_trainer_input(const sn_trainer *trainer);
const sn_train_state *sn_trainer_state(const sn_trainer *trainer);
const sn_parameters *sn_trainer_parameters(const sn_trainer *trainer);
const sn_metadata *sn_trainer_metadata(const sn_trainer *trainer);

#endif
