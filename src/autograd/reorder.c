#include "autograd/reorder.h"

static inline void copy_lanes_as(const sn_lane_layout *a, const void *from, const sn_lane_layout *b,
                                 void *to, size_t images, const sn_reorder_change *how,
                                 bool from_bf16, bool to_bf16) {
    for (size_t n = 0; n < images; n++) {
        for (size_t g = 0; g < a->groups; g++) {
            const sn_vec factor =
                how->factor ? sn_vec_load(how->factor + g * SN_LANES) : sn_vec_all(1);
            const sn_vec shift =
                how->shift ? sn_vec_load(how->shift + g * SN_LANES) : sn_vec_all(0);
            size_t i = n * a->image_stride + g * a->group_stride;
            size_t k = n * b->image_stride + g * b->group_stride;
            for (size_t p = 0; p < a->pixels; p++) {
                sn_vec v = sn_lanes_load(from, i, from_bf16) * factor + shift;
                if (how->add)
                    v += sn_lanes_load(to, k, to_bf16);
                sn_lanes_store(to, k, v, to_bf16);
                i += a->pixel_stride;
                k += b->pixel_stride;
            }
        }
    }
}

static void copy_lanes(const sn_tensor *a, const void *from, const sn_tensor *b, void *to,
                       size_t images, const sn_reorder_change *how) {
    const sn_lane_layout from_lanes = sn_tensor_lanes(a), to_lanes = sn_tensor_lanes(b);
    if (a->bf16 && b->bf16)
        copy_lanes_as(&from_lanes, from, &to_lanes, to, images, how, true, true);
    else if (a->bf16)
        copy_lanes_as(&from_lanes, from, &to_lanes, to, images, how, true, false);
    else if (b->bf16)
        copy_lanes_as(&from_lanes, from, &to_lanes, to, images, how, false, true);
    else
        copy_lanes_as(&from_lanes, from, &to_lanes, to, images, how, false, false);
}

/* plain (+)= what lies in lanes of float. */
static void copy_to_plain(const sn_tensor *a, const sn_real *from, sn_real *plain, size_t images,
                          bool add) {
    const sn_lane_layout lanes = sn_tensor_lanes(a);
    const size_t channels = a->shape.size[1];
    for (size_t n = 0; n < images; n++)
        for (size_t c = 0; c < channels; c++)
            for (size_t p = 0; p < lanes.pixels; p++, plain++)
                *plain = (add ? *plain : 0) +
                         from[n * lanes.image_stride + c / SN_LANES * lanes.group_stride +
                              p * lanes.pixel_stride + c % SN_LANES];
}

static void copy_plain(const sn_real *from, sn_real *to, size_t count, bool add) {
    for (size_t i = 0; i < count; i++)
        to[i] = (add ? to[i] : 0) + from[i];
}

void sn_reorder(const sn_tensor *tensor, const void *images, const sn_tensor *other, void *copy,
                size_t count, const sn_reorder_change *how) {
    if (tensor->layout == SN_LAYOUT_PLAIN)
        sn_rows_from_plain(other, copy, images, count, false);
    else
        copy_lanes(tensor, images, other, copy, count, how);
}

void sn_reorder_back(const sn_tensor *other, const void *copy, const sn_tensor *tensor,
                     void *images, size_t count, const sn_reorder_change *how) {
    if (tensor->layout != SN_LAYOUT_PLAIN)
        copy_lanes(other, copy, tensor, images, count, how);
    else if (other->layout != SN_LAYOUT_PLAIN)
        copy_to_plain(other, copy, images, count, how->add);
    else
        copy_plain(copy, images, count * sn_tensor_row(other), how->add);
}
