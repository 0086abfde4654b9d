/* Shapes: up to four dimensions, outermost first. Activations are N C H W, convolution weights
 * K C R S (PyTorch's OIHW). */
#ifndef SN_AUTOGRAD_SHAPE_H
#define SN_AUTOGRAD_SHAPE_H

#include <stdbool.h>
#include <stddef.h>

enum { SN_MAX_RANK = 4, SN_SHAPE_TEXT_SIZE = 96 };

#define SN_MAX_COUNT ((size_t)1 << 40)

typedef struct sn_shape {
    int rank; /* 1 .. SN_MAX_RANK */
    size_t size[SN_MAX_RANK];
} sn_shape;

static inline sn_shape sn_shape_1(size_t a) {
    return (sn_shape){1, {a}};
}

static inline sn_shape sn_shape_2(size_t a, size_t b) {
    return (sn_shape){2, {a, b}};
}

static inline sn_shape sn_shape_4(size_t a, size_t b, size_t c, size_t d) {
    return (sn_shape){4, {a, b, c, d}};
}

/* Elements. */
size_t sn_shape_count(const sn_shape *shape);

/* 1 to 4 dimensions of 1 to INT_MAX (BLAS counts in int) and at most SN_MAX_COUNT elements, so that
 * sizes in bytes cannot overflow. */
bool sn_shape_is_valid(const sn_shape *shape);

bool sn_shape_equal(const sn_shape *a, const sn_shape *b);

/* "[16, 3, 3, 3]" */
const char *sn_shape_text(const sn_shape *shape, char text[SN_SHAPE_TEXT_SIZE]);

#endif
