#define _POSIX_C_SOURCE 200809L

#include "data/folder_listing.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static const char hidden[] = "hidden", too_deep[] = "folder too deep", special[] = "device or pipe",
                  beside[] = "beside classes", without[] = "no extension", others[] = "others";

enum { MAX_DEPTH = 16 }; /* links can lead round in circles */

/* ---- names ---- */

sn_status sn_folder_join(char path[SN_FOLDER_PATH_SIZE], const char *directory, const char *name,
                         sn_error *error) {
    SN_RETURN_IF(snprintf(path, SN_FOLDER_PATH_SIZE, "%s/%s", directory, name) >=
                     SN_FOLDER_PATH_SIZE,
                 error, SN_ERROR_ARGUMENT, "%s/%s: a name of more than %d characters", directory,
                 name, SN_FOLDER_PATH_SIZE - 1);
    return SN_OK;
}

void sn_name_list_clear(sn_name_list *list) {
    for (size_t i = 0; i < list->count; i++)
        free(list->name[i]);
    free(list->name);
    *list = (sn_name_list){0};
}

static bool name_list_add(sn_name_list *list, const char *name) {
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

static bool is_picture_name(const char *name) {
    static const char *const extensions[] = {".png", ".jpg", ".jpeg"};
    const size_t length = strlen(name);
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++) {
        const size_t size = strlen(extensions[i]);
        if (length > size && strcasecmp(name + length - size, extensions[i]) == 0)
            return true;
    }
    return false;
}

/* ---- what is ignored ---- */

/* ".jpg" of "a.JPG". */
static void extension_of(const char *name, char kind[SN_IGNORED_KIND_SIZE]) {
    const char *dot = strrchr(name, '.');
    const bool fits = dot && dot > name && dot[1] && strlen(dot) < SN_IGNORED_KIND_SIZE;
    snprintf(kind, SN_IGNORED_KIND_SIZE, "%s", fits ? dot : without);
    for (char *c = kind; fits && *c; c++)
        *c = (char)tolower((unsigned char)*c);
    sn_one_line(kind);
}

static sn_ignored_kind *find_kind(sn_ignored *ignored, const char *kind) {
    for (size_t i = 0; i < ignored->count; i++)
        if (strcmp(ignored->kinds[i].kind, kind) == 0)
            return &ignored->kinds[i];
    if (ignored->count == SN_IGNORED_KINDS)
        return &ignored->kinds[SN_IGNORED_KINDS - 1];
    sn_ignored_kind *added = &ignored->kinds[ignored->count++];
    snprintf(added->kind, sizeof added->kind, "%s",
             ignored->count == SN_IGNORED_KINDS ? others : kind);
    return added;
}

static void ignore(sn_ignored *ignored, const char *kind, const char *path) {
    sn_ignored_kind *k = find_kind(ignored, kind);
    if (k->count == 0 || strcmp(path, k->example) < 0)
        snprintf(k->example, sizeof k->example, "%s", path);
    k->count++;
}

static bool is_image_format(const char *kind) {
    static const char *const formats[] = {".jfif", ".bmp", ".gif",  ".tif",  ".tiff", ".webp",
                                          ".ppm",  ".pgm", ".heic", ".avif", ".jp2"};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(kind, formats[i]) == 0)
            return true;
    return false;
}

static void warn(const sn_ignored_kind *k, const char *root, sn_notes *notes) {
    const char *s = k->count == 1 ? "" : "s", *are = k->count == 1 ? "is" : "are";
    if (strcmp(k->kind, too_deep) == 0)
        sn_notes_add(notes, SN_NOTE_WARNING,
                     "%s: %zu folder%s more than %d levels below the class %s ignored, such as %s",
                     root, k->count, s, MAX_DEPTH, are, k->example);
    else if (strcmp(k->kind, beside) == 0)
        sn_notes_add(notes, SN_NOTE_WARNING,
                     "%s: %zu file%s beside the class folders %s ignored, such as %s; a picture "
                     "must lie in the folder of its class",
                     root, k->count, s, are, k->example);
    else if (is_image_format(k->kind))
        sn_notes_add(
            notes, SN_NOTE_WARNING,
            "%s: %zu %s file%s %s ignored, such as %s; only PNG and JPEG pictures are read: "
            "convert them, for instance with 'mogrify -format png *%s' in each folder",
            root, k->count, k->kind, s, are, k->example, k->kind);
    else
        sn_notes_add(notes, SN_NOTE_WARNING,
                     "%s: %zu file%s (%s) %s ignored, such as %s; only *.png, *.jpg "
                     "and *.jpeg files are read",
                     root, k->count, s, k->kind, are, k->example);
}

void sn_ignored_warn(const sn_ignored *ignored, const char *root, sn_notes *notes) {
    for (size_t i = 0; i < ignored->count; i++)
        if (strcmp(ignored->kinds[i].kind, hidden) != 0)
            warn(&ignored->kinds[i], root, notes);
}

void sn_ignored_describe(const sn_ignored *ignored, char *text, size_t size) {
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < ignored->count && used < size; i++) {
        const sn_ignored_kind *k = &ignored->kinds[i];
        used += (size_t)snprintf(text + used, size - used, "%s%zu %s", i ? ", " : "", k->count,
                                 k->kind);
    }
}

/* By name, what holds further kinds last. */
static int compare_kinds(const void *a, const void *b) {
    const char *x = ((const sn_ignored_kind *)a)->kind, *y = ((const sn_ignored_kind *)b)->kind;
    const int order = (strcmp(x, others) == 0) - (strcmp(y, others) == 0);
    return order ? order : strcmp(x, y);
}

/* ---- directories ---- */

/* One directory that is listed. */
typedef struct listing {
    const char *path;
    const char *class_name; /* NULL: this is the root, whose folders are wanted */
    const char *below;      /* name of the directory below that of its class; "" for that itself */
    int depth;
    sn_name_list *wanted;
    sn_ignored *ignored;
} listing;

static sn_status list_directory(const listing *l, sn_error *error);

/* NAME as it is shown: below the root. */
static sn_status shown_name(const listing *l, const char *name, char shown[SN_FOLDER_PATH_SIZE],
                            sn_error *error) {
    const int length = l->class_name
                           ? snprintf(shown, SN_FOLDER_PATH_SIZE, "%s/%s%s%s", l->class_name,
                                      l->below, l->below[0] ? "/" : "", name)
                           : snprintf(shown, SN_FOLDER_PATH_SIZE, "%s", name);
    SN_RETURN_IF(length >= SN_FOLDER_PATH_SIZE, error, SN_ERROR_ARGUMENT,
                 "%s/%s: a name of more than %d characters", l->path, name,
                 SN_FOLDER_PATH_SIZE - 1);
    return SN_OK;
}

/* `known`: whether `info` could be had. Files that cannot be looked at, such as links that lead
 * nowhere, count as files: what is wrong with a picture is said when it is read. */
static const char *why_ignored(const listing *l, const char *name, bool known,
                               const struct stat *info, char kind[SN_IGNORED_KIND_SIZE]) {
    const bool is_folder = known && S_ISDIR(info->st_mode);
    if (name[0] == '.')
        return hidden;
    if (is_folder)
        return l->depth >= MAX_DEPTH ? too_deep : NULL;
    if (!l->class_name)
        return beside;
    if (known && !S_ISREG(info->st_mode))
        return special;
    extension_of(name, kind);
    return is_picture_name(name) ? NULL : kind;
}

static sn_status sort_out(const listing *l, const char *name, sn_error *error) {
    char path[SN_FOLDER_PATH_SIZE], shown[SN_FOLDER_PATH_SIZE], kind[SN_IGNORED_KIND_SIZE];
    struct stat info;
    SN_TRY(sn_folder_join(path, l->path, name, error));
    SN_TRY(shown_name(l, name, shown, error));
    const bool known = stat(path, &info) == 0;
    const char *why = why_ignored(l, name, known, &info, kind);
    if (why) {
        ignore(l->ignored, why, shown);
        return SN_OK;
    }
    const char *below = l->class_name ? shown + strlen(l->class_name) + 1 : name;
    if (l->class_name && known && S_ISDIR(info.st_mode)) {
        const listing deeper = {path, l->class_name, below, l->depth + 1, l->wanted, l->ignored};
        return list_directory(&deeper, error);
    }
    SN_RETURN_IF(!name_list_add(l->wanted, below), error, SN_ERROR_MEMORY,
                 "%s: no memory for the list of its files", l->path);
    return SN_OK;
}

static sn_status read_entries(DIR *stream, const listing *l, sn_error *error) {
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (!entry) {
            SN_RETURN_IF(errno, error, SN_ERROR_IO, "%s: %s", l->path, strerror(errno));
            return SN_OK;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            SN_TRY(sort_out(l, entry->d_name, error));
    }
}

static sn_status list_directory(const listing *l, sn_error *error) {
    DIR *stream = opendir(l->path);
    SN_RETURN_IF(!stream, error, SN_ERROR_IO,
                 "%s: %s; the data set folder needs DIR/train/CLASS/ and DIR/test/CLASS/ with "
                 "*.png or *.jpg files",
                 l->path, strerror(errno));
    const sn_status status = read_entries(stream, l, error);
    closedir(stream);
    return status;
}

/* Sorted by name: readdir's order depends on the disk. */
static sn_status list_sorted(const listing *l, sn_error *error) {
    const sn_status status = list_directory(l, error);
    if (l->wanted->count > 0)
        qsort(l->wanted->name, l->wanted->count, sizeof *l->wanted->name, compare_names);
    if (l->ignored->count > 0)
        qsort(l->ignored->kinds, l->ignored->count, sizeof *l->ignored->kinds, compare_kinds);
    return status;
}

sn_status sn_folder_list_classes(const char *root, sn_name_list *classes, sn_ignored *ignored,
                                 sn_error *error) {
    const listing l = {root, NULL, "", 0, classes, ignored};
    return list_sorted(&l, error);
}

sn_status sn_folder_list_pictures(const char *root, const char *class_name, sn_name_list *pictures,
                                  sn_ignored *ignored, sn_error *error) {
    char path[SN_FOLDER_PATH_SIZE];
    SN_TRY(sn_folder_join(path, root, class_name, error));
    const listing l = {path, class_name, "", 0, pictures, ignored};
    return list_sorted(&l, error);
}
