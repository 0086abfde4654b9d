/* Where a data set's files are. */
#ifndef SN_CLI_DATA_SOURCE_H
#define SN_CLI_DATA_SOURCE_H

#include "base/option.h"

/* The folder of data set `dataset` (index of sn_dataset_name): `given` if not empty, else
 * $SIGNET_DATA, else data/. When CIFAR-10 is wanted, no folder was given and it is not there yet,
 * scripts/fetch-cifar10 (below $SN_ROOT, which the launchers set) is run to get it; what that
 * script has to say goes to stderr. SN_ERROR_IO when it fails. */
sn_status sn_cli_find_data(int dataset, const char *given, char directory[SN_OPTION_TEXT_SIZE],
                           sn_error *error);

#endif
