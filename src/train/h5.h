/* A thin layer over HDF5 for checkpoints and golden values: float32 arrays, scalars and text, with
 * messages that name file and data set. HDF5 works in memory only: files are read before it sees
 * them and written after it is done, so that no failing disk can reach it. HDF5's own error stack
 * is never printed.
 *
 * HDF5 does not survive every allocation that fails. After one that did, its handles are given up
 * and never touched again; HDF5 does nothing when the program exits. */
#ifndef SN_TRAIN_H5_H
#define SN_TRAIN_H5_H

#include "autograd/shape.h"
#include "base/status.h"

#include <hdf5.h>
#include <stdint.h>

/* The content of a file, which HDF5 works on. */
typedef struct sn_h5_image sn_h5_image;

/* An open file; `path` is what messages call it. */
typedef struct sn_h5 {
    hid_t file;
    const char *path;   /* borrowed */
    sn_h5_image *image; /* owned */
} sn_h5;

/* Reads a file into memory and opens it. Close it whatever comes out. SN_ERROR_IO when there is
 * none, SN_ERROR_DATA when it is not HDF5 or is cut short, SN_ERROR_MEMORY. */
sn_status sn_h5_open(const char *path, sn_h5 *h5, sn_error *error);

/* Begins a file in memory, which sn_h5_save writes to `path`. Close it whatever comes out. */
sn_status sn_h5_create(const char *path, sn_h5 *h5, sn_error *error);

/* Ends a file that was begun by sn_h5_create: adds sn_h5_sum as data set "checksum", reads
 * everything once more and compares, and writes it with sn_file_write, so that `path` holds either
 * what it held or the whole file. Only sn_h5_close may follow. */
sn_status sn_h5_save(sn_h5 *h5, sn_error *error);

/* Releases everything. Always SN_OK for a file that was read or has been saved. */
sn_status sn_h5_close(sn_h5 *h5, sn_error *error);

/* SN_ERROR_MEMORY after an allocation failed inside HDF5, which is not called any more then. What
 * says "no" or "none" below, as sn_h5_has does, is only true if this says SN_OK. */
sn_status sn_h5_check(const sn_h5 *h5, sn_error *error);

/* Walks through everything in the file. SN_ERROR_DATA for what reaches beyond the file or may run
 * other code: links to other files or names, data kept elsewhere, filters other than deflate,
 * shuffle and Fletcher-32; for data sets larger than the file can hold; and for values that cannot
 * be read. *sum (unless NULL) becomes the checksum of all data sets but "checksum", see
 * docs/checkpoint.md. */
sn_status sn_h5_sum(const sn_h5 *h5, uint64_t *sum, sn_error *error);

/* Below, `name` is a path inside the file, "state/conv1.weight". Groups are made as needed. */

sn_status sn_h5_write_floats(sn_h5 *h5, const char *name, const sn_shape *shape,
                             const float *values, sn_error *error);
sn_status sn_h5_write_bytes(sn_h5 *h5, const char *name, const sn_shape *shape,
                            const int8_t *values, sn_error *error);
sn_status sn_h5_write_u64(sn_h5 *h5, const char *name, uint64_t value, sn_error *error);
sn_status sn_h5_write_double(sn_h5 *h5, const char *name, double value, sn_error *error);

/* At most 1 MiB. */
sn_status sn_h5_write_text(sn_h5 *h5, const char *name, const char *text, sn_error *error);

/* Whether a link of that name exists. */
bool sn_h5_has(const sn_h5 *h5, const char *name);

/* The links directly in a group; 0 if the group does not exist. */
size_t sn_h5_group_size(const sn_h5 *h5, const char *group);

/* The name of link `index` of a group, in the order of names. False when there is none, or when it
 * does not fit. */
bool sn_h5_link_name(const sn_h5 *h5, const char *group, size_t index, char *name, size_t size);

/* The shape of a data set. */
sn_status sn_h5_shape(const sn_h5 *h5, const char *name, sn_shape *shape, sn_error *error);

/* SN_ERROR_DATA if the data set does not exist or has another shape. */
sn_status sn_h5_read_floats(const sn_h5 *h5, const char *name, const sn_shape *shape, float *values,
                            sn_error *error);
sn_status sn_h5_read_bytes(const sn_h5 *h5, const char *name, const sn_shape *shape, int8_t *values,
                           sn_error *error);

/* SN_ERROR_DATA also if the value is negative or not a whole number. */
sn_status sn_h5_read_u64(const sn_h5 *h5, const char *name, uint64_t *value, sn_error *error);
sn_status sn_h5_read_double(const sn_h5 *h5, const char *name, double *value, sn_error *error);

/* *text is malloc'd; free. At most 1 MiB. */
sn_status sn_h5_read_text(const sn_h5 *h5, const char *name, char **text, sn_error *error);

#endif
