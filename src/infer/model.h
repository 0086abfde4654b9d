/* Inside the runtime: an opened model, as it lies in the caller's model memory. */
#ifndef SN_INFER_MODEL_H
#define SN_INFER_MODEL_H

#include "infer/layer.h"

struct sn_infer_model {
    sn_infer_info info;
    uint32_t layer_count, slot_count, output_slot;
    size_t slot_start[SN_INFER_MAX_SLOTS]; /* bytes into scratch; slot 0 is the caller's image */
    size_t slot_bytes[SN_INFER_MAX_SLOTS];
    size_t work_start; /* the rest of scratch is the kernels' workspace */
    sn_infer_layer layers[];
};

#endif
