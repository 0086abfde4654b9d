/* CIFAR-10's files, made up: pixel p of channel c of record r in file f is a formula. */
#define _POSIX_C_SOURCE 200809L

#include "data_tests.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RECORDS = 10000, PIXELS = 3072, TRAIN_FILES = 5, TEST_FILE = 5, FILES = 6 };

static char directory[TEST_PATH_SIZE];

static const char *const file_names[FILES] = {"data_batch_1.bin", "data_batch_2.bin",
                                              "data_batch_3.bin", "data_batch_4.bin",
                                              "data_batch_5.bin", "test_batch.bin"};

static uint8_t pixel(int file, int record, int position) {
    return (uint8_t)(file * 41 + record * 7 + position * 3 + position / 256);
}

static int label(int file, int record) {
    return (file + record) % 10;
}

static void batch_path(int file, const char *folder, char path[2 * TEST_PATH_SIZE]) {
    snprintf(path, 2 * TEST_PATH_SIZE, "%s%s/%s", directory, folder, file_names[file]);
}

static void write_batch(int file, const char *folder) {
    char path[2 * TEST_PATH_SIZE];
    batch_path(file, folder, path);
    FILE *out = fopen(path, "wb");
    ck_assert_ptr_nonnull(out);
    for (int r = 0; r < RECORDS; r++) {
        uint8_t record[1 + PIXELS];
        record[0] = (uint8_t)label(file, r);
        for (int p = 0; p < PIXELS; p++)
            record[1 + p] = pixel(file, r, p);
        ck_assert_uint_eq(fwrite(record, sizeof record, 1, out), 1);
    }
    ck_assert_int_eq(fclose(out), 0);
}

static void poke(int file, long offset, int byte) {
    char path[2 * TEST_PATH_SIZE];
    batch_path(file, "", path);
    FILE *out = fopen(path, "r+b");
    ck_assert_ptr_nonnull(out);
    ck_assert_int_eq(fseek(out, offset, SEEK_SET), 0);
    ck_assert_int_eq(putc(byte, out), byte);
    ck_assert_int_eq(fclose(out), 0);
}

static void resize(int file, long size) {
    char path[2 * TEST_PATH_SIZE];
    batch_path(file, "", path);
    ck_assert_int_eq(truncate(path, size), 0);
}

static void set_up(void) {
    make_directory(directory);
}

static void tear_down(void) {
    remove_directory(directory);
}

static void expect_record(const sn_dataset *dataset, size_t index, int file, int record) {
    const uint8_t *image = sn_dataset_image(dataset, index);
    for (int p = 0; p < PIXELS; p++)
        ck_assert_int_eq(image[p], pixel(file, record, p));
    ck_assert_int_eq(sn_dataset_label(dataset, index), label(file, record));
}

START_TEST(reads_train_split) {
    for (int file = 0; file < TRAIN_FILES; file++)
        write_batch(file, "");
    sn_dataset *dataset = open_dataset("cifar10", SN_SPLIT_TRAIN, directory, 0);
    ck_assert_uint_eq(sn_dataset_count(dataset), 50000);
    ck_assert_int_eq(sn_dataset_classes(dataset), 10);
    ck_assert_int_eq(sn_dataset_channels(dataset), 3);
    ck_assert_int_eq(sn_dataset_height(dataset), 32);
    ck_assert_int_eq(sn_dataset_width(dataset), 32);
    ck_assert_str_eq(sn_dataset_class_name(dataset, 0), "airplane");
    ck_assert_str_eq(sn_dataset_class_name(dataset, 9), "truck");
    for (int file = 0; file < TRAIN_FILES; file++) {
        expect_record(dataset, (size_t)file * RECORDS, file, 0);
        expect_record(dataset, (size_t)file * RECORDS + RECORDS - 1, file, RECORDS - 1);
    }
    sn_dataset_free(dataset);
    dataset = open_dataset("cifar10", SN_SPLIT_TRAIN, directory, 10001);
    ck_assert_uint_eq(sn_dataset_count(dataset), 10001);
    expect_record(dataset, 10000, 1, 0);
    sn_dataset_free(dataset);
}
END_TEST

START_TEST(reads_test_split_from_the_unpacked_folder) {
    char folder[2 * TEST_PATH_SIZE];
    snprintf(folder, sizeof folder, "%s/cifar-10-batches-bin", directory);
    ck_assert_int_eq(mkdir(folder, 0777), 0);
    write_batch(TEST_FILE, "/cifar-10-batches-bin");
    sn_dataset *dataset = open_dataset("cifar10", SN_SPLIT_TEST, directory, 0);
    ck_assert_uint_eq(sn_dataset_count(dataset), 10000);
    expect_record(dataset, 1234, TEST_FILE, 1234);
    sn_dataset_free(dataset);
    dataset = open_dataset("cifar10", SN_SPLIT_TEST, folder, 20000);
    ck_assert_uint_eq(sn_dataset_count(dataset), 10000);
    sn_dataset_free(dataset);
}
END_TEST

START_TEST(names_missing_files) {
    expect_open_error("cifar10", SN_SPLIT_TEST, directory, SN_ERROR_IO, "test_batch.bin",
                      "scripts/fetch cifar10");
    for (int file = 0; file < TRAIN_FILES; file++)
        if (file != 3)
            write_batch(file, "");
    expect_open_error("cifar10", SN_SPLIT_TRAIN, directory, SN_ERROR_IO, "data_batch_4.bin",
                      "No such file");
    expect_open_error("cifar10", SN_SPLIT_TRAIN, "/nowhere/at/all", SN_ERROR_IO,
                      "/nowhere/at/all/data_batch_1.bin", "No such file");
    expect_open_error("cifar10", SN_SPLIT_TRAIN, "", SN_ERROR_ARGUMENT, "directory",
                      "data_batch_1.bin");
    expect_open_error("cifar10", SN_SPLIT_TRAIN, NULL, SN_ERROR_ARGUMENT, "directory",
                      "scripts/fetch cifar10");
}
END_TEST

START_TEST(rejects_wrong_sizes) {
    write_batch(TEST_FILE, "");
    resize(TEST_FILE, 30729999);
    expect_open_error("cifar10", SN_SPLIT_TEST, directory, SN_ERROR_DATA, "30729999", "30730000");
    expect_open_error("cifar10", SN_SPLIT_TEST, directory, SN_ERROR_DATA, "test_batch.bin",
                      "cut short");
    resize(TEST_FILE, 30730001);
    expect_open_error("cifar10", SN_SPLIT_TEST, directory, SN_ERROR_DATA, "30730001", "30730000");
    resize(TEST_FILE, 0);
    expect_open_error("cifar10", SN_SPLIT_TEST, directory, SN_ERROR_DATA, "has 0 bytes",
                      "30730000");
}
END_TEST

START_TEST(rejects_labels_out_of_range) {
    write_batch(TEST_FILE, "");
    poke(TEST_FILE, 3073L * 77, 10);
    expect_open_error("cifar10", SN_SPLIT_TEST, directory, SN_ERROR_DATA, "test_batch.bin",
                      "record 77 (byte 236621) has label 10");
    poke(TEST_FILE, 3073L * 77, 9);
    sn_dataset_free(open_dataset("cifar10", SN_SPLIT_TEST, directory, 0));
}
END_TEST

START_TEST(names_what_is_no_file) {
    char path[2 * TEST_PATH_SIZE];
    batch_path(TEST_FILE, "", path);
    ck_assert_int_eq(mkdir(path, 0777), 0);
    expect_open_error("cifar10", SN_SPLIT_TEST, directory, SN_ERROR_DATA, "test_batch.bin",
                      "is not a file");
}
END_TEST

/* The label is the second byte of a record; the first is the coarse class. */
START_TEST(reads_cifar100) {
    char path[2 * TEST_PATH_SIZE];
    snprintf(path, sizeof path, "%s/test.bin", directory);
    ck_assert(!sn_dataset_is_there(dataset_index("cifar100"), directory));
    FILE *out = fopen(path, "wb");
    ck_assert_ptr_nonnull(out);
    for (int r = 0; r < RECORDS; r++) {
        uint8_t record[2 + PIXELS];
        record[0] = (uint8_t)(r % 20);
        record[1] = (uint8_t)(r % 100);
        for (int p = 0; p < PIXELS; p++)
            record[2 + p] = pixel(3, r, p);
        ck_assert_uint_eq(fwrite(record, sizeof record, 1, out), 1);
    }
    ck_assert_int_eq(fclose(out), 0);
    ck_assert(sn_dataset_is_there(dataset_index("cifar100"), directory));
    ck_assert(!sn_dataset_is_there(dataset_index("cifar10"), directory));
    sn_dataset *dataset = open_dataset("cifar100", SN_SPLIT_TEST, directory, 0);
    ck_assert_uint_eq(sn_dataset_count(dataset), 10000);
    ck_assert_int_eq(sn_dataset_classes(dataset), 100);
    ck_assert_str_eq(sn_dataset_class_name(dataset, 0), "apple");
    ck_assert_str_eq(sn_dataset_class_name(dataset, 99), "worm");
    ck_assert_int_eq(sn_dataset_label(dataset, 4321), 21);
    for (int p = 0; p < PIXELS; p++)
        ck_assert_int_eq(sn_dataset_image(dataset, 4321)[p], pixel(3, 4321, p));
    sn_dataset_free(dataset);
    ck_assert_int_eq(truncate(path, 3074L * 9999), 0);
    expect_open_error("cifar100", SN_SPLIT_TEST, directory, SN_ERROR_DATA, "cut short",
                      "a file of CIFAR-100 has 30740000 (10000 records of 3074)");
}
END_TEST

Suite *cifar10_suite(void) {
    Suite *suite = suite_create("cifar10");
    TCase *tests = tcase_create("cifar10");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, reads_train_split);
    tcase_add_test(tests, reads_test_split_from_the_unpacked_folder);
    tcase_add_test(tests, names_missing_files);
    tcase_add_test(tests, rejects_wrong_sizes);
    tcase_add_test(tests, rejects_labels_out_of_range);
    tcase_add_test(tests, names_what_is_no_file);
    tcase_add_test(tests, reads_cifar100);
    suite_add_tcase(suite, tests);
    return suite;
}
