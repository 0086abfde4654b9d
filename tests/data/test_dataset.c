/* The table of data sets, statistics and normalisation; statistics against a naive second look. */
#include "data_tests.h"

#include "base/memory.h"
#include "data/dataset_source.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

START_TEST(lists_the_data_sets) {
    static const struct {
        const char *name;
        int classes;
        bool has_sides, fetched, resized;
    } expected[] = {{"cifar10", 10, false, true, false}, {"cifar100", 100, false, true, false},
                    {"mnist", 10, true, true, false},    {"fashion-mnist", 10, false, true, false},
                    {"svhn", 10, true, true, false},     {"shapes", 10, false, false, false},
                    {"folder", 0, false, false, true},   {"hdf5", 0, false, false, false}};
    enum { COUNT = sizeof expected / sizeof *expected };
    for (int i = 0; i < COUNT; i++) {
        int classes;
        ck_assert_str_eq(sn_dataset_name(i), expected[i].name);
        ck_assert((sn_dataset_fixed_classes(i, &classes) != NULL) == (expected[i].classes > 0));
        ck_assert_int_eq(classes, expected[i].classes);
        ck_assert_int_eq(sn_dataset_has_sides(i), expected[i].has_sides);
        ck_assert_int_eq(sn_dataset_can_be_fetched(i), expected[i].fetched);
        ck_assert_int_eq(sn_dataset_is_resized(i), expected[i].resized);
    }
    ck_assert_ptr_null(sn_dataset_name(COUNT));
    ck_assert_ptr_null(sn_dataset_name(-1));
    for (int i = -1; i <= COUNT; i++)
        ck_assert_int_eq(sn_dataset_is_drawn(i), i == 5);
    sn_dataset *dataset;
    ck_assert_int_eq(sn_dataset_open(COUNT, SN_SPLIT_TRAIN, "", 0, &dataset, NULL),
                     SN_ERROR_ARGUMENT);
    ck_assert_int_eq(sn_dataset_open(-1, SN_SPLIT_TRAIN, "", 0, &dataset, NULL), SN_ERROR_ARGUMENT);
    sn_dataset_free(NULL);
}
END_TEST

START_TEST(classes_are_counted) {
    sn_dataset *dataset = open_dataset("shapes", SN_SPLIT_TRAIN, NULL, 300);
    size_t sizes[10], sum = 0;
    memset(sizes, 0xff, sizeof sizes);
    sn_dataset_class_sizes(dataset, sizes);
    for (int c = 0; c < 10; c++) {
        size_t own = 0;
        for (size_t i = 0; i < 300; i++)
            own += sn_dataset_label(dataset, i) == c;
        ck_assert_uint_eq(sizes[c], own);
        sum += own;
    }
    ck_assert_uint_eq(sum, 300);
    ck_assert_str_eq(sn_dataset_ignored(dataset), "");
    sn_dataset_free(dataset);
}
END_TEST

START_TEST(statistics_match_their_definition) {
    sn_dataset *dataset = open_dataset("shapes", SN_SPLIT_TRAIN, NULL, 500);
    const sn_pixel_statistics statistics = sn_dataset_statistics(dataset);
    for (int c = 0; c < 3; c++) {
        double sum = 0, squares = 0;
        for (size_t i = 0; i < 500; i++)
            for (size_t p = 0; p < 1024; p++) {
                const double value = sn_dataset_image(dataset, i)[(size_t)c * 1024 + p] / 255.0;
                sum += value;
                squares += value * value;
            }
        const double mean = sum / (500 * 1024);
        ck_assert_double_eq_tol(statistics.mean[c], mean, 1e-6);
        ck_assert_double_eq_tol(statistics.deviation[c], sqrt(squares / (500 * 1024) - mean * mean),
                                1e-6);
    }
    sn_dataset_free(dataset);
}
END_TEST

START_TEST(normalised_pixels_have_mean_0_and_deviation_1) {
    sn_dataset *dataset = open_dataset("shapes", SN_SPLIT_TEST, NULL, 100);
    const sn_pixel_statistics statistics = sn_dataset_statistics(dataset);
    double sum[3] = {0}, squares[3] = {0};
    for (size_t i = 0; i < 100; i++) {
        float image[3][1024];
        sn_dataset_normalised(dataset, i, &statistics, image[0]);
        for (int c = 0; c < 3; c++)
            for (int p = 0; p < 1024; p++) {
                const uint8_t pixel = sn_dataset_image(dataset, i)[c * 1024 + p];
                ck_assert_float_eq_tol(
                    image[c][p], (pixel / 255.0f - statistics.mean[c]) / statistics.deviation[c],
                    1e-5f);
                sum[c] += image[c][p];
                squares[c] += (double)image[c][p] * image[c][p];
            }
    }
    for (int c = 0; c < 3; c++) {
        ck_assert_double_eq_tol(sum[c] / 102400, 0, 1e-4);
        ck_assert_double_eq_tol(squares[c] / 102400, 1, 1e-4);
    }
    sn_dataset_free(dataset);
}
END_TEST

START_TEST(constant_channel_has_deviation_1) {
    uint8_t pixels[2][3][4] = {{{7, 7, 7, 7}, {0, 0, 0, 255}, {255, 255, 255, 255}},
                               {{7, 7, 7, 7}, {0, 0, 0, 255}, {255, 255, 255, 254}}};
    const sn_dataset dataset = {
        .count = 2, .channels = 3, .height = 2, .width = 2, .pixels = pixels[0][0]};
    const sn_pixel_statistics statistics = sn_dataset_statistics(&dataset);
    ck_assert_float_eq(statistics.mean[0], (float)(7.0 / 255));
    ck_assert_float_eq(statistics.deviation[0], 1);
    ck_assert_float_eq_tol(statistics.mean[1], 0.25f, 1e-6f);
    ck_assert_float_eq_tol(statistics.deviation[1], sqrtf(3) / 4, 1e-6f);
    ck_assert_float_lt(statistics.deviation[2], 0.01f);
    ck_assert_float_gt(statistics.deviation[2], 0);
}
END_TEST

START_TEST(huge_data_sets_are_refused) {
    sn_dataset dataset = {0};
    sn_error error;
    ck_assert_int_eq(sn_dataset_allocate(&dataset, SIZE_MAX / 100, 3, 32, 32, &error),
                     SN_ERROR_MEMORY);
    ck_assert_ptr_nonnull(strstr(error.message, "32 x 32"));
    sn_free(dataset.pixels);
    sn_free(dataset.labels);
}
END_TEST

Suite *dataset_suite(void) {
    Suite *suite = suite_create("dataset");
    TCase *tests = tcase_create("dataset");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, lists_the_data_sets);
    tcase_add_test(tests, classes_are_counted);
    tcase_add_test(tests, statistics_match_their_definition);
    tcase_add_test(tests, normalised_pixels_have_mean_0_and_deviation_1);
    tcase_add_test(tests, constant_channel_has_deviation_1);
    tcase_add_test(tests, huge_data_sets_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
