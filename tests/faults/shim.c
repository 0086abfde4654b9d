/* A library for LD_PRELOAD that makes one call fail, or kills the process there. From the
 * environment:
 *
 *   SN_FAULT_KIND  calls that count, with commas between them: memory (malloc and its family),
 * write, read, sync, rename, open, truncate, map (mmap), thread (pthread_create) SN_FAULT_FROM with
 * commas between them: only calls from these objects, by a part of their names; `program` is the
 * program itself, with what is linked into it. Empty: all SN_FAULT_AT    which call, from 1; none
 * or 0: all succeed SN_FAULT_DO    fail; stay: that call fails and all after it, as on a full disk;
 * short: a write takes only half of the bytes and says so; kill: SIGKILL before the call, and for
 * every second call of write in the middle of the bytes SN_FAULT_LOG   a file to append to: "at
 * KIND N from OBJECT+OFFSET" when it happens, and "count N" when the process ends by itself
 *
 * Only what happens from the start of main on counts: constructors of libraries have no way to
 * report a failure. Calls that the C library makes inside itself, such as the write behind fflush,
 * do not come by here; so fflush and fclose of a stream with bytes to write count as writes. mkdir
 * and opendir count as open. */
#undef _FILE_OFFSET_BITS /* which would make one of open and open64, and of other pairs */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The C library's own, for when ours stand in front of them. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

enum { MOST_OBJECTS = 96, MOST_RANGES = 8 * MOST_OBJECTS, LINE = 512 };
enum { MEMORY, WRITE, READ, SYNC, RENAME, OPEN, TRUNCATE, MAP, THREAD, KINDS };

static const char *const kind_names[KINDS] = {"memory", "write",    "read", "sync",  "rename",
                                              "open",   "truncate", "map",  "thread"};
static const int kind_errors[KINDS] = {ENOMEM, ENOSPC, EIO, EIO, EIO, EMFILE, EIO, ENOMEM, EAGAIN};

typedef enum fate { PASS, FAIL, SHORT } fate;

typedef struct object {
    const char *name;
    uintptr_t base, begin, end;
    bool counts;
} object;

/* Written once, before the first call is counted. */
static struct {
    bool kinds[KINDS];
    long long at;
    char action; /* f, s(tay), h(alf), k */
    const char *from, *log;
    object objects[MOST_OBJECTS];
    int object_count;
} plan;

static bool started;    /* main */
static long long calls; /* counted so far */
static int preparation; /* 0: not begun, 1: in progress, 2: done */

/* Whether `word` is one of the words of the list. */
static bool listed(const char *list, const char *word) {
    const size_t length = strlen(word);
    for (const char *at = list; at && *at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, word, length) == 0 && (at[length] == ',' || !at[length]))
            return true;
    return false;
}

/* Whether a word of the list is a part of the name. */
static bool name_counts(const char *list, const char *name) {
    if (!*list)
        return true;
    for (const char *at = list; at && *at;) {
        char word[64];
        const size_t length = strcspn(at, ",");
        snprintf(word, sizeof word, "%.*s", (int)length, at);
        if (*word && strstr(name, word))
            return true;
        at = at[length] ? at + length + 1 : NULL;
    }
    return false;
}

static int add_object(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    (void)context;
    if (plan.object_count == MOST_OBJECTS)
        return 1;
    object *o = &plan.objects[plan.object_count];
    /* The program comes first, without a name. */
    const char *slash = strrchr(info->dlpi_name, '/');
    o->name = plan.object_count == 0 ? "program" : slash ? slash + 1 : info->dlpi_name;
    o->base = info->dlpi_addr;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && (part->p_flags & PF_X)) {
            o->begin = o->base + part->p_vaddr;
            o->end = o->begin + part->p_memsz;
        }
    }
    o->counts = name_counts(plan.from, o->name);
    plan.object_count++;
    return 0;
}

static const char *setting(const char *name) {
    const char *text = getenv(name);
    return text ? text : "";
}

/* False while it is still being done: by this thread, further up the stack. */
static bool prepared(void) {
    int begun = 0;
    if (__atomic_load_n(&preparation, __ATOMIC_ACQUIRE) == 2)
        return true;
    if (!__atomic_compare_exchange_n(&preparation, &begun, 1, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE))
        return false;
    for (int i = 0; i < KINDS; i++)
        plan.kinds[i] = listed(setting("SN_FAULT_KIND"), kind_names[i]);
    plan.at = atoll(setting("SN_FAULT_AT"));
    const char *action = setting("SN_FAULT_DO");
    plan.action = strcmp(action, "short") == 0 ? 'h' : *action ? *action : 'f';
    plan.from = setting("SN_FAULT_FROM");
    plan.log = setting("SN_FAULT_LOG");
    dl_iterate_phdr(add_object, NULL);
    __atomic_store_n(&preparation, 2, __ATOMIC_RELEASE);
    return true;
}

/* Without the C library's buffers and without memory. */
static void log_line(const char *line) {
    if (!*plan.log)
        return;
    const long file = syscall(SYS_openat, AT_FDCWD, plan.log, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (file < 0)
        return;
    syscall(SYS_write, file, line, strlen(line));
    syscall(SYS_close, file);
}

static const object *object_of(uintptr_t address) {
    for (int i = 0; i < plan.object_count; i++)
        if (address >= plan.objects[i].begin && address < plan.objects[i].end)
            return &plan.objects[i];
    return NULL;
}

static void log_call(int kind, long long number, const object *from, uintptr_t address) {
    char line[LINE];
    snprintf(line, sizeof line, "at %s %lld from %s+0x%llx\n", kind_names[kind], number, from->name,
             (unsigned long long)(address - from->base));
    log_line(line);
}

static void die(void) {
    syscall(SYS_kill, getpid(), SIGKILL);
}

/* What is to become of a call of this kind from that address. `torn`: half of a write can be done
 * first, by the caller. */
static fate decide(int kind, const void *caller, bool *torn) {
    const int saved = errno;
    const object *from;
    if (!started || !prepared() || !plan.kinds[kind] || !(from = object_of((uintptr_t)caller)) ||
        !from->counts)
        return PASS;
    const long long number = __atomic_add_fetch(&calls, 1, __ATOMIC_ACQ_REL);
    if (plan.at == 0 || number < plan.at || (number > plan.at && plan.action != 's'))
        return PASS;
    if (number == plan.at)
        log_call(kind, number, from, (uintptr_t)caller);
    if (plan.action == 'k') {
        if (torn && number % 2) {
            *torn = true;
            return SHORT;
        }
        die();
    }
    if (plan.action == 'h') {
        errno = saved;
        return torn ? SHORT : PASS;
    }
    errno = kind_errors[kind];
    return FAIL;
}

__attribute__((destructor)) static void report(void) {
    char line[LINE];
    if (!prepared())
        return;
    snprintf(line, sizeof line, "count %lld\n", __atomic_load_n(&calls, __ATOMIC_ACQUIRE));
    log_line(line);
}

typedef int (*main_function)(int, char **, char **);

extern int __libc_start_main(main_function main, int argc, char **argv, void (*init)(void),
                             void (*fini)(void), void (*rtld_fini)(void), void *stack_end);

/* Called by the program's first instructions, after the constructors of its libraries. */
int __libc_start_main(main_function main, int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end) {
    typedef int (*call)(main_function, int, char **, void (*)(void), void (*)(void), void (*)(void),
                        void *);
    const call found = (call)dlsym(RTLD_NEXT, "__libc_start_main");
    started = true;
    return found(main, argc, argv, init, fini, rtld_fini, stack_end);
}

#define FAILS(kind) (decide(kind, __builtin_return_address(0), NULL) == FAIL)

/* What stands behind ours, found once. */
#define NEXT(call, name)                                                                           \
    static call found;                                                                             \
    if (!found)                                                                                    \
    found = (call)dlsym(RTLD_NEXT, #name)

/* A function that fails with a value and errno. */
#define WRAP(kind, type, name, parameters, arguments, failure)                                     \
    type name parameters {                                                                         \
        typedef type(*call) parameters;                                                            \
        NEXT(call, name);                                                                          \
        return FAILS(kind) ? failure : found arguments;                                            \
    }

/* ---- memory ---- */

void *malloc(size_t size) {
    return FAILS(MEMORY) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    return FAILS(MEMORY) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *block, size_t size) {
    return FAILS(MEMORY) ? NULL : __libc_realloc(block, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    return FAILS(MEMORY) ? NULL : __libc_memalign(alignment, size);
}

void *memalign(size_t alignment, size_t size) {
    return FAILS(MEMORY) ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    const int saved = errno;
    void *made = FAILS(MEMORY) ? NULL : __libc_memalign(alignment, size);
    errno = saved;
    if (!made)
        return ENOMEM;
    *block = made;
    return 0;
}

/* So that the caller is who asks for the copy, not the C library. */
char *strdup(const char *text) {
    const size_t size = strlen(text) + 1;
    char *copy = FAILS(MEMORY) ? NULL : __libc_malloc(size);
    return copy ? memcpy(copy, text, size) : NULL;
}

char *strndup(const char *text, size_t most) {
    const size_t length = strnlen(text, most);
    char *copy = FAILS(MEMORY) ? NULL : __libc_calloc(length + 1, 1);
    return copy ? memcpy(copy, text, length) : NULL;
}

/* ---- writing ---- */

#define WRAP_WRITE(name, parameters, arguments)                                                    \
    ssize_t name parameters {                                                                      \
        typedef ssize_t(*call) parameters;                                                         \
        NEXT(call, name);                                                                          \
        bool torn = false;                                                                         \
        const fate outcome = decide(WRITE, __builtin_return_address(0), &torn);                    \
        if (outcome == SHORT && size > 1)                                                          \
            size /= 2;                                                                             \
        const ssize_t done = outcome == FAIL ? -1 : found arguments;                               \
        if (torn)                                                                                  \
            die();                                                                                 \
        return done;                                                                               \
    }

WRAP_WRITE(write, (int file, const void *data, size_t size), (file, data, size))
WRAP_WRITE(pwrite, (int file, const void *data, size_t size, off_t at), (file, data, size, at))
WRAP_WRITE(pwrite64, (int file, const void *data, size_t size, off64_t at), (file, data, size, at))

int fflush(FILE *stream) {
    typedef int (*call)(FILE *);
    NEXT(call, fflush);
    return stream && __fpending(stream) > 0 && FAILS(WRITE) ? EOF : found(stream);
}

int fclose(FILE *stream) {
    typedef int (*call)(FILE *);
    NEXT(call, fclose);
    if (!__fwriting(stream) || __fpending(stream) == 0 || !FAILS(WRITE))
        return found(stream);
    const int code = errno;
    __fpurge(stream);
    found(stream);
    errno = code;
    return EOF;
}

WRAP(SYNC, int, fsync, (int file), (file), -1)
WRAP(SYNC, int, fdatasync, (int file), (file), -1)
WRAP(RENAME, int, rename, (const char *from, const char *to), (from, to), -1)
WRAP(TRUNCATE, int, ftruncate, (int file, off_t size), (file, size), -1)
WRAP(TRUNCATE, int, ftruncate64, (int file, off64_t size), (file, size), -1)
WRAP(TRUNCATE, int, truncate, (const char *path, off_t size), (path, size), -1)
WRAP(TRUNCATE, int, truncate64, (const char *path, off64_t size), (path, size), -1)

/* ---- reading ---- */

WRAP(READ, ssize_t, read, (int file, void *data, size_t size), (file, data, size), -1)
WRAP(READ, ssize_t, pread, (int file, void *data, size_t size, off_t at), (file, data, size, at),
     -1)
WRAP(READ, ssize_t, pread64, (int file, void *data, size_t size, off64_t at),
     (file, data, size, at), -1)

/* ---- opening ---- */

/* With the mode that follows where the flags say so. */
#define WRAP_OPEN(name, parameters, arguments)                                                     \
    int name parameters {                                                                          \
        typedef int(*call) parameters;                                                             \
        NEXT(call, name);                                                                          \
        mode_t mode = 0;                                                                           \
        if (flags & O_CREAT) {                                                                     \
            va_list rest;                                                                          \
            va_start(rest, flags);                                                                 \
            mode = va_arg(rest, mode_t);                                                           \
            va_end(rest);                                                                          \
        }                                                                                          \
        return FAILS(OPEN) ? -1 : found arguments;                                                 \
    }

WRAP_OPEN(open, (const char *path, int flags, ...), (path, flags, mode))
WRAP_OPEN(open64, (const char *path, int flags, ...), (path, flags, mode))
WRAP_OPEN(openat, (int folder, const char *path, int flags, ...), (folder, path, flags, mode))
WRAP(OPEN, FILE *, fopen, (const char *path, const char *mode), (path, mode), NULL)
WRAP(OPEN, FILE *, fopen64, (const char *path, const char *mode), (path, mode), NULL)
WRAP(OPEN, DIR *, opendir, (const char *path), (path), NULL)
WRAP(OPEN, int, mkdir, (const char *path, mode_t mode), (path, mode), -1)

/* ---- mappings and threads ---- */

WRAP(MAP, void *, mmap, (void *at, size_t size, int protection, int flags, int file, off_t offset),
     (at, size, protection, flags, file, offset), MAP_FAILED)
WRAP(MAP, void *, mmap64,
     (void *at, size_t size, int protection, int flags, int file, off64_t offset),
     (at, size, protection, flags, file, offset), MAP_FAILED)
/* This one returns what errno would be. */
WRAP(THREAD, int, pthread_create,
     (pthread_t * thread, const pthread_attr_t *attributes, void *(*work)(void *), void *argument),
     (thread, attributes, work, argument), EAGAIN)
