/* A fuzz target: any lines as the arguments of ./train. Options that are accepted come back the
 * same when they are shown and read again, one by one and as config.json. */
#include "cli/arguments.h"
#include "fuzz.h"
#include "train/config.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 64, TABLE = 128 };

static void check_config(const sn_option *table, size_t count, sn_train_config *config) {
    sn_train_config again;
    sn_input_info input = {.classes = 2, .channels = 1, .height = 1, .width = 1};
    sn_error error;
    char *written, *rewritten, text[SN_OPTION_TEXT_SIZE], shown[SN_OPTION_TEXT_SIZE];
    input.statistics.deviation[0] = 1;
    fuzz_expect(sn_option_defaults(table, count, &again, NULL) == SN_OK);
    for (size_t i = 0; i < count; i++) {
        sn_option_format(&table[i], config, text);
        if (table[i].kind != SN_OPTION_LIST)
            fuzz_expect(sn_option_set(&table[i], &again, text, &error) == SN_OK);
        if (table[i].kind != SN_OPTION_LIST) {
            sn_option_format(&table[i], &again, shown);
            fuzz_expect(strcmp(text, shown) == 0);
        }
    }
    sn_config_resolve(config);
    if (sn_config_to_json(config, &input, &written, &error) != SN_OK)
        return; /* no UTF-8, which is said before anything is written */
    fuzz_expect(sn_config_from_json(written, "fuzz", &again, &input, &error) == SN_OK);
    fuzz_expect(sn_config_to_json(&again, &input, &rewritten, &error) == SN_OK);
    fuzz_expect(strcmp(written, rewritten) == 0);
    free(rewritten);
    free(written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = fuzz_text(data, size), *argv[MOST + 1] = {"train"}, *rest = text;
    int argc = 1;
    while (rest && argc < MOST) {
        argv[argc++] = rest;
        rest = strchr(rest, '\n');
        if (rest)
            *rest++ = '\0';
    }
    size_t count;
    const sn_option *table = sn_config_table(&count);
    bool given[TABLE];
    const char *positional[2];
    sn_train_config config;
    sn_error error;
    sn_arguments arguments = {.table = table,
                              .count = count,
                              .object = &config,
                              .given = given,
                              .positional = positional,
                              .positional_limit = 2};
    fuzz_expect(count <= TABLE && sn_option_defaults(table, count, &config, NULL) == SN_OK);
    if (sn_arguments_parse(&arguments, argc, argv, &error) != SN_OK)
        fuzz_expect(error.message[0] != '\0');
    else if (!arguments.help)
        check_config(table, count, &config);
    free(text);
    return 0;
}
