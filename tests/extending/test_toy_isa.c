/* A further instruction set, a file of its own and a line in a table, runs a network. */
#include "base/memory.h"
#include "infer/packer.h"
#include "infer/signet.h"
#include "suites.h"

#include <math.h>
#include <stdlib.h>

enum { CHANNELS = 4, FILTERS = 12, SIDE = 9, CLASSES = 3, TAPS = CHANNELS * 9 };

/* A 3x3 convolution with signed-binary weights, the mean over its pixels, and a classifier. */
static void *make_model(size_t *bytes) {
    sn_packer *packer;
    sn_packer_value x;
    uint8_t mask[FILTERS * TAPS];
    int8_t sign[FILTERS];
    float scale[FILTERS], weight[CLASSES * FILTERS];
    void *packed;
    for (int i = 0; i < FILTERS * TAPS; i++)
        mask[i] = i * 7 % 11 < 5;
    for (int i = 0; i < FILTERS; i++) {
        sign[i] = i % 2 ? 1 : -1;
        scale[i] = 0.1F * (float)(i + 1);
    }
    for (int i = 0; i < CLASSES * FILTERS; i++)
        weight[i] = (float)(i % 5) - 2;
    const sn_packer_conv conv = {
        .filters = FILTERS, .kernel_height = 3, .kernel_width = 3, .stride = 1, .padding = 1};
    const sn_packer_signed_binary bits = {.mask = mask, .sign = sign};
    const sn_packer_epilogue relu = {.activation = SN_PACKER_RELU, .scale = scale},
                             plain = {.activation = SN_PACKER_LINEAR};
    ck_assert_int_eq(sn_packer_create(CHANNELS, SIDE, SIDE, &packer, &x, NULL), SN_OK);
    ck_assert_int_eq(sn_packer_add_conv_signed_binary(packer, x, &conv, &bits, &relu, &x, NULL),
                     SN_OK);
    ck_assert_int_eq(sn_packer_add_global_average_pool(packer, x, &x, NULL), SN_OK);
    ck_assert_int_eq(sn_packer_add_linear(packer, x, CLASSES, weight, &plain, &x, NULL), SN_OK);
    ck_assert_int_eq(sn_packer_finish(packer, x, &packed, bytes, NULL), SN_OK);
    sn_packer_free(packer);
    return packed;
}

static void run(const void *packed, size_t bytes, sn_infer_isa isa, float logits[CLASSES]) {
    const sn_infer_options options = {.isa = isa};
    sn_infer_info info;
    const sn_infer_model *model;
    float image[CHANNELS * SIDE * SIDE];
    for (int i = 0; i < CHANNELS * SIDE * SIDE; i++)
        image[i] = (float)(i * 13 % 29) / 29 - 0.3F;
    ck_assert_int_eq(sn_infer_inspect(packed, bytes, &options, &info), SN_INFER_OK);
    ck_assert_int_eq((int)info.isa, (int)isa);
    void *memory = sn_alloc(info.model_memory), *scratch = sn_alloc(info.scratch_memory);
    ck_assert(memory && scratch);
    ck_assert_int_eq(sn_infer_open(packed, bytes, &options, memory, info.model_memory, &model),
                     SN_INFER_OK);
    ck_assert_int_eq(sn_infer_run(model, scratch, info.scratch_memory, NULL, image, logits),
                     SN_INFER_OK);
    sn_free(memory);
    sn_free(scratch);
}

START_TEST(test_isa) {
    size_t bytes;
    float ours[CLASSES], portable[CLASSES];
    void *packed = make_model(&bytes);
    ck_assert_str_eq(sn_infer_isa_name(SN_INFER_ISA_TOY), "toy");
    ck_assert_ptr_null(sn_infer_isa_name(SN_INFER_ISA_COUNT));
    ck_assert(sn_infer_isa_available(SN_INFER_ISA_TOY));
    run(packed, bytes, SN_INFER_ISA_TOY, ours);
    run(packed, bytes, SN_INFER_ISA_PORTABLE, portable);
    for (int i = 0; i < CLASSES; i++) {
        ck_assert(fabsf(portable[i]) > 1e-3F);
        ck_assert(fabsf(ours[i] - portable[i]) < 1e-4F * fabsf(portable[i]));
    }
    sn_free(packed);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("extending isa");
    TCase *tcase = tcase_create("toy");
    tcase_add_test(tcase, test_isa);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, CK_FORK_GETENV);
}
