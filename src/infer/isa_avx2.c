/* x86-64 with AVX2 and FMA. */
#if defined(__x86_64__) && defined(__GNUC__)
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#include <immintrin.h>
#define LANES   8
#define ISA_OPS sn_infer_isa_avx2
#define ISA     SN_INFER_ISA_AVX2
#define COSTS                                                                                      \
    {                                                                                              \
        .add = 0.19f, .list = 1.0f, .miss = 4.5f, .transition = 0.45f, .multiply = 0.19f,          \
        .copy = 0.9f                                                                               \
    }
#define MULTIPLY_ADD(a, b, c) ((vector)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#include "infer/vector_kernels.inc"
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#else
#include "infer/isa.h"
#endif

sn_infer_isa_finder sn_infer_find_avx2;

/* For every processor: the functions above are not. */
const sn_infer_isa_ops *sn_infer_find_avx2(void) {
#if defined(ISA) && !defined(SN_INFER_EMULATE_AMX)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &sn_infer_isa_avx2;
#endif
    return NULL;
}
