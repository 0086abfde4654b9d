/* Whole networks, image in to logits out, against the sum of what oneDNN takes for their
 * convolutions. */
#include "infer_arena.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Contestants: for each form a whole run and one with a clock between the layers; PyTorch; and what
 * is not ours for each distinct shape. */
enum {
    WHOLE = 0,
    LAYERED = SN_INFER_FORM_COUNT,
    TORCH = 2 * SN_INFER_FORM_COUNT,
    OTHERS,
    CONTESTANTS = OTHERS + BENCH_NET_CONVS * BENCH_BASELINES
};

typedef struct arena {
    const bench_plan *plan;
    const char *name;
    bool random; /* not from a file, so that PyTorch has it as well */
    bench_net net;
    bench_weights weights;
    double density;
    int region;                                /* input channels; 0: whole filters */
    bench_baseline baselines[BENCH_NET_CONVS]; /* of distinct shapes */
    size_t baseline_count;
    size_t shape_of[BENCH_NET_CONVS]; /* which one each convolution has */
    bench_contestant contestants[CONTESTANTS];
} arena;

static bool same_shape(const bench_shape *a, const bench_shape *b) {
    return a->channels == b->channels && a->height == b->height && a->width == b->width &&
           a->filters == b->filters && a->kernel == b->kernel && a->stride == b->stride &&
           a->padding == b->padding;
}

static sn_status make_baselines(arena *a, sn_error *error) {
    for (size_t i = 0; i < a->net.conv_count && a->plan->others; i++) {
        size_t j = 0;
        while (j < a->baseline_count && !same_shape(&a->net.convs[i], &a->baselines[j].conv.shape))
            j++;
        a->shape_of[i] = j;
        if (j == a->baseline_count) {
            SN_TRY(bench_baseline_create(&a->net.convs[i], a->plan->seed, &a->baselines[j], error));
            a->baseline_count++;
        }
    }
    return SN_OK;
}

/* ---- a model from a file ---- */

static sn_status add_shape(arena *a, const sn_infer_layer_info *l, sn_error *error) {
    SN_RETURN_IF(a->net.conv_count == BENCH_NET_CONVS, error, SN_ERROR_ARGUMENT,
                 "--model: more than %d convolutions", BENCH_NET_CONVS);
    SN_RETURN_IF(l->kernel_height != l->kernel_width, error, SN_ERROR_ARGUMENT,
                 "--model: a kernel is not square");
    a->net.convs[a->net.conv_count++] =
        (bench_shape){a->name,     l->in_channels,  l->in_height,
                      l->in_width, l->out_channels, l->kernel_height,
                      l->stride,   l->padding,      strcmp(l->weights, "fp32") == 0};
    return SN_OK;
}

/* What the model is, and, from the portable kernels, what it must say. */
static sn_status study(arena *a, const bench_contestant *portable, sn_error *error) {
    const sn_infer_info *info = bench_ours_info(portable);
    a->weights = BENCH_FP32;
    a->density = info->quantized_weights
                     ? (double)info->effectual_weights / (double)info->quantized_weights
                     : 1;
    for (int i = 0; i < info->layers; i++) {
        const sn_infer_layer_info l = bench_ours_layer(portable, i);
        if (strcmp(l.opcode, "convolution") != 0)
            continue;
        SN_TRY(add_shape(a, &l, error));
        for (int w = 0; w < BENCH_WEIGHTS; w++)
            if (w != BENCH_FP32 && strcmp(l.weights, bench_weights_name(w)) == 0)
                a->weights = (bench_weights)w;
        if (l.input_centered && a->weights == BENCH_SIGNED_BINARY)
            a->weights = BENCH_SIGNED_BINARY_INPUT_CENTERED;
        if (l.region_channels)
            a->region = l.region_channels;
    }
    for (int i = 0; i < BENCH_IMAGES; i++) {
        const float *logits = bench_ours_logits(portable, i);
        a->net.expected[i] = sn_alloc_array(a->net.outputs, sizeof(double));
        SN_RETURN_IF(!a->net.expected[i], error, SN_ERROR_MEMORY, "no memory for logits");
        for (size_t j = 0; j < a->net.outputs; j++)
            a->net.expected[i][j] = logits[j];
    }
    return SN_OK;
}

static sn_status open_file(arena *a, const char *path, sn_error *error) {
    SN_TRY(bench_net_open(path, a->plan->seed, &a->net, error));
    const bench_ours_setup setup = {.net = &a->net,
                                    .isa = SN_INFER_ISA_PORTABLE,
                                    .batch = BENCH_IMAGES,
                                    .threads = 1,
                                    .whole = true};
    bench_contestant portable;
    SN_TRY(bench_ours_create(&setup, &portable, error));
    sn_status status = bench_ours_verify(&portable, path, error); /* runs it */
    if (status == SN_OK)
        status = study(a, &portable, error);
    bench_contestant_free(&portable);
    return status;
}

/* ---- a contest ---- */

/* Whether any layer has the form that was asked for. */
static bool takes_form(const bench_contestant *ours, int form) {
    bool takes = form == SN_INFER_FORM_AUTO;
    for (int i = 0; i < bench_ours_info(ours)->layers && !takes; i++)
        takes = (int)bench_ours_layer(ours, i).form == form;
    return takes;
}

static sn_status enter_ours(arena *a, int batch, int threads, sn_error *error) {
    for (int form = 0; form < SN_INFER_FORM_COUNT; form++) {
        if (!a->plan->form[form] || (a->weights == BENCH_FP32 && form != SN_INFER_FORM_AUTO))
            continue;
        bench_ours_setup setup = {.net = &a->net,
                                  .isa = a->plan->isa,
                                  .form = (sn_infer_form)form,
                                  .batch = batch,
                                  .threads = threads,
                                  .whole = true};
        SN_TRY(bench_ours_create(&setup, &a->contestants[WHOLE + form], error));
        if (!takes_form(&a->contestants[WHOLE + form], form)) {
            bench_contestant_free(&a->contestants[WHOLE + form]);
            continue;
        }
        SN_TRY(bench_ours_verify(&a->contestants[WHOLE + form], a->name, error));
        if (!a->plan->per_layer)
            continue;
        setup.layers = true;
        SN_TRY(bench_ours_create(&setup, &a->contestants[LAYERED + form], error));
        SN_TRY(bench_ours_verify(&a->contestants[LAYERED + form], a->name, error));
    }
    return SN_OK;
}

static bench_others times_of_shape(const arena *a, size_t shape, int batch) {
    return bench_baseline_times(&a->contestants[OTHERS + shape * BENCH_BASELINES], batch);
}

/* All convolutions one after the other; NAN without anything to compare with. */
static bench_others sum_of_others(const arena *a, int batch) {
    const double start = a->baseline_count ? 0 : NAN;
    bench_others sum = {start, start, start, start, start, start, start, start, start, NAN};
    for (size_t i = 0; i < a->net.conv_count && a->baseline_count; i++) {
        const bench_others o = times_of_shape(a, a->shape_of[i], batch);
        sum.best += o.best;
        sum.direct += o.direct;
        sum.best_min += o.best_min;
        sum.direct_min += o.direct_min;
        sum.automatic += o.automatic;
        sum.bf16 += o.bf16;
        sum.int8 += o.int8;
        sum.openblas += o.openblas;
    }
    sum.winograd = NAN; /* not for strides and 1x1; `best` has it where it is there */
    sum.torch = 1e6 * bench_median(&a->contestants[TORCH], 0) / batch;
    return sum;
}

static void complete_row(const arena *a, bool quantized, bench_row *row) {
    row->weights = quantized ? a->weights : BENCH_FP32;
    row->density = quantized && bench_weights_have_density(a->weights) ? a->density : 1;
    row->contest_density = a->density;
    row->region = bench_weights_have_regions(row->weights) ? a->region : 0;
}

static sn_status report_layers(const arena *a, int form, int batch, int threads, bench_rows *rows,
                               sn_error *error) {
    const bench_contestant *ours = &a->contestants[LAYERED + form];
    size_t conv = 0;
    for (int i = 0; i < bench_ours_info(ours)->layers; i++) {
        const sn_infer_layer_info info = bench_ours_layer(ours, i);
        if (strcmp(info.opcode, "convolution") != 0)
            continue;
        bench_row row = bench_row_of(ours, i, (sn_infer_form)form, batch, threads);
        snprintf(row.layer, sizeof row.layer, "%s:%d", a->name, i);
        complete_row(a, strcmp(info.weights, "fp32") != 0, &row);
        row.us_median = 1e6 * bench_median(ours, 1 + (size_t)i) / batch;
        row.us_min = 1e6 * bench_minimum(ours, 1 + (size_t)i) / batch;
        const bench_others none = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
        row.others = a->baseline_count ? times_of_shape(a, a->shape_of[conv], batch) : none;
        conv++;
        SN_TRY(bench_rows_add(rows, &row, error));
    }
    return SN_OK;
}

static void print_others(const bench_row *row, const bench_rows *rows) {
    const bench_others *o = &row->others;
    bench_rows_other(rows, row, "oneDNN best", o->best);
    bench_rows_other(rows, row, "oneDNN direct", o->direct);
    bench_rows_other(rows, row, "oneDNN auto", o->automatic);
    bench_rows_other(rows, row, "oneDNN bf16", o->bf16);
    bench_rows_other(rows, row, "oneDNN int8", o->int8);
    bench_rows_other(rows, row, "OpenBLAS", o->openblas);
    bench_rows_other(rows, row, "PyTorch", o->torch);
}

static sn_status report(const arena *a, int batch, int threads, bench_rows *rows, sn_error *error) {
    bool others_printed = false;
    for (int form = 0; form < SN_INFER_FORM_COUNT; form++) {
        const bench_contestant *ours = &a->contestants[WHOLE + form];
        if (!ours->self)
            continue;
        bench_row row = bench_row_of(ours, 0, (sn_infer_form)form, batch, threads);
        snprintf(row.layer, sizeof row.layer, "%s", a->name);
        complete_row(a, true, &row);
        row.us_median = row.alone_us = 1e6 * bench_median(ours, 0) / batch;
        row.us_min = 1e6 * bench_minimum(ours, 0) / batch;
        row.others = sum_of_others(a, batch);
        row.form_used = ""; /* each layer has its own */
        row.group = 0;
        row.additions = row.predicted_us = NAN;
        if (!others_printed)
            print_others(&row, rows);
        others_printed = true;
        SN_TRY(bench_rows_add(rows, &row, error));
        if (a->plan->per_layer)
            SN_TRY(report_layers(a, form, batch, threads, rows, error));
    }
    return SN_OK;
}

static sn_status compete(arena *a, int batch, int threads, bench_rows *rows, sn_error *error) {
    for (size_t i = 0; i < a->baseline_count; i++)
        SN_TRY(bench_baseline_enter(&a->baselines[i], batch, threads,
                                    &a->contestants[OTHERS + i * BENCH_BASELINES], error));
    if (a->plan->python && a->random)
        SN_TRY(bench_torch_create(a->plan, a->name, batch, threads, &a->contestants[TORCH], error));
    SN_TRY(enter_ours(a, batch, threads, error));
    SN_TRY(bench_contest(a->contestants, CONTESTANTS, a->plan->rounds, a->plan->seconds, error));
    return report(a, batch, threads, rows, error);
}

static sn_status compete_all(arena *a, bench_rows *rows, sn_error *error) {
    SN_TRY(make_baselines(a, error));
    for (size_t i = 0; i < a->plan->batches; i++) {
        for (size_t j = 0; j < a->plan->thread_counts; j++) {
            const sn_status status =
                compete(a, a->plan->batch[i], a->plan->threads[j], rows, error);
            for (size_t k = 0; k < CONTESTANTS; k++)
                bench_contestant_free(&a->contestants[k]);
            SN_TRY(status);
        }
    }
    return SN_OK;
}

static void free_arena(arena *a) {
    for (size_t i = 0; i < a->baseline_count; i++)
        bench_baseline_free(&a->baselines[i]);
    bench_net_free(&a->net);
    free(a);
}

/* path NULL: random weights. */
static sn_status compete_once(const bench_plan *plan, const char *name, const char *path,
                              bench_weights weights, double density, int region, bench_rows *rows,
                              sn_error *error) {
    arena *a = calloc(1, sizeof *a);
    SN_RETURN_IF(!a, error, SN_ERROR_MEMORY, "no memory for a network");
    a->plan = plan;
    a->name = name;
    a->random = !path;
    a->weights = weights;
    a->density = density;
    a->region = region;
    sn_status status =
        path ? open_file(a, path, error)
             : bench_net_resnet(name, weights, density, region, plan->seed, &a->net, error);
    if (status == SN_OK)
        status = compete_all(a, rows, error);
    free_arena(a);
    return status;
}

sn_status bench_network(const bench_plan *plan, const char *name, const char *path,
                        bench_rows *rows, sn_error *error) {
    if (path)
        return compete_once(plan, name, path, BENCH_FP32, 1, 0, rows, error);
    for (size_t i = 0; i < plan->densities; i++)
        for (int w = 0; w < BENCH_WEIGHTS; w++) {
            const bench_weights weights = (bench_weights)w;
            const bool again = i > 0 && !bench_weights_have_density(weights);
            if (!plan->weights[w] || again)
                continue;
            const double density = bench_weights_have_density(weights) ? plan->density[i] : 1;
            if (!bench_weights_have_regions(weights))
                SN_TRY(compete_once(plan, name, NULL, weights, density, 0, rows, error));
            for (size_t j = 0; bench_weights_have_regions(weights) && j < plan->regions; j++)
                SN_TRY(
                    compete_once(plan, name, NULL, weights, density, plan->region[j], rows, error));
        }
    return SN_OK;
}
