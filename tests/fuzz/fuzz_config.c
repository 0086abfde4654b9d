/* A fuzz target: any text as the configuration, and as the names of classes, that a checkpoint
 * holds. What is accepted is fit to be used and comes back the same when it is written and read
 * again. */
#include "fuzz.h"
#include "train/config.h"
#include "train/metadata.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void read_config(const char *text) {
    sn_train_config config, again;
    sn_input_info input, input_again;
    sn_error error;
    char *written, *rewritten;
    if (sn_config_from_json(text, "fuzz", &config, &input, &error) != SN_OK) {
        fuzz_expect(error.message[0] != '\0');
        return;
    }
    fuzz_expect(input.classes >= 2 && input.channels >= 1 && input.height >= 1 && input.width >= 1);
    for (int c = 0; c < input.channels; c++) {
        fuzz_expect(isfinite(input.statistics.mean[c]));
        fuzz_expect(isfinite(input.statistics.deviation[c]) && input.statistics.deviation[c] > 0);
    }
    fuzz_expect(sn_config_to_json(&config, &input, &written, &error) == SN_OK);
    fuzz_expect(sn_config_from_json(written, "fuzz", &again, &input_again, &error) == SN_OK);
    fuzz_expect(sn_config_to_json(&again, &input_again, &rewritten, &error) == SN_OK);
    fuzz_expect(strcmp(written, rewritten) == 0);
    free(rewritten);
    free(written);
}

static void read_metadata(const char *text) {
    sn_train_config config;
    sn_metadata metadata;
    sn_error error;
    size_t count;
    const sn_option *table = sn_config_table(&count);
    const sn_input_info input = {.classes = 3, .channels = 1, .height = 1, .width = 1};
    fuzz_expect(sn_option_defaults(table, count, &config, NULL) == SN_OK);
    if (sn_metadata_read(&config, &input, text, "fuzz", &metadata, &error) == SN_OK) {
        char *written;
        for (int i = 0; i < 3; i++)
            fuzz_expect(memchr(metadata.class_names[i], '\0', SN_CLASS_NAME_SIZE) != NULL);
        fuzz_expect(sn_metadata_to_json(&metadata, &written, &error) == SN_OK);
        free(written);
    } else {
        fuzz_expect(error.message[0] != '\0');
    }
    sn_metadata_clear(&metadata);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = fuzz_text(data, size);
    read_config(text);
    read_metadata(text);
    free(text);
    return 0;
}
