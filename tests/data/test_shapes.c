/* The procedural pictures: fixed for ever, balanced, and out of reach of a linear classifier. */
#include "data_tests.h"

#include "base/memory.h"
#include "base/rng.h"
#include "data/shape_stencil.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { PIXELS = 3 * 32 * 32, CLASSES = 10, TRAIN = 6000, TEST = 2000 };

static uint64_t digest(const sn_dataset *dataset, size_t first, size_t count) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = first; i < first + count; i++)
        for (int p = 0; p < PIXELS; p++)
            hash = (hash ^ sn_dataset_image(dataset, i)[p]) * UINT64_C(0x100000001b3);
    return hash;
}

/* Results in the documentation were measured on these pictures. To change them means to change this
 * number and to measure again. */
START_TEST(pictures_are_these_bits) {
    sn_dataset *train = open_dataset("shapes", SN_SPLIT_TRAIN, NULL, 200);
    sn_dataset *test = open_dataset("shapes", SN_SPLIT_TEST, NULL, 200);
    ck_assert_uint_eq(digest(train, 0, 200), UINT64_C(0xb59093e6888cffd9));
    ck_assert_uint_eq(digest(test, 0, 200), UINT64_C(0xc0d961d7f62df7a7));
    sn_dataset_free(train);
    sn_dataset_free(test);
}
END_TEST

START_TEST(full_set_is_balanced) {
    for (int split = 0; split < 2; split++) {
        sn_dataset *dataset = open_dataset("shapes", (sn_split)split, "/ignored", 0);
        const size_t count = sn_dataset_count(dataset);
        ck_assert_uint_eq(count, split == SN_SPLIT_TRAIN ? 20000 : 4000);
        ck_assert_int_eq(sn_dataset_classes(dataset), CLASSES);
        ck_assert_str_eq(sn_dataset_class_name(dataset, 0), "arrow");
        ck_assert_str_eq(sn_dataset_class_name(dataset, 9), "triangle");
        size_t images[CLASSES] = {0};
        for (size_t i = 0; i < count; i++)
            images[sn_dataset_label(dataset, i)]++;
        for (int label = 0; label < CLASSES; label++)
            ck_assert_uint_eq(images[label], count / CLASSES);
        sn_dataset_free(dataset);
    }
}
END_TEST

START_TEST(limit_keeps_the_first) {
    sn_dataset *few = open_dataset("shapes", SN_SPLIT_TRAIN, NULL, 15);
    sn_dataset *more = open_dataset("shapes", SN_SPLIT_TRAIN, NULL, 45);
    ck_assert_uint_eq(sn_dataset_count(few), 15);
    ck_assert_uint_eq(digest(few, 0, 15), digest(more, 0, 15));
    ck_assert_uint_ne(digest(more, 0, 15), digest(more, 15, 15));
    sn_dataset_free(few);
    sn_dataset_free(more);
}
END_TEST

/* Shapes are inside their stencil's margin and differ in a twentieth of the area or more. */
START_TEST(outlines_differ) {
    static uint8_t cells[CLASSES][SN_STENCIL_SIDE][SN_STENCIL_SIDE];
    const int side = SN_STENCIL_SIDE;
    for (int a = 0; a < CLASSES; a++) {
        sn_shape_stencil(a, cells[a]);
        for (int i = 0; i < side; i++)
            ck_assert(!cells[a][0][i] && !cells[a][side - 1][i] && !cells[a][i][0] &&
                      !cells[a][i][side - 1]);
        for (int b = 0; b < a; b++) {
            int differing = 0;
            for (int i = 0; i < side * side; i++)
                differing += cells[a][i / side][i % side] != cells[b][i / side][i % side];
            ck_assert_int_gt(differing, side * side / 20);
        }
    }
}
END_TEST

/* ---- softmax regression on pixels ---- */

typedef struct samples {
    size_t count;
    float *images; /* [count][PIXELS], normalised */
    int *labels;   /* [count] */
} samples;

static samples allocate_samples(size_t count) {
    samples s = {.count = count,
                 .images = sn_alloc_array(count, PIXELS * sizeof(float)),
                 .labels = sn_alloc_array(count, sizeof(int))};
    ck_assert(s.images && s.labels);
    return s;
}

static void free_samples(samples *s) {
    sn_free(s->images);
    sn_free(s->labels);
}

static samples shape_samples(sn_split split, size_t count) {
    sn_dataset *dataset = open_dataset("shapes", split, NULL, count);
    const sn_pixel_statistics statistics = sn_dataset_statistics(dataset);
    samples s = allocate_samples(count);
    for (size_t i = 0; i < count; i++) {
        sn_dataset_normalised(dataset, i, &statistics, s.images + i * PIXELS);
        s.labels[i] = sn_dataset_label(dataset, i);
    }
    sn_dataset_free(dataset);
    return s;
}

/* The same shapes without any nuisance but noise: dark, upright, in the middle. */
static samples plain_samples(uint64_t seed, size_t count) {
    static uint8_t cells[CLASSES][SN_STENCIL_SIDE][SN_STENCIL_SIDE];
    for (int label = 0; label < CLASSES; label++)
        sn_shape_stencil(label, cells[label]);
    samples s = allocate_samples(count);
    sn_rng rng;
    sn_rng_init(&rng, seed, SN_RNG_TEST, 0);
    for (size_t i = 0; i < count; i++) {
        s.labels[i] = (int)(i % CLASSES);
        for (int p = 0; p < PIXELS; p++)
            s.images[i * PIXELS + (size_t)p] =
                (float)sn_rng_range(&rng, -2, 2) - cells[i % CLASSES][p / 32 % 32 * 8][p % 32 * 8];
    }
    return s;
}

typedef float linear_model[CLASSES][PIXELS];

static void scores(linear_model weights, const float *image, float score[CLASSES]) {
    for (int c = 0; c < CLASSES; c++) {
        float sum[8] = {0};
        for (int p = 0; p < PIXELS; p++)
            sum[p % 8] += weights[c][p] * image[p];
        score[c] = 0;
        for (int i = 0; i < 8; i++)
            score[c] += sum[i];
    }
}

static double accuracy(linear_model weights, const samples *s) {
    size_t right = 0;
    for (size_t i = 0; i < s->count; i++) {
        float score[CLASSES];
        scores(weights, s->images + i * PIXELS, score);
        int best = 0;
        for (int c = 1; c < CLASSES; c++)
            if (score[c] > score[best])
                best = c;
        right += best == s->labels[i];
    }
    return (double)right / (double)s->count;
}

/* Stochastic gradient descent on the cross entropy, one image a step. */
static void train_linear(linear_model weights, const samples *s, int epochs) {
    memset(weights, 0, sizeof(linear_model));
    for (int epoch = 0; epoch < epochs; epoch++) {
        const float rate = 2e-4f / (float)(1 + epoch);
        for (size_t i = 0; i < s->count; i++) {
            const float *image = s->images + i * PIXELS;
            float score[CLASSES], largest = -INFINITY, total = 0;
            scores(weights, image, score);
            for (int c = 0; c < CLASSES; c++)
                largest = fmaxf(largest, score[c]);
            for (int c = 0; c < CLASSES; c++)
                total += score[c] = expf(score[c] - largest);
            for (int c = 0; c < CLASSES; c++) {
                const float step = rate * ((c == s->labels[i]) - score[c] / total);
                for (int p = 0; p < PIXELS; p++)
                    weights[c][p] += step * image[p];
            }
        }
    }
}

static double linear_accuracy(samples train, samples test) {
    linear_model *weights = sn_alloc(sizeof *weights);
    ck_assert_ptr_nonnull(weights);
    train_linear(*weights, &train, 5);
    const double reached = accuracy(*weights, &test);
    sn_free(weights);
    free_samples(&train);
    free_samples(&test);
    return reached;
}

/* A network has something to learn here that a weighted sum of pixels cannot. */
START_TEST(linear_classifier_fails) {
    const double reached =
        linear_accuracy(shape_samples(SN_SPLIT_TRAIN, TRAIN), shape_samples(SN_SPLIT_TEST, TEST));
    ck_assert_double_lt(reached, 0.5);
}
END_TEST

/* And this is no fault of the classifier. */
START_TEST(linear_classifier_knows_plain_shapes) {
    const double reached = linear_accuracy(plain_samples(1, TRAIN / 4), plain_samples(2, TEST / 4));
    ck_assert_double_gt(reached, 0.9);
}
END_TEST

Suite *shapes_suite(void) {
    Suite *suite = suite_create("shapes");
    TCase *tests = tcase_create("shapes");
    tcase_set_timeout(tests, 100);
    tcase_add_test(tests, pictures_are_these_bits);
    tcase_add_test(tests, full_set_is_balanced);
    tcase_add_test(tests, limit_keeps_the_first);
    tcase_add_test(tests, outlines_differ);
    tcase_add_test(tests, linear_classifier_fails);
    tcase_add_test(tests, linear_classifier_knows_plain_shapes);
    suite_add_tcase(suite, tests);
    return suite;
}
