/* The first lines of a run: the data, the network, the machine, and where results go. */
#ifndef SN_CLI_OPENING_H
#define SN_CLI_OPENING_H

#include "cli/memory.h"

typedef struct sn_opening {
    const sn_train_config *config; /* resolved */
    const sn_trainer *trainer;
    const sn_dataset *train, *test;
    const char *data_directory; /* where the files are */
    size_t peak_memory;         /* bytes; sn_memory_predict */
} sn_opening;

/* Prints them to stdout, once the folder of the run is there. A further line is a function in the
 * table of opening.c. */
void sn_opening_print(const sn_opening *opening);

/* Warns on stderr when the largest class has more than ten times the training images of the
 * smallest. */
void sn_opening_warn(const sn_opening *opening);

#endif
