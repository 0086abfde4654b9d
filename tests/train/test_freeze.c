/* Frozen networks compute what the training graph computes. */
#include "train_tests.h"

#include "base/memory.h"
#include "base/rng.h"
#include "infer/format.h"
#include "infer/metadata.h"
#include "layers/quantize.h"
#include "train/freeze.h"
#include "train/predictor.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct freeze_case {
    const char *arch, *quant, *activation;
    size_t size;
    double width;
    int scale_rule;
    uint64_t region; /* with signs of their own */
    sn_center center;
} freeze_case;

static const freeze_case cases[] = {
    {"resnet20", "fp32", "relu", 32, 0.5, SN_SCALE_FILTER_MEAN, 0, SN_CENTER_AUTO},
    {"resnet20", "signed-binary", "relu", 32, 0.5, SN_SCALE_FILTER_MEAN, 0, SN_CENTER_AUTO},
    {"resnet20", "signed-binary-centered", "relu", 32, 1, SN_SCALE_FILTER_MEAN, 0, SN_CENTER_AUTO},
    {"resnet20", "signed-binary", "prelu", 32, 0.25, SN_SCALE_FILTER_MEAN, 0, SN_CENTER_AUTO},
    {"resnet32", "signed-binary-centered", "hardtanh", 28, 0.3, SN_SCALE_FILTER_MEAN, 0,
     SN_CENTER_AUTO},
    {"resnet18", "signed-binary-centered", "relu", 32, 0.25, SN_SCALE_FILTER_MEAN, 0,
     SN_CENTER_AUTO},
    {"resnet18", "signed-binary", "prelu", 96, 0.25, SN_SCALE_FILTER_MEAN, 0, SN_CENTER_AUTO},
    {"resnet20", "signed-binary", "relu", 32, 0.5, SN_SCALE_FILTER_MEAN, 3, SN_CENTER_AUTO},
    {"resnet20", "signed-binary", "relu", 32, 1, SN_SCALE_LAYER_MEAN, 64, SN_CENTER_AUTO},
    {"resnet20", "signed-binary-centered", "relu", 32, 0.5, SN_SCALE_FILTER_MEAN, 8,
     SN_CENTER_AUTO},
    {"resnet20", "signed-binary-centered", "prelu", 32, 0.5, SN_SCALE_ONE, 1, SN_CENTER_AUTO},
    {"resnet20", "signed-binary", "relu", 32, 0.5, SN_SCALE_FILTER_MEAN, 0, SN_CENTER_NONE},
    {"resnet20", "signed-binary", "relu", 29, 0.3, SN_SCALE_FILTER_MEAN, 3, SN_CENTER_ACTIVATIONS},
    {"resnet20", "binary", "prelu", 32, 0.5, SN_SCALE_FILTER_MEAN, 0, SN_CENTER_ACTIVATIONS},
    {"resnet18", "ternary", "relu", 32, 0.25, SN_SCALE_FILTER_MEAN, 0, SN_CENTER_ACTIVATIONS},
    {"resnet20-plum", "fp32", "relu", 32, 0.5, SN_SCALE_FILTER_MEAN, 0, SN_CENTER_AUTO},
    {"resnet20-plum", "signed-binary", "relu", 32, 1, SN_SCALE_ONE, 0, SN_CENTER_AUTO},
    {"resnet20-plum", "signed-binary-centered", "hardtanh", 28, 0.3, SN_SCALE_FILTER_MEAN, 8,
     SN_CENTER_AUTO},
    {"resnet18-plum", "signed-binary", "prelu", 96, 0.25, SN_SCALE_FILTER_MEAN, 0, SN_CENTER_AUTO},
    {"resnet20-plum", "signed-binary", "relu", 32, 0.5, SN_SCALE_FILTER_MEAN, 0,
     SN_CENTER_ACTIVATIONS},
    {"vgg-small", "fp32", "relu", 32, 0.125, SN_SCALE_FILTER_MEAN, 0, SN_CENTER_AUTO},
    {"vgg-small", "signed-binary", "relu", 32, 0.25, SN_SCALE_FILTER_MEAN, 0, SN_CENTER_AUTO},
    {"vgg-small", "signed-binary-centered", "prelu", 28, 0.1, SN_SCALE_FILTER_MEAN, 8,
     SN_CENTER_AUTO},
    {"vgg-small", "ternary", "hardtanh", 45, 0.125, SN_SCALE_ONE, 0, SN_CENTER_AUTO},
};

enum { CASES = sizeof cases / sizeof *cases };

static sn_network_options options_of(const freeze_case *c) {
    return (sn_network_options){
        .model = {.arch = sn_choice_find(sn_arch_name, c->arch),
                  .width = c->width,
                  .classes = 10,
                  .channels = 3,
                  .height = c->size,
                  .image_width = c->size,
                  .activation = sn_choice_find(sn_activation_name, c->activation),
                  .quant = {.quantizer = sn_choice_find(sn_quantizer_name, c->quant),
                            .center = (int)c->center,
                            .delta_ratio = 0.05,
                            .scale_rule = c->scale_rule,
                            .region_channels = c->region,
                            .sign_rule = c->region ? SN_SIGNS_INIT : SN_SIGNS_FIXED,
                            .positive_fraction = 0.5}},
        .mode = SN_GRAPH_EVAL,
        .batch = FROZEN_IMAGES,
        .threads = 2};
}

static void check_frozen(const freeze_case *c) {
    const sn_network_options options = options_of(c);
    sn_parameters *parameters;
    sn_network network;
    ck_assert_int_eq(sn_parameters_create(&parameters, NULL), SN_OK);
    ck_assert_int_eq(sn_network_create(&options, parameters, &network, NULL), SN_OK);
    randomise(parameters);
    check_frozen_logits(&network, 1e-4);
    sn_network_free(&network);
    sn_parameters_free(parameters);
}

START_TEST(frozen_logits_match) {
    check_frozen(&cases[_i]);
}
END_TEST

START_TEST(every_quantizer_freezes) {
    for (int i = 0; sn_quantizer_name(i); i++) {
        const freeze_case c = {"resnet20", sn_quantizer_name(i), "relu", 32, 0.5, 0,
                               0,          SN_CENTER_AUTO};
        check_frozen(&c);
    }
}
END_TEST

/* A layer's mean and learned scales are no matter of one filter alone. */
START_TEST(every_scale_freezes) {
    static const char *const quantizers[] = {"signed-binary-centered", "ternary", "denseshift"};
    for (int rule = 0; rule < SN_SCALE_MEAN; rule++) {
        const freeze_case c = {"resnet20", quantizers[_i], "relu", 32,
                               0.5,        rule,           0,      SN_CENTER_AUTO};
        check_frozen(&c);
    }
}
END_TEST

/* What the README says of sizes, for masks as dense as trained ones are at most. */
START_TEST(resnet20_is_small) {
    const freeze_case c = {"resnet20", "signed-binary-centered", "relu", 32,
                           1,          SN_SCALE_FILTER_MEAN,     0,      SN_CENTER_AUTO};
    const sn_network_options options = options_of(&c);
    sn_parameters *parameters;
    sn_network network;
    void *packed;
    size_t bytes;
    ck_assert_int_eq(sn_parameters_create(&parameters, NULL), SN_OK);
    ck_assert_int_eq(sn_network_create(&options, parameters, &network, NULL), SN_OK);
    randomise(parameters);
    ck_assert_int_eq(sn_freeze(&network, NULL, &packed, &bytes, NULL), SN_OK);
    ck_assert_uint_lt(bytes, 60000);
    for (int isa = SN_INFER_ISA_PORTABLE; isa <= SN_INFER_ISA_AVX2; isa++) {
        const sn_infer_options how = {.isa = (sn_infer_isa)isa};
        sn_infer_info info;
        if (!sn_infer_isa_available(how.isa))
            continue;
        ck_assert_int_eq(sn_infer_inspect(packed, bytes, &how, &info), SN_INFER_OK);
        ck_assert_uint_gt(info.effectual_weights, info.quantized_weights * 2 / 5);
#ifndef __SANITIZE_ADDRESS__ /* gaps between blocks cost memory there */
        ck_assert_uint_lt(info.model_memory + info.scratch_memory, 400000);
#endif
    }
    sn_free(packed);
    sn_network_free(&network);
    sn_parameters_free(parameters);
}
END_TEST

/* Shortcuts cost no instruction: 19 convolutions, 2 of them shortcuts, a mean and the classifier;
 * and no slot beyond the two that convolutions alone need and one for a shortcut that is computed.
 */
START_TEST(shortcuts_are_residuals) {
    const freeze_case *c = &cases[2];
    const sn_network_options options = options_of(c);
    const sn_metadata metadata = {.name = "network",
                                  .dataset = "shapes",
                                  .statistics = {{0.1F, 0.2F, 0.3F}, {0.4F, 0.5F, 0.6F}},
                                  .classes = 10};
    sn_parameters *parameters;
    sn_network network;
    sn_infer_header header;
    void *packed;
    size_t bytes;
    uint32_t residuals = 0, in_place = 0;
    ck_assert_int_eq(sn_parameters_create(&parameters, NULL), SN_OK);
    ck_assert_int_eq(sn_network_create(&options, parameters, &network, NULL), SN_OK);
    randomise(parameters);
    ck_assert_int_eq(sn_freeze(&network, &metadata, &packed, &bytes, NULL), SN_OK);
    sn_infer_load_words(&header, packed, sizeof header / 4);
    ck_assert_uint_eq(header.instruction_count, 19 + 2 + 2);
    ck_assert_uint_eq(header.slot_count, 1 + 3);
    for (uint32_t i = 0; i < header.instruction_count; i++) {
        sn_infer_record record;
        sn_infer_load_words(&record, (unsigned char *)packed + sizeof header + i * sizeof record,
                            sizeof record / 4);
        const bool residual = record.flags & SN_INFER_FLAG_RESIDUAL;
        residuals += residual;
        in_place += residual && record.output == record.input_b;
    }
    ck_assert_uint_eq(residuals, 9);
    ck_assert_uint_eq(in_place, 9);

    float mean[3], deviation[3];
    ck_assert(sn_infer_normalisation(packed, mean, deviation));
    ck_assert(mean[1] == 0.2F && deviation[2] == 0.6F);
    ck_assert_str_eq(sn_infer_network_name(packed), "network");
    ck_assert_str_eq(sn_infer_dataset_name(packed), "shapes");
    ck_assert_ptr_null(sn_infer_class_name(packed, 0));
    sn_free(packed);
    sn_network_free(&network);
    sn_parameters_free(parameters);
}
END_TEST

/* Of PLUM's block the clamp alone is an instruction; slots are those of other residual networks. */
START_TEST(shifts_are_folded) {
    const freeze_case c = {
        "resnet20-plum", "signed-binary", "relu", 32, 0.25, SN_SCALE_FILTER_MEAN, 0,
        SN_CENTER_AUTO};
    const sn_network_options options = options_of(&c);
    sn_parameters *parameters;
    sn_network network;
    sn_infer_header header;
    void *packed;
    size_t bytes;
    uint32_t clamps = 0, ends = 0;
    ck_assert_int_eq(sn_parameters_create(&parameters, NULL), SN_OK);
    ck_assert_int_eq(sn_network_create(&options, parameters, &network, NULL), SN_OK);
    randomise(parameters);
    ck_assert_int_eq(sn_freeze(&network, NULL, &packed, &bytes, NULL), SN_OK);
    sn_infer_load_words(&header, packed, sizeof header / 4);
    /* Stem, blocks, shortcuts with their pooling, mean, classifier. */
    ck_assert_uint_eq(header.instruction_count, 1 + 18 * 2 + 2 * 2 + 2);
    ck_assert_uint_eq(header.slot_count, 1 + 3);
    for (uint32_t i = 0; i < header.instruction_count; i++) {
        sn_infer_record record;
        sn_infer_load_words(&record, (unsigned char *)packed + sizeof header + i * sizeof record,
                            sizeof record / 4);
        clamps += record.opcode == SN_INFER_OP_SHIFT_CLAMP;
        ends += record.flags == (SN_INFER_FLAG_RESIDUAL | SN_INFER_FLAG_OUTPUT_SHIFTED) &&
                record.activation == SN_INFER_ACTIVATION_PRELU && record.output == record.input_b;
    }
    ck_assert_uint_eq(clamps, 18);
    ck_assert_uint_eq(ends, 18);
    sn_free(packed);
    sn_network_free(&network);
    sn_parameters_free(parameters);
}
END_TEST

START_TEST(one_bit_weights_take_one_bit) {
    const freeze_case *c = &cases[2]; /* the whole ResNet-20 */
    const sn_network_options options = options_of(c);
    sn_parameters *parameters;
    sn_network network;
    sn_infer_info info;
    void *packed;
    size_t bytes;
    ck_assert_int_eq(sn_parameters_create(&parameters, NULL), SN_OK);
    ck_assert_int_eq(sn_network_create(&options, parameters, &network, NULL), SN_OK);
    randomise(parameters);
    ck_assert_int_eq(sn_freeze(&network, NULL, &packed, &bytes, NULL), SN_OK);
    ck_assert_int_eq(sn_infer_inspect(packed, bytes, NULL, &info), SN_INFER_OK);
    const sn_weight_counts counts = sn_layers_count_effectual(&network.layers);
    ck_assert_uint_eq(info.quantized_weights, counts.total);
    ck_assert_uint_eq(info.effectual_weights, counts.effectual);
    /* bits, fp32 layers, and a scale, a bias and a sign for each of 784 + 16 + 96 filters */
    const size_t expected = 267264 / 8 + 4 * (432 + 2560 + 650) + 8 * 784 + 784 / 8;
    ck_assert_uint_ge(info.weight_bytes, expected);
    ck_assert_uint_le(info.weight_bytes, expected + expected / 10);
    sn_free(packed);
    sn_network_free(&network);
    sn_parameters_free(parameters);
}
END_TEST

Suite *freeze_suite(void) {
    Suite *suite = suite_create("freeze");
    TCase *tcase = tcase_create("freeze");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, frozen_logits_match, 0, CASES);
    tcase_add_test(tcase, every_quantizer_freezes);
    tcase_add_test(tcase, resnet20_is_small);
    tcase_add_loop_test(tcase, every_scale_freezes, 0, 3);
    tcase_add_test(tcase, shortcuts_are_residuals);
    tcase_add_test(tcase, shifts_are_folded);
    tcase_add_test(tcase, one_bit_weights_take_one_bit);
    suite_add_tcase(suite, tcase);
    return suite;
}
