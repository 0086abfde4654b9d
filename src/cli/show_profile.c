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

/* ---- ops ---- */

typedef struct line {
    sn_profile_row row;
    double step_seconds;
} line;

enum { OP, SHAPE, COUNT, FORWARD, BACKWARD, SHARE, SHOWN_SHARE, FLOPS, BYTES };

static sn_value get(const void *of, int part) {
    const line *l = of;
    const sn_profile_row *row = &l->row;
    const double seconds = row_seconds(row);
    switch (part) {
    case OP:
        return sn_value_text(row->op);
    case SHAPE:
        return row->shape[0] ? sn_value_text(row->shape) : sn_value_blank();
    case COUNT:
        return sn_value_count(row->nodes);
    case FORWARD:
        return sn_value_real(row->forward);
    case BACKWARD:
        return sn_value_real(row->backward);
    case SHARE:
        return sn_value_real(seconds / l->step_seconds);
    case SHOWN_SHARE:
        return sn_value_text_of("%.1f %%", 100 * seconds / l->step_seconds);
    case FLOPS:
        return row->work.flops > 0 && seconds > 0 ? sn_value_real(row->work.flops / seconds)
                                                  : sn_value_null();
    default:
        return seconds > 0 ? sn_value_real(row->work.bytes / seconds) : sn_value_null();
    }
}

#define OP_FIELDS(shape_)                                                                          \
    {"op", "op", get, OP, .left = true, .width = 20},                                              \
        {"shape", shape_, get, SHAPE, .left = true, .width = 28, .keep = true},                    \
        {"count", "count", get, COUNT, .width = 5},                                                \
        {"forward_seconds", "forward ms", get, FORWARD, 1e-3, 3, .width = 10},                     \
        {"backward_seconds", "backward ms", get, BACKWARD, 1e-3, 3, .width = 11},                  \
        {"share", NULL, get, SHARE, .decimals = 3}, {NULL, "share", get, SHOWN_SHARE, .width = 8}, \
        {"flops_per_second", "GFLOP/s", get, FLOPS, 1e9, 1, .width = 9, .keep = true}, {           \
        "bytes_per_second", "GB/s", get, BYTES, 1e9, 2, .width = 8, .keep = true                   \
    }

static const sn_field op_fields[] = {OP_FIELDS("shape of an image")};
static const sn_field kind_fields[] = {OP_FIELDS("")};

enum { FIELDS = sizeof op_fields / sizeof *op_fields };

/* Adds up the rows of each op; in the order in which the slowest row of each comes. Returns how
 * many there are. */
static size_t add_up(const sheet *s, line *kinds) {
    size_t count = 0;
    for (size_t i = 0; i < s->count; i++) {
        const sn_profile_row *row = &s->rows[i];
        size_t k = 0;
        while (k < count && strcmp(kinds[k].row.op, row->op) != 0)
            k++;
        if (k == count)
            kinds[count++] = (line){{.op = row->op}, s->seconds};
        sn_profile_row *total = &kinds[k].row;
        total->nodes += row->nodes;
        total->forward += row->forward;
        total->backward += row->backward;
        total->work.flops += row->work.flops;
        total->work.bytes += row->work.bytes;
    }
    return count;
}

/* ---- what is in no op ---- */

typedef struct rest {
    const char *name, *note;
    double seconds, step_seconds;
} rest;

enum { NAME, NOTE, SECONDS };

static sn_value get_rest(const void *of, int part) {
    const rest *r = of;
    switch (part) {
    case NAME:
        return sn_value_text(r->name);
    case NOTE:
        return sn_value_text(r->note);
    case SECONDS:
        return sn_value_real(r->seconds);
    case SHARE:
        return sn_value_real(r->seconds / r->step_seconds);
    default:
        return sn_value_text_of("%.1f %%", 100 * r->seconds / r->step_seconds);
    }
}

static const sn_field rest_fields[] = {
    {"name", "outside of ops", get_rest, NAME, .left = true, .width = 20},
    {NULL, "", get_rest, NOTE, .left = true, .width = 45},
    {"seconds", "ms", get_rest, SECONDS, 1e-3, 3, .width = 11},
    {"share", NULL, get_rest, SHARE, .decimals = 3},
    {NULL, "share", get_rest, SHOWN_SHARE, .width = 8},
};

enum { RESTS = 5 };

static void fill_rests(const sheet *s, rest rests[RESTS]) {
    const sn_step_seconds *spent = &s->spent;
    const double programs = spent->forward + spent->backward;
    const double known = programs + spent->data + spent->optimizer + spent->metrics;
    const rest all[RESTS] = {
        {"waiting", "at barriers, for slower threads", programs - s->ops, s->seconds},
        {"optimizer", "with clearing the gradients", spent->optimizer, s->seconds},
        {"data", "waiting for the loader, writing the batch", spent->data, s->seconds},
        {"metrics", "reading and counting logits", spent->metrics, s->seconds},
        {"other", "", s->seconds - known, s->seconds}};
    memcpy(rests, all, sizeof all);
}

/* ---- the report ---- */

typedef struct report {
    const sn_train_config *config;
    const sn_trial *trial;
    sheet sheet;
    sn_roofline machine;
    sn_work least;
    sn_rows ops, kinds, rests;
} report;

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

static sn_status print_text(const report *r, sn_error *error) {
    const sn_train_config *config = r->config;
    printf("%s %s, %s, batch %llu, %llu thread%s, %s, %s; mean of %zu steps\n\n",
           sn_arch_name(config->arch), sn_quantizer_name(config->quant.quantizer),
           sn_dataset_name(config->dataset), (unsigned long long)config->batch,
           (unsigned long long)config->threads, config->threads == 1 ? "" : "s",
           sn_engine_name(config->engine), sn_precision_name(config->precision), r->trial->steps);
    SN_TRY(sn_rows_text(&r->ops, stdout, error));
    putchar('\n');
    SN_TRY(sn_rows_text(&r->kinds, stdout, error));
    putchar('\n');
    SN_TRY(sn_rows_text(&r->rests, stdout, error));
    printf("\nstep         %.3f ms, %.1f images/s\n", 1e3 * r->sheet.seconds,
           (double)config->batch / r->sheet.seconds);
    print_floor(&r->sheet, config, &r->machine, &r->least);
    return SN_OK;
}

static json_t *pack(const report *r) {
    const sn_train_config *config = r->config;
    const double compute = r->least.flops / r->machine.flops,
                 move = r->least.bytes / r->machine.bytes;
    return json_pack(
        "{s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:I, s:f, s:f, s:o, s:o, s:o, s:{s:f, s:f}, "
        "s:{s:f, s:f, s:f, s:f, s:f}}",
        "arch", sn_arch_name(config->arch), "quant", sn_quantizer_name(config->quant.quantizer),
        "dataset", sn_dataset_name(config->dataset), "batch", (json_int_t)config->batch, "threads",
        (json_int_t)config->threads, "engine", sn_engine_name(config->engine), "precision",
        sn_precision_name(config->precision), "steps", (json_int_t)r->trial->steps, "step_seconds",
        r->sheet.seconds, "images_per_second", (double)config->batch / r->sheet.seconds, "ops",
        sn_rows_json(&r->ops), "by_op", sn_rows_json(&r->kinds), "outside", sn_rows_json(&r->rests),
        "machine", "flops_per_second", r->machine.flops, "bytes_per_second", r->machine.bytes,
        "floor", "seconds", compute + move, "compute_seconds", compute, "flops", r->least.flops,
        "move_seconds", move, "bytes", r->least.bytes);
}

static sn_status print(const report *r, sn_output format, sn_error *error) {
    if (format == SN_OUTPUT_JSON)
        return sn_rows_print_json(pack(r), stdout, error);
    if (format == SN_OUTPUT_TEXT)
        return print_text(r, error);
    sn_rows_csv(&r->ops, stdout);
    return SN_OK;
}

/* Fills in the rows, for which `lines` has room twice over, and prints. */
static sn_status report_all(report *r, line *lines, sn_output format, sn_error *error) {
    const sheet *s = &r->sheet;
    line *kinds = lines + s->count;
    rest rests[RESTS];
    for (size_t i = 0; i < s->count; i++)
        lines[i] = (line){s->rows[i], s->seconds};
    fill_rests(s, rests);
    r->ops = (sn_rows){op_fields, FIELDS, lines, sizeof *lines, s->count, false};
    r->kinds = (sn_rows){kind_fields, FIELDS, kinds, sizeof *kinds, add_up(s, kinds), false};
    r->rests = (sn_rows){
        rest_fields, sizeof rest_fields / sizeof *rest_fields, rests, sizeof *rests, RESTS, false};
    return print(r, format, error);
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

sn_status sn_show_profile(const sn_train_config *config, sn_trainer *trainer, sn_output format,
                          sn_error *error) {
    const sn_graph *graph = sn_trainer_training(trainer)->graph;
    sn_trial trial;
    sn_profile_row *rows;
    size_t count;
    report r = {.config = config, .trial = &trial};
    SN_TRY(sn_roofline_measure((int)config->threads, &r.machine, error));
    SN_TRY(sn_trainer_try(trainer, WARMUP_STEPS, LEAST_STEPS, trial_seconds, &trial, error));
    SN_TRY(sn_graph_floor(graph, &r.least, error));
    SN_TRY(sn_profile_rows(graph, trial.steps, &rows, &count, error));
    line *lines = calloc(2 * count + 1, sizeof *lines);
    sn_status status = SN_OK;
    r.sheet = sheet_of(&trial, rows, count);
    if (lines)
        status = report_all(&r, lines, format, error);
    else
        status = sn_error_set(error, SN_ERROR_MEMORY, "out of memory for the profile");
    free(lines);
    free(rows);
    return status;
}
