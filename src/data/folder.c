#define _POSIX_C_SOURCE 200809L
/* Pictures in folders: DIR/train/CLASS/x.png and DIR/test/CLASS/x.jpg, at any depth below the
 * class. Instead of test/ there can be val/, valid/ or validation/. Evaluation needs only that.
 */
#include "base/memory.h"
#include "data/folder_pixels.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_SIZE = SN_FOLDER_PATH_SIZE, LISTED = 20, MAX_IMAGE_SIZE = 4096 };

/* ---- the two splits ---- */

static const char *const test_names[] = {"test", "val", "valid", "validation"};

static bool is_folder(const char *directory, const char *name) {
    char path[PATH_SIZE];
    struct stat info;
    return sn_folder_join(path, directory, name, NULL) == SN_OK && stat(path, &info) == 0 &&
           S_ISDIR(info.st_mode);
}

static const char *split_name(const char *directory, sn_split split) {
    if (split == SN_SPLIT_TRAIN)
        return "train";
    for (size_t i = 0; i < sizeof test_names / sizeof *test_names; i++)
        if (is_folder(directory, test_names[i]))
            return test_names[i];
    return test_names[0];
}

/* A second folder of test images is not used, and that is said. */
static void warn_of_unused_splits(const char *directory, sn_notes *notes) {
    const char *used = split_name(directory, SN_SPLIT_TEST);
    for (size_t i = 0; i < sizeof test_names / sizeof *test_names; i++)
        if (strcmp(test_names[i], used) != 0 && is_folder(directory, test_names[i]))
            sn_notes_add(notes, SN_NOTE_WARNING,
                         "%s/%s is not used; test images are those in %s/%s, and --valid holds out "
                         "a share of the training images",
                         directory, test_names[i], directory, used);
}

/* ---- classes and their pictures ---- */

typedef struct catalogue {
    char root[PATH_SIZE]; /* DIR/train or DIR/test */
    sn_name_list classes;
    sn_name_list *pictures; /* [classes.count] */
    size_t picture_count;
    sn_ignored ignored;
} catalogue;

static void catalogue_clear(catalogue *c) {
    for (size_t i = 0; c->pictures && i < c->classes.count; i++)
        sn_name_list_clear(&c->pictures[i]);
    sn_free(c->pictures);
    sn_name_list_clear(&c->classes);
}

static sn_status list_classes(catalogue *c, const char *directory, sn_split split,
                              sn_error *error) {
    SN_TRY(sn_folder_join(c->root, directory, split_name(directory, split), error));
    SN_TRY(sn_folder_list_classes(c->root, &c->classes, &c->ignored, error));
    SN_RETURN_IF(c->classes.count < 2, error, SN_ERROR_DATA,
                 "%s: has %zu folders; it needs one for each class, at least 2", c->root,
                 c->classes.count);
    return SN_OK;
}

/* Appends to text[size], cut to fit. */
static void append(char *text, size_t size, const char *what) {
    const size_t used = strlen(text);
    snprintf(text + used, size - used, "%s", what);
}

/* Names the classes without a picture, as many as fit. */
static sn_status check_classes(const catalogue *c, sn_error *error) {
    char names[400] = "";
    size_t empty = 0;
    for (size_t i = 0; i < c->classes.count; i++) {
        if (c->pictures[i].count > 0)
            continue;
        const char *name = c->classes.name[i];
        if (empty < LISTED && strlen(names) + strlen(name) + 30 < sizeof names) {
            append(names, sizeof names, empty ? ", " : "");
            append(names, sizeof names, name);
        } else if (!strstr(names, " ...")) {
            append(names, sizeof names, " ...");
        }
        empty++;
    }
    SN_RETURN_IF(empty > 0, error, SN_ERROR_DATA,
                 "%s: %zu of %zu classes ha%s no picture: %s; every class needs at least one *.png "
                 "or *.jpg in its folder",
                 c->root, empty, c->classes.count, empty == 1 ? "s" : "ve", names);
    return SN_OK;
}

static sn_status list_pictures(catalogue *c, sn_error *error) {
    c->pictures = sn_alloc_array(c->classes.count, sizeof *c->pictures);
    SN_RETURN_IF(!c->pictures, error, SN_ERROR_MEMORY, "%s: no memory for %zu classes", c->root,
                 c->classes.count);
    for (size_t i = 0; i < c->classes.count; i++) {
        SN_TRY(sn_folder_list_pictures(c->root, c->classes.name[i], &c->pictures[i], &c->ignored,
                                       error));
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

/* ---- their order ---- */

static const char advice[] = "replace or remove them, or leave them out with --on-bad-image skip";

static void files_clear(sn_folder_files *files) {
    for (size_t i = 0; files->path && i < files->count; i++)
        free(files->path[i]);
    sn_free(files->path);
    sn_free(files->label);
}

static sn_status picture_path(const catalogue *c, size_t label, size_t position,
                              char path[PATH_SIZE], sn_error *error) {
    char folder[PATH_SIZE];
    SN_TRY(sn_folder_join(folder, c->root, c->classes.name[label], error));
    return sn_folder_join(path, folder, c->pictures[label].name[position], error);
}

static sn_status add_file(const catalogue *c, size_t label, size_t position, sn_folder_files *files,
                          sn_error *error) {
    char path[PATH_SIZE];
    SN_TRY(picture_path(c, label, position, path, error));
    char *copy = strdup(path);
    SN_RETURN_IF(!copy, error, SN_ERROR_MEMORY, "%s: no memory for the list of its files", c->root);
    files->path[files->count] = copy;
    files->label[files->count++] = (int32_t)label;
    return SN_OK;
}

/* The first picture of every class, then the second of every class, so that a limit leaves a
 * mixture. To be freed whatever comes out. */
static sn_status order_files(const catalogue *c, size_t limit, sn_folder_files *files,
                             sn_error *error) {
    const size_t count = limit > 0 && limit < c->picture_count ? limit : c->picture_count;
    *files = (sn_folder_files){c->root, advice, 0, sn_alloc_array(count, sizeof *files->path),
                               sn_alloc_array(count, sizeof *files->label)};
    SN_RETURN_IF(!files->path || !files->label, error, SN_ERROR_MEMORY,
                 "%s: no memory for the list of its files", c->root);
    for (size_t position = 0; files->count < count; position++)
        for (size_t label = 0; label < c->classes.count && files->count < count; label++)
            if (position < c->pictures[label].count)
                SN_TRY(add_file(c, label, position, files, error));
    return SN_OK;
}

/* ---- a split ---- */

/* Evaluation alone needs no training pictures; classes and size are then the test split's. */
static sn_split split_of_classes(sn_split split, const char *directory) {
    char path[PATH_SIZE];
    struct stat info;
    const bool alone = split == SN_SPLIT_TEST &&
                       sn_folder_join(path, directory, "train", NULL) == SN_OK &&
                       stat(path, &info) != 0 && errno == ENOENT;
    return alone ? SN_SPLIT_TEST : SN_SPLIT_TRAIN;
}

static sn_status list_split(catalogue *train, catalogue *test, const sn_dataset_request *request,
                            sn_error *error) {
    const char *directory = request->directory;
    SN_TRY(list_classes(train, directory, split_of_classes(request->split, directory), error));
    if (request->split == SN_SPLIT_TEST) {
        SN_TRY(list_classes(test, directory, SN_SPLIT_TEST, error));
        SN_TRY(compare_classes(train, test, error));
        SN_TRY(list_pictures(test, error));
        warn_of_unused_splits(directory, request->notes);
    }
    /* The test split needs train's list too: train's first picture sets the size of both. */
    SN_TRY(list_pictures(train, error));
    const catalogue *wanted = request->split == SN_SPLIT_TRAIN ? train : test;
    sn_ignored_warn(&wanted->ignored, wanted->root, request->notes);
    SN_TRY(check_classes(wanted, error));
    return check_classes(train, error);
}

/* The size of the train split's first readable picture, in the order of the data set. If there is
 * none, 1 x 1 is enough to find out why, and *fault is what is wrong with the last one. */
static sn_status find_size(const catalogue *train, const sn_dataset_request *request, int *width,
                           int *height, char path[PATH_SIZE], sn_error *fault, sn_error *error) {
    size_t tried = 0;
    for (size_t position = 0; tried < train->picture_count; position++)
        for (size_t label = 0; label < train->classes.count; label++) {
            if (position >= train->pictures[label].count)
                continue;
            tried++;
            SN_TRY(picture_path(train, label, position, path, error));
            if (sn_folder_picture_size(path, request, width, height, fault) == SN_OK) {
                *fault = (sn_error){0};
                return SN_OK;
            }
        }
    *width = *height = 1;
    path[0] = '\0';
    return SN_OK;
}

/* Without an image size the first picture sets it. */
static sn_status choose_size(const catalogue *train, const sn_dataset_request *request, int *width,
                             int *height, char model[PATH_SIZE], sn_error *error) {
    *width = *height = request->image_size;
    if (request->image_size > 0)
        return SN_OK;
    sn_error fault = {0};
    SN_TRY(find_size(train, request, width, height, model, &fault, error));
    SN_RETURN_IF(fault.status != SN_OK && request->split == SN_SPLIT_TEST, error, fault.status,
                 "%s", fault.message);
    return SN_OK;
}

static sn_status read_pictures(const catalogue *wanted, const catalogue *train,
                               const sn_dataset_request *request, sn_folder_files *files,
                               sn_dataset *dataset, sn_error *error) {
    int width, height;
    char model[PATH_SIZE] = "";
    SN_TRY(choose_size(train, request, &width, &height, model, error));
    SN_TRY(order_files(wanted, request->limit, files, error));
    sn_ignored_describe(&wanted->ignored, dataset->ignored, sizeof dataset->ignored);
    SN_TRY(sn_dataset_name_classes(dataset, (const char *const *)wanted->classes.name,
                                   (int)wanted->classes.count, error));
    SN_TRY(sn_dataset_allocate(dataset, files->count, request->channels ? request->channels : 3,
                               height, width, error));
    return sn_folder_read_pixels(files, request, request->image_size > 0 ? NULL : model, dataset,
                                 error);
}

static sn_status read_split(catalogue *train, catalogue *test, const sn_dataset_request *request,
                            sn_dataset *dataset, sn_error *error) {
    SN_TRY(list_split(train, test, request, error));
    const catalogue *wanted = request->split == SN_SPLIT_TRAIN ? train : test;
    sn_folder_files files = {0};
    const sn_status status = read_pictures(wanted, train, request, &files, dataset, error);
    files_clear(&files);
    return status;
}

static sn_status check_request(const sn_dataset_request *request, sn_error *error) {
    SN_RETURN_IF(!request->directory || !*request->directory, error, SN_ERROR_ARGUMENT,
                 "folder: needs the directory that holds train/CLASS/*.png and test/CLASS/*.png");
    SN_RETURN_IF(request->image_size < 0 || request->image_size > MAX_IMAGE_SIZE, error,
                 SN_ERROR_ARGUMENT, "folder: image size %d; it can be 1 to %d, or 0",
                 request->image_size, MAX_IMAGE_SIZE);
    SN_RETURN_IF(request->channels != 0 && request->channels != 1 && request->channels != 3, error,
                 SN_ERROR_ARGUMENT, "folder: %d channels; pictures have 1 or 3", request->channels);
    return SN_OK;
}

static sn_status read_folder(const sn_dataset_request *request, sn_dataset *dataset,
                             sn_error *error) {
    SN_TRY(check_request(request, error));
    catalogue *both = sn_alloc_array(2, sizeof *both);
    SN_RETURN_IF(!both, error, SN_ERROR_MEMORY, "%s: no memory to list it", request->directory);
    const sn_status status = read_split(&both[0], &both[1], request, dataset, error);
    catalogue_clear(&both[0]);
    catalogue_clear(&both[1]);
    sn_free(both);
    return status;
}

const sn_dataset_source sn_dataset_source_folder = {
    .name = "folder",
    .summary = "DIR/{train,test}/CLASS/, PNG and JPEG pictures",
    .reference = "your own",
    .read = read_folder,
    .is_resized = true};
