/* Data sets as arrays in HDF5 files, in every layout and type that is read. */
#define _POSIX_C_SOURCE 200809L

#include "data_tests.h"

#include <hdf5.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    TRAIN = 300,
    TEST = 5,
    CHANNELS = 3,
    HEIGHT = 6,
    WIDTH = 5,
    SIZE = CHANNELS * HEIGHT * WIDTH
};

static char directory[TEST_PATH_SIZE], path[2 * TEST_PATH_SIZE];
static float pixels[TRAIN * SIZE];
static int labels[TRAIN];

static int pixel(size_t image, size_t place) {
    return (int)((image * 13 + place * 7) % 256);
}

static void write_array(hid_t file, const char *name, hid_t stored, hid_t given, int rank,
                        const hsize_t *size, const void *values) {
    const hid_t space = H5Screate_simple(rank, size, NULL);
    const hid_t set = H5Dcreate2(file, name, stored, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_int_ge(H5Dwrite(set, given, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0);
    ck_assert_int_ge(H5Dclose(set), 0);
    ck_assert_int_ge(H5Sclose(space), 0);
}

/* What to write. */
typedef struct content {
    hid_t type;
    float scale;
    bool channels_last;
    int label_rank, largest_label;
    int odd_one; /* label of train image 1 */
    const char *names;
    float odd_pixel; /* added to the first */
    const char *left_out;
    bool gap; /* label 3 becomes 5 */
} content;

static content standard(void) {
    return (content){H5T_STD_U8LE, 1, true, 1, 3, 1, NULL, 0, "", false};
}

static void write_split(hid_t file, const content *c, const char *x, const char *y, hsize_t count) {
    for (size_t i = 0; i < count; i++) {
        labels[i] = i == 1 ? c->odd_one : (int)i % (c->largest_label + 1);
        if (c->gap && labels[i] == 3)
            labels[i] = 5;
        for (size_t p = 0; p < SIZE; p++) {
            const size_t to =
                c->channels_last ? p % (HEIGHT * WIDTH) * CHANNELS + p / (HEIGHT * WIDTH) : p;
            pixels[i * SIZE + to] = (float)pixel(i, p) * c->scale;
        }
    }
    pixels[0] += c->odd_pixel;
    const hsize_t last[4] = {count, HEIGHT, WIDTH, CHANNELS},
                  first[4] = {count, CHANNELS, HEIGHT, WIDTH};
    const hsize_t label_size[2] = {count, 1};
    if (strcmp(c->left_out, x) != 0)
        write_array(file, x, c->type, H5T_NATIVE_FLOAT, 4, c->channels_last ? last : first, pixels);
    write_array(file, y, H5T_STD_I64LE, H5T_NATIVE_INT, c->label_rank, label_size, labels);
}

static void write_names(hid_t file, const char *names) {
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, 4);
    const hsize_t count = strlen(names) / 4;
    write_array(file, "class_names", type, type, 1, &count, names);
    H5Tclose(type);
}

static void write_file(const content *c) {
    const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_int_ge(file, 0);
    write_split(file, c, "x_train", "y_train", TRAIN);
    write_split(file, c, "x_test", "y_test", TEST);
    if (c->names)
        write_names(file, c->names);
    ck_assert_int_ge(H5Fclose(file), 0);
}

static void set_up(void) {
    make_directory(directory);
    snprintf(path, sizeof path, "%s/set.h5", directory);
}

static void tear_down(void) {
    remove_directory(directory);
}

static void expect_images(sn_split split, size_t limit, size_t count, int classes) {
    sn_dataset *dataset = open_dataset("hdf5", split, path, limit);
    ck_assert_uint_eq(sn_dataset_count(dataset), count);
    ck_assert_int_eq(sn_dataset_channels(dataset), CHANNELS);
    ck_assert_int_eq(sn_dataset_height(dataset), HEIGHT);
    ck_assert_int_eq(sn_dataset_width(dataset), WIDTH);
    ck_assert_int_eq(sn_dataset_classes(dataset), classes);
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(sn_dataset_label(dataset, i), (int)i % classes);
        for (size_t p = 0; p < SIZE; p++)
            ck_assert_int_eq(sn_dataset_image(dataset, i)[p], pixel(i, p));
    }
    sn_dataset_free(dataset);
}

START_TEST(reads_every_layout_and_type) {
    content c = standard();
    write_file(&c);
    expect_images(SN_SPLIT_TRAIN, 0, TRAIN, 4);
    expect_images(SN_SPLIT_TRAIN, 270, 270, 4);
    expect_images(SN_SPLIT_TEST, 0, TEST, 4);
    c.channels_last = false;
    c.label_rank = 2;
    write_file(&c);
    expect_images(SN_SPLIT_TRAIN, 0, TRAIN, 4);
    c.type = H5T_IEEE_F32LE;
    write_file(&c); /* 0 to 255 */
    expect_images(SN_SPLIT_TRAIN, 0, TRAIN, 4);
    c.type = H5T_IEEE_F64BE;
    c.scale = 1.0F / 255;
    write_file(&c); /* 0 to 1 */
    expect_images(SN_SPLIT_TRAIN, 0, TRAIN, 4);
}
END_TEST

/* Eight classes in train, of which the test split has five. */
START_TEST(classes_are_those_of_both_splits) {
    content c = standard();
    c.largest_label = 7;
    write_file(&c);
    expect_images(SN_SPLIT_TRAIN, 0, TRAIN, 8);
    expect_images(SN_SPLIT_TEST, 0, TEST, 8);
}
END_TEST

START_TEST(reads_names) {
    content c = standard();
    c.names = "cat\0dog\0ox\0\0bird";
    const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    write_split(file, &c, "x_train", "y_train", TRAIN);
    write_split(file, &c, "x_test", "y_test", TEST);
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, 4);
    const hsize_t count = 4;
    write_array(file, "class_names", type, type, 1, &count, "cat\0dog\0ox\0\0bird");
    H5Tclose(type);
    ck_assert_int_ge(H5Fclose(file), 0);
    sn_dataset *dataset = open_dataset("hdf5", SN_SPLIT_TEST, path, 0);
    ck_assert_str_eq(sn_dataset_class_name(dataset, 2), "ox");
    ck_assert_str_eq(sn_dataset_class_name(dataset, 3), "bird");
    sn_dataset_free(dataset);
    c.names = NULL;
    write_file(&c);
    dataset = open_dataset("hdf5", SN_SPLIT_TEST, path, 0);
    ck_assert_str_eq(sn_dataset_class_name(dataset, 3), "3");
    sn_dataset_free(dataset);
}
END_TEST

static void expect_refused(const content *c, const char *part) {
    write_file(c);
    expect_open_error("hdf5", SN_SPLIT_TRAIN, path, SN_ERROR_DATA, "set.h5", part);
}

START_TEST(refuses_other_contents) {
    content c = standard();
    c.odd_one = -1;
    expect_refused(&c, "y_train has the label -1 for image 1");
    c = standard();
    c.type = H5T_IEEE_F32LE;
    c.odd_pixel = 300;
    expect_refused(&c, "has the value 300 in image 0");
    c.odd_pixel = -0.5F;
    expect_refused(&c, "undo their normalisation");
    c = standard();
    c.type = H5T_STD_I32LE;
    expect_refused(&c, "bytes without a sign");
    c = standard();
    c.left_out = "x_train";
    expect_refused(&c, "has no data set x_train");
    c = standard();
    c.names = "cat\0dog\0"; /* strlen: one name for four classes */
    expect_refused(&c, "class_names should be 4 strings");
    c = standard();
    c.gap = true;
    expect_refused(&c, "the largest label is 5, but y_train has no label 3");
    c = standard();
    c.largest_label = 0;
    c.odd_one = 0;
    expect_refused(&c, "has one class");
}
END_TEST

START_TEST(refuses_other_files) {
    expect_open_error("hdf5", SN_SPLIT_TRAIN, directory, SN_ERROR_ARGUMENT, "is not a file",
                      "--data-dir FILE.h5");
    expect_open_error("hdf5", SN_SPLIT_TRAIN, "", SN_ERROR_ARGUMENT, "x_train",
                      "--data-dir FILE.h5");
    expect_open_error("hdf5", SN_SPLIT_TRAIN, "/nowhere/x.h5", SN_ERROR_IO, "/nowhere/x.h5",
                      "No such file");
    const content c = standard();
    write_file(&c);
    ck_assert_int_eq(truncate(path, 700), 0);
    expect_open_error("hdf5", SN_SPLIT_TRAIN, path, SN_ERROR_DATA, "set.h5", "HDF5");
}
END_TEST

Suite *hdf5_suite(void) {
    Suite *suite = suite_create("hdf5");
    TCase *tests = tcase_create("hdf5");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, reads_every_layout_and_type);
    tcase_add_test(tests, classes_are_those_of_both_splits);
    tcase_add_test(tests, reads_names);
    tcase_add_test(tests, refuses_other_contents);
    tcase_add_test(tests, refuses_other_files);
    suite_add_tcase(suite, tests);
    return suite;
}
