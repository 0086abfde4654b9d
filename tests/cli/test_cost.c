#define _POSIX_C_SOURCE 200809L
#include "base/file.h"
#include "base/memory.h"
#include "cli/cost.h"
#include "cli/rapl.h"
#include "cli/show_cost.h"
#include "infer/packer.h"
#include "suites.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* 2x4x4 to 3x4x4 by 3x3 windows: 18 taps, 48 outputs, 864 multiply-adds; 27 of 54 weights. */
static sn_infer_layer_info small_layer(const char *weights) {
    return (sn_infer_layer_info){.opcode = "convolution",
                                 .weights = weights,
                                 .in_channels = 2,
                                 .in_height = 4,
                                 .in_width = 4,
                                 .out_channels = 3,
                                 .out_height = 4,
                                 .out_width = 4,
                                 .kernel_height = 3,
                                 .kernel_width = 3,
                                 .stride = 1,
                                 .padding = 1,
                                 .weight_count = 54,
                                 .effectual_weights = 27,
                                 .payload_bytes = 100,
                                 .form = SN_INFER_FORM_SHARED,
                                 .additions = 5};
}

static void check_cost(const sn_infer_layer_info *layer, sn_cost_scheme scheme, double additions,
                       double multiplications, double weight_bytes) {
    const sn_cost cost = sn_cost_of(layer, scheme);
    ck_assert_double_eq_tol(cost.additions, additions, 1e-9);
    ck_assert_double_eq_tol(cost.multiplications, multiplications, 1e-9);
    ck_assert_double_eq_tol(cost.dram_bytes, weight_bytes, 1e-9);
}

START_TEST(operations_and_weights_of_each_scheme) {
    const sn_infer_layer_info layer = small_layer("signed-binary");
    check_cost(&layer, SN_COST_FP32, 864 + 48, 864, 4 * (54 + 3));
    check_cost(&layer, SN_COST_BINARY, 864 + 48, 48, 54 / 8.0 + 24);
    check_cost(&layer, SN_COST_TERNARY, 432 + 48, 48, 54 / 4.0 + 24);
    check_cost(&layer, SN_COST_SIGNED_BINARY, 432 + 48, 48, (54 + 3) / 8.0 + 24);
    check_cost(&layer, SN_COST_PLANNED, 5 * 48 + 48, 48, 100);
    const sn_cost cost = sn_cost_of(&layer, SN_COST_SIGNED_BINARY);
    ck_assert_double_eq(cost.l1_bytes, 4 * 432);
    ck_assert_double_eq(cost.l2_bytes, 4 * (32 + 48));
}
END_TEST

START_TEST(centred_layers_pay_for_the_common_sum) {
    const sn_infer_layer_info layer = small_layer("signed-binary-centered");
    check_cost(&layer, SN_COST_SIGNED_BINARY, 432 + (32 + 9 * 16) + 48 + 48, 48 + 48,
               (54 + 3) / 8.0 + 24);
    check_cost(&layer, SN_COST_BINARY, 864 + 48, 48, 54 / 8.0 + 24);
}
END_TEST

/* Two channels of 16 pixels: 32 additions to means, as many subtractions. */
START_TEST(centred_inputs_pay_for_their_means) {
    sn_infer_layer_info layer = small_layer("signed-binary");
    layer.input_centered = true;
    check_cost(&layer, SN_COST_SIGNED_BINARY, 432 + 64 + 48, 48 + 16, (54 + 3) / 8.0 + 24);
    check_cost(&layer, SN_COST_PLANNED, 5 * 48 + 64 + 48, 48 + 16, 100);
    check_cost(&layer, SN_COST_BINARY, 864 + 48, 48, 54 / 8.0 + 24);
    ck_assert_double_eq(sn_cost_of(&layer, SN_COST_SIGNED_BINARY).l1_bytes, 4 * (432 + 64));
    layer.form = SN_INFER_FORM_DENSE;
    check_cost(&layer, SN_COST_PLANNED, 864 + 64 + 48, 864 + 16, 100);
}
END_TEST

/* Two regions of a channel each: two signs a filter, and two common sums. */
START_TEST(regions_have_signs_and_sums_of_their_own) {
    sn_infer_layer_info layer = small_layer("signed-binary");
    layer.regions = 2;
    layer.region_channels = 1;
    check_cost(&layer, SN_COST_SIGNED_BINARY, 432 + 48, 48, (54 + 6) / 8.0 + 24);
    check_cost(&layer, SN_COST_PLANNED, 5 * 48 + 48, 48, 100);
    layer.window_sums = 2; /* by which the plan takes signs */
    check_cost(&layer, SN_COST_SIGNED_BINARY, 432 + 48, 48, (54 + 6) / 8.0 + 24);
    check_cost(&layer, SN_COST_PLANNED, 5 * 48 + (32 + 2 * 9 * 16) + 48 + 2 * 48, 48 + 2 * 48, 100);
    layer.weights = "signed-binary-centered";
    check_cost(&layer, SN_COST_SIGNED_BINARY, 432 + (32 + 2 * 9 * 16) + 48 + 2 * 48, 48 + 2 * 48,
               (54 + 6) / 8.0 + 24);
    check_cost(&layer, SN_COST_BINARY, 864 + 48, 48, 54 / 8.0 + 24);
    layer.form = SN_INFER_FORM_DENSE;
    layer.window_sums = 0;
    check_cost(&layer, SN_COST_PLANNED, 864 + 48, 864, 100);
}
END_TEST

START_TEST(planned_layers_cost_what_they_run_as) {
    sn_infer_layer_info layer = small_layer("signed-binary");
    layer.form = SN_INFER_FORM_DENSE;
    layer.table_bytes = 216;
    check_cost(&layer, SN_COST_PLANNED, 864 + 48, 864, 216 + 24);
    layer = small_layer("fp32");
    layer.form = SN_INFER_FORM_AUTO;
    check_cost(&layer, SN_COST_PLANNED, 864 + 48, 864, 100);
    layer.residual = true;
    check_cost(&layer, SN_COST_FP32, 864 + 48 + 48, 864, 4 * (54 + 3));
    ck_assert_double_eq(sn_cost_of(&layer, SN_COST_FP32).l2_bytes, 4 * (32 + 48 + 48));
}
END_TEST

START_TEST(density_is_assumed_where_weights_do_not_tell) {
    sn_infer_layer_info layer = small_layer("ternary");
    ck_assert_double_eq(sn_cost_density(&layer), 0.5);
    layer.weights = "binary";
    ck_assert_double_eq(sn_cost_density(&layer), SN_COST_ASSUMED_DENSITY);
    layer.weights = "fp32";
    ck_assert_double_eq(sn_cost_density(&layer), SN_COST_ASSUMED_DENSITY);
}
END_TEST

START_TEST(energy_is_the_sum_of_its_parts) {
    const sn_cost cost = {
        .additions = 10, .multiplications = 100, .dram_bytes = 8, .l2_bytes = 40, .l1_bytes = 400};
    const sn_energy energy = sn_cost_energy(&cost);
    ck_assert_double_eq_tol(energy.arithmetic, 9 + 370, 1e-9);
    ck_assert_double_eq_tol(energy.l1, 1000, 1e-9);
    ck_assert_double_eq_tol(energy.l2, 500, 1e-9);
    ck_assert_double_eq_tol(energy.dram, 1300, 1e-9);
    ck_assert_double_eq_tol(sn_energy_total(&energy), 379 + 1000 + 500 + 1300, 1e-9);
}
END_TEST

/* ---- counters of energy ---- */

static char root[SN_RAPL_PATH_SIZE];

static void make_root(void) {
    snprintf(root, sizeof root, "/tmp/signet-cost-%ld", (long)getpid());
}

static void put(const char *name, const char *text) {
    char path[2 * SN_RAPL_PATH_SIZE], folder[SN_RAPL_PATH_SIZE + 32];
    snprintf(folder, sizeof folder, "%s/intel-rapl:0", root);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    ck_assert_int_eq(sn_file_make_directory(folder, NULL), SN_OK);
    ck_assert_int_eq(sn_file_write(path, text, strlen(text), NULL), SN_OK);
}

static void remove_root(void) {
    char path[2 * SN_RAPL_PATH_SIZE];
    static const char *const names[] = {"/intel-rapl:0/energy_uj",
                                        "/intel-rapl:0/max_energy_range_uj", "/intel-rapl:0", ""};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s%s", root, names[i]);
        remove(path);
    }
}

START_TEST(counters_add_up_and_wrap) {
    sn_rapl rapl;
    make_root();
    ck_assert(!sn_rapl_open(root, &rapl));
    put("energy_uj", "9000000\n");
    put("max_energy_range_uj", "10000000\n");
    ck_assert(sn_rapl_open(root, &rapl));
    put("energy_uj", "9500000\n");
    ck_assert(sn_rapl_update(&rapl));
    ck_assert_double_eq_tol(rapl.joules, 0.5, 1e-9);
    put("energy_uj", "250000\n");
    ck_assert(sn_rapl_update(&rapl));
    ck_assert_double_eq_tol(rapl.joules, 1.25, 1e-9);
    remove_root();
    ck_assert(!sn_rapl_update(&rapl));
}
END_TEST

/* ---- the table ---- */

typedef struct fixture {
    void *packed, *memory;
    const sn_infer_model *model;
    sn_infer_info info;
} fixture;

/* An fp32 convolution of three channels, then one of these weights, or fp32 when there are none. */
static void open_model(fixture *f, const sn_packer_signed_binary *weights) {
    static const float ones[4 * 4 * 9] = {1};
    sn_packer *packer;
    sn_packer_value x;
    size_t bytes;
    const sn_packer_conv conv = {
        .filters = 4, .kernel_height = 3, .kernel_width = 3, .stride = 1, .padding = 1};
    const sn_packer_epilogue epilogue = {.activation = SN_PACKER_RELU};
    ck_assert_int_eq(sn_packer_create(3, 8, 8, &packer, &x, NULL), SN_OK);
    ck_assert_int_eq(sn_packer_add_conv_fp32(packer, x, &conv, ones, &epilogue, &x, NULL), SN_OK);
    if (weights)
        ck_assert_int_eq(
            sn_packer_add_conv_signed_binary(packer, x, &conv, weights, &epilogue, &x, NULL),
            SN_OK);
    else
        ck_assert_int_eq(sn_packer_add_conv_fp32(packer, x, &conv, ones, &epilogue, &x, NULL),
                         SN_OK);
    ck_assert_int_eq(sn_packer_finish(packer, x, &f->packed, &bytes, NULL), SN_OK);
    sn_packer_free(packer);
    ck_assert_int_eq(sn_infer_inspect(f->packed, bytes, NULL, &f->info), SN_INFER_OK);
    f->memory = sn_alloc(f->info.model_memory);
    ck_assert_int_eq(
        sn_infer_open(f->packed, bytes, NULL, f->memory, f->info.model_memory, &f->model),
        SN_INFER_OK);
}

static void open_signed_binary(fixture *f) {
    uint8_t mask[4 * 4 * 9] = {0};
    const int8_t sign[4] = {1, 1, -1, -1};
    for (size_t i = 0; i < sizeof mask; i++)
        mask[i] = i % 4 == 0;
    open_model(f, &(sn_packer_signed_binary){mask, sign, false, 0});
}

static void close_model(fixture *f) {
    sn_free(f->memory);
    sn_free(f->packed);
}

static char *show(const fixture *f, bool json, double seconds) {
    const sn_show_cost_options options = {
        .format = json ? SN_OUTPUT_JSON : SN_OUTPUT_TEXT, .seconds = seconds, .rapl_root = root};
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    ck_assert_int_eq(sn_show_cost(f->model, &f->info, &options, out, NULL), SN_OK);
    fclose(out);
    return text;
}

static double number_at(const json_t *object, const char *a, const char *b) {
    const json_t *found = json_object_get(json_object_get(object, a), b);
    ck_assert_msg(json_is_number(found), "no number %s.%s", a, b);
    return json_number_value(found);
}

START_TEST(json_has_every_scheme) {
    fixture f;
    make_root();
    open_signed_binary(&f);
    char *text = show(&f, true, 0.01);
    json_t *object = json_loads(text, 0, NULL);
    ck_assert_ptr_nonnull(object);
    const json_t *total = json_object_get(object, "total");
    const double first = 3 * 9 * 4 * 64, second = 4 * 9 * 4 * 64; /* multiply-adds */
    ck_assert_double_eq_tol(number_at(total, "fp32", "multiplications"), first + second, 1e-6);
    ck_assert_double_eq_tol(number_at(total, "binary", "multiplications"), first + 256, 1e-6);
    ck_assert_double_eq_tol(number_at(total, "signed-binary", "additions"),
                            first + second / 4 + 512, 1e-6);
    for (int i = 0; i < SN_COST_SCHEMES; i++)
        number_at(total, sn_cost_scheme_name(i), "dram_bytes");
    ck_assert(number_at(object, "binary_over", "signed_binary") > 1);
    ck_assert(json_is_null(json_object_get(object, "measured")));
    ck_assert(json_is_false(json_object_get(object, "density_assumed")));
    ck_assert_uint_eq(json_array_size(json_object_get(object, "layers")), 2);
    json_decref(object);
    free(text);
    close_model(&f);
}
END_TEST

START_TEST(full_precision_models_are_priced_at_an_assumed_density) {
    fixture f;
    make_root();
    open_model(&f, NULL);
    char *text = show(&f, true, 0);
    json_t *object = json_loads(text, 0, NULL);
    ck_assert_ptr_nonnull(object);
    const json_t *layers = json_object_get(object, "layers");
    ck_assert(json_is_true(json_object_get(object, "density_assumed")));
    ck_assert(json_is_false(json_object_get(json_array_get(layers, 0), "quantized")));
    ck_assert(json_is_true(json_object_get(json_array_get(layers, 1), "quantized")));
    json_decref(object);
    free(text);
    close_model(&f);
}
END_TEST

START_TEST(text_says_what_is_missing_and_what_was_measured) {
    fixture f;
    make_root();
    open_signed_binary(&f);
    char *text = show(&f, false, 0.01);
    ck_assert_ptr_nonnull(strstr(text, "not available here"));
    ck_assert_ptr_nonnull(strstr(text, "3x8x8>4 3x3/1"));
    free(text);
    put("energy_uj", "1000000\n");
    put("max_energy_range_uj", "10000000\n");
    text = show(&f, false, 0.01);
    ck_assert_ptr_nonnull(strstr(text, "0.000 mJ an image"));
    free(text);
    remove_root();
    close_model(&f);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("cost");
    TCase *tests = tcase_create("cost");
    tcase_add_test(tests, operations_and_weights_of_each_scheme);
    tcase_add_test(tests, centred_layers_pay_for_the_common_sum);
    tcase_add_test(tests, centred_inputs_pay_for_their_means);
    tcase_add_test(tests, regions_have_signs_and_sums_of_their_own);
    tcase_add_test(tests, planned_layers_cost_what_they_run_as);
    tcase_add_test(tests, density_is_assumed_where_weights_do_not_tell);
    tcase_add_test(tests, energy_is_the_sum_of_its_parts);
    tcase_add_test(tests, counters_add_up_and_wrap);
    tcase_add_test(tests, json_has_every_scheme);
    tcase_add_test(tests, full_precision_models_are_priced_at_an_assumed_density);
    tcase_add_test(tests, text_says_what_is_missing_and_what_was_measured);
    suite_add_tcase(suite, tests);
    return run_suite(suite, CK_FORK);
}
