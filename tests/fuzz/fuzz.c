#define _XOPEN_SOURCE 700
#include "fuzz.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 512, PATHS = 4 };

/* Of this process, for the handler at its end. */
static char folder[PATH_SIZE];

void fuzz_expect(bool condition) {
    if (!condition)
        abort();
}

char *fuzz_text(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    fuzz_expect(text != NULL);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *place) {
    (void)info;
    (void)type;
    (void)place;
    return remove(path);
}

static void remove_folder(void) {
    nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_folder(void) {
    if (!folder[0]) {
        const char *parent = getenv("TMPDIR");
        snprintf(folder, sizeof folder, "%.400s/signet-fuzz-XXXXXX", parent ? parent : "/tmp");
        fuzz_expect(mkdtemp(folder) != NULL);
        atexit(remove_folder);
    }
    return folder;
}

const char *fuzz_path(const char *name) {
    static char paths[PATHS][2 * PATH_SIZE];
    static int next;
    char *path = paths[next++ % PATHS];
    snprintf(path, sizeof paths[0], "%s/%s", fuzz_folder(), name);
    return path;
}

void fuzz_write(const char *path, const uint8_t *data, size_t length, size_t size) {
    FILE *file = fopen(path, "wb");
    fuzz_expect(file != NULL);
    fuzz_expect(fwrite(data, 1, length, file) == length && fflush(file) == 0);
    fuzz_expect(size <= length || ftruncate(fileno(file), (off_t)size) == 0);
    fuzz_expect(fclose(file) == 0);
}
