/* Random convolutions for the packer. */
#include "base/memory.h"
#include "infer_conv.h"

/* The weights of binary and ternary layers are integers in floats. */
static sn_status pack_integers(const bench_conv *conv, const sn_packer_conv *window,
                               const sn_packer_epilogue *epilogue, sn_packer *packer,
                               sn_packer_value input, sn_packer_value *output, sn_error *error) {
    const size_t count = bench_shape_weights(&conv->shape);
    int8_t *weights = sn_alloc(count);
    SN_RETURN_IF(!weights, error, SN_ERROR_MEMORY, "no memory for weights");
    for (size_t i = 0; i < count; i++)
        weights[i] = (int8_t)conv->values[i];
    const sn_status status =
        conv->weights == BENCH_BINARY
            ? sn_packer_add_conv_binary(packer, input, window, weights, epilogue, output, error)
            : sn_packer_add_conv_ternary(packer, input, window, weights, epilogue, output, error);
    sn_free(weights);
    return status;
}

sn_status bench_conv_pack(const bench_conv *conv, const sn_packer_value *residual,
                          sn_packer *packer, sn_packer_value input, sn_packer_value *output,
                          sn_error *error) {
    const bench_shape *s = &conv->shape;
    const sn_packer_conv window = {.filters = s->filters,
                                   .kernel_height = s->kernel,
                                   .kernel_width = s->kernel,
                                   .stride = s->stride,
                                   .padding = s->padding,
                                   .input_centered =
                                       conv->weights == BENCH_SIGNED_BINARY_INPUT_CENTERED};
    const sn_packer_epilogue epilogue = {.scale = conv->scale,
                                         .bias = conv->bias,
                                         .activation = conv->relu || residual ? SN_PACKER_RELU
                                                                              : SN_PACKER_LINEAR,
                                         .residual = residual};
    const sn_packer_signed_binary signed_binary = {.mask = conv->mask,
                                                   .sign = conv->sign,
                                                   .centered = conv->weights ==
                                                               BENCH_SIGNED_BINARY_CENTERED,
                                                   .region_channels = conv->region};
    switch (conv->weights) {
    case BENCH_SIGNED_BINARY:
    case BENCH_SIGNED_BINARY_CENTERED:
    case BENCH_SIGNED_BINARY_INPUT_CENTERED:
        return sn_packer_add_conv_signed_binary(packer, input, &window, &signed_binary, &epilogue,
                                                output, error);
    case BENCH_FP32:
        return sn_packer_add_conv_fp32(packer, input, &window, conv->values, &epilogue, output,
                                       error);
    default:
        return pack_integers(conv, &window, &epilogue, packer, input, output, error);
    }
}
