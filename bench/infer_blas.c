#include "base/clock.h"
#include "base/memory.h"
#include "infer_baseline.h"

#include <cblas.h>
#include <string.h>

static const double tolerance = 1e-4;

/* OpenBLAS's threads go on looking for work for 2^26 cycles. */
static const double settle_seconds = 0.04;

typedef struct blas {
    bench_shape shape;
    int batch, threads;
    size_t inputs, taps, pixels; /* pixels of an output */
    float *images;               /* [batch][C][H][W] */
    float *outputs;              /* [batch][K][H'][W'] */
    float *weights;              /* [K][taps], times the scale */
    float *bias;                 /* [K] */
    float *columns;              /* [taps][pixels] */
} blas;

static void destroy(void *self) {
    blas *b = self;
    sn_free(b->images);
    sn_free(b->outputs);
    sn_free(b->weights);
    sn_free(b->bias);
    sn_free(b->columns);
    sn_free(b);
}

/* A row of the columns matrix: what weight (c, r, t) of every filter meets. */
static void fill_row(const bench_shape *s, const float *plane, int r, int t, float *row) {
    const int height = bench_shape_out_height(s), width = bench_shape_out_width(s);
    for (int y = 0; y < height; y++, row += width) {
        const int from_y = y * s->stride + r - s->padding;
        if (from_y < 0 || from_y >= s->height) {
            memset(row, 0, (size_t)width * sizeof *row);
            continue;
        }
        const float *from = plane + (size_t)from_y * s->width;
        for (int x = 0; x < width; x++) {
            const int from_x = x * s->stride + t - s->padding;
            row[x] = from_x >= 0 && from_x < s->width ? from[from_x] : 0;
        }
    }
}

static void fill_columns(const blas *b, const float *image) {
    const bench_shape *s = &b->shape;
    float *row = b->columns;
    for (int c = 0; c < s->channels; c++)
        for (int r = 0; r < s->kernel; r++)
            for (int t = 0; t < s->kernel; t++, row += b->pixels)
                fill_row(s, image + (size_t)c * s->height * s->width, r, t, row);
}

static void finish(const blas *b, float *output) {
    for (int k = 0; k < b->shape.filters; k++, output += b->pixels) {
        for (size_t i = 0; i < b->pixels; i++) {
            const float value = output[i] + b->bias[k];
            output[i] = value > 0 ? value : 0;
        }
    }
}

static sn_status run(void *self, double *seconds, sn_error *error) {
    (void)error;
    const blas *b = self;
    const int filters = b->shape.filters, pixels = (int)b->pixels, taps = (int)b->taps;
    openblas_set_num_threads(b->threads);
    const double start = sn_clock_seconds();
    for (int i = 0; i < b->batch; i++) {
        float *output = b->outputs + (size_t)i * filters * b->pixels;
        fill_columns(b, b->images + (size_t)i * b->inputs);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, filters, pixels, taps, 1, b->weights,
                    taps, b->columns, pixels, 0, output, pixels);
        finish(b, output);
    }
    seconds[0] = sn_clock_seconds() - start;
    return SN_OK;
}

static sn_status make(blas *b, const bench_baseline_setup *setup, sn_error *error) {
    const bench_conv *conv = setup->conv;
    const size_t filters = (size_t)b->shape.filters, batch = (size_t)b->batch;
    b->images = sn_alloc_array(batch * b->inputs, sizeof(float));
    b->outputs = sn_alloc_array(batch * filters * b->pixels, sizeof(float));
    b->weights = sn_alloc_array(filters * b->taps, sizeof(float));
    b->bias = sn_alloc_array(filters, sizeof(float));
    b->columns = sn_alloc_array(b->taps * b->pixels, sizeof(float));
    SN_RETURN_IF(!b->images || !b->outputs || !b->weights || !b->bias || !b->columns, error,
                 SN_ERROR_MEMORY, "no memory for im2col");
    for (size_t i = 0; i < batch; i++)
        memcpy(b->images + i * b->inputs, setup->image[i % (size_t)setup->images],
               b->inputs * sizeof(float));
    for (size_t i = 0; i < filters * b->taps; i++)
        b->weights[i] = conv->values[i] * conv->scale[i / b->taps];
    memcpy(b->bias, conv->bias, filters * sizeof(float));
    return SN_OK;
}

static sn_status verify(blas *b, const bench_baseline_setup *setup, sn_error *error) {
    const size_t size = (size_t)b->shape.filters * b->pixels;
    double seconds;
    SN_TRY(run(b, &seconds, error));
    for (size_t i = 0; i < (size_t)b->batch; i++)
        SN_TRY(bench_verify("OpenBLAS", b->outputs + i * size,
                            setup->expected[i % (size_t)setup->images], size, tolerance, error));
    return SN_OK;
}

sn_status bench_blas_create(const bench_baseline_setup *setup, bench_contestant *made,
                            sn_error *error) {
    const bench_shape *s = &setup->conv->shape;
    blas *b = sn_alloc(sizeof *b);
    SN_RETURN_IF(!b, error, SN_ERROR_MEMORY, "no memory for im2col");
    *b = (blas){.shape = *s,
                .batch = setup->batch,
                .threads = setup->threads,
                .inputs = bench_shape_inputs(s),
                .taps = bench_shape_weights(s) / (size_t)s->filters,
                .pixels = bench_shape_outputs(s) / (size_t)s->filters};
    sn_status status = make(b, setup, error);
    if (status == SN_OK)
        status = verify(b, setup, error);
    if (status != SN_OK) {
        destroy(b);
        return status;
    }
    *made = (bench_contestant){.self = b,
                               .run = run,
                               .destroy = destroy,
                               .values = 1,
                               .settle = setup->threads > 1 ? settle_seconds : 0};
    return SN_OK;
}
