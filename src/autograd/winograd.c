/* The matrices of F(2x2, 3x3). The signs of the last position are chosen so that no transform has
 * to negate: B^T = [1 0 -1 0; 0 1 1 0; 0 -1 1 0; 0 -1 0 1]      d -> V G   = [1 0 0; 1/2 1/2 1/2;
 * 1/2 -1/2 1/2; 0 0 1]    g -> U A^T = [1 1 1 0; 0 1 -1 1]                          M = V U -> Y V
 * and M hold a block of Winograd tiles as [position][tile][channel]. U is [position][packed
 * matrix]. */
#include "autograd/winograd_internal.h"
#include "base/memory.h"

enum {
    POSITIONS = SN_WINOGRAD_POSITIONS,
    BLOCK_NUMBERS = 48 * 1024, /* of V and M together, which should stay in the L2 cache */
    FEWEST_TILES = 48,         /* in a block: each block passes over all of U */
    MOST_TILES = 96
};

/* The activations on one side of the convolution. */
typedef struct side {
    size_t channels, padded;
    const sn_lane_layout *layout;
} side;

static side x_side(const sn_winograd *w) {
    return (side){w->channels, sn_winograd_padded(w->channels), &w->x};
}

static side y_side(const sn_winograd *w) {
    return (side){w->filters, sn_winograd_padded(w->filters), &w->y};
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

static size_t tiles_per_block(const sn_winograd *w) {
    const size_t fit = BLOCK_NUMBERS / (POSITIONS * (x_side(w).padded + y_side(w).padded));
    const size_t tiles = fit < FEWEST_TILES ? FEWEST_TILES : least(fit, MOST_TILES);
    return tiles / SN_REGISTER_ROWS * SN_REGISTER_ROWS;
}

/* Elements between the positions of a block. */
static size_t position_stride(const sn_winograd *w, const side *s) {
    return sn_winograd_stride(tiles_per_block(w) * s->padded);
}

size_t sn_winograd_workspace(const sn_winograd *w) {
    const side x = x_side(w), y = y_side(w);
    return sn_align_up(POSITIONS * position_stride(w, &x) * sizeof(sn_real)) +
           sn_align_up(POSITIONS * position_stride(w, &y) * sizeof(sn_real));
}

/* A Winograd tile: 2x2 outputs, named by the first. Counted row by row, image by image. */
typedef struct winograd_tile {
    size_t image, y, x;
} winograd_tile;

static void next_tile(const sn_winograd *w, winograd_tile *t) {
    t->x += 2;
    if (t->x < w->width)
        return;
    t->x = 0;
    t->y += 2;
    if (t->y < w->height)
        return;
    t->y = 0;
    t->image++;
}

/* The Winograd tiles that are transformed together. */
typedef struct block {
    const sn_winograd *w;
    winograd_tile first;
    size_t tiles;
} block;

/* v[position] = B^T d B */
SN_INLINE void transform_patch(const sn_vec d[4][4], sn_real *v, size_t stride) {
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++) {
        sn_vec row[4];
#pragma GCC unroll 4
        for (size_t j = 0; j < 4; j++)
            row[j] = i == 0   ? d[0][j] - d[2][j]
                     : i == 1 ? d[1][j] + d[2][j]
                     : i == 2 ? d[2][j] - d[1][j]
                              : d[3][j] - d[1][j];
        sn_vec_store(v + (4 * i) * stride, row[0] - row[2]);
        sn_vec_store(v + (4 * i + 1) * stride, row[1] + row[2]);
        sn_vec_store(v + (4 * i + 2) * stride, row[2] - row[1]);
        sn_vec_store(v + (4 * i + 3) * stride, row[3] - row[1]);
    }
}

/* An `inner` tile's patch lies inside the image, so nothing is tested. */
SN_INLINE void patch_at(const block *b, const side *s, const winograd_tile *t, const void *from,
                        sn_real *v, size_t stride, bool inner, bool bf16) {
    const sn_lane_layout *layout = s->layout;
    const size_t pixel = layout->pixel_stride, line = b->w->width * pixel;
    const size_t height = b->w->height, width = b->w->width;
    /* Of the patch's first pixel, which may be outside: unsigned arithmetic comes around again. */
    size_t at = t->image * layout->image_stride + t->y * line + t->x * pixel - line - pixel;
    const bool row_inside[4] = {t->y > 0, true, t->y + 1 < height, t->y + 2 < height};
    const bool column_inside[4] = {t->x > 0, true, t->x + 1 < width, t->x + 2 < width};
    for (size_t channel = 0; channel < s->padded; channel += SN_LANES, at += layout->group_stride) {
        sn_vec d[4][4];
#pragma GCC unroll 4
        for (size_t i = 0; i < 4; i++)
#pragma GCC unroll 4
            for (size_t j = 0; j < 4; j++)
                d[i][j] = inner || (row_inside[i] && column_inside[j])
                              ? sn_lanes_load(from, at + i * line + j * pixel, bf16)
                              : sn_vec_all(0);
        transform_patch((const sn_vec(*)[4])d, v + channel, stride);
    }
}

SN_INLINE void gather_patches_of(const block *b, const side *s, const void *from, sn_real *v,
                                 bool bf16) {
    const size_t stride = position_stride(b->w, s);
    winograd_tile t = b->first;
    for (size_t i = 0; i < b->tiles; i++, next_tile(b->w, &t), v += s->padded) {
        if (t.y > 0 && t.x > 0 && t.y + 2 < b->w->height && t.x + 2 < b->w->width)
            patch_at(b, s, &t, from, v, stride, true, bf16);
        else
            patch_at(b, s, &t, from, v, stride, false, bf16);
    }
}

static void gather_patches(const block *b, const side *s, const void *from, sn_real *v) {
    if (s->layout->bf16)
        gather_patches_of(b, s, from, v, true);
    else
        gather_patches_of(b, s, from, v, false);
}

/* A^T m A */
SN_INLINE void inverse_transform(const sn_real *m, size_t stride, sn_vec y[2][2]) {
    sn_vec part[2][4];
#pragma GCC unroll 4
    for (size_t j = 0; j < 4; j++) {
        const sn_vec second = sn_vec_load(m + (4 + j) * stride);
        const sn_vec third = sn_vec_load(m + (8 + j) * stride);
        part[0][j] = sn_vec_load(m + j * stride) + (second + third);
        part[1][j] = sn_vec_load(m + (12 + j) * stride) + (second - third);
    }
#pragma GCC unroll 2
    for (size_t i = 0; i < 2; i++) {
        y[i][0] = part[i][0] + (part[i][1] + part[i][2]);
        y[i][1] = part[i][3] + (part[i][1] - part[i][2]);
    }
}

/* `whole`: all four pixels of the tile are inside the image. */
SN_INLINE void outputs_at(const block *b, const side *s, const winograd_tile *t, const sn_real *m,
                          size_t stride, void *to, bool whole, bool add, bool bf16) {
    const sn_lane_layout *layout = s->layout;
    const size_t pixel = layout->pixel_stride, line = b->w->width * pixel;
    size_t at = t->image * layout->image_stride + t->y * line + t->x * pixel;
    const bool below = t->y + 1 < b->w->height, beside = t->x + 1 < b->w->width;
    for (size_t channel = 0; channel < s->padded; channel += SN_LANES, at += layout->group_stride) {
        sn_vec y[2][2];
        inverse_transform(m + channel, stride, y);
#pragma GCC unroll 2
        for (size_t i = 0; i < 2; i++)
#pragma GCC unroll 2
            for (size_t j = 0; j < 2; j++) {
                if (!whole && ((i && !below) || (j && !beside)))
                    continue;
                const size_t index = at + i * line + j * pixel;
                const sn_vec old = add ? sn_lanes_load(to, index, bf16) : sn_vec_all(0);
                sn_lanes_store(to, index, add ? old + y[i][j] : y[i][j], bf16);
            }
    }
}

SN_INLINE void scatter_outputs_of(const block *b, const side *s, const sn_real *m, void *to,
                                  bool add, bool bf16) {
    const size_t stride = position_stride(b->w, s);
    winograd_tile t = b->first;
    for (size_t i = 0; i < b->tiles; i++, next_tile(b->w, &t), m += s->padded) {
        if (t.y + 1 < b->w->height && t.x + 1 < b->w->width)
            outputs_at(b, s, &t, m, stride, to, true, add, bf16);
        else
            outputs_at(b, s, &t, m, stride, to, false, add, bf16);
    }
}

static void scatter_outputs(const block *b, const side *s, const sn_real *m, void *to, bool add) {
    if (s->layout->bf16 && add)
        scatter_outputs_of(b, s, m, to, true, true);
    else if (s->layout->bf16)
        scatter_outputs_of(b, s, m, to, false, true);
    else if (add)
        scatter_outputs_of(b, s, m, to, true, false);
    else
        scatter_outputs_of(b, s, m, to, false, false);
}

/* m[position] = A dy A^T */
SN_INLINE void spread_at(const block *b, const side *s, const winograd_tile *t, const void *from,
                         sn_real *m, size_t stride, bool whole, bool bf16) {
    const sn_lane_layout *layout = s->layout;
    const size_t pixel = layout->pixel_stride, line = b->w->width * pixel;
    size_t at = t->image * layout->image_stride + t->y * line + t->x * pixel;
    const bool below = t->y + 1 < b->w->height, beside = t->x + 1 < b->w->width;
    for (size_t channel = 0; channel < s->padded; channel += SN_LANES, at += layout->group_stride) {
        sn_vec row[4][2];
#pragma GCC unroll 2
        for (size_t j = 0; j < 2; j++) {
            const bool inside = whole || j == 0 || beside;
            const sn_vec top = inside ? sn_lanes_load(from, at + j * pixel, bf16) : sn_vec_all(0);
            const sn_vec bottom = inside && (whole || below)
                                      ? sn_lanes_load(from, at + line + j * pixel, bf16)
                                      : sn_vec_all(0);
            row[0][j] = top;
            row[1][j] = top + bottom;
            row[2][j] = top - bottom;
            row[3][j] = bottom;
        }
#pragma GCC unroll 4
        for (size_t i = 0; i < 4; i++) {
            sn_real *to = m + 4 * i * stride + channel;
            sn_vec_store(to, row[i][0]);
            sn_vec_store(to + stride, row[i][0] + row[i][1]);
            sn_vec_store(to + 2 * stride, row[i][0] - row[i][1]);
            sn_vec_store(to + 3 * stride, row[i][1]);
        }
    }
}

SN_INLINE void spread_outputs_of(const block *b, const side *s, const void *from, sn_real *m,
                                 bool bf16) {
    const size_t stride = position_stride(b->w, s);
    winograd_tile t = b->first;
    for (size_t i = 0; i < b->tiles; i++, next_tile(b->w, &t), m += s->padded) {
        if (t.y + 1 < b->w->height && t.x + 1 < b->w->width)
            spread_at(b, s, &t, from, m, stride, true, bf16);
        else
            spread_at(b, s, &t, from, m, stride, false, bf16);
    }
}

static void spread_outputs(const block *b, const side *s, const void *from, sn_real *m) {
    if (s->layout->bf16)
        spread_outputs_of(b, s, from, m, true);
    else
        spread_outputs_of(b, s, from, m, false);
}

/* The Winograd tiles of a slice. */
static size_t slice_tiles(const sn_winograd *w, size_t images) {
    return images * ((w->height + 1) / 2) * ((w->width + 1) / 2);
}

static void advance(block *b) {
    for (size_t i = 0; i < b->tiles; i++)
        next_tile(b->w, &b->first);
}

static sn_real *behind(void *workspace, size_t numbers) {
    return (sn_real *)(void *)((char *)workspace + sn_align_up(numbers * sizeof(sn_real)));
}

/* to = or += the convolution of `from`. */
static void convolve(const sn_winograd *w, const side *in, const side *out, size_t images,
                     const void *from, const sn_real *u, void *to, bool add, void *workspace) {
    const size_t v_stride = position_stride(w, in), m_stride = position_stride(w, out);
    const size_t u_stride = sn_winograd_weight_stride(in->channels, out->channels);
    sn_real *v = workspace, *m = behind(workspace, POSITIONS * v_stride);
    block b = {.w = w};
    const size_t most = tiles_per_block(w);
    for (size_t left = slice_tiles(w, images); left > 0; left -= b.tiles) {
        b.tiles = least(left, most);
        gather_patches(&b, in, from, v);
        const sn_panel_gemm gemm = {.rows = b.tiles,
                                    .steps = in->channels,
                                    .groups = out->padded / SN_LANES,
                                    .a_row = in->padded,
                                    .a_step = 1,
                                    .c_stride = out->padded};
        for (size_t position = 0; position < POSITIONS; position++)
            sn_panel_multiply(&gemm, v + position * v_stride, u + position * u_stride,
                              m + position * m_stride);
        scatter_outputs(&b, out, m, to, add);
        advance(&b);
    }
}

void sn_winograd_forward(const sn_winograd *w, size_t images, const void *x,
                         const sn_real *u_forward, void *y, void *workspace) {
    const side in = x_side(w), out = y_side(w);
    convolve(w, &in, &out, images, x, u_forward, y, false, workspace);
}

void sn_winograd_backward_data(const sn_winograd *w, size_t images, const void *dy,
                               const sn_real *u_backward, void *dx, bool add, void *workspace) {
    const side in = y_side(w), out = x_side(w);
    convolve(w, &in, &out, images, dy, u_backward, dx, add, workspace);
}

void sn_winograd_backward_weights(const sn_winograd *w, size_t images, const void *x,
                                  const void *dy, sn_real *du, void *workspace) {
    const side in = x_side(w), out = y_side(w);
    const size_t v_stride = position_stride(w, &in), m_stride = position_stride(w, &out);
    const size_t u_stride = sn_winograd_weight_stride(in.channels, out.channels);
    sn_real *v = workspace, *m = behind(workspace, POSITIONS * v_stride);
    block b = {.w = w};
    const size_t most = tiles_per_block(w);
    for (size_t left = slice_tiles(w, images); left > 0; left -= b.tiles) {
        b.tiles = least(left, most);
        gather_patches(&b, &in, x, v);
        spread_outputs(&b, &out, dy, m);
        const sn_panel_gemm gemm = {.rows = in.channels,
                                    .steps = b.tiles,
                                    .groups = out.padded / SN_LANES,
                                    .a_row = 1,
                                    .a_step = in.padded,
                                    .b_stride = out.padded,
                                    .add = true};
        for (size_t position = 0; position < POSITIONS; position++)
            sn_panel_multiply(&gemm, v + position * v_stride, m + position * m_stride,
                              du + position * u_stride);
        advance(&b);
    }
}
