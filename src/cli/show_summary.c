#include "cli/show_summary.h"

#include "base/memory.h"
#include "cli/memory.h"
#include "cli/summary_report.h"
#include "train/freeze.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- memory ---- */

typedef struct memory_row {
    const char *part;
    size_t bytes;
    bool optional; /* not shown where it is not needed */
} memory_row;

enum { MEMORY_ROWS = 11 };

static size_t fill_memory(const sn_memory_use *use, memory_row rows[MEMORY_ROWS]) {
    const sn_trainer_memory *m = &use->trainer;
    const memory_row all[MEMORY_ROWS] = {
        {"training graph", m->training, false},
        {"evaluation graph", m->evaluation, false},
        {"parameters and gradients", m->parameters, false},
        {"optimizer", m->optimizer, false},
        {"diagnostics", m->diagnostics, false},
        {"average of weights", m->average, true},
        {"teacher", m->teacher, true},
        {"checkpoint while it is written", m->checkpoint, false},
        {"data sets", use->data, false},
        {"loaders", m->loaders, false},
        {"program and libraries", use->program, false},
    };
    size_t count = 0;
    for (size_t i = 0; i < MEMORY_ROWS; i++)
        if (!all[i].optional || all[i].bytes)
            rows[count++] = all[i];
    return count;
}

enum { PART, BYTES };

static sn_value get_memory(const void *of, int part) {
    const memory_row *row = of;
    return part == PART ? sn_value_text(row->part) : sn_value_count(row->bytes);
}

static const sn_field memory_fields[] = {SN_DATA("part", get_memory, PART),
                                         SN_DATA("bytes", get_memory, BYTES)};

/* ---- parameters in training ---- */

typedef struct parameter_counts {
    size_t trained, statistics, others;
} parameter_counts;

static parameter_counts count_parameters(const sn_parameters *parameters) {
    parameter_counts c = {0, 0, 0};
    for (size_t i = 0; i < sn_parameters_count(parameters); i++) {
        const sn_parameter *entry = sn_parameters_at(parameters, i);
        *(sn_role_is_trained(entry->role)     ? &c.trained
          : sn_role_is_statistic(entry->role) ? &c.statistics
                                              : &c.others) += entry->count;
    }
    return c;
}

/* ---- the report ---- */

typedef struct report {
    const sn_train_config *config;
    const sn_summary *summary;
    parameter_counts parameters;
    memory_row memory[MEMORY_ROWS];
    size_t memory_rows, peak;
} report;

static const sn_summary_options settings = {.untrained = true};

static void print_heading(const report *r) {
    const sn_infer_info *info = &r->summary->info;
    printf("%s %s, %s %dx%dx%d, %d classes\n\n", sn_arch_name(r->config->arch),
           sn_quantizer_name(r->config->quant.quantizer), sn_dataset_name(r->config->dataset),
           info->channels, info->height, info->width, info->classes);
}

static void print_parameters(const parameter_counts *c) {
    printf("\nin training  %zu parameters: %zu trainable, %zu running statistics",
           c->trained + c->statistics + c->others, c->trained, c->statistics);
    if (c->others)
        printf(", %zu signs and ranges", c->others);
    printf("\n");
}

static void print_memory(const report *r) {
    const sn_train_config *config = r->config;
    printf("\npeak memory %.0f MiB: batch %llu, %llu thread%s, %s, %s\n", (double)r->peak / 1048576,
           (unsigned long long)config->batch, (unsigned long long)config->threads,
           config->threads == 1 ? "" : "s", sn_engine_name(config->engine),
           sn_precision_name(config->precision));
    for (size_t i = 0; i < r->memory_rows; i++)
        printf("  %-44s %10.1f\n", r->memory[i].part, (double)r->memory[i].bytes / 1048576);
}

static sn_status print_text(const report *r, sn_error *error) {
    print_heading(r);
    SN_TRY(sn_summary_print(r->summary, &settings, error));
    print_parameters(&r->parameters);
    print_memory(r);
    return SN_OK;
}

static json_t *pack(const report *r) {
    const sn_train_config *config = r->config;
    const parameter_counts *c = &r->parameters;
    const sn_rows memory = {memory_fields, 2, r->memory, sizeof *r->memory, r->memory_rows, false};
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:{s:I, s:I, s:I}, s:I, s:o}", "arch",
                  sn_arch_name(config->arch), "quant", sn_quantizer_name(config->quant.quantizer),
                  "dataset", sn_dataset_name(config->dataset), "batch", (json_int_t)config->batch,
                  "threads", (json_int_t)config->threads, "engine", sn_engine_name(config->engine),
                  "precision", sn_precision_name(config->precision), "training_parameters",
                  "trainable", (json_int_t)c->trained, "running_statistics",
                  (json_int_t)c->statistics, "others", (json_int_t)c->others, "peak_memory_bytes",
                  (json_int_t)r->peak, "memory", sn_rows_json(&memory));
    json_t *layers = sn_summary_json(r->summary, &settings);
    if (object && (!layers || json_object_update(object, layers) != 0)) {
        json_decref(object);
        object = NULL;
    }
    json_decref(layers);
    return object;
}

static sn_status print(const report *r, sn_output format, sn_error *error) {
    if (format == SN_OUTPUT_JSON)
        return sn_rows_print_json(pack(r), stdout, error);
    if (format == SN_OUTPUT_CSV)
        return sn_summary_csv(r->summary, error);
    return print_text(r, error);
}

/* Counts the layers of the packed network and prints everything. */
static sn_status report_packed(report r, const void *packed, size_t size, sn_output format,
                               sn_error *error) {
    const sn_infer_options infer = {0};
    sn_summary summary;
    sn_status status = sn_summary_make(packed, size, &infer, &summary, error);
    r.summary = &summary;
    if (status == SN_OK)
        status = print(&r, format, error);
    sn_summary_free(&summary);
    return status;
}

sn_status sn_show_summary(const sn_train_config *config, const sn_trainer *trainer,
                          const sn_dataset *train, const sn_dataset *test, sn_output format,
                          sn_error *error) {
    const sn_network *network = sn_trainer_evaluation(trainer);
    const sn_memory_use use = sn_memory_predict(config, trainer, train, test);
    report r = {.config = config,
                .parameters = count_parameters(sn_trainer_parameters(trainer)),
                .peak = use.peak};
    size_t size;
    void *packed;
    r.memory_rows = fill_memory(&use, r.memory);
    SN_TRY(sn_freeze(network, sn_trainer_metadata(trainer), &packed, &size, error));
    const sn_status status = report_packed(r, packed, size, format, error);
    sn_free(packed);
    return status;
}
