/* Summaries against sums done by hand, and against the published sizes of ResNet-20. */
#include "base/memory.h"
#include "cli/runner.h"
#include "cli/slices.h"
#include "cli/summary.h"
#include "cli/summary_report.h"
#include "infer/packer.h"
#include "suites.h"
#include "train/freeze.h"

#include <stdlib.h>
#include <string.h>

/* ---- models of one convolution ---- */

enum { MOST_WEIGHTS = 4096 };

typedef struct one_conv {
    const char *kind; /* "fp32", "signed-binary", "signed-binary-centered", "binary", "ternary" */
    int filters, channels, kernel;
    const int8_t *digits; /* [K][C][R][S]: -1, 0, 1 */
    bool prelu;
    int region; /* of signed-binary weights: input channels of a region; 0: all */
    bool input_centered;
} one_conv;

static void add_conv(sn_packer *packer, sn_packer_value input, const one_conv *c,
                     sn_packer_value *output) {
    static float values[MOST_WEIGHTS], slope[64];
    static uint8_t mask[MOST_WEIGHTS];
    static int8_t sign[MOST_WEIGHTS]; /* of regions */
    const int count = c->filters * c->channels * c->kernel * c->kernel, of_one = count / c->filters;
    const int channels = c->region ? c->region : c->channels;
    const int parts = (c->channels + channels - 1) / channels, taps = c->kernel * c->kernel;
    const sn_packer_conv conv = {.filters = c->filters,
                                 .kernel_height = c->kernel,
                                 .kernel_width = c->kernel,
                                 .stride = 1,
                                 .padding = c->kernel / 2,
                                 .input_centered = c->input_centered};
    const sn_packer_epilogue epilogue = {.activation =
                                             c->prelu ? SN_PACKER_PRELU : SN_PACKER_LINEAR,
                                         .slope = c->prelu ? slope : NULL};
    sn_status status;
    memset(sign, 1, sizeof sign);
    for (int i = 0; i < count; i++) {
        values[i] = c->digits[i];
        mask[i] = c->digits[i] != 0;
        if (c->digits[i] < 0)
            sign[i / of_one * parts + i % of_one / taps / channels] = -1;
    }
    const sn_packer_signed_binary bits = {.mask = mask,
                                          .sign = sign,
                                          .centered = strlen(c->kind) > strlen("signed-binary"),
                                          .region_channels = c->region};
    if (strcmp(c->kind, "fp32") == 0)
        status = sn_packer_add_conv_fp32(packer, input, &conv, values, &epilogue, output, NULL);
    else if (strcmp(c->kind, "binary") == 0)
        status =
            sn_packer_add_conv_binary(packer, input, &conv, c->digits, &epilogue, output, NULL);
    else if (strcmp(c->kind, "ternary") == 0)
        status =
            sn_packer_add_conv_ternary(packer, input, &conv, c->digits, &epilogue, output, NULL);
    else
        status =
            sn_packer_add_conv_signed_binary(packer, input, &conv, &bits, &epilogue, output, NULL);
    ck_assert_int_eq(status, SN_OK);
}

/* The convolution on pictures of 8x8, a mean, and a classifier of two classes. */
static void *pack(const one_conv *c, size_t *bytes) {
    static const float weights[2 * 64];
    sn_packer *packer;
    sn_packer_value value;
    void *packed;
    ck_assert_int_eq(sn_packer_create(c->channels, 8, 8, &packer, &value, NULL), SN_OK);
    add_conv(packer, value, c, &value);
    ck_assert_int_eq(sn_packer_add_global_average_pool(packer, value, &value, NULL), SN_OK);
    ck_assert_int_eq(
        sn_packer_add_linear(packer, value, 2, weights, &(sn_packer_epilogue){0}, &value, NULL),
        SN_OK);
    ck_assert_int_eq(sn_packer_finish(packer, value, &packed, bytes, NULL), SN_OK);
    sn_packer_free(packer);
    return packed;
}

static void *summarise(const one_conv *c, const sn_infer_options *options, sn_summary *summary) {
    size_t bytes;
    void *packed = pack(c, &bytes);
    ck_assert_int_eq(sn_summary_make(packed, bytes, options, summary, NULL), SN_OK);
    ck_assert_uint_eq(summary->count, 3);
    ck_assert_uint_eq(summary->total.bytes, bytes);
    return packed;
}

static const sn_infer_options portable = {.isa = SN_INFER_ISA_PORTABLE};

/* ---- slices ---- */

static void check_slices(const one_conv *c, uint64_t distinct) {
    sn_summary summary;
    void *packed = summarise(c, &portable, &summary);
    const sn_summary_row *row = &summary.rows[0];
    ck_assert_uint_eq(row->slices, (uint64_t)(c->filters * c->channels));
    ck_assert_msg(row->distinct == distinct, "%s: %llu distinct slices, not %llu", c->kind,
                  (unsigned long long)row->distinct, (unsigned long long)distinct);
    sn_summary_free(&summary);
    sn_free(packed);
}

/* Two filters of three channels, windows of 2x2. */
START_TEST(slices_are_told_apart_by_their_signs) {
    static const int8_t ternary[] = {1, 0, 0, -1, 1, 0,  0, -1, 0, 0,  0, 0, /**/
                                     1, 0, 0, 1,  0, -1, 1, 0,  0, -1, 1, 0};
    check_slices(&(one_conv){"ternary", 2, 3, 2, ternary, false, 0, false}, 4);
    static const int8_t binary[] = {1,  1,  1,  1,  1, -1, 1, -1, 1, -1, 1, -1, /**/
                                    -1, -1, -1, -1, 1, 1,  1, 1,  1, -1, 1, -1};
    check_slices(&(one_conv){"binary", 2, 3, 2, binary, false, 0, false}, 3);
    /* The same masks in a positive and in a negative filter, and a slice of zeros in both. */
    static const int8_t masks[] = {1,  0, 0, 1,  1,  0, 0, 1,  0, 0, 0, 0, /**/
                                   -1, 0, 0, -1, -1, 0, 0, -1, 0, 0, 0, 0};
    check_slices(&(one_conv){"signed-binary", 2, 3, 2, masks, false, 0, false}, 3);
    check_slices(&(one_conv){"signed-binary-centered", 2, 3, 2, masks, false, 0, false}, 3);
    check_slices(&(one_conv){"ternary", 2, 3, 2, masks, false, 0, false}, 3);
    /* And with both signs in each filter. */
    static const int8_t mixed[] = {1,  0, 0, 1,  -1, 0, 0, -1, 0, 0, 0, 0, /**/
                                   -1, 0, 0, -1, 1,  0, 0, 1,  1, 0, 0, 0};
    check_slices(&(one_conv){.kind = "signed-binary",
                             .filters = 2,
                             .channels = 3,
                             .kernel = 2,
                             .digits = mixed,
                             .region = 1},
                 4);
}
END_TEST

/* Windows whose slices do not fit into a word, which differ in the last weight; and of one weight.
 */
START_TEST(slices_of_any_size) {
    static int8_t large[2 * 2 * 49], single[8 * 8];
    memset(large, 1, sizeof large);
    check_slices(&(one_conv){"binary", 2, 2, 7, large, false, 0, false}, 1);
    large[49 - 1] = -1;
    check_slices(&(one_conv){"binary", 2, 2, 7, large, false, 0, false}, 2);
    large[2 * 49 - 1] = 0;
    check_slices(&(one_conv){"ternary", 2, 2, 7, large, false, 0, false}, 3);
    for (int i = 0; i < 64; i++)
        single[i] = (int8_t)(i % 3 - 1);
    check_slices(&(one_conv){"ternary", 8, 8, 1, single, false, 0, false}, 3);
}
END_TEST

/* As many as there can be: every mask of 2x2, in 16 filters. */
START_TEST(slices_that_are_all_different) {
    static int8_t all[16 * 4];
    for (int i = 0; i < 16 * 4; i++)
        all[i] = i / 4 >> i % 4 & 1 ? 1 : -1;
    check_slices(&(one_conv){"binary", 16, 1, 2, all, false, 0, false}, 16);
}
END_TEST

/* ---- rows ---- */

static const struct {
    const char *kind;
    uint64_t one_bit, two_bit, full, payload;
} parameters[] = {
    /* Three slopes, scales and biases; rows of 18 weights take three bytes. */
    {"fp32", 0, 0, 54 + 9, 4 * (54 + 9)},
    {"signed-binary", 54, 0, 9, 12 + 4 + 36},
    {"signed-binary-centered", 54, 0, 9, 12 + 4 + 36},
    {"binary", 54, 0, 9, 12 + 36},
    {"ternary", 0, 54, 9, 12 + 12 + 36},
};

/* 3 filters of 2 channels, 3x3: 27 of 54 weights are not zero. */
START_TEST(parameters_and_arithmetic_by_hand) {
    static int8_t digits[54];
    const bool binary = strcmp(parameters[_i].kind, "binary") == 0;
    const bool quantized = strcmp(parameters[_i].kind, "fp32") != 0;
    for (int i = 0; i < 54; i++)
        digits[i] = (int8_t)(i % 2 ? i < 18 ? -1 : 1 : binary ? -1 : 0);
    /* A centred input takes no bytes. */
    const bool input_centered = quantized && !strstr(parameters[_i].kind, "centered");
    const one_conv c = {parameters[_i].kind, 3, 2, 3, digits, true, 0, input_centered};
    sn_summary summary;
    void *packed = summarise(&c, &portable, &summary);
    const sn_summary_row *row = &summary.rows[0], *mean = &summary.rows[1];
    const sn_summary_row *linear = &summary.rows[2], *total = &summary.total;
    ck_assert_uint_eq(row->one_bit, parameters[_i].one_bit);
    ck_assert_uint_eq(row->two_bit, parameters[_i].two_bit);
    ck_assert_uint_eq(row->full, parameters[_i].full);
    ck_assert_uint_eq(row->bytes, 80 + parameters[_i].payload);
    ck_assert_double_eq(row->macs, 54 * 64);
    ck_assert_double_eq(row->effectual_macs, quantized && !binary ? 27 * 64 : 54 * 64);
    ck_assert_int_eq(row->quantized, quantized);
    ck_assert_uint_eq(sn_summary_parameters(mean) + mean->slices, 0);
    ck_assert_uint_eq(mean->bytes, 80);
    ck_assert_double_eq(mean->macs, 0);
    ck_assert_uint_eq(linear->full, 2 * 3 + 2); /* its scale of 1 is no parameter */
    ck_assert_double_eq(linear->macs, 6);
    ck_assert_uint_eq(sn_summary_parameters(total), 54 + 9 + 8);
    ck_assert_double_eq(total->macs, 54 * 64 + 6);
    ck_assert_uint_eq(row->bytes + mean->bytes + linear->bytes + summary.other_bytes, total->bytes);
    ck_assert_double_eq_tol(sn_summary_compression(&summary), 71 * 4.0 / (double)total->bytes,
                            1e-12);
    if (quantized) {
        ck_assert_double_eq(sn_summary_density(row), binary ? 1 : 0.5);
        ck_assert_double_eq(sn_summary_per_output(row, row->additions), binary ? 18 : 9);
        ck_assert_double_eq(sn_summary_density(total), binary ? 1 : 0.5);
    }
    json_t *json = sn_summary_json(&summary, &(sn_summary_options){0});
    const json_t *first = json_array_get(json_object_get(json, "layers"), 0);
    ck_assert_int_eq(json_is_true(json_object_get(first, "input_centered")), input_centered);
    json_decref(json);
    sn_summary_free(&summary);
    sn_free(packed);
}
END_TEST

/* What is planned is what the library says, whatever the form. */
START_TEST(additions_are_those_of_the_plan) {
    static int8_t digits[8 * 8 * 9];
    for (int i = 0; i < 8 * 8 * 9; i++)
        digits[i] = i % 72 % 5 < 2;
    const one_conv c = {"signed-binary", 8, 8, 3, digits, false, 0, false};
    for (int form = SN_INFER_FORM_DENSE; form < SN_INFER_FORM_COUNT; form++) {
        const sn_infer_options options = {.isa = SN_INFER_ISA_PORTABLE,
                                          .form = (sn_infer_form)form};
        sn_summary summary;
        sn_runner runner;
        sn_infer_layer_info info;
        size_t bytes;
        void *packed = pack(&c, &bytes);
        ck_assert_int_eq(sn_runner_open(packed, bytes, &options, &runner, NULL), SN_OK);
        sn_infer_describe_layer(runner.model, 0, &info);
        ck_assert_int_eq(sn_summary_make(packed, bytes, &options, &summary, NULL), SN_OK);
        const sn_summary_row *row = &summary.rows[0];
        ck_assert_double_eq(sn_summary_per_output(row, row->planned), info.additions);
        ck_assert_double_eq(row->planned, info.additions * 8 * 64);
        ck_assert_int_eq(row->multiplies, form == SN_INFER_FORM_DENSE);
        if (form == SN_INFER_FORM_SPARSE) /* one transition for each filter: its own first output */
            ck_assert_double_gt(sn_summary_per_output(row, row->planned), 72 * 0.4);
        if (form == SN_INFER_FORM_DENSE)
            ck_assert_double_eq(sn_summary_per_output(row, row->planned), 72);
        sn_summary_free(&summary);
        sn_runner_close(&runner);
        sn_free(packed);
    }
}
END_TEST

/* ---- a whole network ---- */

static void open_resnet20(const char *quant, double width, sn_parameters **parameters_,
                          sn_network *network) {
    const sn_network_options options = {
        .model = {.arch = sn_choice_find(sn_arch_name, "resnet20"),
                  .width = width,
                  .classes = 10,
                  .channels = 3,
                  .height = 32,
                  .image_width = 32,
                  .quant = {.quantizer = sn_choice_find(sn_quantizer_name, quant),
                            .delta_ratio = -1,
                            .positive_fraction = 0.5}},
        .mode = SN_GRAPH_EVAL,
        .batch = 1,
        .threads = 1};
    ck_assert_int_eq(sn_parameters_create(parameters_, NULL), SN_OK);
    ck_assert_int_eq(sn_network_create(&options, *parameters_, network, NULL), SN_OK);
}

/* Multiply-adds of ResNet-20 on 32x32: the 40.55 million of the paper (He et al. 2015), where
 * shortcuts are free, and the two 1x1 shortcuts; 10 classes. */
START_TEST(resnet20_has_the_published_sizes) {
    for (int i = 0; sn_quantizer_name(i); i++) {
        const sn_code code = sn_quantizer_at(i)->code;
        sn_parameters *values;
        sn_network network;
        sn_summary summary;
        void *packed;
        size_t bytes;
        uint64_t listed = 0;
        open_resnet20(sn_quantizer_name(i), 1, &values, &network);
        ck_assert_int_eq(sn_freeze(&network, NULL, &packed, &bytes, NULL), SN_OK);
        ck_assert_int_eq(sn_summary_make(packed, bytes, &portable, &summary, NULL), SN_OK);
        const sn_summary_row *total = &summary.total;
        const uint64_t quantized = code == SN_CODE_FULL || code == SN_CODE_OTHER ? 0 : 267264;
        ck_assert_double_eq(total->macs, 40551040 + 2 * 131072);
        ck_assert_uint_eq(sn_summary_parameters(total), 272474);
        ck_assert_uint_eq(total->one_bit, code == SN_CODE_TERNARY ? 0 : quantized);
        ck_assert_uint_eq(total->two_bit, code == SN_CODE_TERNARY ? quantized : 0);
        ck_assert_uint_eq(total->weights, summary.info.quantized_weights);
        ck_assert_uint_eq(total->effectual, summary.info.effectual_weights);
        ck_assert_double_eq(total->additions, (double)summary.info.effectual_additions);
        ck_assert_uint_eq(total->slices, quantized / 9);
        ck_assert_uint_eq(summary.count, 1 + 18 + 2 + 1 + 1);
        ck_assert_str_eq(summary.rows[1].name, "layer1.0.conv1");
        ck_assert_str_eq(summary.rows[summary.count - 1].name, "fc");
        for (size_t row = 0; row < summary.count; row++)
            listed += summary.rows[row].bytes;
        ck_assert_uint_eq(total->bytes, bytes);
        ck_assert_uint_eq(listed + summary.other_bytes, bytes);
        /* Nothing but the header and up to 63 bytes before each of 22 payloads. */
        ck_assert_uint_ge(summary.other_bytes, 64);
        ck_assert_uint_lt(summary.other_bytes, 64 + 22 * 64);
        sn_summary_free(&summary);
        sn_free(packed);
        sn_network_free(&network);
        sn_parameters_free(values);
    }
}
END_TEST

START_TEST(unknown_isa) {
    static const int8_t digits[54];
    const sn_infer_options options = {.isa = SN_INFER_ISA_COUNT};
    sn_summary summary;
    size_t bytes;
    void *packed = pack(&(one_conv){"ternary", 3, 2, 3, digits, false, 0, false}, &bytes);
    ck_assert_int_eq(sn_summary_make(packed, bytes, &options, &summary, NULL), SN_ERROR_ARGUMENT);
    sn_summary_free(&summary);
    sn_free(packed);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("summary");
    TCase *tests = tcase_create("summary");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, slices_are_told_apart_by_their_signs);
    tcase_add_test(tests, slices_of_any_size);
    tcase_add_test(tests, slices_that_are_all_different);
    tcase_add_loop_test(tests, parameters_and_arithmetic_by_hand, 0,
                        sizeof parameters / sizeof *parameters);
    tcase_add_test(tests, additions_are_those_of_the_plan);
    tcase_add_test(tests, resnet20_has_the_published_sizes);
    tcase_add_test(tests, unknown_isa);
    suite_add_tcase(suite, tests);
    return run_suite(suite, CK_FORK_GETENV);
}
