/* Stands in for infer/isa.c in a test program: the kernels compiled from plain C for vectors of
 * OTHER_LANES floats, which the compiler takes apart where the processor has shorter ones, and
 * nothing else. 16 are those of AVX-512, 1 is what a compiler without vectors gets. */
#include "infer/isa.h"

const sn_infer_isa_ops *sn_infer_found_isa(sn_infer_isa isa);
bool sn_infer_found_isa_available(sn_infer_isa isa);
#define sn_infer_isa_find      sn_infer_found_isa
#define sn_infer_isa_available sn_infer_found_isa_available
#include "infer/isa.c"
#undef sn_infer_isa_find
#undef sn_infer_isa_available

#define LANES   OTHER_LANES
#define ISA_OPS sn_infer_other_lanes
#define ISA     (OTHER_LANES == 16 ? SN_INFER_ISA_AVX512 : SN_INFER_ISA_PORTABLE)
#define COSTS                                                                                      \
    { .add = 0.19f, .list = 2.5f, .transition = 0.45f, .multiply = 0.19f, .copy = 0.9f }
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
extern const sn_infer_isa_ops sn_infer_other_lanes;
#include "infer/vector_kernels.inc"

const sn_infer_isa_ops *sn_infer_isa_find(sn_infer_isa isa) {
    const bool ours = isa == SN_INFER_ISA_AUTO || isa == sn_infer_other_lanes.isa;
    return ours ? &sn_infer_other_lanes : NULL;
}

bool sn_infer_isa_available(sn_infer_isa isa) {
    return sn_infer_isa_find(isa) != NULL;
}
