/* What is in a file, before any of it is believed. */
#include "base/hash.h"
#include "base/memory.h"
#include "train/h5_image.h"

#include <stdio.h>
#include <string.h>

enum {
    PATH_ROOM = 1024,
    MOST_LEVELS = 8,      /* of groups, which can lead back to themselves */
    MOST_LINKS = 1000000, /* likewise */
    MOST_DEFLATED = 1100  /* bytes from one: zlib's limit is 1032 */
};

typedef struct walk {
    const sn_h5 *h5;
    char path[PATH_ROOM]; /* of what is looked at */
    int level;
    size_t links;
    uint64_t sum;
    sn_status status; /* with `error`, of what ended the walk */
    sn_error *error;
} walk;

/* Ends the walk. */
static herr_t refuse(walk *w, const char *why) {
    if (w->status == SN_OK)
        w->status =
            sn_error_set(w->error, SN_ERROR_DATA, "%s: %.200s %s", w->h5->path, w->path, why);
    return -1;
}

/* Ends the walk when HDF5 could not do something. */
static herr_t give_up(walk *w) {
    if (w->status == SN_OK && sn_h5_was_memory()) {
        if (w->h5->image)
            w->h5->image->lost = true;
        w->status = sn_error_set(w->error, SN_ERROR_MEMORY, "%s: out of memory", w->h5->path);
    }
    return refuse(w, "cannot be read; the file is damaged");
}

/* Where the values are. */
static herr_t check_storage(walk *w, hid_t set, bool *filtered) {
    const hid_t list = H5Dget_create_plist(set);
    if (list < 0)
        return give_up(w);
    const H5D_layout_t layout = H5Pget_layout(list);
    const int filters = H5Pget_nfilters(list);
    if (layout < 0 || filters < 0)
        return give_up(w);
    *filtered = filters > 0;
    for (int i = 0; i < filters; i++) {
        unsigned flags, parameters[1];
        size_t count = 0;
        char name[1];
        const H5Z_filter_t filter =
            H5Pget_filter2(list, (unsigned)i, &flags, &count, parameters, 1, name, NULL);
        if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE &&
            filter != H5Z_FILTER_FLETCHER32)
            return refuse(w, "has a filter other than deflate, shuffle and Fletcher-32");
    }
    if (layout == H5D_VIRTUAL || H5Pget_external_count(list) != 0)
        return refuse(w, "has its values in other files, which checkpoints never have");
    return H5Pclose(list);
}

/* How many bytes the values take, which the file must hold. */
static herr_t measure(walk *w, hid_t set, hid_t type, bool filtered, size_t *bytes) {
    const hid_t space = H5Dget_space(set);
    const hssize_t count = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);
    const size_t size = H5Tget_size(type);
    const hsize_t stored = H5Dget_storage_size(set);
    if (count < 0 || size == 0 || H5Sclose(space) < 0)
        return give_up(w);
    const size_t held = w->h5->image ? w->h5->image->room > w->h5->image->size ? w->h5->image->room
                                                                               : w->h5->image->size
                                     : SIZE_MAX / MOST_DEFLATED;
    const size_t most = held * (filtered ? MOST_DEFLATED : 1);
    if ((uint64_t)count > most / size)
        return refuse(w, "has more values than the file can hold");
    *bytes = (size_t)count * size;
    if (count > 0 && (stored == 0 || (!filtered && stored < *bytes)))
        return refuse(w, "has no values");
    return 0;
}

/* The checksum of one data set. */
static uint64_t hash_set(const char *path, const hsize_t *sizes, int rank, const void *values,
                         size_t bytes) {
    uint64_t hash = sn_hash(SN_HASH_START, path, strlen(path));
    for (int i = 0; i < rank; i++) {
        unsigned char size[8];
        for (int b = 0; b < 8; b++)
            size[b] = (unsigned char)(sizes[i] >> 8 * b);
        hash = sn_hash(hash, size, sizeof size);
    }
    return sn_hash(hash, values, bytes);
}

static herr_t add_values(walk *w, hid_t set, hid_t type, size_t bytes) {
    hsize_t sizes[H5S_MAX_RANK] = {0};
    const hid_t space = H5Dget_space(set);
    const int rank = space < 0 ? -1 : H5Sget_simple_extent_dims(space, sizes, NULL);
    void *values = sn_alloc(bytes);
    herr_t result = 0;
    if (!values) {
        w->status = sn_error_set(w->error, SN_ERROR_MEMORY, "%s: out of memory", w->h5->path);
        return -1;
    }
    if (rank < 0 || H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0 ||
        H5Sclose(space) < 0)
        result = give_up(w);
    else
        w->sum += hash_set(w->path, sizes, rank, values, bytes);
    sn_free(values);
    return result;
}

static herr_t visit_set(walk *w, hid_t set) {
    bool filtered;
    size_t bytes;
    const hid_t type = H5Dget_type(set);
    if (type < 0)
        return give_up(w);
    const H5T_class_t class = H5Tget_class(type);
    if (check_storage(w, set, &filtered) < 0)
        return w->status == SN_OK ? give_up(w) : -1;
    if (class != H5T_INTEGER && class != H5T_FLOAT &&
        (class != H5T_STRING || H5Tis_variable_str(type)))
        return H5Tclose(type); /* nothing that is read */
    if (measure(w, set, type, filtered, &bytes) < 0)
        return -1;
    if (strcmp(w->path, "checksum") != 0 && add_values(w, set, type, bytes) < 0)
        return -1;
    return H5Tclose(type);
}

static herr_t visit_link(hid_t group, const char *name, const H5L_info_t *info, void *context);

static herr_t visit_object(walk *w, hid_t object) {
    if (H5Iget_type(object) == H5I_DATASET)
        return visit_set(w, object);
    if (H5Iget_type(object) != H5I_GROUP)
        return 0;
    if (w->level == MOST_LEVELS)
        return refuse(w, "is a group too deep in others");
    w->level++;
    hsize_t next = 0;
    const herr_t result = H5Literate(object, H5_INDEX_NAME, H5_ITER_NATIVE, &next, visit_link, w);
    w->level--;
    return result < 0 && w->status == SN_OK ? give_up(w) : result;
}

static herr_t visit_link(hid_t group, const char *name, const H5L_info_t *info, void *context) {
    walk *w = context;
    const size_t length = strlen(w->path);
    const int added =
        snprintf(w->path + length, PATH_ROOM - length, "%s%s", length ? "/" : "", name);
    if (added >= (int)(PATH_ROOM - length))
        return refuse(w, "is too long a name");
    if (info->type != H5L_TYPE_HARD)
        return refuse(w, "is a link to another file or name, which checkpoints never have");
    if (++w->links > MOST_LINKS)
        return refuse(w, "is one of too many links");
    const hid_t object = H5Oopen(group, name, H5P_DEFAULT);
    if (object < 0)
        return give_up(w);
    if (visit_object(w, object) < 0)
        return -1;
    w->path[length] = '\0';
    return H5Oclose(object) < 0 ? give_up(w) : 0;
}

sn_status sn_h5_sum(const sn_h5 *h5, uint64_t *sum, sn_error *error) {
    walk w = {.h5 = h5, .error = error};
    SN_TRY(sn_h5_check(h5, error));
    H5E_BEGIN_TRY {
        hsize_t next = 0;
        if (H5Literate(h5->file, H5_INDEX_NAME, H5_ITER_NATIVE, &next, visit_link, &w) < 0)
            give_up(&w);
    }
    H5E_END_TRY;
    if (sum)
        *sum = w.sum;
    return w.status;
}
