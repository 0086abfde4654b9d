#include "golden.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

golden_file golden_open(void) {
    const char *given = getenv("SN_GOLDEN");
    golden_file file = {.path = given && given[0] ? given : GOLDEN_FILE};
    H5Eset_auto(H5E_DEFAULT, NULL, NULL);
    file.id = H5Fopen(file.path, H5F_ACC_RDONLY, H5P_DEFAULT);
    ck_assert_msg(file.id >= 0, "%s: no HDF5 file that can be read", file.path);
    return file;
}

void golden_close(golden_file *file) {
    ck_assert_int_ge(H5Fclose(file->id), 0);
}

golden_array golden_read(const golden_file *file, const char *group, const char *name) {
    char path[GOLDEN_NAME_SIZE];
    golden_array array = {.count = 1};
    hsize_t sizes[SN_MAX_RANK];
    snprintf(path, sizeof path, "%s/%s", group, name);
    const hid_t set = H5Dopen(file->id, path, H5P_DEFAULT);
    ck_assert_msg(set >= 0, "%s has no %s", file->path, path);
    const hid_t space = H5Dget_space(set);
    array.shape.rank = H5Sget_simple_extent_ndims(space);
    ck_assert_msg(array.shape.rank > 0 && array.shape.rank <= SN_MAX_RANK, "%s: %s has %d sizes",
                  file->path, path, array.shape.rank);
    ck_assert_int_ge(H5Sget_simple_extent_dims(space, sizes, NULL), 0);
    for (int i = 0; i < array.shape.rank; i++)
        array.shape.size[i] = (size_t)sizes[i];
    array.count = sn_shape_count(&array.shape);
    array.values = malloc(array.count * sizeof *array.values);
    array.reals = malloc(array.count * sizeof *array.reals);
    ck_assert(array.values && array.reals);
    ck_assert_int_ge(H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, array.values),
                     0);
    for (size_t i = 0; i < array.count; i++)
        array.reals[i] = (sn_real)array.values[i];
    H5Sclose(space);
    H5Dclose(set);
    return array;
}

void golden_free(golden_array *array) {
    free(array->values);
    free(array->reals);
    *array = (golden_array){0};
}

golden_array golden_read_count(const golden_file *file, const char *group, const char *name,
                               size_t count) {
    char text[SN_SHAPE_TEXT_SIZE];
    golden_array array = golden_read(file, group, name);
    ck_assert_msg(array.count == count, "%s: %s/%s has shape %s, need %zu values", file->path,
                  group, name, sn_shape_text(&array.shape, text), count);
    return array;
}

size_t golden_group_size(const golden_file *file, const char *group) {
    H5G_info_t info;
    ck_assert_msg(H5Gget_info_by_name(file->id, group, &info, H5P_DEFAULT) >= 0,
                  "%s has no group %s", file->path, group);
    return (size_t)info.nlinks;
}

void golden_group_name(const golden_file *file, const char *group, size_t index,
                       char name[GOLDEN_NAME_SIZE]) {
    const ssize_t length = H5Lget_name_by_idx(file->id, group, H5_INDEX_NAME, H5_ITER_INC,
                                              (hsize_t)index, name, GOLDEN_NAME_SIZE, H5P_DEFAULT);
    ck_assert(length >= 0 && length < GOLDEN_NAME_SIZE);
}

static hid_t open_attribute(const golden_file *file, const char *group, const char *name) {
    const hid_t attribute = H5Aopen_by_name(file->id, group, name, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_msg(attribute >= 0, "%s: %s has no attribute %s", file->path, group, name);
    return attribute;
}

double golden_attribute(const golden_file *file, const char *group, const char *name) {
    double value = NAN;
    const hid_t attribute = open_attribute(file, group, name);
    ck_assert_int_ge(H5Aread(attribute, H5T_NATIVE_DOUBLE, &value), 0);
    H5Aclose(attribute);
    return value;
}

void golden_word(const golden_file *file, const char *group, const char *name,
                 char word[GOLDEN_WORD_SIZE]) {
    const hid_t attribute = open_attribute(file, group, name), type = H5Aget_type(attribute);
    ck_assert_msg(H5Tis_variable_str(type) > 0, "%s: %s of %s is no word", file->path, name, group);
    char *text = NULL;
    ck_assert_int_ge(H5Aread(attribute, type, &text), 0);
    snprintf(word, GOLDEN_WORD_SIZE, "%s", text);
    H5free_memory(text);
    H5Tclose(type);
    H5Aclose(attribute);
}

void golden_check(const char *what, const sn_real *values, const double *expected, size_t count,
                  double tolerance) {
    double scale = 0;
    for (size_t i = 0; i < count; i++)
        scale = fmax(scale, fabs(expected[i]));
    for (size_t i = 0; i < count; i++) {
        const double have = (double)values[i], want = expected[i], deviation = fabs(have - want);
        const double allowed = tolerance * (fabs(want) + scale / 10);
        ck_assert_msg(deviation <= allowed,
                      "%s[%zu] is %.17g, not %.17g (scale %.3g; off by %.3g times what is allowed)",
                      what, i, have, want, scale, deviation / allowed);
    }
}

void golden_check_named(const golden_file *file, const char *group, const char *name,
                        const sn_real *values, size_t count, double tolerance) {
    char what[GOLDEN_NAME_SIZE];
    snprintf(what, sizeof what, "%s/%s", group, name);
    golden_array expected = golden_read_count(file, group, name, count);
    golden_check(what, values, expected.values, count, tolerance);
    golden_free(&expected);
}
