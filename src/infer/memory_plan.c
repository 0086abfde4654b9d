#include "infer/memory_plan.h"

#include <stdbool.h>
#include <stddef.h>

void sn_infer_memory_plan_write(sn_infer_memory_plan *plan, uint32_t slot, uint64_t bytes) {
    if (slot >= SN_INFER_MEMORY_PLAN_SLOTS)
        return;
    plan->now[slot] = bytes;
    for (uint32_t i = 0; i < SN_INFER_MEMORY_PLAN_SLOTS; i++)
        if (bytes > plan->since[i][slot])
            plan->since[i][slot] = bytes;
}

void sn_infer_memory_plan_read(sn_infer_memory_plan *plan, uint32_t slot) {
    if (slot >= SN_INFER_MEMORY_PLAN_SLOTS)
        return;
    for (uint32_t i = 0; i < SN_INFER_MEMORY_PLAN_SLOTS; i++)
        if (plan->since[slot][i] > plan->meanwhile[slot][i])
            plan->meanwhile[slot][i] = plan->since[slot][i];
}

void sn_infer_memory_plan_begin(sn_infer_memory_plan *plan, uint32_t slot) {
    if (slot >= SN_INFER_MEMORY_PLAN_SLOTS)
        return;
    for (uint32_t i = 0; i < SN_INFER_MEMORY_PLAN_SLOTS; i++)
        plan->since[slot][i] = plan->now[i];
}

/* Slots are placed from the last to the first. Each goes to the end of the first slot that has room
 * between what it holds meanwhile and what was placed there before. A slot that hosts others is not
 * placed itself. */
int sn_infer_memory_plan_host(const sn_infer_memory_plan *plan, const uint64_t *bytes,
                              uint32_t count, uint32_t slot, uint64_t *behind) {
    bool placed[SN_INFER_MEMORY_PLAN_SLOTS] = {false};
    uint64_t taken[SN_INFER_MEMORY_PLAN_SLOTS] = {0}; /* at the end of each */
    const uint32_t known = count < SN_INFER_MEMORY_PLAN_SLOTS ? count : SN_INFER_MEMORY_PLAN_SLOTS;
    if (slot >= known)
        return -1;
    for (uint32_t guest = known; guest-- > slot;) {
        int found = -1;
        for (uint32_t host = 0; found < 0 && taken[guest] == 0 && host < known; host++)
            if (host != guest && !placed[host] &&
                plan->meanwhile[guest][host] + bytes[guest] + taken[host] <= bytes[host])
                found = (int)host;
        if (found >= 0) {
            placed[guest] = true;
            taken[found] += bytes[guest];
        }
        if (guest == slot) {
            if (found >= 0 && behind)
                *behind = bytes[found] - taken[found];
            return found;
        }
    }
    return -1;
}
