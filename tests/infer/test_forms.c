/* What the sweep over shapes (test_layers.c) leaves out: all kinds of weights in all forms, with
 * residuals, densities at both ends, paddings beyond a patch, several chunks. */
#include "base/memory.h"
#include "infer/isa.h"
#include "naive.h"
#include "suites.h"

#include <stdio.h>

/* The last three read a centred input. */
typedef enum kind {
    BITS,
    CENTRED_BITS,
    BINARY,
    TERNARY,
    BITS_OF_CENTRED,
    BINARY_OF_CENTRED,
    TERNARY_OF_CENTRED,
    KINDS
} kind;

static const char *const kind_names[KINDS] = {"signed-binary",
                                              "centred",
                                              "binary",
                                              "ternary",
                                              "signed-binary, centred input",
                                              "binary, centred input",
                                              "ternary, centred input"};

static twin_extra extra_of(kind k, const sn_packer_value *residual) {
    twin_extra extra = {
        .weights = TWIN_BY_DENSITY, .residual = residual, .input_centered = k >= BITS_OF_CENTRED};
    if (k == BINARY || k == BINARY_OF_CENTRED)
        extra.weights = TWIN_BINARY;
    else if (k == TERNARY || k == TERNARY_OF_CENTRED)
        extra.weights = TWIN_TERNARY;
    return extra;
}

/* A square kernel, padded to keep the picture's size unless `padding` is another. */
static twin_conv conv_of(kind k, int filters, int kernel, int stride, int padding) {
    return (twin_conv){.filters = filters,
                       .kernel_height = kernel,
                       .kernel_width = kernel,
                       .stride = stride,
                       .padding = padding,
                       .density = 0.4,
                       .centered = k == CENTRED_BITS,
                       .activation = SN_PACKER_LINEAR};
}

static void check_alone(kind k, int channels, int height, int width, const twin_conv *conv) {
    char what[160];
    snprintf(what, sizeof what,
             "%s, %d x %d x %d, %d filters of %d x %d, stride %d, padding %d, %g", kind_names[k],
             channels, height, width, conv->filters, conv->kernel_height, conv->kernel_width,
             conv->stride, conv->padding, conv->density);
    twin t;
    twin_init(&t, channels, height, width, (uint64_t)(height * width + conv->filters));
    const twin_extra extra = extra_of(k, NULL);
    twin_check(&t, twin_add_conv_extra(&t, 0, conv, &extra), 5e-5, what);
    twin_free(&t);
}

START_TEST(kinds_kernels_and_strides) {
    static const int sides[][2] = {{7, 7}, {9, 5}, {1, 1}, {17, 15}};
    int turn = 0;
    for (int k = 0; k < KINDS; k++)
        for (int kernel = 1; kernel <= 7; kernel += 2)
            for (int stride = 1; stride <= 2; stride++)
                for (int s = 0; s < 4; s++, turn++) {
                    const twin_conv conv =
                        conv_of((kind)k, 3 + turn % 5 * 2, kernel, stride, kernel / 2);
                    check_alone((kind)k, 1 + turn % 4, sides[s][0], sides[s][1], &conv);
                }
}
END_TEST

/* Patches of all isas are at most 8 high and 16 wide here. */
START_TEST(large_pictures_and_paddings) {
    for (int k = 0; k < KINDS; k++) {
        for (int kernel = 1; kernel <= 3; kernel += 2)
            for (int stride = 1; stride <= 2; stride++) {
                const twin_conv conv = conv_of((kind)k, 5, kernel, stride, kernel / 2);
                check_alone((kind)k, 3, 33, 31, &conv);
            }
        const twin_conv wide = conv_of((kind)k, 5, 3, 1, 19), apart = conv_of((kind)k, 5, 3, 2, 11);
        check_alone((kind)k, 2, 4, 3, &wide);
        check_alone((kind)k, 2, 3, 6, &apart);
    }
}
END_TEST

/* 0 and 1: no filter has anything to add, or all have everything; above 0.5 the others are added.
 */
START_TEST(both_ends_of_density) {
    static const double densities[] = {0, 0.02, 0.5, 0.6, 0.9, 1};
    for (int centered = 0; centered < 2; centered++)
        for (size_t d = 0; d < sizeof densities / sizeof *densities; d++)
            for (int filters = 1; filters <= 13; filters += 6) {
                twin_conv conv = conv_of(centered ? CENTRED_BITS : BITS, filters, 3, 1, 1);
                conv.density = densities[d];
                check_alone(centered ? CENTRED_BITS : BITS, 5, 6, 9, &conv);
            }
}
END_TEST

START_TEST(many_channels) {
    for (int k = 0; k < KINDS; k++) {
        const twin_conv wide = conv_of((kind)k, 11, 3, 1, 1), large = conv_of((kind)k, 6, 7, 1, 3);
        check_alone((kind)k, 200, 8, 8, &wide);
        check_alone((kind)k, 40, 9, 7, &large);
    }
}
END_TEST

/* More channels than these take at a time, so that the test above tests something. */
START_TEST(many_channels_are_several_chunks) {
    twin t;
    size_t bytes;
    sn_infer_info info;
    sn_infer_layer_info layer;
    const sn_infer_model *model;
    twin_init(&t, 200, 8, 8, 1);
    const twin_conv conv = conv_of(BITS, 11, 3, 1, 1);
    void *packed = twin_pack(&t, twin_add_conv(&t, 0, &conv), &bytes);
    ck_assert_int_eq(sn_infer_inspect(packed, bytes, NULL, &info), SN_INFER_OK);
    void *memory = sn_alloc(info.model_memory);
    ck_assert_int_eq(sn_infer_open(packed, bytes, NULL, memory, info.model_memory, &model),
                     SN_INFER_OK);
    sn_infer_describe_layer(model, 0, &layer);
    if (sn_infer_isa_find(SN_INFER_ISA_AUTO)->lanes > 1)
        ck_assert_int_lt(layer.chunk, 200);
    sn_free(memory);
    sn_free(packed);
    twin_free(&t);
}
END_TEST

START_TEST(residuals_and_activations) {
    for (int k = 0; k < KINDS; k++)
        for (int activation = 0; activation < 4; activation++)
            for (int kernel = 1; kernel <= 3; kernel += 2) {
                twin t;
                twin_init(&t, 3, 9, 5 + activation, (uint64_t)activation);
                twin_conv conv = conv_of((kind)k, 7, kernel, 1, kernel / 2);
                twin_extra extra = extra_of((kind)k, NULL);
                const sn_packer_value shortcut = twin_add_conv_extra(&t, 0, &conv, &extra);
                conv.activation = (sn_packer_activation)activation;
                extra.residual = &shortcut;
                const sn_packer_value y = twin_add_conv_extra(&t, 0, &conv, &extra);
                twin_check(&t, y, 5e-5, kind_names[k]);
                /* The shortcut is the layer's input, too. */
                twin_check(&t, twin_add_conv_extra(&t, shortcut, &conv, &extra), 5e-5,
                           kind_names[k]);
                twin_free(&t);
            }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("infer forms");
    TCase *tests = tcase_create("all kinds of weights");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, kinds_kernels_and_strides);
    tcase_add_test(tests, large_pictures_and_paddings);
    tcase_add_test(tests, both_ends_of_density);
    tcase_add_test(tests, many_channels);
    tcase_add_test(tests, many_channels_are_several_chunks);
    tcase_add_test(tests, residuals_and_activations);
    suite_add_tcase(suite, tests);
    return run_suite(suite, CK_FORK_GETENV);
}
