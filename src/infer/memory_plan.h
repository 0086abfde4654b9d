/* Inside the runtime: the memory plan, which slots share memory. A small slot may lie at the end of
 * a large one while that is partly empty: the image, for instance, or the result of a shortcut. One
 * pass over the instructions collects what is needed. For each instruction call write for the
 * output, read for the inputs, then begin for the output.
 */
#ifndef SN_INFER_MEMORY_PLAN_H
#define SN_INFER_MEMORY_PLAN_H

#include <stdint.h>

enum { SN_INFER_MEMORY_PLAN_SLOTS = 12 }; /* those beyond have a place of their own */

typedef struct sn_infer_memory_plan {
    uint64_t now[SN_INFER_MEMORY_PLAN_SLOTS]; /* bytes that each slot holds */
    /* since[a][b]: the most that b held since a was written. meanwhile[a][b]: the same, until a was
     * last read. */
    uint64_t since[SN_INFER_MEMORY_PLAN_SLOTS][SN_INFER_MEMORY_PLAN_SLOTS];
    uint64_t meanwhile[SN_INFER_MEMORY_PLAN_SLOTS][SN_INFER_MEMORY_PLAN_SLOTS];
} sn_infer_memory_plan;

void sn_infer_memory_plan_write(sn_infer_memory_plan *plan, uint32_t slot, uint64_t bytes);
void sn_infer_memory_plan_read(sn_infer_memory_plan *plan, uint32_t slot);
void sn_infer_memory_plan_begin(sn_infer_memory_plan *plan, uint32_t slot);

/* The slot in which `slot` lies, -1 for none, and how many bytes from its beginning (or NULL).
 * bytes are the sizes of all `count` slots. */
int sn_infer_memory_plan_host(const sn_infer_memory_plan *plan, const uint64_t *bytes,
                              uint32_t count, uint32_t slot, uint64_t *behind);

#endif
