/* Every instruction against plain loops in double precision, over many shapes. */
#include "naive.h"
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>

static void check_conv(int channels, int height, int width, const twin_conv *conv,
                       bool input_centered, uint64_t seed) {
    char what[200];
    snprintf(what, sizeof what,
             "%s%s conv%s of %d x %d x %d, %d filters %d x %d, stride %d, padding %d, density %g, "
             "activation %d",
             conv->density < 0 ? "fp32" : "signed-binary", conv->centered ? " centred" : "",
             input_centered ? " of a centred input" : "", channels, height, width, conv->filters,
             conv->kernel_height, conv->kernel_width, conv->stride, conv->padding, conv->density,
             (int)conv->activation);
    twin t;
    twin_init(&t, channels, height, width, seed);
    /* A full centred filter is nothing but cancellation. */
    const twin_extra extra = {.input_centered = input_centered};
    twin_check(&t, twin_add_conv_extra(&t, 0, conv, &extra), 5e-5, what);
    twin_free(&t);
}

/* Kernels, strides and paddings in all combinations, on pictures whose sides are odd, even, smaller
 * and larger than a block; kinds, densities and activations take turns. */
static void check_grid(bool binary, bool centered, bool input_centered) {
    static const int kernels[][2] = {{1, 1}, {3, 3}, {5, 5}, {7, 7}, {1, 3}, {5, 2}};
    static const int sides[][2] = {{7, 7}, {8, 8}, {9, 5}, {3, 37}, {16, 12}, {1, 1}};
    static const double densities[] = {0.4, 0, 1, 0.1, 0.75};
    static const int filters[] = {1, 4, 5, 16};
    static const int channels[] = {1, 3, 8};
    uint64_t turn = 0;
    int checked = 0;
    for (size_t s = 0; s < sizeof sides / sizeof sides[0]; s++)
        for (size_t k = 0; k < sizeof kernels / sizeof kernels[0]; k++)
            for (int stride = 1; stride <= 3; stride++)
                for (int padding = 0; padding <= 3; padding++) {
                    turn++;
                    if (sides[s][0] + 2 * padding < kernels[k][0] ||
                        sides[s][1] + 2 * padding < kernels[k][1])
                        continue;
                    const twin_conv conv = {
                        .filters = filters[turn % 4],
                        .kernel_height = kernels[k][0],
                        .kernel_width = kernels[k][1],
                        .stride = stride,
                        .padding = padding,
                        .density = binary ? densities[turn % 5] : -1,
                        .centered = centered,
                        .activation = (sn_packer_activation)(turn / 2 % 4),
                        .plain = turn % 7 == 0,
                    };
                    check_conv(channels[turn % 3], sides[s][0], sides[s][1], &conv, input_centered,
                               turn);
                    checked++;
                }
    ck_assert_int_gt(checked, 300);
}

START_TEST(conv_fp32) {
    check_grid(false, false, false);
}
END_TEST

START_TEST(conv_signed_binary) {
    check_grid(true, false, false);
}
END_TEST

START_TEST(conv_signed_binary_centered) {
    check_grid(true, true, false);
}
END_TEST

START_TEST(conv_signed_binary_of_centered_input) {
    check_grid(true, false, true);
}
END_TEST

/* The pictures of the usual networks, whose block widths differ. */
START_TEST(conv_network_shapes) {
    static const int shapes[][4] = {/* channels, side, filters, stride */
                                    {6, 32, 5, 1},   {5, 32, 8, 2}, {16, 16, 6, 1}, {32, 8, 17, 1},
                                    {3, 56, 6, 1},   {6, 28, 6, 2}, {20, 14, 9, 1}, {40, 7, 13, 1},
                                    {200, 5, 10, 1}, {100, 9, 5, 2}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (int kind = 0; kind < 4; kind++) {
            const twin_conv conv = {.filters = shapes[s][2],
                                    .kernel_height = 3,
                                    .kernel_width = 3,
                                    .stride = shapes[s][3],
                                    .padding = 1,
                                    .density = kind ? 0.4 : -1,
                                    .centered = kind == 2,
                                    .activation = SN_PACKER_RELU};
            check_conv(shapes[s][0], shapes[s][1], shapes[s][1], &conv, kind == 3, s);
        }
    /* Stride above the kernel, padding above the kernel, a window of one whole row, a last row that
     * reads past the border of its phase. */
    const twin_conv odd[] = {{3, 1, 1, 4, 0, 0.5, true, SN_PACKER_LINEAR, false},
                             {3, 2, 1, 5, 4, 0.5, true, SN_PACKER_LINEAR, false},
                             {3, 1, 11, 1, 0, 0.5, true, SN_PACKER_LINEAR, false},
                             {3, 1, 1, 4, 0, 0.5, false, SN_PACKER_LINEAR, false},
                             {2, 255, 255, 255, 200, 0.5, false, SN_PACKER_LINEAR, false},
                             {3, 2, 3, 2, 1, 1, false, SN_PACKER_LINEAR, false}};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        for (int input_centered = 0; input_centered <= !odd[i].centered; input_centered++)
            check_conv(2, 9, 11, &odd[i], input_centered, i);
}
END_TEST

START_TEST(pools) {
    for (int max = 0; max < 2; max++)
        for (int side = 1; side <= 11; side += 2)
            for (int kernel = 1; kernel <= 5; kernel++)
                for (int stride = 1; stride <= 3; stride++)
                    for (int padding = 0; padding < kernel; padding++) {
                        if (side + 2 * padding < kernel)
                            continue;
                        char what[120];
                        snprintf(what, sizeof what, "%s pool %d/%d of side %d, padding %d",
                                 max ? "max" : "average", kernel, stride, side, padding);
                        twin t;
                        twin_init(&t, 2, side, side + 2, (uint64_t)(side + kernel));
                        twin_check(&t, twin_add_pool(&t, 0, max, kernel, stride, padding), 1e-5,
                                   what);
                        twin_free(&t);
                    }
}
END_TEST

START_TEST(global_pool_linear_sum) {
    static const int outputs[] = {1, 10, 16, 17, 40};
    for (int activation = 0; activation < 4; activation++)
        for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) {
            twin t;
            twin_init(&t, 3, 5, 4 + (int)i, i);
            twin_check(&t, twin_add_linear(&t, 0, outputs[i], (sn_packer_activation)activation),
                       1e-5, "linear");
            const sn_packer_value pooled = twin_add_global_pool(&t, 0);
            twin_check(&t, pooled, 1e-5, "global pool");
            const sn_packer_value other = twin_add_pool(&t, 0, false, 3, 1, 1);
            twin_check(&t, twin_add_sum(&t, 0, other, (sn_packer_activation)activation), 1e-5,
                       "sum");
            twin_check(&t, twin_add_sum(&t, other, other, (sn_packer_activation)activation), 1e-5,
                       "sum with itself");
            twin_free(&t);
        }
}
END_TEST

/* The end of a plain network: a classifier reads all pixels of what a max pool leaves. */
START_TEST(max_pool_and_linear) {
    static const int sides[] = {2, 5, 8, 9}, channels[] = {1, 7, 16, 33};
    for (size_t i = 0; i < 4; i++) {
        twin t;
        twin_init(&t, channels[i], sides[i], sides[3 - i], i);
        const sn_packer_value pooled = twin_add_pool(&t, 0, true, 2, 2, 0);
        twin_check(&t, twin_add_linear(&t, pooled, 10, SN_PACKER_LINEAR), 1e-5,
                   "linear behind a max pool");
        twin_free(&t);
    }
}
END_TEST

/* What stands before a convolution and behind it in PLUM's block; padding stays 0. */
START_TEST(shifts_and_clamps) {
    for (int side = 1; side <= 21; side += 5)
        for (int channels = 1; channels <= 5; channels += 2) {
            const twin_conv stem = {channels, 1, 1, 1, 0, -1, false, SN_PACKER_LINEAR, false};
            const twin_conv conv = {channels, 3, 3, 1, 1, 0.5, false, SN_PACKER_PRELU, false};
            twin t;
            twin_init(&t, 2, side, side + 3, (uint64_t)(side + channels));
            const sn_packer_value x = twin_add_conv(&t, 0, &stem);
            const sn_packer_value z = twin_add_shift_clamp(&t, x);
            twin_check(&t, z, 1e-5, "shift and clamp");
            const twin_extra plain = {.shifted = true}, block = {.shifted = true, .residual = &x};
            twin_check(&t, twin_add_conv_extra(&t, z, &conv, &plain), 1e-4, "shifted output");
            twin_check(&t, twin_add_conv_extra(&t, z, &conv, &block), 1e-4, "and a residual");
            twin_free(&t);
        }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("infer layers");
    TCase *tests = tcase_create("against plain loops");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, conv_fp32);
    tcase_add_test(tests, conv_signed_binary);
    tcase_add_test(tests, conv_signed_binary_centered);
    tcase_add_test(tests, conv_signed_binary_of_centered_input);
    tcase_add_test(tests, conv_network_shapes);
    tcase_add_test(tests, pools);
    tcase_add_test(tests, global_pool_linear_sum);
    tcase_add_test(tests, max_pool_and_linear);
    tcase_add_test(tests, shifts_and_clamps);
    suite_add_tcase(suite, tests);
    return run_suite(suite, CK_FORK_GETENV);
}
