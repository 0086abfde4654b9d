/* The naive versions of the ops that look at a batch or a distribution as a whole. */
#include "op_naive.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

/* The elements of one channel: calls for every index i. */
typedef struct channel {
    size_t images, channels, pixels, index;
} channel;

static size_t channel_size(const channel *ch) {
    return ch->images * ch->pixels;
}

static size_t channel_at(const channel *ch, size_t i) {
    return (i / ch->pixels * ch->channels + ch->index) * ch->pixels + i % ch->pixels;
}

static channel channel_of(const op_case *c, size_t index) {
    const size_t *x = c->operand[0].size;
    return (channel){x[0], x[1], x[2] * x[3], index};
}

static void moments(const channel *ch, const double *x, double *mean, double *variance) {
    const double count = (double)channel_size(ch);
    *mean = *variance = 0;
    for (size_t i = 0; i < channel_size(ch); i++)
        *mean += x[channel_at(ch, i)] / count;
    for (size_t i = 0; i < channel_size(ch); i++)
        *variance += pow(x[channel_at(ch, i)] - *mean, 2) / count;
}

sn_shape naive_batch_norm_shape(const op_case *c) {
    return c->operand[0];
}

/* The statistics that normalise: the batch's, or the running ones. */
static void statistics(const op_case *c, const channel *ch, double *const *operand, double *mean,
                       double *variance) {
    *mean = operand[3][ch->index];
    *variance = operand[4][ch->index];
    if (!c->eval)
        moments(ch, operand[0], mean, variance);
}

/* Before the activation: element j, which belongs to channel k. */
static double sum_at(const op_case *c, double *const *operand, size_t k, size_t j, double mean,
                     double variance) {
    const double normal = (operand[0][j] - mean) / sqrt(variance + c->epsilon);
    const double *residual = c->residual_is_x ? operand[0] : operand[5];
    return operand[1][k] * normal + operand[2][k] + (residual ? residual[j] : 0);
}

bool naive_batch_norm_is_smooth(const op_case *c, double *const *operand, double margin) {
    for (size_t k = 0; k < c->operand[0].size[1]; k++) {
        const channel ch = channel_of(c, k);
        double mean, variance;
        statistics(c, &ch, operand, &mean, &variance);
        for (size_t i = 0; i < channel_size(&ch); i++) {
            const double z = sum_at(c, operand, k, channel_at(&ch, i), mean, variance);
            const bool at_zero =
                c->activation == SN_ACTIVATION_RELU || c->activation == SN_ACTIVATION_PRELU;
            if ((at_zero && fabs(z) < margin) ||
                (c->activation == SN_ACTIVATION_HARDTANH && fabs(fabs(z) - 1) < margin))
                return false;
        }
    }
    return true;
}

void naive_batch_norm_forward(const op_case *c, double *const *operand, double *y) {
    for (size_t k = 0; k < c->operand[0].size[1]; k++) {
        const channel ch = channel_of(c, k);
        const double count = (double)channel_size(&ch);
        double mean, variance;
        statistics(c, &ch, operand, &mean, &variance);
        if (!c->eval) {
            const double unbiased = count > 1 ? variance * count / (count - 1) : variance;
            operand[3][k] += OP_CASE_MOMENTUM * (mean - operand[3][k]);
            operand[4][k] += OP_CASE_MOMENTUM * (unbiased - operand[4][k]);
        }
        for (size_t i = 0; i < channel_size(&ch); i++) {
            const size_t j = channel_at(&ch, i);
            const double z = sum_at(c, operand, k, j, mean, variance);
            y[j] = z;
            if (c->activation == SN_ACTIVATION_RELU)
                y[j] = fmax(z, 0);
            if (c->activation == SN_ACTIVATION_PRELU)
                y[j] = fmax(z, 0) + operand[6][k] * fmin(z, 0);
            if (c->activation == SN_ACTIVATION_HARDTANH)
                y[j] = fmin(fmax(z, -1), 1);
        }
    }
}

/* How fast the activation grows at z. */
static double slope_at(const op_case *c, double *const *operand, size_t k, double z) {
    switch (c->activation) {
    case SN_ACTIVATION_RELU:
        return z > 0;
    case SN_ACTIVATION_PRELU:
        return z > 0 ? 1 : operand[6][k];
    case SN_ACTIVATION_HARDTANH:
        return fabs(z) < 1;
    case SN_ACTIVATION_NONE:
    case SN_ACTIVATION_COUNT:
        break;
    }
    return 1;
}

/* Through the activation: dz, and what the residual and the slope receive. */
static void pass_activation(const op_case *c, double *const *operand, const channel *ch,
                            const double *dy, double *const *gradient, double *dz) {
    const size_t k = ch->index;
    double *residual = c->residual_is_x ? gradient[0] : gradient[5];
    double mean, variance;
    statistics(c, ch, operand, &mean, &variance);
    for (size_t i = 0; i < channel_size(ch); i++) {
        const size_t j = channel_at(ch, i);
        const double z = sum_at(c, operand, k, j, mean, variance);
        dz[j] = dy[j] * slope_at(c, operand, k, z);
        if (residual)
            residual[j] += dz[j];
        if (gradient[6])
            gradient[6][k] += dy[j] * fmin(z, 0);
    }
}

/* The chain rule as Ioffe and Szegedy write it, through variance and mean. */
static void pass_normal(const op_case *c, double *const *operand, const channel *ch,
                        const double *dz, double *const *gradient) {
    const size_t k = ch->index;
    const double count = (double)channel_size(ch), gamma = operand[1][k];
    double mean, variance;
    moments(ch, operand[0], &mean, &variance);
    const double deviation = sqrt(variance + c->epsilon);
    double dvariance = 0, dmean = 0, spread = 0;
    for (size_t i = 0; i < channel_size(ch); i++) {
        const size_t j = channel_at(ch, i);
        const double centred = operand[0][j] - mean;
        dvariance += gamma * dz[j] * centred * -0.5 * pow(deviation, -3);
        dmean -= gamma * dz[j] / deviation;
        spread += centred;
        if (gradient[1])
            gradient[1][k] += dz[j] * centred / deviation;
        if (gradient[2])
            gradient[2][k] += dz[j];
    }
    dmean -= dvariance * 2 * spread / count;
    for (size_t i = 0; gradient[0] && i < channel_size(ch); i++) {
        const size_t j = channel_at(ch, i);
        gradient[0][j] += gamma * dz[j] / deviation + dmean / count +
                          dvariance * 2 * (operand[0][j] - mean) / count;
    }
}

void naive_batch_norm_backward(const op_case *c, double *const *operand, const double *dy,
                               double *const *gradient) {
    const size_t *x = c->operand[0].size;
    double *dz = calloc(x[0] * x[1] * x[2] * x[3], sizeof *dz);
    ck_assert_ptr_nonnull(dz);
    for (size_t k = 0; k < x[1]; k++) {
        const channel ch = channel_of(c, k);
        pass_activation(c, operand, &ch, dy, gradient, dz);
        pass_normal(c, operand, &ch, dz, gradient);
    }
    free(dz);
}

/* ---- fake_quantize ---- */

sn_shape naive_fake_quantize_shape(const op_case *c) {
    return c->operand[0];
}

static size_t numbers_of(const op_case *c) {
    size_t count = 1;
    for (int i = 0; i < c->operand[0].rank; i++)
        count *= c->operand[0].size[i];
    return count;
}

static double top_of(const op_case *c) {
    return c->is_signed ? 127 : 255;
}

static double hold(const op_case *c, double x, double top) {
    return fmin(fmax(x, c->is_signed ? -top : 0), top);
}

void naive_fake_quantize_forward(const op_case *c, double *const *operand, double *y) {
    const double range = operand[1][0], step = range / top_of(c);
    double largest = 0;
    for (size_t i = 0; i < numbers_of(c); i++) {
        const double x = operand[0][i];
        largest = fmax(largest, fabs(x));
        y[i] = step > 0 ? step * rint(hold(c, x / step, top_of(c))) : x;
    }
    if (!c->eval)
        operand[1][0] =
            range > 0 ? OP_CASE_MOMENTUM * range + (1 - OP_CASE_MOMENTUM) * largest : largest;
}

/* The range has moved since; the case still has forward's. */
void naive_fake_quantize_backward(const op_case *c, double *const *operand, const double *dy,
                                  double *const *gradient) {
    for (size_t i = 0; gradient[0] && i < numbers_of(c); i++) {
        const double x = operand[0][i];
        if (c->range <= 0 || (x <= c->range && x >= (c->is_signed ? -c->range : 0)))
            gradient[0][i] += dy[i];
    }
}

void naive_fake_quantize_surrogate(const op_case *c, double *const *operand, double *y) {
    for (size_t i = 0; i < numbers_of(c); i++)
        y[i] = c->range > 0 ? hold(c, operand[0][i], c->range) : operand[0][i];
}

bool naive_fake_quantize_is_smooth(const op_case *c, double *const *operand, double margin) {
    const double step = c->range / top_of(c);
    for (size_t i = 0; step > 0 && i < numbers_of(c); i++) {
        const double x = operand[0][i], q = x / step;
        if (fabs(x - c->range) < margin || fabs(x + (c->is_signed ? c->range : 0)) < margin ||
            fabs(q - floor(q) - 0.5) < margin)
            return false;
    }
    return true;
}

/* ---- cross_entropy ---- */

static double probability(const double *logits, size_t classes, size_t i) {
    double sum = 0;
    for (size_t j = 0; j < classes; j++)
        sum += exp(logits[j] - logits[i]);
    return 1 / sum;
}

static double target(const op_case *c, size_t i, double label) {
    const double e = c->label_smoothing, classes = (double)c->operand[0].size[1];
    return (i == (size_t)label ? 1 - e : 0) + e / classes;
}

sn_shape naive_cross_entropy_shape(const op_case *c) {
    (void)c;
    return sn_shape_1(1);
}

/* softmax(logits / T) */
static double soft(const op_case *c, const double *logits, size_t i) {
    double sum = 0;
    for (size_t j = 0; j < c->operand[0].size[1]; j++)
        sum += exp((logits[j] - logits[i]) / c->temperature);
    return 1 / sum;
}

/* The teacher's part of the loss of one image, without its weight. */
static double naive_divergence(const op_case *c, const double *logits, const double *teacher) {
    double sum = 0;
    for (size_t i = 0; i < c->operand[0].size[1]; i++)
        sum += soft(c, teacher, i) * log(soft(c, teacher, i) / soft(c, logits, i));
    return sum;
}

void naive_cross_entropy_forward(const op_case *c, double *const *operand, double *y) {
    const size_t n = c->operand[0].size[0], classes = c->operand[0].size[1];
    const double w = c->teacher_weight, t = c->temperature;
    y[0] = 0;
    for (size_t k = 0; k < n; k++) {
        const double *logits = operand[0] + k * classes;
        for (size_t i = 0; i < classes; i++)
            y[0] -= (1 - w) * target(c, i, operand[1][k]) * log(probability(logits, classes, i)) /
                    (double)n;
        if (operand[2])
            y[0] += w * t * t * naive_divergence(c, logits, operand[2] + k * classes) / (double)n;
    }
}

static void naive_distillation_backward(const op_case *c, const double *logits,
                                        const double *teacher, double share, double *dlogits,
                                        double *dteacher) {
    const double gain = share * c->teacher_weight * c->temperature;
    for (size_t i = 0; i < c->operand[0].size[1]; i++) {
        const double p = soft(c, teacher, i), q = soft(c, logits, i);
        if (dlogits)
            dlogits[i] += gain * (q - p);
        if (dteacher)
            dteacher[i] += gain * p * (log(p / q) - naive_divergence(c, logits, teacher));
    }
}

void naive_cross_entropy_backward(const op_case *c, double *const *operand, const double *dy,
                                  double *const *gradient) {
    const size_t n = c->operand[0].size[0], classes = c->operand[0].size[1];
    const double share = dy[0] / (double)n;
    for (size_t k = 0; k < n; k++) {
        const double *logits = operand[0] + k * classes;
        double *dlogits = gradient[0] ? gradient[0] + k * classes : NULL;
        for (size_t i = 0; dlogits && i < classes; i++)
            dlogits[i] += share * (1 - c->teacher_weight) *
                          (probability(logits, classes, i) - target(c, i, operand[1][k]));
        if (operand[2])
            naive_distillation_backward(c, logits, operand[2] + k * classes, share, dlogits,
                                        gradient[2] ? gradient[2] + k * classes : NULL);
    }
}

/* ---- center_channels ---- */

sn_shape naive_center_channels_shape(const op_case *c) {
    return c->operand[0];
}

/* The sum of f(x) over the channels of a pixel; `first` is its place in channel 0. */
static double sum_of_pixel(const op_case *c, const double *x, size_t first, double (*f)(double),
                           double step) {
    const size_t *size = c->operand[0].size;
    double sum = 0;
    for (size_t k = 0; k < size[1]; k++)
        sum += f(x[first + k * size[2] * size[3]] / step);
    return sum;
}

static double as_it_is(double x) {
    return x;
}

static size_t first_of_pixel(const op_case *c, size_t i) {
    const size_t *size = c->operand[0].size, pixels = size[2] * size[3];
    return i / (size[1] * pixels) * size[1] * pixels + i % pixels;
}

static double floor_of_mean(const op_case *c, double sum) {
    const size_t channels = c->operand[0].size[1];
    return floor((sum + (double)(channels / 2)) / (double)channels);
}

void naive_center_channels_forward(const op_case *c, double *const *operand, double *y) {
    const double *x = operand[0], step = operand[1] ? operand[1][0] / top_of(c) : 0;
    if (step <= 0) {
        naive_center_channels_surrogate(c, operand, y);
        return;
    }
    for (size_t i = 0; i < numbers_of(c); i++)
        y[i] = step * (rint(x[i] / step) -
                       floor_of_mean(c, sum_of_pixel(c, x, first_of_pixel(c, i), rint, step)));
}

void naive_center_channels_surrogate(const op_case *c, double *const *operand, double *y) {
    const double *x = operand[0];
    for (size_t i = 0; i < numbers_of(c); i++)
        y[i] = x[i] - sum_of_pixel(c, x, first_of_pixel(c, i), as_it_is, 1) /
                          (double)c->operand[0].size[1];
}

void naive_center_channels_backward(const op_case *c, double *const *operand, const double *dy,
                                    double *const *gradient) {
    (void)operand;
    for (size_t i = 0; gradient[0] && i < numbers_of(c); i++)
        gradient[0][i] += dy[i] - sum_of_pixel(c, dy, first_of_pixel(c, i), as_it_is, 1) /
                                      (double)c->operand[0].size[1];
}

bool naive_center_channels_is_smooth(const op_case *c, double *const *operand, double margin) {
    const double step = operand[1] ? c->range / top_of(c) : 0;
    for (size_t i = 0; step > 0 && i < numbers_of(c); i++) {
        const double q = operand[0][i] / step;
        if (fabs(q - floor(q) - 0.5) < margin)
            return false;
    }
    return true;
}
