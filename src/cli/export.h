/* Writes a packed model to files: as it is, or as C. */
#ifndef SN_CLI_EXPORT_H
#define SN_CLI_EXPORT_H

#include "base/option.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

/* The model as a file; `path` holds either what it held before or all of it. SN_ERROR_IO. */
sn_status sn_export_model(const void *packed, size_t bytes, const char *path, sn_error *error);

/* The model as a header with an array, NAME.h, and beside it a program that runs it,
 * NAME_example.c, whose path `example` receives. A file of that name with something else in it is
 * somebody's work: it stays, and *kept is set. SN_ERROR_ARGUMENT unless path ends in ".h". */
sn_status sn_export_c(const void *packed, size_t bytes, const char *path,
                      char example[SN_OPTION_TEXT_SIZE], bool *kept, sn_error *error);

#endif
