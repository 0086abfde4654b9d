/* What the files of winograd.h share. */
#ifndef SN_AUTOGRAD_WINOGRAD_INTERNAL_H
#define SN_AUTOGRAD_WINOGRAD_INTERNAL_H

#include "autograd/panel_gemm.h"
#include "autograd/winograd.h"

enum { SN_WINOGRAD_POSITIONS = 16 };

/* Elements between the positions of an array with `count` numbers in each. Transforms write sixteen
 * positions at a time; at a multiple of the page size these would fight for one set of the cache.
 */
static inline size_t sn_winograd_stride(size_t count) {
    const size_t whole = 256, line = 16;
    return (count + whole - 1) / whole * whole + line;
}

static inline size_t sn_winograd_padded(size_t channels) {
    return sn_lane_groups(channels) * SN_LANES;
}

/* From position to position of the transformed weights, packed matrices of `rows` rows. */
static inline size_t sn_winograd_weight_stride(size_t rows, size_t columns) {
    return sn_winograd_stride(rows * sn_winograd_padded(columns));
}

#endif
