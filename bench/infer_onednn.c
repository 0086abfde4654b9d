#include "base/clock.h"
#include "base/memory.h"
#include "infer_baseline.h"

#include <dnnl.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

/* Largest difference to the reference, in parts of its largest output. */
static const double tolerances[BENCH_ONEDNN_KINDS] = {1e-4, 1e-3, 1e-3, 2e-2, 3e-2};

/* Threads of OpenMP go on looking for work for about a millisecond. */
static const double settle_seconds = 0.003;

enum { U8_MAX = 255, S8_MAX = 127, ABOUT_SIZE = 160 };

enum { SOURCE, WEIGHTS, BIAS, OUTPUT, MEMORIES };

typedef struct onednn {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_desc_t description;
    dnnl_primitive_t primitive;
    dnnl_memory_t memory[MEMORIES];
    int threads;
    float input_step, output_step; /* of integers; 1 otherwise */
    float *weight_step;            /* [K] */
} onednn;

#define TRY_DNNL(call, error, what)                                                                \
    do {                                                                                           \
        const dnnl_status_t try_dnnl_status = (call);                                              \
        SN_RETURN_IF(try_dnnl_status != dnnl_success, error, SN_ERROR_INTERNAL,                    \
                     "oneDNN: %s failed with status %d", what, (int)try_dnnl_status);              \
    } while (0)

const char *bench_onednn_name(bench_onednn_kind kind) {
    static const char *const names[BENCH_ONEDNN_KINDS] = {
        "oneDNN direct", "oneDNN Winograd", "oneDNN auto", "oneDNN bf16", "oneDNN int8"};
    return names[kind];
}

/* ---- the processor ---- */

static const char *isa_name(void) {
    switch (dnnl_get_effective_cpu_isa()) {
    case dnnl_cpu_isa_sse41:
        return "SSE41";
    case dnnl_cpu_isa_avx:
        return "AVX";
    case dnnl_cpu_isa_avx2:
        return "AVX2";
    case dnnl_cpu_isa_avx2_vnni:
        return "AVX2_VNNI";
    case dnnl_cpu_isa_avx512_core:
        return "AVX512_CORE";
    case dnnl_cpu_isa_avx512_core_vnni:
        return "AVX512_CORE_VNNI";
    case dnnl_cpu_isa_avx512_core_bf16:
        return "AVX512_CORE_BF16";
    case dnnl_cpu_isa_avx512_core_amx:
        return "AVX512_CORE_AMX";
    default:
        return "of another name";
    }
}

const char *bench_onednn_about(void) {
    static char about[ABOUT_SIZE];
    const dnnl_version_t *version = dnnl_version();
    const char *limit = getenv("ONEDNN_MAX_CPU_ISA");
    if (!limit)
        limit = getenv("DNNL_MAX_CPU_ISA");
    snprintf(about, sizeof about, "%d.%d.%d, instructions %s%s%s", version->major, version->minor,
             version->patch, isa_name(), limit ? ", limited by ONEDNN_MAX_CPU_ISA=" : "",
             limit ? limit : "");
    return about;
}

static bool has_isa(unsigned wanted) {
    return ((unsigned)dnnl_get_effective_cpu_isa() & wanted) == wanted;
}

const char *bench_onednn_lacks(bench_onednn_kind kind) {
    if (kind == BENCH_ONEDNN_BF16 && !has_isa(dnnl_cpu_isa_avx512_core_bf16))
        return "this CPU has no bf16 instructions";
    if (kind == BENCH_ONEDNN_INT8 && !has_isa(dnnl_cpu_isa_avx512_core_vnni) &&
        !has_isa(dnnl_cpu_isa_avx2_vnni))
        return "this CPU has no instructions for 8-bit dot products";
    return NULL;
}

/* ---- what integers stand for ---- */

static float largest_magnitude(const float *values, size_t count) {
    float largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = fmaxf(largest, fabsf(values[i]));
    return largest > 0 ? largest : 1;
}

static sn_status choose_steps(onednn *d, const bench_baseline_setup *setup, sn_error *error) {
    const bench_conv *conv = setup->conv;
    const size_t filters = (size_t)conv->shape.filters,
                 taps = bench_shape_weights(&conv->shape) / filters;
    double largest = 0;
    d->weight_step = sn_alloc_array(filters, sizeof(float));
    SN_RETURN_IF(!d->weight_step, error, SN_ERROR_MEMORY, "no memory for weights");
    for (size_t k = 0; k < filters; k++)
        d->weight_step[k] = largest_magnitude(conv->values + k * taps, taps) / S8_MAX;
    d->input_step = 0;
    for (int i = 0; i < setup->images; i++) {
        const float most = largest_magnitude(setup->image[i], bench_shape_inputs(&conv->shape));
        d->input_step = fmaxf(d->input_step, most / U8_MAX);
        for (size_t j = 0; j < bench_shape_outputs(&conv->shape); j++)
            largest = fmax(largest, setup->expected[i][j]);
    }
    d->output_step = (float)(largest / U8_MAX);
    return SN_OK;
}

/* ---- making the primitive ---- */

static dnnl_status_t set_attributes(const onednn *d, const bench_conv *conv, bool integers,
                                    dnnl_primitive_attr_t attributes) {
    dnnl_post_ops_t after;
    dnnl_status_t status = dnnl_post_ops_create(&after);
    if (status != dnnl_success)
        return status;
    status = dnnl_post_ops_append_eltwise(after, 1, dnnl_eltwise_relu, 0, 0);
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_post_ops(attributes, after);
    dnnl_post_ops_destroy(after);
    if (status != dnnl_success || !integers)
        return status;
    const int filters = conv->shape.filters;
    float *factors = sn_alloc_array((size_t)filters, sizeof *factors);
    if (!factors)
        return dnnl_out_of_memory;
    for (int k = 0; k < filters; k++)
        factors[k] = conv->scale[k] * d->weight_step[k] * d->input_step / d->output_step;
    status = dnnl_primitive_attr_set_output_scales(attributes, filters, 1 << 1, factors);
    sn_free(factors);
    return status;
}

static dnnl_status_t describe(const bench_baseline_setup *setup, bench_onednn_kind kind,
                              dnnl_convolution_desc_t *convolution) {
    const bench_shape *s = &setup->conv->shape;
    const dnnl_dims_t source = {setup->batch, s->channels, s->height, s->width};
    const dnnl_dims_t weights = {s->filters, s->channels, s->kernel, s->kernel};
    const dnnl_dims_t bias = {s->filters};
    const dnnl_dims_t output = {setup->batch, s->filters, bench_shape_out_height(s),
                                bench_shape_out_width(s)};
    const dnnl_dims_t strides = {s->stride, s->stride}, paddings = {s->padding, s->padding};
    const bool bf16 = kind == BENCH_ONEDNN_BF16, int8 = kind == BENCH_ONEDNN_INT8;
    const dnnl_data_type_t images_type = bf16 ? dnnl_bf16 : int8 ? dnnl_u8 : dnnl_f32;
    const dnnl_data_type_t weights_type = bf16 ? dnnl_bf16 : int8 ? dnnl_s8 : dnnl_f32;
    const dnnl_alg_kind_t algorithm = kind == BENCH_ONEDNN_DIRECT     ? dnnl_convolution_direct
                                      : kind == BENCH_ONEDNN_WINOGRAD ? dnnl_convolution_winograd
                                                                      : dnnl_convolution_auto;
    dnnl_memory_desc_t md[MEMORIES];
    dnnl_status_t status =
        dnnl_memory_desc_init_by_tag(&md[SOURCE], 4, source, images_type, dnnl_format_tag_any);
    if (status == dnnl_success)
        status = dnnl_memory_desc_init_by_tag(&md[WEIGHTS], 4, weights, weights_type,
                                              dnnl_format_tag_any);
    if (status == dnnl_success)
        status = dnnl_memory_desc_init_by_tag(&md[BIAS], 1, bias, dnnl_f32, dnnl_a);
    if (status == dnnl_success)
        status =
            dnnl_memory_desc_init_by_tag(&md[OUTPUT], 4, output, images_type, dnnl_format_tag_any);
    if (status == dnnl_success)
        status = dnnl_convolution_forward_desc_init(convolution, dnnl_forward_inference, algorithm,
                                                    &md[SOURCE], &md[WEIGHTS], &md[BIAS],
                                                    &md[OUTPUT], strides, paddings, paddings);
    return status;
}

/* *available: whether oneDNN can do this. */
static sn_status make_primitive(onednn *d, const bench_baseline_setup *setup,
                                bench_onednn_kind kind, bool *available, sn_error *error) {
    dnnl_convolution_desc_t convolution;
    dnnl_primitive_attr_t attributes;
    omp_set_num_threads(setup->threads); /* oneDNN looks at it when it makes and when it runs */
    TRY_DNNL(dnnl_engine_create(&d->engine, dnnl_cpu, 0), error, "engine");
    TRY_DNNL(dnnl_stream_create(&d->stream, d->engine, dnnl_stream_default_flags), error, "stream");
    TRY_DNNL(describe(setup, kind, &convolution), error, "convolution");
    TRY_DNNL(dnnl_primitive_attr_create(&attributes), error, "attributes");
    dnnl_status_t status = set_attributes(d, setup->conv, kind == BENCH_ONEDNN_INT8, attributes);
    if (status == dnnl_success)
        status =
            dnnl_primitive_desc_create(&d->description, &convolution, attributes, d->engine, NULL);
    dnnl_primitive_attr_destroy(attributes);
    *available = status != dnnl_unimplemented;
    if (!*available)
        return SN_OK;
    TRY_DNNL(status, error, "convolution");
    TRY_DNNL(dnnl_primitive_create(&d->primitive, d->description), error, "convolution");
    return SN_OK;
}

/* ---- memory ---- */

static sn_status reorder(const onednn *d, dnnl_memory_t from, dnnl_memory_t to, sn_error *error) {
    const dnnl_memory_desc_t *from_md, *to_md;
    dnnl_primitive_desc_t description;
    dnnl_primitive_t primitive;
    TRY_DNNL(dnnl_memory_get_memory_desc(from, &from_md), error, "reorder");
    TRY_DNNL(dnnl_memory_get_memory_desc(to, &to_md), error, "reorder");
    TRY_DNNL(dnnl_reorder_primitive_desc_create(&description, from_md, d->engine, to_md, d->engine,
                                                NULL),
             error, "reorder");
    const dnnl_status_t status = dnnl_primitive_create(&primitive, description);
    dnnl_primitive_desc_destroy(description);
    TRY_DNNL(status, error, "reorder");
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    const dnnl_status_t ran = dnnl_primitive_execute(primitive, d->stream, 2, arguments);
    dnnl_stream_wait(d->stream);
    dnnl_primitive_destroy(primitive);
    TRY_DNNL(ran, error, "reorder");
    return SN_OK;
}

static const dnnl_memory_desc_t *layout_of(const onednn *d, int memory) {
    static const dnnl_query_t queries[MEMORIES] = {dnnl_query_src_md, dnnl_query_weights_md,
                                                   dnnl_query_weights_md, dnnl_query_dst_md};
    return dnnl_primitive_desc_query_md(d->description, queries[memory], memory == BIAS);
}

/* Plain memory of the same shape. */
static sn_status make_plain(const onednn *d, int memory, dnnl_data_type_t type, void *data,
                            dnnl_memory_t *plain, sn_error *error) {
    const dnnl_memory_desc_t *layout = layout_of(d, memory);
    dnnl_memory_desc_t md;
    TRY_DNNL(dnnl_memory_desc_init_by_tag(&md, layout->ndims, layout->dims, type,
                                          layout->ndims == 1 ? dnnl_a : dnnl_abcd),
             error, "memory");
    TRY_DNNL(dnnl_memory_create(plain, &md, d->engine, data), error, "memory");
    return SN_OK;
}

static sn_status put(const onednn *d, int memory, dnnl_data_type_t type, void *data,
                     sn_error *error) {
    dnnl_memory_t plain;
    SN_TRY(make_plain(d, memory, type, data, &plain, error));
    const sn_status status = reorder(d, plain, d->memory[memory], error);
    dnnl_memory_destroy(plain);
    return status;
}

static int rounded(float value, int low, int high) {
    const int nearest = (int)lrintf(value);
    return nearest < low ? low : nearest > high ? high : nearest;
}

static sn_status put_images(const onednn *d, const bench_baseline_setup *setup, bool integers,
                            sn_error *error) {
    const size_t size = bench_shape_inputs(&setup->conv->shape);
    float *images = sn_alloc_array(size * (size_t)setup->batch, sizeof *images);
    SN_RETURN_IF(!images, error, SN_ERROR_MEMORY, "no memory for images");
    for (int i = 0; i < setup->batch; i++) {
        for (size_t j = 0; j < size; j++) {
            const size_t place = (size_t)i * size + j;
            const float value = setup->image[i % setup->images][j];
            if (integers)
                ((uint8_t *)images)[place] = (uint8_t)rounded(value / d->input_step, 0, U8_MAX);
            else
                images[place] = value;
        }
    }
    const sn_status status = put(d, SOURCE, integers ? dnnl_u8 : dnnl_f32, images, error);
    sn_free(images);
    return status;
}

static sn_status put_weights(const onednn *d, const bench_conv *conv, bool integers,
                             sn_error *error) {
    const size_t filters = (size_t)conv->shape.filters, count = bench_shape_weights(&conv->shape);
    float *weights = sn_alloc_array(count, sizeof *weights);
    SN_RETURN_IF(!weights, error, SN_ERROR_MEMORY, "no memory for weights");
    for (size_t i = 0; i < count; i++) {
        const size_t k = i / (count / filters);
        if (integers)
            ((int8_t *)weights)[i] =
                (int8_t)rounded(conv->values[i] / d->weight_step[k], -S8_MAX, S8_MAX);
        else
            weights[i] = conv->values[i] * conv->scale[k];
    }
    const sn_status status = put(d, WEIGHTS, integers ? dnnl_s8 : dnnl_f32, weights, error);
    sn_free(weights);
    return status;
}

/* Integers are scaled after the bias was added to their sums. */
static sn_status put_bias(const onednn *d, const bench_conv *conv, bool integers, sn_error *error) {
    const size_t filters = (size_t)conv->shape.filters;
    float *bias = sn_alloc_array(filters, sizeof *bias);
    SN_RETURN_IF(!bias, error, SN_ERROR_MEMORY, "no memory for weights");
    for (size_t k = 0; k < filters; k++)
        bias[k] = integers ? conv->bias[k] / (conv->scale[k] * d->weight_step[k] * d->input_step)
                           : conv->bias[k];
    const sn_status status = put(d, BIAS, dnnl_f32, bias, error);
    sn_free(bias);
    return status;
}

static sn_status make_memory(onednn *d, const bench_baseline_setup *setup, bool integers,
                             sn_error *error) {
    for (int i = 0; i < MEMORIES; i++)
        TRY_DNNL(
            dnnl_memory_create(&d->memory[i], layout_of(d, i), d->engine, DNNL_MEMORY_ALLOCATE),
            error, "memory");
    SN_TRY(put_images(d, setup, integers, error));
    SN_TRY(put_weights(d, setup->conv, integers, error));
    return put_bias(d, setup->conv, integers, error);
}

/* ---- running ---- */

static sn_status run(void *self, double *seconds, sn_error *error) {
    const onednn *d = self;
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, d->memory[SOURCE]},
                                         {DNNL_ARG_WEIGHTS, d->memory[WEIGHTS]},
                                         {DNNL_ARG_BIAS, d->memory[BIAS]},
                                         {DNNL_ARG_DST, d->memory[OUTPUT]}};
    omp_set_num_threads(d->threads);
    const double start = sn_clock_seconds();
    const dnnl_status_t status =
        dnnl_primitive_execute(d->primitive, d->stream, MEMORIES, arguments);
    dnnl_stream_wait(d->stream);
    seconds[0] = sn_clock_seconds() - start;
    TRY_DNNL(status, error, "convolution");
    return SN_OK;
}

static void destroy(void *self) {
    onednn *d = self;
    for (int i = 0; i < MEMORIES; i++)
        if (d->memory[i])
            dnnl_memory_destroy(d->memory[i]);
    if (d->primitive)
        dnnl_primitive_destroy(d->primitive);
    if (d->description)
        dnnl_primitive_desc_destroy(d->description);
    if (d->stream)
        dnnl_stream_destroy(d->stream);
    if (d->engine)
        dnnl_engine_destroy(d->engine);
    sn_free(d->weight_step);
    sn_free(d);
}

static sn_status verify(onednn *d, const bench_baseline_setup *setup, bench_onednn_kind kind,
                        sn_error *error) {
    const size_t size = bench_shape_outputs(&setup->conv->shape);
    const size_t count = size * (size_t)setup->batch;
    double seconds;
    SN_TRY(run(d, &seconds, error));
    float *outputs = sn_alloc_array(count, sizeof *outputs);
    SN_RETURN_IF(!outputs, error, SN_ERROR_MEMORY, "no memory for outputs");
    dnnl_memory_t plain;
    sn_status status = make_plain(d, OUTPUT, dnnl_f32, outputs, &plain, error);
    if (status == SN_OK) {
        status = reorder(d, d->memory[OUTPUT], plain, error);
        dnnl_memory_destroy(plain);
    }
    for (size_t i = 0; i < count; i++)
        outputs[i] *= d->output_step;
    for (int i = 0; i < setup->batch && status == SN_OK; i++)
        status = bench_verify(bench_onednn_name(kind), outputs + (size_t)i * size,
                              setup->expected[i % setup->images], size, tolerances[kind], error);
    sn_free(outputs);
    return status;
}

sn_status bench_onednn_create(const bench_baseline_setup *setup, bench_onednn_kind kind,
                              bench_contestant *made, sn_error *error) {
    const bool integers = kind == BENCH_ONEDNN_INT8;
    bool available = false;
    onednn *d = sn_alloc(sizeof *d);
    SN_RETURN_IF(!d, error, SN_ERROR_MEMORY, "no memory for oneDNN");
    *d = (onednn){.threads = setup->threads, .input_step = 1, .output_step = 1};
    *made = (bench_contestant){0};
    sn_status status = integers ? choose_steps(d, setup, error) : SN_OK;
    if (status == SN_OK)
        status = make_primitive(d, setup, kind, &available, error);
    if (status == SN_OK && available)
        status = make_memory(d, setup, integers, error);
    if (status == SN_OK && available)
        status = verify(d, setup, kind, error);
    if (status == SN_OK && available)
        *made = (bench_contestant){.self = d,
                                   .run = run,
                                   .destroy = destroy,
                                   .values = 1,
                                   .settle = setup->threads > 1 ? settle_seconds : 0};
    else
        destroy(d);
    return status;
}
