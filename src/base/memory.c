#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if SN_HAS_ASAN
#include <sanitizer/asan_interface.h>
#endif

size_t sn_align_up(size_t bytes) {
    if (bytes > SIZE_MAX - SN_ALIGNMENT)
        return SIZE_MAX;
    return (bytes + SN_ALIGNMENT - 1) / SN_ALIGNMENT * SN_ALIGNMENT;
}

void *sn_alloc(size_t bytes) {
    const size_t rounded = sn_align_up(bytes ? bytes : 1);
    if (rounded == SIZE_MAX)
        return NULL;
    void *block = aligned_alloc(SN_ALIGNMENT, rounded);
    if (!block)
        return NULL;
    memset(block, 0, rounded);
    sn_memory_poison((unsigned char *)block + bytes, rounded - bytes);
    return block;
}

void *sn_alloc_array(size_t count, size_t size) {
    if (size && count > SIZE_MAX / size)
        return NULL;
    return sn_alloc(count * size);
}

void sn_free(void *block) {
    free(block);
}

void *sn_arena_take(sn_arena *arena, size_t bytes) {
    const size_t rounded = sn_align_up(bytes);
    const size_t start = arena->used;
    if (rounded > SIZE_MAX - SN_REDZONE || start > SIZE_MAX - SN_REDZONE - rounded) {
        arena->used = SIZE_MAX;
        return NULL;
    }
    arena->used = start + rounded + SN_REDZONE;
    if (!arena->base || arena->used > arena->size)
        return NULL;
    sn_memory_poison(arena->base + start + bytes, rounded - bytes + SN_REDZONE);
    return arena->base + start;
}

void sn_arena_release(sn_arena *arena) {
    if (arena->base)
        sn_memory_unpoison(arena->base, arena->size);
}

void sn_memory_poison(void *block, size_t bytes) {
#if SN_HAS_ASAN
    __asan_poison_memory_region(block, bytes);
#else
    (void)block;
    (void)bytes;
#endif
}

void sn_memory_unpoison(void *block, size_t bytes) {
#if SN_HAS_ASAN
    __asan_unpoison_memory_region(block, bytes);
#else
    (void)block;
    (void)bytes;
#endif
}
