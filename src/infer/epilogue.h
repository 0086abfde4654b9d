/* Inside the runtime: the epilogue of a convolution, what follows its sums. Here are its
 * coefficients; the arithmetic is isa->epilogue. */
#ifndef SN_INFER_EPILOGUE_H
#define SN_INFER_EPILOGUE_H

#include "infer/isa.h"

/* In model memory. */
typedef struct sn_infer_epilogue {
    float *gain, *bias;
    float *slope, *shift; /* [K] or NULL */
    float *share;         /* [K][regions], with window sums; or NULL */
} sn_infer_epilogue;

void sn_infer_epilogue_carve(const sn_infer_layer *layer, bool window_sums, unsigned char *base,
                             uint64_t *used, sn_infer_epilogue *epilogue);
void sn_infer_epilogue_prepare(const sn_infer_layer *layer, const sn_infer_scheme *scheme,
                               const sn_infer_epilogue *epilogue);

/* A block's sums and where its outputs go. */
typedef struct sn_infer_block_sums {
    float *sums;          /* of filters first .. end - 1, as in sn_infer_epilogue_job */
    uint32_t rows, count; /* of the block; of those that the picture has */
    uint32_t group, extra;
    uint32_t first, end;
    const float *window_sums; /* [regions][rows], or NULL */
    size_t place;             /* of the block's first vector in an output channel, in floats */
} sn_infer_block_sums;

/* Window sums, scale, bias, residual, activation, shift: from sums to the task's output. */
void sn_infer_epilogue_run(const sn_infer_operator *op, const sn_infer_task *task,
                           const sn_infer_epilogue *epilogue, const sn_infer_block_sums *block);

#endif
