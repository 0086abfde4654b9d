/* Planes, for ops that have a number for each channel: the pixels of one image that share a vector
 * of these numbers. In a lane layout a plane is a group of SN_LANES channels. In a plain layout it
 * is one channel; its pixels fill vectors and may leave a tail. Sums are formed plane by plane, so
 * that they do not depend on how images are cut into slices.
 */
#ifndef SN_AUTOGRAD_PLANES_H
#define SN_AUTOGRAD_PLANES_H

#include "autograd/op.h"

#include <string.h>

typedef struct sn_plane {
    size_t start, stride; /* elements, to the first vector and from vector to vector */
    size_t vectors;       /* full ones */
    size_t tail;          /* numbers in the last one, if it is not full */
} sn_plane;

SN_INLINE sn_vec sn_plane_load(const void *from, const sn_plane *s, size_t i, bool bf16) {
    return sn_lanes_load(from, s->start + i * s->stride, bf16);
}

SN_INLINE void sn_plane_store(void *to, const sn_plane *s, size_t i, sn_vec v, bool bf16) {
    sn_lanes_store(to, s->start + i * s->stride, v, bf16);
}

/* Only plain layouts have tails, and they are never bf16. The rest of the vector is zero. */
SN_INLINE sn_vec sn_plane_load_tail(const void *from, const sn_plane *s) {
    sn_vec v = {0};
    memcpy(&v, (const sn_real *)from + s->start + s->vectors * SN_LANES, s->tail * sizeof(sn_real));
    return v;
}

SN_INLINE void sn_plane_store_tail(void *to, const sn_plane *s, sn_vec v) {
    memcpy((sn_real *)to + s->start + s->vectors * SN_LANES, &v, s->tail * sizeof(sn_real));
}

/* The planes of a tensor's images. */
typedef struct sn_planes {
    size_t count, pixels;
    size_t plane_stride, image_stride, vector_stride; /* elements */
    bool in_lanes, bf16;
} sn_planes;

static inline sn_planes sn_planes_of(const sn_tensor *x) {
    if (x->layout == SN_LAYOUT_PLAIN) {
        const size_t pixels = x->shape.size[2] * x->shape.size[3];
        return (sn_planes){.count = x->shape.size[1],
                           .pixels = pixels,
                           .plane_stride = pixels,
                           .image_stride = x->shape.size[1] * pixels,
                           .vector_stride = SN_LANES};
    }
    const sn_lane_layout lanes = sn_tensor_lanes(x);
    return (sn_planes){.count = lanes.groups,
                       .pixels = lanes.pixels,
                       .plane_stride = lanes.group_stride,
                       .image_stride = lanes.image_stride,
                       .vector_stride = lanes.pixel_stride,
                       .in_lanes = true,
                       .bf16 = lanes.bf16};
}

static inline sn_plane sn_plane_at(const sn_planes *s, size_t image, size_t plane) {
    return (sn_plane){.start = image * s->image_stride + plane * s->plane_stride,
                      .stride = s->vector_stride,
                      .vectors = s->in_lanes ? s->pixels : s->pixels / SN_LANES,
                      .tail = s->in_lanes ? 0 : s->pixels % SN_LANES};
}

/* A plane's part of a vector over the channels. */
SN_INLINE sn_vec sn_plane_vector(const sn_planes *s, const sn_real *vector, size_t plane) {
    return s->in_lanes ? sn_vec_load(vector + plane * SN_LANES) : sn_vec_all(vector[plane]);
}

static inline void sn_plane_add_to_sums(const sn_planes *s, size_t plane, sn_vec part,
                                        double *sums) {
    if (!s->in_lanes) {
        double total = 0;
        for (size_t i = 0; i < SN_LANES; i++)
            total += (double)part[i];
        sums[plane] += total;
        return;
    }
    for (size_t i = 0; i < SN_LANES; i++)
        sums[plane * SN_LANES + i] += (double)part[i];
}

/* Runs `call`, in which `bf16` is a constant. */
#ifdef SN_REAL_DOUBLE
#define SN_WITH_CONSTANT_BF16(is_bf16, call)                                                       \
    do {                                                                                           \
        const bool bf16 = false;                                                                   \
        call;                                                                                      \
    } while (0)
#else
#define SN_WITH_CONSTANT_BF16(is_bf16, call)                                                       \
    do {                                                                                           \
        if (is_bf16) {                                                                             \
            const bool bf16 = true;                                                                \
            call;                                                                                  \
        } else {                                                                                   \
            const bool bf16 = false;                                                               \
            call;                                                                                  \
        }                                                                                          \
    } while (0)
#endif

#endif
