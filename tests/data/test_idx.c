/* MNIST's and Fashion-MNIST's files, made up, as they are and compressed. */
#define _POSIX_C_SOURCE 200809L

#include "data_tests.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

enum { IMAGES = 7, HEIGHT = 5, WIDTH = 4, PLANE = HEIGHT * WIDTH, IMAGE_HEAD = 16, LABEL_HEAD = 8 };

static char directory[TEST_PATH_SIZE];
static uint8_t image_bytes[IMAGE_HEAD + IMAGES * PLANE], label_bytes[LABEL_HEAD + IMAGES];

static uint8_t pixel(int image, int position) {
    return (uint8_t)(image * 37 + position * 11);
}

static void make_bytes(void) {
    const uint8_t image_head[IMAGE_HEAD] = {0, 0, 8, 3,      0, 0, 0, IMAGES,
                                            0, 0, 0, HEIGHT, 0, 0, 0, WIDTH};
    const uint8_t label_head[LABEL_HEAD] = {0, 0, 8, 1, 0, 0, 0, IMAGES};
    memcpy(image_bytes, image_head, IMAGE_HEAD);
    memcpy(label_bytes, label_head, LABEL_HEAD);
    for (int i = 0; i < IMAGES; i++) {
        label_bytes[LABEL_HEAD + i] = (uint8_t)(9 - i);
        for (int p = 0; p < PLANE; p++)
            image_bytes[IMAGE_HEAD + i * PLANE + p] = pixel(i, p);
    }
}

/* Writes the file below the directory; with gzip when its name ends so. */
static void write_file(const char *name, const uint8_t *bytes, size_t size) {
    char path[2 * TEST_PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    const char *end = strrchr(name, '.');
    gzFile out = gzopen(path, end && strcmp(end, ".gz") == 0 ? "wb" : "wbT");
    ck_assert_ptr_nonnull(out);
    ck_assert_int_eq(gzwrite(out, bytes, (unsigned)size), (int)size);
    ck_assert_int_eq(gzclose(out), Z_OK);
}

static void make_folder(const char *name) {
    char path[2 * TEST_PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    ck_assert_int_eq(mkdir(path, 0777), 0);
}

static void write_train(void) {
    write_file("train-images-idx3-ubyte", image_bytes, sizeof image_bytes);
    write_file("train-labels-idx1-ubyte", label_bytes, sizeof label_bytes);
}

static void set_up(void) {
    make_directory(directory);
    make_bytes();
}

static void tear_down(void) {
    remove_directory(directory);
}

static void expect_images(const sn_dataset *dataset, int count) {
    ck_assert_uint_eq(sn_dataset_count(dataset), (size_t)count);
    ck_assert_int_eq(sn_dataset_channels(dataset), 1);
    ck_assert_int_eq(sn_dataset_height(dataset), HEIGHT);
    ck_assert_int_eq(sn_dataset_width(dataset), WIDTH);
    ck_assert_int_eq(sn_dataset_classes(dataset), 10);
    for (int i = 0; i < count; i++) {
        ck_assert_int_eq(sn_dataset_label(dataset, (size_t)i), 9 - i);
        for (int p = 0; p < PLANE; p++)
            ck_assert_int_eq(sn_dataset_image(dataset, (size_t)i)[p], pixel(i, p));
    }
}

START_TEST(reads_both_splits) {
    write_train();
    sn_dataset *dataset = open_dataset("mnist", SN_SPLIT_TRAIN, directory, 0);
    expect_images(dataset, IMAGES);
    ck_assert_str_eq(sn_dataset_class_name(dataset, 7), "7");
    sn_dataset_free(dataset);
    dataset = open_dataset("mnist", SN_SPLIT_TRAIN, directory, 3);
    expect_images(dataset, 3);
    sn_dataset_free(dataset);
    write_file("t10k-images.idx3-ubyte", image_bytes, sizeof image_bytes); /* the other spelling */
    write_file("t10k-labels.idx1-ubyte", label_bytes, sizeof label_bytes);
    dataset = open_dataset("fashion-mnist", SN_SPLIT_TEST, directory, 0);
    expect_images(dataset, IMAGES);
    ck_assert_str_eq(sn_dataset_class_name(dataset, 9), "ankle boot");
    sn_dataset_free(dataset);
}
END_TEST

START_TEST(reads_compressed_files_in_its_folder_first) {
    make_folder("mnist");
    write_file("mnist/train-images-idx3-ubyte.gz", image_bytes, sizeof image_bytes);
    write_file("mnist/train-labels-idx1-ubyte.gz", label_bytes, sizeof label_bytes);
    write_file("train-images-idx3-ubyte", image_bytes, 3); /* those of another data set */
    write_file("train-labels-idx1-ubyte", label_bytes, 3);
    sn_dataset *dataset = open_dataset("mnist", SN_SPLIT_TRAIN, directory, 0);
    expect_images(dataset, IMAGES);
    sn_dataset_free(dataset);
    make_folder("FashionMNIST");
    make_folder("FashionMNIST/raw");
    write_file("FashionMNIST/raw/train-images-idx3-ubyte", image_bytes, sizeof image_bytes);
    write_file("FashionMNIST/raw/train-labels-idx1-ubyte.gz", label_bytes, sizeof label_bytes);
    dataset = open_dataset("fashion-mnist", SN_SPLIT_TRAIN, directory, 0);
    expect_images(dataset, IMAGES);
    sn_dataset_free(dataset);
}
END_TEST

START_TEST(names_missing_files) {
    expect_open_error("mnist", SN_SPLIT_TRAIN, directory, SN_ERROR_IO, "train-images-idx3-ubyte",
                      "scripts/fetch mnist");
    expect_open_error("fashion-mnist", SN_SPLIT_TEST, NULL, SN_ERROR_ARGUMENT, "directory",
                      "scripts/fetch fashion-mnist");
    write_file("train-images-idx3-ubyte", image_bytes, sizeof image_bytes);
    expect_open_error("mnist", SN_SPLIT_TRAIN, directory, SN_ERROR_IO, "train-labels-idx1-ubyte",
                      directory);
}
END_TEST

/* Opens the train split after a byte of the images has changed. */
static void expect_refused(size_t place, uint8_t byte, const char *part) {
    const uint8_t before = image_bytes[place];
    image_bytes[place] = byte;
    write_train();
    image_bytes[place] = before;
    expect_open_error("mnist", SN_SPLIT_TRAIN, directory, SN_ERROR_DATA, "train-", part);
}

START_TEST(refuses_other_headers) {
    expect_refused(0, 1, "begins with 01 00 08 03");
    expect_refused(2, 9, "begins with 00 00 09 03");
    expect_refused(3, 1, "begins with 00 00 08 01");
    expect_refused(7, IMAGES + 1, "labels, but");
    expect_refused(7, 0, "holds no image");
    expect_refused(11, 0, "4 x 0 pixels");
    expect_refused(12, 1, "16777220 x 5 pixels");
    expect_refused(11, HEIGHT + 1, "is cut short, within its images");
    expect_refused(11, HEIGHT - 1, "goes on after the values");
}
END_TEST

START_TEST(refuses_damaged_files) {
    write_train();
    write_file("train-labels-idx1-ubyte", label_bytes, sizeof label_bytes - 1);
    expect_open_error("mnist", SN_SPLIT_TRAIN, directory, SN_ERROR_DATA, "train-labels",
                      "is cut short, within its labels");
    write_file("train-labels-idx1-ubyte", label_bytes, 3);
    expect_open_error("mnist", SN_SPLIT_TRAIN, directory, SN_ERROR_DATA, "train-labels",
                      "is cut short, within its header");
    label_bytes[LABEL_HEAD + 5] = 10;
    write_file("train-labels-idx1-ubyte", label_bytes, sizeof label_bytes);
    expect_open_error("mnist", SN_SPLIT_TRAIN, directory, SN_ERROR_DATA, "image 5 has label 10",
                      "0 to 9");
}
END_TEST

START_TEST(refuses_damaged_compression) {
    write_file("train-labels-idx1-ubyte", label_bytes, sizeof label_bytes);
    write_file("train-images-idx3-ubyte.gz", image_bytes, sizeof image_bytes);
    char path[2 * TEST_PATH_SIZE];
    snprintf(path, sizeof path, "%s/train-images-idx3-ubyte.gz", directory);
    FILE *file = fopen(path, "r+b");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, 40, SEEK_SET), 0);
    const int byte = getc(file);
    ck_assert_int_eq(fseek(file, 40, SEEK_SET), 0);
    putc(byte ^ 0xff, file);
    ck_assert_int_eq(fclose(file), 0);
    expect_open_error("mnist", SN_SPLIT_TRAIN, directory, SN_ERROR_DATA, "train-images", "");
}
END_TEST

Suite *idx_suite(void) {
    Suite *suite = suite_create("idx");
    TCase *tests = tcase_create("idx");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, reads_both_splits);
    tcase_add_test(tests, reads_compressed_files_in_its_folder_first);
    tcase_add_test(tests, names_missing_files);
    tcase_add_test(tests, refuses_other_headers);
    tcase_add_test(tests, refuses_damaged_files);
    tcase_add_test(tests, refuses_damaged_compression);
    suite_add_tcase(suite, tests);
    return suite;
}
