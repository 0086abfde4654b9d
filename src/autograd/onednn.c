#include "autograd/onednn.h"

#include <dnnl.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How many numbers of images occur. Threads have at most two numbers of images, differing by one;
 * each is cut into full slices and a rest. */
enum { MAX_SIZES = 4 };

enum { OPERAND_X, OPERAND_WEIGHTS, OPERAND_Y, OPERAND_SCRATCH, OPERANDS };

/* A pass for one number of images. */
typedef struct primitive {
    size_t images;
    dnnl_primitive_t handle;
    dnnl_memory_t *memory; /* [thread][operand] */
} primitive;

typedef struct pass {
    primitive primitives[MAX_SIZES];
    size_t count;
    dnnl_memory_desc_t weights_layout;
    sn_onednn_weights weights;
    size_t scratch_size;
} pass;

struct sn_onednn {
    dnnl_engine_t engine;
    dnnl_primitive_attr_t attributes;
    int threads;
    dnnl_stream_t *streams; /* [thread] */
    pass passes[SN_ONEDNN_PASSES];
};

static const char *const pass_names[SN_ONEDNN_PASSES] = {"forward", "backward by data",
                                                         "backward by weights"};

#define TRY_DNNL(call, error, what)                                                                \
    do {                                                                                           \
        const dnnl_status_t try_dnnl_status = (call);                                              \
        SN_RETURN_IF(try_dnnl_status != dnnl_success, error,                                       \
                     try_dnnl_status == dnnl_out_of_memory ? SN_ERROR_MEMORY : SN_ERROR_INTERNAL,  \
                     "oneDNN: %s failed with status %d", what, (int)try_dnnl_status);              \
    } while (0)

/* ---- the processor ---- */

static bool has_isa(unsigned wanted) {
    return ((unsigned)dnnl_get_effective_cpu_isa() & wanted) == wanted;
}

bool sn_onednn_has_bf16(void) {
    return has_isa(dnnl_cpu_isa_avx512_core);
}

bool sn_onednn_has_amx(void) {
    return has_isa(dnnl_cpu_isa_avx512_core_amx);
}

/* ---- descriptions ---- */

static dnnl_data_type_t type_of(bool bf16) {
    return bf16 ? dnnl_bf16 : dnnl_f32;
}

static size_t stored_channels(const sn_tensor *tensor) {
    const size_t channels = tensor->shape.size[1];
    return tensor->layout == SN_LAYOUT_PLAIN ? channels : sn_lane_groups(channels) * SN_LANES;
}

static dnnl_status_t describe_images(const sn_tensor *tensor, size_t images, bool bf16,
                                     dnnl_memory_desc_t *layout) {
    const size_t *size = tensor->shape.size;
    const dnnl_dims_t dims = {(dnnl_dim_t)images, (dnnl_dim_t)stored_channels(tensor),
                              (dnnl_dim_t)size[2], (dnnl_dim_t)size[3]};
    const dnnl_format_tag_t blocked = SN_LANES == 16 ? dnnl_nChw16c : dnnl_nChw8c;
    const dnnl_format_tag_t tags[] = {[SN_LAYOUT_PLAIN] = dnnl_nchw,
                                      [SN_LAYOUT_BLOCKED] = blocked,
                                      [SN_LAYOUT_INTERLEAVED] = dnnl_nhwc};
    return dnnl_memory_desc_init_by_tag(layout, 4, dims, type_of(bf16), tags[tensor->layout]);
}

/* In whatever order oneDNN likes best. */
static dnnl_status_t describe_weights(const sn_onednn_setup *setup, bool bf16,
                                      dnnl_memory_desc_t *layout) {
    const dnnl_dims_t dims = {(dnnl_dim_t)stored_channels(&setup->y),
                              (dnnl_dim_t)stored_channels(&setup->x),
                              (dnnl_dim_t)setup->kernel_height, (dnnl_dim_t)setup->kernel_width};
    return dnnl_memory_desc_init_by_tag(layout, 4, dims, type_of(bf16), dnnl_format_tag_any);
}

typedef struct layouts {
    dnnl_memory_desc_t x, weights, y;
} layouts;

static dnnl_status_t init_convolution(const sn_onednn_setup *setup, sn_onednn_pass kind,
                                      const layouts *l, dnnl_convolution_desc_t *convolution) {
    const dnnl_dim_t stride = (dnnl_dim_t)setup->stride, padding = (dnnl_dim_t)setup->padding;
    const dnnl_dims_t strides = {stride, stride}, paddings = {padding, padding};
    switch (kind) {
    case SN_ONEDNN_DATA:
        return dnnl_convolution_backward_data_desc_init(convolution, dnnl_convolution_direct, &l->x,
                                                        &l->weights, &l->y, strides, paddings,
                                                        paddings);
    case SN_ONEDNN_WEIGHTS:
        return dnnl_convolution_backward_weights_desc_init(convolution, dnnl_convolution_direct,
                                                           &l->x, &l->weights, NULL, &l->y, strides,
                                                           paddings, paddings);
    case SN_ONEDNN_FORWARD:
    case SN_ONEDNN_PASSES:
        break;
    }
    return dnnl_convolution_forward_desc_init(convolution, dnnl_forward_training,
                                              dnnl_convolution_direct, &l->x, &l->weights, NULL,
                                              &l->y, strides, paddings, paddings);
}

/* `hint` is the forward pass's description for the others; `weights` imposes a layout unless
 * NULL. */
static sn_status describe_pass(const sn_onednn *onednn, const sn_onednn_setup *setup,
                               sn_onednn_pass kind, size_t images,
                               const dnnl_memory_desc_t *weights, const_dnnl_primitive_desc_t hint,
                               dnnl_primitive_desc_t *description, sn_error *error) {
    layouts l;
    dnnl_convolution_desc_t convolution;
    const bool weights_bf16 = setup->bf16 && kind != SN_ONEDNN_WEIGHTS;
    TRY_DNNL(describe_images(&setup->x, images, setup->pass[kind].x_bf16, &l.x), error, "input");
    TRY_DNNL(describe_images(&setup->y, images, setup->pass[kind].y_bf16, &l.y), error, "output");
    if (weights)
        l.weights = *weights;
    else
        TRY_DNNL(describe_weights(setup, weights_bf16, &l.weights), error, "weights");
    TRY_DNNL(init_convolution(setup, kind, &l, &convolution), error, pass_names[kind]);
    TRY_DNNL(dnnl_primitive_desc_create(description, &convolution, onednn->attributes,
                                        onednn->engine, hint),
             error, pass_names[kind]);
    return SN_OK;
}

static const dnnl_memory_desc_t *layout_in(const_dnnl_primitive_desc_t description,
                                           sn_onednn_pass kind, int operand) {
    static const dnnl_query_t queries[SN_ONEDNN_PASSES][OPERANDS] = {
        {dnnl_query_src_md, dnnl_query_weights_md, dnnl_query_dst_md, dnnl_query_scratchpad_md},
        {dnnl_query_diff_src_md, dnnl_query_weights_md, dnnl_query_diff_dst_md,
         dnnl_query_scratchpad_md},
        {dnnl_query_src_md, dnnl_query_diff_weights_md, dnnl_query_diff_dst_md,
         dnnl_query_scratchpad_md}};
    return dnnl_primitive_desc_query_md(description, queries[kind][operand], 0);
}

/* ---- weights ---- */

/* What index `i` of dimension `d` contributes to an element's offset. Inner blocks are listed from
 * the outside in. */
static size_t offset_of(const dnnl_blocking_desc_t *blocks, int d, size_t i) {
    size_t offset = 0, stride = 1;
    for (int b = blocks->inner_nblks; b-- > 0;) {
        const size_t size = (size_t)blocks->inner_blks[b];
        if (blocks->inner_idxs[b] == d) {
            offset += i % size * stride;
            i /= size;
        }
        stride *= size;
    }
    return offset + i * (size_t)blocks->strides[d];
}

static sn_status map_weights(const dnnl_memory_desc_t *layout, sn_onednn_weights *map,
                             sn_error *error) {
    SN_RETURN_IF(layout->format_kind != dnnl_blocked || layout->extra.flags || layout->offset0,
                 error, SN_ERROR_INTERNAL, "oneDNN: weights lie in a way that is not known");
    const dnnl_blocking_desc_t *blocks = &layout->format_desc.blocking;
    const size_t height = (size_t)layout->dims[2], width = (size_t)layout->dims[3];
    map->filters = (size_t)layout->padded_dims[0];
    map->channels = (size_t)layout->padded_dims[1];
    map->taps = height * width;
    map->count = dnnl_memory_desc_get_size(layout) /
                 (layout->data_type == dnnl_bf16 ? sizeof(sn_bf16) : sizeof(float));
    map->filter = malloc((map->filters + map->channels + map->taps) * sizeof *map->filter);
    SN_RETURN_IF(!map->filter, error, SN_ERROR_MEMORY, "out of memory for the graph");
    map->channel = map->filter + map->filters;
    map->tap = map->channel + map->channels;
    for (size_t k = 0; k < map->filters; k++)
        map->filter[k] = offset_of(blocks, 0, k);
    for (size_t c = 0; c < map->channels; c++)
        map->channel[c] = offset_of(blocks, 1, c);
    for (size_t t = 0; t < map->taps; t++)
        map->tap[t] = offset_of(blocks, 2, t / width) + offset_of(blocks, 3, t % width);
    return SN_OK;
}

/* ---- primitives ---- */

static sn_status create_memory(const sn_onednn *onednn, const_dnnl_primitive_desc_t description,
                               sn_onednn_pass kind, primitive *p, sn_error *error) {
    p->memory = calloc((size_t)onednn->threads * OPERANDS, sizeof(dnnl_memory_t));
    SN_RETURN_IF(!p->memory, error, SN_ERROR_MEMORY, "out of memory for the graph");
    for (int i = 0; i < onednn->threads * OPERANDS; i++)
        TRY_DNNL(dnnl_memory_create(&p->memory[i], layout_in(description, kind, i % OPERANDS),
                                    onednn->engine, DNNL_MEMORY_NONE),
                 error, "memory");
    return SN_OK;
}

/* The first one decides how weights lie. */
static sn_status complete_primitive(const sn_onednn *onednn, pass *of, sn_onednn_pass kind,
                                    const_dnnl_primitive_desc_t description, primitive *p,
                                    sn_error *error) {
    const size_t scratch = dnnl_memory_desc_get_size(layout_in(description, kind, OPERAND_SCRATCH));
    if (of->scratch_size < scratch)
        of->scratch_size = scratch;
    if (!of->weights.filter) {
        of->weights_layout = *layout_in(description, kind, OPERAND_WEIGHTS);
        SN_TRY(map_weights(&of->weights_layout, &of->weights, error));
    }
    TRY_DNNL(dnnl_primitive_create(&p->handle, description), error, pass_names[kind]);
    return create_memory(onednn, description, kind, p, error);
}

static sn_status create_primitive(const sn_onednn *onednn, const sn_onednn_setup *setup, pass *of,
                                  sn_onednn_pass kind, size_t images, sn_error *error) {
    primitive *p = &of->primitives[of->count++];
    p->images = images;
    const dnnl_memory_desc_t *weights = of->weights.filter ? &of->weights_layout : NULL;
    dnnl_primitive_desc_t forward = NULL, description = NULL;
    sn_status status = SN_OK;
    if (kind != SN_ONEDNN_FORWARD)
        status =
            describe_pass(onednn, setup, SN_ONEDNN_FORWARD, images, NULL, NULL, &forward, error);
    if (status == SN_OK)
        status = describe_pass(onednn, setup, kind, images, weights, forward, &description, error);
    if (status == SN_OK)
        status = complete_primitive(onednn, of, kind, description, p, error);
    if (forward)
        dnnl_primitive_desc_destroy(forward);
    if (description)
        dnnl_primitive_desc_destroy(description);
    return status;
}

static const primitive *find_primitive(const pass *of, size_t images) {
    for (size_t i = 0; i < of->count; i++)
        if (of->primitives[i].images == images)
            return &of->primitives[i];
    return NULL;
}

/* For full slices first, then for the rests of the threads' shares. */
static sn_status create_pass(sn_onednn *onednn, const sn_onednn_setup *setup, sn_onednn_pass kind,
                             sn_error *error) {
    const size_t slice = setup->pass[kind].slice;
    pass *of = &onednn->passes[kind];
    for (int thread = 0; thread < setup->threads; thread++) {
        const size_t share = sn_chunk_start(setup->images, thread + 1, setup->threads) -
                             sn_chunk_start(setup->images, thread, setup->threads);
        const size_t sizes[] = {share < slice ? share : slice, share % slice};
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            if (sizes[i] > 0 && !find_primitive(of, sizes[i]))
                SN_TRY(create_primitive(onednn, setup, of, kind, sizes[i], error));
    }
    return SN_OK;
}

static sn_status create_all(sn_onednn *onednn, const sn_onednn_setup *setup, sn_error *error) {
    TRY_DNNL(dnnl_engine_create(&onednn->engine, dnnl_cpu, 0), error, "engine");
    TRY_DNNL(dnnl_primitive_attr_create(&onednn->attributes), error, "attributes");
    TRY_DNNL(dnnl_primitive_attr_set_scratchpad_mode(onednn->attributes, dnnl_scratchpad_mode_user),
             error, "scratchpad");
    for (int thread = 0; thread < onednn->threads; thread++)
        TRY_DNNL(
            dnnl_stream_create(&onednn->streams[thread], onednn->engine, dnnl_stream_default_flags),
            error, "stream");
    for (int kind = 0; kind < SN_ONEDNN_PASSES; kind++)
        if (setup->pass[kind].slice)
            SN_TRY(create_pass(onednn, setup, (sn_onednn_pass)kind, error));
    return SN_OK;
}

/* ---- one thread ---- */

/* Outside of a team of threads oneDNN would start its own, and make primitives for them. Returns
 * the number to restore. */
static int begin_alone(void) {
    const int threads = omp_in_parallel() ? 0 : omp_get_max_threads();
    if (threads > 1)
        omp_set_num_threads(1);
    return threads;
}

static void end_alone(int threads) {
    if (threads > 1)
        omp_set_num_threads(threads);
}

/* ---- the whole ---- */

sn_status sn_onednn_create(const sn_onednn_setup *setup, sn_onednn **made, sn_error *error) {
    sn_onednn *onednn = *made = calloc(1, sizeof *onednn);
    SN_RETURN_IF(!onednn, error, SN_ERROR_MEMORY, "out of memory for the graph");
    onednn->threads = setup->threads;
    onednn->streams = calloc((size_t)setup->threads, sizeof(dnnl_stream_t));
    SN_RETURN_IF(!onednn->streams, error, SN_ERROR_MEMORY, "out of memory for the graph");
    const int threads = begin_alone();
    const sn_status status = create_all(onednn, setup, error);
    end_alone(threads);
    return status;
}

static void free_pass(const sn_onednn *onednn, pass *of) {
    for (size_t i = 0; i < of->count; i++) {
        primitive *p = &of->primitives[i];
        for (int m = 0; p->memory && m < onednn->threads * OPERANDS; m++)
            if (p->memory[m])
                dnnl_memory_destroy(p->memory[m]);
        free(p->memory);
        if (p->handle)
            dnnl_primitive_destroy(p->handle);
    }
    free(of->weights.filter);
}

void sn_onednn_free(sn_onednn *onednn) {
    if (!onednn)
        return;
    for (int kind = 0; kind < SN_ONEDNN_PASSES; kind++)
        free_pass(onednn, &onednn->passes[kind]);
    for (int thread = 0; onednn->streams && thread < onednn->threads; thread++)
        if (onednn->streams[thread])
            dnnl_stream_destroy(onednn->streams[thread]);
    free(onednn->streams);
    if (onednn->attributes)
        dnnl_primitive_attr_destroy(onednn->attributes);
    if (onednn->engine)
        dnnl_engine_destroy(onednn->engine);
    free(onednn);
}

const sn_onednn_weights *sn_onednn_weights_of(const sn_onednn *onednn, sn_onednn_pass kind) {
    return &onednn->passes[kind].weights;
}

bool sn_onednn_shares_weights(const sn_onednn *onednn) {
    return dnnl_memory_desc_equal(&onednn->passes[SN_ONEDNN_FORWARD].weights_layout,
                                  &onednn->passes[SN_ONEDNN_DATA].weights_layout);
}

size_t sn_onednn_scratch_size(const sn_onednn *onednn, sn_onednn_pass kind) {
    return onednn->passes[kind].scratch_size;
}

/* ---- execution ---- */

/* Everything that can fail was tried when the graph was planned. */
static void must(bool holds, sn_onednn_pass kind) {
    if (holds)
        return;
    fprintf(stderr, "oneDNN: convolution failed: %s\n", pass_names[kind]);
    abort();
}

/* Setting the same address again would make oneDNN write the paddings, also of weights that other
 * threads are reading. */
static dnnl_status_t set_place(dnnl_memory_t memory, void *place) {
    void *before = NULL;
    const dnnl_status_t status = dnnl_memory_get_data_handle(memory, &before);
    if (status != dnnl_success || before == place)
        return status;
    return dnnl_memory_set_data_handle(memory, place);
}

void sn_onednn_run(const sn_onednn *onednn, sn_onednn_pass kind, size_t images, int thread,
                   const sn_onednn_operands *operands) {
    static const int arguments[SN_ONEDNN_PASSES][OPERANDS] = {
        {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, DNNL_ARG_SCRATCHPAD},
        {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST, DNNL_ARG_SCRATCHPAD},
        {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST, DNNL_ARG_SCRATCHPAD}};
    void *const places[OPERANDS] = {(void *)operands->x, (void *)operands->weights,
                                    (void *)operands->y, operands->scratch};
    const primitive *p = find_primitive(&onednn->passes[kind], images);
    must(p != NULL, kind);
    dnnl_exec_arg_t list[OPERANDS];
    for (int i = 0; i < OPERANDS; i++) {
        list[i] = (dnnl_exec_arg_t){arguments[kind][i], p->memory[thread * OPERANDS + i]};
        must(set_place(list[i].memory, places[i]) == dnnl_success, kind);
    }
    const int threads = begin_alone();
    must(dnnl_primitive_execute(p->handle, onednn->streams[thread], OPERANDS, list) ==
                 dnnl_success &&
             dnnl_stream_wait(onednn->streams[thread]) == dnnl_success,
         kind);
    end_alone(threads);
}
