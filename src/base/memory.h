/* Aligned memory: single blocks, and an arena that is measured first and allocated once. */
#ifndef SN_BASE_MEMORY_H
#define SN_BASE_MEMORY_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define SN_HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SN_HAS_ASAN 1
#endif
#endif
#ifndef SN_HAS_ASAN
#define SN_HAS_ASAN 0
#endif

enum {
    SN_ALIGNMENT = 64,                          /* bytes: a cache line and an AVX-512 vector */
    SN_REDZONE = SN_HAS_ASAN ? SN_ALIGNMENT : 0 /* bytes after each piece of a larger block */
};

/* bytes rounded up to SN_ALIGNMENT; SIZE_MAX (which no allocation satisfies) when that overflows.
 */
size_t sn_align_up(size_t bytes);

/* A zeroed block aligned to SN_ALIGNMENT, or NULL. Owned by the caller: sn_free. bytes may be 0. */
void *sn_alloc(size_t bytes);

/* As sn_alloc(count * size), NULL when the product overflows. */
void *sn_alloc_array(size_t count, size_t size);

/* Releases a block of sn_alloc; NULL is fine. */
void sn_free(void *block);

/* A block that is handed out front to back. The same code measures and carves: with base == NULL
 * sn_arena_take only counts, and afterwards `used` is the size to provide. */
typedef struct sn_arena {
    unsigned char *base; /* NULL while measuring; otherwise aligned to SN_ALIGNMENT */
    size_t size;         /* bytes at base */
    size_t used;         /* bytes taken so far, a multiple of SN_ALIGNMENT */
} sn_arena;

/* Takes `bytes`, aligned. NULL while measuring or when the arena is too small (then `used` exceeds
 * `size`, which the caller checks once at the end). Contents stay as they are. Under
 * AddressSanitizer every piece is followed by a poisoned redzone. */
void *sn_arena_take(sn_arena *arena, size_t bytes);

/* Removes the redzones, so that the arena's memory can be freed or carved again. */
void sn_arena_release(sn_arena *arena);

/* Marks a span as unusable under AddressSanitizer (no-op otherwise), and usable again. */
void sn_memory_poison(void *block, size_t bytes);
void sn_memory_unpoison(void *block, size_t bytes);

#endif
