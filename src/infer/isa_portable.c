/* C alone. With gcc and clang vectors of four floats, which every x86-64 and ARMv8 has and which
 * are single floats elsewhere. */
#ifdef __GNUC__
#define LANES 4
#else
#define LANES 1
#endif
#define ISA_OPS sn_infer_isa_portable
#define ISA     SN_INFER_ISA_PORTABLE
#define COSTS                                                                                      \
    {                                                                                              \
        .add = 0.24f, .list = 1.0f, .miss = 4.5f, .transition = 0.45f, .multiply = 0.29f,          \
        .copy = 0.9f                                                                               \
    }
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#include "infer/vector_kernels.inc"

sn_infer_isa_finder sn_infer_find_portable;

const sn_infer_isa_ops *sn_infer_find_portable(void) {
#ifdef SN_INFER_EMULATE_AMX /* tests take only what is not compiled as elsewhere */
    return NULL;
#else
    return &sn_infer_isa_portable;
#endif
}
