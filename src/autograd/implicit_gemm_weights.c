/* The weights of implicit_gemm.h as packed matrices. Forward: rows are the numbers of a window, in
 * the order in which implicit_gemm.c gathers them; columns are filters. Backward data: one matrix
 * for each grid; rows are taps and filters, columns are channels. */
#include "autograd/implicit_gemm_grid.h"
#include "autograd/panel_gemm.h"

size_t sn_implicit_gemm_forward_count(const sn_implicit_gemm *w) {
    return w->rows * w->columns * w->channels * sn_implicit_gemm_padded(w->filters);
}

/* Every tap is in one grid. */
size_t sn_implicit_gemm_backward_count(const sn_implicit_gemm *w) {
    return w->rows * w->columns * w->filters * sn_implicit_gemm_padded(w->channels);
}

/* First the groups of filters, which forward needs, then those of channels. */
size_t sn_implicit_gemm_weight_items(const sn_implicit_gemm *w) {
    return sn_lane_groups(w->filters) + sn_lane_groups(w->channels);
}

size_t sn_implicit_gemm_join_items(const sn_implicit_gemm *w) {
    return sn_lane_groups(w->filters);
}

sn_implicit_gemm_grid sn_implicit_gemm_forward_grid(const sn_implicit_gemm *w) {
    return (sn_implicit_gemm_grid){.rows = w->out_height,
                                   .columns = w->out_width,
                                   .taps_y = w->rows,
                                   .taps_x = w->columns,
                                   .step = w->stride,
                                   .first_y = -(ptrdiff_t)w->padding,
                                   .first_x = -(ptrdiff_t)w->padding,
                                   .direction = 1};
}

size_t sn_implicit_gemm_first_tap(const sn_implicit_gemm *w, size_t remainder) {
    return (remainder + w->padding) % w->stride;
}

/* How many of `size` numbers, counted from 0, are first, first + stride, .. */
static size_t strided_count(size_t size, size_t first, size_t stride) {
    return first < size ? (size - first + stride - 1) / stride : 0;
}

sn_implicit_gemm_grid sn_implicit_gemm_backward_grid(const sn_implicit_gemm *w, size_t remainder_y,
                                                     size_t remainder_x) {
    const size_t tap_y = sn_implicit_gemm_first_tap(w, remainder_y);
    const size_t tap_x = sn_implicit_gemm_first_tap(w, remainder_x);
    return (sn_implicit_gemm_grid){
        .rows = strided_count(w->height, remainder_y, w->stride),
        .columns = strided_count(w->width, remainder_x, w->stride),
        .taps_y = strided_count(w->rows, tap_y, w->stride),
        .taps_x = strided_count(w->columns, tap_x, w->stride),
        .step = 1,
        .first_y = (ptrdiff_t)((remainder_y + w->padding - tap_y) / w->stride),
        .first_x = (ptrdiff_t)((remainder_x + w->padding - tap_x) / w->stride),
        .direction = -1};
}

/* Row of the forward matrix: [c][r][s] where x is plain, else [r][s][c]. */
static size_t row_of(const sn_implicit_gemm *w, size_t c, size_t tap) {
    return w->plain ? c * w->rows * w->columns + tap : tap * w->channels + c;
}

static void forward_group(const sn_implicit_gemm *w, const sn_real *weight, size_t group,
                          sn_real *u) {
    const size_t taps = w->rows * w->columns, count = taps * w->channels;
    const size_t groups = sn_lane_groups(w->filters), filter = group * SN_LANES;
    for (size_t c = 0; c < w->channels; c++)
        for (size_t tap = 0; tap < taps; tap++) {
            sn_real *to = u + sn_packed_at(count, groups, row_of(w, c, tap), filter);
            for (size_t lane = 0; lane < SN_LANES; lane++)
                to[lane] = filter + lane < w->filters
                               ? weight[((filter + lane) * w->channels + c) * taps + tap]
                               : 0;
        }
}

/* A group of channels in the matrix of one grid. */
static void backward_grid_group(const sn_implicit_gemm *w, const sn_real *weight, size_t group,
                                const sn_implicit_gemm_grid *grid, size_t tap_y, size_t tap_x,
                                sn_real *u) {
    const size_t taps = w->rows * w->columns, count = grid->taps_y * grid->taps_x * w->filters;
    const size_t groups = sn_lane_groups(w->channels), channel = group * SN_LANES;
    for (size_t tap = 0; tap < grid->taps_y * grid->taps_x; tap++) {
        const size_t r = tap_y + tap / grid->taps_x * w->stride;
        const size_t s = tap_x + tap % grid->taps_x * w->stride;
        for (size_t k = 0; k < w->filters; k++) {
            const sn_real *from = weight + (k * w->channels + channel) * taps + r * w->columns + s;
            sn_real *to = u + sn_packed_at(count, groups, tap * w->filters + k, channel);
            for (size_t lane = 0; lane < SN_LANES; lane++)
                to[lane] = channel + lane < w->channels ? from[lane * taps] : 0;
        }
    }
}

static void backward_group(const sn_implicit_gemm *w, const sn_real *weight, size_t group,
                           sn_real *u) {
    for (size_t y = 0; y < w->stride; y++)
        for (size_t x = 0; x < w->stride; x++) {
            const sn_implicit_gemm_grid grid = sn_implicit_gemm_backward_grid(w, y, x);
            backward_grid_group(w, weight, group, &grid, sn_implicit_gemm_first_tap(w, y),
                                sn_implicit_gemm_first_tap(w, x), u);
            u += grid.taps_y * grid.taps_x * w->filters * sn_implicit_gemm_padded(w->channels);
        }
}

void sn_implicit_gemm_weights(const sn_implicit_gemm *w, const sn_real *weight, size_t first,
                              size_t last, sn_real *u_forward, sn_real *u_backward) {
    const size_t forward = sn_lane_groups(w->filters);
    for (size_t item = first; item < last; item++) {
        if (item < forward)
            forward_group(w, weight, item, u_forward);
        else if (u_backward)
            backward_group(w, weight, item - forward, u_backward);
    }
}

void sn_implicit_gemm_join_weights(const sn_implicit_gemm *w, const sn_thread_sums *du,
                                   size_t first, size_t last, sn_real *dweight, bool add) {
    const size_t taps = w->rows * w->columns, groups = sn_lane_groups(w->filters);
    for (size_t filter = first * SN_LANES; filter < last * SN_LANES; filter += SN_LANES)
        for (size_t c = 0; c < w->channels; c++)
            for (size_t tap = 0; tap < taps; tap++) {
                const size_t at =
                    sn_packed_at(taps * w->channels, groups, row_of(w, c, tap), filter);
                const sn_vec sum = sn_thread_total_vec(du, at);
                for (size_t lane = 0; lane < SN_LANES && filter + lane < w->filters; lane++) {
                    sn_real *to = dweight + ((filter + lane) * w->channels + c) * taps + tap;
                    *to = add ? *to + sum[lane] : sum[lane];
                }
            }
}
