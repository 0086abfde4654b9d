/* Pictures in folders: DIR/train/CLASS/x.png and DIR/test/CLASS/x.png. */
#define _POSIX_C_SOURCE 200809L

#include "base/memory.h"
#include "data/dataset_source.h"
#include "data/png_reader.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { PATH_SIZE = 4096, CHANNELS = 3 };

static const char *split_name(sn_split split) {
    return split == SN_SPLIT_TRAIN ? "train" : "test";
}

/* ---- sorted directory listings ---- */

typedef struct name_list {
    char **name;
    size_t count, capacity;
} name_list;

static void name_list_clear(name_list *list) {
    for (size_t i = 0; i < list->count; i++)
        free(list->name[i]);
    free(list->name);
    *list = (name_list){0};
}

static bool name_list_add(name_list *list, const char *name) {
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity ? 2 * list->capacity : 64;
        char **grown = realloc(list->name, capacity * sizeof *grown);
        if (!grown)
            return false;
        list->name = grown;
        list->capacity = capacity;
    }
    char *copy = strdup(name);
    if (!copy)
        return false;
    list->name[list->count++] = copy;
    return true;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static sn_status join(char path[PATH_SIZE], const char *directory, const char *name,
                      sn_error *error) {
    SN_RETURN_IF(snprintf(path, PATH_SIZE, "%s/%s", directory, name) >= PATH_SIZE, error,
                 SN_ERROR_ARGUMENT, "%s/%s: a name of more than %d characters", directory, name,
                 PATH_SIZE - 1);
    return SN_OK;
}

typedef bool (*entry_filter)(const char *name, const struct stat *info);

static bool is_class(const char *name, const struct stat *info) {
    (void)name;
    return S_ISDIR(info->st_mode);
}

static bool is_picture(const char *name, const struct stat *info) {
    const size_t length = strlen(name);
    return S_ISREG(info->st_mode) && length > 4 && strcasecmp(name + length - 4, ".png") == 0;
}

static sn_status read_entries(DIR *stream, const char *directory, entry_filter wanted,
                              name_list *list, sn_error *error) {
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (!entry) {
            SN_RETURN_IF(errno, error, SN_ERROR_IO, "%s: %s", directory, strerror(errno));
            return SN_OK;
        }
        if (entry->d_name[0] == '.') /* also what desktops leave behind */
            continue;
        char path[PATH_SIZE];
        struct stat info;
        SN_TRY(join(path, directory, entry->d_name, error));
        SN_RETURN_IF(stat(path, &info), error, SN_ERROR_IO, "%s: %s", path, strerror(errno));
        SN_RETURN_IF(wanted(entry->d_name, &info) && !name_list_add(list, entry->d_name), error,
                     SN_ERROR_MEMORY, "%s: no memory for the list of its files", directory);
    }
}

/* The wanted entries of the directory, sorted by name: readdir's order depends on the disk. */
static sn_status list_directory(const char *directory, entry_filter wanted, name_list *list,
                                sn_error *error) {
    DIR *stream = opendir(directory);
    SN_RETURN_IF(!stream, error, SN_ERROR_IO,
                 "%s: %s; the data set folder needs DIR/train/CLASS/*.png and DIR/test/CLASS/*.png",
                 directory, strerror(errno));
    const sn_status status = read_entries(stream, directory, wanted, list, error);
    closedir(stream);
    if (status == SN_OK && list->count > 0)
        qsort(list->name, list->count, sizeof *list->name, compare_names);
    return status;
}

/* ---- classes and their pictures ---- */

typedef struct catalogue {
    char root[PATH_SIZE]; /* DIR/train or DIR/test */
    name_list classes;
    name_list *pictures; /* [classes.count] */
    size_t picture_count;
} catalogue;

static void catalogue_clear(catalogue *c) {
    for (size_t i = 0; c->pictures && i < c->classes.count; i++)
        name_list_clear(&c->pictures[i]);
    sn_free(c->pictures);
    name_list_clear(&c->classes);
}

static sn_status list_classes(catalogue *c, const char *directory, sn_split split,
                              sn_error *error) {
    SN_TRY(join(c->root, directory, split_name(split), error));
    SN_TRY(list_directory(c->root, is_class, &c->classes, error));
    SN_RETURN_IF(c->classes.count < 2, error, SN_ERROR_DATA,
                 "%s: has %zu folders; it needs one for each class, at least 2", c->root,
                 c->classes.count);
    return SN_OK;
}

static sn_status list_pictures(catalogue *c, sn_error *error) {
    c->pictures = sn_alloc_array(c->classes.count, sizeof *c->pictures);
    SN_RETURN_IF(!c->pictures, error, SN_ERROR_MEMORY, "%s: no memory for %zu classes", c->root,
                 c->classes.count);
    for (size_t i = 0; i < c->classes.count; i++) {
        char path[PATH_SIZE];
        SN_TRY(join(path, c->root, c->classes.name[i], error));
        SN_TRY(list_directory(path, is_picture, &c->pictures[i], error));
        SN_RETURN_IF(c->pictures[i].count == 0, error, SN_ERROR_DATA,
                     "%s: has no picture; every class needs at least one *.png", path);
        c->picture_count += c->pictures[i].count;
    }
    return SN_OK;
}

static sn_status compare_classes(const catalogue *train, const catalogue *test, sn_error *error) {
    for (size_t i = 0; i < train->classes.count || i < test->classes.count; i++) {
        const char *a = i < train->classes.count ? train->classes.name[i] : NULL;
        const char *b = i < test->classes.count ? test->classes.name[i] : NULL;
        const int order = !a ? 1 : !b ? -1 : strcmp(a, b);
        SN_RETURN_IF(order < 0, error, SN_ERROR_DATA,
                     "%s: has no folder '%s', a class of %s; both need the same classes",
                     test->root, a, train->root);
        SN_RETURN_IF(order > 0, error, SN_ERROR_DATA,
                     "%s: has no folder '%s', a class of %s; both need the same classes",
                     train->root, b, test->root);
    }
    return SN_OK;
}

static sn_status picture_path(const catalogue *c, size_t label, size_t position,
                              char path[PATH_SIZE], sn_error *error) {
    char folder[PATH_SIZE];
    SN_TRY(join(folder, c->root, c->classes.name[label], error));
    return join(path, folder, c->pictures[label].name[position], error);
}

/* Reads `count` pictures in turns: the first of every class, then the second of every class; so a
 * limit leaves a mixture. `model` is the picture that sets the size. */
static sn_status read_pictures(const catalogue *c, size_t count, const char *model,
                               sn_dataset *dataset, sn_error *error) {
    const size_t image_size = (size_t)CHANNELS * (size_t)dataset->height * (size_t)dataset->width;
    size_t next = 0;
    for (size_t position = 0; next < count; position++)
        for (size_t label = 0; label < c->classes.count && next < count; label++) {
            if (position >= c->pictures[label].count)
                continue;
            char path[PATH_SIZE];
            int width, height;
            SN_TRY(picture_path(c, label, position, path, error));
            SN_TRY(sn_png_size(path, &width, &height, error));
            SN_RETURN_IF(width != dataset->width || height != dataset->height, error, SN_ERROR_DATA,
                         "%s: has %d x %d pixels, but %s has %d x %d; all must have one size", path,
                         width, height, model, dataset->width, dataset->height);
            SN_TRY(sn_png_read(path, width, height, dataset->pixels + next * image_size, error));
            dataset->labels[next++] = (int32_t)label;
        }
    return SN_OK;
}

static sn_status read_split(catalogue *train, catalogue *test, sn_split split,
                            const char *directory, size_t limit, sn_dataset *dataset,
                            sn_error *error) {
    catalogue *wanted = split == SN_SPLIT_TRAIN ? train : test;
    SN_TRY(list_classes(train, directory, SN_SPLIT_TRAIN, error));
    if (split == SN_SPLIT_TEST) {
        SN_TRY(list_classes(test, directory, SN_SPLIT_TEST, error));
        SN_TRY(compare_classes(train, test, error));
        SN_TRY(list_pictures(test, error));
    }
    /* the test split needs train's list too: its first picture sets the size of both */
    SN_TRY(list_pictures(train, error));
    char model[PATH_SIZE];
    int width, height;
    SN_TRY(picture_path(train, 0, 0, model, error));
    SN_TRY(sn_png_size(model, &width, &height, error));
    size_t count = wanted->picture_count;
    if (limit > 0 && limit < count)
        count = limit;
    SN_TRY(sn_dataset_name_classes(dataset, (const char *const *)wanted->classes.name,
                                   (int)wanted->classes.count, error));
    SN_TRY(sn_dataset_allocate(dataset, count, CHANNELS, height, width, error));
    return read_pictures(wanted, count, model, dataset, error);
}

sn_status sn_folder_read(sn_split split, const char *directory, size_t limit, sn_dataset *dataset,
                         sn_error *error) {
    SN_RETURN_IF(!directory || !*directory, error, SN_ERROR_ARGUMENT,
                 "folder: needs the directory that holds train/CLASS/*.png and test/CLASS/*.png");
    catalogue train = {0}, test = {0};
    const sn_status status = read_split(&train, &test, split, directory, limit, dataset, error);
    catalogue_clear(&train);
    catalogue_clear(&test);
    return status;
}
