/* Signed-binary filters of several regions, each with a sign and a density of its own: in all forms
 * and with every way to take the signs (twin_check), against plain loops. */
#include "base/memory.h"
#include "naive.h"
#include "suites.h"

#include <stdio.h>

typedef struct shape {
    int channels, height, width, filters, kernel, stride;
} shape;

typedef enum centring { NONE, WEIGHTS, INPUT, CENTRINGS } centring;

static void check(const shape *s, int region_channels, int centred, double density,
                  sn_packer_activation activation) {
    static const char *const names[CENTRINGS] = {"signed-binary", "centred", "centred input"};
    char what[160];
    snprintf(what, sizeof what,
             "%s, %d x %d x %d in regions of %d, %d filters of %d x %d, stride %d, density %g",
             names[centred], s->channels, s->height, s->width, region_channels, s->filters,
             s->kernel, s->kernel, s->stride, density);
    const twin_conv conv = {.filters = s->filters,
                            .kernel_height = s->kernel,
                            .kernel_width = s->kernel,
                            .stride = s->stride,
                            .padding = s->kernel / 2,
                            .density = density,
                            .centered = centred == WEIGHTS,
                            .activation = activation};
    const twin_extra extra = {.region_channels = region_channels,
                              .input_centered = centred == INPUT};
    twin t;
    twin_init(&t, s->channels, s->height, s->width, (uint64_t)(s->filters + region_channels));
    const sn_packer_value y = twin_add_conv_extra(&t, 0, &conv, &extra);
    ck_assert_int_eq(t.regions, region_channels < s->channels);
    twin_check(&t, y, 5e-5, what);
    twin_free(&t);
}

/* One channel, some that divide the channels and some that do not, all but one, all. */
START_TEST(sizes_of_regions) {
    static const shape shapes[] = {{12, 7, 9, 9, 3, 1},
                                   {13, 9, 5, 6, 3, 2},
                                   {10, 6, 6, 11, 1, 1},
                                   {9, 17, 15, 5, 5, 1},
                                   {11, 1, 1, 4, 1, 1}};
    int turn = 0;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const int sizes[] = {1, 2, 3, 5, 8, shapes[i].channels - 1, shapes[i].channels};
        for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++)
            for (int centred = 0; centred < CENTRINGS; centred++, turn++)
                check(&shapes[i], sizes[j], centred, 0.4, (sn_packer_activation)(turn / 3 % 4));
    }
}
END_TEST

/* Above 0.5 the inputs that are not wanted are fewer. */
START_TEST(both_ends_of_density) {
    static const double densities[] = {0, 0.03, 0.5, 0.7, 0.95, 1};
    static const shape s = {7, 6, 9, 13, 3, 1};
    for (int centred = 0; centred < CENTRINGS; centred++)
        for (size_t d = 0; d < sizeof densities / sizeof *densities; d++)
            for (int region = 1; region <= 4; region += 3)
                check(&s, region, centred, densities[d], SN_PACKER_LINEAR);
}
END_TEST

/* Regions of several chunks, and chunks of several regions. */
START_TEST(chunks_and_regions) {
    static const shape wide = {200, 8, 8, 7, 3, 1}, large = {40, 9, 7, 5, 7, 1};
    static const int sizes[] = {16, 67, 120, 199};
    for (int centred = 0; centred < CENTRINGS; centred++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            check(&wide, sizes[i], centred, 0.4, SN_PACKER_RELU);
        check(&large, 3, centred, 0.4, SN_PACKER_RELU);
        check(&large, 25, centred, 0.4, SN_PACKER_RELU);
    }
}
END_TEST

/* Residual blocks of regions, after them whole filters. */
START_TEST(residuals) {
    for (int centered = 0; centered < 2; centered++)
        for (int activation = 0; activation < 4; activation++) {
            twin t;
            twin_init(&t, 3, 9, 6 + activation, (uint64_t)activation);
            twin_conv conv = {8, 3, 3, 1, 1, 0.4, centered, SN_PACKER_RELU, false};
            const sn_packer_value x = twin_add_conv(&t, 0, &conv);
            twin_extra extra = {.region_channels = 3};
            const sn_packer_value y = twin_add_conv_extra(&t, x, &conv, &extra);
            extra.input_centered = !centered;
            conv.activation = (sn_packer_activation)activation;
            extra.residual = &x;
            const sn_packer_value z = twin_add_conv_extra(&t, y, &conv, &extra);
            twin_check(&t, z, 5e-5, "residual");
            extra = (twin_extra){.residual = &z, .input_centered = !centered};
            twin_check(&t, twin_add_conv_extra(&t, z, &conv, &extra), 1e-4, "then a whole filter");
            twin_free(&t);
        }
}
END_TEST

/* A convolution of 24 to 3 channels in regions of 8, as it is planned. */
static sn_infer_layer_info describe(const sn_infer_options *options, bool centered) {
    twin t;
    size_t bytes;
    sn_infer_info info;
    sn_infer_layer_info layer;
    const sn_infer_model *model;
    const twin_conv given = {3, 3, 3, 1, 1, 0.3, centered, SN_PACKER_LINEAR, false};
    const twin_extra extra = {.region_channels = 8};
    twin_init(&t, 24, 8, 8, 1);
    void *packed = twin_pack(&t, twin_add_conv_extra(&t, 0, &given, &extra), &bytes);
    ck_assert_int_eq(sn_infer_inspect(packed, bytes, options, &info), SN_INFER_OK);
    void *memory = sn_alloc(info.model_memory);
    ck_assert_int_eq(sn_infer_open(packed, bytes, options, memory, info.model_memory, &model),
                     SN_INFER_OK);
    sn_infer_describe_layer(model, 0, &layer);
    sn_free(memory);
    sn_free(packed);
    twin_free(&t);
    return layer;
}

START_TEST(descriptions) {
    for (int centered = 0; centered < 2; centered++)
        for (int signs = SN_INFER_SIGNS_CHUNKS; signs < SN_INFER_SIGNS_COUNT; signs++) {
            const sn_infer_options options = {
                .form = SN_INFER_FORM_SHARED, .signs = (sn_infer_signs)signs, .group = 3};
            const sn_infer_layer_info layer = describe(&options, centered);
            ck_assert_int_eq(layer.regions, 3);
            ck_assert_int_eq(layer.region_channels, 8);
            ck_assert_int_eq((int)layer.signs, signs);
            ck_assert_int_eq(layer.window_sums,
                             centered || signs == SN_INFER_SIGNS_INVERTED ? 3 : 0);
            if (signs == SN_INFER_SIGNS_CHUNKS)
                ck_assert_int_le(layer.chunk, 8);
        }
    const sn_infer_options dense = {.form = SN_INFER_FORM_DENSE};
    const sn_infer_layer_info layer = describe(&dense, true);
    ck_assert_int_eq((int)layer.signs, SN_INFER_SIGNS_AUTO);
    ck_assert_int_eq(layer.window_sums, 0);
    ck_assert_str_eq(layer.weights, "signed-binary-centered");
}
END_TEST

/* What is expensive is avoided: the plan depends on costs. */
START_TEST(plans_follow_costs) {
    static const sn_infer_costs
        additions = {.add = 1, .list = 1e-3F, .transition = 1e-3F, .multiply = 9},
        lists = {.add = 1e-3F, .list = 1000, .transition = 1, .multiply = 9},
        free_products = {.add = 1, .list = 1, .transition = 1};
    sn_infer_options options = {.costs = &free_products};
    ck_assert_int_eq((int)describe(&options, true).form, SN_INFER_FORM_DENSE);
    options.costs = &lists; /* as few programs as there can be */
    const sn_infer_layer_info few = describe(&options, false);
    ck_assert_int_ne((int)few.signs, SN_INFER_SIGNS_CHUNKS);
    options.costs = &additions;
    options.form = SN_INFER_FORM_SHARED;
    double least = 0;
    for (int signs = SN_INFER_SIGNS_CHUNKS; signs < SN_INFER_SIGNS_COUNT; signs++) {
        options.signs = (sn_infer_signs)signs;
        const double us = describe(&options, false).predicted_us;
        least = least > 0 && least < us ? least : us;
    }
    options.signs = SN_INFER_SIGNS_AUTO;
    ck_assert(describe(&options, false).predicted_us == least);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("infer regions");
    TCase *tests = tcase_create("regions");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, sizes_of_regions);
    tcase_add_test(tests, both_ends_of_density);
    tcase_add_test(tests, chunks_and_regions);
    tcase_add_test(tests, residuals);
    tcase_add_test(tests, descriptions);
    tcase_add_test(tests, plans_follow_costs);
    suite_add_tcase(suite, tests);
    return run_suite(suite, CK_FORK_GETENV);
}
