/* A fuzz target: any bytes as the logs of a run that is resumed: one for the number of finished
 * epochs, then metrics.jsonl up to the first NUL, then layers.csv. */
#include "base/file.h"
#include "base/memory.h"
#include "fuzz.h"
#include "train/run_directory.h"

#include <string.h>
#include <unistd.h>

enum { LAYERS = 2 };

static sn_status resume(uint64_t epoch) {
    sn_run_directory directory = sn_run_directory_none();
    sn_error error;
    const sn_status status =
        sn_run_directory_reopen(fuzz_folder(), epoch, LAYERS, &directory, &error);
    fuzz_expect(status == SN_OK || error.message[0] != '\0');
    sn_run_directory_close(&directory);
    return status;
}

/* The file's bytes; sn_free them. */
static unsigned char *read_file(const char *name, size_t *size) {
    unsigned char *bytes;
    fuzz_expect(sn_file_read(fuzz_path(name), 1 << 24, &bytes, size, NULL) == SN_OK);
    return bytes;
}

/* Whole lines are kept, of the first epochs; doing it again changes nothing. */
static void check_kept(uint64_t epoch, const uint8_t *metrics, size_t length) {
    size_t kept, layers, again;
    unsigned char *text = read_file("metrics.jsonl", &kept);
    unsigned char *table = read_file("layers.csv", &layers);
    fuzz_expect(kept <= length && (kept == 0 || text[kept - 1] == '\n'));
    fuzz_expect(kept == 0 || memcmp(text, metrics, kept) == 0);
    fuzz_expect(layers > 0 && table[layers - 1] == '\n');
    fuzz_expect(resume(epoch) == SN_OK);
    unsigned char *second = read_file("layers.csv", &again);
    fuzz_expect(again == layers && memcmp(second, table, again) == 0);
    sn_free(second);
    sn_free(table);
    sn_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    const uint64_t epoch = data[0];
    const uint8_t *metrics = data + 1, *end = memchr(metrics, '\0', size - 1);
    const size_t length = end ? (size_t)(end - metrics) : size - 1;
    fuzz_write(fuzz_path("metrics.jsonl"), metrics, length, 0);
    if (end)
        fuzz_write(fuzz_path("layers.csv"), end + 1, size - length - 2, 0);
    else
        unlink(fuzz_path("layers.csv"));
    if (resume(epoch) == SN_OK)
        check_kept(epoch, metrics, length);
    return 0;
}
