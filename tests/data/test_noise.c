/* Data sets of noise: of the size that was asked for, uniform, and the same every time. */
#include "data_tests.h"

#include "data/noise.h"

#include <stdint.h>
#include <string.h>

/* An odd number of bytes, so that the last draw is used in part. */
enum { COUNT = 500, CHANNELS = 3, HEIGHT = 9, WIDTH = 11, IMAGE = CHANNELS * HEIGHT * WIDTH };

static sn_dataset *make(size_t count, int classes, uint64_t seed) {
    const sn_noise_options options = {.count = count,
                                      .channels = CHANNELS,
                                      .height = HEIGHT,
                                      .width = WIDTH,
                                      .classes = classes,
                                      .seed = seed};
    sn_dataset *dataset;
    ck_assert_int_eq(sn_noise_dataset(&options, &dataset, NULL), SN_OK);
    return dataset;
}

START_TEST(has_the_wanted_shape) {
    sn_dataset *dataset = make(7, 1000, 0);
    ck_assert_uint_eq(sn_dataset_count(dataset), 7);
    ck_assert_int_eq(sn_dataset_channels(dataset), CHANNELS);
    ck_assert_int_eq(sn_dataset_height(dataset), HEIGHT);
    ck_assert_int_eq(sn_dataset_width(dataset), WIDTH);
    ck_assert_int_eq(sn_dataset_classes(dataset), 1000);
    ck_assert_str_eq(sn_dataset_class_name(dataset, 0), "0");
    ck_assert_str_eq(sn_dataset_class_name(dataset, 999), "999");
    sn_dataset_free(dataset);
}
END_TEST

START_TEST(pixels_and_labels_are_uniform) {
    enum { CLASSES = 5 };
    sn_dataset *dataset = make(COUNT, CLASSES, 1);
    int values[256] = {0}, labels[CLASSES] = {0};
    for (size_t i = 0; i < COUNT; i++) {
        labels[sn_dataset_label(dataset, i)]++;
        for (int p = 0; p < IMAGE; p++)
            values[sn_dataset_image(dataset, i)[p]]++;
    }
    /* within six standard deviations */
    for (int i = 0; i < CLASSES; i++)
        ck_assert(labels[i] > 46 && labels[i] < 154);
    for (int i = 0; i < 256; i++)
        ck_assert(values[i] > 435 && values[i] < 725);
    sn_dataset_free(dataset);
}
END_TEST

START_TEST(depends_on_seed_and_index_alone) {
    sn_dataset *few = make(3, 10, 1), *more = make(6, 10, 1), *other = make(3, 10, 2);
    for (size_t i = 0; i < 3; i++) {
        const uint8_t *image = sn_dataset_image(few, i);
        ck_assert_int_eq(sn_dataset_label(few, i), sn_dataset_label(more, i));
        ck_assert_mem_eq(image, sn_dataset_image(more, i), IMAGE);
        ck_assert_mem_ne(image, sn_dataset_image(more, i + 3), IMAGE);
        ck_assert_mem_ne(image, sn_dataset_image(other, i), IMAGE);
    }
    sn_dataset_free(few);
    sn_dataset_free(more);
    sn_dataset_free(other);
}
END_TEST

START_TEST(too_many_images_are_refused) {
    const sn_noise_options options = {
        .count = SIZE_MAX / 100, .channels = 3, .height = 32, .width = 32, .classes = 10};
    sn_dataset *dataset;
    sn_error error;
    ck_assert_int_eq(sn_noise_dataset(&options, &dataset, &error), SN_ERROR_MEMORY);
    ck_assert_ptr_null(dataset);
    ck_assert_ptr_nonnull(strstr(error.message, "32 x 32"));
}
END_TEST

Suite *noise_suite(void) {
    Suite *suite = suite_create("noise");
    TCase *tests = tcase_create("noise");
    tcase_add_test(tests, has_the_wanted_shape);
    tcase_add_test(tests, pixels_and_labels_are_uniform);
    tcase_add_test(tests, depends_on_seed_and_index_alone);
    tcase_add_test(tests, too_many_images_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
