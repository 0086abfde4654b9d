/* A part of a picture at another size, antialiased. */
#ifndef SN_DATA_RESAMPLE_H
#define SN_DATA_RESAMPLE_H

#include "base/status.h"

#include <stdint.h>

/* A part of a plane, in pixels from the upper left corner; borders need not fall between pixels. */
typedef struct sn_box {
    double left, top, width, height;
} sn_box;

/* The largest centred box with the shape width : height. */
sn_box sn_box_centred(int picture_width, int picture_height, int width, int height);

/* Resamples the box of each plane [picture_height][picture_width] to [height][width] with a
 * triangle filter, as wide as two pixels of the larger of the two grids, so that shrinking averages
 * (PIL's BILINEAR). A box of whole pixels that keeps its size is copied. The box must lie in the
 * picture. from[planes][picture_height][picture_width], to[planes][height][width]. SN_ERROR_MEMORY.
 */
sn_status sn_resample(const uint8_t *from, int planes, int picture_width, int picture_height,
                      const sn_box *box, int width, int height, uint8_t *to, sn_error *error);

#endif
