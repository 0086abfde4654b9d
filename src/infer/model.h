/* Inside the runtime: an opened model, as it lies in the caller's model memory. */
#ifndef SN_INFER_MODEL_H
#define SN_INFER_MODEL_H

#include "infer/isa.h"

/* Readable and writable bytes before and behind every slot: a prologue reads up to a vector beyond.
 */
enum { SN_INFER_SLOT_MARGIN = 64 };

struct sn_infer_model {
    sn_infer_info info;
    uint32_t layer_count, slot_count, output_slot, threads;
    size_t slot_start[SN_INFER_MAX_SLOTS]; /* bytes into scratch */
    size_t slot_bytes[SN_INFER_MAX_SLOTS];
    bool slot_inside[SN_INFER_MAX_SLOTS]; /* of another, memory_plan.h */
    sn_infer_shape output;
    size_t work_start, work_bytes; /* the rest of scratch: workspace of each thread */
    sn_infer_operator *operators;  /* [layer_count], behind the layers */
    sn_infer_layer layers[];
};

#endif
