#include "autograd/op.h"
#include "autograd/ops.h"

const sn_op *sn_op_at(size_t index) {
    static const sn_op *const table[] = {
#define SN_OP(name) &sn_op_##name,
#include "autograd/ops.def"
#undef SN_OP
    };
    return index < sizeof table / sizeof *table ? table[index] : NULL;
}
