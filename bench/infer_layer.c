/* Single layers. */
#include "infer_arena.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Kinds of weights and sizes of regions; in all forms, each once inside a network and once alone.
 */
enum { SUBJECTS = BENCH_WEIGHTS * BENCH_LIST, ENTRIES = SUBJECTS * SN_INFER_FORM_COUNT };

typedef struct subject {
    bool present;
    bench_weights weights;
    int region;
    bench_net chain, single;
} subject;

typedef struct entry {
    const subject *subject;
    sn_infer_form form;
} entry;

/* contestants: what is not ours first, then pairs of chain and single model. */
typedef struct arena {
    const bench_plan *plan;
    const bench_shape *shape;
    double density;
    int batch, threads;
    bench_contestant contestants[BENCH_BASELINES + 2 * ENTRIES];
    entry entries[ENTRIES];
    size_t count; /* entries */
} arena;

static bench_contestant *chain_of(arena *a, size_t i) {
    return &a->contestants[BENCH_BASELINES + 2 * i];
}

static sn_status enter_pair(arena *a, entry e, sn_error *error) {
    const subject *s = e.subject;
    bench_contestant *pair = chain_of(a, a->count);
    bench_ours_setup setup = {.net = &s->chain,
                              .isa = a->plan->isa,
                              .form = e.form,
                              .batch = a->batch,
                              .threads = a->threads};
    SN_TRY(bench_ours_create(&setup, &pair[0], error));
    const sn_infer_layer_info layer = bench_ours_layer(&pair[0], s->chain.layer);
    if (e.form != SN_INFER_FORM_AUTO && layer.form != e.form) {
        bench_contestant_free(&pair[0]); /* no form for such weights */
        return SN_OK;
    }
    setup.net = &s->single;
    setup.whole = true;
    SN_TRY(bench_ours_create(&setup, &pair[1], error));
    a->entries[a->count++] = e;
    char who[BENCH_NAME_SIZE];
    snprintf(who, sizeof who, "%s, %s, %s", a->shape->name, bench_weights_name((int)s->weights),
             sn_infer_form_name((int)e.form));
    SN_TRY(bench_ours_verify(&pair[0], who, error));
    return bench_ours_verify(&pair[1], who, error);
}

static sn_status enter_ours(arena *a, const subject *subjects, sn_error *error) {
    for (const subject *s = subjects; s < subjects + SUBJECTS; s++) {
        if (!s->present)
            continue;
        for (int form = 0; form < SN_INFER_FORM_COUNT; form++) {
            const bool has_choice = s->weights != BENCH_FP32 || form == SN_INFER_FORM_AUTO;
            if (a->plan->form[form] && has_choice)
                SN_TRY(enter_pair(a, (entry){s, (sn_infer_form)form}, error));
        }
    }
    return SN_OK;
}

static void print_others(const bench_row *row, const bench_rows *rows) {
    const bench_others *o = &row->others;
    const double us[BENCH_BASELINES] = {o->direct, o->winograd, o->automatic,
                                        o->bf16,   o->int8,     o->openblas};
    for (int i = 0; i < BENCH_BASELINES; i++)
        bench_rows_other(rows, row,
                         i == BENCH_BLAS ? "OpenBLAS" : bench_onednn_name((bench_onednn_kind)i),
                         us[i]);
}

static sn_status report(arena *a, bench_rows *rows, sn_error *error) {
    for (size_t i = 0; i < a->count; i++) {
        const entry *e = &a->entries[i];
        const bench_contestant *pair = chain_of(a, i);
        bench_row row =
            bench_row_of(&pair[0], e->subject->chain.layer, e->form, a->batch, a->threads);
        snprintf(row.layer, sizeof row.layer, "%s", a->shape->name);
        row.weights = e->subject->weights;
        row.region = e->subject->region;
        row.density = bench_weights_have_density(row.weights) ? a->density : 1;
        row.contest_density = a->density;
        row.us_median = 1e6 * bench_median(&pair[0], 0) / a->batch;
        row.us_min = 1e6 * bench_minimum(&pair[0], 0) / a->batch;
        row.alone_us = 1e6 * bench_median(&pair[1], 0) / a->batch;
        row.others = bench_baseline_times(a->contestants, a->batch);
        if (i == 0)
            print_others(&row, rows);
        SN_TRY(bench_rows_add(rows, &row, error));
    }
    return SN_OK;
}

static sn_status compete(arena *a, const bench_baseline *baseline, const subject *subjects,
                         bench_rows *rows, sn_error *error) {
    if (a->plan->others)
        SN_TRY(bench_baseline_enter(baseline, a->batch, a->threads, a->contestants, error));
    SN_TRY(enter_ours(a, subjects, error));
    SN_TRY(bench_contest(a->contestants, BENCH_BASELINES + 2 * a->count, a->plan->rounds,
                         a->plan->seconds, error));
    return report(a, rows, error);
}

/* All numbers of images and threads, at one density. */
static sn_status compete_all(const bench_plan *plan, const bench_shape *shape, double density,
                             const bench_baseline *baseline, const subject *subjects,
                             bench_rows *rows, sn_error *error) {
    for (size_t i = 0; i < plan->batches; i++) {
        for (size_t j = 0; j < plan->thread_counts; j++) {
            arena *a = calloc(1, sizeof *a);
            SN_RETURN_IF(!a, error, SN_ERROR_MEMORY, "no memory for a contest");
            a->plan = plan;
            a->shape = shape;
            a->density = density;
            a->batch = plan->batch[i];
            a->threads = plan->threads[j];
            const sn_status status = compete(a, baseline, subjects, rows, error);
            for (size_t k = 0; k < BENCH_BASELINES + 2 * (size_t)ENTRIES; k++)
                bench_contestant_free(&a->contestants[k]);
            free(a);
            SN_TRY(status);
        }
    }
    return SN_OK;
}

static void free_subjects(subject *subjects) {
    for (subject *s = subjects; s < subjects + SUBJECTS; s++) {
        bench_net_free(&s->chain);
        bench_net_free(&s->single);
    }
}

static sn_status make_subject(const bench_shape *shape, double density, uint64_t seed, subject *s,
                              sn_error *error) {
    SN_TRY(bench_net_chain(shape, s->weights, density, s->region, seed, &s->chain, error));
    SN_TRY(bench_net_single(shape, s->weights, density, s->region, seed, &s->single, error));
    s->present = true;
    return SN_OK;
}

static sn_status make_subjects(const bench_plan *plan, const bench_shape *shape, double density,
                               subject *subjects, sn_error *error) {
    const uint64_t seed = plan->seed ^ sn_hash_text(shape->name);
    for (int i = 0; i < BENCH_WEIGHTS; i++) {
        const bench_weights weights = (bench_weights)i;
        if (!plan->weights[i] || (shape->full_precision && weights != BENCH_FP32))
            continue;
        const size_t regions = bench_weights_have_regions(weights) ? plan->regions : 1;
        for (size_t j = 0; j < regions; j++, subjects++) {
            *subjects =
                (subject){.weights = weights,
                          .region = bench_weights_have_regions(weights) ? plan->region[j] : 0};
            SN_TRY(make_subject(shape, density, seed, subjects, error));
        }
    }
    return SN_OK;
}

sn_status bench_layer(const bench_plan *plan, const bench_shape *shape, bench_rows *rows,
                      sn_error *error) {
    bench_baseline baseline;
    SN_TRY(bench_baseline_create(shape, plan->seed, &baseline, error));
    sn_status status = SN_OK;
    /* Layers in full precision are the same at every density. */
    const size_t densities = shape->full_precision ? 1 : plan->densities;
    for (size_t i = 0; i < densities && status == SN_OK; i++) {
        const double density = shape->full_precision ? 1 : plan->density[i];
        subject subjects[SUBJECTS] = {0};
        status = make_subjects(plan, shape, density, subjects, error);
        if (status == SN_OK)
            status = compete_all(plan, shape, density, &baseline, subjects, rows, error);
        free_subjects(subjects);
    }
    bench_baseline_free(&baseline);
    return status;
}

bench_row bench_row_of(const bench_contestant *ours, int layer, sn_infer_form form, int batch,
                       int threads) {
    const sn_infer_layer_info info = bench_ours_layer(ours, layer);
    return (bench_row){.batch = batch,
                       .threads = threads,
                       .form = sn_infer_form_name((int)form),
                       .isa = sn_infer_isa_name((int)bench_ours_info(ours)->isa),
                       .alone_us = NAN,
                       .form_used = sn_infer_form_name((int)info.form),
                       .group = info.group,
                       .additions = info.additions,
                       .predicted_us = info.predicted_us > 0 ? info.predicted_us : NAN};
}
