#include "cli/show_summary.h"

#include "base/memory.h"
#include "cli/memory.h"
#include "cli/summary_report.h"
#include "train/freeze.h"

#include <stdio.h>
#include <stdlib.h>

static void print_memory_row(const char *what, size_t bytes) {
    printf("  %-44s %10.1f\n", what, (double)bytes / 1048576);
}

static void print_memory(const sn_train_config *config, const sn_memory_use *use) {
    const sn_trainer_memory *m = &use->trainer;
    printf("\npeak memory %.0f MiB: batch %llu, %llu thread%s, %s, %s\n",
           (double)use->peak / 1048576, (unsigned long long)config->batch,
           (unsigned long long)config->threads, config->threads == 1 ? "" : "s",
           sn_engine_name(config->engine), sn_precision_name(config->precision));
    print_memory_row("training graph", m->training);
    print_memory_row("evaluation graph", m->evaluation);
    print_memory_row("parameters and gradients", m->parameters);
    print_memory_row("optimizer", m->optimizer);
    print_memory_row("diagnostics", m->diagnostics);
    if (m->average)
        print_memory_row("average of weights", m->average);
    if (m->teacher)
        print_memory_row("teacher", m->teacher);
    print_memory_row("checkpoint while it is written", m->checkpoint);
    print_memory_row("data sets", use->data);
    print_memory_row("loaders", m->loaders);
    print_memory_row("program and libraries", use->program);
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

static sn_status print_layers(const sn_train_config *config, const void *packed, size_t size,
                              sn_error *error) {
    const sn_infer_options infer = {0};
    sn_summary summary;
    sn_status status = sn_summary_make(packed, size, &infer, &summary, error);
    if (status == SN_OK) {
        print_heading(config, &summary.info);
        status = sn_summary_print(&summary, &(sn_summary_options){.untrained = true}, error);
    }
    sn_summary_free(&summary);
    return status;
}

sn_status sn_show_summary(const sn_train_config *config, const sn_trainer *trainer,
                          const sn_dataset *train, const sn_dataset *test, sn_error *error) {
    const sn_network *network = sn_trainer_evaluation(trainer);
    const sn_memory_use use = sn_memory_predict(config, trainer, train, test);
    size_t size;
    void *packed;
    SN_TRY(sn_freeze(network, sn_trainer_metadata(trainer), &packed, &size, error));
    const sn_status status = print_layers(config, packed, size, error);
    sn_free(packed);
    SN_TRY(status);
    print_parameters(sn_trainer_parameters(trainer));
    print_memory(config, &use);
    return SN_OK;
}
