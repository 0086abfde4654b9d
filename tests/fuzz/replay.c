/* Runs a fuzz target without libFuzzer: on every file, and every file of every folder, that is
 * named; then, with --damage N, on N damaged copies of each, always the same. usage: fuzz_TARGET
 * [--damage N] FILE|FOLDER... */
#define _POSIX_C_SOURCE 200809L
#include "base/file.h"
#include "base/memory.h"
#include "base/rng.h"
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST = 1 << 24, PATH_SIZE = 4096 };

/* One to four changes of bytes, a cut, or a part twice. Returns the new size, at most 2 * size. */
static size_t damage(sn_rng *rng, uint8_t *bytes, size_t size) {
    static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff, ' ', '\n', ',', '=', '"', '-', '9'};
    const int changes = 1 + (int)sn_rng_below(rng, 4);
    for (int i = 0; i < changes && size > 0; i++) {
        const size_t at = sn_rng_below(rng, size);
        switch (sn_rng_below(rng, 8)) {
        case 0:
            size = at;
            break;
        case 1: {
            const size_t part = 1 + sn_rng_below(rng, size - at);
            if (i > 0)
                break; /* so that the size doubles once at most */
            memmove(bytes + at + part, bytes + at, size - at);
            size += part;
            break;
        }
        case 2:
        case 3:
            bytes[at] = values[sn_rng_below(rng, sizeof values)];
            break;
        case 4:
            bytes[at] = (uint8_t)sn_rng_below(rng, 256);
            break;
        default:
            bytes[at] ^= (uint8_t)(1 << sn_rng_below(rng, 8));
        }
    }
    return size;
}

static void run_copy(const uint8_t *bytes, size_t size) {
    uint8_t *copy = malloc(size ? size : 1); /* of this size: reading beyond it is seen */
    fuzz_expect(copy != NULL);
    if (size)
        memcpy(copy, bytes, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static long run_file(const char *path, uint64_t copies) {
    uint8_t *bytes;
    size_t size;
    sn_error error;
    if (sn_file_read(path, LARGEST, &bytes, &size, &error) != SN_OK) {
        fprintf(stderr, "%s\n", error.message);
        exit(EXIT_FAILURE);
    }
    run_copy(bytes, size);
    uint8_t *damaged = malloc(2 * size + 1);
    fuzz_expect(damaged != NULL);
    for (uint64_t i = 0; i < copies; i++) {
        sn_rng rng;
        sn_rng_init(&rng, size, SN_RNG_TEST, i);
        memcpy(damaged, bytes, size);
        run_copy(damaged, damage(&rng, damaged, size));
    }
    free(damaged);
    sn_free(bytes);
    return 1 + (long)copies;
}

static long run_path(const char *path, uint64_t copies) {
    DIR *folder = opendir(path);
    long runs = 0;
    if (!folder)
        return run_file(path, copies);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char name[PATH_SIZE];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        runs += run_path(name, copies);
    }
    closedir(folder);
    return runs;
}

int main(int argc, char **argv) {
    uint64_t copies = 0;
    long runs = 0;
    int first = 1;
    if (argc > 3 && strcmp(argv[1], "--damage") == 0) {
        copies = strtoull(argv[2], NULL, 10);
        first = 3;
    }
    for (int i = first; i < argc; i++)
        runs += run_path(argv[i], copies);
    printf("%ld runs\n", runs);
    return runs > 0 ? EXIT_SUCCESS : EXIT_FAILURE; /* an empty corpus tests nothing */
}
