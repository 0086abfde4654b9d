/* From the files of a folder data set to its pixels. */
#ifndef SN_DATA_FOLDER_PIXELS_H
#define SN_DATA_FOLDER_PIXELS_H

#include "data/dataset_source.h"
#include "data/folder_listing.h"

/* Pictures in the order of the data set. */
typedef struct sn_folder_files {
    const char *root;   /* what paths are shown below; one that does not lie below is shown whole */
    const char *advice; /* what to do about broken pictures */
    size_t count;
    char **path;    /* [count] */
    int32_t *label; /* [count] */
} sn_folder_files;

/* The size of one picture, which is decoded for that. Errors as for sn_picture_read. */
sn_status sn_folder_picture_size(const char *path, const sn_dataset_request *request, int *width,
                                 int *height, sn_error *error);

/* Decodes all files into *dataset, whose shape is set, by request->threads threads. `model` is the
 * path of the picture that set the size, or NULL when pictures are resized to it. Pictures that
 * cannot be read are an error, or left out with request->skip_bad; then `dataset->count` is
 * smaller. */
sn_status sn_folder_read_pixels(const sn_folder_files *files, const sn_dataset_request *request,
                                const char *model, sn_dataset *dataset, sn_error *error);

#endif
