#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "autograd/blas_memory.h"

#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>

/* What OpenBLAS maps at once on 64-bit systems; less elsewhere. */
enum { BUFFER_SIZE = 128 << 20 };

/* OpenBLAS exports these but declares them in no header. Another BLAS may lack them. */
extern void *blas_memory_alloc(int purpose) __attribute__((weak));
extern void blas_memory_free(void *buffer) __attribute__((weak));

/* How many buffers OpenBLAS was asked for. They belong to the process, and so does OpenBLAS. */
static atomic_int reserved;

/* A list of buffers, each of which begins with the next. */
typedef struct buffer {
    struct buffer *next;
} buffer;

static buffer *map_buffer(void) {
    void *block =
        mmap(NULL, BUFFER_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return block == MAP_FAILED ? NULL : block;
}

static void unmap_all(buffer *list) {
    for (buffer *next; list; list = next) {
        next = list->next;
        munmap(list, BUFFER_SIZE);
    }
}

/* Whether as many can be mapped together. */
static bool can_map(int count) {
    buffer *list = NULL;
    int mapped = 0;
    for (buffer *one; mapped < count && (one = map_buffer()) != NULL; mapped++) {
        one->next = list;
        list = one;
    }
    unmap_all(list);
    return mapped == count;
}

/* OpenBLAS keeps what is handed back to it. */
static void make_openblas_map(int count) {
    buffer *list = NULL;
    if (!blas_memory_alloc || !blas_memory_free)
        return;
    for (int i = 0; i < count; i++) {
        buffer *one = blas_memory_alloc(0);
        if (!one)
            break;
        one->next = list;
        list = one;
    }
    for (buffer *next; list; list = next) {
        next = list->next;
        blas_memory_free(list);
    }
}

sn_status sn_blas_reserve(int threads, sn_error *error) {
    const int more = threads - atomic_load(&reserved);
    if (more <= 0)
        return SN_OK;
    SN_RETURN_IF(!can_map(more), error, SN_ERROR_MEMORY,
                 "out of memory: OpenBLAS maps %d MiB for each of %d threads, which the system "
                 "refuses; raise the limit of the address space (ulimit -v) or use fewer --threads",
                 BUFFER_SIZE >> 20, threads);
    make_openblas_map(threads);
    atomic_store(&reserved, threads);
    return SN_OK;
}

bool sn_blas_has_room(void) {
    return can_map(1);
}
