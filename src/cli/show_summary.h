/* train --summary */
#ifndef SN_CLI_SHOW_SUMMARY_H
#define SN_CLI_SHOW_SUMMARY_H

#include "cli/rows.h"
#include "train/trainer.h"

/* Prints the network's layers, its size and the memory that training needs to stdout; as
 * CSV the layers alone. */
sn_status sn_show_summary(const sn_train_config *config, const sn_trainer *trainer,
                          const sn_dataset *train, const sn_dataset *test, sn_output format,
                          sn_error *error);

#endif
