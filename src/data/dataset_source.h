/* How a data set comes into memory: one reader per data set, named in the table of dataset.c. To
 * add one, write a file with an sn_dataset_reader and add a line there.
 */
#ifndef SN_DATA_DATASET_SOURCE_H
#define SN_DATA_DATASET_SOURCE_H

#include "base/notes.h"
#include "data/dataset.h"

enum { SN_DATASET_IGNORED_SIZE = 200 };

struct sn_dataset {
    size_t count;
    int classes, channels, height, width;
    uint8_t *pixels;   /* [count][channels][height][width]; of a part: of the whole data set */
    uint32_t *places;  /* [count], of a part: where its images are in `pixels`; otherwise NULL */
    int32_t *labels;   /* [count] */
    char **class_name; /* [classes] */
    char ignored[SN_DATASET_IGNORED_SIZE];
};

/* Fills a zeroed *dataset. On error it may be left half filled: the caller releases it. `notes` may
 * be NULL. */
typedef sn_status (*sn_dataset_reader)(sn_split split, const char *directory, size_t limit,
                                       sn_notes *notes, sn_dataset *dataset, sn_error *error);

extern const char *const sn_cifar10_classes[10];

sn_status sn_cifar10_read(sn_split split, const char *directory, size_t limit, sn_notes *notes,
                          sn_dataset *dataset, sn_error *error);
sn_status sn_shapes_read(sn_split split, const char *directory, size_t limit, sn_notes *notes,
                         sn_dataset *dataset, sn_error *error);
sn_status sn_folder_read(sn_split split, const char *directory, size_t limit, sn_notes *notes,
                         sn_dataset *dataset, sn_error *error);

/* Sets the shape and allocates zeroed pixels and labels. SN_ERROR_MEMORY. */
sn_status sn_dataset_allocate(sn_dataset *dataset, size_t count, int channels, int height,
                              int width, sn_error *error);

/* Copies the names of the classes, which sets their number. SN_ERROR_MEMORY. */
sn_status sn_dataset_name_classes(sn_dataset *dataset, const char *const *names, int classes,
                                  sn_error *error);

/* table[channel][pixel]: the value of a pixel after normalisation. The only place where it is
 * computed, so that loader and sn_dataset_normalised agree to the bit. */
void sn_pixel_table(const sn_pixel_statistics *statistics, int channels, float table[][256]);

#endif
