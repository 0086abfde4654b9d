/* train --profile */
#ifndef SN_CLI_SHOW_PROFILE_H
#define SN_CLI_SHOW_PROFILE_H

#include "cli/rows.h"
#include "train/trainer.h"

/* Measures the machine, trains a few steps and prints to stdout where their time went; as CSV its
 * rows of ops and shapes alone. */
sn_status sn_show_profile(const sn_train_config *config, sn_trainer *trainer, sn_output format,
                          sn_error *error);

#endif
