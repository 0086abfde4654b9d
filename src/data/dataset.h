/* Image classification data sets, held in memory as bytes.
 *
 * Images are 8-bit, planar: [channels][height][width], RGB. Labels are 0 .. classes - 1.
 */
#ifndef SN_DATA_DATASET_H
#define SN_DATA_DATASET_H

#include "base/notes.h"

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

/* The name of the data set with this index in the table, NULL past the last: cifar10, shapes,
 * folder. */
const char *sn_dataset_name(int index);

/* The names of the classes of a data set that always has the same ones, and how many; NULL for
 * others. */
const char *const *sn_dataset_fixed_classes(int index, int *count);

/* What it is, in a line, and where it is from; NULL past the last. */
const char *sn_dataset_summary(int index);
const char *sn_dataset_reference(int index);

/* Opens one split of the data set with this index. `directory` is where its files are (ignored by
 * shapes): for cifar10 a folder that holds data_batch_1.bin .. or cifar-10-batches-bin/; for folder
 * DIR with train/CLASS/x.png and test/CLASS/x.png. limit > 0 keeps only the first `limit` images
 * (folder: the classes take turns, so that they are mixed; the first picture of the train split
 * sets the size for both splits, and the test split needs the same classes as train). *dataset is
 * the caller's: sn_dataset_free. Errors: SN_ERROR_IO for missing files, SN_ERROR_DATA for wrong
 * sizes, labels out of range, pictures that are no PNG or differ in size; the message names the
 * file. */
sn_status sn_dataset_open(int index, sn_split split, const char *directory, size_t limit,
                          sn_dataset **dataset, sn_error *error);

/* The same; what is ignored and what may be wrong with the files is added to *notes, and when
 * several pictures are broken the first of them, each as a fault. */
sn_status sn_dataset_open_noting(int index, sn_split split, const char *directory, size_t limit,
                                 sn_notes *notes, sn_dataset **dataset, sn_error *error);

/* Splits a data set in two, by class: of the n images of each class round(fraction n), though never
 * all, go to *held, the others to *kept, both in the order they have in `whole`. Which ones they
 * are depends on the seed, the class and n alone. The parts share the pixels of `whole`, which must
 * outlive them; both are the caller's. SN_ERROR_ARGUMENT when *held would be empty,
 * SN_ERROR_MEMORY. */
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

/* What lay among the files and is no image of the data set, by kind: "60 .jpg, 4 sub-folders".
 * Empty when there was nothing. */
const char *sn_dataset_ignored(const sn_dataset *dataset);

int sn_dataset_channels(const sn_dataset *dataset);
int sn_dataset_height(const sn_dataset *dataset);
int sn_dataset_width(const sn_dataset *dataset);

/* The pixels of one image, [channels][height][width]; valid as long as the data set. */
const uint8_t *sn_dataset_image(const sn_dataset *dataset, size_t index);
int sn_dataset_label(const sn_dataset *dataset, size_t index);

/* Mean and deviation over all images; exact integer sums, so independent of order and threads. A
 * channel that never varies gets deviation 1. */
sn_pixel_statistics sn_dataset_statistics(const sn_dataset *dataset);

/* (pixel / 255 - mean) / deviation for image `index`, into out[channels][height][width]. */
void sn_dataset_normalised(const sn_dataset *dataset, size_t index,
                           const sn_pixel_statistics *statistics, float *out);

#endif
