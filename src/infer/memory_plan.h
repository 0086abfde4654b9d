/* Inside the runtime: slots that fit behind what another slot holds while they are needed, such as
 * the image, or a shortcut's small result while the large slots of earlier layers are half empty.
 * All is found out in one pass over the instructions: first the output is written, then inputs are
 * read, then the output's time begins.
 */
#ifndef SN_INFER_MEMORY_PLAN_H
#define SN_INFER_MEMORY_PLAN_H

#include <stdint.h>

enum { SN_INFER_MEMORY_PLAN_SLOTS = 12 }; /* those beyond have a place of their own */

typedef struct sn_infer_memory_plan {
    uint64_t now[SN_INFER_MEMORY_PLAN_SLOTS]; /* bytes that each slot holds */
    /* The most that the second slot held since the first was written; and that until it was last
     * read, so while it was needed. */
    uint64_t since[SN_INFER_MEMORY_PLAN_SLOTS][SN_INFER_MEMORY_PLAN_SLOTS];
    uint64_t meanwhile[SN_INFER_MEMORY_PLAN_SLOTS][SN_INFER_MEMORY_PLAN_SLOTS];
} sn_infer_memory_plan;

void sn_infer_memory_plan_write(sn_infer_memory_plan *overlap, uint32_t slot, uint64_t bytes);
void sn_infer_memory_plan_read(sn_infer_memory_plan *overlap, uint32_t slot);
void sn_infer_memory_plan_begin(sn_infer_memory_plan *overlap, uint32_t slot);

/* The slot in which `slot` lies, -1 for none, and how many bytes from its beginning (or NULL).
 * bytes are the sizes of all `count` slots. */
int sn_infer_memory_plan_host(const sn_infer_memory_plan *overlap, const uint64_t *bytes,
                              uint32_t count, uint32_t slot, uint64_t *behind);

#endif
