/* Validation splits: disjoint, by class, and the same every time. */
#include "data_tests.h"

#include "base/memory.h"
#include "base/rng.h"
#include "data/dataset_source.h"

#include <stdbool.h>
#include <string.h>

enum { COUNT = 500 };

typedef struct parts {
    sn_dataset *whole, *kept, *held;
} parts;

static parts split(double fraction, uint64_t seed) {
    parts p = {.whole = open_dataset("shapes", SN_SPLIT_TRAIN, NULL, COUNT)};
    sn_error error;
    if (sn_dataset_hold_out(p.whole, fraction, seed, &p.kept, &p.held, &error) != SN_OK)
        ck_abort_msg("%s", error.message);
    return p;
}

static void free_parts(parts *p) {
    sn_dataset_free(p->kept);
    sn_dataset_free(p->held);
    sn_dataset_free(p->whole);
}

/* Where an image of a part is in the whole data set, by its pixels' address. */
static size_t place_of(const sn_dataset *whole, const sn_dataset *part, size_t index) {
    const size_t image = (size_t)(sn_dataset_image(whole, 1) - sn_dataset_image(whole, 0));
    return (size_t)(sn_dataset_image(part, index) - sn_dataset_image(whole, 0)) / image;
}

static size_t count_class(const sn_dataset *dataset, int class) {
    size_t count = 0;
    for (size_t i = 0; i < sn_dataset_count(dataset); i++)
        count += sn_dataset_label(dataset, i) == class;
    return count;
}

START_TEST(every_image_is_in_one_part) {
    parts p = split(0.2, 3);
    int seen[COUNT] = {0};
    const sn_dataset *both[2] = {p.kept, p.held};
    for (int part = 0; part < 2; part++) {
        size_t before = 0;
        for (size_t i = 0; i < sn_dataset_count(both[part]); i++) {
            const size_t place = place_of(p.whole, both[part], i);
            ck_assert_uint_lt(place, COUNT);
            seen[place]++;
            ck_assert_int_eq(sn_dataset_label(both[part], i), sn_dataset_label(p.whole, place));
            ck_assert(i == 0 || place > before); /* in the order of the whole */
            before = place;
        }
    }
    for (int i = 0; i < COUNT; i++)
        ck_assert_int_eq(seen[i], 1);
    ck_assert_int_eq(sn_dataset_classes(p.held), 10);
    ck_assert_str_eq(sn_dataset_class_name(p.kept, 3), sn_dataset_class_name(p.whole, 3));
    ck_assert_int_eq(sn_dataset_height(p.held), 32);
    /* Statistics are of the part alone. */
    const sn_pixel_statistics kept = sn_dataset_statistics(p.kept);
    const sn_pixel_statistics whole = sn_dataset_statistics(p.whole);
    ck_assert_mem_ne(&kept, &whole, sizeof kept);
    ck_assert_uint_lt(sn_dataset_memory(p.kept), COUNT * 9);
    free_parts(&p);
}
END_TEST

START_TEST(each_class_gives_its_share) {
    static const double fractions[] = {0.05, 0.1, 0.25, 0.5};
    for (size_t f = 0; f < 4; f++) {
        parts p = split(fractions[f], 1);
        for (int class = 0; class < 10; class ++) {
            const double n = (double)count_class(p.whole, class);
            ck_assert_double_eq_tol((double)count_class(p.held, class), fractions[f] * n, 0.51);
        }
        free_parts(&p);
    }
}
END_TEST

/* Checkpoints rely on it. */
START_TEST(the_split_is_that_of_seed_and_class) {
    parts p = split(0.1, 7), again = split(0.1, 7), other = split(0.1, 8);
    const size_t count = sn_dataset_count(p.held);
    size_t same = 0;
    ck_assert_uint_eq(sn_dataset_count(again.held), count);
    for (size_t i = 0; i < count; i++) {
        const size_t place = place_of(p.whole, p.held, i);
        ck_assert_uint_eq(place_of(again.whole, again.held, i), place);
        for (size_t j = 0; j < sn_dataset_count(other.held); j++)
            same += place_of(other.whole, other.held, j) == place;
    }
    ck_assert_uint_lt(same, count / 2);
    for (int class = 0; class < 10; class ++) {
        uint32_t members[COUNT];
        size_t n = 0, left = 0;
        for (uint32_t i = 0; i < COUNT; i++)
            if (sn_dataset_label(p.whole, i) == class)
                members[n++] = i;
        sn_rng rng;
        sn_rng_init(&rng, 7, SN_RNG_HOLD_OUT, (uint64_t) class);
        sn_rng_shuffle(&rng, members, n);
        for (size_t i = 0; i < count; i++) {
            const size_t place = place_of(p.whole, p.held, i);
            for (size_t j = count_class(p.held, class); j < n; j++)
                left += members[j] == place;
        }
        ck_assert_uint_eq(left, 0);
    }
    free_parts(&p);
    free_parts(&again);
    free_parts(&other);
}
END_TEST

/* A data set of 7 images: five of class 0, one of class 1, one of class 2. */
static void make_small(sn_dataset *dataset) {
    static const char *const names[] = {"a", "b", "c"};
    static const int32_t labels[] = {0, 1, 0, 0, 2, 0, 0};
    *dataset = (sn_dataset){0};
    ck_assert_int_eq(sn_dataset_allocate(dataset, 7, 1, 1, 1, NULL), SN_OK);
    ck_assert_int_eq(sn_dataset_name_classes(dataset, names, 3, NULL), SN_OK);
    memcpy(dataset->labels, labels, sizeof labels);
}

static void free_small(sn_dataset *dataset) {
    for (int i = 0; i < 3; i++)
        sn_free(dataset->class_name[i]);
    sn_free(dataset->class_name);
    sn_free(dataset->labels);
    sn_free(dataset->pixels);
}

START_TEST(a_class_keeps_its_only_image) {
    sn_dataset whole, *kept, *held;
    make_small(&whole);
    ck_assert_int_eq(sn_dataset_hold_out(&whole, 0.5, 0, &kept, &held, NULL), SN_OK);
    ck_assert_uint_eq(count_class(kept, 0), 2);
    ck_assert_uint_eq(count_class(kept, 1), 1);
    ck_assert_uint_eq(count_class(kept, 2), 1);
    ck_assert_uint_eq(sn_dataset_count(held), 3);
    /* Parts of parts share the same pixels. */
    sn_dataset *kept_again, *held_again;
    ck_assert_int_eq(sn_dataset_hold_out(held, 0.34, 0, &kept_again, &held_again, NULL), SN_OK);
    ck_assert_uint_eq(sn_dataset_count(kept_again), 2);
    const uint8_t *image = sn_dataset_image(held_again, 0);
    bool found = false;
    for (size_t i = 0; i < 3; i++)
        found = found || sn_dataset_image(held, i) == image;
    ck_assert(found);
    sn_dataset_free(kept_again);
    sn_dataset_free(held_again);
    sn_dataset_free(kept);
    sn_dataset_free(held);
    free_small(&whole);
}
END_TEST

START_TEST(a_share_of_nothing_is_refused) {
    sn_dataset whole, *kept, *held;
    sn_error error;
    make_small(&whole);
    ck_assert_int_eq(sn_dataset_hold_out(&whole, 0.05, 0, &kept, &held, &error), SN_ERROR_ARGUMENT);
    ck_assert_ptr_null(held);
    ck_assert_msg(strstr(error.message, "--valid 0.05") && strstr(error.message, "7"), "%s",
                  error.message);
    free_small(&whole);
}
END_TEST

Suite *hold_out_suite(void) {
    Suite *suite = suite_create("hold_out");
    TCase *tests = tcase_create("hold_out");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, every_image_is_in_one_part);
    tcase_add_test(tests, each_class_gives_its_share);
    tcase_add_test(tests, the_split_is_that_of_seed_and_class);
    tcase_add_test(tests, a_class_keeps_its_only_image);
    tcase_add_test(tests, a_share_of_nothing_is_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
