/* What signet.h tells of the layers of an opened model. */
#include "base/memory.h"
#include "infer/packer.h"
#include "infer/signet.h"
#include "suites.h"

enum { CHANNELS = 4, FILTERS = 2 };

typedef struct opened {
    void *packed, *memory;
    const sn_infer_model *model;
} opened;

static opened open_model(sn_packer *packer, sn_packer_value output) {
    opened o;
    size_t bytes;
    sn_infer_info info;
    ck_assert_int_eq(sn_packer_finish(packer, output, &o.packed, &bytes, NULL), SN_OK);
    sn_packer_free(packer);
    ck_assert_int_eq(sn_infer_inspect(o.packed, bytes, NULL, &info), SN_INFER_OK);
    o.memory = sn_alloc(info.model_memory);
    ck_assert_int_eq(sn_infer_open(o.packed, bytes, NULL, o.memory, info.model_memory, &o.model),
                     SN_INFER_OK);
    return o;
}

static void close_model(opened *o) {
    sn_free(o->memory);
    sn_free(o->packed);
}

/* One 1x1 convolution of 4 channels to 2. */
static opened open_conv(const sn_packer_signed_binary *bits, const int8_t *codes, bool ternary,
                        const sn_packer_conv *conv, const sn_packer_epilogue *epilogue) {
    sn_packer *packer;
    sn_packer_value value;
    ck_assert_int_eq(sn_packer_create(CHANNELS, 3, 3, &packer, &value, NULL), SN_OK);
    sn_status status;
    if (bits)
        status =
            sn_packer_add_conv_signed_binary(packer, value, conv, bits, epilogue, &value, NULL);
    else
        status = (ternary ? sn_packer_add_conv_ternary : sn_packer_add_conv_binary)(
            packer, value, conv, codes, epilogue, &value, NULL);
    ck_assert_int_eq(status, SN_OK);
    return open_model(packer, value);
}

static const sn_packer_conv one_by_one = {
    .filters = FILTERS, .kernel_height = 1, .kernel_width = 1, .stride = 1};
static const sn_packer_epilogue plain = {.activation = SN_PACKER_RELU};

static void check_weights(const opened *o, const int *expected) {
    for (int k = 0; k < FILTERS; k++)
        for (int c = 0; c < CHANNELS; c++)
            ck_assert_int_eq(sn_infer_weight(o->model, 0, k, (uint64_t)c),
                             expected[k * CHANNELS + c]);
}

START_TEST(weights_have_their_signs) {
    static const uint8_t mask[] = {1, 0, 1, 1, 0, 1, 1, 0};
    static const int8_t signs[] = {1, -1}, region_signs[] = {1, -1, -1, 1};
    static const int whole[] = {1, 0, 1, 1, 0, -1, -1, 0}, regions[] = {1, 0, -1, -1, 0, -1, 1, 0};
    for (int centered = 0; centered < 2; centered++) {
        sn_packer_signed_binary bits = {.mask = mask, .sign = signs, .centered = centered};
        opened o = open_conv(&bits, NULL, false, &one_by_one, &plain);
        check_weights(&o, whole);
        close_model(&o);
        bits.sign = region_signs;
        bits.region_channels = 2;
        o = open_conv(&bits, NULL, false, &one_by_one, &plain);
        check_weights(&o, regions);
        close_model(&o);
    }
    for (int ternary = 0; ternary < 2; ternary++) {
        const int zero = ternary ? 0 : 1;
        const int expected[] = {1, -1, zero, 1, -1, -1, zero, 1};
        int8_t codes[FILTERS * CHANNELS];
        for (int i = 0; i < FILTERS * CHANNELS; i++)
            codes[i] = (int8_t)expected[i];
        opened o = open_conv(NULL, codes, ternary, &one_by_one, &plain);
        check_weights(&o, expected);
        close_model(&o);
    }
}
END_TEST

START_TEST(layers_tell_their_input_and_their_bytes) {
    static const int8_t codes[FILTERS * CHANNELS] = {1, 1, -1, 1, -1, 1, 1, 1};
    static const float slope[FILTERS] = {0.5F, 0.25F}, shift[FILTERS] = {1, 2};
    static const sn_packer_epilogue rich = {
        .activation = SN_PACKER_PRELU, .slope = slope, .shift = shift};
    for (int rounded = 0; rounded < 2; rounded++)
        for (int is_signed = 0; is_signed <= rounded; is_signed++) {
            sn_packer_conv conv = one_by_one;
            conv.input_scale = rounded ? 0.5F : 0;
            conv.input_signed = is_signed;
            sn_infer_layer_info simple, full;
            opened o = open_conv(NULL, codes, false, &conv, &plain);
            sn_infer_describe_layer(o.model, 0, &simple);
            close_model(&o);
            o = open_conv(NULL, codes, false, &conv, &rich);
            sn_infer_describe_layer(o.model, 0, &full);
            close_model(&o);
            ck_assert_int_eq(simple.input_rounded, rounded);
            ck_assert_int_eq(simple.input_signed, is_signed);
            ck_assert_int_eq(simple.channel_floats, 2);
            ck_assert_int_eq(full.channel_floats, 4);
            ck_assert_uint_eq(full.payload_bytes, simple.payload_bytes + 4 * 2 * FILTERS);
            ck_assert_uint_eq(simple.packed_bytes, 80 + simple.payload_bytes);
        }
}
END_TEST

START_TEST(layers_tell_their_kernel) {
    static const float weights[9 * CHANNELS] = {1};
    sn_packer *packer;
    sn_packer_value value;
    sn_infer_layer_info layer;
    ck_assert_int_eq(sn_packer_create(CHANNELS, 3, 3, &packer, &value, NULL), SN_OK);
    ck_assert_int_eq(sn_packer_set_name(packer, "some net", NULL), SN_OK);
    const sn_packer_conv one = {.filters = 1, .kernel_height = 1, .kernel_width = 1, .stride = 1};
    ck_assert_int_eq(sn_packer_add_conv_fp32(packer, value, &one, weights, &plain, &value, NULL),
                     SN_OK);
    ck_assert_int_eq(sn_packer_add_linear(packer, value, 2, weights, &plain, &value, NULL), SN_OK);
    opened o = open_model(packer, value);
    sn_infer_describe_layer(o.model, 0, &layer);
    ck_assert_str_eq(layer.kernel, "dense");
    ck_assert_int_eq((int)layer.form, SN_INFER_FORM_AUTO); /* there is nothing to choose */
    sn_infer_describe_layer(o.model, 1, &layer);
    ck_assert_str_eq(layer.kernel, "linear");
    ck_assert_str_eq(sn_infer_network_name(o.packed), "some net");
    ck_assert_str_eq(sn_infer_dataset_name(o.packed), "");
    close_model(&o);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("infer describe");
    TCase *tests = tcase_create("describe");
    tcase_add_test(tests, weights_have_their_signs);
    tcase_add_test(tests, layers_tell_their_input_and_their_bytes);
    tcase_add_test(tests, layers_tell_their_kernel);
    suite_add_tcase(suite, tests);
    return run_suite(suite, CK_FORK_GETENV);
}
