/* SVHN's MATLAB files, made up with matio in the three versions of the format. */
#define _POSIX_C_SOURCE 200809L

#include "data_tests.h"

#include <matio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { IMAGES = 4, HEIGHT = 3, WIDTH = 5, CHANNELS = 3, PLANE = HEIGHT * WIDTH };

static char directory[TEST_PATH_SIZE], path[2 * TEST_PATH_SIZE];

static uint8_t pixel(int image, int channel, int y, int x) {
    return (uint8_t)(image * 59 + channel * 31 + y * 7 + x);
}

/* What to write; each of them can be wrong. */
typedef struct content {
    size_t channels, labels;
    uint8_t label[IMAGES];
    bool as_double;
    const char *x_name;
    enum mat_ft version;
    enum matio_compression compression;
} content;

static const content good = {CHANNELS, IMAGES,      {10, 1, 9, 0},       false,
                             "X",      MAT_FT_MAT5, MAT_COMPRESSION_ZLIB};

static void write_variable(mat_t *file, const content *c, const char *name, bool as_double,
                           int rank, size_t *sizes, void *values) {
    matvar_t *variable =
        Mat_VarCreate(name, as_double ? MAT_C_DOUBLE : MAT_C_UINT8,
                      as_double ? MAT_T_DOUBLE : MAT_T_UINT8, rank, sizes, values, 0);
    ck_assert_ptr_nonnull(variable);
    ck_assert_int_eq(Mat_VarWrite(file, variable, c->compression), 0);
    Mat_VarFree(variable);
}

static void write_file(const content *c) {
    uint8_t pixels[IMAGES * CHANNELS * PLANE];
    for (int i = 0; i < IMAGES * CHANNELS * PLANE; i++) /* the first index is the fastest */
        pixels[i] =
            pixel(i / (CHANNELS * PLANE), i / PLANE % CHANNELS, i % HEIGHT, i / HEIGHT % WIDTH);
    double doubles[IMAGES];
    uint8_t bytes[IMAGES];
    for (int i = 0; i < IMAGES; i++)
        doubles[i] = bytes[i] = c->label[i];
    unlink(path);
    mat_t *file = Mat_CreateVer(path, NULL, c->version);
    ck_assert_ptr_nonnull(file);
    size_t x_sizes[4] = {HEIGHT, WIDTH, c->channels, IMAGES}, y_sizes[2] = {c->labels, 1};
    write_variable(file, c, c->x_name, false, 4, x_sizes, pixels);
    write_variable(file, c, "y", c->as_double, 2, y_sizes, c->as_double ? (void *)doubles : bytes);
    ck_assert_int_eq(Mat_Close(file), 0);
}

static void set_up(void) {
    make_directory(directory);
    snprintf(path, sizeof path, "%s/train_32x32.mat", directory);
}

static void tear_down(void) {
    remove_directory(directory);
}

static void expect_images(size_t limit, size_t count) {
    static const int labels[IMAGES] = {0, 1, 9, 0};
    sn_dataset *dataset = open_dataset("svhn", SN_SPLIT_TRAIN, directory, limit);
    ck_assert_uint_eq(sn_dataset_count(dataset), count);
    ck_assert_int_eq(sn_dataset_channels(dataset), CHANNELS);
    ck_assert_int_eq(sn_dataset_height(dataset), HEIGHT);
    ck_assert_int_eq(sn_dataset_width(dataset), WIDTH);
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(sn_dataset_label(dataset, i), labels[i]);
        for (int p = 0; p < CHANNELS * PLANE; p++)
            ck_assert_int_eq(sn_dataset_image(dataset, i)[p],
                             pixel((int)i, p / PLANE, p % PLANE / WIDTH, p % WIDTH));
    }
    sn_dataset_free(dataset);
}

START_TEST(reads_every_version) {
    content c = good;
    write_file(&c);
    expect_images(0, IMAGES);
    expect_images(2, 2);
    c.compression = MAT_COMPRESSION_NONE;
    c.as_double = true;
    write_file(&c);
    expect_images(0, IMAGES);
    c.version = MAT_FT_MAT73;
    write_file(&c);
    expect_images(0, IMAGES);
    expect_images(3, 3);
}
END_TEST

static void expect_refused(const content *c, const char *part) {
    write_file(c);
    expect_open_error("svhn", SN_SPLIT_TRAIN, directory, SN_ERROR_DATA, "train_32x32.mat", part);
}

START_TEST(refuses_other_contents) {
    content c = good;
    c.channels = 2;
    expect_refused(&c, "X is 3 x 5 x 2 x 4");
    c = good;
    c.labels = IMAGES - 1;
    expect_refused(&c, "y has 3 labels, but X has 4 images");
    c = good;
    c.label[2] = 11;
    expect_refused(&c, "label 2 is none of 0 to 10");
    c = good;
    c.x_name = "Z";
    expect_refused(&c, "has no variable X");
}
END_TEST

START_TEST(refuses_other_files) {
    expect_open_error("svhn", SN_SPLIT_TEST, directory, SN_ERROR_IO, "test_32x32.mat",
                      "scripts/fetch svhn");
    expect_open_error("svhn", SN_SPLIT_TEST, "", SN_ERROR_ARGUMENT, "test_32x32.mat",
                      "scripts/fetch svhn");
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    fputs(
        "not a MATLAB file, although it goes on for more than the 128 bytes that the header of one "
        "has: the number of its version comes at byte 124.",
        file);
    ck_assert_int_eq(fclose(file), 0);
    expect_open_error("svhn", SN_SPLIT_TRAIN, directory, SN_ERROR_DATA, "train_32x32.mat",
                      "scripts/fetch svhn");
    write_file(&good);
    ck_assert_int_eq(truncate(path, 250), 0);
    expect_open_error("svhn", SN_SPLIT_TRAIN, directory, SN_ERROR_DATA, "train_32x32.mat",
                      "scripts/fetch svhn");
}
END_TEST

Suite *svhn_suite(void) {
    Suite *suite = suite_create("svhn");
    TCase *tests = tcase_create("svhn");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, reads_every_version);
    tcase_add_test(tests, refuses_other_contents);
    tcase_add_test(tests, refuses_other_files);
    suite_add_tcase(suite, tests);
    return suite;
}
