#include "cli/show_profile.h"

#include "train/profile.h"
#include "train/roofline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WARMUP_STEPS = 3, LEAST_STEPS = 5 };

static const double trial_seconds = 5;

/* Of one step. */
typedef struct sheet {
    const sn_profile_row *rows;
    size_t count;
    double seconds;
    sn_step_seconds spent;
    double ops; /* all rows together */
} sheet;

static double row_seconds(const sn_profile_row *row) {
    return row->forward + row->backward;
}

static void print_row(const sheet *s, const sn_profile_row *row) {
    const double seconds = row_seconds(row);
    char flops[32] = "-", bytes[32] = "-";
    if (row->work.flops > 0 && seconds > 0)
        snprintf(flops, sizeof flops, "%.1f", row->work.flops / seconds / 1e9);
    if (seconds > 0)
        snprintf(bytes, sizeof bytes, "%.2f", row->work.bytes / seconds / 1e9);
    printf("%-20s %-28s %5zu %10.3f %11.3f %6.1f %% %9s %8s\n", row->op, row->shape, row->nodes,
           1e3 * row->forward, 1e3 * row->backward, 100 * seconds / s->seconds, flops, bytes);
}

static void print_heading(const char *shape) {
    printf("%-20s %-28s %5s %10s %11s %8s %9s %8s\n", "op", shape, "count", "forward ms",
           "backward ms", "share", "GFLOP/s", "GB/s");
}

static void print_ops(const sheet *s) {
    print_heading("shape of an image");
    for (size_t i = 0; i < s->count; i++)
        print_row(s, &s->rows[i]);
}

/* Adds up the rows of each op; in the order in which the slowest row of each comes. */
static void print_kinds(const sheet *s) {
    putchar('\n');
    print_heading("");
    for (size_t i = 0; i < s->count; i++) {
        sn_profile_row total = {.op = s->rows[i].op};
        bool is_first = true;
        for (size_t j = 0; j < s->count; j++) {
            const sn_profile_row *row = &s->rows[j];
            if (strcmp(row->op, total.op) != 0)
                continue;
            is_first = is_first && j >= i;
            total.nodes += row->nodes;
            total.forward += row->forward;
            total.backward += row->backward;
            total.work.flops += row->work.flops;
            total.work.bytes += row->work.bytes;
        }
        if (is_first)
            print_row(s, &total);
    }
}

static void print_rest(const sheet *s, const char *what, const char *note, double seconds) {
    printf("%-20s %-45s %11.3f %6.1f %%\n", what, note, 1e3 * seconds, 100 * seconds / s->seconds);
}

/* What is in no op. */
static void print_outside(const sheet *s) {
    const sn_step_seconds *spent = &s->spent;
    const double programs = spent->forward + spent->backward;
    const double known = programs + spent->data + spent->optimizer + spent->metrics;
    printf("\n%-20s %-45s %11s %8s\n", "outside of ops", "", "ms", "share");
    print_rest(s, "waiting", "at barriers, for slower threads", programs - s->ops);
    print_rest(s, "optimizer", "with clearing the gradients", spent->optimizer);
    print_rest(s, "data", "waiting for the loader, writing the batch", spent->data);
    print_rest(s, "metrics", "reading and counting logits", spent->metrics);
    print_rest(s, "other", "", s->seconds - known);
}

static void print_floor(const sheet *s, const sn_train_config *config, const sn_roofline *machine,
                        const sn_work *least) {
    const double compute = least->flops / machine->flops, move = least->bytes / machine->bytes;
    printf(
        "\nmachine      %.1f GFLOP/s of fp32 multiply-adds, %.1f GB/s of copying, %llu thread%s\n",
        machine->flops / 1e9, machine->bytes / 1e9, (unsigned long long)config->threads,
        config->threads == 1 ? "" : "s");
    printf("floor        %.3f ms, %.1f %% of the step\n", 1e3 * (compute + move),
           100 * (compute + move) / s->seconds);
    printf("             %.3f ms for %.3f GFLOP of direct convolution\n", 1e3 * compute,
           least->flops / 1e9);
    printf("             %.3f ms for %.3f GB of activations and their gradients\n", 1e3 * move,
           least->bytes / 1e9);
    puts("             winograd multiplies 2.25 times less in 3x3 layers of stride 1 and may go "
         "below");
    if (config->engine == SN_ENGINE_ONEDNN && config->precision == SN_PRECISION_BF16)
        puts("             the rate is that of fp32 vectors; the rate of bf16 tiles was not "
             "measured");
}

static void print_all(const sn_train_config *config, const sn_trial *trial, const sheet *s,
                      const sn_roofline *machine, const sn_work *least) {
    printf("%s %s, %s, batch %llu, %llu thread%s, %s, %s; mean of %zu steps\n\n",
           sn_arch_name(config->arch), sn_quantizer_name(config->quant.quantizer),
           sn_dataset_name(config->dataset), (unsigned long long)config->batch,
           (unsigned long long)config->threads, config->threads == 1 ? "" : "s",
           sn_engine_name(config->engine), sn_precision_name(config->precision), trial->steps);
    print_ops(s);
    print_kinds(s);
    print_outside(s);
    printf("\nstep         %.3f ms, %.1f images/s\n", 1e3 * s->seconds,
           (double)config->batch / s->seconds);
    print_floor(s, config, machine, least);
}

static sheet sheet_of(const sn_trial *trial, const sn_profile_row *rows, size_t count) {
    const double share = 1 / (double)trial->steps;
    sheet s = {.rows = rows,
               .count = count,
               .seconds = trial->seconds * share,
               .spent = {.data = trial->spent.data * share,
                         .forward = trial->spent.forward * share,
                         .backward = trial->spent.backward * share,
                         .optimizer = trial->spent.optimizer * share,
                         .metrics = trial->spent.metrics * share}};
    for (size_t i = 0; i < count; i++)
        s.ops += row_seconds(&rows[i]);
    return s;
}

sn_status sn_show_profile(const sn_train_config *config, sn_trainer *trainer, sn_error *error) {
    const sn_graph *graph = sn_trainer_training(trainer)->graph;
    sn_roofline machine;
    sn_trial trial;
    sn_work least;
    sn_profile_row *rows;
    size_t count;
    SN_TRY(sn_roofline_measure((int)config->threads, &machine, error));
    SN_TRY(sn_trainer_try(trainer, WARMUP_STEPS, LEAST_STEPS, trial_seconds, &trial, error));
    SN_TRY(sn_graph_floor(graph, &least, error));
    SN_TRY(sn_profile_rows(graph, trial.steps, &rows, &count, error));
    const sheet s = sheet_of(&trial, rows, count);
    print_all(config, &trial, &s, &machine, &least);
    free(rows);
    return SN_OK;
}
