#include "infer_conv.h"

#include "base/memory.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Moments of relu(normal). */
static const double input_mean = 0.3989422804014327, input_variance = 0.3408450569081046;

/* Smaller inputs become zero: products of what is left stay far from the denormal numbers. */
static const float least_input = 1e-3f;

const char *bench_weights_name(int index) {
    static const char *const names[BENCH_WEIGHTS] = {"signed-binary",
                                                     "signed-binary-centered",
                                                     "signed-binary-input-centered",
                                                     "binary",
                                                     "ternary",
                                                     "fp32"};
    return index >= 0 && index < BENCH_WEIGHTS ? names[index] : NULL;
}

bool bench_weights_have_density(bench_weights weights) {
    return weights != BENCH_BINARY && weights != BENCH_FP32;
}

bool bench_weights_have_regions(bench_weights weights) {
    return weights <= BENCH_SIGNED_BINARY_INPUT_CENTERED;
}

void bench_fill_image(sn_rng *rng, float *image, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const float value = (float)sn_rng_normal(rng);
        image[i] = value < least_input ? 0 : value;
    }
}

/* ---- weights ---- */

static size_t filter_size(const bench_conv *conv) {
    return (size_t)conv->shape.channels * conv->shape.kernel * conv->shape.kernel;
}

static double mask_mean(const uint8_t *mask, size_t count) {
    size_t ones = 0;
    for (size_t i = 0; i < count; i++)
        ones += mask[i];
    return (double)ones / (double)count;
}

static size_t region_count(const bench_conv *conv) {
    return conv->region
               ? ((size_t)conv->shape.channels + (size_t)conv->region - 1) / (size_t)conv->region
               : 1;
}

/* `count` weights from `first` on, which have the sign number `region`. */
static void draw_region(bench_conv *conv, size_t region, size_t first, size_t count, double density,
                        sn_rng *rng) {
    uint8_t *mask = conv->mask + first;
    float *values = conv->values + first;
    const double ones = conv->weights == BENCH_BINARY ? 0.5 : density;
    const int8_t sign = sn_rng_below(rng, 2) ? 1 : -1;
    for (size_t i = 0; i < count; i++)
        mask[i] = sn_rng_uniform(rng) < ones;
    const double mean =
        conv->weights == BENCH_SIGNED_BINARY_CENTERED ? mask_mean(mask, count) : 0.0;
    if (conv->weights != BENCH_TERNARY)
        conv->sign[region] = sign;
    for (size_t i = 0; i < count; i++) {
        switch (conv->weights) {
        case BENCH_BINARY:
            values[i] = mask[i] ? 1 : -1;
            break;
        case BENCH_TERNARY:
            conv->sign[first + i] = sn_rng_below(rng, 2) ? 1 : -1;
            values[i] = (float)(mask[i] * conv->sign[first + i]);
            break;
        case BENCH_FP32:
            values[i] = (float)sn_rng_normal(rng);
            break;
        default:
            values[i] = (float)(sign * (mask[i] - mean));
        }
    }
}

static void draw_filter(bench_conv *conv, size_t k, double density, sn_rng *rng) {
    const size_t all = filter_size(conv), regions = region_count(conv);
    const size_t size = all / (size_t)conv->shape.channels * (size_t)conv->region;
    for (size_t p = 0; p < regions; p++)
        draw_region(conv, k * regions + p, k * all + p * size,
                    p + 1 < regions ? size : all - p * size, density, rng);
}

static void draw_epilogue(bench_conv *conv, size_t k, sn_rng *rng) {
    const size_t count = filter_size(conv);
    const float *values = conv->values + k * count;
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++) {
        sum += values[i];
        squares += (double)values[i] * values[i];
    }
    const double deviation = sqrt(squares * input_variance);
    const double scale = deviation > 0 ? 1 / deviation : 1;
    conv->scale[k] = (float)scale;
    conv->bias[k] = (float)(0.1 * sn_rng_normal(rng));
    if (conv->weights != BENCH_SIGNED_BINARY_INPUT_CENTERED)
        conv->bias[k] -= (float)(scale * sum * input_mean);
}

sn_status bench_conv_create(const bench_shape *shape, bench_weights weights, double density,
                            int region, bool relu, sn_rng *rng, bench_conv *conv, sn_error *error) {
    *conv = (bench_conv){.shape = *shape, .weights = weights, .relu = relu};
    if (bench_weights_have_regions(weights))
        conv->region = region;
    const size_t filters = (size_t)shape->filters, count = bench_shape_weights(shape);
    conv->mask = sn_alloc(count);
    conv->sign = sn_alloc(weights == BENCH_TERNARY ? count : filters * region_count(conv));
    conv->values = sn_alloc_array(count, sizeof(float));
    conv->scale = sn_alloc_array(filters, sizeof(float));
    conv->bias = sn_alloc_array(filters, sizeof(float));
    if (!conv->mask || !conv->sign || !conv->values || !conv->scale || !conv->bias) {
        bench_conv_free(conv);
        return sn_error_set(error, SN_ERROR_MEMORY, "no memory for %s", shape->name);
    }
    for (size_t k = 0; k < filters; k++) {
        draw_filter(conv, k, density, rng);
        draw_epilogue(conv, k, rng);
    }
    return SN_OK;
}

void bench_conv_free(bench_conv *conv) {
    sn_free(conv->mask);
    sn_free(conv->sign);
    sn_free(conv->values);
    sn_free(conv->scale);
    sn_free(conv->bias);
    *conv = (bench_conv){0};
}

/* ---- reference ---- */

static void pad_image(const bench_shape *s, const double *image, double *padded) {
    const size_t height = (size_t)(s->height + 2 * s->padding),
                 width = (size_t)(s->width + 2 * s->padding);
    for (int c = 0; c < s->channels; c++)
        for (int y = 0; y < s->height; y++)
            memcpy(padded + ((size_t)c * height + (size_t)(y + s->padding)) * width + s->padding,
                   image + ((size_t)c * s->height + y) * s->width,
                   (size_t)s->width * sizeof *image);
}

/* Takes the mean over channels off each pixel, the padding's being 0. */
static void centre_input(double *padded, size_t channels, size_t pixels) {
    for (size_t i = 0; i < pixels; i++) {
        double sum = 0;
        for (size_t c = 0; c < channels; c++)
            sum += padded[c * pixels + i];
        for (size_t c = 0; c < channels; c++)
            padded[c * pixels + i] -= sum / (double)channels;
    }
}

/* Adds one weight's products to a filter's sums. */
static void add_tap(const bench_shape *s, double weight, const double *from, double *sums) {
    const int height = bench_shape_out_height(s), width = bench_shape_out_width(s);
    const size_t stride = (size_t)s->stride, row = (size_t)(s->width + 2 * s->padding);
    for (int y = 0; y < height; y++, from += row * stride, sums += width)
        for (int x = 0; x < width; x++)
            sums[x] += weight * from[(size_t)x * stride];
}

static void filter_reference(const bench_conv *conv, size_t k, const double *padded, double *sums) {
    const bench_shape *s = &conv->shape;
    const size_t pixels = (size_t)bench_shape_out_height(s) * bench_shape_out_width(s);
    const size_t height = (size_t)(s->height + 2 * s->padding),
                 width = (size_t)(s->width + 2 * s->padding);
    const float *weights = conv->values + k * filter_size(conv);
    memset(sums, 0, pixels * sizeof *sums);
    for (size_t c = 0; c < (size_t)s->channels; c++)
        for (size_t r = 0; r < (size_t)s->kernel; r++)
            for (size_t t = 0; t < (size_t)s->kernel; t++, weights++)
                if (*weights != 0)
                    add_tap(s, *weights, padded + (c * height + r) * width + t, sums);
    for (size_t i = 0; i < pixels; i++) {
        sums[i] = conv->scale[k] * sums[i] + conv->bias[k];
        if (conv->relu && sums[i] < 0)
            sums[i] = 0;
    }
}

sn_status bench_conv_reference(const bench_conv *conv, const double *image, double *output,
                               sn_error *error) {
    const bench_shape *s = &conv->shape;
    const size_t pixels = (size_t)bench_shape_out_height(s) * bench_shape_out_width(s);
    const size_t height = (size_t)(s->height + 2 * s->padding),
                 width = (size_t)(s->width + 2 * s->padding);
    double *padded = sn_alloc_array(s->channels * height * width, sizeof *padded);
    SN_RETURN_IF(!padded, error, SN_ERROR_MEMORY, "no memory for %s", s->name);
    pad_image(s, image, padded);
    if (conv->weights == BENCH_SIGNED_BINARY_INPUT_CENTERED)
        centre_input(padded, (size_t)s->channels, height * width);
    for (size_t k = 0; k < (size_t)s->filters; k++)
        filter_reference(conv, k, padded, output + k * pixels);
    sn_free(padded);
    return SN_OK;
}

sn_status bench_verify(const char *who, const float *values, const double *expected, size_t count,
                       double tolerance, sn_error *error) {
    double largest = 0, worst = 0;
    for (size_t i = 0; i < count; i++) {
        const double magnitude = fabs(expected[i]), difference = fabs(values[i] - expected[i]);
        SN_RETURN_IF(!isfinite(values[i]) || !isfinite(expected[i]), error, SN_ERROR_INTERNAL,
                     "%s: output %zu is not finite", who, i);
        SN_RETURN_IF(fpclassify(values[i]) == FP_SUBNORMAL, error, SN_ERROR_INTERNAL,
                     "%s: output %zu is denormal", who, i);
        largest = magnitude > largest ? magnitude : largest;
        worst = difference > worst ? difference : worst;
    }
    SN_RETURN_IF(worst > tolerance * largest, error, SN_ERROR_INTERNAL,
                 "%s: wrong output: differs by %g where the largest is %g", who, worst, largest);
    return SN_OK;
}
