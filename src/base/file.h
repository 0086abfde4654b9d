/* Whole files and directories. Every error message names the path and the system's reason. */
#ifndef SN_BASE_FILE_H
#define SN_BASE_FILE_H

#include "base/status.h"

#include <stddef.h>

/* Writes a file so that `path` has either its old content or all of `data`. The data go into a
 * temporary file PATH.PID-N.tmp beside it, which is flushed to the disk, read back, compared and
 * renamed. On an error the temporary file is removed. A symbolic link is followed. A device, pipe
 * or directory is refused, since renaming would replace it. SN_ERROR_IO, SN_ERROR_MEMORY. */
sn_status sn_file_write(const char *path, const void *data, size_t size, sn_error *error);

/* The second half of sn_file_write for writers that need a file of their own, such as HDF5: flushes
 * the closed file `temporary` to the disk and renames it to `path`, in the same directory. On an
 * error `temporary` is removed. SN_ERROR_IO. */
sn_status sn_file_replace(const char *temporary, const char *path, sn_error *error);

/* Reads a whole file of at most `limit` bytes. *data has a NUL after the last byte, not counted in
 * *size, and is the caller's: sn_free; NULL after an error. Pipes can be read too. Errors:
 * SN_ERROR_IO, SN_ERROR_MEMORY; SN_ERROR_DATA when the file is larger than `limit`. */
sn_status sn_file_read(const char *path, size_t limit, unsigned char **data, size_t *size,
                       sn_error *error);

/* Makes a directory and its parents; it may exist. SN_ERROR_IO, SN_ERROR_MEMORY. */
sn_status sn_file_make_directory(const char *path, sn_error *error);

/* Checks that files can be made in a directory by making one and removing it. Permission bits do
 * not show that a disk is read-only or full. SN_ERROR_IO, SN_ERROR_MEMORY. */
sn_status sn_file_check_directory(const char *path, sn_error *error);

#endif
