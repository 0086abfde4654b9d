/* Vectors of SN_LANES numbers, and the lane layouts of activations.
 *
 * In a lane layout a vector is SN_LANES neighbouring channels of one pixel. Channels are padded to
 * whole vectors; the padding is always zero. A group is one vector's worth of channels. Vectors are
 * GCC's vector extension; the compiler maps them to the machine's instructions.
 */
#ifndef SN_AUTOGRAD_LANE_LAYOUT_H
#define SN_AUTOGRAD_LANE_LAYOUT_H

#include "autograd/real.h"

#include <stdint.h>

#ifdef __AVX2__
#include <immintrin.h>
#endif

#ifdef __AVX512F__
enum { SN_LANES = 16 };
#else
enum { SN_LANES = 8 };
#endif

/* For kernels that are called with constant arguments. */
#define SN_INLINE static inline __attribute__((always_inline))

typedef sn_real sn_vec __attribute__((vector_size(SN_LANES * sizeof(sn_real))));
typedef sn_real sn_vec_unaligned
    __attribute__((vector_size(SN_LANES * sizeof(sn_real)), aligned(sizeof(sn_real)), may_alias));

/* The upper half of a float: 8 bits of exponent, 7 of mantissa. */
typedef uint16_t sn_bf16;

/* The strides of a lane layout: the vector of group g and pixel p starts at element
 * g * group_stride + p * pixel_stride of its image. */
typedef struct sn_lane_layout {
    size_t groups, pixels;
    size_t group_stride, pixel_stride; /* elements */
    size_t image_stride;               /* elements from image to image */
    bool bf16;                         /* elements are sn_bf16, not sn_real */
} sn_lane_layout;

static inline size_t sn_lane_groups(size_t channels) {
    return (channels + SN_LANES - 1) / SN_LANES;
}

static inline sn_vec sn_vec_load(const sn_real *from) {
    return *(const sn_vec_unaligned *)from;
}

static inline void sn_vec_store(sn_real *to, sn_vec value) {
    *(sn_vec_unaligned *)to = value;
}

static inline sn_vec sn_vec_all(sn_real value) {
    return value - (sn_vec){0};
}

/* Conditions are vectors of all ones or zeros. */
#ifdef SN_REAL_DOUBLE
typedef int64_t sn_vec_mask __attribute__((vector_size(SN_LANES * sizeof(int64_t))));
#else
typedef int32_t sn_vec_mask __attribute__((vector_size(SN_LANES * sizeof(int32_t))));
#endif

/* v where the condition holds, otherwise 0. */
static inline sn_vec sn_vec_where(sn_vec_mask condition, sn_vec v) {
    return (sn_vec)((sn_vec_mask)v & condition);
}

static inline sn_vec sn_vec_select(sn_vec_mask condition, sn_vec yes, sn_vec no) {
    return (sn_vec)(((sn_vec_mask)yes & condition) | ((sn_vec_mask)no & ~condition));
}

/* To the nearest integer, ties to even; for small magnitudes (base/real.h). */
static inline sn_vec sn_vec_round(sn_vec v) {
    const sn_vec shift = sn_vec_all(SN_ROUNDING_SHIFT);
    return (v + shift) - shift;
}

#ifndef SN_REAL_DOUBLE
typedef uint32_t sn_vec_bits __attribute__((vector_size(SN_LANES * sizeof(uint32_t))));
typedef sn_bf16 sn_vec_bf16
    __attribute__((vector_size(SN_LANES * sizeof(sn_bf16)), aligned(sizeof(sn_bf16)), may_alias));

static inline sn_vec sn_vec_load_bf16(const sn_bf16 *from) {
    /* GCC 12 would widen the halves one by one. */
#if defined(__AVX512F__)
    const __m512i bits = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)from));
    return (sn_vec)_mm512_slli_epi32(bits, 16);
#elif defined(__AVX2__)
    const __m256i bits = _mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)from));
    return (sn_vec)_mm256_slli_epi32(bits, 16);
#else
    return (sn_vec)(__builtin_convertvector(*(const sn_vec_bf16 *)from, sn_vec_bits) << 16);
#endif
}

/* Rounds to nearest, ties to even. NaN stays NaN. */
static inline void sn_vec_store_bf16(sn_bf16 *to, sn_vec value) {
    const sn_vec_bits bits = (sn_vec_bits)value;
    const sn_vec_bits rounded = bits + 0x7fff + ((bits >> 16) & 1);
    const sn_vec_bits is_nan = (sn_vec_bits)(value != value);
    const sn_vec_bits result = (rounded & ~is_nan) | (0x7fc00000 & is_nan);
    *(sn_vec_bf16 *)to = __builtin_convertvector(result >> 16, sn_vec_bf16);
}
#endif

/* The vector from element `index` on, of an array of sn_real or sn_bf16. `bf16` is best a constant.
 */
static inline sn_vec sn_lanes_load(const void *from, size_t index, bool bf16) {
#ifndef SN_REAL_DOUBLE
    if (bf16)
        return sn_vec_load_bf16((const sn_bf16 *)from + index);
#endif
    (void)bf16;
    return sn_vec_load((const sn_real *)from + index);
}

static inline void sn_lanes_store(void *to, size_t index, sn_vec value, bool bf16) {
#ifndef SN_REAL_DOUBLE
    if (bf16) {
        sn_vec_store_bf16((sn_bf16 *)to + index, value);
        return;
    }
#endif
    (void)bf16;
    sn_vec_store((sn_real *)to + index, value);
}

#endif
