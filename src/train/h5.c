#include "train/h5.h"

#include "base/file.h"
#include "base/memory.h"
#include "train/h5_image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_LIMIT = 1 << 20 };

/* What reading a file of HDF5 begins with. */
static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
/* What a model file begins with; people often give one instead of a checkpoint:
 * docs/model-format.md. */
static const char model_signature[] = "signetNN";

/* For a call of HDF5 that has just failed. Where memory ran out HDF5 may be in any state, and is
 * left alone. */
static sn_status failure(const sn_h5 *h5, sn_status status, sn_error *error, const char *what,
                         const char *name) {
    if (sn_h5_was_memory()) {
        if (h5->image)
            h5->image->lost = true;
        return sn_error_set(error, SN_ERROR_MEMORY, "%s: out of memory", h5->path);
    }
    return sn_error_set(error, status, "%s: %s%s%s", h5->path, what, name[0] ? " " : "", name);
}

sn_status sn_h5_check(const sn_h5 *h5, sn_error *error) {
    SN_RETURN_IF(h5->image && h5->image->lost, error, SN_ERROR_MEMORY, "%s: out of memory",
                 h5->path);
    errno = 0; /* see sn_h5_was_memory */
    return SN_OK;
}

/* ---- files ---- */

/* Whether the file begins as HDF5 has it, so that nothing else is read as a whole. */
static sn_status check_signature(const char *path, sn_error *error) {
    unsigned char start[sizeof signature] = {0};
    FILE *file = fopen(path, "rb");
    SN_RETURN_IF(!file && errno == ENOMEM, error, SN_ERROR_MEMORY, "%s: out of memory", path);
    SN_RETURN_IF(!file, error, SN_ERROR_IO, "%s: cannot open: %s", path, strerror(errno));
    setvbuf(file, NULL, _IONBF, 0);
    errno = 0;
    const size_t count = fread(start, 1, sizeof start, file);
    const bool failed = ferror(file) != 0;
    const int code = errno;
    fclose(file);
    SN_RETURN_IF(failed, error, SN_ERROR_IO, "%s: cannot read: %s", path, strerror(code));
    SN_RETURN_IF(count == sizeof start && memcmp(start, model_signature, sizeof start) == 0, error,
                 SN_ERROR_DATA,
                 "%s: a model file, which has no latent weights; give the checkpoint that it was "
                 "exported from",
                 path);
    SN_RETURN_IF(count < sizeof start || memcmp(start, signature, sizeof start) != 0, error,
                 SN_ERROR_DATA, "%s: not a readable HDF5 file (another format, or cut short)",
                 path);
    return SN_OK;
}

static sn_status begin(const char *path, sn_h5 *h5, sn_error *error) {
    *h5 = (sn_h5){H5I_INVALID_HID, path, NULL};
    H5dont_atexit(); /* fails, which does not matter, from the second time on */
    SN_RETURN_IF(H5open() < 0, error, SN_ERROR_MEMORY, "%s: out of memory for HDF5", path);
    errno = 0;
    h5->image = calloc(1, sizeof *h5->image);
    SN_RETURN_IF(!h5->image, error, SN_ERROR_MEMORY, "%s: out of memory", path);
    return SN_OK;
}

/* Opens what is in the image. */
static sn_status open_image(sn_h5 *h5, sn_error *error) {
    sn_status status = SN_OK;
    char name[SN_H5_NAME_SIZE];
    sn_h5_image_name(h5->image, name);
    errno = 0;
    H5E_BEGIN_TRY {
        const hid_t access = sn_h5_image_access(h5->image);
        if (access >= 0)
            h5->file = H5Fopen(name, H5F_ACC_RDONLY, access);
        if (access < 0 || h5->file < 0)
            status = failure(h5, SN_ERROR_DATA, error,
                             "not a readable HDF5 file (another format, or cut short)", "");
        else
            H5Pclose(access);
    }
    H5E_END_TRY;
    return status;
}

sn_status sn_h5_open(const char *path, sn_h5 *h5, sn_error *error) {
    SN_TRY(begin(path, h5, error));
    SN_TRY(check_signature(path, error));
    SN_TRY(sn_file_read(path, SIZE_MAX, &h5->image->bytes, &h5->image->size, error));
    return open_image(h5, error);
}

sn_status sn_h5_create(const char *path, sn_h5 *h5, sn_error *error) {
    SN_TRY(begin(path, h5, error));
    sn_status status = SN_OK;
    char name[SN_H5_NAME_SIZE];
    sn_h5_image_name(h5->image, name);
    H5E_BEGIN_TRY {
        const hid_t access = sn_h5_image_access(h5->image);
        if (access >= 0)
            h5->file = H5Fcreate(name, H5F_ACC_TRUNC, H5P_DEFAULT, access);
        if (access < 0 || h5->file < 0)
            status = failure(h5, SN_ERROR_IO, error, "cannot be made in memory", "");
        else
            H5Pclose(access);
    }
    H5E_END_TRY;
    return status;
}

/* Reads what is about to be written as a later run will. */
static sn_status verify(sn_h5 *h5, uint64_t sum, sn_error *error) {
    uint64_t found = 0, stored = 0;
    SN_TRY(open_image(h5, error));
    SN_TRY(sn_h5_sum(h5, &found, error));
    SN_TRY(sn_h5_read_u64(h5, "checksum", &stored, error));
    SN_RETURN_IF(found != sum || stored != sum, error, SN_ERROR_INTERNAL,
                 "%s: what HDF5 made is not what was given to it", h5->path);
    return SN_OK;
}

/* Closes a file that was made, so that its image is complete. */
static sn_status complete(sn_h5 *h5, sn_error *error) {
    sn_h5_image *image = h5->image;
    ssize_t size = -1;
    sn_status status = SN_OK;
    H5E_BEGIN_TRY {
        if (H5Fflush(h5->file, H5F_SCOPE_GLOBAL) >= 0)
            size = H5Fget_file_image(h5->file, NULL, 0);
        if (size <= 0 || H5Fclose(h5->file) < 0)
            status = failure(h5, SN_ERROR_INTERNAL, error, "cannot be completed in memory", "");
    }
    H5E_END_TRY;
    SN_TRY(status);
    h5->file = H5I_INVALID_HID;
    /* The end can be space that was never written. */
    SN_RETURN_IF((size_t)size > image->room && !sn_h5_image_grow(image, (size_t)size), error,
                 SN_ERROR_MEMORY, "%s: out of memory", h5->path);
    image->size = (size_t)size;
    return SN_OK;
}

sn_status sn_h5_save(sn_h5 *h5, sn_error *error) {
    uint64_t sum;
    SN_TRY(sn_h5_sum(h5, &sum, error));
    SN_TRY(sn_h5_write_u64(h5, "checksum", sum, error));
    SN_TRY(complete(h5, error));
    SN_TRY(verify(h5, sum, error));
    return sn_file_write(h5->path, h5->image->bytes, h5->image->size, error);
}

sn_status sn_h5_close(sn_h5 *h5, sn_error *error) {
    sn_status status = SN_OK;
    H5E_BEGIN_TRY {
        if (h5->file >= 0 && !(h5->image && h5->image->lost) && H5Fclose(h5->file) < 0)
            status = failure(h5, SN_ERROR_IO, error, "cannot be closed", "");
    }
    H5E_END_TRY;
    h5->file = H5I_INVALID_HID;
    if (h5->image && !h5->image->lost) {
        free(h5->image->bytes);
        free(h5->image);
    }
    h5->image = NULL;
    return status;
}

/* ---- writing ---- */

/* Makes a data set in a file and writes its values; false when a call failed, after which nothing
 * is released: see the top of the header. */
static bool write_set(hid_t file, const char *name, hid_t space, hid_t stored, hid_t given,
                      const void *values) {
    const hid_t groups = H5Pcreate(H5P_LINK_CREATE), creation = H5Pcreate(H5P_DATASET_CREATE);
    if (space < 0 || groups < 0 || creation < 0 || H5Pset_create_intermediate_group(groups, 1) < 0)
        return false;
    /* Without times the same values make the same file. */
    if (H5Pset_obj_track_times(creation, false) < 0)
        return false;
    const hid_t set = H5Dcreate2(file, name, stored, space, groups, creation, H5P_DEFAULT);
    return set >= 0 && H5Dwrite(set, given, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0 &&
           H5Dclose(set) >= 0 && H5Sclose(space) >= 0 && H5Pclose(groups) >= 0 &&
           H5Pclose(creation) >= 0;
}

static sn_status write_array(sn_h5 *h5, const char *name, int rank, const hsize_t *sizes,
                             hid_t stored, hid_t given, const void *values, sn_error *error) {
    sn_status status = SN_OK;
    SN_TRY(sn_h5_check(h5, error));
    H5E_BEGIN_TRY {
        const hid_t space = rank ? H5Screate_simple(rank, sizes, NULL) : H5Screate(H5S_SCALAR);
        if (!write_set(h5->file, name, space, stored, given, values))
            status = failure(h5, SN_ERROR_IO, error, "cannot hold", name);
    }
    H5E_END_TRY;
    return status;
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
    const size_t size = strlen(text) + 1;
    sn_status status = SN_OK;
    hid_t type = H5I_INVALID_HID;
    SN_TRY(sn_h5_check(h5, error));
    SN_RETURN_IF(size > TEXT_LIMIT, error, SN_ERROR_ARGUMENT,
                 "%s: %s has %zu bytes; a checkpoint holds texts of up to %d", h5->path, name, size,
                 (int)TEXT_LIMIT);
    H5E_BEGIN_TRY {
        type = H5Tcopy(H5T_C_S1);
        if (type < 0 || H5Tset_size(type, size) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0)
            status = failure(h5, SN_ERROR_IO, error, "cannot hold", name);
    }
    H5E_END_TRY;
    SN_TRY(status);
    SN_TRY(write_array(h5, name, 0, NULL, type, type, text, error));
    H5E_BEGIN_TRY {
        H5Tclose(type);
    }
    H5E_END_TRY;
    return SN_OK;
}

/* ---- reading ---- */

/* For a question that HDF5 could not answer. */
static void note_failure(const sn_h5 *h5) {
    if (h5->image && sn_h5_was_memory())
        h5->image->lost = true;
}

bool sn_h5_has(const sn_h5 *h5, const char *name) {
    htri_t found = 0;
    if (sn_h5_check(h5, NULL) != SN_OK)
        return false;
    H5E_BEGIN_TRY {
        found = H5Oexists_by_name(h5->file, name, H5P_DEFAULT);
        if (found < 0)
            note_failure(h5);
    }
    H5E_END_TRY;
    return found > 0;
}

size_t sn_h5_group_size(const sn_h5 *h5, const char *group) {
    H5G_info_t info = {.nlinks = 0};
    herr_t failed = -1;
    if (sn_h5_check(h5, NULL) != SN_OK)
        return 0;
    H5E_BEGIN_TRY {
        failed = H5Gget_info_by_name(h5->file, group, &info, H5P_DEFAULT);
        if (failed < 0)
            note_failure(h5);
    }
    H5E_END_TRY;
    return failed < 0 ? 0 : (size_t)info.nlinks;
}

bool sn_h5_link_name(const sn_h5 *h5, const char *group, size_t index, char *name, size_t size) {
    ssize_t length = -1;
    if (sn_h5_check(h5, NULL) != SN_OK)
        return false;
    H5E_BEGIN_TRY {
        length = H5Lget_name_by_idx(h5->file, group, H5_INDEX_NAME, H5_ITER_INC, (hsize_t)index,
                                    name, size, H5P_DEFAULT);
        if (length < 0)
            note_failure(h5);
    }
    H5E_END_TRY;
    return length >= 0 && (size_t)length < size;
}

/* A data set that is open, and its shape, whose rank may be more than SN_MAX_RANK. */
typedef struct data_set {
    hid_t set, type;
    H5T_class_t class;
    sn_shape shape;
} data_set;

static bool look_at(hid_t set, data_set *found) {
    hsize_t sizes[H5S_MAX_RANK] = {0};
    const hid_t space = H5Dget_space(set);
    found->set = set;
    found->type = H5Dget_type(set);
    if (found->type < 0 || space < 0)
        return false;
    found->class = H5Tget_class(found->type);
    found->shape = (sn_shape){.rank = H5Sget_simple_extent_dims(space, sizes, NULL)};
    for (int i = 0; i < found->shape.rank && i < SN_MAX_RANK; i++)
        found->shape.size[i] = (size_t)sizes[i];
    return found->shape.rank >= 0 && H5Sget_simple_extent_type(space) != H5S_NULL &&
           H5Sclose(space) >= 0;
}

static sn_status open_set(const sn_h5 *h5, const char *name, data_set *found, sn_error *error) {
    sn_status status = SN_OK;
    SN_TRY(sn_h5_check(h5, error));
    H5E_BEGIN_TRY {
        const hid_t set = H5Dopen2(h5->file, name, H5P_DEFAULT);
        if (set < 0)
            status = failure(h5, SN_ERROR_DATA, error, "has no data set", name);
        else if (!look_at(set, found))
            status = failure(h5, SN_ERROR_DATA, error, "is damaged: no sense in", name);
    }
    H5E_END_TRY;
    return status;
}

static void close_set(const sn_h5 *h5, data_set *found) {
    if (sn_h5_check(h5, NULL) != SN_OK)
        return;
    H5E_BEGIN_TRY {
        H5Tclose(found->type);
        H5Dclose(found->set);
    }
    H5E_END_TRY;
}

sn_status sn_h5_shape(const sn_h5 *h5, const char *name, sn_shape *shape, sn_error *error) {
    data_set found;
    SN_TRY(open_set(h5, name, &found, error));
    close_set(h5, &found);
    *shape = found.shape;
    SN_RETURN_IF(shape->rank > SN_MAX_RANK, error, SN_ERROR_DATA,
                 "%s: %s has %d dimensions, at most %d can be read", h5->path, name, shape->rank,
                 (int)SN_MAX_RANK);
    return SN_OK;
}

/* Says what is wrong with a data set that must have this shape and hold numbers, whole ones if
 * `whole`. */
static sn_status check_set(const sn_h5 *h5, const char *name, const data_set *found,
                           const sn_shape *shape, bool whole, sn_error *error) {
    char have[SN_SHAPE_TEXT_SIZE], want[SN_SHAPE_TEXT_SIZE];
    SN_RETURN_IF(found->class != H5T_FLOAT && found->class != H5T_INTEGER, error, SN_ERROR_DATA,
                 "%s: %s holds no numbers", h5->path, name);
    SN_RETURN_IF(whole && found->class != H5T_INTEGER, error, SN_ERROR_DATA,
                 "%s: %s holds no whole number", h5->path, name);
    SN_RETURN_IF(!sn_shape_equal(&found->shape, shape), error, SN_ERROR_DATA,
                 "%s: %s has shape %s, need %s", h5->path, name,
                 found->shape.rank > SN_MAX_RANK ? "of more than 4 dimensions"
                                                 : sn_shape_text(&found->shape, have),
                 sn_shape_text(shape, want));
    return SN_OK;
}

static sn_status read_values(const sn_h5 *h5, const char *name, const data_set *found, hid_t wanted,
                             void *values, sn_error *error) {
    sn_status status = SN_OK;
    H5E_BEGIN_TRY {
        if (H5Dread(found->set, wanted, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
            status = failure(h5, SN_ERROR_DATA, error, "the file is damaged: cannot read", name);
    }
    H5E_END_TRY;
    return status;
}

static sn_status read_array(const sn_h5 *h5, const char *name, const sn_shape *shape, hid_t wanted,
                            bool whole, void *values, sn_error *error) {
    data_set found;
    SN_TRY(open_set(h5, name, &found, error));
    sn_status status = check_set(h5, name, &found, shape, whole, error);
    if (status == SN_OK)
        status = read_values(h5, name, &found, wanted, values, error);
    close_set(h5, &found);
    return status;
}

sn_status sn_h5_read_floats(const sn_h5 *h5, const char *name, const sn_shape *shape, float *values,
                            sn_error *error) {
    return read_array(h5, name, shape, H5T_NATIVE_FLOAT, false, values, error);
}

sn_status sn_h5_read_bytes(const sn_h5 *h5, const char *name, const sn_shape *shape, int8_t *values,
                           sn_error *error) {
    return read_array(h5, name, shape, H5T_NATIVE_INT8, true, values, error);
}

sn_status sn_h5_read_u64(const sn_h5 *h5, const char *name, uint64_t *value, sn_error *error) {
    const sn_shape scalar = {0};
    double real;
    /* HDF5 takes what does not fit to the nearest value that does. */
    SN_TRY(read_array(h5, name, &scalar, H5T_NATIVE_DOUBLE, true, &real, error));
    SN_RETURN_IF(real < 0, error, SN_ERROR_DATA, "%s: %s holds %g; it is 0 or more", h5->path, name,
                 real);
    return read_array(h5, name, &scalar, H5T_NATIVE_UINT64, true, value, error);
}

sn_status sn_h5_read_double(const sn_h5 *h5, const char *name, double *value, sn_error *error) {
    return read_array(h5, name, &(sn_shape){0}, H5T_NATIVE_DOUBLE, false, value, error);
}

/* Only texts of fixed length, as sn_h5_write_text makes them. */
static sn_status read_text(const sn_h5 *h5, const char *name, const data_set *found, char **text,
                           sn_error *error) {
    const size_t size = H5Tget_size(found->type);
    SN_RETURN_IF(found->class != H5T_STRING || H5Tis_variable_str(found->type) ||
                     found->shape.rank != 0,
                 error, SN_ERROR_DATA, "%s: %s is not a text of fixed length", h5->path, name);
    SN_RETURN_IF(size > TEXT_LIMIT, error, SN_ERROR_DATA,
                 "%s: %s has %zu bytes; texts have up to %d", h5->path, name, size,
                 (int)TEXT_LIMIT);
    *text = calloc(1, size + 1);
    SN_RETURN_IF(!*text, error, SN_ERROR_MEMORY, "%s: out of memory", h5->path);
    const sn_status status = read_values(h5, name, found, found->type, *text, error);
    if (status != SN_OK)
        free(*text);
    return status;
}

sn_status sn_h5_read_text(const sn_h5 *h5, const char *name, char **text, sn_error *error) {
    data_set found;
    SN_TRY(open_set(h5, name, &found, error));
    const sn_status status = read_text(h5, name, &found, text, error);
    close_set(h5, &found);
    return status;
}
