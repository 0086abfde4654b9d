#include "infer_ours.h"

#include "base/clock.h"
#include "base/memory.h"
#include "infer/threads.h"

#include <string.h>

/* Sums of thousands of floats in any order; a whole network adds up more. */
static const double tolerance = 1e-4, whole_tolerance = 1e-3;

typedef struct thread_state {
    void *scratch;
    double *seconds; /* [layers] */
    sn_infer_status status;
} thread_state;

typedef struct ours {
    bench_ours_setup setup;
    void *memory;
    const sn_infer_model *model;
    sn_infer_info info;
    sn_infer_pool pool;
    thread_state *threads;    /* [setup.threads] */
    float **images, **logits; /* [setup.batch] */
} ours;

static void destroy(void *self) {
    ours *o = self;
    for (int t = 0; o->threads && t < o->setup.threads; t++) {
        sn_free(o->threads[t].scratch);
        sn_free(o->threads[t].seconds);
    }
    for (int i = 0; i < o->setup.batch; i++) {
        if (o->images)
            sn_free(o->images[i]);
        if (o->logits)
            sn_free(o->logits[i]);
    }
    sn_infer_threads_free(&o->pool);
    sn_free(o->threads);
    sn_free(o->images);
    sn_free(o->logits);
    sn_free(o->memory);
    sn_free(o);
}

static bool spreads_one_image(const ours *o) {
    return o->setup.batch == 1 && o->setup.threads > 1;
}

/* ---- running ---- */

static void run_image(ours *o, thread_state *t, const sn_infer_pool *pool, int image) {
    const bool timed = o->setup.layers || !o->setup.whole;
    const sn_infer_status status =
        timed ? sn_infer_run_timed(o->model, t->scratch, o->info.scratch_memory, pool,
                                   o->images[image], o->logits[image], sn_clock_seconds, t->seconds)
              : sn_infer_run(o->model, t->scratch, o->info.scratch_memory, pool, o->images[image],
                             o->logits[image]);
    if (status != SN_INFER_OK)
        t->status = status;
}

static void run_share(void *argument, int index) {
    ours *o = argument;
    for (int i = index; i < o->setup.batch; i += o->setup.threads)
        run_image(o, &o->threads[index], NULL, i);
}

static double slowest(const ours *o, int layer) {
    double most = 0;
    for (int t = 0; t < o->setup.threads; t++)
        if (o->threads[t].seconds[layer] > most)
            most = o->threads[t].seconds[layer];
    return most;
}

static sn_status run(void *self, double *seconds, sn_error *error) {
    ours *o = self;
    for (int t = 0; t < o->setup.threads; t++)
        memset(o->threads[t].seconds, 0, (size_t)o->info.layers * sizeof(double));
    const double start = sn_clock_seconds();
    if (spreads_one_image(o))
        run_image(o, &o->threads[0], &o->pool, 0);
    else
        o->pool.run(o->pool.state, run_share, o);
    const double whole = sn_clock_seconds() - start;
    for (int t = 0; t < o->setup.threads; t++)
        SN_RETURN_IF(o->threads[t].status != SN_INFER_OK, error, SN_ERROR_INTERNAL, "signet: %s",
                     sn_infer_status_text(o->threads[t].status));
    seconds[0] = o->setup.whole ? whole : slowest(o, o->setup.net->layer);
    for (int i = 0; o->setup.layers && i < o->info.layers; i++)
        seconds[1 + i] = slowest(o, i);
    return SN_OK;
}

/* ---- making ---- */

static sn_status open_model(ours *o, sn_error *error) {
    const bench_net *net = o->setup.net;
    const sn_infer_options options = {.isa = o->setup.isa,
                                      .form = o->setup.form,
                                      .threads = spreads_one_image(o) ? o->setup.threads : 1};
    sn_infer_status status = sn_infer_inspect(net->packed, net->packed_bytes, &options, &o->info);
    if (status == SN_INFER_OK) {
        o->memory = sn_alloc(o->info.model_memory);
        SN_RETURN_IF(!o->memory, error, SN_ERROR_MEMORY, "no memory for a model");
        status = sn_infer_open(net->packed, net->packed_bytes, &options, o->memory,
                               o->info.model_memory, &o->model);
    }
    SN_RETURN_IF(status == SN_INFER_NO_SUCH_ISA, error, SN_ERROR_ARGUMENT,
                 "--isa: this processor or build has no %s", sn_infer_isa_name(o->setup.isa));
    SN_RETURN_IF(status != SN_INFER_OK, error, SN_ERROR_INTERNAL, "signet: %s",
                 sn_infer_status_text(status));
    return SN_OK;
}

static bool make_threads(ours *o) {
    o->threads = sn_alloc_array((size_t)o->setup.threads, sizeof *o->threads);
    if (!o->threads || !sn_infer_threads_create(o->setup.threads, &o->pool))
        return false;
    for (int t = 0; t < o->setup.threads; t++) {
        o->threads[t].scratch = sn_alloc(o->info.scratch_memory);
        o->threads[t].seconds = sn_alloc_array((size_t)o->info.layers, sizeof(double));
        if (!o->threads[t].scratch || !o->threads[t].seconds)
            return false;
    }
    return true;
}

static bool make_images(ours *o) {
    const bench_net *net = o->setup.net;
    o->images = sn_alloc_array((size_t)o->setup.batch, sizeof *o->images);
    o->logits = sn_alloc_array((size_t)o->setup.batch, sizeof *o->logits);
    if (!o->images || !o->logits)
        return false;
    for (int i = 0; i < o->setup.batch; i++) {
        o->images[i] = sn_alloc_array(net->inputs, sizeof(float));
        o->logits[i] = sn_alloc_array(net->outputs, sizeof(float));
        if (!o->images[i] || !o->logits[i])
            return false;
        memcpy(o->images[i], net->image[i % BENCH_IMAGES], net->inputs * sizeof(float));
    }
    return true;
}

sn_status bench_ours_create(const bench_ours_setup *setup, bench_contestant *made,
                            sn_error *error) {
    ours *o = sn_alloc(sizeof *o);
    SN_RETURN_IF(!o, error, SN_ERROR_MEMORY, "no memory for a model");
    o->setup = *setup;
    sn_status status = open_model(o, error);
    if (status == SN_OK && (!make_threads(o) || !make_images(o)))
        status = sn_error_set(error, SN_ERROR_MEMORY, "no memory or no thread for a model");
    if (status != SN_OK) {
        destroy(o);
        return status;
    }
    *made = (bench_contestant){.self = o,
                               .run = run,
                               .destroy = destroy,
                               .values = setup->layers ? 1 + (size_t)o->info.layers : 1};
    return SN_OK;
}

sn_status bench_ours_verify(const bench_contestant *contestant, const char *who, sn_error *error) {
    ours *o = contestant->self;
    const bench_net *net = o->setup.net;
    double *seconds = sn_alloc_array(contestant->values, sizeof *seconds);
    SN_RETURN_IF(!seconds, error, SN_ERROR_MEMORY, "no memory for measurements");
    sn_status status = run(o, seconds, error);
    sn_free(seconds);
    for (int i = 0; i < o->setup.batch && status == SN_OK; i++) {
        const double *expected = net->expected[i % BENCH_IMAGES];
        const bool whole = net->conv_count > 3;
        if (expected)
            status = bench_verify(who, o->logits[i], expected, net->outputs,
                                  whole ? whole_tolerance : tolerance, error);
    }
    return status;
}

const float *bench_ours_logits(const bench_contestant *contestant, int image) {
    return ((const ours *)contestant->self)->logits[image];
}

const sn_infer_info *bench_ours_info(const bench_contestant *contestant) {
    return &((const ours *)contestant->self)->info;
}

sn_infer_layer_info bench_ours_layer(const bench_contestant *contestant, int index) {
    sn_infer_layer_info info;
    sn_infer_describe_layer(((const ours *)contestant->self)->model, index, &info);
    return info;
}
