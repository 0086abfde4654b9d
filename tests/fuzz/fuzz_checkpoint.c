/* A fuzz target: any bytes as a checkpoint that is resumed from. Of what is accepted every number
 * is fit to be used. Networks are built while they are small. */
#include "fuzz.h"
#include "train/checkpoint.h"
#include "train/network.h"

#include <math.h>

enum { MOST_PIXELS = 1 << 10, MOST_CLASSES = 100 };

static bool is_small(const sn_train_config *config, const sn_input_info *input) {
    return config->width <= 0.1 && config->arch == 0 && input->classes <= MOST_CLASSES &&
           input->height * input->width <= MOST_PIXELS;
}

static void read_training(const sn_checkpoint *checkpoint, sn_parameters *parameters) {
    sn_optimizer *optimizer = NULL;
    sn_train_state state;
    const sn_train_config *config = sn_checkpoint_config(checkpoint);
    fuzz_expect(sn_optimizer_create(&config->optimizer, parameters, 1, &optimizer, NULL) == SN_OK);
    if (sn_checkpoint_read_training(checkpoint, parameters, optimizer, &state, NULL) == SN_OK) {
        fuzz_expect(isfinite(state.loss_sum));
        fuzz_expect(state.best_top1 == -1 || (state.best_top1 >= 0 && state.best_top1 <= 100));
        for (int slot = 0; sn_optimizer_slot_name(optimizer, slot); slot++)
            for (size_t i = 0; i < sn_parameters_length(parameters); i++)
                fuzz_expect(isfinite(sn_optimizer_slot(optimizer, slot)[i]));
    }
    sn_optimizer_free(optimizer);
}

static void read_network(const sn_checkpoint *checkpoint) {
    const sn_train_config *config = sn_checkpoint_config(checkpoint);
    const sn_input_info *input = sn_checkpoint_input(checkpoint);
    sn_parameters *parameters = NULL;
    sn_network network = {0};
    sn_error error;
    if (!is_small(config, input))
        return;
    const sn_network_options options = {.model = sn_config_model(config, input),
                                        .mode = SN_GRAPH_EVAL,
                                        .batch = 1,
                                        .threads = 1,
                                        .engine = SN_ENGINE_GEMM};
    fuzz_expect(sn_parameters_create(&parameters, NULL) == SN_OK);
    if (sn_network_create(&options, parameters, &network, &error) == SN_OK &&
        sn_checkpoint_read_parameters(checkpoint, parameters, &error) == SN_OK) {
        for (size_t i = 0; i < sn_parameters_count(parameters); i++) {
            const sn_parameter *entry = sn_parameters_at(parameters, i);
            for (size_t j = 0; j < entry->count; j++)
                fuzz_expect(isfinite(entry->value[j]));
        }
        read_training(checkpoint, parameters);
    }
    sn_network_free(&network);
    sn_parameters_free(parameters);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *path = fuzz_path("fuzz.h5");
    sn_checkpoint *checkpoint;
    sn_error error;
    fuzz_write(path, data, size, 0);
    if (sn_checkpoint_open(path, &checkpoint, &error) != SN_OK) {
        fuzz_expect(error.message[0] != '\0');
        return 0;
    }
    read_network(checkpoint);
    sn_checkpoint_free(checkpoint);
    return 0;
}
