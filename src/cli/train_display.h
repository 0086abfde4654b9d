/* What a run prints while it trains: the first lines, progress, and a line for each epoch. */
#ifndef SN_CLI_TRAIN_DISPLAY_H
#define SN_CLI_TRAIN_DISPLAY_H

#include "cli/opening.h"
#include "cli/pace.h"
#include "cli/progress.h"

typedef struct sn_train_display {
    const sn_trainer *trainer;
    const sn_opening *opening;
    uint64_t last_epoch; /* of this invocation */
    /* The rest is its own; 0 at first. */
    sn_progress progress;
    sn_pace pace;
    uint64_t line_epoch; /* whose progress line was begun; 0: none */
    double started;      /* seconds */
    bool told;           /* the time to the end */
} sn_train_display;

/* The observer of a run; the display must outlive it. */
sn_train_observer sn_train_display_observer(sn_train_display *display);

/* After the run: where the best checkpoint is, and how to go on with a run that was stopped. */
void sn_train_display_end(const sn_trainer *trainer, const sn_train_config *config);

#endif
