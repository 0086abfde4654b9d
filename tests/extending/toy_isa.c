/* The instruction set of docs/extending.md: vectors of eight floats in plain C. */
#define LANES   8
#define ISA_OPS sn_infer_isa_toy
#define ISA     SN_INFER_ISA_TOY
#define COSTS                                                                                      \
    { .add = 0.2f, .list = 1.0f, .miss = 4.5f, .transition = 0.5f, .multiply = 0.2f, .copy = 1.0f }
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#include "infer/vector_kernels.inc"

sn_infer_isa_finder sn_infer_find_toy;

const sn_infer_isa_ops *sn_infer_find_toy(void) {
    return &sn_infer_isa_toy;
}
