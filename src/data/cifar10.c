/* CIFAR-10's binary files (Krizhevsky, 2009): records of one label byte and three 32 x 32 planes.
 */
#define _POSIX_C_SOURCE 200809L

#include "base/memory.h"
#include "data/dataset_source.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
    SIDE = 32,
    CHANNELS = 3,
    CLASSES = 10,
    IMAGE_SIZE = CHANNELS * SIDE * SIDE,
    RECORD_SIZE = 1 + IMAGE_SIZE,
    FILE_RECORDS = 10000,
    FILE_SIZE = FILE_RECORDS * RECORD_SIZE,
    PATH_SIZE = 4096
};

static const char *const class_names[CLASSES] = {
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"};

static const char *const train_files[] = {"data_batch_1.bin", "data_batch_2.bin",
                                          "data_batch_3.bin", "data_batch_4.bin",
                                          "data_batch_5.bin"};
static const char *const test_files[] = {"test_batch.bin"};

static const char hint[] = "scripts/fetch-cifar10 gets the data set";

/* directory/file; or directory/cifar-10-batches-bin/file if there is such a folder, which the
 * archive unpacks into. */
static sn_status file_path(const char *directory, const char *file, char path[PATH_SIZE],
                           sn_error *error) {
    static const char folder[] = "cifar-10-batches-bin";
    struct stat info;
    int length = snprintf(path, PATH_SIZE, "%s/%s", directory, folder);
    if (length < PATH_SIZE) {
        const bool inside = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
        length = snprintf(path, PATH_SIZE, "%s%s%s/%s", directory, inside ? "/" : "",
                          inside ? folder : "", file);
    }
    SN_RETURN_IF(length >= PATH_SIZE, error, SN_ERROR_ARGUMENT,
                 "cifar10: the directory's name has %zu characters, more than fit into %d",
                 strlen(directory), PATH_SIZE);
    return SN_OK;
}

static sn_status check_file(const char *path, sn_error *error) {
    struct stat info;
    SN_RETURN_IF(stat(path, &info), error, SN_ERROR_IO, "%s: %s; %s", path, strerror(errno), hint);
    SN_RETURN_IF(!S_ISREG(info.st_mode), error, SN_ERROR_DATA, "%s: is not a file; %s", path, hint);
    SN_RETURN_IF(info.st_size != FILE_SIZE, error, SN_ERROR_DATA,
                 "%s: has %lld bytes%s; a CIFAR-10 batch has %d (%d records of %d); %s", path,
                 (long long)info.st_size, info.st_size < FILE_SIZE ? ", so it is cut short" : "",
                 FILE_SIZE, FILE_RECORDS, RECORD_SIZE, hint);
    return SN_OK;
}

/* Reads the first `count` records of the file to image `first` and those after it. */
static sn_status read_records(FILE *file, const char *path, size_t first, size_t count,
                              sn_dataset *dataset, sn_error *error) {
    for (size_t i = 0; i < count; i++) {
        const int label = getc(file);
        uint8_t *pixels = dataset->pixels + (first + i) * IMAGE_SIZE;
        if (label == EOF || fread(pixels, IMAGE_SIZE, 1, file) != 1) {
            SN_RETURN_IF(ferror(file), error, SN_ERROR_IO, "%s: %s", path, strerror(errno));
            return sn_error_set(error, SN_ERROR_DATA, "%s: ends within record %zu of %d", path, i,
                                FILE_RECORDS);
        }
        SN_RETURN_IF(label >= CLASSES, error, SN_ERROR_DATA,
                     "%s: record %zu (byte %zu) has label %d; labels are 0 to %d", path, i,
                     i * RECORD_SIZE, label, CLASSES - 1);
        dataset->labels[first + i] = label;
    }
    return SN_OK;
}

static sn_status read_cifar10(sn_split split, const char *directory, size_t limit, sn_notes *notes,
                              sn_dataset *dataset, sn_error *error) {
    (void)notes; /* nothing is ignored or guessed */
    const char *const *files = split == SN_SPLIT_TRAIN ? train_files : test_files;
    const size_t file_count =
        split == SN_SPLIT_TRAIN ? sizeof train_files / sizeof *train_files : 1;
    SN_RETURN_IF(!directory || !*directory, error, SN_ERROR_ARGUMENT,
                 "cifar10: needs the directory that holds %s; %s", files[0], hint);
    char path[PATH_SIZE];
    /* Checks all files first, also those beyond the limit: half a data set is a mistake to report
     * at once. */
    for (size_t i = 0; i < file_count; i++) {
        SN_TRY(file_path(directory, files[i], path, error));
        SN_TRY(check_file(path, error));
    }
    size_t count = file_count * FILE_RECORDS;
    if (limit > 0 && limit < count)
        count = limit;
    SN_TRY(sn_dataset_name_classes(dataset, class_names, CLASSES, error));
    SN_TRY(sn_dataset_allocate(dataset, count, CHANNELS, SIDE, SIDE, error));
    for (size_t i = 0, first = 0; first < count; i++, first += FILE_RECORDS) {
        SN_TRY(file_path(directory, files[i], path, error));
        FILE *file = fopen(path, "rb");
        SN_RETURN_IF(!file, error, SN_ERROR_IO, "%s: %s", path, strerror(errno));
        const size_t left = count - first;
        const sn_status status = read_records(
            file, path, first, left < FILE_RECORDS ? left : FILE_RECORDS, dataset, error);
        fclose(file);
        SN_TRY(status);
    }
    return SN_OK;
}

const sn_dataset_source sn_dataset_source_cifar10 = {
    .name = "cifar10",
    .summary = "50,000 + 10,000 photographs, 32x32, 10 classes",
    .reference = "Krizhevsky 2009; fetched when it is missing",
    .read = read_cifar10,
    .classes = class_names,
    .class_count = CLASSES};
