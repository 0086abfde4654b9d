#include "train/h5.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_LIMIT = 1 << 20 };

sn_status sn_h5_open(const char *path, sn_h5 *h5, sn_error *error) {
    *h5 = (sn_h5){H5I_INVALID_HID, path};
    FILE *probe = fopen(path, "rb");
    SN_RETURN_IF(!probe, error, SN_ERROR_IO, "%s: cannot open: %s", path, strerror(errno));
    fclose(probe);
    H5E_BEGIN_TRY {
        h5->file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    }
    H5E_END_TRY;
    SN_RETURN_IF(h5->file < 0, error, SN_ERROR_DATA,
                 "%s: not a readable HDF5 file (another format, or cut short)", path);
    return SN_OK;
}

sn_status sn_h5_create(const char *path, sn_h5 *h5, sn_error *error) {
    *h5 = (sn_h5){H5I_INVALID_HID, path};
    H5E_BEGIN_TRY {
        h5->file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    }
    H5E_END_TRY;
    SN_RETURN_IF(h5->file < 0, error, SN_ERROR_IO,
                 "%s: cannot create; is the folder there and writable?", path);
    return SN_OK;
}

sn_status sn_h5_close(sn_h5 *h5, sn_error *error) {
    herr_t failed = -1;
    H5E_BEGIN_TRY {
        failed = H5Fclose(h5->file);
    }
    H5E_END_TRY;
    h5->file = H5I_INVALID_HID;
    SN_RETURN_IF(failed < 0, error, SN_ERROR_IO, "%s: cannot write; is the disk full?", h5->path);
    return SN_OK;
}

static sn_status write_array(sn_h5 *h5, const char *name, int rank, const hsize_t *sizes,
                             hid_t stored, hid_t given, const void *values, sn_error *error) {
    herr_t failed = -1;
    H5E_BEGIN_TRY {
        const hid_t make_groups = H5Pcreate(H5P_LINK_CREATE);
        H5Pset_create_intermediate_group(make_groups, 1);
        const hid_t space = rank ? H5Screate_simple(rank, sizes, NULL) : H5Screate(H5S_SCALAR);
        const hid_t set =
            H5Dcreate2(h5->file, name, stored, space, make_groups, H5P_DEFAULT, H5P_DEFAULT);
        failed = H5Dwrite(set, given, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
        H5Dclose(set);
        H5Sclose(space);
        H5Pclose(make_groups);
    }
    H5E_END_TRY;
    SN_RETURN_IF(failed < 0, error, SN_ERROR_IO, "%s: cannot write %s; is the disk full?", h5->path,
                 name);
    return SN_OK;
}

static sn_status write_shaped(sn_h5 *h5, const char *name, const sn_shape *shape, hid_t stored,
                              hid_t given, const void *values, sn_error *error) {
    hsize_t sizes[SN_MAX_RANK];
    for (int i = 0; i < shape->rank; i++)
        sizes[i] = shape->size[i];
    return write_array(h5, name, shape->rank, sizes, stored, given, values, error);
}

sn_status sn_h5_write_floats(sn_h5 *h5, const char *name, const sn_shape *shape,
                             const float *values, sn_error *error) {
    return write_shaped(h5, name, shape, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, values, error);
}

sn_status sn_h5_write_bytes(sn_h5 *h5, const char *name, const sn_shape *shape,
                            const int8_t *values, sn_error *error) {
    return write_shaped(h5, name, shape, H5T_STD_I8LE, H5T_NATIVE_INT8, values, error);
}

sn_status sn_h5_write_u64(sn_h5 *h5, const char *name, uint64_t value, sn_error *error) {
    return write_array(h5, name, 0, NULL, H5T_STD_U64LE, H5T_NATIVE_UINT64, &value, error);
}

sn_status sn_h5_write_double(sn_h5 *h5, const char *name, double value, sn_error *error) {
    return write_array(h5, name, 0, NULL, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value, error);
}

sn_status sn_h5_write_text(sn_h5 *h5, const char *name, const char *text, sn_error *error) {
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, strlen(text) + 1);
    H5Tset_cset(type, H5T_CSET_UTF8);
    const sn_status status = write_array(h5, name, 0, NULL, type, type, text, error);
    H5Tclose(type);
    return status;
}

bool sn_h5_has(const sn_h5 *h5, const char *name) {
    htri_t found = 0;
    H5E_BEGIN_TRY {
        found = H5Oexists_by_name(h5->file, name, H5P_DEFAULT);
    }
    H5E_END_TRY;
    return found > 0;
}

size_t sn_h5_group_size(const sn_h5 *h5, const char *group) {
    H5G_info_t info = {.nlinks = 0};
    herr_t failed = -1;
    H5E_BEGIN_TRY {
        failed = H5Gget_info_by_name(h5->file, group, &info, H5P_DEFAULT);
    }
    H5E_END_TRY;
    return failed < 0 ? 0 : (size_t)info.nlinks;
}

bool sn_h5_link_name(const sn_h5 *h5, const char *group, size_t index, char *name, size_t size) {
    ssize_t length = -1;
    H5E_BEGIN_TRY {
        length = H5Lget_name_by_idx(h5->file, group, H5_INDEX_NAME, H5_ITER_INC, (hsize_t)index,
                                    name, size, H5P_DEFAULT);
    }
    H5E_END_TRY;
    return length >= 0 && (size_t)length < size;
}

/* Opens a data set and tells its class and size; a negative id when there is none. */
static hid_t open_set(const sn_h5 *h5, const char *name, H5T_class_t *class, sn_shape *shape) {
    hid_t set = H5I_INVALID_HID;
    H5E_BEGIN_TRY {
        set = H5Dopen2(h5->file, name, H5P_DEFAULT);
        if (set >= 0) {
            const hid_t type = H5Dget_type(set), space = H5Dget_space(set);
            hsize_t sizes[H5S_MAX_RANK] = {0};
            *class = H5Tget_class(type);
            shape->rank = H5Sget_simple_extent_dims(space, sizes, NULL);
            for (int i = 0; i < shape->rank && i < SN_MAX_RANK; i++)
                shape->size[i] = (size_t)sizes[i];
            H5Sclose(space);
            H5Tclose(type);
        }
    }
    H5E_END_TRY;
    return set;
}

static sn_status close_set(const sn_h5 *h5, const char *name, hid_t set, herr_t failed,
                           sn_error *error) {
    H5E_BEGIN_TRY {
        H5Dclose(set);
    }
    H5E_END_TRY;
    SN_RETURN_IF(failed < 0, error, SN_ERROR_DATA, "%s: cannot read %s; the file is damaged",
                 h5->path, name);
    return SN_OK;
}

sn_status sn_h5_shape(const sn_h5 *h5, const char *name, sn_shape *shape, sn_error *error) {
    H5T_class_t class;
    const hid_t set = open_set(h5, name, &class, shape);
    SN_RETURN_IF(set < 0, error, SN_ERROR_DATA, "%s: has no data set %s", h5->path, name);
    SN_TRY(close_set(h5, name, set, shape->rank, error));
    SN_RETURN_IF(shape->rank > SN_MAX_RANK, error, SN_ERROR_DATA,
                 "%s: %s has %d dimensions, at most %d can be read", h5->path, name, shape->rank,
                 (int)SN_MAX_RANK);
    return SN_OK;
}

/* Opens a data set that must have this shape and hold numbers. */
static sn_status open_checked(const sn_h5 *h5, const char *name, const sn_shape *shape, hid_t *set,
                              sn_error *error) {
    H5T_class_t class = H5T_NO_CLASS;
    sn_shape found = {0};
    char have[SN_SHAPE_TEXT_SIZE], want[SN_SHAPE_TEXT_SIZE];
    *set = open_set(h5, name, &class, &found);
    SN_RETURN_IF(*set < 0, error, SN_ERROR_DATA, "%s: has no data set %s", h5->path, name);
    const bool is_number = class == H5T_FLOAT || class == H5T_INTEGER;
    if (is_number && sn_shape_equal(&found, shape))
        return SN_OK;
    close_set(h5, name, *set, 0, NULL);
    SN_RETURN_IF(!is_number, error, SN_ERROR_DATA, "%s: %s holds no numbers", h5->path, name);
    return sn_error_set(error, SN_ERROR_DATA, "%s: %s has shape %s, need %s", h5->path, name,
                        found.rank > SN_MAX_RANK ? "of more than 4 dimensions"
                                                 : sn_shape_text(&found, have),
                        sn_shape_text(shape, want));
}

static sn_status read_array(const sn_h5 *h5, const char *name, const sn_shape *shape, hid_t wanted,
                            void *values, sn_error *error) {
    hid_t set;
    SN_TRY(open_checked(h5, name, shape, &set, error));
    herr_t failed = -1;
    H5E_BEGIN_TRY {
        failed = H5Dread(set, wanted, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    }
    H5E_END_TRY;
    return close_set(h5, name, set, failed, error);
}

sn_status sn_h5_read_floats(const sn_h5 *h5, const char *name, const sn_shape *shape, float *values,
                            sn_error *error) {
    return read_array(h5, name, shape, H5T_NATIVE_FLOAT, values, error);
}

sn_status sn_h5_read_bytes(const sn_h5 *h5, const char *name, const sn_shape *shape, int8_t *values,
                           sn_error *error) {
    return read_array(h5, name, shape, H5T_NATIVE_INT8, values, error);
}

sn_status sn_h5_read_u64(const sn_h5 *h5, const char *name, uint64_t *value, sn_error *error) {
    return read_array(h5, name, &(sn_shape){0}, H5T_NATIVE_UINT64, value, error);
}

sn_status sn_h5_read_double(const sn_h5 *h5, const char *name, double *value, sn_error *error) {
    return read_array(h5, name, &(sn_shape){0}, H5T_NATIVE_DOUBLE, value, error);
}

sn_status sn_h5_read_text(const sn_h5 *h5, const char *name, char **text, sn_error *error) {
    H5T_class_t class = H5T_NO_CLASS;
    sn_shape shape = {0};
    const hid_t set = open_set(h5, name, &class, &shape);
    SN_RETURN_IF(set < 0, error, SN_ERROR_DATA, "%s: has no data set %s", h5->path, name);
    herr_t failed = -1;
    H5E_BEGIN_TRY {
        const hid_t type = H5Dget_type(set);
        const size_t size = H5Tget_size(type);
        /* Only texts of fixed length, as sn_h5_write_text makes them. */
        if (class == H5T_STRING && !H5Tis_variable_str(type) && shape.rank == 0 &&
            size <= TEXT_LIMIT && (*text = calloc(1, size + 1)) != NULL) {
            failed = H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, *text);
            if (failed < 0)
                free(*text);
        }
        H5Tclose(type);
    }
    H5E_END_TRY;
    return close_set(h5, name, set, failed, error);
}
