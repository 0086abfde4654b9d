/* Data sets as arrays in an HDF5 file: x_train, y_train, x_test, y_test, as Keras names them.
 * Images are [n][height][width], [n][height][width][channels] or [n][channels][height][width], of
 * bytes, or floats from 0 to 1 or 0 to 255. Labels are integers from 0, [n] or [n][1].
 * `class_names`, strings, may name the classes.
 */
#define _POSIX_C_SOURCE 200809L

#include "base/memory.h"
#include "data/dataset_source.h"

#include <errno.h>
#include <hdf5.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_SIDE = 4096, MAX_CLASSES = 100000, SLAB_IMAGES = 256, NAME_SIZE = 256 };

typedef enum layout { LAYOUT_GREY, LAYOUT_CHANNELS_LAST, LAYOUT_CHANNELS_FIRST } layout;

typedef struct picture_shape {
    layout order;
    int channels, height, width;
} picture_shape;

typedef struct array {
    const char *path, *name;
    hid_t set;
    int rank;
    hsize_t size[4]; /* [rank] */
} array;

static bool close_array(const array *a) {
    return a->set < 0 || H5Dclose(a->set) >= 0;
}

static sn_status open_array(hid_t file, const char *path, const char *name, int min_rank,
                            int max_rank, array *a, sn_error *error) {
    *a = (array){path, name, H5I_INVALID_HID, 0, {0}};
    SN_RETURN_IF(H5Lexists(file, name, H5P_DEFAULT) <= 0, error, SN_ERROR_DATA,
                 "%s: has no data set %s; it needs x_train, y_train, x_test and y_test", path,
                 name);
    a->set = H5Dopen2(file, name, H5P_DEFAULT);
    SN_RETURN_IF(a->set < 0, error, SN_ERROR_DATA, "%s: %s is not an HDF5 data set", path, name);
    const hid_t properties = H5Dget_create_plist(a->set);
    const int external = properties < 0 ? -1 : H5Pget_external_count(properties);
    H5Pclose(properties);
    SN_RETURN_IF(external != 0, error, SN_ERROR_DATA,
                 "%s: %s keeps its values in other files; they have to be in this one", path, name);
    const hid_t space = H5Dget_space(a->set);
    a->rank = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
    const bool fits = a->rank >= min_rank && a->rank <= max_rank &&
                      H5Sget_simple_extent_dims(space, a->size, NULL) == a->rank;
    H5Sclose(space);
    SN_RETURN_IF(!fits, error, SN_ERROR_DATA, "%s: %s has %d dimensions; it should have %d to %d",
                 path, name, a->rank, min_rank, max_rank);
    return SN_OK;
}

/* Where channels are: the dimension that can only be one. Both can, or neither: refused. */
static sn_status find_shape(const array *a, picture_shape *shape, sn_error *error) {
    const hsize_t *s = a->size;
    const bool grey = a->rank == 3;
    const bool first = !grey && s[1] >= 1 && s[1] <= SN_DATASET_MAX_CHANNELS;
    const bool last = !grey && s[3] >= 1 && s[3] <= SN_DATASET_MAX_CHANNELS;
    SN_RETURN_IF(!grey && first == last, error, SN_ERROR_DATA,
                 "%s: %s is %llu x %llu x %llu x %llu; %s of the second and the last dimension can "
                 "be channels, 1 to %d",
                 a->path, a->name, (unsigned long long)s[0], (unsigned long long)s[1],
                 (unsigned long long)s[2], (unsigned long long)s[3], first ? "both" : "none",
                 SN_DATASET_MAX_CHANNELS);
    shape->order = grey ? LAYOUT_GREY : first ? LAYOUT_CHANNELS_FIRST : LAYOUT_CHANNELS_LAST;
    const hsize_t h = first ? s[2] : s[1], w = first ? s[3] : s[2];
    SN_RETURN_IF(s[0] < 1 || s[0] > INT32_MAX || h < 1 || h > MAX_SIDE || w < 1 || w > MAX_SIDE,
                 error, SN_ERROR_DATA,
                 "%s: %s has %llu images of %llu x %llu pixels; it needs an image at least, with "
                 "sides of 1 to %d",
                 a->path, a->name, (unsigned long long)s[0], (unsigned long long)w,
                 (unsigned long long)h, MAX_SIDE);
    shape->channels = grey ? 1 : (int)(first ? s[1] : s[3]);
    shape->height = (int)h;
    shape->width = (int)w;
    return SN_OK;
}

/* Reads entries [first, first + count) as values of memory type `type`. */
static bool read_slab(const array *a, hid_t type, hsize_t first, hsize_t count, void *values) {
    hsize_t start[4] = {first}, edge[4];
    memcpy(edge, a->size, sizeof edge);
    edge[0] = count;
    const hid_t there = H5Dget_space(a->set), here = H5Screate_simple(a->rank, edge, NULL);
    const bool done = there >= 0 && here >= 0 &&
                      H5Sselect_hyperslab(there, H5S_SELECT_SET, start, NULL, edge, NULL) >= 0 &&
                      H5Dread(a->set, type, here, there, H5P_DEFAULT, values) >= 0;
    if (there >= 0)
        H5Sclose(there);
    if (here >= 0)
        H5Sclose(here);
    return done;
}

static sn_status damaged(const array *a, sn_error *error) {
    return sn_error_set(error, SN_ERROR_DATA, "%s: %s cannot be read, the file is damaged", a->path,
                        a->name);
}

/* Values of any number type, as doubles, of images [first, first + count). */
typedef struct pixel_source {
    const array *images;
    layout order;
    double *values; /* [SLAB_IMAGES][an image] */
    double scale;   /* to 0 .. 255 */
} pixel_source;

static size_t image_size(const sn_dataset *dataset) {
    return (size_t)dataset->channels * (size_t)dataset->height * (size_t)dataset->width;
}

static size_t slab_count(size_t first, size_t count) {
    return count - first < SLAB_IMAGES ? count - first : SLAB_IMAGES;
}

/* Bytes are as they are. Floats are from 0 to 1, or some is larger: then from 0 to 255. */
static sn_status find_scale(pixel_source *source, const sn_dataset *dataset, sn_error *error) {
    const array *a = source->images;
    const hid_t type = H5Dget_type(a->set);
    const H5T_class_t kind = H5Tget_class(type);
    const bool bytes =
        kind == H5T_INTEGER && H5Tget_size(type) == 1 && H5Tget_sign(type) == H5T_SGN_NONE;
    H5Tclose(type);
    SN_RETURN_IF(kind != H5T_FLOAT && !bytes, error, SN_ERROR_DATA,
                 "%s: %s should have bytes without a sign, or floats from 0 to 1 or 0 to 255",
                 a->path, a->name);
    source->scale = 1;
    if (bytes)
        return SN_OK;
    double largest = 0;
    for (size_t first = 0; first < dataset->count; first += SLAB_IMAGES) {
        const size_t count = slab_count(first, dataset->count);
        if (!read_slab(a, H5T_NATIVE_DOUBLE, first, count, source->values))
            return damaged(a, error);
        for (size_t i = 0; i < count * image_size(dataset); i++) {
            const double value = source->values[i];
            SN_RETURN_IF(!(value >= 0 && value <= 255), error, SN_ERROR_DATA,
                         "%s: %s has the value %g in image %zu; floats should be from 0 to 1, or "
                         "from 0 to 255: undo their normalisation",
                         a->path, a->name, value, first + i / image_size(dataset));
            largest = value > largest ? value : largest;
        }
    }
    source->scale = largest <= 1 ? 255 : 1;
    return SN_OK;
}

static void place_pixels(const pixel_source *source, size_t first, size_t count,
                         sn_dataset *dataset) {
    const size_t size = image_size(dataset), channels = (size_t)dataset->channels;
    for (size_t i = 0; i < count; i++)
        for (size_t p = 0; p < size; p++) {
            const size_t to = source->order == LAYOUT_CHANNELS_LAST
                                  ? p % channels * (size / channels) + p / channels
                                  : p;
            dataset->pixels[(first + i) * size + to] =
                (uint8_t)(source->values[i * size + p] * source->scale + 0.5);
        }
}

static sn_status read_pixels(pixel_source *source, sn_dataset *dataset, sn_error *error) {
    SN_TRY(find_scale(source, dataset, error));
    for (size_t first = 0; first < dataset->count; first += SLAB_IMAGES) {
        const size_t count = slab_count(first, dataset->count);
        if (!read_slab(source->images, H5T_NATIVE_DOUBLE, first, count, source->values))
            return damaged(source->images, error);
        place_pixels(source, first, count, dataset);
    }
    return SN_OK;
}

static sn_status read_images(const array *images, size_t limit, sn_dataset *dataset,
                             sn_error *error) {
    picture_shape shape = {0};
    SN_TRY(find_shape(images, &shape, error));
    const size_t all = (size_t)images->size[0];
    SN_TRY(sn_dataset_allocate(dataset, limit > 0 && limit < all ? limit : all, shape.channels,
                               shape.height, shape.width, error));
    pixel_source source = {images, shape.order,
                           sn_alloc_array(SLAB_IMAGES * image_size(dataset), sizeof(double)), 1};
    SN_RETURN_IF(!source.values, error, SN_ERROR_MEMORY, "%s: no memory to read it", images->path);
    const sn_status status = read_pixels(&source, dataset, error);
    sn_free(source.values);
    return status;
}

/* All labels of an array, however many images are wanted: they tell how many classes there are. */
static sn_status read_labels(const array *labels, size_t images, long long **values, int *classes,
                             sn_error *error) {
    SN_RETURN_IF(labels->size[0] != images || (labels->rank == 2 && labels->size[1] != 1), error,
                 SN_ERROR_DATA,
                 "%s: %s should have one label for each of %zu images, [%zu] or [%zu][1]; it has "
                 "%llu x %llu",
                 labels->path, labels->name, images, images, images,
                 (unsigned long long)labels->size[0],
                 (unsigned long long)(labels->rank == 2 ? labels->size[1] : 1));
    const hid_t type = H5Dget_type(labels->set);
    const bool integers = H5Tget_class(type) == H5T_INTEGER;
    H5Tclose(type);
    SN_RETURN_IF(!integers, error, SN_ERROR_DATA, "%s: %s should have integers, the classes from 0",
                 labels->path, labels->name);
    *values = sn_alloc_array(images, sizeof **values);
    SN_RETURN_IF(!*values, error, SN_ERROR_MEMORY, "%s: no memory to read it", labels->path);
    if (!read_slab(labels, H5T_NATIVE_LLONG, 0, images, *values))
        return damaged(labels, error);
    for (size_t i = 0; i < images; i++) {
        const long long label = (*values)[i];
        SN_RETURN_IF(label < 0 || label >= MAX_CLASSES, error, SN_ERROR_DATA,
                     "%s: %s has the label %lld for image %zu; labels are 0 to %d", labels->path,
                     labels->name, label, i, MAX_CLASSES - 1);
        *classes = label >= *classes ? (int)label + 1 : *classes;
    }
    return SN_OK;
}

/* ---- names of the classes ---- */

static void free_names(char **names, int count) {
    for (int i = 0; names && i < count; i++)
        free(names[i]);
    free(names);
}

/* The strings of `class_names`, of any kind of string; the caller's, whatever comes out. */
static sn_status read_names(hid_t file, const char *path, int classes, char **names,
                            sn_error *error) {
    array a;
    SN_TRY(open_array(file, path, "class_names", 1, 1, &a, error));
    const hid_t stored = H5Dget_type(a.set);
    const bool strings = H5Tget_class(stored) == H5T_STRING && a.size[0] == (hsize_t)classes;
    const bool variable = strings && H5Tis_variable_str(stored) > 0;
    const size_t size = strings && !variable ? H5Tget_size(stored) : 0;
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_cset(type, H5Tget_cset(stored));
    H5Tset_size(type, variable ? H5T_VARIABLE : size + 1);
    H5Tclose(stored);
    bool read = strings && size < NAME_SIZE;
    if (read && variable) {
        read = H5Dread(a.set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, names) >= 0;
    } else if (read) {
        char *flat = calloc((size_t)classes, size + 1);
        read = flat && H5Dread(a.set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, flat) >= 0;
        for (int i = 0; read && i < classes; i++)
            names[i] = strdup(flat + (size_t)i * (size + 1));
        free(flat);
    }
    H5Tclose(type);
    close_array(&a);
    for (int i = 0; read && i < classes; i++)
        read = names[i] && names[i][0] && strlen(names[i]) < NAME_SIZE;
    SN_RETURN_IF(!read, error, SN_ERROR_DATA,
                 "%s: class_names should be %d strings of 1 to %d bytes, one for each class", path,
                 classes, NAME_SIZE - 1);
    return SN_OK;
}

static sn_status name_classes(hid_t file, const char *path, int classes, sn_dataset *dataset,
                              sn_error *error) {
    char **names = calloc((size_t)classes, sizeof *names);
    SN_RETURN_IF(!names, error, SN_ERROR_MEMORY, "%s: no memory for %d class names", path, classes);
    sn_status status = SN_OK;
    if (H5Lexists(file, "class_names", H5P_DEFAULT) > 0)
        status = read_names(file, path, classes, names, error);
    for (int i = 0; status == SN_OK && i < classes; i++)
        if (!names[i]) {
            char number[16];
            snprintf(number, sizeof number, "%d", i);
            names[i] = strdup(number);
            status = names[i] ? SN_OK : sn_error_set(error, SN_ERROR_MEMORY, "%s: no memory", path);
        }
    if (status == SN_OK)
        status = sn_dataset_name_classes(dataset, (const char *const *)names, classes, error);
    free_names(names, classes);
    return status;
}

/* ---- a split ---- */

/* The images of a split and the labels of both: the classes are those of train and test. */
typedef struct split_arrays {
    array images, labels, other_labels;
    long long *values, *other_values;
} split_arrays;

/* Every class needs a training image: labels that begin with 1, or have a gap, are a mistake. */
static sn_status check_classes(const long long *labels, size_t count, int classes, const char *path,
                               sn_error *error) {
    bool *seen = sn_alloc_array((size_t)classes, sizeof *seen);
    SN_RETURN_IF(!seen, error, SN_ERROR_MEMORY, "%s: no memory for %d classes", path, classes);
    for (size_t i = 0; i < count; i++)
        seen[labels[i]] = true;
    int missing = 0;
    while (missing < classes && seen[missing])
        missing++;
    sn_free(seen);
    SN_RETURN_IF(
        missing < classes, error, SN_ERROR_DATA,
        "%s: the largest label is %d, but y_train has no label %d; labels are 0, 1, 2 and so "
        "on, without a gap",
        path, classes - 1, missing);
    return SN_OK;
}

static sn_status read_split(hid_t file, const char *path, sn_split split, size_t limit,
                            split_arrays *s, sn_dataset *dataset, sn_error *error) {
    const bool train = split == SN_SPLIT_TRAIN;
    int classes = 0;
    SN_TRY(open_array(file, path, train ? "x_train" : "x_test", 3, 4, &s->images, error));
    SN_TRY(open_array(file, path, train ? "y_train" : "y_test", 1, 2, &s->labels, error));
    SN_TRY(open_array(file, path, train ? "y_test" : "y_train", 1, 2, &s->other_labels, error));
    SN_TRY(read_images(&s->images, limit, dataset, error));
    SN_TRY(read_labels(&s->labels, (size_t)s->images.size[0], &s->values, &classes, error));
    SN_TRY(read_labels(&s->other_labels, (size_t)s->other_labels.size[0], &s->other_values,
                       &classes, error));
    for (size_t i = 0; i < dataset->count; i++)
        dataset->labels[i] = (int32_t)s->values[i];
    SN_TRY(check_classes(train ? s->values : s->other_values,
                         (size_t)(train ? s->labels : s->other_labels).size[0], classes, path,
                         error));
    SN_RETURN_IF(classes < 2, error, SN_ERROR_DATA, "%s: has one class; it needs 2 at least", path);
    return name_classes(file, path, classes, dataset, error);
}

static sn_status read_file(hid_t file, const char *path, sn_split split, size_t limit,
                           sn_dataset *dataset, sn_error *error) {
    const array none = {path, "", H5I_INVALID_HID, 0, {0}};
    split_arrays s = {none, none, none, NULL, NULL};
    const sn_status status = read_split(file, path, split, limit, &s, dataset, error);
    close_array(&s.images);
    close_array(&s.labels);
    close_array(&s.other_labels);
    sn_free(s.values);
    sn_free(s.other_values);
    return status;
}

static sn_status read_hdf5(const sn_dataset_request *request, sn_dataset *dataset,
                           sn_error *error) {
    const char *directory = request->directory;
    struct stat info;
    SN_RETURN_IF(!directory || !*directory, error, SN_ERROR_ARGUMENT,
                 "hdf5: needs the file: --data-dir FILE.h5, with x_train, y_train, x_test, y_test");
    SN_RETURN_IF(stat(directory, &info), error, SN_ERROR_IO, "%s: %s", directory, strerror(errno));
    SN_RETURN_IF(!S_ISREG(info.st_mode), error, SN_ERROR_ARGUMENT,
                 "%s: is not a file; --dataset hdf5 needs the file itself: --data-dir FILE.h5",
                 directory);
    H5dont_atexit(); /* fails, which does not matter, from the second time on */
    hid_t file;
    H5E_BEGIN_TRY {
        file = H5Fopen(directory, H5F_ACC_RDONLY, H5P_DEFAULT);
    }
    H5E_END_TRY
    SN_RETURN_IF(file < 0, error, SN_ERROR_DATA, "%s: is not a readable HDF5 file", directory);
    sn_status status;
    H5E_BEGIN_TRY {
        status = read_file(file, directory, request->split, request->limit, dataset, error);
    }
    H5E_END_TRY
    H5Fclose(file);
    return status;
}

const sn_dataset_source sn_dataset_source_hdf5 = {
    .name = "hdf5",
    .summary = "arrays x_train, y_train, x_test, y_test in --data-dir FILE.h5",
    .reference = "your own",
    .read = read_hdf5};
