#include "lane_trial.h"

#include "base/memory.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Rounding to the nearest number is wrong by this at most, relatively. */
#ifdef SN_REAL_DOUBLE
#define ROUNDING (DBL_EPSILON / 2)
enum { HAS_BF16 = 0 };
#else
#define ROUNDING ((double)FLT_EPSILON / 2)
enum { HAS_BF16 = 1 };
#endif
static const double bf16_rounding = 1.0 / 256;

/* A block with a canary behind it, filled with what is not a number. */
enum { CANARY = 128 };

typedef struct memory {
    unsigned char *bytes;
    size_t size;
} memory;

static memory take(size_t size) {
    memory m = {sn_alloc(size + CANARY), size};
    ck_assert_ptr_nonnull(m.bytes);
    memset(m.bytes, 0xff, size + CANARY);
    return m;
}

static void check_canary(memory m) {
    for (size_t i = 0; i < CANARY; i++)
        if (m.bytes[m.size + i] != 0xff)
            ck_abort_msg("wrote %zu bytes behind the end", i);
}

static void give(memory m) {
    check_canary(m);
    sn_free(m.bytes);
}

/* An array of numbers [N][C][H][W] and the bound on the error of each. */
typedef struct array {
    size_t n, c, pixels;
    double *value;
} array;

static array new_array(size_t n, size_t c, size_t pixels) {
    array a = {n, c, pixels, sn_alloc_array(n * c * pixels, sizeof(double))};
    ck_assert_ptr_nonnull(a.value);
    return a;
}

static size_t array_count(const array *a) {
    return a->n * a->c * a->pixels;
}

/* The bf16 nearest to the number, ties to even. */
static double rounded_to_bf16(double value) {
    int exponent;
    const double fraction = frexp(value, &exponent);
    return ldexp(nearbyint(ldexp(fraction, 8)), exponent - 8);
}

/* Integers from -4 to 4, or fractions from -1 to 1 that are exact in the number type. */
static array random_array(size_t n, size_t c, size_t pixels, bool bf16, bool exact,
                          uint64_t *state) {
    array a = new_array(n, c, pixels);
    for (size_t i = 0; i < array_count(&a); i++) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        const double value = (double)(float)((double)(*state >> 40) / (1 << 23) - 1);
        a.value[i] = exact  ? (double)(*state >> 40) - floor((double)(*state >> 40) / 9) * 9 - 4
                     : bf16 ? rounded_to_bf16(value)
                            : value;
    }
    return a;
}

static sn_lane_layout layout_of(size_t channels, size_t pixels, bool interleaved, bool bf16) {
    sn_lane_layout layout = {.groups = sn_lane_groups(channels), .pixels = pixels, .bf16 = bf16};
    layout.group_stride = interleaved ? SN_LANES : pixels * SN_LANES;
    layout.pixel_stride = interleaved ? layout.groups * SN_LANES : SN_LANES;
    layout.image_stride = layout.groups * pixels * SN_LANES;
    return layout;
}

static size_t element_size(const sn_lane_layout *layout) {
    return layout->bf16 ? sizeof(sn_bf16) : sizeof(sn_real);
}

static size_t element_at(const sn_lane_layout *layout, size_t n, size_t c, size_t pixel) {
    return n * layout->image_stride + c / SN_LANES * layout->group_stride +
           pixel * layout->pixel_stride + c % SN_LANES;
}

static void put(memory m, const sn_lane_layout *layout, size_t index, double value) {
    if (layout->bf16) {
        const float number = (float)value;
        uint32_t bits;
        memcpy(&bits, &number, sizeof bits);
        ((sn_bf16 *)(void *)m.bytes)[index] = (sn_bf16)(bits >> 16);
    } else {
        ((sn_real *)(void *)m.bytes)[index] = (sn_real)value;
    }
}

static double get(memory m, const sn_lane_layout *layout, size_t index) {
    if (!layout->bf16)
        return (double)((const sn_real *)(const void *)m.bytes)[index];
    const uint32_t bits = (uint32_t)((const sn_bf16 *)(const void *)m.bytes)[index] << 16;
    float number;
    memcpy(&number, &bits, sizeof number);
    return (double)number;
}

static memory take_layout(const array *a, const sn_lane_layout *layout) {
    return take(a->n * layout->image_stride * element_size(layout));
}

static memory packed(const array *a, const sn_lane_layout *layout) {
    memory m = take_layout(a, layout);
    memset(m.bytes, 0, m.size);
    for (size_t n = 0; n < a->n; n++)
        for (size_t c = 0; c < a->c; c++)
            for (size_t p = 0; p < a->pixels; p++)
                put(m, layout, element_at(layout, n, c, p),
                    a->value[(n * a->c + c) * a->pixels + p]);
    return m;
}

static memory plain(const array *a) {
    memory m = take(array_count(a) * sizeof(sn_real));
    for (size_t i = 0; i < array_count(a); i++)
        ((sn_real *)(void *)m.bytes)[i] = (sn_real)a->value[i];
    return m;
}

static double largest(const array *a) {
    double most = 0;
    for (size_t i = 0; i < array_count(a); i++)
        most = fmax(most, fabs(a->value[i]));
    return most;
}

/* What one number may deviate by: 0 where all sums are exact. */
static void check_value(double value, double exact, double bound, bool bf16) {
    const double wanted = bf16 && bound == 0 ? rounded_to_bf16(exact) : exact;
    const double tolerance =
        bound + (bf16 && bound > 0 ? bf16_rounding * (fabs(wanted) + bound) : 0);
    /* An assertion that holds is not free, and there are millions. */
    if (!(fabs(value - wanted) <= tolerance))
        ck_abort_msg("%.9g, not %.9g (within %.3g)", value, wanted, tolerance);
}

/* `bound` is on the error of the sums. */
static void check_packed(memory m, const sn_lane_layout *layout, const array *wanted,
                         double bound) {
    for (size_t n = 0; n < wanted->n; n++)
        for (size_t c = 0; c < layout->groups * SN_LANES; c++)
            for (size_t p = 0; p < wanted->pixels; p++) {
                const double value = get(m, layout, element_at(layout, n, c, p));
                if (c < wanted->c)
                    check_value(value, wanted->value[(n * wanted->c + c) * wanted->pixels + p],
                                bound, layout->bf16);
                else if (value != 0)
                    ck_abort_msg("%.9g in padding channel %zu", value, c);
            }
}

static void check_plain(memory m, const array *wanted, double bound) {
    for (size_t i = 0; i < array_count(wanted); i++)
        check_value((double)((const sn_real *)(const void *)m.bytes)[i], wanted->value[i], bound,
                    false);
}

/* One side of each of the naive products; all three passes walk the same triples. */
typedef struct naive {
    array x, weight, y;    /* weight is [K][C][taps] */
    array dx, dweight, dy; /* dx and dweight begin with what is added to */
} naive;

static void naive_product(const naive *a, size_t x, size_t weight, size_t y) {
    a->y.value[y] += a->x.value[x] * a->weight.value[weight];
    a->dx.value[x] += a->dy.value[y] * a->weight.value[weight];
    a->dweight.value[weight] += a->dy.value[y] * a->x.value[x];
}

static void naive_convolution(const lane_case *c, const naive *a) {
    const size_t taps = c->rows * c->columns;
    for (size_t n = 0; n < c->images; n++)
        for (size_t k = 0; k < c->filters; k++)
            for (size_t p = 0; p < a->y.pixels; p++)
                for (size_t channel = 0; channel < c->channels; channel++)
                    for (size_t tap = 0; tap < taps; tap++) {
                        const size_t iy =
                            p / c->out_width * c->stride + tap / c->columns - c->padding;
                        const size_t ix =
                            p % c->out_width * c->stride + tap % c->columns - c->padding;
                        if (iy < c->height && ix < c->width)
                            naive_product(
                                a, ((n * c->channels + channel) * c->height + iy) * c->width + ix,
                                (k * c->channels + channel) * taps + tap,
                                (n * c->filters + k) * a->y.pixels + p);
                    }
}

/* What one case runs on. */
typedef struct trial {
    const lane_engine *engine;
    const lane_case *c;
    naive a;
    memory x, dy, weight, u_forward, u_backward, workspace;
    double bound_y, bound_x, bound_weight; /* on errors */
} trial;

static const unsigned char *image_of(memory m, const sn_lane_layout *layout, size_t n) {
    return m.bytes + n * layout->image_stride * element_size(layout);
}

static void spoil_workspace(const trial *t) {
    memset(t->workspace.bytes, 0xff, t->workspace.size);
}

static void try_forward(const trial *t) {
    const lane_case *c = t->c;
    memory y = take_layout(&t->a.y, &c->y), slices = take_layout(&t->a.y, &c->y);
    const sn_real *u = (const void *)t->u_forward.bytes;
    spoil_workspace(t);
    t->engine->forward(c, c->images, t->x.bytes, u, y.bytes, t->workspace.bytes);
    check_packed(y, &c->y, &t->a.y, t->bound_y);
    for (size_t n = 0; n < c->images; n++) {
        spoil_workspace(t);
        t->engine->forward(c, 1, image_of(t->x, &c->x, n), u,
                           slices.bytes + (image_of(y, &c->y, n) - y.bytes), t->workspace.bytes);
    }
    ck_assert_mem_eq(y.bytes, slices.bytes, y.size);
    give(slices);
    give(y);
}

static void try_backward_data(const trial *t, const array *old, bool add) {
    const lane_case *c = t->c;
    memory dx = add ? packed(old, &c->x) : take_layout(old, &c->x);
    memory slices = add ? packed(old, &c->x) : take_layout(old, &c->x);
    const sn_real *u = (const void *)t->u_backward.bytes;
    spoil_workspace(t);
    t->engine->backward_data(c, c->images, t->dy.bytes, u, dx.bytes, add, t->workspace.bytes);
    array wanted = new_array(old->n, old->c, old->pixels);
    for (size_t i = 0; i < array_count(old); i++)
        wanted.value[i] = t->a.dx.value[i] - (add ? 0 : old->value[i]);
    check_packed(dx, &c->x, &wanted, t->bound_x);
    for (size_t n = 0; n < c->images; n++) {
        spoil_workspace(t);
        t->engine->backward_data(c, 1, image_of(t->dy, &c->y, n), u,
                                 slices.bytes + (image_of(dx, &c->x, n) - dx.bytes), add,
                                 t->workspace.bytes);
    }
    ck_assert_mem_eq(dx.bytes, slices.bytes, dx.size);
    sn_free(wanted.value);
    give(slices);
    give(dx);
}

static void join(const trial *t, const sn_thread_sums *du, memory dweight, bool add) {
    for (size_t item = t->engine->join_items(t->c); item-- > 0;)
        t->engine->join(t->c, du, item, item + 1, (void *)dweight.bytes, add);
}

/* The whole batch at once; image by image into one sum; two sums of half the images each. */
static void try_backward_weights(const trial *t, const array *old) {
    const lane_case *c = t->c;
    const size_t size = t->engine->forward_count(c) * sizeof(sn_real), half = c->images / 2;
    memory all = take(4 * (size + CANARY)), du[4];
    for (size_t i = 0; i < 4; i++) {
        du[i] = (memory){all.bytes + i * (size + CANARY), size};
        memset(du[i].bytes, 0, size);
    }
    const struct {
        size_t sum, first, last;
    } parts[] = {{0, 0, c->images}, {2, 0, half}, {3, half, c->images}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        spoil_workspace(t);
        t->engine->backward_weights(c, parts[i].last - parts[i].first,
                                    image_of(t->x, &c->x, parts[i].first),
                                    image_of(t->dy, &c->y, parts[i].first),
                                    (void *)du[parts[i].sum].bytes, t->workspace.bytes);
    }
    for (size_t n = 0; n < c->images; n++)
        t->engine->backward_weights(c, 1, image_of(t->x, &c->x, n), image_of(t->dy, &c->y, n),
                                    (void *)du[1].bytes, t->workspace.bytes);
    ck_assert_mem_eq(du[0].bytes, du[1].bytes, size);
    const size_t stride = (size + CANARY) / sizeof(sn_real);
    const sn_thread_sums whole = {(void *)du[0].bytes, stride, 1};
    const sn_thread_sums halves = {(void *)du[2].bytes, stride, 2};
    memory dweight = plain(old);
    join(t, &whole, dweight, true);
    check_plain(dweight, &t->a.dweight, t->bound_weight);
    for (size_t i = 0; i < array_count(old); i++)
        t->a.dweight.value[i] -= old->value[i];
    join(t, &halves, dweight, false);
    check_plain(dweight, &t->a.dweight, t->bound_weight);
    give(dweight);
    for (size_t i = 0; i < 4; i++)
        check_canary(du[i]);
    give(all);
}

static void arrange_weights(const trial *t) {
    for (size_t item = t->engine->weight_items(t->c); item-- > 0;)
        t->engine->weights(t->c, (void *)t->weight.bytes, item, item + 1,
                           (void *)t->u_forward.bytes,
                           t->c->plain ? NULL : (void *)t->u_backward.bytes);
}

static array copy_of(const array *a) {
    array copy = new_array(a->n, a->c, a->pixels);
    memcpy(copy.value, a->value, array_count(a) * sizeof *a->value);
    return copy;
}

/* Of a sum that is added to what is at most `old`. Higham, Accuracy and Stability of Numerical
 * Algorithms, lemma 3.1: k roundings make a term wrong by k u / (1 - k u) at most, relatively. */
static double bound_of(const lane_case *c, lane_error error, double product, double old) {
    const double share = (error.roundings + 1) * ROUNDING;
    return c->exact ? 0 : share / (1 - share) * (error.terms * product + old);
}

static void run_trial(trial *t) {
    const lane_case *c = t->c;
    naive *a = &t->a;
    const array old_dx = copy_of(&a->dx), old_dweight = copy_of(&a->dweight);
    naive_convolution(c, a);
    const double x = largest(&a->x), weight = largest(&a->weight), dy = largest(&a->dy);
    t->bound_y = bound_of(c, t->engine->forward_error(c), x * weight, 0);
    t->bound_x = bound_of(c, t->engine->backward_data_error(c), dy * weight, largest(&old_dx));
    t->bound_weight =
        bound_of(c, t->engine->backward_weights_error(c), dy * x, largest(&old_dweight));
    arrange_weights(t);
    try_forward(t);
    if (!c->plain) {
        try_backward_data(t, &old_dx, false);
        try_backward_data(t, &old_dx, true);
    }
    try_backward_weights(t, &old_dweight);
    sn_free(old_dx.value);
    sn_free(old_dweight.value);
}

void lane_trial(const lane_engine *engine, lane_case c) {
    c.out_height = (c.height + 2 * c.padding - c.rows) / c.stride + 1;
    c.out_width = (c.width + 2 * c.padding - c.columns) / c.stride + 1;
    const size_t pixels = c.height * c.width, outputs = c.out_height * c.out_width;
    c.x = layout_of(c.channels, pixels, c.interleaved, c.x_bf16);
    c.y = layout_of(c.filters, outputs, c.interleaved, c.y_bf16);
    if (c.plain)
        c.x = (sn_lane_layout){.image_stride = c.channels * pixels};
    uint64_t state = c.channels * 1000 + c.filters;
    trial t = {.engine = engine, .c = &c};
    t.a = (naive){
        .x = random_array(c.images, c.channels, pixels, c.x_bf16, c.exact, &state),
        .weight = random_array(c.filters, c.channels, c.rows * c.columns, false, c.exact, &state),
        .y = new_array(c.images, c.filters, outputs),
        .dx = random_array(c.images, c.channels, pixels, c.x_bf16, c.exact, &state),
        .dweight = random_array(c.filters, c.channels, c.rows * c.columns, false, c.exact, &state),
        .dy = random_array(c.images, c.filters, outputs, c.y_bf16, c.exact, &state)};
    t.x = c.plain ? plain(&t.a.x) : packed(&t.a.x, &c.x);
    t.dy = packed(&t.a.dy, &c.y);
    t.weight = plain(&t.a.weight);
    t.u_forward = take(engine->forward_count(&c) * sizeof(sn_real));
    t.u_backward = take(engine->backward_count(&c) * sizeof(sn_real));
    t.workspace = take(engine->workspace(&c));
    run_trial(&t);
    const memory memories[] = {t.x, t.dy, t.weight, t.u_forward, t.u_backward, t.workspace};
    for (size_t i = 0; i < sizeof memories / sizeof *memories; i++)
        give(memories[i]);
    const array arrays[] = {t.a.x, t.a.weight, t.a.y, t.a.dx, t.a.dweight, t.a.dy};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        sn_free(arrays[i].value);
}

void lane_trial_everywhere(const lane_engine *engine, lane_case c) {
    for (int i = 0; i < 8; i++) {
        c.interleaved = i & 1;
        c.x_bf16 = i & 2;
        c.y_bf16 = i & 4;
        if ((i & 6 && !HAS_BF16) || (c.x_bf16 && c.plain))
            continue;
        c.exact = true;
        lane_trial(engine, c);
        c.exact = false;
        if (!c.interleaved)
            lane_trial(engine, c);
    }
}
