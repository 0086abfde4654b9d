/* Convolution by GEMM. Each image is unfolded into a matrix of its windows (im2col):
 *     y[K][P]      = W[K][Q] col[Q][P]           P = OH OW pixels, Q = C R S taps
 *     dW[K][Q]    += dy[K][P] col[Q][P]^T
 *     dcol[Q][P]   = W[K][Q]^T dy[K][P],         folded back into dx
 * Each thread sums dW over its own images (thread_sums.h). With bf16 activations images are made
 * plain sn_real one by one. */
#include "autograd/conv2d.h"
#include "autograd/ops.h"
#include "autograd/thread_sums.h"

#include "base/memory.h"

#include <string.h>

enum { X, WEIGHT, BIAS };

/* 1x1, stride 1, no padding: the image is the matrix of windows itself. */
static bool is_matrix(const sn_conv2d_geometry *g) {
    return g->r == 1 && g->s == 1 && g->stride == 1 && g->padding == 0;
}

/* The outputs [first, last) along one axis whose tap `tap` falls inside 0 .. size. */
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

static void unfold(const sn_conv2d_geometry *g, const sn_real *image, sn_real *col) {
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

/* The transpose of unfold: adds each entry of a window to its pixel. */
static void fold(const sn_conv2d_geometry *g, const sn_real *col, sn_real *image) {
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

/* ---- memory ---- */

/* One thread's workspace. */
typedef struct workspace {
    sn_real *col;   /* [Q][P], then dcol; NULL if the image serves */
    sn_real *x, *y; /* plain copies of an image of x and y, or of the gradients; NULL if they are
                       plain already */
} workspace;

static bool is_plain(const sn_tensor *tensor) {
    return tensor->layout == SN_LAYOUT_PLAIN && !tensor->bf16;
}

/* Measures when the base is NULL. */
static size_t carve(const sn_node *node, unsigned char *base, workspace *w) {
    const sn_conv2d_geometry g = sn_conv2d_geometry_of(node);
    const size_t col = is_matrix(&g) ? 0 : sn_align_up(g.taps * g.pixels * sizeof(sn_real));
    const size_t x = is_plain(node->input[X]) ? 0 : sn_align_up(g.c * g.h * g.w * sizeof(sn_real));
    const size_t y = is_plain(node->output) ? 0 : sn_align_up(g.k * g.pixels * sizeof(sn_real));
    if (base)
        *w = (workspace){col ? (void *)base : NULL, x ? (void *)(base + col) : NULL,
                         y ? (void *)(base + col + x) : NULL};
    return col + x + y;
}

/* The size of a thread's sums: dW[K][Q] and db[K]. */
static size_t sums_stride(const sn_conv2d_geometry *g) {
    return sn_align_up((g->k * g->taps + g->k) * sizeof(sn_real)) / sizeof(sn_real);
}

static sn_status conv2d_gemm_shape(sn_node *node, const sn_run *run, sn_error *error) {
    SN_TRY(sn_conv2d_shape(node, error));
    if (run->precision == SN_PRECISION_BF16) {
        node->output->layout = SN_LAYOUT_BLOCKED;
        node->output->bf16 = true;
    }
    const sn_conv2d_geometry g = sn_conv2d_geometry_of(node);
    node->forward_scratch_size = node->backward_scratch_size = carve(node, NULL, NULL);
    node->backward_sums_size = (size_t)run->threads * sums_stride(&g) * sizeof(sn_real);
    return SN_OK;
}

static size_t image_offset(const sn_tensor *tensor, size_t n) {
    return n * sn_tensor_row(tensor) * sn_element_size(tensor);
}

static void *image_at(const sn_tensor *tensor, void *images, size_t n) {
    return (unsigned char *)images + image_offset(tensor, n);
}

/* Image n of the part, plain: itself, or a copy in `copy`. */
static const sn_real *plain_image(const sn_tensor *tensor, const void *images, size_t n,
                                  sn_real *copy) {
    const void *image = (const unsigned char *)images + image_offset(tensor, n);
    if (!copy)
        return image;
    sn_rows_to_plain(tensor, image, copy, 1);
    return copy;
}

/* ---- forward ---- */

static void forward_image(const sn_conv2d_geometry *g, const sn_node *node, const sn_real *image,
                          sn_real *col, sn_real *y) {
    const sn_tensor *bias = node->input[BIAS];
    for (size_t k = 0; bias && k < g->k; k++)
        for (size_t i = 0; i < g->pixels; i++)
            y[k * g->pixels + i] = bias->value[k];
    if (col)
        unfold(g, image, col);
    sn_gemm(g->k, g->pixels, g->taps, (sn_matrix){node->input[WEIGHT]->value, g->taps, false},
            (sn_matrix){col ? col : image, g->pixels, false}, bias ? 1 : 0, y, g->pixels);
}

static void conv2d_gemm_forward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    const sn_conv2d_geometry g = sn_conv2d_geometry_of(node);
    const void *x = sn_value_at(node->input[X], part);
    void *y = sn_value_at(node->output, part);
    workspace w = {0};
    carve(node, sn_scratch_at(&node->forward_scratch, part), &w);
    for (size_t n = 0; n < part->last - part->first; n++) {
        void *to = image_at(node->output, y, n);
        forward_image(&g, node, plain_image(node->input[X], x, n, w.x), w.col, w.y ? w.y : to);
        if (w.y)
            sn_rows_from_plain(node->output, to, w.y, 1, false);
    }
}

/* ---- backward ---- */

static void add_sums(const sn_conv2d_geometry *g, const sn_real *image, const sn_real *dy,
                     sn_real *col, sn_real *sums) {
    sn_real *dbias = sums + g->k * g->taps;
    if (col)
        unfold(g, image, col);
    sn_gemm(g->k, g->taps, g->pixels, (sn_matrix){dy, g->pixels, false},
            (sn_matrix){col ? col : image, g->pixels, true}, 1, sums, g->taps);
    for (size_t k = 0; k < g->k; k++) {
        sn_real sum = 0;
#pragma omp simd reduction(+ : sum)
        for (size_t i = 0; i < g->pixels; i++)
            sum += dy[k * g->pixels + i];
        dbias[k] += sum;
    }
}

static void pass_back(const sn_conv2d_geometry *g, const sn_real *weight, const sn_real *dy,
                      bool add, sn_real *col, sn_real *dx) {
    const sn_matrix transposed = {weight, g->taps, true}, gradient = {dy, g->pixels, false};
    if (!col) {
        sn_gemm(g->taps, g->pixels, g->k, transposed, gradient, add ? 1 : 0, dx, g->pixels);
        return;
    }
    sn_gemm(g->taps, g->pixels, g->k, transposed, gradient, 0, col, g->pixels);
    if (!add)
        memset(dx, 0, g->c * g->h * g->w * sizeof *dx);
    fold(g, col, dx);
}

static bool wants_sums(const sn_node *node) {
    return node->input[WEIGHT]->wants_gradient ||
           (node->input[BIAS] && node->input[BIAS]->wants_gradient);
}

static void conv2d_gemm_backward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    const sn_conv2d_geometry g = sn_conv2d_geometry_of(node);
    const sn_tensor *x = node->input[X];
    const void *images = sn_value_at(x, part), *gradients = sn_gradient_at(node->output, part);
    void *dx = sn_gradient_at(x, part);
    sn_real *sums = (sn_real *)node->backward_sums + (size_t)part->thread * sums_stride(&g);
    workspace w = {0};
    carve(node, sn_scratch_at(&node->backward_scratch, part), &w);
    if (part->is_start)
        memset(sums, 0, sums_stride(&g) * sizeof *sums);
    for (size_t n = 0; n < part->last - part->first; n++) {
        const sn_real *dy = plain_image(node->output, gradients, n, w.y);
        if (wants_sums(node))
            add_sums(&g, plain_image(x, images, n, w.x), dy, w.col, sums);
        if (!dx)
            continue;
        void *to = image_at(x, dx, n);
        pass_back(&g, node->input[WEIGHT]->value, dy, node->add[X] && !w.x, w.col, w.x ? w.x : to);
        if (w.x)
            sn_rows_from_plain(x, to, w.x, 1, node->add[X]);
    }
}

static void conv2d_gemm_join(const sn_node *node, const sn_run *run, const sn_part *part) {
    const sn_conv2d_geometry g = sn_conv2d_geometry_of(node);
    const size_t first = sn_chunk_start(g.k, part->thread, run->threads);
    const size_t last = sn_chunk_start(g.k, part->thread + 1, run->threads);
    const sn_thread_sums sums = {node->backward_sums, sums_stride(&g), run->threads};
    sn_add_thread_sums(node, WEIGHT, &sums, 0, first * g.taps, last * g.taps);
    sn_add_thread_sums(node, BIAS, &sums, g.k * g.taps, first, last);
}

const sn_op sn_op_conv2d_gemm = {
    .name = "conv2d_gemm",
    .attributes_size = sizeof(sn_conv2d_attributes),
    .operand = {[X] = {"x", SN_OPERAND_DATA, .saved = true, .is_factor = true},
                [WEIGHT] = {"weight", SN_OPERAND_WEIGHT, .saved = true, .is_factor = true},
                [BIAS] = {"bias", SN_OPERAND_WEIGHT, .optional = true}},
    .any_layout = true,
    .shape = conv2d_gemm_shape,
    .describe = sn_conv2d_describe,
    .forward = {{SN_PHASE_IMAGES, conv2d_gemm_forward, SN_ALWAYS}},
    .backward = {{SN_PHASE_IMAGES, conv2d_gemm_backward, SN_ALWAYS},
                 {SN_PHASE_LATE, conv2d_gemm_join, SN_ALWAYS}},
};
