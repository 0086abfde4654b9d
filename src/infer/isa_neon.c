/* ARMv8 with NEON, which all of them have. Its 32 registers hold longer blocks than SSE's 16, so
 * the same code runs with fewer spills. */
#if defined(__aarch64__) && defined(__GNUC__)
#include <arm_neon.h>
#define LANES   4
#define ISA_OPS sn_infer_isa_neon
#define ISA     SN_INFER_ISA_NEON
#define COSTS                                                                                      \
    {                                                                                              \
        .add = 0.24f, .list = 1.0f, .miss = 4.5f, .transition = 0.45f, .multiply = 0.29f,          \
        .copy = 0.9f                                                                               \
    }
#define MULTIPLY_ADD(a, b, c)                                                                      \
    ((vector)vfmaq_f32((float32x4_t)(c), (float32x4_t)(a), (float32x4_t)(b)))
#include "infer/vector_kernels.inc"
#else
#include "infer/isa.h"
#endif

sn_infer_isa_finder sn_infer_find_neon;

const sn_infer_isa_ops *sn_infer_find_neon(void) {
#ifdef ISA
    return &sn_infer_isa_neon;
#else
    return NULL;
#endif
}
