/* The naive versions of the ops that look at a batch or a distribution as a whole. */
#include "op_naive.h"

#include <math.h>

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

void naive_batch_norm_forward(const op_case *c, double *const *operand, double *y) {
    for (size_t k = 0; k < c->operand[0].size[1]; k++) {
        const channel ch = channel_of(c, k);
        const double count = (double)channel_size(&ch);
        double mean = operand[3][k], variance = operand[4][k];
        if (!c->eval) {
            moments(&ch, operand[0], &mean, &variance);
            const double unbiased = count > 1 ? variance * count / (count - 1) : variance;
            operand[3][k] += OP_CASE_MOMENTUM * (mean - operand[3][k]);
            operand[4][k] += OP_CASE_MOMENTUM * (unbiased - operand[4][k]);
        }
        for (size_t i = 0; i < channel_size(&ch); i++) {
            const size_t j = channel_at(&ch, i);
            const double normal = (operand[0][j] - mean) / sqrt(variance + c->epsilon);
            y[j] = operand[1][k] * normal + operand[2][k];
        }
    }
}

/* The chain rule as Ioffe and Szegedy write it, through variance and mean. */
void naive_batch_norm_backward(const op_case *c, double *const *operand, const double *dy,
                               double *const *gradient) {
    for (size_t k = 0; k < c->operand[0].size[1]; k++) {
        const channel ch = channel_of(c, k);
        const double count = (double)channel_size(&ch), gamma = operand[1][k];
        double mean, variance;
        moments(&ch, operand[0], &mean, &variance);
        const double deviation = sqrt(variance + c->epsilon);
        double dvariance = 0, dmean = 0, spread = 0;
        for (size_t i = 0; i < channel_size(&ch); i++) {
            const size_t j = channel_at(&ch, i);
            const double centred = operand[0][j] - mean;
            dvariance += gamma * dy[j] * centred * -0.5 * pow(deviation, -3);
            dmean -= gamma * dy[j] / deviation;
            spread += centred;
            if (gradient[1])
                gradient[1][k] += dy[j] * centred / deviation;
            if (gradient[2])
                gradient[2][k] += dy[j];
        }
        dmean -= dvariance * 2 * spread / count;
        for (size_t i = 0; gradient[0] && i < channel_size(&ch); i++) {
            const size_t j = channel_at(&ch, i);
            gradient[0][j] += gamma * dy[j] / deviation + dmean / count +
                              dvariance * 2 * (operand[0][j] - mean) / count;
        }
    }
}

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

void naive_cross_entropy_forward(const op_case *c, double *const *operand, double *y) {
    const size_t n = c->operand[0].size[0], classes = c->operand[0].size[1];
    y[0] = 0;
    for (size_t k = 0; k < n; k++)
        for (size_t i = 0; i < classes; i++)
            y[0] -= target(c, i, operand[1][k]) *
                    log(probability(operand[0] + k * classes, classes, i)) / (double)n;
}

void naive_cross_entropy_backward(const op_case *c, double *const *operand, const double *dy,
                                  double *const *gradient) {
    const size_t n = c->operand[0].size[0], classes = c->operand[0].size[1];
    for (size_t k = 0; gradient[0] && k < n; k++)
        for (size_t i = 0; i < classes; i++)
            gradient[0][k * classes + i] +=
                dy[0] *
                (probability(operand[0] + k * classes, classes, i) - target(c, i, operand[1][k])) /
                (double)n;
}
