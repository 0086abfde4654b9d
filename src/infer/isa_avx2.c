/* x86-64 with AVX2 and FMA. */
#if defined(__x86_64__) && defined(__GNUC__)
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif
#include <immintrin.h>
#define LANES   8
#define ISA_OPS sn_infer_isa_avx2
#define ISA     SN_INFER_ISA_AVX2
#define KERNELS sn_infer_avx2_kernels
#define COSTS                                                                                      \
    {                                                                                              \
        .add = 0.19f, .list = 1.0f, .miss = 4.5f, .transition = 0.45f, .multiply = 0.19f,          \
        .copy = 0.9f                                                                               \
    }
#define MULTIPLY_ADD(a, b, c) ((vector)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#include "infer/vector_kernels.inc"
#ifdef __clang__
#pragma clang attribute pop
#endif
#else
typedef int sn_infer_no_avx2;
#endif
