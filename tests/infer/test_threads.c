/* The pool of POSIX threads: every index once, whatever the machine is busy with; and networks that
 * give the same bits on any number of threads. */
#define _POSIX_C_SOURCE 200809L /* nanosleep */
#include "base/memory.h"
#include "infer/threads.h"
#include "naive.h"
#include "suites.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

enum { MOST = 5 };

typedef struct counts {
    atomic_int all;
    int of[MOST]; /* without a lock: each index belongs to one thread at a time */
} counts;

static void count_one(void *argument, int index) {
    counts *c = argument;
    c->of[index]++;
    atomic_fetch_add(&c->all, 1);
}

static sn_infer_pool make_pool(int threads) {
    sn_infer_pool pool;
    ck_assert(sn_infer_threads_create(threads, &pool));
    ck_assert_int_eq(pool.threads, threads);
    return pool;
}

START_TEST(every_index_runs_once) {
    for (int threads = 1; threads <= MOST; threads++) {
        sn_infer_pool pool = make_pool(threads);
        counts c = {0};
        const int runs = 2000;
        for (int i = 1; i <= runs; i++) {
            pool.run(pool.state, count_one, &c);
            ck_assert_int_eq(atomic_load(&c.all), i * threads); /* all have returned */
        }
        for (int i = 0; i < MOST; i++)
            ck_assert_int_eq(c.of[i], i < threads ? runs : 0);
        sn_infer_threads_free(&pool);
        ck_assert_ptr_null(pool.state);
        sn_infer_threads_free(&pool);
    }
}
END_TEST

START_TEST(pools_that_never_run) {
    for (int threads = 1; threads <= MOST; threads++)
        for (int i = 0; i < 20; i++) {
            sn_infer_pool pool = make_pool(threads);
            sn_infer_threads_free(&pool);
        }
}
END_TEST

static void rest(void) {
    nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
}

static void sleep_then_count(void *argument, int index) {
    if (index == 1)
        rest();
    count_one(argument, index);
}

/* Long enough apart for all to have gone to sleep: the workers before a task, the caller in it. */
START_TEST(sleepers_wake_up) {
    sn_infer_pool pool = make_pool(3);
    counts c = {0};
    for (int i = 1; i <= 20; i++) {
        rest();
        pool.run(pool.state, sleep_then_count, &c);
        ck_assert_int_eq(atomic_load(&c.all), 3 * i);
    }
    sn_infer_threads_free(&pool);
}
END_TEST

START_TEST(idle_threads_sleep) {
    sn_infer_pool pool = make_pool(4);
    counts c = {0};
    pool.run(pool.state, count_one, &c);
    for (int i = 0; i < 10; i++)
        rest();
    const clock_t before = clock(); /* of all threads */
    for (int i = 0; i < 100; i++)
        rest();
    ck_assert_int_lt(clock() - before, CLOCKS_PER_SEC / 10);
    sn_infer_threads_free(&pool);
}
END_TEST

START_TEST(several_pools) {
    sn_infer_pool pools[4];
    counts c[4] = {0};
    for (int i = 0; i < 4; i++)
        pools[i] = make_pool(i + 1);
    for (int i = 0; i < 400; i++)
        pools[i * 7 % 4].run(pools[i * 7 % 4].state, count_one, &c[i * 7 % 4]);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(atomic_load(&c[i].all), 100 * (i + 1));
        sn_infer_threads_free(&pools[i]);
    }
}
END_TEST

START_TEST(numbers_of_threads_that_are_refused) {
    static const int wrong[] = {0, -1, SN_INFER_MAX_THREADS + 1};
    for (int i = 0; i < 3; i++) {
        sn_infer_pool pool = {0};
        ck_assert(!sn_infer_threads_create(wrong[i], &pool));
        ck_assert_ptr_null(pool.state);
    }
}
END_TEST

/* ---- networks ---- */

static float *run_network(const void *packed, size_t bytes, sn_infer_options options, int threads,
                          const float *image, int *classes) {
    sn_infer_info info;
    const sn_infer_model *model;
    options.threads = threads;
    ck_assert_int_eq(sn_infer_inspect(packed, bytes, &options, &info), SN_INFER_OK);
    void *memory = sn_alloc(info.model_memory), *scratch = sn_alloc(info.scratch_memory);
    ck_assert_int_eq(sn_infer_open(packed, bytes, &options, memory, info.model_memory, &model),
                     SN_INFER_OK);
    float *logits = sn_alloc_array((size_t)info.classes, sizeof *logits);
    sn_infer_pool pool = make_pool(threads);
    for (int repeat = 0; repeat < 3; repeat++) {
        memset(scratch, 0xff, info.scratch_memory);
        ck_assert_int_eq(sn_infer_run(model, scratch, info.scratch_memory,
                                      threads > 1 ? &pool : NULL, image, logits),
                         SN_INFER_OK);
    }
    sn_infer_threads_free(&pool);
    sn_free(memory);
    sn_free(scratch);
    *classes = info.classes;
    return logits;
}

static void check_bits(const void *packed, size_t bytes, sn_infer_options options,
                       const float *image) {
    int classes;
    float *alone = run_network(packed, bytes, options, 1, image, &classes);
    for (int threads = 2; threads <= 3; threads++) {
        float *shared = run_network(packed, bytes, options, threads, image, &classes);
        ck_assert_msg(memcmp(alone, shared, (size_t)classes * sizeof *alone) == 0,
                      "%s, signs %s, on %d threads", sn_infer_form_name((int)options.form),
                      sn_infer_signs_name((int)options.signs), threads);
        sn_free(shared);
    }
    sn_free(alone);
}

START_TEST(networks_have_the_same_bits) {
    for (int centered = 0; centered < 2; centered++) {
        twin t;
        size_t bytes;
        twin_init(&t, 3, 12, 12, 5);
        void *packed = twin_pack(&t, twin_add_resnet(&t, 8, 1, 0.4, centered), &bytes);
        for (int form = 0; form < SN_INFER_FORM_COUNT; form++)
            check_bits(packed, bytes, (sn_infer_options){.form = (sn_infer_form)form}, t.image);
        sn_free(packed);
        twin_free(&t);
    }
}
END_TEST

/* Threads take some of a band's filters each, and the sums of regions for themselves. */
START_TEST(regions_have_the_same_bits) {
    for (int centred = 0; centred < 3; centred++) { /* not, weights, input */
        twin t;
        size_t bytes;
        twin_init(&t, 10, 12, 12, 5);
        const twin_conv conv = {20, 3, 3, 1, 1, 0.4, centred == 1, SN_PACKER_RELU, false};
        const twin_extra extra = {.region_channels = 4, .input_centered = centred == 2};
        sn_packer_value x = twin_add_conv_extra(&t, 0, &conv, &extra);
        x = twin_add_conv_extra(&t, twin_add_pool(&t, x, true, 2, 2, 0), &conv, &extra);
        void *packed = twin_pack(&t, x, &bytes);
        for (int form = 0; form < SN_INFER_FORM_COUNT; form++)
            for (int signs = 0; signs < SN_INFER_SIGNS_COUNT; signs++)
                check_bits(
                    packed, bytes,
                    (sn_infer_options){.form = (sn_infer_form)form, .signs = (sn_infer_signs)signs},
                    t.image);
        sn_free(packed);
        twin_free(&t);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("infer threads");
    TCase *tests = tcase_create("pools and networks");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, every_index_runs_once);
    tcase_add_test(tests, pools_that_never_run);
    tcase_add_test(tests, sleepers_wake_up);
    tcase_add_test(tests, idle_threads_sleep);
    tcase_add_test(tests, several_pools);
    tcase_add_test(tests, numbers_of_threads_that_are_refused);
    tcase_add_test(tests, networks_have_the_same_bits);
    tcase_add_test(tests, regions_have_the_same_bits);
    suite_add_tcase(suite, tests);
    return run_suite(suite, CK_FORK_GETENV);
}
