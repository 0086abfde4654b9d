/* Checks and collects layers; packer_write.c turns them into bytes. */
#include "infer/packer.h"
#include "base/memory.h"
#include "infer/packer_nodes.h"

#include <math.h>

sn_status sn_packer_create(int channels, int height, int width, sn_packer **packer,
                           sn_packer_value *input, sn_error *error) {
    SN_RETURN_IF(channels < 1 || channels > SN_INFER_MAX_CHANNELS || height < 1 ||
                     height > SN_INFER_MAX_SIDE || width < 1 || width > SN_INFER_MAX_SIDE,
                 error, SN_ERROR_ARGUMENT,
                 "packer: an input of %d x %d x %d is outside 1 x 1 x 1 to %d x %d x %d", channels,
                 height, width, SN_INFER_MAX_CHANNELS, SN_INFER_MAX_SIDE, SN_INFER_MAX_SIDE);
    const sn_packer_shape shape = {(uint32_t)channels, (uint32_t)height, (uint32_t)width};
    SN_RETURN_IF(sn_packer_elements(shape) > SN_INFER_MAX_ELEMENTS, error, SN_ERROR_ARGUMENT,
                 "packer: an input of %d x %d x %d has more than 2^31 - 1 elements", channels,
                 height, width);
    sn_packer *made = sn_alloc(sizeof *made);
    sn_packer_node *nodes = sn_alloc_array(16, sizeof *nodes);
    if (!made || !nodes) {
        sn_free(made);
        sn_free(nodes);
        return sn_error_set(error, SN_ERROR_MEMORY, "packer: out of memory");
    }
    nodes[0] = (sn_packer_node){.a = -1, .b = -1, .shape = shape};
    *made = (sn_packer){.nodes = nodes, .count = 1, .capacity = 16};
    *packer = made;
    *input = 0;
    return SN_OK;
}

void sn_packer_free(sn_packer *packer) {
    if (!packer)
        return;
    for (int i = 0; i < packer->count; i++) {
        sn_free(packer->nodes[i].payload);
        sn_free(packer->nodes[i].name);
    }
    sn_free(packer->nodes);
    sn_free(packer->normalisation);
    sn_free(packer->name);
    sn_free(packer->dataset);
    sn_free(packer->class_names);
    sn_free(packer);
}

static sn_status check_value(const sn_packer *packer, sn_packer_value value, const char *what,
                             sn_error *error) {
    SN_RETURN_IF(value < 0 || value >= packer->count, error, SN_ERROR_ARGUMENT,
                 "packer, %s: value %d does not exist; known: 0 to %d", what, value,
                 packer->count - 1);
    return SN_OK;
}

static sn_status check_floats(const float *values, uint64_t count, const char *what,
                              const char *name, sn_error *error) {
    for (uint64_t i = 0; values && i < count; i++)
        SN_RETURN_IF(!isfinite(values[i]), error, SN_ERROR_ARGUMENT,
                     "packer, %s: %s[%llu] is not finite", what, name, (unsigned long long)i);
    return SN_OK;
}

static sn_status check_activation(sn_packer_activation activation, const float *slope,
                                  uint32_t channels, const char *what, sn_error *error) {
    SN_RETURN_IF((unsigned)activation > SN_PACKER_PRELU, error, SN_ERROR_ARGUMENT,
                 "packer, %s: unknown activation %d", what, (int)activation);
    SN_RETURN_IF((activation == SN_PACKER_PRELU) != (slope != NULL), error, SN_ERROR_ARGUMENT,
                 "packer, %s: PReLU needs slopes, other activations take none", what);
    return check_floats(slope, channels, what, "slope", error);
}

static sn_status check_epilogue(const sn_packer_epilogue *epilogue, uint32_t outputs,
                                const char *what, sn_error *error) {
    SN_RETURN_IF(!epilogue, error, SN_ERROR_ARGUMENT, "packer, %s: no epilogue", what);
    SN_TRY(check_floats(epilogue->scale, outputs, what, "scale", error));
    SN_TRY(check_floats(epilogue->bias, outputs, what, "bias", error));
    SN_TRY(check_floats(epilogue->shift, outputs, what, "shift", error));
    return check_activation(epilogue->activation, epilogue->slope, outputs, what, error);
}

static uint32_t activation_code(sn_packer_activation activation) {
    static const uint32_t codes[] = {
        [SN_PACKER_LINEAR] = SN_INFER_ACTIVATION_LINEAR,
        [SN_PACKER_RELU] = SN_INFER_ACTIVATION_RELU,
        [SN_PACKER_HARDTANH] = SN_INFER_ACTIVATION_HARDTANH,
        [SN_PACKER_PRELU] = SN_INFER_ACTIVATION_PRELU,
    };
    return codes[activation];
}

/* Checks the window of a convolution or pooling and fills record and output height and width. */
static sn_status set_window(sn_packer_node *node, sn_packer_shape in, const sn_packer_conv *window,
                            const char *what, sn_error *error) {
    const int rows = window->kernel_height, columns = window->kernel_width;
    SN_RETURN_IF(rows < 1 || rows > SN_INFER_MAX_WINDOW || columns < 1 ||
                     columns > SN_INFER_MAX_WINDOW,
                 error, SN_ERROR_ARGUMENT, "packer, %s: kernel %d x %d is outside 1 to %d", what,
                 rows, columns, SN_INFER_MAX_WINDOW);
    SN_RETURN_IF(window->stride < 1 || window->stride > SN_INFER_MAX_WINDOW, error,
                 SN_ERROR_ARGUMENT, "packer, %s: stride %d is outside 1 to %d", what,
                 window->stride, SN_INFER_MAX_WINDOW);
    SN_RETURN_IF(window->padding < 0 || window->padding > SN_INFER_MAX_WINDOW, error,
                 SN_ERROR_ARGUMENT, "packer, %s: padding %d is outside 0 to %d", what,
                 window->padding, SN_INFER_MAX_WINDOW);
    sn_infer_record *record = &node->record;
    record->kernel_height = (uint32_t)rows;
    record->kernel_width = (uint32_t)columns;
    record->stride = (uint32_t)window->stride;
    record->padding = (uint32_t)window->padding;
    node->shape.height =
        sn_infer_window_count(in.height, record->kernel_height, record->stride, record->padding);
    node->shape.width =
        sn_infer_window_count(in.width, record->kernel_width, record->stride, record->padding);
    SN_RETURN_IF(node->shape.height == 0 || node->shape.width == 0, error, SN_ERROR_ARGUMENT,
                 "packer, %s: kernel %d x %d with padding %d does not fit the %u x %u input", what,
                 rows, columns, window->padding, in.height, in.width);
    return SN_OK;
}

/* Payload sections are written one after the other; the block is zeroed, so gaps are 0. */
static unsigned char *section(sn_packer_node *node, size_t *used, uint64_t bytes) {
    unsigned char *start = node->payload + *used;
    *used += (size_t)sn_infer_section_bytes(bytes);
    assert(*used <= node->payload_bytes);
    return start;
}

/* Appends values[count], or `fallback` count times when values is NULL. */
static void add_floats(sn_packer_node *node, size_t *used, const float *values, uint64_t count,
                       float fallback) {
    unsigned char *to = section(node, used, count * 4);
    for (uint64_t i = 0; i < count; i++)
        sn_infer_store_words(to + 4 * i, values ? &values[i] : &fallback, 1);
}

/* Gives a node its zeroed payload: weight_bytes and what the epilogue needs. */
static sn_status make_payload(sn_packer_node *node, uint64_t weight_bytes, bool scaled,
                              const char *what, sn_error *error) {
    const int arrays = (scaled ? 2 : 0) +
                       (node->record.activation == SN_INFER_ACTIVATION_PRELU ? 1 : 0) +
                       (node->record.flags & SN_INFER_FLAG_OUTPUT_SHIFTED ? 1 : 0);
    const uint64_t bytes = weight_bytes + (uint64_t)arrays * node->shape.channels * 4;
    if (bytes == 0)
        return SN_OK;
    node->payload = bytes <= SIZE_MAX ? sn_alloc((size_t)bytes) : NULL;
    SN_RETURN_IF(!node->payload, error, SN_ERROR_MEMORY,
                 "packer, %s: out of memory for %llu bytes of weights", what,
                 (unsigned long long)bytes);
    node->payload_bytes = (size_t)bytes;
    return SN_OK;
}

static void add_epilogue(sn_packer_node *node, size_t *used, const sn_packer_epilogue *epilogue) {
    const uint64_t outputs = node->shape.channels;
    add_floats(node, used, epilogue->scale, outputs, 1);
    add_floats(node, used, epilogue->bias, outputs, 0);
    if (epilogue->slope)
        add_floats(node, used, epilogue->slope, outputs, 0);
    if (epilogue->shift)
        add_floats(node, used, epilogue->shift, outputs, 0);
    assert(*used == node->payload_bytes);
}

/* Appends the node. It owns its payload from here on, also when this fails. */
static sn_status add_node(sn_packer *packer, sn_packer_node *node, const char *what,
                          sn_packer_value *output, sn_error *error) {
    if (packer->count == packer->capacity) {
        const int capacity = packer->capacity <= INT32_MAX / 2 ? 2 * packer->capacity : 0;
        sn_packer_node *nodes = capacity ? sn_alloc_array((size_t)capacity, sizeof *nodes) : NULL;
        if (!nodes) {
            sn_free(node->payload);
            return sn_error_set(error, SN_ERROR_MEMORY, "packer, %s: out of memory", what);
        }
        memcpy(nodes, packer->nodes, (size_t)packer->count * sizeof *nodes);
        sn_free(packer->nodes);
        packer->nodes = nodes;
        packer->capacity = capacity;
    }
    packer->nodes[packer->count] = *node;
    *output = packer->count++;
    return SN_OK;
}

static sn_status check_size(const sn_packer_node *node, const char *what, sn_error *error) {
    SN_RETURN_IF(sn_packer_elements(node->shape) > SN_INFER_MAX_ELEMENTS, error, SN_ERROR_ARGUMENT,
                 "packer, %s: the output of %u x %u x %u has more than 2^31 - 1 elements", what,
                 node->shape.channels, node->shape.height, node->shape.width);
    return SN_OK;
}

static sn_status check_input_scale(const sn_packer_conv *conv, const char *what, sn_error *error) {
    SN_RETURN_IF(!isfinite(conv->input_scale) || conv->input_scale < 0, error, SN_ERROR_ARGUMENT,
                 "packer, %s: input scale %g is neither 0 nor a positive number", what,
                 (double)conv->input_scale);
    SN_RETURN_IF(conv->input_signed && conv->input_scale == 0, error, SN_ERROR_ARGUMENT,
                 "packer, %s: a signed input needs an input scale", what);
    return SN_OK;
}

static sn_status check_residual(const sn_packer *packer, sn_packer_value residual,
                                sn_packer_shape out, const char *what, sn_error *error) {
    SN_TRY(check_value(packer, residual, what, error));
    const sn_packer_shape in = packer->nodes[residual].shape;
    SN_RETURN_IF(in.channels != out.channels || in.height != out.height || in.width != out.width,
                 error, SN_ERROR_ARGUMENT,
                 "packer, %s: shapes differ: the output's %u x %u x %u and the residual's %u x %u "
                 "x %u (value %d)",
                 what, out.channels, out.height, out.width, in.channels, in.height, in.width,
                 residual);
    return SN_OK;
}

/* What all kinds of convolution check; *taps gets C*R*S. */
static sn_status begin_conv(const sn_packer *packer, sn_packer_value input,
                            const sn_packer_conv *conv, const sn_packer_epilogue *epilogue,
                            const char *what, sn_packer_node *node, uint64_t *taps,
                            sn_error *error) {
    SN_TRY(check_value(packer, input, what, error));
    SN_RETURN_IF(!conv, error, SN_ERROR_ARGUMENT, "packer, %s: no dimensions", what);
    SN_RETURN_IF(conv->filters < 1 || conv->filters > SN_INFER_MAX_CHANNELS, error,
                 SN_ERROR_ARGUMENT, "packer, %s: %d filters are outside 1 to %d", what,
                 conv->filters, SN_INFER_MAX_CHANNELS);
    const sn_packer_shape in = packer->nodes[input].shape;
    *node = (sn_packer_node){.a = input, .b = -1};
    node->record.opcode = SN_INFER_OP_CONV;
    node->record.filters = node->shape.channels = (uint32_t)conv->filters;
    SN_TRY(set_window(node, in, conv, what, error));
    SN_TRY(check_size(node, what, error));
    SN_TRY(check_input_scale(conv, what, error));
    SN_TRY(check_epilogue(epilogue, node->shape.channels, what, error));
    if (epilogue->residual) {
        SN_TRY(check_residual(packer, *epilogue->residual, node->shape, what, error));
        node->b = *epilogue->residual;
        node->record.flags |= SN_INFER_FLAG_RESIDUAL;
    }
    if (epilogue->shift)
        node->record.flags |= SN_INFER_FLAG_OUTPUT_SHIFTED;
    if (conv->input_signed)
        node->record.flags |= SN_INFER_FLAG_INPUT_SIGNED;
    if (conv->input_centered)
        node->record.flags |= SN_INFER_FLAG_INPUT_CENTERED;
    node->record.input_scale = conv->input_scale == 0 ? 0 : conv->input_scale; /* no -0 */
    node->record.activation = activation_code(epilogue->activation);
    *taps = (uint64_t)in.channels * node->record.kernel_height * node->record.kernel_width;
    return SN_OK;
}

sn_status sn_packer_add_conv_fp32(sn_packer *packer, sn_packer_value input,
                                  const sn_packer_conv *conv, const float *weights,
                                  const sn_packer_epilogue *epilogue, sn_packer_value *output,
                                  sn_error *error) {
    static const char what[] = "fp32 convolution";
    sn_packer_node node = {0};
    uint64_t taps = 0;
    SN_TRY(begin_conv(packer, input, conv, epilogue, what, &node, &taps, error));
    const uint64_t count = node.shape.channels * taps;
    SN_RETURN_IF(!weights, error, SN_ERROR_ARGUMENT, "packer, %s: no weights", what);
    SN_RETURN_IF(conv->input_centered, error, SN_ERROR_ARGUMENT,
                 "packer, %s: only one-bit and ternary weights take a centred input", what);
    SN_TRY(check_floats(weights, count, what, "weights", error));
    node.record.weight_kind = SN_INFER_WEIGHTS_FP32;
    SN_TRY(make_payload(&node, count * 4, true, what, error));
    size_t used = 0;
    add_floats(&node, &used, weights, count, 0);
    add_epilogue(&node, &used, epilogue);
    return add_node(packer, &node, what, output, error);
}

sn_status sn_packer_add_conv_signed_binary(sn_packer *packer, sn_packer_value input,
                                           const sn_packer_conv *conv,
                                           const sn_packer_signed_binary *weights,
                                           const sn_packer_epilogue *epilogue,
                                           sn_packer_value *output, sn_error *error) {
    static const char what[] = "signed-binary convolution";
    sn_packer_node node = {0};
    uint64_t taps = 0;
    SN_TRY(begin_conv(packer, input, conv, epilogue, what, &node, &taps, error));
    SN_RETURN_IF(!weights || !weights->mask || !weights->sign, error, SN_ERROR_ARGUMENT,
                 "packer, %s: no weights", what);
    SN_RETURN_IF(weights->centered && conv->input_centered, error, SN_ERROR_ARGUMENT,
                 "packer, %s: either the weights are centred or the input is, not both", what);
    const uint32_t filters = node.shape.channels, channels = packer->nodes[input].shape.channels;
    SN_RETURN_IF(weights->region_channels < 0, error, SN_ERROR_ARGUMENT,
                 "packer, %s: %d channels of a region are below 0", what, weights->region_channels);
    /* A whole filter has one representation only. */
    if ((uint32_t)weights->region_channels < channels)
        node.record.region_channels = (uint32_t)weights->region_channels;
    const uint64_t signs = filters * sn_infer_region_count(channels, node.record.region_channels);
    for (uint64_t i = 0; i < signs; i++)
        SN_RETURN_IF(weights->sign[i] != 1 && weights->sign[i] != -1, error, SN_ERROR_ARGUMENT,
                     "packer, %s: sign[%llu] is %d, not +1 or -1", what, (unsigned long long)i,
                     weights->sign[i]);
    for (uint64_t i = 0; i < filters * taps; i++)
        SN_RETURN_IF(weights->mask[i] > 1, error, SN_ERROR_ARGUMENT,
                     "packer, %s: mask[%llu] is %d, not 0 or 1", what, (unsigned long long)i,
                     weights->mask[i]);
    node.record.weight_kind = SN_INFER_WEIGHTS_SIGNED_BINARY;
    node.record.flags |= weights->centered ? SN_INFER_FLAG_CENTERED : 0;
    const uint64_t row = sn_infer_mask_bytes(taps);
    const uint64_t sign_bytes = sn_infer_mask_bytes(signs);
    SN_TRY(make_payload(&node,
                        sn_infer_section_bytes(filters * row) + sn_infer_section_bytes(sign_bytes),
                        true, what, error));
    size_t used = 0;
    unsigned char *bits = section(&node, &used, filters * row);
    for (uint32_t k = 0; k < filters; k++)
        for (uint64_t i = 0; i < taps; i++)
            bits[k * row + i / 8] |= (unsigned char)(weights->mask[k * taps + i] << (i % 8));
    unsigned char *negative = section(&node, &used, sign_bytes);
    for (uint64_t i = 0; i < signs; i++)
        negative[i / 8] |= (unsigned char)((weights->sign[i] < 0) << (i % 8));
    add_epilogue(&node, &used, epilogue);
    return add_node(packer, &node, what, output, error);
}

/* A row of bits for each filter, set where the weight is as asked for. */
static void add_bits(sn_packer_node *node, size_t *used, const int8_t *weights, uint64_t taps,
                     bool (*is_set)(int8_t weight)) {
    const uint64_t row = sn_infer_mask_bytes(taps);
    unsigned char *bits = section(node, used, node->shape.channels * row);
    for (uint64_t k = 0; k < node->shape.channels; k++)
        for (uint64_t i = 0; i < taps; i++)
            bits[k * row + i / 8] |= (unsigned char)(is_set(weights[k * taps + i]) << (i % 8));
}

static bool is_positive(int8_t weight) {
    return weight > 0;
}

static bool is_negative(int8_t weight) {
    return weight < 0;
}

static bool is_effectual(int8_t weight) {
    return weight != 0;
}

/* Binary and ternary: the weights are the codes. */
static sn_status add_coded_conv(sn_packer *packer, sn_packer_value input,
                                const sn_packer_conv *conv, const int8_t *weights,
                                const sn_packer_epilogue *epilogue, bool ternary,
                                sn_packer_value *output, sn_error *error) {
    const char *what = ternary ? "ternary convolution" : "binary convolution";
    sn_packer_node node = {0};
    uint64_t taps = 0;
    SN_TRY(begin_conv(packer, input, conv, epilogue, what, &node, &taps, error));
    SN_RETURN_IF(!weights, error, SN_ERROR_ARGUMENT, "packer, %s: no weights", what);
    for (uint64_t i = 0; i < node.shape.channels * taps; i++)
        SN_RETURN_IF(weights[i] < -1 || weights[i] > 1 || (!ternary && weights[i] == 0), error,
                     SN_ERROR_ARGUMENT, "packer, %s: weights[%llu] is %d, not %s", what,
                     (unsigned long long)i, weights[i], ternary ? "+1, 0 or -1" : "+1 or -1");
    node.record.weight_kind = ternary ? SN_INFER_WEIGHTS_TERNARY : SN_INFER_WEIGHTS_BINARY;
    const uint64_t bytes = sn_infer_section_bytes(node.shape.channels * sn_infer_mask_bytes(taps));
    SN_TRY(make_payload(&node, ternary ? 2 * bytes : bytes, true, what, error));
    size_t used = 0;
    add_bits(&node, &used, weights, taps, ternary ? is_effectual : is_positive);
    if (ternary)
        add_bits(&node, &used, weights, taps, is_negative);
    add_epilogue(&node, &used, epilogue);
    return add_node(packer, &node, what, output, error);
}

sn_status sn_packer_add_conv_binary(sn_packer *packer, sn_packer_value input,
                                    const sn_packer_conv *conv, const int8_t *weights,
                                    const sn_packer_epilogue *epilogue, sn_packer_value *output,
                                    sn_error *error) {
    return add_coded_conv(packer, input, conv, weights, epilogue, false, output, error);
}

sn_status sn_packer_add_conv_ternary(sn_packer *packer, sn_packer_value input,
                                     const sn_packer_conv *conv, const int8_t *weights,
                                     const sn_packer_epilogue *epilogue, sn_packer_value *output,
                                     sn_error *error) {
    return add_coded_conv(packer, input, conv, weights, epilogue, true, output, error);
}

sn_status sn_packer_add_sum(sn_packer *packer, sn_packer_value a, sn_packer_value b,
                            sn_packer_activation activation, const float *slope,
                            sn_packer_value *output, sn_error *error) {
    static const char what[] = "sum";
    SN_TRY(check_value(packer, a, what, error));
    SN_TRY(check_value(packer, b, what, error));
    const sn_packer_shape x = packer->nodes[a].shape, y = packer->nodes[b].shape;
    SN_RETURN_IF(x.channels != y.channels || x.height != y.height || x.width != y.width, error,
                 SN_ERROR_ARGUMENT,
                 "packer, %s: shapes differ: %u x %u x %u (value %d) and %u x %u x %u (value %d)",
                 what, x.channels, x.height, x.width, a, y.channels, y.height, y.width, b);
    SN_TRY(check_activation(activation, slope, x.channels, what, error));
    sn_packer_node node = {.a = a, .b = b, .shape = x};
    node.record.opcode = SN_INFER_OP_SUM;
    node.record.activation = activation_code(activation);
    SN_TRY(make_payload(&node, 0, false, what, error));
    size_t used = 0;
    if (slope)
        add_floats(&node, &used, slope, x.channels, 0);
    return add_node(packer, &node, what, output, error);
}

sn_status sn_packer_add_shift_clamp(sn_packer *packer, sn_packer_value input, const float *shift,
                                    sn_packer_value *output, sn_error *error) {
    static const char what[] = "shift and clamp";
    SN_TRY(check_value(packer, input, what, error));
    SN_RETURN_IF(!shift, error, SN_ERROR_ARGUMENT, "packer, %s: no shifts", what);
    sn_packer_node node = {.a = input, .b = -1, .shape = packer->nodes[input].shape};
    const uint64_t channels = node.shape.channels;
    SN_TRY(check_floats(shift, channels, what, "shift", error));
    node.record.opcode = SN_INFER_OP_SHIFT_CLAMP;
    SN_TRY(make_payload(&node, channels * 4, false, what, error));
    size_t used = 0;
    add_floats(&node, &used, shift, channels, 0);
    return add_node(packer, &node, what, output, error);
}

static sn_status add_pool(sn_packer *packer, sn_packer_value input, uint32_t opcode, int kernel,
                          int stride, int padding, const char *what, sn_packer_value *output,
                          sn_error *error) {
    SN_TRY(check_value(packer, input, what, error));
    const sn_packer_shape in = packer->nodes[input].shape;
    const sn_packer_conv window = {
        .kernel_height = kernel, .kernel_width = kernel, .stride = stride, .padding = padding};
    sn_packer_node node = {.a = input, .b = -1, .shape = in};
    node.record.opcode = opcode;
    SN_TRY(set_window(&node, in, &window, what, error));
    SN_RETURN_IF(padding >= kernel, error, SN_ERROR_ARGUMENT,
                 "packer, %s: padding %d is not below the kernel %d, so windows could be empty",
                 what, padding, kernel);
    SN_TRY(check_size(&node, what, error));
    return add_node(packer, &node, what, output, error);
}

sn_status sn_packer_add_max_pool(sn_packer *packer, sn_packer_value input, int kernel, int stride,
                                 int padding, sn_packer_value *output, sn_error *error) {
    return add_pool(packer, input, SN_INFER_OP_MAX_POOL, kernel, stride, padding, "max pooling",
                    output, error);
}

sn_status sn_packer_add_average_pool(sn_packer *packer, sn_packer_value input, int kernel,
                                     int stride, int padding, sn_packer_value *output,
                                     sn_error *error) {
    return add_pool(packer, input, SN_INFER_OP_AVERAGE_POOL, kernel, stride, padding,
                    "average pooling", output, error);
}

sn_status sn_packer_add_global_average_pool(sn_packer *packer, sn_packer_value input,
                                            sn_packer_value *output, sn_error *error) {
    static const char what[] = "global average pooling";
    SN_TRY(check_value(packer, input, what, error));
    sn_packer_node node = {
        .a = input, .b = -1, .shape = {packer->nodes[input].shape.channels, 1, 1}};
    node.record.opcode = SN_INFER_OP_GLOBAL_AVERAGE_POOL;
    return add_node(packer, &node, what, output, error);
}

sn_status sn_packer_add_linear(sn_packer *packer, sn_packer_value input, int outputs,
                               const float *weights, const sn_packer_epilogue *epilogue,
                               sn_packer_value *output, sn_error *error) {
    static const char what[] = "fully connected layer";
    SN_TRY(check_value(packer, input, what, error));
    SN_RETURN_IF(outputs < 1 || outputs > SN_INFER_MAX_CHANNELS, error, SN_ERROR_ARGUMENT,
                 "packer, %s: %d outputs are outside 1 to %d", what, outputs,
                 SN_INFER_MAX_CHANNELS);
    SN_RETURN_IF(!weights, error, SN_ERROR_ARGUMENT, "packer, %s: no weights", what);
    SN_TRY(check_epilogue(epilogue, (uint32_t)outputs, what, error));
    SN_RETURN_IF(epilogue->residual || epilogue->shift, error, SN_ERROR_ARGUMENT,
                 "packer, %s: only convolutions take a residual or a shift", what);
    const uint64_t count = (uint64_t)outputs * sn_packer_elements(packer->nodes[input].shape);
    SN_TRY(check_floats(weights, count, what, "weights", error));
    sn_packer_node node = {.a = input, .b = -1, .shape = {(uint32_t)outputs, 1, 1}};
    node.record.opcode = SN_INFER_OP_LINEAR;
    node.record.weight_kind = SN_INFER_WEIGHTS_FP32;
    node.record.activation = activation_code(epilogue->activation);
    node.record.filters = (uint32_t)outputs;
    SN_TRY(make_payload(&node, count * 4, true, what, error));
    size_t used = 0;
    add_floats(&node, &used, weights, count, 0);
    add_epilogue(&node, &used, epilogue);
    return add_node(packer, &node, what, output, error);
}
