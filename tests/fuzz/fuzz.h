/* What the fuzz targets share. A target is one file with LLVMFuzzerTestOneInput; libFuzzer calls
 * it, or replay.c on files. */
#ifndef SN_TESTS_FUZZ_H
#define SN_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Aborts when what is promised does not hold. */
void fuzz_expect(bool condition);

/* The bytes as a text of its own size, so that reading beyond it is seen. free() it. */
char *fuzz_text(const uint8_t *data, size_t size);

/* A folder below $TMPDIR that is removed when the process ends. */
const char *fuzz_folder(void);

/* fuzz_folder()/name; valid until the next call but three. */
const char *fuzz_path(const char *name);

/* Writes a file, or a hole of `size` bytes behind the data when that is more. */
void fuzz_write(const char *path, const uint8_t *data, size_t length, size_t size);

#endif
