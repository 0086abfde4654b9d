/* A thin layer over HDF5 for checkpoints and golden values: float32 arrays, scalars and text, with
 * messages that name file and data set. HDF5's own error stack is never printed. */
#ifndef SN_TRAIN_H5_H
#define SN_TRAIN_H5_H

#include "autograd/shape.h"
#include "base/status.h"

#include <hdf5.h>
#include <stdint.h>

/* An open file; `path` is what messages call it. */
typedef struct sn_h5 {
    hid_t file;
    const char *path; /* borrowed */
} sn_h5;

/* Opens an existing file for reading. SN_ERROR_IO when there is none, SN_ERROR_DATA when it is not
 * HDF5 or is cut short. */
sn_status sn_h5_open(const char *path, sn_h5 *h5, sn_error *error);

/* Creates or overwrites a file. */
sn_status sn_h5_create(const char *path, sn_h5 *h5, sn_error *error);

/* Closes; for a created file this is where a full disk shows. */
sn_status sn_h5_close(sn_h5 *h5, sn_error *error);

/* Below, `name` is a path inside the file, "state/conv1.weight". Groups are made as needed. */

sn_status sn_h5_write_floats(sn_h5 *h5, const char *name, const sn_shape *shape,
                             const float *values, sn_error *error);
sn_status sn_h5_write_bytes(sn_h5 *h5, const char *name, const sn_shape *shape,
                            const int8_t *values, sn_error *error);
sn_status sn_h5_write_u64(sn_h5 *h5, const char *name, uint64_t value, sn_error *error);
sn_status sn_h5_write_double(sn_h5 *h5, const char *name, double value, sn_error *error);
sn_status sn_h5_write_text(sn_h5 *h5, const char *name, const char *text, sn_error *error);

/* Whether a link of that name exists. */
bool sn_h5_has(const sn_h5 *h5, const char *name);

/* The links directly in a group; 0 when there is no such group. */
size_t sn_h5_group_size(const sn_h5 *h5, const char *group);

/* The name of link `index` of a group, in the order of names. False when there is none, or when it
 * does not fit. */
bool sn_h5_link_name(const sn_h5 *h5, const char *group, size_t index, char *name, size_t size);

/* The shape of a data set. */
sn_status sn_h5_shape(const sn_h5 *h5, const char *name, sn_shape *shape, sn_error *error);

/* SN_ERROR_DATA when there is no such data set or its shape is another. */
sn_status sn_h5_read_floats(const sn_h5 *h5, const char *name, const sn_shape *shape, float *values,
                            sn_error *error);
sn_status sn_h5_read_bytes(const sn_h5 *h5, const char *name, const sn_shape *shape, int8_t *values,
                           sn_error *error);
sn_status sn_h5_read_u64(const sn_h5 *h5, const char *name, uint64_t *value, sn_error *error);
sn_status sn_h5_read_double(const sn_h5 *h5, const char *name, double *value, sn_error *error);

/* *text is malloc'd; free. At most 1 MiB. */
sn_status sn_h5_read_text(const sn_h5 *h5, const char *name, char **text, sn_error *error);

#endif
