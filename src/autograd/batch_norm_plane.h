/* The inner loops of batch-norm, over one plane (planes.h).
 *
 * Everything is inlined with constant `bf16`, `activation` and `has_residual`; see batch_norm.c.
 */
#ifndef SN_AUTOGRAD_BATCH_NORM_PLANE_H
#define SN_AUTOGRAD_BATCH_NORM_PLANE_H

#include "autograd/ops.h"
#include "autograd/planes.h"

enum { SN_PLANE_UNROLL = 4 };

/* y = activation((x - mean) scale + shift + residual) */
typedef struct sn_affine {
    sn_vec mean, scale, shift, slope;
} sn_affine;

/* ---- forward ---- */

/* The sums of x - centre and of its square. */
SN_INLINE void sn_plane_moments(const void *x, const sn_plane *s, sn_vec centre, bool bf16,
                                sn_vec *sum, sn_vec *square) {
    sn_vec sums[SN_PLANE_UNROLL] = {{0}}, squares[SN_PLANE_UNROLL] = {{0}};
    size_t i = 0;
    for (; i + SN_PLANE_UNROLL <= s->vectors; i += SN_PLANE_UNROLL) {
        for (size_t j = 0; j < SN_PLANE_UNROLL; j++) {
            const sn_vec d = sn_plane_load(x, s, i + j, bf16) - centre;
            sums[j] += d;
            squares[j] += d * d;
        }
    }
    for (; i < s->vectors; i++) {
        const sn_vec d = sn_plane_load(x, s, i, bf16) - centre;
        sums[0] += d;
        squares[0] += d * d;
    }
    if (s->tail) {
        sn_vec d = sn_plane_load_tail(x, s) - centre;
        for (size_t j = s->tail; j < SN_LANES; j++)
            d[j] = 0;
        sums[1] += d;
        squares[1] += d * d;
    }
    *sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    *square = (squares[0] + squares[1]) + (squares[2] + squares[3]);
}

SN_INLINE void sn_plane_forward(const void *x, const void *residual, void *y, const sn_plane *s,
                                const sn_affine *a, bool bf16, sn_activation activation,
                                bool has_residual) {
    for (size_t i = 0; i < s->vectors; i++) {
        sn_vec z = (sn_plane_load(x, s, i, bf16) - a->mean) * a->scale + a->shift;
        if (has_residual)
            z += sn_plane_load(residual, s, i, bf16);
        sn_plane_store(y, s, i, sn_activate(z, a->slope, activation), bf16);
    }
    if (s->tail) {
        sn_vec z = (sn_plane_load_tail(x, s) - a->mean) * a->scale + a->shift;
        if (has_residual)
            z += sn_plane_load_tail(residual, s);
        sn_plane_store_tail(y, s, sn_activate(z, a->slope, activation));
    }
}

/* ---- backward ---- */

/* What backward's first pass reads and writes; NULL where there is nothing. */
typedef struct sn_plane_gradients {
    const void *x, *y, *residual;
    void *dy; /* becomes dz, the gradient before the activation */
    void *dresidual;
    bool add_residual;
} sn_plane_gradients;

/* Sums of dz, of dz (x - mean), and of what the slope receives. */
typedef struct sn_plane_sums {
    sn_vec dz, product, slope;
} sn_plane_sums;

SN_INLINE void sn_plane_reduce(const sn_plane_gradients *g, const sn_plane *s, const sn_affine *a,
                               bool bf16, sn_activation activation, bool has_residual,
                               sn_plane_sums *sums) {
    const sn_backward_reads reads = sn_activation_traits_of(activation).backward_reads;
    sn_vec dz_sum[2] = {{0}}, product[2] = {{0}}, slope[2] = {{0}};
    const size_t count = s->vectors + (s->tail > 0);
    for (size_t i = 0; i < count; i++) {
        const bool is_tail = i == s->vectors;
#define LOAD(from) (is_tail ? sn_plane_load_tail(from, s) : sn_plane_load(from, s, i, bf16))
        const sn_vec d = LOAD(g->x) - a->mean;
        const sn_vec y = reads == SN_BACKWARD_READS_Y ? LOAD(g->y) : (sn_vec){0};
        sn_vec z = {0};
        if (reads == SN_BACKWARD_READS_X) {
            z = d * a->scale + a->shift;
            if (has_residual)
                z += LOAD(g->residual);
        }
        const sn_vec dz = sn_activate_back(LOAD(g->dy), z, y, a->slope, activation, &slope[i % 2]);
        dz_sum[i % 2] += dz;
        product[i % 2] += dz * d;
        sn_vec passed = dz;
        if (g->dresidual && g->add_residual)
            passed += LOAD(g->dresidual);
#undef LOAD
        if (is_tail) {
            sn_plane_store_tail(g->dy, s, dz);
            if (g->dresidual)
                sn_plane_store_tail(g->dresidual, s, passed);
        } else {
            if (activation != SN_ACTIVATION_NONE)
                sn_plane_store(g->dy, s, i, dz, bf16);
            if (g->dresidual)
                sn_plane_store(g->dresidual, s, i, passed, bf16);
        }
    }
    *sums = (sn_plane_sums){dz_sum[0] + dz_sum[1], product[0] + product[1], slope[0] + slope[1]};
}

/* dx (+)= scale dz - constant - (x - mean) factor. */
SN_INLINE void sn_plane_backward(const void *x, const void *dz, void *dx, const sn_plane *s,
                                 const sn_affine *a, sn_vec constant, sn_vec factor, bool bf16,
                                 bool add) {
    for (size_t i = 0; i < s->vectors; i++) {
        sn_vec v = sn_plane_load(dz, s, i, bf16) * a->scale - constant -
                   (sn_plane_load(x, s, i, bf16) - a->mean) * factor;
        if (add)
            v += sn_plane_load(dx, s, i, bf16);
        sn_plane_store(dx, s, i, v, bf16);
    }
    if (s->tail) {
        sn_vec v = sn_plane_load_tail(dz, s) * a->scale - constant -
                   (sn_plane_load_tail(x, s) - a->mean) * factor;
        if (add)
            v += sn_plane_load_tail(dx, s);
        sn_plane_store_tail(dx, s, v);
    }
}

#endif
