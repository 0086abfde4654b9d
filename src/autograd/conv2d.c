/* Convolution by GEMM: each image is unfolded into a matrix of its windows (im2col), so that
 *     y[K][P]      = W[K][Q] col[Q][P]           P = OH OW pixels, Q = C R S taps
 *     dW[K][Q]    += dy[K][P] col[Q][P]^T
 *     dcol[Q][P]   = W[K][Q]^T dy[K][P],         folded back into dx
 * Images are cut into one chunk for each thread. Chunks sum their own dW; the sums are added up in
 * chunk order, so the bits depend on the number of threads only. */
#include "autograd/op.h"
#include "autograd/ops.h"

#include "base/memory.h"

#include <limits.h>
#include <string.h>

typedef struct geometry {
    size_t n, c, h, w; /* input */
    size_t k, r, s;    /* weight */
    size_t oh, ow;     /* output */
    size_t stride, padding;
    size_t taps, pixels; /* Q and P above */
    bool is_matrix;      /* 1x1, stride 1, no padding: the image is its own matrix of windows */
} geometry;

static geometry geometry_of(const sn_node *node) {
    const sn_conv2d_attributes *attributes = (const void *)node->attributes;
    const size_t *x = node->input[0]->shape.size, *w = node->input[1]->shape.size;
    const size_t *y = node->output->shape.size;
    geometry g = {.n = x[0],
                  .c = x[1],
                  .h = x[2],
                  .w = x[3],
                  .k = w[0],
                  .r = w[2],
                  .s = w[3],
                  .oh = y[2],
                  .ow = y[3]};
    g.stride = (size_t)attributes->stride;
    g.padding = (size_t)attributes->padding;
    g.taps = g.c * g.r * g.s;
    g.pixels = g.oh * g.ow;
    g.is_matrix = g.r == 1 && g.s == 1 && g.stride == 1 && g.padding == 0;
    return g;
}

/* The outputs along one axis whose tap at `tap` falls inside 0 .. size: [first, last). */
typedef struct range {
    size_t first, last;
} range;

static range inside(size_t tap, size_t size, size_t outputs, size_t stride, size_t padding) {
    /* 0 <= o stride + tap - padding < size */
    range r = {tap < padding ? (padding - tap + stride - 1) / stride : 0, 0};
    if (size + padding > tap)
        r.last = (size + padding - tap - 1) / stride + 1;
    if (r.last > outputs)
        r.last = outputs;
    if (r.first > r.last)
        r.first = r.last;
    return r;
}

static void unfold(const geometry *g, const sn_real *image, sn_real *col) {
    for (size_t c = 0; c < g->c; c++) {
        for (size_t r = 0; r < g->r; r++) {
            const range rows = inside(r, g->h, g->oh, g->stride, g->padding);
            for (size_t s = 0; s < g->s; s++, col += g->pixels) {
                const range columns = inside(s, g->w, g->ow, g->stride, g->padding);
                memset(col, 0, rows.first * g->ow * sizeof *col);
                for (size_t oy = rows.first; oy < rows.last; oy++) {
                    const sn_real *line =
                        image + (c * g->h + oy * g->stride + r - g->padding) * g->w;
                    sn_real *out = col + oy * g->ow;
                    for (size_t ox = 0; ox < columns.first; ox++)
                        out[ox] = 0;
                    /* Index of the first pixel; s - padding alone could be negative. */
                    const sn_real *from = line + columns.first * g->stride + s - g->padding;
                    const size_t count = columns.last - columns.first;
                    if (g->stride == 1)
                        memcpy(out + columns.first, from, count * sizeof *out);
                    else
                        for (size_t i = 0; i < count; i++)
                            out[columns.first + i] = from[i * g->stride];
                    for (size_t ox = columns.last; ox < g->ow; ox++)
                        out[ox] = 0;
                }
                memset(col + rows.last * g->ow, 0, (g->oh - rows.last) * g->ow * sizeof *col);
            }
        }
    }
}

/* The transpose of unfold: adds every window's entry to the pixel that it came from. */
static void fold(const geometry *g, const sn_real *col, sn_real *image) {
    for (size_t c = 0; c < g->c; c++) {
        for (size_t r = 0; r < g->r; r++) {
            const range rows = inside(r, g->h, g->oh, g->stride, g->padding);
            for (size_t s = 0; s < g->s; s++, col += g->pixels) {
                const range columns = inside(s, g->w, g->ow, g->stride, g->padding);
                const size_t count = columns.last - columns.first;
                for (size_t oy = rows.first; oy < rows.last; oy++) {
                    sn_real *line = image + (c * g->h + oy * g->stride + r - g->padding) * g->w;
                    sn_real *to = line + columns.first * g->stride + s - g->padding;
                    const sn_real *from = col + oy * g->ow + columns.first;
                    if (g->stride == 1)
                        for (size_t i = 0; i < count; i++)
                            to[i] += from[i];
                    else
                        for (size_t i = 0; i < count; i++)
                            to[i * g->stride] += from[i];
                }
            }
        }
    }
}

/* Bytes of one thread's part of the workspace in forward: col. */
static size_t forward_part(const geometry *g) {
    return g->is_matrix ? 0 : sn_align_up(g->taps * g->pixels * sizeof(sn_real));
}

/* Likewise in backward: col, whose place dcol then takes, dW and db. */
static size_t backward_part(const geometry *g) {
    return forward_part(g) + sn_align_up(g->k * g->taps * sizeof(sn_real)) +
           sn_align_up(g->k * sizeof(sn_real));
}

static sn_status conv2d_shape(sn_node *node, int threads, sn_error *error) {
    const sn_conv2d_attributes *attributes = (const void *)node->attributes;
    const sn_shape *x = &node->input[0]->shape, *w = &node->input[1]->shape;
    const sn_tensor *bias = node->input[2];
    char xs[SN_SHAPE_TEXT_SIZE], ws[SN_SHAPE_TEXT_SIZE];
    SN_RETURN_IF(x->rank != 4 || w->rank != 4 || x->size[1] != w->size[1], error, SN_ERROR_ARGUMENT,
                 "conv2d: input %s does not fit weight %s; need [N, C, H, W] and [K, C, R, S]",
                 sn_shape_text(x, xs), sn_shape_text(w, ws));
    SN_RETURN_IF(attributes->stride < 1 || attributes->padding < 0, error, SN_ERROR_ARGUMENT,
                 "conv2d: stride %d, padding %d; need at least 1 and 0", attributes->stride,
                 attributes->padding);
    SN_RETURN_IF(bias && (bias->shape.rank != 1 || bias->shape.size[0] != w->size[0]), error,
                 SN_ERROR_ARGUMENT, "conv2d: bias %s does not fit weight %s",
                 sn_shape_text(&bias->shape, xs), sn_shape_text(w, ws));
    const size_t padding = (size_t)attributes->padding, stride = (size_t)attributes->stride;
    const size_t h = x->size[2] + 2 * padding, wide = x->size[3] + 2 * padding;
    SN_RETURN_IF(h < w->size[2] || wide < w->size[3], error, SN_ERROR_ARGUMENT,
                 "conv2d: input %s with padding %zu is smaller than weight %s",
                 sn_shape_text(x, xs), padding, sn_shape_text(w, ws));
    node->output->shape = sn_shape_4(x->size[0], w->size[0], (h - w->size[2]) / stride + 1,
                                     (wide - w->size[3]) / stride + 1);
    const geometry g = geometry_of(node);
    SN_RETURN_IF(!sn_shape_is_valid(&node->output->shape) || g.taps > INT_MAX ||
                     g.pixels > INT_MAX || g.taps > SN_MAX_COUNT / g.pixels,
                 error, SN_ERROR_ARGUMENT,
                 "conv2d: input %s, weight %s and padding %zu are too large", sn_shape_text(x, xs),
                 sn_shape_text(w, ws), padding);
    node->forward_size = (size_t)threads * forward_part(&g);
    node->backward_size = (size_t)threads * backward_part(&g);
    return SN_OK;
}

static void forward_image(const geometry *g, const sn_node *node, size_t n, sn_real *col) {
    const sn_real *image = node->input[0]->value + n * g->c * g->h * g->w;
    sn_real *y = node->output->value + n * g->k * g->pixels;
    if (node->input[2])
        for (size_t k = 0; k < g->k; k++)
            for (size_t i = 0; i < g->pixels; i++)
                y[k * g->pixels + i] = node->input[2]->value[k];
    if (!g->is_matrix)
        unfold(g, image, col);
    sn_gemm(g->k, g->pixels, g->taps, (sn_matrix){node->input[1]->value, g->taps, false},
            (sn_matrix){g->is_matrix ? image : col, g->pixels, false}, node->input[2] ? 1 : 0, y,
            g->pixels);
}

static void conv2d_forward(const sn_node *node, const sn_run *run) {
    const geometry g = geometry_of(node);
    const size_t part = forward_part(&g);
#pragma omp parallel for num_threads(run->threads) schedule(static, 1)
    for (int chunk = 0; chunk < run->threads; chunk++) {
        sn_real *col =
            part ? (void *)((char *)node->forward_workspace + (size_t)chunk * part) : NULL;
        const size_t last = sn_chunk_start(g.n, chunk + 1, run->threads);
        for (size_t n = sn_chunk_start(g.n, chunk, run->threads); n < last; n++)
            forward_image(&g, node, n, col);
    }
}

/* One thread's buffers in backward. */
typedef struct buffers {
    sn_real *col;     /* [Q][P], then dcol */
    sn_real *dweight; /* [K][Q] */
    sn_real *dbias;   /* [K] */
} buffers;

static buffers backward_buffers(const geometry *g, const sn_node *node, int chunk) {
    const size_t part = backward_part(g);
    char *base = (char *)node->backward_workspace + (size_t)chunk * part;
    return (buffers){(void *)base, (void *)(base + forward_part(g)),
                     (void *)(base + part - sn_align_up(g->k * sizeof(sn_real)))};
}

static void backward_image(const geometry *g, const sn_node *node, size_t n, const buffers *b) {
    const size_t image_size = g->c * g->h * g->w;
    const sn_tensor *x = node->input[0], *weight = node->input[1];
    const sn_real *image = x->value + n * image_size;
    const sn_matrix dy = {node->output->gradient + n * g->k * g->pixels, g->pixels, false};
    if (weight->gradient) {
        if (!g->is_matrix)
            unfold(g, image, b->col);
        sn_gemm(g->k, g->taps, g->pixels, dy,
                (sn_matrix){g->is_matrix ? image : b->col, g->pixels, true}, 1, b->dweight,
                g->taps);
    }
    if (node->input[2] && node->input[2]->gradient) {
        for (size_t k = 0; k < g->k; k++) {
            sn_real sum = 0;
#pragma omp simd reduction(+ : sum)
            for (size_t i = 0; i < g->pixels; i++)
                sum += dy.data[k * g->pixels + i];
            b->dbias[k] += sum;
        }
    }
    if (x->gradient) {
        sn_real *dimage = x->gradient + n * image_size;
        const sn_matrix transposed = {weight->value, g->taps, true};
        if (g->is_matrix) {
            sn_gemm(g->taps, g->pixels, g->k, transposed, dy, node->add[0] ? 1 : 0, dimage,
                    g->pixels);
            return;
        }
        sn_gemm(g->taps, g->pixels, g->k, transposed, dy, 0, b->col, g->pixels);
        if (!node->add[0])
            memset(dimage, 0, image_size * sizeof *dimage);
        fold(g, b->col, dimage);
    }
}

/* target (+)= the chunks' sums, in chunk order. */
static void add_up(sn_real *target, bool add, size_t count, const sn_real *first, size_t part,
                   int chunks) {
    for (size_t i = 0; i < count; i++) {
        sn_real sum = add ? target[i] : 0;
        for (int chunk = 0; chunk < chunks; chunk++)
            sum += ((const sn_real *)(const void *)((const char *)first + (size_t)chunk * part))[i];
        target[i] = sum;
    }
}

static void conv2d_backward(const sn_node *node, const sn_run *run) {
    const geometry g = geometry_of(node);
#pragma omp parallel for num_threads(run->threads) schedule(static, 1)
    for (int chunk = 0; chunk < run->threads; chunk++) {
        const buffers b = backward_buffers(&g, node, chunk);
        memset(b.dweight, 0, g.k * g.taps * sizeof *b.dweight);
        memset(b.dbias, 0, g.k * sizeof *b.dbias);
        const size_t last = sn_chunk_start(g.n, chunk + 1, run->threads);
        for (size_t n = sn_chunk_start(g.n, chunk, run->threads); n < last; n++)
            backward_image(&g, node, n, &b);
    }
    const buffers first = backward_buffers(&g, node, 0);
    const size_t part = backward_part(&g);
    sn_real *dweight = node->input[1]->gradient;
    sn_real *dbias = node->input[2] ? node->input[2]->gradient : NULL;
    if (dweight)
        add_up(dweight, node->add[1], g.k * g.taps, first.dweight, part, run->threads);
    if (dbias)
        add_up(dbias, node->add[2], g.k, first.dbias, part, run->threads);
}

const sn_op sn_op_conv2d = {
    .name = "conv2d",
    .attributes_size = sizeof(sn_conv2d_attributes),
    .backward_reads = SN_READS_INPUT(0) | SN_READS_INPUT(1),
    .shape = conv2d_shape,
    .forward = conv2d_forward,
    .backward = conv2d_backward,
};

sn_status sn_conv2d(sn_graph *graph, sn_tensor *x, sn_tensor *weight, sn_tensor *bias, int stride,
                    int padding, sn_tensor **y, sn_error *error) {
    const sn_conv2d_attributes attributes = {stride, padding};
    sn_tensor *const inputs[SN_MAX_INPUTS] = {x, weight, bias};
    return sn_graph_apply(graph, &sn_op_conv2d, &attributes, inputs, NULL, y, error);
}
