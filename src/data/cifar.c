#define _POSIX_C_SOURCE 200809L

#include "data/cifar.h"

#include "base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { SIDE = 32, CHANNELS = 3, IMAGE_SIZE = CHANNELS * SIDE * SIDE, PATH_SIZE = 4096 };

/* The files of a split. */
typedef struct file_list {
    const sn_cifar_set *set;
    const char *const *file;
    int count, records; /* records: of each file */
} file_list;

static file_list files_of(const sn_cifar_set *set, sn_split split) {
    const bool train = split == SN_SPLIT_TRAIN;
    return (file_list){set, train ? set->train_files : &set->test_file,
                       train ? set->train_file_count : 1,
                       train ? set->train_records : set->test_records};
}

static long long record_size(const sn_cifar_set *set) {
    return set->label_bytes + IMAGE_SIZE;
}

static bool has_folder(const sn_cifar_set *set, const char *directory) {
    char path[PATH_SIZE];
    struct stat info;
    return snprintf(path, PATH_SIZE, "%s/%s", directory, set->folder) < PATH_SIZE &&
           stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* directory/file, or directory/FOLDER/file when that folder is there: the archive unpacks into it.
 */
static sn_status file_path(const sn_cifar_set *set, const char *directory, const char *file,
                           char path[PATH_SIZE], sn_error *error) {
    const bool inside = has_folder(set, directory);
    SN_RETURN_IF(snprintf(path, PATH_SIZE, "%s%s%s/%s", directory, inside ? "/" : "",
                          inside ? set->folder : "", file) >= PATH_SIZE,
                 error, SN_ERROR_ARGUMENT,
                 "%s: the directory's name has %zu characters, more than fit into %d", set->name,
                 strlen(directory), PATH_SIZE);
    return SN_OK;
}

static sn_status check_file(const file_list *files, const char *path, sn_error *error) {
    const sn_cifar_set *set = files->set;
    const long long size = files->records * record_size(set);
    struct stat info;
    SN_RETURN_IF(stat(path, &info), error, SN_ERROR_IO,
                 "%s: %s; scripts/fetch %s gets the data set", path, strerror(errno), set->name);
    SN_RETURN_IF(!S_ISREG(info.st_mode), error, SN_ERROR_DATA,
                 "%s: is not a file; scripts/fetch %s gets the data set", path, set->name);
    SN_RETURN_IF(
        info.st_size != size, error, SN_ERROR_DATA,
        "%s: has %lld bytes%s; a file of %s has %lld (%d records of %lld); scripts/fetch %s "
        "gets the data set",
        path, (long long)info.st_size, info.st_size < size ? ", so it is cut short" : "",
        set->title, size, files->records, record_size(set), set->name);
    return SN_OK;
}

/* Reads the first `count` records of the file to image `first` and those after it. */
static sn_status read_records(FILE *file, const file_list *files, const char *path, size_t first,
                              size_t count, sn_dataset *dataset, sn_error *error) {
    const sn_cifar_set *set = files->set;
    for (size_t i = 0; i < count; i++) {
        uint8_t labels[4];
        uint8_t *pixels = dataset->pixels + (first + i) * IMAGE_SIZE;
        if (fread(labels, (size_t)set->label_bytes, 1, file) != 1 ||
            fread(pixels, IMAGE_SIZE, 1, file) != 1) {
            SN_RETURN_IF(ferror(file), error, SN_ERROR_IO, "%s: %s", path, strerror(errno));
            return sn_error_set(error, SN_ERROR_DATA, "%s: ends within record %zu of %d", path, i,
                                files->records);
        }
        const int label = labels[set->label_bytes - 1];
        SN_RETURN_IF(label >= set->class_count, error, SN_ERROR_DATA,
                     "%s: record %zu (byte %lld) has label %d; labels are 0 to %d", path, i,
                     (long long)i * record_size(set) + set->label_bytes - 1, label,
                     set->class_count - 1);
        dataset->labels[first + i] = label;
    }
    return SN_OK;
}

/* All files are looked at before any is read, also those beyond the limit: half a data set is a
 * mistake that should not wait to be noticed. */
static sn_status check_files(const file_list *files, const char *directory, sn_error *error) {
    char path[PATH_SIZE];
    for (int i = 0; i < files->count; i++) {
        SN_TRY(file_path(files->set, directory, files->file[i], path, error));
        SN_TRY(check_file(files, path, error));
    }
    return SN_OK;
}

sn_status sn_cifar_read(const sn_cifar_set *set, const sn_dataset_request *request,
                        sn_dataset *dataset, sn_error *error) {
    const file_list files = files_of(set, request->split);
    SN_RETURN_IF(!request->directory || !*request->directory, error, SN_ERROR_ARGUMENT,
                 "%s: needs the directory that holds %s; scripts/fetch %s gets the data set",
                 set->name, files.file[0], set->name);
    SN_TRY(check_files(&files, request->directory, error));
    const size_t records = (size_t)files.records;
    size_t count = (size_t)files.count * records;
    if (request->limit > 0 && request->limit < count)
        count = request->limit;
    SN_TRY(sn_dataset_name_classes(dataset, set->classes, set->class_count, error));
    SN_TRY(sn_dataset_allocate(dataset, count, CHANNELS, SIDE, SIDE, error));
    for (size_t i = 0, first = 0; first < count; i++, first += records) {
        char path[PATH_SIZE];
        SN_TRY(file_path(set, request->directory, files.file[i], path, error));
        FILE *file = fopen(path, "rb");
        SN_RETURN_IF(!file, error, SN_ERROR_IO, "%s: %s", path, strerror(errno));
        const size_t left = count - first;
        const sn_status status = read_records(file, &files, path, first,
                                              left < records ? left : records, dataset, error);
        fclose(file);
        SN_TRY(status);
    }
    return SN_OK;
}

bool sn_cifar_is_there(const sn_cifar_set *set, const char *directory) {
    const char *const names[] = {set->train_files[0], set->test_file};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[PATH_SIZE];
        struct stat info;
        if (file_path(set, directory, names[i], path, NULL) == SN_OK && stat(path, &info) == 0)
            return true;
    }
    return has_folder(set, directory);
}
