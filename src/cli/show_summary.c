#define _POSIX_C_SOURCE 200809L
#include "cli/show_summary.h"

#include "base/memory.h"
#include "cli/summary_report.h"
#include "train/freeze.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Program and libraries where they cannot be measured; and what is not there before the first step:
 * what HDF5 and stacks take, and in each thread the part of OpenBLAS's buffer that GEMM touches.
 * Measured on x86-64 Linux with glibc. */
enum { PROGRAM_MEMORY = 12 << 20, LATER_MEMORY = 3 << 20, GEMM_MEMORY = 1 << 20 };

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

static void print_heading(const sn_train_config *config, const sn_infer_info *info) {
    printf("%s %s, %s %dx%dx%d, %d classes\n\n", sn_arch_name(config->arch),
           sn_quantizer_name(config->quant.quantizer), sn_dataset_name(config->dataset),
           info->channels, info->height, info->width, info->classes);
}

static void print_parameters(const sn_parameters *parameters) {
    size_t trained = 0, statistics = 0, others = 0;
    for (size_t i = 0; i < sn_parameters_count(parameters); i++) {
        const sn_parameter *entry = sn_parameters_at(parameters, i);
        *(sn_role_is_trained(entry->role)     ? &trained
          : sn_role_is_statistic(entry->role) ? &statistics
                                              : &others) += entry->count;
    }
    printf("\nin training  %zu parameters: %zu trainable, %zu running statistics",
           trained + statistics + others, trained, statistics);
    if (others)
        printf(", %zu signs and ranges", others);
    printf("\n");
}

static sn_status print_layers(const sn_train_config *config, const sn_graph *graph,
                              const void *packed, size_t size, sn_error *error) {
    const sn_infer_options infer = {0};
    sn_layer_name *names = NULL;
    sn_summary summary = {0};
    sn_status status = sn_layer_names_find(graph, packed, &names, error);
    if (status == SN_OK)
        status = sn_summary_make(packed, size, &infer, names, &summary, error);
    if (status == SN_OK) {
        print_heading(config, &summary.info);
        status = sn_summary_print(&summary, &(sn_summary_options){.untrained = true}, error);
    }
    sn_summary_free(&summary);
    free(names);
    return status;
}

sn_status sn_show_summary(const sn_train_config *config, const sn_trainer *trainer,
                          const sn_dataset *train, const sn_dataset *test, sn_error *error) {
    const sn_network *network = sn_trainer_evaluation(trainer);
    const size_t resident = resident_bytes();
    size_t size;
    void *packed;
    SN_TRY(sn_freeze(network, sn_trainer_labels(trainer), &packed, &size, error));
    const sn_status status = print_layers(config, network->graph, packed, size, error);
    sn_free(packed);
    SN_TRY(status);
    print_parameters(sn_trainer_parameters(trainer));
    print_memory(config, trainer, train, test, resident);
    return SN_OK;
}
