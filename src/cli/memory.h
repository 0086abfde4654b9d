/* The memory that a run will need. */
#ifndef SN_CLI_MEMORY_H
#define SN_CLI_MEMORY_H

#include "train/trainer.h"

typedef struct sn_memory_use {
    sn_trainer_memory trainer;
    size_t data;    /* both data sets */
    size_t program; /* with its libraries */
    size_t peak;    /* the sum of all */
} sn_memory_use;

/* Bytes, for a trainer that was just made. */
sn_memory_use sn_memory_predict(const sn_train_config *config, const sn_trainer *trainer,
                                const sn_dataset *train, const sn_dataset *test);

#endif
