#include "base/memory.h"
#include "suites.h"

#include <stdint.h>
#include <string.h>

START_TEST(align_up_rounds_to_whole_lines) {
    ck_assert_uint_eq(sn_align_up(0), 0);
    ck_assert_uint_eq(sn_align_up(1), SN_ALIGNMENT);
    ck_assert_uint_eq(sn_align_up(SN_ALIGNMENT), SN_ALIGNMENT);
    ck_assert_uint_eq(sn_align_up(SN_ALIGNMENT + 1), 2 * SN_ALIGNMENT);
    ck_assert_uint_eq(sn_align_up(SIZE_MAX), SIZE_MAX);
    ck_assert_uint_eq(sn_align_up(SIZE_MAX - SN_ALIGNMENT + 1), SIZE_MAX);
}
END_TEST

START_TEST(blocks_are_aligned_and_zero) {
    for (size_t bytes = 0; bytes < 300; bytes += 37) {
        unsigned char *block = sn_alloc(bytes);
        ck_assert_ptr_nonnull(block);
        ck_assert_uint_eq((uintptr_t)block % SN_ALIGNMENT, 0);
        for (size_t i = 0; i < bytes; i++)
            ck_assert_uint_eq(block[i], 0);
        memset(block, 255, bytes);
        sn_free(block);
    }
    sn_free(NULL);
}
END_TEST

START_TEST(impossible_sizes_give_null) {
    ck_assert_ptr_null(sn_alloc(SIZE_MAX));
    ck_assert_ptr_null(sn_alloc_array(SIZE_MAX / 2, 3));
    ck_assert_ptr_null(sn_alloc_array(SIZE_MAX / 8 + 2, 8));
    void *block = sn_alloc_array(0, 0);
    ck_assert_ptr_nonnull(block);
    sn_free(block);
}
END_TEST

static void take_three(sn_arena *arena, void *pieces[3]) {
    pieces[0] = sn_arena_take(arena, 1);
    pieces[1] = sn_arena_take(arena, 100);
    pieces[2] = sn_arena_take(arena, 64);
}

START_TEST(an_arena_carves_what_it_measured) {
    sn_arena arena = {0};
    void *pieces[3];
    take_three(&arena, pieces);
    for (int i = 0; i < 3; i++)
        ck_assert_ptr_null(pieces[i]);
    ck_assert_uint_ge(arena.used, 64 + 128 + 64);
    ck_assert_uint_eq(arena.used % SN_ALIGNMENT, 0);

    const size_t measured = arena.used;
    arena = (sn_arena){.base = sn_alloc(measured), .size = measured};
    take_three(&arena, pieces);
    ck_assert_uint_eq(arena.used, measured);
    const size_t sizes[3] = {1, 100, 64};
    for (int i = 0; i < 3; i++) {
        ck_assert_ptr_nonnull(pieces[i]);
        ck_assert_uint_eq((uintptr_t)pieces[i] % SN_ALIGNMENT, 0);
        memset(pieces[i], i + 1, sizes[i]);
    }
    for (int i = 0; i < 3; i++)
        for (size_t k = 0; k < sizes[i]; k++)
            ck_assert_uint_eq(((unsigned char *)pieces[i])[k], (unsigned)i + 1);
    sn_arena_release(&arena);
    memset(arena.base, 0, arena.size); /* no redzone is left */
    sn_free(arena.base);
}
END_TEST

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>

START_TEST(blocks_end_where_they_were_asked_to) {
    unsigned char *block = sn_alloc(10);
    ck_assert(!__asan_address_is_poisoned(block + 9));
    ck_assert(__asan_address_is_poisoned(block + 10));
    ck_assert(__asan_address_is_poisoned(block + 63));
    sn_free(block);
}
END_TEST

START_TEST(pieces_are_followed_by_redzones) {
    sn_arena arena = {.base = sn_alloc(1024), .size = 1024};
    const unsigned char *const first = sn_arena_take(&arena, 100);
    const unsigned char *const second = sn_arena_take(&arena, 64);
    ck_assert(!__asan_address_is_poisoned(first + 99));
    ck_assert(__asan_address_is_poisoned(first + 100));
    ck_assert(__asan_address_is_poisoned(second - 1));
    ck_assert(!__asan_address_is_poisoned(second));
    ck_assert(__asan_address_is_poisoned(second + 64));
    sn_arena_release(&arena);
    ck_assert(!__asan_address_is_poisoned(first + 100));
    sn_free(arena.base);
}
END_TEST
#endif

START_TEST(an_arena_that_is_too_small_says_so) {
    sn_arena arena = {.base = sn_alloc(128), .size = 128};
    ck_assert_ptr_null(sn_arena_take(&arena, 200));
    ck_assert_uint_gt(arena.used, arena.size);
    ck_assert_ptr_null(sn_arena_take(&arena, 1));
    sn_arena_release(&arena);
    sn_free(arena.base);
}
END_TEST

START_TEST(an_arena_does_not_wrap_around) {
    sn_arena arena = {0};
    ck_assert_ptr_null(sn_arena_take(&arena, SIZE_MAX - 10));
    ck_assert_uint_eq(arena.used, SIZE_MAX);
    ck_assert_ptr_null(sn_arena_take(&arena, 0));
    ck_assert_ptr_null(sn_arena_take(&arena, 1));
    ck_assert_ptr_null(sn_arena_take(&arena, SIZE_MAX));
    ck_assert_uint_eq(arena.used, SIZE_MAX);
    arena.used = SIZE_MAX / SN_ALIGNMENT * SN_ALIGNMENT - SN_ALIGNMENT;
    sn_arena_take(&arena, 1000);
    ck_assert_uint_eq(arena.used, SIZE_MAX);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("memory");
    TCase *tests = tcase_create("memory");
    tcase_add_test(tests, align_up_rounds_to_whole_lines);
    tcase_add_test(tests, blocks_are_aligned_and_zero);
    tcase_add_test(tests, impossible_sizes_give_null);
    tcase_add_test(tests, an_arena_carves_what_it_measured);
    tcase_add_test(tests, an_arena_that_is_too_small_says_so);
    tcase_add_test(tests, an_arena_does_not_wrap_around);
#ifdef __SANITIZE_ADDRESS__
    tcase_add_test(tests, blocks_end_where_they_were_asked_to);
    tcase_add_test(tests, pieces_are_followed_by_redzones);
#endif
    suite_add_tcase(suite, tests);
    return run_suite(suite, CK_FORK_GETENV);
}
