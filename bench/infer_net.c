#include "infer_net.h"

#include "base/file.h"
#include "base/memory.h"
#include "infer/signet.h"

#include <stdio.h>
#include <string.h>

enum { MODEL_LIMIT = 1 << 30 };

typedef struct value {
    int channels, height, width;
    double *data[BENCH_IMAGES];
} value;

/* Values have the same handles as in the packer. */
typedef struct builder {
    bench_net *net;
    sn_packer *packer;
    sn_rng rng;
    bench_weights weights; /* of layers that are not kept in full precision */
    double density;
    int region;
    value values[BENCH_NET_VALUES];
    int count;
    sn_error *error;
} builder;

static size_t elements(const value *v) {
    return (size_t)v->channels * v->height * v->width;
}

static sn_status add_value(builder *b, int channels, int height, int width, value **made) {
    SN_RETURN_IF(b->count == BENCH_NET_VALUES, b->error, SN_ERROR_INTERNAL, "too many layers");
    value *v = &b->values[b->count++];
    *v = (value){channels, height, width, {NULL}};
    for (int i = 0; i < BENCH_IMAGES; i++) {
        v->data[i] = sn_alloc_array(elements(v), sizeof *v->data[i]);
        SN_RETURN_IF(!v->data[i], b->error, SN_ERROR_MEMORY, "no memory for the reference");
    }
    *made = v;
    return SN_OK;
}

static sn_status make_images(bench_net *net, sn_rng *rng, size_t count, sn_error *error) {
    net->inputs = count;
    for (int i = 0; i < BENCH_IMAGES; i++) {
        net->image[i] = sn_alloc_array(count, sizeof(float));
        SN_RETURN_IF(!net->image[i], error, SN_ERROR_MEMORY, "no memory for images");
        bench_fill_image(rng, net->image[i], count);
    }
    return SN_OK;
}

static sn_status begin(builder *b, int channels, int height, int width, uint64_t seed) {
    value *v;
    sn_packer_value input;
    *b->net = (bench_net){0};
    sn_rng_init(&b->rng, seed, SN_RNG_TEST, 0);
    SN_TRY(sn_packer_create(channels, height, width, &b->packer, &input, b->error));
    SN_TRY(add_value(b, channels, height, width, &v));
    SN_TRY(make_images(b->net, &b->rng, elements(v), b->error));
    for (int i = 0; i < BENCH_IMAGES; i++)
        for (size_t j = 0; j < elements(v); j++)
            v->data[i][j] = b->net->image[i][j];
    return SN_OK;
}

/* To each value that of a shortcut, and a ReLU. */
static void add_shortcut(const value *p, const value *shortcut, value *sum) {
    for (int i = 0; i < BENCH_IMAGES; i++) {
        for (size_t j = 0; j < elements(sum); j++) {
            const double both = p->data[i][j] + shortcut->data[i][j];
            sum->data[i][j] = both > 0 ? both : 0;
        }
    }
}

/* Replaces *x by the convolution's output. residual as in bench_conv_pack. */
static sn_status run_conv(builder *b, const bench_conv *conv, const sn_packer_value *residual,
                          sn_packer_value *x) {
    const bench_shape *s = &conv->shape;
    const value *input = &b->values[*x];
    value *v;
    SN_RETURN_IF(b->net->conv_count == BENCH_NET_CONVS, b->error, SN_ERROR_INTERNAL,
                 "too many layers");
    b->net->convs[b->net->conv_count++] = *s;
    SN_TRY(bench_conv_pack(conv, residual, b->packer, *x, x, b->error));
    SN_TRY(add_value(b, s->filters, bench_shape_out_height(s), bench_shape_out_width(s), &v));
    for (int i = 0; i < BENCH_IMAGES; i++)
        SN_TRY(bench_conv_reference(conv, input->data[i], v->data[i], b->error));
    if (residual)
        add_shortcut(v, &b->values[*residual], v);
    return SN_OK;
}

static sn_status add_conv(builder *b, const bench_shape *shape, bool relu,
                          const sn_packer_value *residual, sn_packer_value *x) {
    bench_conv conv;
    SN_TRY(bench_conv_create(shape, shape->full_precision ? BENCH_FP32 : b->weights, b->density,
                             b->region, relu, &b->rng, &conv, b->error));
    const sn_status status = run_conv(b, &conv, residual, x);
    bench_conv_free(&conv);
    return status;
}

/* The largest of a 3x3 window with stride 2 and padding 1. Values are not negative. */
static double window_largest(const value *p, const double *plane, int y, int x) {
    double largest = 0;
    for (int r = 2 * y - 1; r <= 2 * y + 1; r++)
        for (int s = 2 * x - 1; s <= 2 * x + 1; s++)
            if (r >= 0 && r < p->height && s >= 0 && s < p->width &&
                plane[(size_t)r * p->width + s] > largest)
                largest = plane[(size_t)r * p->width + s];
    return largest;
}

static sn_status add_max_pool(builder *b, sn_packer_value *x) {
    const value *p = &b->values[*x];
    value *v;
    SN_TRY(sn_packer_add_max_pool(b->packer, *x, 3, 2, 1, x, b->error));
    SN_TRY(add_value(b, p->channels, (p->height - 1) / 2 + 1, (p->width - 1) / 2 + 1, &v));
    for (int i = 0; i < BENCH_IMAGES; i++) {
        double *to = v->data[i];
        for (int c = 0; c < v->channels; c++)
            for (int y = 0; y < v->height; y++)
                for (int s = 0; s < v->width; s++)
                    *to++ = window_largest(p, p->data[i] + (size_t)c * p->height * p->width, y, s);
    }
    return SN_OK;
}

static sn_status add_mean(builder *b, sn_packer_value *x) {
    const value *p = &b->values[*x];
    const size_t pixels = (size_t)p->height * p->width;
    value *v;
    SN_TRY(sn_packer_add_global_average_pool(b->packer, *x, x, b->error));
    SN_TRY(add_value(b, p->channels, 1, 1, &v));
    for (int i = 0; i < BENCH_IMAGES; i++) {
        for (size_t c = 0; c < (size_t)p->channels; c++) {
            double sum = 0;
            for (size_t j = 0; j < pixels; j++)
                sum += p->data[i][c * pixels + j];
            v->data[i][c] = sum / (double)pixels;
        }
    }
    return SN_OK;
}

/* To the reference a 1x1 convolution of one pixel. */
static sn_status add_linear(builder *b, int outputs, sn_packer_value *x) {
    const value *p = &b->values[*x];
    const bench_shape shape = {"classifier", p->channels, 1, 1, outputs, 1, 1, 0, true};
    bench_conv conv;
    value *v;
    SN_TRY(bench_conv_create(&shape, BENCH_FP32, 1, 0, false, &b->rng, &conv, b->error));
    const sn_packer_epilogue epilogue = {
        .scale = conv.scale, .bias = conv.bias, .activation = SN_PACKER_LINEAR};
    sn_status status =
        sn_packer_add_linear(b->packer, *x, outputs, conv.values, &epilogue, x, b->error);
    if (status == SN_OK)
        status = add_value(b, outputs, 1, 1, &v);
    for (int i = 0; i < BENCH_IMAGES && status == SN_OK; i++)
        status = bench_conv_reference(&conv, p->data[i], v->data[i], b->error);
    bench_conv_free(&conv);
    return status;
}

static sn_status finish(builder *b, sn_packer_value output) {
    bench_net *net = b->net;
    value *last = &b->values[output];
    net->outputs = elements(last);
    for (int i = 0; i < BENCH_IMAGES; i++) {
        net->expected[i] = last->data[i];
        last->data[i] = NULL;
    }
    return sn_packer_finish(b->packer, output, &net->packed, &net->packed_bytes, b->error);
}

static sn_status end(builder *b, sn_status status) {
    sn_packer_free(b->packer);
    for (int v = 0; v < b->count; v++)
        for (int i = 0; i < BENCH_IMAGES; i++)
            sn_free(b->values[v].data[i]);
    if (status != SN_OK)
        bench_net_free(b->net);
    return status;
}

void bench_net_free(bench_net *net) {
    sn_free(net->packed);
    for (int i = 0; i < BENCH_IMAGES; i++) {
        sn_free(net->image[i]);
        sn_free(net->expected[i]);
    }
    *net = (bench_net){0};
}

/* ---- layers ---- */

/* A 3x3 convolution that keeps the shape. */
static bench_shape keeping(int channels, int height, int width, bool full_precision) {
    return (bench_shape){"neighbour", channels, height, width, channels, 3, 1, 1, full_precision};
}

static sn_status build_layer(builder *b, const bench_shape *s, bool chain, uint64_t seed) {
    const bool is_first = s->full_precision && s->channels <= 3;
    const bench_shape before = keeping(s->channels, s->height, s->width, s->full_precision);
    const bench_shape after =
        keeping(s->filters, bench_shape_out_height(s), bench_shape_out_width(s), s->full_precision);
    sn_packer_value x = 0;
    SN_TRY(begin(b, s->channels, s->height, s->width, seed));
    b->net->layer = chain && !is_first ? 1 : 0;
    if (chain && !is_first)
        SN_TRY(add_conv(b, &before, true, NULL, &x));
    SN_TRY(add_conv(b, s, true, NULL, &x));
    if (chain)
        SN_TRY(add_conv(b, &after, true, NULL, &x));
    return finish(b, x);
}

sn_status bench_net_single(const bench_shape *shape, bench_weights weights, double density,
                           int region, uint64_t seed, bench_net *net, sn_error *error) {
    builder b = {
        .net = net, .weights = weights, .density = density, .region = region, .error = error};
    return end(&b, build_layer(&b, shape, false, seed));
}

sn_status bench_net_chain(const bench_shape *shape, bench_weights weights, double density,
                          int region, uint64_t seed, bench_net *net, sn_error *error) {
    builder b = {
        .net = net, .weights = weights, .density = density, .region = region, .error = error};
    return end(&b, build_layer(&b, shape, true, seed));
}

/* ---- networks ---- */

static sn_status add_block(builder *b, int filters, int stride, sn_packer_value *x) {
    const value *p = &b->values[*x];
    const bench_shape first = {"conv1", p->channels, p->height, p->width, filters,
                               3,       stride,      1,         false};
    const bench_shape shortcut = {"shortcut", p->channels, p->height, p->width, filters,
                                  1,          stride,      0,         true};
    const bench_shape second = {"conv2",
                                filters,
                                bench_shape_out_height(&first),
                                bench_shape_out_width(&first),
                                filters,
                                3,
                                1,
                                1,
                                false};
    sn_packer_value side = *x;
    SN_TRY(add_conv(b, &first, true, NULL, x));
    if (stride != 1 || first.channels != filters)
        SN_TRY(add_conv(b, &shortcut, false, NULL, &side));
    return add_conv(b, &second, false, &side, x);
}

static sn_status build_resnet(builder *b, const char *name, uint64_t seed) {
    const bool large = strcmp(name, "resnet18") == 0;
    const int side = large ? 224 : 32, stages = large ? 4 : 3, blocks = large ? 2 : 3;
    int filters = large ? 64 : 16;
    const bench_shape small_stem = {"first", 3, side, side, filters, 3, 1, 1, true};
    const bench_shape large_stem = {"first", 3, side, side, filters, 7, 2, 3, true};
    sn_packer_value x = 0;
    SN_TRY(begin(b, 3, side, side, seed));
    SN_TRY(add_conv(b, large ? &large_stem : &small_stem, true, NULL, &x));
    if (large)
        SN_TRY(add_max_pool(b, &x));
    for (int stage = 0; stage < stages; stage++, filters *= 2)
        for (int block = 0; block < blocks; block++)
            SN_TRY(add_block(b, filters, stage > 0 && block == 0 ? 2 : 1, &x));
    SN_TRY(add_mean(b, &x));
    SN_TRY(add_linear(b, large ? 1000 : 10, &x));
    return finish(b, x);
}

sn_status bench_net_resnet(const char *name, bench_weights weights, double density, int region,
                           uint64_t seed, bench_net *net, sn_error *error) {
    builder b = {
        .net = net, .weights = weights, .density = density, .region = region, .error = error};
    return end(&b, build_resnet(&b, name, seed));
}

sn_status bench_net_open(const char *path, uint64_t seed, bench_net *net, sn_error *error) {
    unsigned char *bytes;
    sn_infer_info info;
    sn_rng rng;
    *net = (bench_net){0};
    sn_rng_init(&rng, seed, SN_RNG_TEST, 0);
    SN_TRY(sn_file_read(path, MODEL_LIMIT, &bytes, &net->packed_bytes, error));
    net->packed = bytes;
    const sn_infer_status checked = sn_infer_inspect(bytes, net->packed_bytes, NULL, &info);
    sn_status status = SN_OK;
    if (checked != SN_INFER_OK)
        status = sn_error_set(error, SN_ERROR_DATA, "%s: %s", path, sn_infer_status_text(checked));
    net->outputs = (size_t)info.classes;
    if (status == SN_OK)
        status = make_images(net, &rng, (size_t)info.channels * info.height * info.width, error);
    if (status != SN_OK)
        bench_net_free(net);
    return status;
}
