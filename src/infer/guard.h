/* Inside the runtime: under AddressSanitizer the slots in scratch memory have poisoned gaps between
 * them, so that a kernel that leaves its slot is caught although the block is one allocation. */
#ifndef SN_INFER_GUARD_H
#define SN_INFER_GUARD_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define SN_INFER_HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SN_INFER_HAS_ASAN 1
#endif
#endif

#ifdef SN_INFER_HAS_ASAN
#include <sanitizer/asan_interface.h>
enum { SN_INFER_REDZONE = 64 };
#else
enum { SN_INFER_REDZONE = 0 };
#endif

static inline void sn_infer_guard(unsigned char *start, size_t bytes) {
#ifdef SN_INFER_HAS_ASAN
    __asan_poison_memory_region(start, bytes);
#else
    (void)start;
    (void)bytes;
#endif
}

static inline void sn_infer_unguard(unsigned char *start, size_t bytes) {
#ifdef SN_INFER_HAS_ASAN
    __asan_unpoison_memory_region(start, bytes);
#else
    (void)start;
    (void)bytes;
#endif
}

#endif
