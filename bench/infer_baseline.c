#include "base/memory.h"
#include "infer_arena.h"

#include <math.h>
#include <string.h>

sn_status bench_baseline_create(const bench_shape *shape, uint64_t seed, bench_baseline *made,
                                sn_error *error) {
    const size_t inputs = bench_shape_inputs(shape), outputs = bench_shape_outputs(shape);
    sn_rng rng;
    sn_status status;
    *made = (bench_baseline){0};
    sn_rng_init(&rng, seed, SN_RNG_TEST, sn_hash_text(shape->name));
    status = bench_conv_create(shape, BENCH_FP32, 1, 0, true, &rng, &made->conv, error);
    for (int i = 0; i < BENCH_IMAGES && status == SN_OK; i++) {
        double *image = sn_alloc_array(inputs, sizeof *image);
        made->image[i] = sn_alloc_array(inputs, sizeof *made->image[i]);
        made->expected[i] = sn_alloc_array(outputs, sizeof *made->expected[i]);
        if (!image || !made->image[i] || !made->expected[i]) {
            status = sn_error_set(error, SN_ERROR_MEMORY, "no memory for %s", shape->name);
        } else {
            bench_fill_image(&rng, made->image[i], inputs);
            for (size_t j = 0; j < inputs; j++)
                image[j] = made->image[i][j];
            status = bench_conv_reference(&made->conv, image, made->expected[i], error);
        }
        sn_free(image);
    }
    if (status != SN_OK)
        bench_baseline_free(made);
    return status;
}

void bench_baseline_free(bench_baseline *baseline) {
    bench_conv_free(&baseline->conv);
    for (int i = 0; i < BENCH_IMAGES; i++) {
        sn_free(baseline->image[i]);
        sn_free(baseline->expected[i]);
    }
    *baseline = (bench_baseline){0};
}

sn_status bench_baseline_enter(const bench_baseline *baseline, int batch, int threads,
                               bench_contestant *contestants, sn_error *error) {
    const bench_baseline_setup setup = {.conv = &baseline->conv,
                                        .images = BENCH_IMAGES,
                                        .image = baseline->image,
                                        .expected = baseline->expected,
                                        .batch = batch,
                                        .threads = threads};
    for (int kind = 0; kind < BENCH_ONEDNN_KINDS; kind++)
        if (!bench_onednn_lacks((bench_onednn_kind)kind))
            SN_TRY(bench_onednn_create(&setup, (bench_onednn_kind)kind, &contestants[kind], error));
    return bench_blas_create(&setup, &contestants[BENCH_BLAS], error);
}

/* fmin passes over NAN. */
static double least_of_fp32(const double *us) {
    return fmin(fmin(us[BENCH_ONEDNN_DIRECT], us[BENCH_ONEDNN_WINOGRAD]), us[BENCH_ONEDNN_AUTO]);
}

bench_others bench_baseline_times(const bench_contestant *contestants, int batch) {
    double us[BENCH_BASELINES], least[BENCH_BASELINES];
    for (int i = 0; i < BENCH_BASELINES; i++) {
        us[i] = 1e6 * bench_median(&contestants[i], 0) / batch;
        least[i] = 1e6 * bench_minimum(&contestants[i], 0) / batch;
    }
    return (bench_others){.best = least_of_fp32(us),
                          .direct = us[BENCH_ONEDNN_DIRECT],
                          .winograd = us[BENCH_ONEDNN_WINOGRAD],
                          .automatic = us[BENCH_ONEDNN_AUTO],
                          .best_min = least_of_fp32(least),
                          .direct_min = least[BENCH_ONEDNN_DIRECT],
                          .bf16 = us[BENCH_ONEDNN_BF16],
                          .int8 = us[BENCH_ONEDNN_INT8],
                          .openblas = us[BENCH_BLAS],
                          .torch = NAN};
}
