/* ./train --summary */
#ifndef SN_CLI_SHOW_SUMMARY_H
#define SN_CLI_SHOW_SUMMARY_H

#include "train/trainer.h"

/* Prints the network's layers, its size and the memory that training needs to stdout. */
sn_status sn_show_summary(const sn_train_config *config, const sn_trainer *trainer,
                          const sn_dataset *train, const sn_dataset *test, sn_error *error);

#endif
