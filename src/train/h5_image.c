#include "train/h5_image.h"

#include "base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROBE = 1 << 16 }; /* bytes; little besides a checkpoint */

/* HDF5's core driver asks these functions for the memory of its files, so that it works on ours:
 * what is read needs no copy, and what is written is there without one. */

/* Of a file that is opened; the bytes are there already. */
static void *image_malloc(size_t size, H5FD_file_image_op_t operation, void *context) {
    sn_h5_image *image = context;
    (void)operation;
    return size <= image->size ? image->bytes : NULL;
}

static void *image_copy(void *to, const void *from, size_t size, H5FD_file_image_op_t operation,
                        void *context) {
    (void)operation;
    (void)context;
    return to == from ? to : memmove(to, from, size);
}

bool sn_h5_image_grow(sn_h5_image *image, size_t size) {
    const size_t room = size + size / 8 + 4096; /* HDF5 asks for every piece */
    unsigned char *grown = realloc(image->bytes, room);
    if (!grown)
        return false;
    memset(grown + image->room, 0, room - image->room);
    image->bytes = grown;
    image->room = room;
    return true;
}

/* Of a file that is written. */
static void *image_realloc(void *bytes, size_t size, H5FD_file_image_op_t operation,
                           void *context) {
    sn_h5_image *image = context;
    (void)bytes;
    (void)operation;
    if (size > image->room && !sn_h5_image_grow(image, size))
        return NULL;
    image->size = size;
    return image->bytes;
}

/* The image goes with sn_h5_close. */
static herr_t image_free(void *bytes, H5FD_file_image_op_t operation, void *context) {
    (void)bytes;
    (void)operation;
    (void)context;
    return 0;
}

static void *same_context(void *context) {
    return context;
}

static herr_t keep_context(void *context) {
    (void)context;
    return 0;
}

void sn_h5_image_name(const sn_h5_image *image, char name[SN_H5_NAME_SIZE]) {
    snprintf(name, SN_H5_NAME_SIZE, "signet-%p", (const void *)image);
}

hid_t sn_h5_image_access(sn_h5_image *image) {
    H5FD_file_image_callbacks_t callbacks = {.image_malloc = image_malloc,
                                             .image_memcpy = image_copy,
                                             .image_realloc = image_realloc,
                                             .image_free = image_free,
                                             .udata_copy = same_context,
                                             .udata_free = keep_context,
                                             .udata = image};
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    /* One byte at a time: HDF5 then never asks for more than it uses. */
    if (access >= 0 && H5Pset_fapl_core(access, 1, false) >= 0 &&
        /* Whatever is open in a file is closed with it. */
        H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) >= 0 &&
        H5Pset_file_image_callbacks(access, &callbacks) >= 0 &&
        (!image->bytes || H5Pset_file_image(access, image->bytes, image->size) >= 0))
        return access;
    return H5I_INVALID_HID;
}

static herr_t is_memory(unsigned depth, const H5E_error2_t *entry, void *found) {
    (void)depth;
    *(bool *)found |= entry->maj_num == H5E_RESOURCE &&
                      (entry->min_num == H5E_NOSPACE || entry->min_num == H5E_CANTALLOC);
    return 0;
}

static bool has_memory(void) {
    void *probe = sn_alloc(PROBE);
    sn_free(probe);
    return probe != NULL;
}

/* HDF5 does not always say so itself, and needs memory to do it. */
bool sn_h5_was_memory(void) {
    bool found = errno == ENOMEM || !has_memory();
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, is_memory, &found);
    return found;
}
