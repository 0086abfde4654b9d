/* Where a data set's files are. */
#ifndef SN_CLI_DATA_SOURCE_H
#define SN_CLI_DATA_SOURCE_H

#include "base/option.h"
#include "data/dataset.h"

/* The folder of data set `dataset` (index of sn_dataset_name): `given` if not empty, else
 * $SIGNET_DATA, else data/. When CIFAR-10 is wanted, no folder was given and it is not there yet,
 * scripts/fetch-cifar10 (below $SN_ROOT, which the launchers set) is run to get it; what that
 * script has to say goes to stderr. SN_ERROR_IO when it fails. */
sn_status sn_cli_find_data(int dataset, const char *given, char directory[SN_OPTION_TEXT_SIZE],
                           sn_error *error);

/* sn_dataset_open; what there is to say about the files goes to stderr as "PROGRAM: warning: ...",
 * and before an error each broken file. */
sn_status sn_cli_open_data(const char *program, int dataset, sn_split split, const char *directory,
                           uint64_t limit, sn_dataset **opened, sn_error *error);

/* Both splits, training images first, with a limit for each. When the data of the first are wrong,
 * what is wrong with the second goes to stderr as well. opened[2] must be NULL before; what is
 * opened is the caller's, after an error, too. */
sn_status sn_cli_open_both(const char *program, int dataset, const char *directory,
                           const uint64_t limits[2], sn_dataset *opened[2], sn_error *error);

#endif
