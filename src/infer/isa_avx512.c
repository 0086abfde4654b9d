/* x86-64 with AVX-512. */
#if defined(__x86_64__) && defined(__GNUC__)
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,fma"))),    \
                             apply_to = function)
#else
#pragma GCC target("avx512f,avx512vl,avx512bw,avx512dq,fma")
#endif
#include <immintrin.h>
#define LANES   16
#define ISA_OPS sn_infer_isa_avx512
#define ISA     SN_INFER_ISA_AVX512
#define COSTS                                                                                      \
    {                                                                                              \
        .add = 0.19f, .list = 1.0f, .miss = 4.5f, .transition = 0.45f, .multiply = 0.19f,          \
        .stage = 0.9f                                                                              \
    }
#define MULTIPLY_ADD(a, b, c) ((vector)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#include "infer/vector_kernels.inc"
#ifdef __clang__
#pragma clang attribute pop
#endif
#else
typedef int sn_infer_no_avx512;
#endif
