/* A fuzz target: any text as the rules of --layer. */
#include "fuzz.h"
#include "layers/layer_rules.h"
#include "train/config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const layers[] = {"conv1", "layer1.0.conv1", "layer4.1.downsample.0", ""};
    char *text = fuzz_text(data, size);
    sn_train_config config;
    sn_layer_rules rules;
    sn_error error;
    size_t count;
    const sn_option *table = sn_config_table(&count);
    fuzz_expect(sn_option_defaults(table, count, &config, NULL) == SN_OK);
    if (sn_layer_rules_parse(text, &config.quant, &rules, &error) == SN_OK) {
        size_t found = 0;
        for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
            const sn_quant_options *quant = sn_layer_rules_find(&rules, layers[i]);
            found += quant != NULL;
            fuzz_expect(!quant || sn_quantizer_at(quant->quantizer) != NULL);
        }
        const sn_status status = sn_layer_rules_check(&rules, &error);
        fuzz_expect(status != SN_OK || found > 0 || rules.count == 0);
    } else {
        fuzz_expect(error.message[0] != '\0');
    }
    free(text);
    return 0;
}
