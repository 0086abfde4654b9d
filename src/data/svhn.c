/* SVHN, cropped digits (Netzer et al. 2011): MATLAB files of versions 5, 7 and 7.3, read by matio.
 * X has [height][width][channels][images] with the first index fastest, y the labels, in which 10
 * stands for the digit 0.
 */
#define _POSIX_C_SOURCE 200809L

#include "data/dataset_source.h"

#include <errno.h>
#include <matio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { CLASSES = 10, CHANNELS = 3, PATH_SIZE = 4096, MAX_SIDE = 4096, PIXEL_RANK = 4 };

static const char *const digits[CLASSES] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
static const char train_file[] = "train_32x32.mat", test_file[] = "test_32x32.mat";
static const char hint[] = "scripts/fetch svhn gets the data set";

static sn_status find_file(const char *directory, const char *name, char path[PATH_SIZE],
                           sn_error *error) {
    static const char *const places[] = {"svhn/", ""};
    for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
        struct stat info;
        const int length = snprintf(path, PATH_SIZE, "%s/%s%s", directory, places[p], name);
        SN_RETURN_IF(length >= PATH_SIZE, error, SN_ERROR_ARGUMENT,
                     "svhn: the directory's name has %zu characters, more than fit into %d",
                     strlen(directory), PATH_SIZE);
        if (stat(path, &info) == 0)
            return SN_OK;
    }
    return sn_error_set(error, SN_ERROR_IO, "%s: %s; %s", path, strerror(errno), hint);
}

/* The description of a variable, without its values; to be freed with Mat_VarFree. */
static sn_status find_variable(mat_t *file, const char *path, const char *name, matvar_t **variable,
                               sn_error *error) {
    *variable = Mat_VarReadInfo(file, name);
    SN_RETURN_IF(!*variable, error, SN_ERROR_DATA,
                 "%s: has no variable %s; SVHN's cropped digits have X and y; %s", path, name,
                 hint);
    return SN_OK;
}

static sn_status check_pixels(const matvar_t *x, const char *path, sn_error *error) {
    SN_RETURN_IF(x->rank != PIXEL_RANK || x->class_type != MAT_C_UINT8, error, SN_ERROR_DATA,
                 "%s: X has %d dimensions of type %d; it should have 4, of uint8", path, x->rank,
                 (int)x->class_type);
    SN_RETURN_IF(x->dims[0] < 1 || x->dims[0] > MAX_SIDE || x->dims[1] < 1 ||
                     x->dims[1] > MAX_SIDE || x->dims[2] != CHANNELS || x->dims[3] < 1 ||
                     x->dims[3] > INT32_MAX,
                 error, SN_ERROR_DATA,
                 "%s: X is %zu x %zu x %zu x %zu; it should be height x width x 3 x images", path,
                 x->dims[0], x->dims[1], x->dims[2], x->dims[3]);
    return SN_OK;
}

/* All of X, however few images are wanted: matio's reading of parts is wrong for four dimensions
 * (1.5.23). */
static sn_status read_pixels(mat_t *file, matvar_t *x, const char *path, sn_dataset *dataset,
                             sn_error *error) {
    const size_t height = x->dims[0], width = x->dims[1], plane = height * width;
    SN_RETURN_IF(Mat_VarReadDataAll(file, x) || !x->data, error, SN_ERROR_DATA,
                 "%s: X cannot be read: the file is damaged, or memory ran out; %s", path, hint);
    const uint8_t *values = x->data;
    for (size_t p = 0; p < dataset->count * CHANNELS; p++)
        for (size_t i = 0; i < plane; i++) /* a column of the picture after the other */
            dataset->pixels[p * plane + i % height * width + i / height] = values[p * plane + i];
    return SN_OK;
}

/* Value i of y, whatever the type of its numbers; -1 for what is no small integer. */
static int label_at(const matvar_t *y, size_t i) {
    double value = -1;
    switch (y->class_type) {
    case MAT_C_DOUBLE:
        value = ((const double *)y->data)[i];
        break;
    case MAT_C_SINGLE:
        value = ((const float *)y->data)[i];
        break;
    case MAT_C_UINT8:
        value = ((const uint8_t *)y->data)[i];
        break;
    case MAT_C_INT8:
        value = ((const int8_t *)y->data)[i];
        break;
    case MAT_C_UINT16:
        value = ((const uint16_t *)y->data)[i];
        break;
    case MAT_C_INT16:
        value = ((const int16_t *)y->data)[i];
        break;
    case MAT_C_UINT32:
        value = ((const uint32_t *)y->data)[i];
        break;
    case MAT_C_INT32:
        value = ((const int32_t *)y->data)[i];
        break;
    default:
        break;
    }
    return value >= 0 && value <= CLASSES && value == (int)value ? (int)value : -1;
}

static sn_status read_labels(mat_t *file, matvar_t *y, const char *path, size_t images,
                             sn_dataset *dataset, sn_error *error) {
    size_t count = 1;
    for (int d = 0; d < y->rank; d++)
        count = y->dims[d] > 0 && count > INT32_MAX / y->dims[d] ? 0 : count * y->dims[d];
    SN_RETURN_IF(count != images, error, SN_ERROR_DATA,
                 "%s: y has %zu labels, but X has %zu images", path, count, images);
    SN_RETURN_IF(y->isComplex || Mat_VarReadDataAll(file, y) || !y->data, error, SN_ERROR_DATA,
                 "%s: y cannot be read, the file is damaged; %s", path, hint);
    for (size_t i = 0; i < dataset->count; i++) {
        const int label = label_at(y, i);
        SN_RETURN_IF(label < 0, error, SN_ERROR_DATA,
                     "%s: label %zu is none of 0 to 10; 0 and 10 both stand for the digit 0", path,
                     i);
        dataset->labels[i] = label % CLASSES;
    }
    return SN_OK;
}

typedef struct variables {
    mat_t *file;
    matvar_t *x, *y;
} variables;

static sn_status read_file(variables *v, const char *path, size_t limit, sn_dataset *dataset,
                           sn_error *error) {
    v->file = Mat_Open(path, MAT_ACC_RDONLY);
    SN_RETURN_IF(!v->file, error, SN_ERROR_DATA, "%s: is not a readable MATLAB file; %s", path,
                 hint);
    SN_TRY(find_variable(v->file, path, "X", &v->x, error));
    SN_TRY(check_pixels(v->x, path, error));
    SN_TRY(find_variable(v->file, path, "y", &v->y, error));
    const size_t all = v->x->dims[3], count = limit > 0 && limit < all ? limit : all;
    SN_TRY(sn_dataset_name_classes(dataset, digits, CLASSES, error));
    SN_TRY(sn_dataset_allocate(dataset, count, CHANNELS, (int)v->x->dims[0], (int)v->x->dims[1],
                               error));
    SN_TRY(read_pixels(v->file, v->x, path, dataset, error));
    return read_labels(v->file, v->y, path, all, dataset, error);
}

static sn_status read_svhn(const sn_dataset_request *request, sn_dataset *dataset,
                           sn_error *error) {
    const char *name = request->split == SN_SPLIT_TRAIN ? train_file : test_file;
    SN_RETURN_IF(!request->directory || !*request->directory, error, SN_ERROR_ARGUMENT,
                 "svhn: needs the directory that holds %s; %s", name, hint);
    char path[PATH_SIZE];
    SN_TRY(find_file(request->directory, name, path, error));
    variables v = {0};
    const sn_status status = read_file(&v, path, request->limit, dataset, error);
    Mat_VarFree(v.x);
    Mat_VarFree(v.y);
    if (v.file)
        Mat_Close(v.file);
    return status;
}

static bool is_there(const char *directory) {
    char path[PATH_SIZE];
    return find_file(directory, train_file, path, NULL) == SN_OK ||
           find_file(directory, test_file, path, NULL) == SN_OK;
}

const sn_dataset_source sn_dataset_source_svhn = {
    .name = "svhn",
    .summary = "73,257 + 26,032 house numbers, 32x32, 10 digits",
    .reference = "Netzer et al. 2011; fetched when it is missing",
    .read = read_svhn,
    .classes = digits,
    .class_count = CLASSES,
    .has_sides = true,
    .is_there = is_there};
