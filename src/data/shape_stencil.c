#include "data/shape_stencil.h"

#include <stdbool.h>
#include <stddef.h>

/* Coordinates are half cells from the centre, -255 .. 255; x to the right, y downwards. All are
 * integers, so that the pictures are the same on every machine. */

typedef struct point {
    int x, y;
} point;

static bool in_disc(point p, point centre, int radius) {
    const int x = p.x - centre.x, y = p.y - centre.y;
    return x * x + y * y < radius * radius;
}

static bool in_box(point p, int half_width, int half_height) {
    return p.x > -half_width && p.x < half_width && p.y > -half_height && p.y < half_height;
}

/* Even-odd rule: a ray to the right crosses the outline an odd number of times. */
static bool in_polygon(point p, const point *corner, size_t corners) {
    bool inside = false;
    for (size_t i = 0, j = corners - 1; i < corners; j = i++) {
        const point a = corner[i], b = corner[j];
        if ((a.y > p.y) == (b.y > p.y))
            continue;
        /* p.x < x of the edge at p.y, multiplied by the edge's height and its sign */
        const int cross = (p.x - a.x) * (b.y - a.y) - (b.x - a.x) * (p.y - a.y);
        if ((b.y > a.y) == (cross < 0))
            inside = !inside;
    }
    return inside;
}

#define IN_POLYGON(p, corner) in_polygon((p), (corner), sizeof(corner) / sizeof *(corner))

static bool in_arrow(point p) {
    static const point corner[] = {{0, -245},  {190, -20}, {75, -20},  {75, 235},
                                   {-75, 235}, {-75, -20}, {-190, -20}};
    return IN_POLYGON(p, corner);
}

static bool in_circle(point p) {
    return in_disc(p, (point){0, 0}, 225);
}

static bool in_crescent(point p) {
    return in_disc(p, (point){0, 0}, 235) && !in_disc(p, (point){100, 0}, 190);
}

static bool in_cross(point p) {
    return in_box(p, 75, 235) || in_box(p, 235, 75);
}

static bool in_heart(point p) {
    /* two discs, and the kite of their tangents from the tip */
    static const point corner[] = {{0, 235}, {203, 9}, {110, -75}, {-110, -75}, {-203, 9}};
    return in_disc(p, (point){110, -75}, 125) || in_disc(p, (point){-110, -75}, 125) ||
           IN_POLYGON(p, corner);
}

static bool in_hourglass(point p) {
    static const point corner[] = {{-180, -220}, {180, -220}, {35, 0},
                                   {180, 220},   {-180, 220}, {-35, 0}};
    return IN_POLYGON(p, corner);
}

static bool in_ring(point p) {
    return in_disc(p, (point){0, 0}, 235) && !in_disc(p, (point){0, 0}, 125);
}

static bool in_square(point p) {
    return in_box(p, 190, 190);
}

static bool in_star(point p) {
    static const point corner[] = {{0, -250}, {58, -80},   {238, -77}, {94, 31},    {147, 202},
                                   {0, 99},   {-147, 202}, {-94, 31},  {-238, -77}, {-58, -80}};
    return IN_POLYGON(p, corner);
}

static bool in_triangle(point p) {
    static const point corner[] = {{0, -245}, {212, 122}, {-212, 122}};
    return IN_POLYGON(p, corner);
}

const char *const sn_shape_names[SN_SHAPE_COUNT] = {"arrow", "circle",    "crescent", "cross",
                                                    "heart", "hourglass", "ring",     "square",
                                                    "star",  "triangle"};

static bool (*const contains[SN_SHAPE_COUNT])(point) = {
    in_arrow,     in_circle, in_crescent, in_cross, in_heart,
    in_hourglass, in_ring,   in_square,   in_star,  in_triangle};

void sn_shape_stencil(int label, uint8_t cell[SN_STENCIL_SIDE][SN_STENCIL_SIDE]) {
    for (int y = 0; y < SN_STENCIL_SIDE; y++)
        for (int x = 0; x < SN_STENCIL_SIDE; x++)
            cell[y][x] =
                contains[label]((point){2 * x + 1 - SN_STENCIL_SIDE, 2 * y + 1 - SN_STENCIL_SIDE});
}
