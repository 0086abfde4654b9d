/* How a data set gets into memory. To add one, write a file with a table sn_dataset_source_<name>
 * and add a line to datasets.def (docs/extending.md).
 */
#ifndef SN_DATA_DATASET_SOURCE_H
#define SN_DATA_DATASET_SOURCE_H

#include "base/notes.h"
#include "data/dataset.h"

enum { SN_DATASET_IGNORED_SIZE = 200 };

struct sn_dataset {
    size_t count;
    int classes, channels, height, width;
    uint8_t *pixels; /* [count][channels][height][width]; of a part: of the whole data set */
    uint32_t
        *places;     /* [count], of a part: the indices of its images in `pixels`; otherwise NULL */
    int32_t *labels; /* [count] */
    char **class_name; /* [classes] */
    char ignored[SN_DATASET_IGNORED_SIZE];
};

/* Fills a zeroed *dataset. On error it may be half filled; the caller frees it. */
typedef sn_status (*sn_dataset_reader)(const sn_dataset_request *request, sn_dataset *dataset,
                                       sn_error *error);

typedef struct sn_dataset_source {
    const char *name;      /* as given to --dataset */
    const char *summary;   /* one line */
    const char *reference; /* where it is from */
    sn_dataset_reader read;
    const char *const *classes; /* NULL: they come from the files */
    int class_count;
    bool is_drawn;   /* when it is opened: it has no files */
    bool has_sides;  /* left and right mean something, as in digits: no flips unless asked for */
    bool is_resized; /* obeys image_size, channels, background, skip_bad */
    /* Whether its files are in the directory, complete or not; NULL: scripts/fetch has none. */
    bool (*is_there)(const char *directory);
} sn_dataset_source;

#define SN_DATASET(name) extern const sn_dataset_source sn_dataset_source_##name;
#include "data/datasets.def"
#undef SN_DATASET

/* Sets the shape and allocates zeroed pixels and labels. SN_ERROR_MEMORY. */
sn_status sn_dataset_allocate(sn_dataset *dataset, size_t count, int channels, int height,
                              int width, sn_error *error);

/* Copies the names of the classes, which sets their number. SN_ERROR_MEMORY. */
sn_status sn_dataset_name_classes(sn_dataset *dataset, const char *const *names, int classes,
                                  sn_error *error);

/* table[channel][pixel]: the value of a pixel after normalisation. Computed only here, so that the
 * loader and sn_dataset_normalised agree to the bit. */
void sn_pixel_table(const sn_pixel_statistics *statistics, int channels, float table[][256]);

#endif
