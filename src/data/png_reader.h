/* PNG pictures of any kind as 8-bit RGB. */
#ifndef SN_DATA_PNG_READER_H
#define SN_DATA_PNG_READER_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum { SN_PNG_MAX_SIDE = 4096 };

/* Reads only the size of the picture. SN_ERROR_IO when the file cannot be read, SN_ERROR_DATA when
 * it is not a PNG, broken, or larger than SN_PNG_MAX_SIDE pixels a side. */
sn_status sn_png_size(const char *path, int *width, int *height, sn_error *error);

/* What the pixels no longer show. */
typedef struct sn_png_facts {
    bool sixteen_bits;
    uint16_t largest;    /* value of any colour, with 16 bits */
    bool transparent;    /* all of it */
    bool drawn_in_alpha; /* of one colour over black, and of more than one opacity */
} sn_png_facts;

/* Reads a picture into the planes rgb[3][height][width]. Grey, palette and 16-bit pictures are
 * converted; alpha is composited over black, ignoring gamma. SN_ERROR_DATA also when the picture
 * has another size: the caller asked with sn_png_size, but files change. */
sn_status sn_png_read(const char *path, int width, int height, uint8_t *rgb, sn_png_facts *facts,
                      sn_error *error);

#endif
