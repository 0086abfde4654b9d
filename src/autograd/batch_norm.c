/* Batch normalisation, channel by channel, so that sums do not depend on the number of threads. */
#include "autograd/op.h"
#include "autograd/ops.h"

#include <math.h>

enum { X, GAMMA, BETA };
enum { MEAN, VARIANCE };

/* Between forward and backward: the batch's mean[C], then 1 / sqrt(variance + epsilon)[C]. */

static sn_status batch_norm_shape(sn_node *node, int threads, sn_error *error) {
    (void)threads;
    const sn_shape *x = &node->input[X]->shape;
    char xs[SN_SHAPE_TEXT_SIZE], ps[SN_SHAPE_TEXT_SIZE];
    SN_RETURN_IF(x->rank != 4, error, SN_ERROR_ARGUMENT, "batch_norm: input %s; need [N, C, H, W]",
                 sn_shape_text(x, xs));
    const sn_batch_norm_attributes *attributes = (const void *)node->attributes;
    SN_RETURN_IF(!(attributes->momentum >= 0 && attributes->momentum <= 1) ||
                     !(attributes->epsilon > 0 && isfinite(attributes->epsilon)),
                 error, SN_ERROR_ARGUMENT,
                 "batch_norm: momentum %g, epsilon %g; need 0 to 1, and more than 0",
                 attributes->momentum, attributes->epsilon);
    const sn_tensor *const vectors[] = {node->input[GAMMA], node->input[BETA], node->state[MEAN],
                                        node->state[VARIANCE]};
    for (int i = 0; i < 4; i++)
        SN_RETURN_IF(vectors[i]->shape.rank != 1 || vectors[i]->shape.size[0] != x->size[1], error,
                     SN_ERROR_ARGUMENT, "batch_norm: parameter %s does not fit input %s",
                     sn_shape_text(&vectors[i]->shape, ps), sn_shape_text(x, xs));
    node->output->shape = *x;
    node->saved_size = 2 * x->size[1] * sizeof(sn_real);
    return SN_OK;
}

/* Mean and biased variance of channel c, in two passes: no cancellation. */
static void channel_statistics(const sn_shape *shape, const sn_real *x, size_t c, double *mean,
                               double *variance) {
    const size_t n = shape->size[0], channels = shape->size[1];
    const size_t pixels = shape->size[2] * shape->size[3];
    double total = 0;
    for (size_t i = 0; i < n; i++) {
        const sn_real *plane = x + (i * channels + c) * pixels;
        sn_real sum = 0;
#pragma omp simd reduction(+ : sum)
        for (size_t j = 0; j < pixels; j++)
            sum += plane[j];
        total += (double)sum;
    }
    const double m = total / (double)(n * pixels);
    const sn_real centre = (sn_real)m;
    total = 0;
    for (size_t i = 0; i < n; i++) {
        const sn_real *plane = x + (i * channels + c) * pixels;
        sn_real sum = 0;
#pragma omp simd reduction(+ : sum)
        for (size_t j = 0; j < pixels; j++)
            sum += (plane[j] - centre) * (plane[j] - centre);
        total += (double)sum;
    }
    *mean = m;
    *variance = total / (double)(n * pixels);
}

static void update_running(const sn_node *node, size_t c, size_t count, double mean,
                           double variance) {
    const sn_batch_norm_attributes *attributes = (const void *)node->attributes;
    const double momentum = attributes->momentum;
    const double unbiased = count > 1 ? variance * (double)count / (double)(count - 1) : variance;
    sn_real *running_mean = node->state[MEAN]->value, *running = node->state[VARIANCE]->value;
    running_mean[c] = (sn_real)((1 - momentum) * (double)running_mean[c] + momentum * mean);
    running[c] = (sn_real)((1 - momentum) * (double)running[c] + momentum * unbiased);
}

static void batch_norm_forward(const sn_node *node, const sn_run *run) {
    const sn_batch_norm_attributes *attributes = (const void *)node->attributes;
    const sn_shape *shape = &node->input[X]->shape;
    const size_t channels = shape->size[1], pixels = shape->size[2] * shape->size[3];
    const sn_real *x = node->input[X]->value;
    sn_real *saved_mean = node->saved, *saved_inverse = saved_mean + channels;
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (size_t c = 0; c < channels; c++) {
        double mean = (double)node->state[MEAN]->value[c];
        double variance = (double)node->state[VARIANCE]->value[c];
        if (run->training) {
            channel_statistics(shape, x, c, &mean, &variance);
            update_running(node, c, shape->size[0] * pixels, mean, variance);
        }
        const double inverse = 1 / sqrt(variance + attributes->epsilon);
        saved_mean[c] = (sn_real)mean;
        saved_inverse[c] = (sn_real)inverse;
        const sn_real centre = (sn_real)mean, shift = node->input[BETA]->value[c];
        const sn_real scale = (sn_real)((double)node->input[GAMMA]->value[c] * inverse);
        for (size_t i = 0; i < shape->size[0]; i++) {
            const size_t start = (i * channels + c) * pixels;
            for (size_t j = start; j < start + pixels; j++)
                node->output->value[j] = (x[j] - centre) * scale + shift;
        }
    }
}

static void batch_norm_backward(const sn_node *node, const sn_run *run) {
    const sn_shape *shape = &node->input[X]->shape;
    const size_t channels = shape->size[1], pixels = shape->size[2] * shape->size[3];
    const double count = (double)(shape->size[0] * pixels);
    const sn_real *x = node->input[X]->value, *dy = node->output->gradient;
    const sn_real *saved_mean = node->saved, *saved_inverse = saved_mean + channels;
    sn_real *dx = node->input[X]->gradient;
    sn_real *dgamma = node->input[GAMMA]->gradient, *dbeta = node->input[BETA]->gradient;
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (size_t c = 0; c < channels; c++) {
        const sn_real mean = saved_mean[c], inverse = saved_inverse[c];
        double total = 0, total_product = 0; /* of dy, and of dy (x - mean) */
        for (size_t i = 0; i < shape->size[0]; i++) {
            const size_t start = (i * channels + c) * pixels;
            sn_real sum = 0, product = 0;
#pragma omp simd reduction(+ : sum, product)
            for (size_t j = start; j < start + pixels; j++) {
                sum += dy[j];
                product += dy[j] * (x[j] - mean);
            }
            total += (double)sum;
            total_product += (double)product;
        }
        total_product *= (double)inverse; /* now of dy x_hat */
        if (dgamma)
            dgamma[c] = (node->add[GAMMA] ? dgamma[c] : 0) + (sn_real)total_product;
        if (dbeta)
            dbeta[c] = (node->add[BETA] ? dbeta[c] : 0) + (sn_real)total;
        if (!dx)
            continue;
        /* dx = gamma inverse (dy - mean(dy) - x_hat mean(dy x_hat)) */
        const sn_real scale = node->input[GAMMA]->value[c] * inverse;
        const sn_real mean_dy = (sn_real)(total / count);
        const sn_real slope = (sn_real)(total_product / count) * inverse;
        for (size_t i = 0; i < shape->size[0]; i++) {
            const size_t start = (i * channels + c) * pixels;
            if (node->add[X])
                for (size_t j = start; j < start + pixels; j++)
                    dx[j] += scale * (dy[j] - mean_dy - (x[j] - mean) * slope);
            else
                for (size_t j = start; j < start + pixels; j++)
                    dx[j] = scale * (dy[j] - mean_dy - (x[j] - mean) * slope);
        }
    }
}

const sn_op sn_op_batch_norm = {
    .name = "batch_norm",
    .attributes_size = sizeof(sn_batch_norm_attributes),
    .backward_reads = SN_READS_INPUT(X) | SN_READS_INPUT(GAMMA),
    .shape = batch_norm_shape,
    .forward = batch_norm_forward,
    .backward = batch_norm_backward,
};

sn_status sn_batch_norm(sn_graph *graph, sn_tensor *x, sn_tensor *gamma, sn_tensor *beta,
                        sn_tensor *running_mean, sn_tensor *running_variance, double momentum,
                        double epsilon, sn_tensor **y, sn_error *error) {
    const sn_batch_norm_attributes attributes = {momentum, epsilon};
    sn_tensor *const inputs[SN_MAX_INPUTS] = {x, gamma, beta};
    sn_tensor *const states[SN_MAX_STATES] = {running_mean, running_variance};
    return sn_graph_apply(graph, &sn_op_batch_norm, &attributes, inputs, states, y, error);
}
