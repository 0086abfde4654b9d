/* The convolutions of ResNet-20 on 32x32 and of ResNet-18 on 224x224 pixels, by name. */
#ifndef SN_BENCH_INFER_SHAPE_H
#define SN_BENCH_INFER_SHAPE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct bench_shape {
    const char *name;
    int channels, height, width; /* of the input */
    int filters, kernel, stride, padding;
    bool full_precision; /* such layers have no other weights than fp32 */
} bench_shape;

/* The layer with this index in a list such as "seven", "resnet20", "resnet18", "all" or names, with
 * commas between; each layer comes once. NULL past the last. */
const bench_shape *bench_shape_at(const char *list, size_t index);

/* The first word of the list that names nothing, in a static buffer; NULL when all is well. */
const char *bench_shape_unknown(const char *list);

/* One of the seven whose geometric mean is reported. */
bool bench_shape_is_of_seven(const char *name);

/* Every word that a list may have, with ", " between. */
const char *bench_shape_words(void);

static inline int bench_shape_out_height(const bench_shape *s) {
    return (s->height + 2 * s->padding - s->kernel) / s->stride + 1;
}

static inline int bench_shape_out_width(const bench_shape *s) {
    return (s->width + 2 * s->padding - s->kernel) / s->stride + 1;
}

static inline size_t bench_shape_inputs(const bench_shape *s) {
    return (size_t)s->channels * s->height * s->width;
}

static inline size_t bench_shape_outputs(const bench_shape *s) {
    return (size_t)s->filters * bench_shape_out_height(s) * bench_shape_out_width(s);
}

static inline size_t bench_shape_weights(const bench_shape *s) {
    return (size_t)s->filters * s->channels * s->kernel * s->kernel;
}

#endif
