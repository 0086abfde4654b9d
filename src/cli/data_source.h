/* Where a data set's files are. */
#ifndef SN_CLI_DATA_SOURCE_H
#define SN_CLI_DATA_SOURCE_H

#include "base/option.h"
#include "data/dataset.h"

/* The folder of data set `dataset` (index of sn_dataset_name): `given` if not empty, else
 * $SIGNET_DATA, else data/. If CIFAR-10 is wanted, not there, and no folder was given, this runs
 * $SN_ROOT/scripts/fetch, which writes its messages to stderr; the launchers set $SN_ROOT.
 * SN_ERROR_IO if that fails or cannot be done. */
sn_status sn_cli_find_data(int dataset, const char *given, char directory[SN_OPTION_TEXT_SIZE],
                           sn_error *error);

/* sn_dataset_read, by a thread for each processor, with progress. Remarks about the files go to
 * stderr as "PROGRAM: warning: ..."; before an error each broken file is listed. */
sn_status sn_cli_open_data(const char *program, const sn_dataset_request *request,
                           sn_dataset **opened, sn_error *error);

/* sn_dataset_read_files in the same way, with white behind what is transparent. */
sn_status sn_cli_open_pictures(const char *program, int channels, char **paths, size_t count,
                               int height, int width, sn_dataset **opened, sn_error *error);

/* Both splits, training images first, with a limit for each. When the data of the first are wrong,
 * what is wrong with the second goes to stderr as well. opened[2] must be NULL before; what is
 * opened is the caller's, after an error, too. */
sn_status sn_cli_open_both(const char *program, const sn_dataset_request *request,
                           const uint64_t limits[2], sn_dataset *opened[2], sn_error *error);

#endif
