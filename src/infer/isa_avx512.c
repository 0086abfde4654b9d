/* x86-64 with AVX-512, and with AMX besides. */
#include "infer/amx_tile.h"
#if defined(__x86_64__) && defined(__GNUC__)
#if defined(SN_INFER_EMULATE_AMX)
/* For tests: vectors of 16 lanes by whatever instructions there are. */
#elif defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,fma"))),    \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512vl,avx512bw,avx512dq,fma")
#endif
#include <immintrin.h>
#define LANES   16
#define ISA_OPS sn_infer_isa_avx512
#define ISA     SN_INFER_ISA_AVX512
#define COSTS                                                                                      \
    {                                                                                              \
        .add = 0.19f, .list = 1.0f, .miss = 4.5f, .transition = 0.45f, .multiply = 0.19f,          \
        .copy = 0.9f                                                                               \
    }
#ifdef SN_INFER_EMULATE_AMX
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#else
#define MULTIPLY_ADD(a, b, c) ((vector)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#endif
#include "infer/vector_kernels.inc"
#if SN_INFER_HAS_AMX
#undef ISA_OPS
#undef ISA
#undef KERNELS
#define ISA_OPS sn_infer_isa_amx
#define ISA     SN_INFER_ISA_AMX
#define KERNELS sn_infer_amx_kernels
#include "infer/vector_table.inc"
#endif
#if defined(SN_INFER_EMULATE_AMX)
#elif defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#else
#include "infer/isa.h"
#endif
#include "infer/amx_tile.h"

sn_infer_isa_finder sn_infer_find_avx512, sn_infer_find_amx;

/* These two are for every processor: the functions above are not. */
const sn_infer_isa_ops *sn_infer_find_avx512(void) {
#if defined(SN_INFER_EMULATE_AMX) && defined(ISA) /* compiled without AVX-512 */
    return &sn_infer_isa_avx512;
#elif defined(ISA)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
        __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq"))
        return &sn_infer_isa_avx512;
#endif
    return NULL;
}

const sn_infer_isa_ops *sn_infer_find_amx(void) {
#if defined(ISA) && SN_INFER_HAS_AMX
    if (sn_infer_find_avx512() && sn_infer_amx_available())
        return &sn_infer_isa_amx;
#endif
    return NULL;
}
