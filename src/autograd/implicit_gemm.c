/* The passes of implicit_gemm.h. The windows of a block of outputs are gathered as a matrix A:
 *     from a lane layout     [output][tap][channel], window after window
 *     from a plain layout    [channel][tap][output], so that rows of pixels are copied
 * The block's outputs are [output][channel], both before they are stored and after loading. */
#include "autograd/implicit_gemm.h"

#include "autograd/implicit_gemm_grid.h"
#include "autograd/panel_gemm.h"
#include "base/memory.h"

enum {
    BLOCK_NUMBERS = 32 * 1024, /* of A, which should stay in the L2 cache */
    FEWEST_OUTPUTS = 48,       /* in a block: each block passes over all weights */
    MOST_OUTPUTS = 192
};

/* The activations on one side of the convolution. */
typedef struct side {
    size_t channels, padded;
    size_t height, width;
    const sn_lane_layout *layout;
    bool plain;
} side;

static side x_side(const sn_implicit_gemm *w) {
    return (side){w->channels, sn_implicit_gemm_padded(w->channels), w->height, w->width, &w->x,
                  w->plain};
}

static side y_side(const sn_implicit_gemm *w) {
    return (side){
        w->filters, sn_implicit_gemm_padded(w->filters), w->out_height, w->out_width, &w->y, false};
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

static size_t outputs_per_block(size_t window_numbers) {
    const size_t fit = BLOCK_NUMBERS / larger(window_numbers, 1);
    const size_t outputs = least(larger(fit, FEWEST_OUTPUTS), MOST_OUTPUTS);
    return outputs / SN_REGISTER_ROWS * SN_REGISTER_ROWS;
}

/* A pass in numbers: what it gathers from where. */
typedef struct pass {
    sn_implicit_gemm_grid grid;
    side source;
    size_t numbers;  /* in a window */
    size_t outputs;  /* in a full block */
    size_t a_stride; /* of A, from window to window, or from number to number if plain */
} pass;

static pass pass_of(sn_implicit_gemm_grid grid, side source) {
    pass p = {.grid = grid, .source = source};
    p.numbers = grid.taps_y * grid.taps_x * source.channels;
    p.outputs = outputs_per_block(p.numbers);
    /* The last vector of a window may run over by less than SN_LANES. */
    p.a_stride = source.plain ? p.outputs : (p.numbers / SN_LANES + 1) * SN_LANES;
    return p;
}

static size_t a_bytes(const pass *p) {
    return sn_align_up((p->source.plain ? p->numbers : p->outputs) * p->a_stride * sizeof(sn_real));
}

static size_t pass_bytes(const pass *p, const side *out) {
    return a_bytes(p) + sn_align_up(p->outputs * out->padded * sizeof(sn_real));
}

size_t sn_implicit_gemm_workspace(const sn_implicit_gemm *w) {
    const side x = x_side(w), y = y_side(w);
    const pass forward = pass_of(sn_implicit_gemm_forward_grid(w), x);
    size_t most = pass_bytes(&forward, &y);
    for (size_t i = 0; i < w->stride; i++)
        for (size_t j = 0; j < w->stride; j++) {
            const pass backward = pass_of(sn_implicit_gemm_backward_grid(w, i, j), y);
            most = larger(most, pass_bytes(&backward, &x));
        }
    return most;
}

/* An output of the slice, in the order in which outputs are numbered. */
typedef struct place {
    size_t image, row, column;
} place;

static void next_place(const sn_implicit_gemm_grid *grid, place *at) {
    if (++at->column < grid->columns)
        return;
    at->column = 0;
    if (++at->row < grid->rows)
        return;
    at->row = 0;
    at->image++;
}

/* Where the outputs are: (row, column) of the grid is pixel origin + row row_step + column
 * column_step. */
typedef struct target {
    const side *side;
    size_t origin, row_step, column_step;
} target;

static size_t target_at(const target *t, const place *at) {
    const sn_lane_layout *layout = t->side->layout;
    return at->image * layout->image_stride +
           (t->origin + at->row * t->row_step + at->column * t->column_step) * layout->pixel_stride;
}

/* One tap of one window. The last vector runs over into the next tap's place, which is filled
 * later, or over the window's end. */
SN_INLINE void gather_tap(const side *s, const void *from, size_t at, bool inside, sn_real *a,
                          size_t groups, bool bf16) {
    if (!inside) {
        for (size_t group = 0; group < groups; group++)
            sn_vec_store(a + group * SN_LANES, sn_vec_all(0));
        return;
    }
    for (size_t group = 0; group < groups; group++) {
        sn_vec_store(a + group * SN_LANES, sn_lanes_load(from, at, bf16));
        at += s->layout->group_stride;
    }
}

SN_INLINE void gather_window(const pass *p, const void *from, const place *at, sn_real *a,
                             size_t groups, bool bf16) {
    const sn_implicit_gemm_grid *grid = &p->grid;
    const side *s = &p->source;
    const size_t image = at->image * s->layout->image_stride, pixel = s->layout->pixel_stride;
    ptrdiff_t y = grid->first_y + (ptrdiff_t)(at->row * grid->step);
    for (size_t r = 0; r < grid->taps_y; r++, y += grid->direction) {
        ptrdiff_t x = grid->first_x + (ptrdiff_t)(at->column * grid->step);
        for (size_t c = 0; c < grid->taps_x; c++, x += grid->direction) {
            /* Negative numbers are large ones. */
            const bool inside = (size_t)y < s->height && (size_t)x < s->width;
            gather_tap(s, from, image + ((size_t)y * s->width + (size_t)x) * pixel, inside, a,
                       groups, bf16);
            a += s->channels;
        }
    }
}

SN_INLINE void gather_lanes_of(const pass *p, const void *from, place at, size_t count, sn_real *a,
                               size_t groups, bool bf16) {
    for (size_t i = 0; i < count; i++, next_place(&p->grid, &at), a += p->a_stride)
        gather_window(p, from, &at, a, groups, bf16);
}

/* Small constant numbers of groups are copied without loops: they are in layers where that counts.
 */
SN_INLINE void gather_lanes(const pass *p, const void *from, place at, size_t count, sn_real *a,
                            bool bf16) {
    const size_t groups = sn_lane_groups(p->source.channels);
    if (groups == 1)
        gather_lanes_of(p, from, at, count, a, 1, bf16);
    else if (groups == 2)
        gather_lanes_of(p, from, at, count, a, 2, bf16);
    else if (groups == 4)
        gather_lanes_of(p, from, at, count, a, 4, bf16);
    else
        gather_lanes_of(p, from, at, count, a, groups, bf16);
}

/* Outputs of one row, for one tap: a[i] = line[x + i step], zeros outside. */
static void gather_line(const sn_real *line, size_t width, ptrdiff_t x, size_t step, size_t count,
                        sn_real *a) {
    size_t i = 0;
    for (; i < count && x < 0; i++, x += (ptrdiff_t)step)
        a[i] = 0;
    const size_t left = (size_t)x < width ? (width - (size_t)x + step - 1) / step : 0;
    const size_t inside = least(count - i, left);
    const sn_real *from = inside ? line + x : line;
    if (step == 1)
        for (size_t n = 0; n < inside; n++)
            a[i + n] = from[n];
    else if (step == 2)
        for (size_t n = 0; n < inside; n++)
            a[i + n] = from[2 * n];
    else
        for (size_t n = 0; n < inside; n++)
            a[i + n] = from[n * step];
    for (i += inside; i < count; i++)
        a[i] = 0;
}

/* As many outputs of one row as `count` allows, all numbers of their windows. */
static void gather_plain_row(const pass *p, const sn_real *image, const place *at, size_t count,
                             sn_real *a) {
    const sn_implicit_gemm_grid *grid = &p->grid;
    const side *s = &p->source;
    for (size_t channel = 0; channel < s->channels; channel++) {
        ptrdiff_t y = grid->first_y + (ptrdiff_t)(at->row * grid->step);
        for (size_t r = 0; r < grid->taps_y; r++, y++) {
            const bool inside = (size_t)y < s->height;
            const sn_real *line = image + (inside ? channel * s->height + (size_t)y : 0) * s->width;
            ptrdiff_t x = grid->first_x + (ptrdiff_t)(at->column * grid->step);
            for (size_t c = 0; c < grid->taps_x; c++, x++, a += p->a_stride)
                gather_line(line, inside ? s->width : 0, x, grid->step, count, a);
        }
    }
}

static void gather_plain(const pass *p, const sn_real *from, place at, size_t count, sn_real *a) {
    while (count > 0) {
        const size_t row = least(count, p->grid.columns - at.column);
        gather_plain_row(p, from + at.image * p->source.layout->image_stride, &at, row, a);
        for (size_t i = 0; i < row; i++)
            next_place(&p->grid, &at);
        a += row;
        count -= row;
    }
}

static void gather(const pass *p, const void *from, place at, size_t count, sn_real *a) {
    if (p->source.plain)
        gather_plain(p, from, at, count, a);
    else if (p->source.layout->bf16)
        gather_lanes(p, from, at, count, a, true);
    else
        gather_lanes(p, from, at, count, a, false);
}

SN_INLINE void scatter_of(const pass *p, const target *t, place at, size_t count, const sn_real *c,
                          void *to, bool add, bool bf16) {
    for (size_t i = 0; i < count; i++, next_place(&p->grid, &at)) {
        size_t index = target_at(t, &at);
        for (size_t channel = 0; channel < t->side->padded; channel += SN_LANES, c += SN_LANES) {
            const sn_vec value = sn_vec_load(c);
            sn_lanes_store(to, index, add ? sn_lanes_load(to, index, bf16) + value : value, bf16);
            index += t->side->layout->group_stride;
        }
    }
}

static void scatter(const pass *p, const target *t, place at, size_t count, const sn_real *c,
                    void *to, bool add) {
    if (t->side->layout->bf16 && add)
        scatter_of(p, t, at, count, c, to, true, true);
    else if (t->side->layout->bf16)
        scatter_of(p, t, at, count, c, to, false, true);
    else if (add)
        scatter_of(p, t, at, count, c, to, true, false);
    else
        scatter_of(p, t, at, count, c, to, false, false);
}

/* The inverse of scatter. */
SN_INLINE void collect_of(const pass *p, const target *t, place at, size_t count, const void *from,
                          sn_real *c, bool bf16) {
    for (size_t i = 0; i < count; i++, next_place(&p->grid, &at)) {
        size_t index = target_at(t, &at);
        for (size_t channel = 0; channel < t->side->padded; channel += SN_LANES, c += SN_LANES) {
            sn_vec_store(c, sn_lanes_load(from, index, bf16));
            index += t->side->layout->group_stride;
        }
    }
}

static void collect(const pass *p, const target *t, place at, size_t count, const void *from,
                    sn_real *c) {
    if (t->side->layout->bf16)
        collect_of(p, t, at, count, from, c, true);
    else
        collect_of(p, t, at, count, from, c, false);
}

/* to = or += the windows of `from` times the packed matrix u. */
static void multiply(const pass *p, const target *t, size_t images, const void *from,
                     const sn_real *u, void *to, bool add, void *workspace) {
    sn_real *a = workspace, *c = (void *)((char *)workspace + a_bytes(p));
    const side *out = t->side;
    place at = {0};
    size_t count;
    for (size_t left = images * p->grid.rows * p->grid.columns; left > 0; left -= count) {
        count = least(left, p->outputs);
        gather(p, from, at, count, a);
        const sn_panel_gemm gemm = {.rows = count,
                                    .steps = p->numbers,
                                    .groups = out->padded / SN_LANES,
                                    .a_row = p->source.plain ? 1 : p->a_stride,
                                    .a_step = p->source.plain ? p->a_stride : 1,
                                    .c_stride = out->padded};
        sn_panel_multiply(&gemm, a, u, c);
        scatter(p, t, at, count, c, to, add);
        for (size_t i = 0; i < count; i++)
            next_place(&p->grid, &at);
    }
}

void sn_implicit_gemm_forward(const sn_implicit_gemm *w, size_t images, const void *x,
                              const sn_real *u_forward, void *y, void *workspace) {
    const side out = y_side(w);
    const pass p = pass_of(sn_implicit_gemm_forward_grid(w), x_side(w));
    const target t = {&out, 0, w->out_width, 1};
    multiply(&p, &t, images, x, u_forward, y, false, workspace);
}

void sn_implicit_gemm_backward_data(const sn_implicit_gemm *w, size_t images, const void *dy,
                                    const sn_real *u_backward, void *dx, bool add,
                                    void *workspace) {
    const side in = y_side(w), out = x_side(w);
    for (size_t i = 0; i < w->stride; i++)
        for (size_t j = 0; j < w->stride; j++) {
            const pass p = pass_of(sn_implicit_gemm_backward_grid(w, i, j), in);
            const target t = {&out, i * w->width + j, w->stride * w->width, w->stride};
            /* Pixels that no window reaches still have to become zero. */
            if (p.numbers > 0 || !add)
                multiply(&p, &t, images, dy, u_backward, dx, add, workspace);
            u_backward += p.numbers * out.padded;
        }
}

void sn_implicit_gemm_backward_weights(const sn_implicit_gemm *w, size_t images, const void *x,
                                       const void *dy, sn_real *du, void *workspace) {
    const side out = y_side(w);
    const pass p = pass_of(sn_implicit_gemm_forward_grid(w), x_side(w));
    const target t = {&out, 0, w->out_width, 1};
    sn_real *a = workspace, *c = (void *)((char *)workspace + a_bytes(&p));
    place at = {0};
    size_t count;
    for (size_t left = images * p.grid.rows * p.grid.columns; left > 0; left -= count) {
        count = least(left, p.outputs);
        gather(&p, x, at, count, a);
        collect(&p, &t, at, count, dy, c);
        const sn_panel_gemm gemm = {.rows = p.numbers,
                                    .steps = count,
                                    .groups = out.padded / SN_LANES,
                                    .a_row = p.source.plain ? p.a_stride : 1,
                                    .a_step = p.source.plain ? 1 : p.a_stride,
                                    .b_stride = out.padded,
                                    .add = true};
        sn_panel_multiply(&gemm, a, c, du);
        for (size_t i = 0; i < count; i++)
            next_place(&p.grid, &at);
    }
}
