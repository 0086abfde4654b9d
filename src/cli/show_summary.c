#define _POSIX_C_SOURCE 200809L
#include "cli/show_summary.h"

#include "base/memory.h"
#include "infer/format.h"
#include "infer/signet.h"
#include "train/freeze.h"
#include "train/summary.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Program and libraries where they cannot be measured; and what is not there before the first step:
 * what HDF5 and stacks take, and in each thread the part of OpenBLAS's buffer that GEMM touches.
 * Measured on x86-64 Linux with glibc. */
enum { PROGRAM_MEMORY = 12 << 20, LATER_MEMORY = 3 << 20, GEMM_MEMORY = 1 << 20 };

/* Instructions of a packed model, in their order. */
typedef struct packed_model {
    const unsigned char *bytes;
    size_t size;
    uint32_t count, next;
} packed_model;

/* What the next instruction that `layer` can be takes in the model: its record and its weights.
 * Layers come in the same order in both; sums in between have no layer of their own. */
static size_t packed_bytes(packed_model *model, const sn_layer *layer) {
    const bool is_conv = sn_op_is_conv2d(layer->kind), is_linear = layer->kind == &sn_op_linear;
    while (model->next < model->count) {
        sn_infer_record record;
        sn_infer_load_words(&record,
                            model->bytes + sizeof(sn_infer_header) + model->next++ * sizeof record,
                            sizeof record / 4);
        if (record.opcode == SN_INFER_OP_SUM)
            continue;
        if (is_conv == (record.opcode == SN_INFER_OP_CONV) &&
            is_linear == (record.opcode == SN_INFER_OP_LINEAR))
            return sizeof record + (size_t)sn_infer_join(record.payload_bytes);
        break;
    }
    return 0;
}

static void print_layer(const sn_layer *layer, size_t bytes) {
    char shape[SN_SHAPE_TEXT_SIZE];
    int used = 0;
    for (int i = 1; i < layer->output.rank; i++)
        used += snprintf(shape + used, sizeof shape - (size_t)used, "%s%zu", i > 1 ? "x" : "",
                         layer->output.size[i]);
    printf("%-24s %-20s %14s %11zu %11zu %10.3f %10.2f\n", layer->name, layer->op, shape,
           layer->parameters, layer->quantized, layer->multiply_adds / 1e6, (double)bytes / 1e3);
}

static void print_layers(const sn_layer *layers, size_t count, const void *packed, size_t size) {
    sn_infer_header header;
    sn_infer_load_words(&header, packed, sizeof header / 4);
    packed_model model = {packed, size, header.instruction_count, 0};
    sn_layer total = {0};
    size_t listed = 0;
    printf("%-24s %-20s %14s %11s %11s %10s %10s\n", "layer", "op", "output", "parameters",
           "quantized", "M mult-add", "packed kB");
    for (size_t i = 0; i < count; i++) {
        const size_t bytes = packed_bytes(&model, &layers[i]);
        print_layer(&layers[i], bytes);
        listed += bytes;
        total.parameters += layers[i].parameters;
        total.quantized += layers[i].quantized;
        total.multiply_adds += layers[i].multiply_adds;
    }
    printf("%-24s %-20s %14s %11s %11s %10s %10.2f\n", "header, labels, sums", "", "", "", "", "",
           (double)(size - listed) / 1e3);
    printf("%-24s %-20s %14s %11zu %11zu %10.3f %10.2f\n", "total", "", "", total.parameters,
           total.quantized, total.multiply_adds / 1e6, (double)size / 1e3);
}

static void print_memory_row(const char *what, size_t bytes) {
    printf("  %-44s %10.1f\n", what, (double)bytes / 1048576);
}

/* Bytes of this process that are in memory now; 0 when it cannot be told. */
static size_t resident_bytes(void) {
    unsigned long all, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file)
        return 0;
    if (fscanf(file, "%lu %lu", &all, &resident) != 2)
        resident = 0;
    fclose(file);
    return (size_t)resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* All that is there and that is no `counted` memory of the trainer's or the data's, and what will
 * be. */
static size_t other_bytes(const sn_train_config *config, size_t resident, size_t counted) {
    const size_t program = resident > counted ? resident - counted : PROGRAM_MEMORY;
    return program + LATER_MEMORY + (size_t)config->threads * GEMM_MEMORY;
}

static void print_memory(const sn_train_config *config, const sn_trainer *trainer,
                         const sn_dataset *train, const sn_dataset *test, size_t resident) {
    const sn_trainer_memory m = sn_trainer_memory_of(trainer);
    const size_t data = sn_dataset_memory(train) + sn_dataset_memory(test);
    const size_t counted = m.training + m.evaluation + m.parameters + m.optimizer + m.loaders +
                           m.diagnostics + m.average + m.teacher + data;
    const size_t other = other_bytes(config, resident, counted);
    const size_t peak = counted + other;
    printf("\npeak memory %.0f MiB: batch %llu, %llu thread%s, %s, %s\n", (double)peak / 1048576,
           (unsigned long long)config->batch, (unsigned long long)config->threads,
           config->threads == 1 ? "" : "s", sn_engine_name(config->engine),
           sn_precision_name(config->precision));
    print_memory_row("training graph", m.training);
    print_memory_row("evaluation graph", m.evaluation);
    print_memory_row("parameters and gradients", m.parameters);
    print_memory_row("optimizer", m.optimizer);
    print_memory_row("diagnostics", m.diagnostics);
    if (m.average)
        print_memory_row("average of weights", m.average);
    if (m.teacher)
        print_memory_row("teacher", m.teacher);
    print_memory_row("data sets", data);
    print_memory_row("loaders", m.loaders);
    print_memory_row("program and libraries", other);
}

static void print_totals(const sn_train_config *config, const sn_parameters *parameters,
                         const void *packed, size_t size) {
    size_t trained = 0, kept = 0;
    sn_infer_info info = {0};
    for (size_t i = 0; i < sn_parameters_count(parameters); i++) {
        const sn_parameter *entry = sn_parameters_at(parameters, i);
        *(sn_role_is_trained(entry->role) ? &trained : &kept) += entry->count;
    }
    sn_infer_inspect(packed, size, NULL, &info);
    printf("\n%s %s, %s %dx%dx%d, %d classes\n", sn_arch_name(config->arch),
           sn_quantizer_name(config->quant.quantizer), sn_dataset_name(config->dataset),
           info.channels, info.height, info.width, info.classes);
    printf("parameters   %zu: %zu trainable, %zu running statistics\n", trained + kept, trained,
           kept);
    printf("packed       %zu bytes, of those %zu weights; to run: %zu bytes and %zu for each "
           "thread\n",
           size, info.weight_bytes, info.model_memory, info.scratch_memory);
}

sn_status sn_show_summary(const sn_train_config *config, const sn_trainer *trainer,
                          const sn_dataset *train, const sn_dataset *test, sn_error *error) {
    const sn_network *network = sn_trainer_evaluation(trainer);
    const size_t resident = resident_bytes();
    sn_layer *layers;
    size_t count, size;
    void *packed;
    SN_TRY(sn_freeze(network, sn_trainer_labels(trainer), &packed, &size, error));
    const sn_status status = sn_layers_of(network->graph, &layers, &count, error);
    if (status == SN_OK) {
        print_layers(layers, count, packed, size);
        print_totals(config, sn_trainer_parameters(trainer), packed, size);
        print_memory(config, trainer, train, test, resident);
        free(layers);
    }
    sn_free(packed);
    return status;
}
