#include "op_naive.h"

#include <math.h>

static size_t at(const sn_shape *s, size_t a, size_t b, size_t c, size_t d) {
    return ((a * s->size[1] + b) * s->size[2] + c) * s->size[3] + d;
}

static size_t elements(const sn_shape *s) {
    size_t count = 1;
    for (int i = 0; i < s->rank; i++)
        count *= s->size[i];
    return count;
}

static size_t outputs(size_t size, size_t kernel, const op_case *c) {
    size_t count = 0; /* as many as there are windows that fit into the padded image */
    while (count * (size_t)c->stride + kernel <= size + 2 * (size_t)c->padding)
        count++;
    return count;
}

/* The pixel that tap `tap` of output `o` meets, along one axis; -1 in the padding. */
static long pixel(size_t o, size_t tap, size_t size, const op_case *c) {
    const long i = (long)o * c->stride + (long)tap - c->padding;
    return i >= 0 && i < (long)size ? i : -1;
}

static size_t channel_at(const op_case *c, size_t i) {
    const sn_shape *x = &c->operand[0];
    return i / (x->size[2] * x->size[3]) % x->size[1];
}

sn_shape naive_make_plain_shape(const op_case *c) {
    return c->operand[0];
}

void naive_make_plain_forward(const op_case *c, double *const *operand, double *y) {
    for (size_t i = 0; i < elements(&c->operand[0]); i++)
        y[i] = operand[0][i];
}

void naive_make_plain_backward(const op_case *c, double *const *operand, const double *dy,
                               double *const *gradient) {
    (void)operand;
    for (size_t i = 0; gradient[0] && i < elements(&c->operand[0]); i++)
        gradient[0][i] += dy[i];
}

sn_shape naive_shift_shape(const op_case *c) {
    return c->operand[0];
}

void naive_shift_forward(const op_case *c, double *const *operand, double *y) {
    for (size_t i = 0; i < elements(&c->operand[0]); i++) {
        const size_t k = channel_at(c, i);
        const double z = operand[0][i] + operand[1][k];
        y[i] = operand[2] ? fmax(z, 0) + operand[2][k] * fmin(z, 0) + operand[3][k]
                          : fmin(fmax(z, -2), 2);
    }
}

void naive_shift_backward(const op_case *c, double *const *operand, const double *dy,
                          double *const *gradient) {
    for (size_t i = 0; i < elements(&c->operand[0]); i++) {
        const size_t k = channel_at(c, i);
        const double z = operand[0][i] + operand[1][k];
        const double passed = operand[2]     ? (z > 0 ? dy[i] : operand[2][k] * dy[i])
                              : fabs(z) <= 2 ? dy[i]
                                             : 0;
        const double received[] = {passed, passed, fmin(z, 0) * dy[i], dy[i]};
        for (int j = 0; j < (operand[2] ? 4 : 2); j++)
            if (gradient[j])
                gradient[j][j ? k : i] += received[j];
    }
}

bool naive_shift_is_smooth(const op_case *c, double *const *operand, double margin) {
    for (size_t i = 0; i < elements(&c->operand[0]); i++) {
        const double z = operand[0][i] + operand[1][channel_at(c, i)];
        if (fabs(fabs(z) - (operand[2] ? 0 : 2)) < margin)
            return false;
    }
    return true;
}

sn_shape naive_conv2d_shape(const op_case *c) {
    const size_t *x = c->operand[0].size, *w = c->operand[1].size;
    return sn_shape_4(x[0], w[0], outputs(x[2], w[2], c), outputs(x[3], w[3], c));
}

/* Both directions of the convolution visit the same products: y += x w. */
static void visit_conv2d(const op_case *c, double *const *operand, double *y, const double *dy,
                         double *const *gradient) {
    const sn_shape *xs = &c->operand[0], *ws = &c->operand[1];
    const sn_shape ys = naive_conv2d_shape(c);
    for (size_t n = 0; n < ys.size[0]; n++)
        for (size_t k = 0; k < ys.size[1]; k++)
            for (size_t oy = 0; oy < ys.size[2]; oy++)
                for (size_t ox = 0; ox < ys.size[3]; ox++) {
                    const size_t o = at(&ys, n, k, oy, ox);
                    if (y)
                        y[o] = operand[2] ? operand[2][k] : 0;
                    if (dy && gradient[2])
                        gradient[2][k] += dy[o];
                    for (size_t i = 0; i < xs->size[1]; i++)
                        for (size_t r = 0; r < ws->size[2]; r++)
                            for (size_t s = 0; s < ws->size[3]; s++) {
                                const long iy = pixel(oy, r, xs->size[2], c);
                                const long ix = pixel(ox, s, xs->size[3], c);
                                if (iy < 0 || ix < 0)
                                    continue;
                                const size_t xi = at(xs, n, i, (size_t)iy, (size_t)ix);
                                const size_t wi = at(ws, k, i, r, s);
                                if (y)
                                    y[o] += operand[0][xi] * operand[1][wi];
                                if (dy && gradient[0])
                                    gradient[0][xi] += operand[1][wi] * dy[o];
                                if (dy && gradient[1])
                                    gradient[1][wi] += operand[0][xi] * dy[o];
                            }
                }
}

void naive_conv2d_forward(const op_case *c, double *const *operand, double *y) {
    visit_conv2d(c, operand, y, NULL, NULL);
}

void naive_conv2d_backward(const op_case *c, double *const *operand, const double *dy,
                           double *const *gradient) {
    visit_conv2d(c, operand, NULL, dy, gradient);
}

sn_shape naive_linear_shape(const op_case *c) {
    return sn_shape_2(c->operand[0].size[0], c->operand[1].size[0]);
}

void naive_linear_forward(const op_case *c, double *const *operand, double *y) {
    const size_t inputs = c->operand[1].size[1], units = c->operand[1].size[0];
    for (size_t n = 0; n < c->operand[0].size[0]; n++)
        for (size_t o = 0; o < units; o++) {
            double sum = operand[2] ? operand[2][o] : 0;
            for (size_t i = 0; i < inputs; i++)
                sum += operand[0][n * inputs + i] * operand[1][o * inputs + i];
            y[n * units + o] = sum;
        }
}

void naive_linear_backward(const op_case *c, double *const *operand, const double *dy,
                           double *const *gradient) {
    const size_t inputs = c->operand[1].size[1], units = c->operand[1].size[0];
    for (size_t n = 0; n < c->operand[0].size[0]; n++)
        for (size_t o = 0; o < units; o++) {
            const double d = dy[n * units + o];
            for (size_t i = 0; i < inputs; i++) {
                if (gradient[0])
                    gradient[0][n * inputs + i] += d * operand[1][o * inputs + i];
                if (gradient[1])
                    gradient[1][o * inputs + i] += d * operand[0][n * inputs + i];
            }
            if (gradient[2])
                gradient[2][o] += d;
        }
}

static sn_shape pool_shape(const op_case *c) {
    const size_t *x = c->operand[0].size, kernel = (size_t)c->kernel;
    return sn_shape_4(x[0], x[1], outputs(x[2], kernel, c), outputs(x[3], kernel, c));
}

/* For every window: the index of its maximum, and every pixel's share of the average. */
static void visit_windows(const op_case *c, const double *x, bool maximum, double *y,
                          const double *dy, double *dx) {
    const sn_shape *xs = &c->operand[0];
    const sn_shape ys = pool_shape(c);
    const size_t kernel = (size_t)c->kernel, planes = ys.size[0] * ys.size[1];
    const double area = (double)kernel * (double)kernel;
    for (size_t o = 0; o < planes * ys.size[2] * ys.size[3]; o++) {
        const size_t ox = o % ys.size[3], oy = o / ys.size[3] % ys.size[2];
        const size_t plane = o / (ys.size[2] * ys.size[3]);
        double sum = 0, largest = -INFINITY;
        size_t winner = 0;
        /* Large kernels are mostly padding: start at the first tap that meets the image. */
        const size_t r0 = (size_t)fmax(0, (double)c->padding - (double)oy * (double)c->stride);
        const size_t s0 = (size_t)fmax(0, (double)c->padding - (double)ox * (double)c->stride);
        for (size_t r = r0; r < kernel && r - r0 < xs->size[2]; r++)
            for (size_t s = s0; s < kernel && s - s0 < xs->size[3]; s++) {
                const long iy = pixel(oy, r, xs->size[2], c), ix = pixel(ox, s, xs->size[3], c);
                if (iy < 0 || ix < 0)
                    continue;
                const size_t i = (plane * xs->size[2] + (size_t)iy) * xs->size[3] + (size_t)ix;
                sum += x[i];
                if (x[i] > largest) {
                    largest = x[i];
                    winner = i;
                }
                if (dx && !maximum)
                    dx[i] += dy[o] / area;
            }
        if (y)
            y[o] = maximum ? largest : sum / area;
        if (dx && maximum)
            dx[winner] += dy[o];
    }
}

sn_shape naive_max_pool_shape(const op_case *c) {
    return pool_shape(c);
}

void naive_max_pool_forward(const op_case *c, double *const *operand, double *y) {
    visit_windows(c, operand[0], true, y, NULL, NULL);
}

void naive_max_pool_backward(const op_case *c, double *const *operand, const double *dy,
                             double *const *gradient) {
    visit_windows(c, operand[0], true, NULL, dy, gradient[0]);
}

sn_shape naive_average_pool_shape(const op_case *c) {
    return pool_shape(c);
}

void naive_average_pool_forward(const op_case *c, double *const *operand, double *y) {
    visit_windows(c, operand[0], false, y, NULL, NULL);
}

void naive_average_pool_backward(const op_case *c, double *const *operand, const double *dy,
                                 double *const *gradient) {
    visit_windows(c, operand[0], false, NULL, dy, gradient[0]);
}

sn_shape naive_global_average_pool_shape(const op_case *c) {
    return sn_shape_2(c->operand[0].size[0], c->operand[0].size[1]);
}

void naive_global_average_pool_forward(const op_case *c, double *const *operand, double *y) {
    const sn_shape *x = &c->operand[0];
    for (size_t plane = 0; plane < x->size[0] * x->size[1]; plane++) {
        const size_t pixels = x->size[2] * x->size[3];
        y[plane] = 0;
        for (size_t i = 0; i < pixels; i++)
            y[plane] += operand[0][plane * pixels + i] / (double)pixels;
    }
}

void naive_global_average_pool_backward(const op_case *c, double *const *operand, const double *dy,
                                        double *const *gradient) {
    (void)operand;
    const sn_shape *x = &c->operand[0];
    const size_t pixels = x->size[2] * x->size[3];
    for (size_t i = 0; gradient[0] && i < elements(x); i++)
        gradient[0][i] += dy[i / pixels] / (double)pixels;
}
