/* ARMv8 with NEON, which all of them have. Its 32 registers hold longer blocks than SSE's 16, so
 * the same code runs with fewer spills. */
#if defined(__aarch64__) && defined(__GNUC__)
#include <arm_neon.h>
#define LANES   4
#define ISA_OPS sn_infer_isa_neon
#define ISA     SN_INFER_ISA_NEON
#define KERNELS sn_infer_neon_kernels
#define COSTS                                                                                      \
    {                                                                                              \
        .add = 0.24f, .list = 1.0f, .miss = 4.5f, .transition = 0.45f, .multiply = 0.29f,          \
        .copy = 0.9f                                                                               \
    }
#define MULTIPLY_ADD(a, b, c)                                                                      \
    ((vector)vfmaq_f32((float32x4_t)(c), (float32x4_t)(a), (float32x4_t)(b)))
#include "infer/vector_kernels.inc"
#else
typedef int sn_infer_no_neon;
#endif
