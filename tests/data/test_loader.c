/* The loader: its output depends only on (seed, epoch, image), not on threads. */
#include "data_tests.h"

#include "base/option.h"
#include "base/rng.h"
#include "data/augment.h"
#include "data/loader.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT = 103, IMAGE = 3 * 32 * 32 };

static sn_dataset *dataset;

static void set_up(void) {
    dataset = open_dataset("shapes", SN_SPLIT_TRAIN, NULL, COUNT);
}

static void tear_down(void) {
    sn_dataset_free(dataset);
}

static sn_loader_options plain_options(void) {
    return (sn_loader_options){.batch = 10,
                               .threads = 2,
                               .prefetch = 2,
                               .seed = 7,
                               .statistics = sn_dataset_statistics(dataset)};
}

static sn_loader_options training_options(void) {
    sn_loader_options options = plain_options();
    options.shuffle = true;
    options.augment = (sn_augment_options){.padding = 4, .flip = true};
    return options;
}

static sn_loader *create_loader(sn_loader_options options) {
    sn_loader *loader;
    sn_error error;
    const sn_status status = sn_loader_create(dataset, &options, &loader, &error);
    ck_assert_msg(status == SN_OK, "%s", status == SN_OK ? "" : error.message);
    return loader;
}

/* One number for all that is left of the epoch. */
static uint64_t digest_rest(sn_loader *loader) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const sn_batch *batch; (batch = sn_loader_next(loader));) {
        for (size_t i = 0; i < batch->count * IMAGE; i++) {
            uint32_t bits;
            memcpy(&bits, &batch->images[i], sizeof bits);
            hash = (hash ^ bits) * UINT64_C(0x100000001b3);
        }
        for (size_t i = 0; i < batch->count; i++) {
            ck_assert_int_eq(batch->labels[i], sn_dataset_label(dataset, batch->index[i]));
            hash = (hash ^ batch->index[i]) * UINT64_C(0x100000001b3);
        }
    }
    return hash;
}

static uint64_t digest(sn_loader_options options, uint64_t epoch, size_t first) {
    sn_loader *loader = create_loader(options);
    sn_loader_start(loader, epoch, first);
    const uint64_t hash = digest_rest(loader);
    sn_loader_free(loader);
    return hash;
}

START_TEST(plain_batches_are_the_data_set) {
    const sn_loader_options options = plain_options();
    sn_loader *loader = create_loader(options);
    ck_assert_uint_eq(sn_loader_batches(loader), 11);
    ck_assert_ptr_null(sn_loader_next(loader)); /* not started */
    for (uint64_t epoch = 0; epoch < 2; epoch++) {
        size_t next = 0;
        sn_loader_start(loader, epoch, 0);
        for (const sn_batch *batch; (batch = sn_loader_next(loader)); next += batch->count) {
            ck_assert_uint_eq((uintptr_t)batch->images % 64, 0);
            ck_assert_uint_eq(batch->count, next < 100 ? 10 : 3);
            for (size_t i = 0; i < batch->count; i++) {
                float expected[IMAGE];
                sn_dataset_normalised(dataset, next + i, &options.statistics, expected);
                ck_assert_mem_eq(batch->images + i * IMAGE, expected, sizeof expected);
                ck_assert_uint_eq(batch->index[i], next + i);
                ck_assert_int_eq(batch->labels[i], sn_dataset_label(dataset, next + i));
            }
        }
        ck_assert_uint_eq(next, COUNT);
        ck_assert_ptr_null(sn_loader_next(loader));
    }
    sn_loader_free(loader);
}
END_TEST

START_TEST(shuffled_epochs_hold_every_image_once) {
    sn_loader *loader = create_loader(training_options());
    uint32_t orders[2][COUNT];
    for (uint64_t epoch = 0; epoch < 2; epoch++) {
        int seen[COUNT] = {0};
        size_t next = 0;
        sn_loader_start(loader, epoch, 0);
        for (const sn_batch *batch; (batch = sn_loader_next(loader));)
            for (size_t i = 0; i < batch->count; i++) {
                ck_assert_uint_lt(batch->index[i], COUNT);
                seen[batch->index[i]]++;
                orders[epoch][next++] = batch->index[i];
            }
        for (int i = 0; i < COUNT; i++)
            ck_assert_int_eq(seen[i], 1);
        /* the published order, which checkpoints rely on */
        sn_rng rng;
        uint32_t expected[COUNT];
        for (uint32_t i = 0; i < COUNT; i++)
            expected[i] = i;
        sn_rng_init(&rng, 7, SN_RNG_SHUFFLE, epoch);
        sn_rng_shuffle(&rng, expected, COUNT);
        ck_assert_mem_eq(orders[epoch], expected, sizeof expected);
    }
    ck_assert_mem_ne(orders[0], orders[1], sizeof orders[0]);
    sn_loader_free(loader);
}
END_TEST

START_TEST(drop_last_leaves_out_the_rest) {
    sn_loader_options options = training_options();
    options.drop_last = true;
    sn_loader *loader = create_loader(options);
    ck_assert_uint_eq(sn_loader_batches(loader), 10);
    sn_loader_start(loader, 0, 0);
    size_t batches = 0;
    for (const sn_batch *batch; (batch = sn_loader_next(loader)); batches++)
        ck_assert_uint_eq(batch->count, 10);
    ck_assert_uint_eq(batches, 10);
    sn_loader_free(loader);
}
END_TEST

START_TEST(threads_and_prefetch_change_nothing) {
    const uint64_t expected = digest(training_options(), 3, 0);
    static const int threads[] = {1, 2, 5, 16}, prefetch[] = {1, 3, 40};
    for (size_t t = 0; t < 4; t++)
        for (size_t p = 0; p < 3; p++) {
            sn_loader_options options = training_options();
            options.threads = threads[t];
            options.prefetch = prefetch[p];
            ck_assert_uint_eq(digest(options, 3, 0), expected);
        }
}
END_TEST

START_TEST(seed_and_epoch_change_everything) {
    sn_loader_options options = training_options();
    const uint64_t first = digest(options, 0, 0);
    ck_assert_uint_ne(digest(options, 1, 0), first);
    options.shuffle = false;
    const uint64_t augmented = digest(options, 0, 0);
    ck_assert_uint_ne(digest(options, 1, 0), augmented);
    options.seed++;
    ck_assert_uint_ne(digest(options, 0, 0), augmented);
}
END_TEST

/* Reading on from batch 4 gives what reading from the start gave there. */
START_TEST(epochs_resume_in_the_middle) {
    sn_loader *loader = create_loader(training_options());
    for (size_t first = 0; first <= 11; first++) {
        sn_loader_start(loader, 5, 0);
        for (size_t i = 0; i < first; i++)
            ck_assert_ptr_nonnull(sn_loader_next(loader));
        const uint64_t expected = digest_rest(loader);
        sn_loader_start(loader, 5, first);
        ck_assert_uint_eq(digest_rest(loader), expected);
    }
    sn_loader_start(loader, 5, 12);
    ck_assert_ptr_null(sn_loader_next(loader));
    sn_loader_start(loader, 5, SIZE_MAX);
    ck_assert_ptr_null(sn_loader_next(loader));
    sn_loader_free(loader);
}
END_TEST

START_TEST(restarts_at_any_time) {
    enum { EPOCHS = 3, BATCHES = 11 };
    sn_loader_options options = training_options();
    options.threads = 4;
    options.prefetch = 3;
    uint64_t expected[EPOCHS][BATCHES];
    for (uint64_t epoch = 0; epoch < EPOCHS; epoch++)
        for (size_t first = 0; first < BATCHES; first++)
            expected[epoch][first] = digest(options, epoch, first);
    sn_loader *loader = create_loader(options);
    sn_rng rng;
    sn_rng_init(&rng, 1, SN_RNG_TEST, 0);
    for (int round = 0; round < 300; round++) {
        sn_loader_start(loader, sn_rng_below(&rng, EPOCHS), (size_t)sn_rng_below(&rng, BATCHES));
        for (uint64_t reads = sn_rng_below(&rng, 4); reads > 0; reads--)
            sn_loader_next(loader);
        const uint64_t epoch = sn_rng_below(&rng, EPOCHS);
        const size_t first = (size_t)sn_rng_below(&rng, BATCHES);
        sn_loader_start(loader, epoch, first);
        ck_assert_uint_eq(digest_rest(loader), expected[epoch][first]);
    }
    sn_loader_free(loader);
}
END_TEST

/* Long enough for the threads to have gone as far ahead as they may. */
static void dawdle(void) {
    volatile double spin = 0;
    for (int i = 0; i < 300000; i++)
        spin = spin + sqrt(i);
}

START_TEST(a_restart_drops_what_was_ready) {
    sn_loader *loader = create_loader(training_options());
    for (uint64_t epoch = 0; epoch < 20; epoch++) {
        uint32_t order[COUNT];
        for (uint32_t i = 0; i < COUNT; i++)
            order[i] = i;
        sn_rng rng;
        sn_rng_init(&rng, 7, SN_RNG_SHUFFLE, epoch);
        sn_rng_shuffle(&rng, order, COUNT);
        sn_loader_start(loader, epoch, 0);
        const sn_batch *batch = sn_loader_next(loader);
        /* at once, before a thread could replace what should not be there */
        ck_assert_uint_eq(batch->index[9], order[9]);
        ck_assert_mem_eq(batch->index, order, 10 * sizeof *order);
        dawdle();
    }
    sn_loader_free(loader);
}
END_TEST

START_TEST(a_batch_stays_until_the_next_call) {
    sn_loader_options options = training_options();
    options.threads = 4;
    sn_loader *loader = create_loader(options);
    sn_loader_start(loader, 0, 0);
    for (const sn_batch *batch; (batch = sn_loader_next(loader));) {
        float copy[IMAGE];
        memcpy(copy, batch->images, sizeof copy);
        dawdle();
        ck_assert_mem_eq(batch->images, copy, sizeof copy);
    }
    sn_loader_free(loader);
}
END_TEST

START_TEST(is_freed_while_threads_are_busy) {
    sn_loader_options options = training_options();
    options.threads = 4;
    for (int round = 0; round < 100; round++) {
        sn_loader *loader = create_loader(options);
        if (round % 4 > 0)
            sn_loader_start(loader, 0, 0);
        if (round % 4 > 1)
            sn_loader_next(loader);
        sn_loader_free(loader);
    }
    sn_loader_free(NULL);
}
END_TEST

START_TEST(a_batch_may_be_larger_than_the_data_set) {
    sn_loader_options options = plain_options();
    options.batch = 1000;
    sn_loader *loader = create_loader(options);
    ck_assert_uint_eq(sn_loader_batches(loader), 1);
    sn_loader_start(loader, 0, 0);
    ck_assert_uint_eq(sn_loader_next(loader)->count, COUNT);
    ck_assert_ptr_null(sn_loader_next(loader));
    sn_loader_free(loader);
}
END_TEST

static void expect_refusal(sn_loader_options options, const char *part) {
    sn_loader *loader;
    sn_error error = {0};
    ck_assert_int_eq(sn_loader_create(dataset, &options, &loader, &error), SN_ERROR_ARGUMENT);
    ck_assert_ptr_null(loader);
    ck_assert_msg(strstr(error.message, part), "%s", error.message);
}

START_TEST(refuses_options_out_of_range) {
    sn_loader_options options = plain_options();
    options.batch = 0;
    expect_refusal(options, "batch");
    options = plain_options();
    options.threads = 0;
    expect_refusal(options, "0 loader threads");
    options = plain_options();
    options.prefetch = 0;
    expect_refusal(options, "0 batches");
    options = plain_options();
    options.batch = COUNT + 1;
    options.drop_last = true;
    expect_refusal(options, "103 images");
    options = plain_options();
    options.statistics.deviation[1] = 0;
    expect_refusal(options, "channel 1");
    options.statistics.deviation[1] = NAN;
    expect_refusal(options, "channel 1");
}
END_TEST

/* ---- augmentation ---- */

START_TEST(crops_and_flips_by_definition) {
    enum { C = 2, H = 5, W = 7 };
    uint8_t pixels[C][H][W];
    float table[C][256], out[C][H][W];
    for (int i = 0; i < C * H * W; i++)
        pixels[i / (H * W)][i / W % H][i % W] = (uint8_t)i;
    for (int c = 0; c < C; c++)
        for (int v = 0; v < 256; v++)
            table[c][v] = (float)(1000 * (c + 1) + v);
    for (int down = -4; down <= 4; down++)
        for (int right = -4; right <= 4; right++)
            for (int flip = 0; flip < 2; flip++) {
                const sn_augmentation augmentation = {.down = down, .right = right, .flip = flip};
                sn_augmentation_apply(augmentation, pixels[0][0], C, H, W, table, out[0][0]);
                /* pad, crop, then flip, one after the other */
                float padded[C][H + 8][W + 8] = {{{0}}};
                for (int c = 0; c < C; c++) {
                    for (int y = 0; y < H; y++)
                        for (int x = 0; x < W; x++)
                            padded[c][y + 4][x + 4] = table[c][pixels[c][y][x]];
                    for (int y = 0; y < H; y++)
                        for (int x = 0; x < W; x++) {
                            const float expected = padded[c][y + 4 + down][x + 4 + right];
                            ck_assert_float_eq(out[c][y][flip ? W - 1 - x : x], expected);
                        }
                }
            }
}
END_TEST

START_TEST(draws_every_place_equally) {
    int places[9][9] = {{0}}, flips = 0;
    const int draws = 81000;
    const sn_augment_options options = {.padding = 4, .flip = true};
    for (int i = 0; i < draws; i++) {
        const sn_augmentation drawn =
            sn_augmentation_draw(&options, 3, (uint64_t)i / 1000, i % 1000, 32, 32);
        ck_assert(drawn.down >= -4 && drawn.down <= 4 && drawn.right >= -4 && drawn.right <= 4);
        places[drawn.down + 4][drawn.right + 4]++;
        flips += drawn.flip;
    }
    /* 1000 expected, deviation 32; 40500, deviation 142 */
    for (int i = 0; i < 81; i++)
        ck_assert(abs(places[i / 9][i % 9] - 1000) < 160);
    ck_assert(abs(flips - draws / 2) < 710);
}
END_TEST

START_TEST(batches_are_augmented) {
    sn_loader_options options = training_options();
    sn_loader *loader = create_loader(options);
    sn_loader_start(loader, 2, 0);
    float table[3][256], expected[IMAGE];
    for (int c = 0; c < 3; c++)
        for (int v = 0; v < 256; v++)
            table[c][v] =
                ((float)v / 255.0f - options.statistics.mean[c]) / options.statistics.deviation[c];
    for (const sn_batch *batch; (batch = sn_loader_next(loader));)
        for (size_t i = 0; i < batch->count; i++) {
            sn_augmentation_apply(
                sn_augmentation_draw(&options.augment, 7, 2, batch->index[i], 32, 32),
                sn_dataset_image(dataset, batch->index[i]), 3, 32, 32, table, expected);
            for (int p = 0; p < IMAGE; p++)
                ck_assert_float_eq_tol(batch->images[i * IMAGE + (size_t)p], expected[p], 1e-5f);
        }
    sn_loader_free(loader);
}
END_TEST

/* Colours of one channel that are their own places: row y, column x of 16 is 16 y + x + 1. */
static void number_pixels(uint8_t pixels[8][9], float table[1][256]) {
    for (int y = 0; y < 8; y++)
        for (int x = 0; x < 9; x++)
            pixels[y][x] = (uint8_t)(16 * y + x + 1);
    for (int v = 0; v < 256; v++)
        table[0][v] = (float)v;
}

START_TEST(a_square_is_cut_out_after_crop_and_flip) {
    uint8_t pixels[8][9];
    float table[1][256], plain[8][9], cut[8][9];
    number_pixels(pixels, table);
    for (int top = -3; top < 8; top++)
        for (int left = -3; left < 9; left++) {
            sn_augmentation a = {.down = 1, .right = -2, .flip = left % 2 == 0};
            sn_augmentation_apply(a, pixels[0], 1, 8, 9, table, plain[0]);
            a.cutout = 3;
            a.top = top;
            a.left = left;
            sn_augmentation_apply(a, pixels[0], 1, 8, 9, table, cut[0]);
            for (int y = 0; y < 8; y++)
                for (int x = 0; x < 9; x++) {
                    const bool inside = y >= top && y < top + 3 && x >= left && x < left + 3;
                    ck_assert_float_eq(cut[y][x], inside ? 0 : plain[y][x]);
                }
        }
}
END_TEST

/* The centre of the square is any pixel, the corners as often as the middle. */
START_TEST(squares_are_centred_on_every_pixel_equally) {
    const sn_augment_options options = {.padding = 4, .flip = true, .cutout = 5};
    int centres[6][7] = {{0}};
    for (uint32_t i = 0; i < 42000; i++) {
        const sn_augmentation drawn = sn_augmentation_draw(&options, 3, 1, i, 6, 7);
        ck_assert_int_eq(drawn.cutout, 5);
        const int y = drawn.top + 2, x = drawn.left + 2;
        ck_assert(y >= 0 && y < 6 && x >= 0 && x < 7);
        centres[y][x]++;
    }
    for (int i = 0; i < 42; i++)
        ck_assert(abs(centres[i / 7][i % 7] - 1000) < 160); /* deviation 32 */
}
END_TEST

/* An image's crop and flip depend on seed, epoch and image, not on what else is done to it. */
START_TEST(kinds_share_their_draws) {
    const sn_augment_options both = {.padding = 4, .flip = true}, flip = {.flip = true};
    const sn_augment_options crop = {.padding = 4},
                             all = {.padding = 4, .flip = true, .cutout = 16};
    for (uint32_t i = 0; i < 200; i++) {
        const sn_augmentation a = sn_augmentation_draw(&both, 5, 6, i, 32, 32);
        const sn_augmentation f = sn_augmentation_draw(&flip, 5, 6, i, 32, 32);
        const sn_augmentation c = sn_augmentation_draw(&crop, 5, 6, i, 32, 32);
        const sn_augmentation s = sn_augmentation_draw(&all, 5, 6, i, 32, 32);
        ck_assert(f.flip == a.flip && s.flip == a.flip && !c.flip);
        ck_assert(c.down == a.down && s.down == a.down && f.down == 0);
        ck_assert(c.right == a.right && s.right == a.right && f.right == 0);
        ck_assert(s.cutout == 16 && a.cutout == 0);
    }
}
END_TEST

START_TEST(amounts_follow_the_size_of_the_picture) {
    static const struct {
        const char *kind;
        uint64_t padding, cutout;
        int height, width;
        sn_augment_options expected;
    } cases[] = {
        {"none", 0, 0, 32, 32, {0, false, 0}},
        {"crop", 0, 0, 32, 32, {4, false, 0}},
        {"flip", 0, 0, 32, 32, {0, true, 0}},
        {"crop+flip", 0, 0, 32, 32, {4, true, 0}},
        {"crop+flip+cutout", 0, 0, 32, 32, {4, true, 16}},
        {"crop+flip", 0, 0, 28, 28, {4, true, 0}},
        {"crop+flip", 0, 0, 224, 224, {28, true, 0}},
        {"crop+flip", 0, 0, 224, 16, {2, true, 0}},
        {"crop+flip", 0, 0, 4, 4, {1, true, 0}},
        {"crop+flip", 0, 0, 3, 2, {0, true, 0}},
        {"crop+flip+cutout", 0, 0, 1, 1, {0, true, 0}},
        {"crop+flip+cutout", 2, 8, 32, 32, {2, true, 8}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int kind = sn_choice_find(sn_augment_name, cases[i].kind);
        sn_augment_options options;
        ck_assert_int_eq(sn_augment_resolve(kind, cases[i].padding, cases[i].cutout,
                                            cases[i].height, cases[i].width, &options, NULL),
                         SN_OK);
        ck_assert_int_eq(options.padding, cases[i].expected.padding);
        ck_assert_int_eq(options.flip, cases[i].expected.flip);
        ck_assert_int_eq(options.cutout, cases[i].expected.cutout);
    }
    ck_assert_str_eq(sn_augment_name(SN_AUGMENT_NONE), "none");
    ck_assert_str_eq(sn_augment_name(SN_AUGMENT_CROP_FLIP), "crop+flip");
}
END_TEST

START_TEST(amounts_beyond_the_picture_are_refused) {
    const int kind = sn_choice_find(sn_augment_name, "crop+flip+cutout");
    sn_augment_options options;
    sn_error error;
    ck_assert_int_eq(sn_augment_resolve(kind, 3, 0, 8, 3, &options, &error), SN_ERROR_ARGUMENT);
    ck_assert_msg(strstr(error.message, "--crop-padding 3") && strstr(error.message, "3x8") &&
                      strstr(error.message, "less than 3"),
                  "%s", error.message);
    ck_assert_int_eq(sn_augment_resolve(kind, 2, 4, 8, 3, &options, &error), SN_ERROR_ARGUMENT);
    ck_assert_msg(strstr(error.message, "--cutout 4") && strstr(error.message, "at most 3"), "%s",
                  error.message);
    ck_assert_int_eq(sn_augment_resolve(kind, 2, 3, 8, 3, &options, &error), SN_OK);
}
END_TEST

Suite *loader_suite(void) {
    Suite *suite = suite_create("loader");
    TCase *tests = tcase_create("loader");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, plain_batches_are_the_data_set);
    tcase_add_test(tests, shuffled_epochs_hold_every_image_once);
    tcase_add_test(tests, drop_last_leaves_out_the_rest);
    tcase_add_test(tests, threads_and_prefetch_change_nothing);
    tcase_add_test(tests, seed_and_epoch_change_everything);
    tcase_add_test(tests, epochs_resume_in_the_middle);
    tcase_add_test(tests, restarts_at_any_time);
    tcase_add_test(tests, a_restart_drops_what_was_ready);
    tcase_add_test(tests, a_batch_stays_until_the_next_call);
    tcase_add_test(tests, is_freed_while_threads_are_busy);
    tcase_add_test(tests, a_batch_may_be_larger_than_the_data_set);
    tcase_add_test(tests, refuses_options_out_of_range);
    tcase_add_test(tests, crops_and_flips_by_definition);
    tcase_add_test(tests, draws_every_place_equally);
    tcase_add_test(tests, batches_are_augmented);
    tcase_add_test(tests, a_square_is_cut_out_after_crop_and_flip);
    tcase_add_test(tests, squares_are_centred_on_every_pixel_equally);
    tcase_add_test(tests, kinds_share_their_draws);
    tcase_add_test(tests, amounts_follow_the_size_of_the_picture);
    tcase_add_test(tests, amounts_beyond_the_picture_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
