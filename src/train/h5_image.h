/* Files that HDF5 works on in memory. Only h5.c needs this. */
#ifndef SN_TRAIN_H5_IMAGE_H
#define SN_TRAIN_H5_IMAGE_H

#include "train/h5.h"

enum { SN_H5_NAME_SIZE = 64 };

struct sn_h5_image {
    unsigned char *bytes; /* malloc'd */
    size_t size;          /* what HDF5 sees */
    size_t room;          /* what is there; only of files that are written */
    bool lost;            /* HDF5 may still point here and must not be called: never released */
};

/* Makes room for `size` bytes, zeroed; false when there is not enough memory. */
bool sn_h5_image_grow(sn_h5_image *image, size_t size);

/* What HDF5 is to call the file. It takes files of one name for one file, whatever is in them. */
void sn_h5_image_name(const sn_h5_image *image, char name[SN_H5_NAME_SIZE]);

/* HDF5's core driver on `image`, which must outlive what is opened with it. Negative on errors. */
hid_t sn_h5_image_access(sn_h5_image *image);

/* Whether the call of HDF5 that has just failed did so for want of memory; errno must
 * have been 0 before. */
bool sn_h5_was_memory(void);

#endif
