#include "cli/runner.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>

enum { COST_TRIALS = 9 };

static sn_status check(sn_infer_status status, sn_infer_isa isa, sn_error *error) {
    SN_RETURN_IF(status == SN_INFER_NO_SUCH_ISA, error, SN_ERROR_ARGUMENT,
                 "this processor or build lacks the instructions '%s'",
                 sn_infer_isa_name((int)isa));
    SN_RETURN_IF(status != SN_INFER_OK, error, SN_ERROR_INTERNAL, "packed model: %s",
                 sn_infer_status_text(status));
    return SN_OK;
}

static void draw_image(float *image, size_t count) {
    sn_rng rng;
    sn_rng_init(&rng, 1, SN_RNG_NOISE, 0);
    for (size_t i = 0; i < count; i++)
        image[i] = (float)(sqrt(12.0) * (sn_rng_uniform(&rng) - 0.5));
}

sn_status sn_runner_open(const void *packed, size_t bytes, const sn_infer_options *options,
                         sn_runner *runner, sn_error *error) {
    sn_runner *r = runner;
    *r = (sn_runner){.threads = options->threads > 1 ? options->threads : 1};
    SN_TRY(check(sn_infer_inspect(packed, bytes, options, &r->info), options->isa, error));
    const size_t pixels = (size_t)r->info.channels * (size_t)r->info.height * (size_t)r->info.width;
    r->memory = sn_alloc(r->info.model_memory);
    r->scratch = sn_alloc(r->info.scratch_memory);
    r->image = sn_alloc_array(pixels, sizeof *r->image);
    r->logits = sn_alloc_array((size_t)r->info.classes, sizeof *r->logits);
    SN_RETURN_IF(!r->memory || !r->scratch || !r->image || !r->logits, error, SN_ERROR_MEMORY,
                 "out of memory for the packed model");
    draw_image(r->image, pixels);
    return check(sn_infer_open(packed, bytes, options, r->memory, r->info.model_memory, &r->model),
                 options->isa, error);
}

void sn_runner_close(sn_runner *runner) {
    sn_free(runner->memory);
    sn_free(runner->scratch);
    sn_free(runner->image);
    sn_free(runner->logits);
    *runner = (sn_runner){0};
}

static void run_tasks(void *state, void (*task)(void *argument, int index), void *argument) {
    const int threads = *(const int *)state;
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int i = 0; i < threads; i++)
        task(argument, i);
}

sn_status sn_runner_time(sn_runner *runner, double *seconds, sn_error *error) {
    sn_runner *r = runner;
    const sn_infer_pool pool = {.state = &r->threads, .threads = r->threads, .run = run_tasks};
    for (int i = 0; i < r->info.layers; i++)
        seconds[i] = 0;
    return check(sn_infer_run_timed(r->model, r->scratch, r->info.scratch_memory, &pool, r->image,
                                    r->logits, sn_clock_seconds, seconds),
                 r->info.isa, error);
}

static int compare_doubles(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double sn_median(double *values, size_t count) {
    qsort(values, count, sizeof *values, compare_doubles);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

/* Of one member, `offset` bytes from a structure's start. */
static void take_median(const sn_infer_costs *trials, size_t offset, sn_infer_costs *costs) {
    double values[COST_TRIALS];
    for (int i = 0; i < COST_TRIALS; i++)
        values[i] = (double)*(const float *)(const void *)((const char *)&trials[i] + offset);
    *(float *)(void *)((char *)costs + offset) = (float)sn_median(values, COST_TRIALS);
}

sn_status sn_runner_measure_costs(sn_infer_isa isa, sn_infer_costs *costs, sn_error *error) {
    sn_infer_costs trials[COST_TRIALS];
    void *memory = sn_alloc(SN_INFER_COSTS_MEMORY);
    SN_RETURN_IF(!memory, error, SN_ERROR_MEMORY, "out of memory for measuring costs");
    sn_infer_status status = SN_INFER_OK;
    for (int i = 0; i < COST_TRIALS && status == SN_INFER_OK; i++)
        status = sn_infer_measure_costs(isa, sn_clock_seconds, memory, &trials[i]);
    sn_free(memory);
    SN_TRY(check(status, isa, error));
    for (size_t offset = 0; offset < sizeof *costs; offset += sizeof(float))
        take_median(trials, offset, costs);
    return SN_OK;
}
