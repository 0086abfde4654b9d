/* Writes a model with every kind of layer, and an image for it, for machines that the packer is not
 * built for:
 *
 *     infer_foreign_model MODEL IMAGE */
#include "base/memory.h"
#include "infer/packer.h"

#include "base/rng.h"

#include <stdio.h>
#include <stdlib.h>

enum { CHANNELS = 3, HEIGHT = 14, WIDTH = 11 };

static sn_rng rng;

static float *draw(size_t count, double low, double high) {
    float *values = sn_alloc_array(count, sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)sn_rng_range(&rng, low, high);
    return values;
}

static void require(sn_status status, const sn_error *error) {
    if (status != SN_OK) {
        fprintf(stderr, "infer_foreign_model: %s\n", error->message);
        exit(EXIT_FAILURE);
    }
}

static void write_file(const char *path, const void *data, size_t bytes) {
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, bytes, file) != bytes || fclose(file) != 0) {
        fprintf(stderr, "infer_foreign_model: cannot write '%s'\n", path);
        exit(EXIT_FAILURE);
    }
}

typedef enum kind { FULL, BITS, CENTRED_BITS, BINARY, TERNARY } kind;

/* Signed-binary filters over these channels have three regions. */
static sn_packer_value add_conv(sn_packer *packer, sn_packer_value input, kind k, int channels,
                                const sn_packer_conv *conv, sn_packer_activation activation,
                                const sn_packer_value *residual) {
    const size_t filters = (size_t)conv->filters;
    const size_t count = filters * channels * conv->kernel_height * conv->kernel_width;
    float *scale = draw(filters, 0.05, 0.2), *bias = draw(filters, -0.5, 0.5);
    float *slope = draw(filters, -0.3, 0.4), *weights = draw(count, -0.3, 0.3);
    float *shift = draw(filters, -0.3, 0.3);
    int8_t *codes = sn_alloc(count), *sign = sn_alloc(3 * filters);
    uint8_t *mask = sn_alloc(count);
    for (size_t i = 0; i < count; i++) {
        mask[i] = sn_rng_below(&rng, 5) < 2;
        codes[i] = k == BINARY ? (mask[i] ? 1 : -1) : (int8_t)((int)sn_rng_below(&rng, 3) - 1);
    }
    for (size_t i = 0; i < 3 * filters; i++)
        sign[i] = sn_rng_below(&rng, 2) ? 1 : -1;
    const sn_packer_epilogue end = {.scale = scale,
                                    .bias = bias,
                                    .activation = activation,
                                    .slope = activation == SN_PACKER_PRELU ? slope : NULL,
                                    .residual = residual,
                                    .shift = residual ? shift : NULL};
    const sn_packer_signed_binary bits = {mask, sign, k == CENTRED_BITS, (channels + 2) / 3};
    sn_packer_value output = -1;
    sn_error error = {0};
    require(
        k == FULL     ? sn_packer_add_conv_fp32(packer, input, conv, weights, &end, &output, &error)
        : k == BINARY ? sn_packer_add_conv_binary(packer, input, conv, codes, &end, &output, &error)
        : k == TERNARY
            ? sn_packer_add_conv_ternary(packer, input, conv, codes, &end, &output, &error)
            : sn_packer_add_conv_signed_binary(packer, input, conv, &bits, &end, &output, &error),
        &error);
    sn_free(scale);
    sn_free(bias);
    sn_free(slope);
    sn_free(shift);
    sn_free(weights);
    sn_free(codes);
    sn_free(sign);
    sn_free(mask);
    return output;
}

static sn_packer_value add_layers(sn_packer *packer, sn_packer_value image) {
    const sn_packer_conv same = {8, 3, 3, 1, 1, 0, false, false},
                         halved = {12, 3, 3, 2, 1, 0.05F, false, false},
                         whole = {12, 3, 3, 1, 1, 0.05F, true, true},
                         large = {9, 5, 5, 1, 2, 0, false, true};
    sn_error error = {0};
    const sn_packer_value a = add_conv(packer, image, FULL, 3, &same, SN_PACKER_RELU, NULL);
    const sn_packer_value b = add_conv(packer, a, CENTRED_BITS, 8, &same, SN_PACKER_PRELU, &a);
    sn_packer_value z;
    float *shift = draw(8, -1, 1);
    require(sn_packer_add_shift_clamp(packer, b, shift, &z, &error), &error);
    sn_free(shift);
    const sn_packer_value c = add_conv(packer, z, BITS, 8, &halved, SN_PACKER_RELU, NULL);
    const sn_packer_value d = add_conv(packer, c, BINARY, 12, &whole, SN_PACKER_HARDTANH, NULL);
    sn_packer_value sum, pooled, e, mean, logits;
    require(sn_packer_add_sum(packer, c, d, SN_PACKER_LINEAR, NULL, &sum, &error), &error);
    require(sn_packer_add_max_pool(packer, sum, 3, 1, 1, &pooled, &error), &error);
    e = add_conv(packer, pooled, TERNARY, 12, &large, SN_PACKER_RELU, NULL);
    require(sn_packer_add_average_pool(packer, e, 2, 2, 0, &e, &error), &error);
    require(sn_packer_add_global_average_pool(packer, e, &mean, &error), &error);
    float *weights = draw(90, -1, 1);
    const sn_packer_epilogue plain = {.activation = SN_PACKER_LINEAR};
    require(sn_packer_add_linear(packer, mean, 10, weights, &plain, &logits, &error), &error);
    sn_free(weights);
    return logits;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: infer_foreign_model MODEL IMAGE\n");
        return 2;
    }
    sn_packer *packer;
    sn_packer_value image;
    sn_error error = {0};
    void *packed;
    size_t bytes;
    sn_rng_init(&rng, 11, SN_RNG_TEST, 0);
    require(sn_packer_create(CHANNELS, HEIGHT, WIDTH, &packer, &image, &error), &error);
    require(sn_packer_finish(packer, add_layers(packer, image), &packed, &bytes, &error), &error);
    float *pixels = draw((size_t)CHANNELS * HEIGHT * WIDTH, -1.5, 1.5);
    write_file(argv[1], packed, bytes);
    write_file(argv[2], pixels, sizeof *pixels * CHANNELS * HEIGHT * WIDTH);
    sn_free(pixels);
    sn_free(packed);
    sn_packer_free(packer);
    return 0;
}
