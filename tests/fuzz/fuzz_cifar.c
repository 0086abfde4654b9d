/* A fuzz target: any bytes as CIFAR-10's test file, as it is and, when it is shorter, as the
 * beginning of a file of the size that is asked for. */
#include "base/option.h"
#include "data/dataset.h"
#include "fuzz.h"

enum { RECORD = 3073, FILE_SIZE = 10000 * RECORD, RECORDS = 4 };

static void open_file(size_t limit, const uint8_t *labels, size_t known) {
    sn_dataset *dataset = NULL;
    sn_error error;
    const int cifar10 = sn_choice_find(sn_dataset_name, "cifar10");
    if (sn_dataset_open(cifar10, SN_SPLIT_TEST, fuzz_folder(), limit, &dataset, &error) == SN_OK) {
        fuzz_expect(sn_dataset_count(dataset) == limit);
        for (size_t i = 0; i < limit; i++) {
            const int label = sn_dataset_label(dataset, i);
            fuzz_expect(label >= 0 && label < 10);
            fuzz_expect(i * RECORD >= known || label == labels[i * RECORD]);
        }
    } else {
        fuzz_expect(error.message[0] != '\0');
    }
    sn_dataset_free(dataset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *path = fuzz_path("test_batch.bin");
    fuzz_write(path, data, size, 0);
    open_file(RECORDS, data, size);
    fuzz_write(path, data, size, FILE_SIZE);
    open_file(RECORDS, data, size);
    return 0;
}
