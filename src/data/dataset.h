/* Image classification data sets, held in memory as bytes.
 *
 * Images are 8-bit, planar: [channels][height][width], RGB. Labels are 0 .. classes - 1.
 */
#ifndef SN_DATA_DATASET_H
#define SN_DATA_DATASET_H

#include "base/notes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SN_DATASET_MAX_CHANNELS = 4 };

typedef enum sn_split { SN_SPLIT_TRAIN, SN_SPLIT_TEST } sn_split;

typedef struct sn_dataset sn_dataset;

/* Per-channel mean and standard deviation of pixel values scaled to 0..1. */
typedef struct sn_pixel_statistics {
    float mean[SN_DATASET_MAX_CHANNELS];
    float deviation[SN_DATASET_MAX_CHANNELS];
} sn_pixel_statistics;

/* The name of the data set with this index in datasets.def; NULL past the last. */
const char *sn_dataset_name(int index);

/* The class names of a data set that always has the same ones, and how many; NULL for others. */
const char *const *sn_dataset_fixed_classes(int index, int *count);

/* Whether it is drawn when it is opened and has no files. */
bool sn_dataset_is_drawn(int index);

/* One line that says what it is, and where it is from; NULL past the last. */
const char *sn_dataset_summary(int index);
const char *sn_dataset_reference(int index);

/* What `index` of a data set says besides. Flipping it from left to right is harmless unless left
 * and right mean something in it, as in digits. */
bool sn_dataset_has_sides(int index);

/* Whether scripts/fetch gets this data set, and whether its files, complete or not, are in the
 * directory. */
bool sn_dataset_can_be_fetched(int index);
bool sn_dataset_is_there(int index, const char *directory);

/* Whether it obeys `image_size`, `channels`, `background` and `skip_bad` below. */
bool sn_dataset_is_resized(int index);

/* What to read, and how. Fields left out are 0. */
typedef struct sn_dataset_request {
    int dataset; /* index of sn_dataset_name */
    sn_split split;
    const char *directory; /* of its files; of hdf5 the file. May be NULL for shapes */
    size_t limit;          /* only the first images; 0: all */
    int image_size;        /* pictures become squares of this side; 0: all have one size already */
    int channels;          /* 1: pictures become grey; 0 or 3: RGB */
    uint8_t background[3]; /* RGB behind what is transparent in pictures */
    bool says_resized;     /* that pictures have another size is worth a warning */
    bool skip_bad;         /* pictures that cannot be read are left out, not an error */
    int threads;           /* that decode pictures; 0 or 1: the caller alone */
    sn_notes *notes;       /* receives what is ignored and what may be wrong; NULL: nothing */
    /* Called now and then, by one thread at a time. May be NULL. */
    void (*progress)(void *context, size_t done, size_t total);
    void *progress_context;
} sn_dataset_request;

/* Opens one split of a data set. Where its files are below the directory stands in the file of the
 * data set. In a folder the classes take turns, so that a limit leaves a mixture. *dataset is the
 * caller's: sn_dataset_free. SN_ERROR_IO for missing files; SN_ERROR_DATA for what is wrong in
 * them, with the name of the file; of several broken pictures the first ones are also added to the
 * notes as faults. SN_ERROR_ARGUMENT, SN_ERROR_MEMORY. */
sn_status sn_dataset_read(const sn_dataset_request *request, sn_dataset **dataset, sn_error *error);

/* A data set of these picture files in their order, without classes: every label is 0. Each picture
 * is fitted to height x width as in a folder with an image size. Of the request channels (1 or 3),
 * background, threads and notes count. */
sn_status sn_dataset_read_files(const sn_dataset_request *request, char **paths, size_t count,
                                int height, int width, sn_dataset **dataset, sn_error *error);

/* sn_dataset_read with nothing but the first four fields. */
sn_status sn_dataset_open(int index, sn_split split, const char *directory, size_t limit,
                          sn_dataset **dataset, sn_error *error);

/* Splits a data set in two, class by class. Of the n images of a class round(fraction n), but never
 * all, go to *held and the others to *kept, in the order of `whole`. Which ones depends on the
 * seed, the class and n only. The parts share the pixels of `whole`, which must outlive them; both
 * are the caller's. SN_ERROR_ARGUMENT when *held would be empty, SN_ERROR_MEMORY. */
sn_status sn_dataset_hold_out(const sn_dataset *whole, double fraction, uint64_t seed,
                              sn_dataset **kept, sn_dataset **held, sn_error *error);

/* NULL is fine. */
void sn_dataset_free(sn_dataset *dataset);

size_t sn_dataset_count(const sn_dataset *dataset);
size_t sn_dataset_memory(const sn_dataset *dataset); /* bytes of pixels and labels of its own */
int sn_dataset_classes(const sn_dataset *dataset);
const char *sn_dataset_class_name(const sn_dataset *dataset, int label);

/* How many images each class has, into sizes[classes]. */
void sn_dataset_class_sizes(const sn_dataset *dataset, size_t *sizes);

/* The files that are not images of the data set, by kind: "60 .jpg, 4 sub-folders". Empty when
 * there are none. */
const char *sn_dataset_ignored(const sn_dataset *dataset);

int sn_dataset_channels(const sn_dataset *dataset);
int sn_dataset_height(const sn_dataset *dataset);
int sn_dataset_width(const sn_dataset *dataset);

/* The pixels of one image, [channels][height][width]; valid as long as the data set is. */
const uint8_t *sn_dataset_image(const sn_dataset *dataset, size_t index);
int sn_dataset_label(const sn_dataset *dataset, size_t index);

/* Mean and deviation over all images, from exact integer sums. A channel that never varies gets
 * deviation 1. */
sn_pixel_statistics sn_dataset_statistics(const sn_dataset *dataset);

/* (pixel / 255 - mean) / deviation for image `index`, into out[channels][height][width]. */
void sn_dataset_normalised(const sn_dataset *dataset, size_t index,
                           const sn_pixel_statistics *statistics, float *out);

#endif
