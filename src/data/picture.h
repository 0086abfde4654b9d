/* Pictures in files, of any kind that is read, as planes of 8-bit RGB. */
#ifndef SN_DATA_PICTURE_H
#define SN_DATA_PICTURE_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
    SN_PICTURE_CHANNELS = 3,
    SN_PICTURE_MAX_SIDE = 16384,
    SN_PICTURE_MAX_PIXELS = 1 << 26, /* of a picture */
    SN_PICTURE_MESSAGE_SIZE = 128
};

/* What cannot be seen in the pixels any more. */
typedef struct sn_picture_facts {
    bool sixteen_bits;
    uint16_t largest;    /* value of any colour, with 16 bits */
    bool transparent;    /* all of it */
    bool drawn_in_alpha; /* of one colour on its background, and of more than one opacity */
    bool rotated;        /* the camera was held another way, and the file says so */
} sn_picture_facts;

typedef struct sn_picture {
    int width, height;
    uint8_t *rgb; /* [3][height][width], the owner's: sn_picture_clear */
    sn_picture_facts facts;
} sn_picture;

/* What is behind transparent pixels. */
typedef struct sn_colour {
    uint8_t value[SN_PICTURE_CHANNELS];
} sn_colour;

/* Reads a PNG or JPEG file; what it is its first bytes tell, not its name. Grey, palette, CMYK and
 * 16-bit pictures are converted, alpha is composited over the background without regard to gamma,
 * and a picture is turned the way its EXIF orientation says. SN_ERROR_IO when the file cannot be
 * read, SN_ERROR_DATA when it is neither, damaged or too large, SN_ERROR_MEMORY; then *picture is
 * empty. */
sn_status sn_picture_read(const char *path, sn_colour background, sn_picture *picture,
                          sn_error *error);
void sn_picture_clear(sn_picture *picture);

/* ---- for readers of one kind ---- */

/* Sets the size and makes room for rgb. SN_ERROR_DATA when the picture is too large. */
sn_status sn_picture_allocate(const char *path, unsigned long width, unsigned long height,
                              sn_picture *picture, sn_error *error);

/* Turns the picture by an EXIF orientation, 1 to 8; others change nothing. SN_ERROR_MEMORY. */
sn_status sn_picture_orient(const char *path, int orientation, sn_picture *picture,
                            sn_error *error);

/* The orientation in EXIF data that begin with "Exif" or with the TIFF header; 1 when there is
 * none. */
int sn_exif_orientation(const uint8_t *data, size_t size);

/* From the start of the file. */
sn_status sn_png_read(FILE *file, const char *path, sn_colour background, sn_picture *picture,
                      sn_error *error);
sn_status sn_jpeg_read(FILE *file, const char *path, sn_picture *picture, sn_error *error);

#endif
