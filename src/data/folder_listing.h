/* What the folders of a data set contain: the wanted names, sorted, and what is ignored. */
#ifndef SN_DATA_FOLDER_LISTING_H
#define SN_DATA_FOLDER_LISTING_H

#include "base/notes.h"

#include <stddef.h>

enum { SN_FOLDER_PATH_SIZE = 4096, SN_IGNORED_KINDS = 12, SN_IGNORED_KIND_SIZE = 16 };

/* DIRECTORY/NAME. SN_ERROR_ARGUMENT when that is too long. */
sn_status sn_folder_join(char path[SN_FOLDER_PATH_SIZE], const char *directory, const char *name,
                         sn_error *error);

typedef struct sn_name_list {
    char **name; /* [count] */
    size_t count, capacity;
} sn_name_list;

void sn_name_list_clear(sn_name_list *list);

/* Entries of one kind that are not wanted. */
typedef struct sn_ignored_kind {
    char kind[SN_IGNORED_KIND_SIZE]; /* ".jpg" */
    size_t count;
    char example[SN_FOLDER_PATH_SIZE]; /* the first in the order of names, below the root */
} sn_ignored_kind;

/* Begins as {0}. */
typedef struct sn_ignored {
    sn_ignored_kind kinds[SN_IGNORED_KINDS]; /* the last one also holds further kinds */
    size_t count;
} sn_ignored;

/* The class folders of `root`, which is DIR/train or DIR/test: its directories. Other entries are
 * added to *ignored. SN_ERROR_IO, SN_ERROR_MEMORY. */
sn_status sn_folder_list_classes(const char *root, sn_name_list *classes, sn_ignored *ignored,
                                 sn_error *error);

/* Likewise the pictures of a class: the files *.png, *.jpg and *.jpeg, in upper or lower case, in
 * its folder and in folders below that, as names below the folder of the class. */
sn_status sn_folder_list_pictures(const char *root, const char *class_name, sn_name_list *pictures,
                                  sn_ignored *ignored, sn_error *error);

/* A warning for each kind, with what would be right. Hidden files, which desktops leave behind, get
 * none. */
void sn_ignored_warn(const sn_ignored *ignored, const char *root, sn_notes *notes);

/* "60 .jpg, 4 sub-folders"; empty when nothing was ignored. Cut to size - 1 bytes. */
void sn_ignored_describe(const sn_ignored *ignored, char *text, size_t size);

#endif
