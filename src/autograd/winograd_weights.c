/* The transforms of weights and of their gradients: U = G g G^T and dg = G^T dU G, for a vector of
 * filters (for backward data, of channels) at a time. */
#include "autograd/winograd_internal.h"

enum { TAPS = 9 };

size_t sn_winograd_forward_count(const sn_winograd *w) {
    return SN_WINOGRAD_POSITIONS * sn_winograd_weight_stride(w->channels, w->filters);
}

size_t sn_winograd_backward_count(const sn_winograd *w) {
    return SN_WINOGRAD_POSITIONS * sn_winograd_weight_stride(w->filters, w->channels);
}

/* First the groups of filters, which forward needs, then those of channels. */
size_t sn_winograd_weight_items(const sn_winograd *w) {
    return sn_lane_groups(w->filters) + sn_lane_groups(w->channels);
}

size_t sn_winograd_join_items(const sn_winograd *w) {
    return sn_lane_groups(w->filters);
}

/* Some lanes' windows: lane l, tap t at from[l * stride + t]. Lanes from `count` on are zero. */
static void gather_taps(const sn_real *from, size_t stride, size_t count, sn_vec taps[TAPS]) {
    for (size_t t = 0; t < TAPS; t++)
        taps[t] = sn_vec_all(0);
    for (size_t lane = 0; lane < count && lane < SN_LANES; lane++)
        for (size_t t = 0; t < TAPS; t++)
            taps[t][lane] = from[lane * stride + t];
}

/* (a, b, c) -> G (a, b, c) */
static void transform_three(sn_vec a, sn_vec b, sn_vec c, sn_vec to[4]) {
    const sn_real half = (sn_real)0.5;
    to[0] = a;
    to[1] = half * (a + c + b);
    to[2] = half * (a + c - b);
    to[3] = c;
}

/* Stores U of one group of lanes at to + position * stride. `step` is 1, or -1 for taps in reverse:
 * the window turned by half a turn. */
static void transform_taps(const sn_vec *tap, int step, sn_real *to, size_t stride) {
    sn_vec columns[3][4];
    for (int j = 0; j < 3; j++)
        transform_three(tap[step * j], tap[step * (3 + j)], tap[step * (6 + j)], columns[j]);
    for (size_t i = 0; i < 4; i++) {
        sn_vec row[4];
        transform_three(columns[0][i], columns[1][i], columns[2][i], row);
        for (size_t j = 0; j < 4; j++)
            sn_vec_store(to + (4 * i + j) * stride, row[j]);
    }
}

static void forward_group(const sn_winograd *w, const sn_real *weight, size_t group, sn_real *u) {
    const size_t groups = sn_lane_groups(w->filters), filter = group * SN_LANES;
    for (size_t c = 0; c < w->channels; c++) {
        sn_vec taps[TAPS];
        gather_taps(weight + (filter * w->channels + c) * TAPS, w->channels * TAPS,
                    w->filters - filter, taps);
        transform_taps(taps, 1, u + sn_packed_at(w->channels, groups, c, filter),
                       sn_winograd_weight_stride(w->channels, w->filters));
    }
}

static void backward_group(const sn_winograd *w, const sn_real *weight, size_t group, sn_real *u) {
    const size_t groups = sn_lane_groups(w->channels), channel = group * SN_LANES;
    for (size_t k = 0; k < w->filters; k++) {
        sn_vec taps[TAPS];
        gather_taps(weight + (k * w->channels + channel) * TAPS, TAPS, w->channels - channel, taps);
        transform_taps(taps + TAPS - 1, -1, u + sn_packed_at(w->filters, groups, k, channel),
                       sn_winograd_weight_stride(w->filters, w->channels));
    }
}

void sn_winograd_weights(const sn_winograd *w, const sn_real *weight, size_t first, size_t last,
                         sn_real *u_forward, sn_real *u_backward) {
    const size_t forward = sn_lane_groups(w->filters);
    for (size_t item = first; item < last; item++) {
        if (item < forward)
            forward_group(w, weight, item, u_forward);
        else if (u_backward)
            backward_group(w, weight, item - forward, u_backward);
    }
}

/* u -> G^T u */
static void restore_three(const sn_vec u[4], sn_vec to[3]) {
    const sn_real half = (sn_real)0.5;
    to[0] = u[0] + half * (u[1] + u[2]);
    to[1] = half * (u[1] - u[2]);
    to[2] = u[3] + half * (u[1] + u[2]);
}

/* dg from the threads' total. `at` is the number of the first position. */
static void restore_taps(const sn_thread_sums *du, size_t at, size_t stride, sn_vec taps[TAPS]) {
    sn_vec rows[4][3];
    for (size_t i = 0; i < 4; i++) {
        sn_vec sum[4];
        for (size_t j = 0; j < 4; j++) {
            sum[j] = sn_thread_total_vec(du, at + (4 * i + j) * stride);
        }
        restore_three(sum, rows[i]);
    }
    for (size_t j = 0; j < 3; j++) {
        const sn_vec column[4] = {rows[0][j], rows[1][j], rows[2][j], rows[3][j]};
        sn_vec restored[3];
        restore_three(column, restored);
        for (size_t i = 0; i < 3; i++)
            taps[3 * i + j] = restored[i];
    }
}

void sn_winograd_join_weights(const sn_winograd *w, const sn_thread_sums *du, size_t first,
                              size_t last, sn_real *dweight, bool add) {
    const size_t groups = sn_lane_groups(w->filters);
    for (size_t filter = first * SN_LANES; filter < last * SN_LANES; filter += SN_LANES) {
        for (size_t c = 0; c < w->channels; c++) {
            sn_vec taps[TAPS];
            restore_taps(du, sn_packed_at(w->channels, groups, c, filter),
                         sn_winograd_weight_stride(w->channels, w->filters), taps);
            for (size_t lane = 0; lane < SN_LANES && filter + lane < w->filters; lane++) {
                sn_real *to = dweight + ((filter + lane) * w->channels + c) * TAPS;
                for (size_t t = 0; t < TAPS; t++)
                    to[t] = add ? to[t] + taps[t][lane] : taps[t][lane];
            }
        }
    }
}
