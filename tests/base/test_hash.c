#include "base/hash.h"

#include "suites.h"

#include <string.h>

enum { SIZE = 100 };

static void fill(unsigned char data[SIZE]) {
    for (int i = 0; i < SIZE; i++)
        data[i] = (unsigned char)(i * 37 + 11);
}

START_TEST(every_bit_counts) {
    unsigned char data[SIZE];
    fill(data);
    for (size_t size = 1; size <= SIZE; size += 9) {
        const uint64_t hash = sn_hash(SN_HASH_START, data, size);
        ck_assert_uint_eq(sn_hash(SN_HASH_START, data, size), hash);
        for (size_t bit = 0; bit < 8 * size; bit++) {
            data[bit / 8] = (unsigned char)(data[bit / 8] ^ 1U << bit % 8);
            ck_assert_uint_ne(sn_hash(SN_HASH_START, data, size), hash);
            data[bit / 8] = (unsigned char)(data[bit / 8] ^ 1U << bit % 8);
        }
    }
}
END_TEST

START_TEST(length_order_and_start_count) {
    const unsigned char zeros[SIZE] = {0};
    unsigned char data[SIZE], swapped[SIZE];
    for (size_t size = 0; size < SIZE; size++)
        ck_assert_uint_ne(sn_hash(SN_HASH_START, zeros, size),
                          sn_hash(SN_HASH_START, zeros, size + 1));
    fill(data);
    memcpy(swapped, data + 8, 8);
    memcpy(swapped + 8, data, 8);
    memcpy(swapped + 16, data + 16, SIZE - 16);
    ck_assert_uint_ne(sn_hash(SN_HASH_START, data, SIZE), sn_hash(SN_HASH_START, swapped, SIZE));
    ck_assert_uint_ne(sn_hash(0, data, SIZE), sn_hash(1, data, SIZE));
}
END_TEST

/* By hand from the formula in docs/checkpoint.md. */
START_TEST(the_formula_is_the_documented_one) {
    const unsigned char data[9] = {1, 0, 0, 0, 0, 0, 0, 0, 2};
    const uint64_t words[3] = {1, 2, 9};
    uint64_t expected = SN_HASH_START;
    for (int i = 0; i < 3; i++) {
        expected = (expected ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
        expected ^= expected >> 32;
    }
    ck_assert_uint_eq(sn_hash(SN_HASH_START, data, sizeof data), expected);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("hash");
    TCase *tests = tcase_create("hash");
    tcase_add_test(tests, every_bit_counts);
    tcase_add_test(tests, length_order_and_start_count);
    tcase_add_test(tests, the_formula_is_the_documented_one);
    suite_add_tcase(suite, tests);
    return run_suite(suite, CK_NOFORK);
}
