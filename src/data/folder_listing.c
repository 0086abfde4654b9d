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

static const char hidden[] = "hidden", sub_folder[] = "sub-folder", special[] = "device or pipe",
                  beside[] = "beside classes", without[] = "no extension", others[] = "others";

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
    const size_t length = strlen(name);
    return length > 4 && strcasecmp(name + length - 4, ".png") == 0;
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

static void ignore(sn_ignored *ignored, const char *kind, const char *path, size_t pictures) {
    sn_ignored_kind *k = find_kind(ignored, kind);
    if (k->count == 0 || strcmp(path, k->example) < 0)
        snprintf(k->example, sizeof k->example, "%s", path);
    k->count++;
    k->pictures += pictures;
}

/* 0 also when the folder cannot be read; the number is only for a message. */
static size_t count_pictures(const char *directory) {
    size_t count = 0;
    DIR *stream = opendir(directory);
    for (const struct dirent *e; stream && (e = readdir(stream)) != NULL;)
        count += e->d_name[0] != '.' && is_picture_name(e->d_name);
    if (stream)
        closedir(stream);
    return count;
}

static bool is_image_format(const char *kind) {
    static const char *const formats[] = {".jpg",  ".jpeg", ".jfif", ".bmp", ".gif",
                                          ".tif",  ".tiff", ".webp", ".ppm", ".pgm",
                                          ".heic", ".avif", ".jp2"};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(kind, formats[i]) == 0)
            return true;
    return false;
}

static void warn(const sn_ignored_kind *k, const char *root, sn_notes *notes) {
    const char *s = k->count == 1 ? "" : "s", *are = k->count == 1 ? "is" : "are";
    if (strcmp(k->kind, sub_folder) == 0)
        sn_notes_add(notes, SN_NOTE_WARNING,
                     "%s: %zu sub-folder%s with %zu pictures %s ignored, such as %s; pictures must "
                     "lie in the folder of their class itself",
                     root, k->count, s, k->pictures, are, k->example);
    else if (strcmp(k->kind, beside) == 0)
        sn_notes_add(notes, SN_NOTE_WARNING,
                     "%s: %zu file%s beside the class folders %s ignored, such as %s; a picture "
                     "must lie in the folder of its class",
                     root, k->count, s, are, k->example);
    else if (is_image_format(k->kind))
        sn_notes_add(notes, SN_NOTE_WARNING,
                     "%s: %zu %s file%s %s ignored, such as %s; only PNG pictures are read: "
                     "convert them, for instance with 'mogrify -format png *%s' in each folder",
                     root, k->count, k->kind, s, are, k->example, k->kind);
    else
        sn_notes_add(notes, SN_NOTE_WARNING,
                     "%s: %zu file%s (%s) %s ignored, such as %s; only *.png files are read", root,
                     k->count, s, k->kind, are, k->example);
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
        used +=
            (size_t)snprintf(text + used, size - used, "%s%zu %s%s", i ? ", " : "", k->count,
                             k->kind, strcmp(k->kind, sub_folder) == 0 && k->count > 1 ? "s" : "");
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
    const char *path, *below; /* below: the directory's name below the root; NULL for the root */
    sn_name_list *wanted;
    sn_ignored *ignored;
} listing;

/* Entries that cannot be examined, such as dangling links, count as files: reading the picture will
 * say what is wrong. */
static sn_status sort_out(const listing *l, const char *name, sn_error *error) {
    char path[SN_FOLDER_PATH_SIZE], shown[SN_FOLDER_PATH_SIZE], kind[SN_IGNORED_KIND_SIZE];
    struct stat info;
    SN_TRY(sn_folder_join(path, l->path, name, error));
    const bool known = stat(path, &info) == 0, is_folder = known && S_ISDIR(info.st_mode);
    const bool is_special = known && !is_folder && !S_ISREG(info.st_mode);
    const bool is_wanted =
        l->below ? !is_folder && !is_special && is_picture_name(name) : is_folder;
    if (is_wanted && name[0] != '.') {
        SN_RETURN_IF(!name_list_add(l->wanted, name), error, SN_ERROR_MEMORY,
                     "%s: no memory for the list of its files", l->path);
        return SN_OK;
    }
    extension_of(name, kind);
    const char *what = name[0] == '.' ? hidden
                       : !l->below    ? beside
                       : is_folder    ? sub_folder
                       : is_special   ? special
                                      : kind;
    if (l->below)
        SN_TRY(sn_folder_join(shown, l->below, name, error));
    ignore(l->ignored, what, l->below ? shown : name, is_folder ? count_pictures(path) : 0);
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

/* Sorted by name, as readdir's order depends on the disk. */
static sn_status list_directory(const listing *l, sn_error *error) {
    DIR *stream = opendir(l->path);
    SN_RETURN_IF(!stream, error, SN_ERROR_IO,
                 "%s: %s; the data set folder needs DIR/train/CLASS/*.png and DIR/test/CLASS/*.png",
                 l->path, strerror(errno));
    const sn_status status = read_entries(stream, l, error);
    closedir(stream);
    if (l->wanted->count > 0)
        qsort(l->wanted->name, l->wanted->count, sizeof *l->wanted->name, compare_names);
    if (l->ignored->count > 0)
        qsort(l->ignored->kinds, l->ignored->count, sizeof *l->ignored->kinds, compare_kinds);
    return status;
}

sn_status sn_folder_list_classes(const char *root, sn_name_list *classes, sn_ignored *ignored,
                                 sn_error *error) {
    return list_directory(&(listing){.path = root, .wanted = classes, .ignored = ignored}, error);
}

sn_status sn_folder_list_pictures(const char *root, const char *class_name, sn_name_list *pictures,
                                  sn_ignored *ignored, sn_error *error) {
    char path[SN_FOLDER_PATH_SIZE];
    SN_TRY(sn_folder_join(path, root, class_name, error));
    return list_directory(
        &(listing){.path = path, .below = class_name, .wanted = pictures, .ignored = ignored},
        error);
}
