/* The outlines of the ten classes of the shapes data set. */
#ifndef SN_DATA_SHAPE_STENCIL_H
#define SN_DATA_SHAPE_STENCIL_H

#include <stdint.h>

enum {
    SN_SHAPE_COUNT = 10,
    SN_STENCIL_SIDE = 256 /* cells; a shape reaches about 120 cells from the centre */
};

/* Sorted by name; the position is the label. */
extern const char *const sn_shape_names[SN_SHAPE_COUNT];

/* Fills cell[y][x], y downwards, with 1 inside the shape and 0 outside. */
void sn_shape_stencil(int label, uint8_t cell[SN_STENCIL_SIDE][SN_STENCIL_SIDE]);

#endif
