/* Steps of rounded activations are those that the activations call for. */
#include "base/memory.h"
#include "base/option.h"
#include "infer/format.h"
#include "suites.h"
#include "train/calibrate.h"

#include <math.h>

enum { BATCH = 4 };

typedef struct fixture {
    sn_dataset *dataset;
    sn_pixel_statistics statistics;
    sn_parameters *parameters;
    sn_network network;
    sn_input_step *steps;
    size_t layers;
} fixture;

static void set_up(fixture *f, const char *quant, const char *activation) {
    const sn_network_options options = {
        .model = {.arch = sn_choice_find(sn_arch_name, "resnet20"),
                  .width = 0.25,
                  .classes = 10,
                  .channels = 3,
                  .height = 32,
                  .image_width = 32,
                  .activation = sn_choice_find(sn_activation_name, activation),
                  .quant = {.quantizer = sn_choice_find(sn_quantizer_name, quant),
                            .delta_ratio = 0.05,
                            .positive_fraction = 0.5}},
        .mode = SN_GRAPH_EVAL,
        .batch = BATCH,
        .threads = 2,
        .keep_inputs = true};
    const int shapes = sn_choice_find(sn_dataset_name, "shapes");
    ck_assert_int_eq(sn_dataset_open(shapes, SN_SPLIT_TRAIN, "", 10, &f->dataset, NULL), SN_OK);
    f->statistics = sn_dataset_statistics(f->dataset);
    ck_assert_int_eq(sn_parameters_create(&f->parameters, NULL), SN_OK);
    ck_assert_int_eq(sn_network_create(&options, f->parameters, &f->network, NULL), SN_OK);
    sn_parameters_initialise(f->parameters, 1);
    f->layers = (size_t)f->network.layers.count;
    f->steps = calloc(f->layers, sizeof *f->steps);
}

static void tear_down(fixture *f) {
    free(f->steps);
    sn_network_free(&f->network);
    sn_parameters_free(f->parameters);
    sn_dataset_free(f->dataset);
}

/* The step that the first `images` images make, of which there is one batch at most. */
static sn_input_step expected_step(const sn_layer *layer, size_t images) {
    const size_t count = sn_shape_count(sn_tensor_shape(layer->reading.tensor)) / BATCH * images;
    float *values = malloc(count * sizeof *values), lowest = 0, highest = 0;
    sn_tensor_read(layer->reading.tensor, values, images);
    for (size_t i = 0; i < count; i++) {
        lowest = fminf(lowest, values[i]);
        highest = fmaxf(highest, values[i]);
    }
    free(values);
    return lowest < 0 ? (sn_input_step){fmaxf(highest, -lowest) / 127, true}
                      : (sn_input_step){highest / 255, false};
}

static void check_steps(const char *activation, bool is_signed) {
    fixture f;
    size_t rounded = 0;
    set_up(&f, "signed-binary", activation);
    ck_assert_int_eq(sn_calibrate(&f.network, f.dataset, &f.statistics, 3, f.steps, NULL), SN_OK);
    for (size_t i = 0; i < f.layers; i++) {
        const sn_layer *layer = &f.network.layers.at[i];
        if (!layer->quantizer) {
            ck_assert_float_eq(f.steps[i].step, 0);
            continue;
        }
        const sn_input_step expected = expected_step(layer, 3);
        ck_assert_float_gt(f.steps[i].step, 0);
        ck_assert_float_eq(f.steps[i].step, expected.step);
        ck_assert_int_eq(f.steps[i].is_signed, is_signed);
        rounded++;
    }
    ck_assert_uint_eq(rounded, 18);
    tear_down(&f);
}

START_TEST(steps_are_those_of_the_largest_input) {
    check_steps("relu", false);
    check_steps("hardtanh", true);
}
END_TEST

START_TEST(more_images_never_make_steps_smaller) {
    fixture f;
    set_up(&f, "ternary", "relu");
    sn_input_step *more = calloc(f.layers, sizeof *more);
    ck_assert_int_eq(sn_calibrate(&f.network, f.dataset, &f.statistics, 3, f.steps, NULL), SN_OK);
    ck_assert_int_eq(sn_calibrate(&f.network, f.dataset, &f.statistics, 99, more, NULL), SN_OK);
    bool larger = false;
    for (size_t i = 0; i < f.layers; i++) {
        ck_assert_float_ge(more[i].step, f.steps[i].step);
        larger = larger || more[i].step > f.steps[i].step;
    }
    ck_assert(larger);
    free(more);
    tear_down(&f);
}
END_TEST

START_TEST(activations_that_are_no_numbers_are_refused) {
    fixture f;
    sn_error error;
    set_up(&f, "binary", "relu");
    for (size_t i = 0; i < sn_parameters_count(f.parameters); i++) {
        const sn_parameter *entry = sn_parameters_at(f.parameters, i);
        if (entry->role == SN_ROLE_RUNNING_VARIANCE)
            entry->value[0] = NAN;
    }
    ck_assert_int_eq(sn_calibrate(&f.network, f.dataset, &f.statistics, 3, f.steps, &error),
                     SN_ERROR_DATA);
    tear_down(&f);
}
END_TEST

/* Instructions of a packed model that round their input. */
static size_t count_rounded(const unsigned char *packed, float *step, bool *is_signed) {
    sn_infer_header header;
    size_t count = 0;
    sn_infer_load_words(&header, packed, sizeof header / 4);
    for (uint32_t i = 0; i < header.instruction_count; i++) {
        sn_infer_record record;
        sn_infer_load_words(&record, packed + sizeof header + i * sizeof record, sizeof record / 4);
        if (record.input_scale == 0)
            continue;
        ck_assert_uint_gt(record.weight_kind, SN_INFER_WEIGHTS_FP32);
        *step = record.input_scale;
        *is_signed = record.flags & SN_INFER_FLAG_INPUT_SIGNED;
        count++;
    }
    return count;
}

START_TEST(freezing_rounds_inputs_of_few_bit_weights_only) {
    static const char *const quants[] = {"fp32", "denseshift", "binary", "signed-binary",
                                         "signed-binary-centered"};
    for (size_t q = 0; q < 5; q++) {
        fixture f;
        void *packed;
        size_t bytes;
        float step = 0;
        bool is_signed = false;
        set_up(&f, quants[q], "relu");
        for (size_t i = 0; i < f.layers; i++)
            f.steps[i] = (sn_input_step){0.25f, true};
        ck_assert_int_eq(sn_freeze_integers(&f.network, NULL, f.steps, &packed, &bytes, NULL),
                         SN_OK);
        const size_t count = count_rounded(packed, &step, &is_signed);
        ck_assert_uint_eq(count, q < 2 ? 0 : 18);
        if (count)
            ck_assert(step == 0.25f && is_signed);
        sn_free(packed);
        tear_down(&f);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("calibrate");
    TCase *tests = tcase_create("calibrate");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, steps_are_those_of_the_largest_input);
    tcase_add_test(tests, more_images_never_make_steps_smaller);
    tcase_add_test(tests, activations_that_are_no_numbers_are_refused);
    tcase_add_test(tests, freezing_rounds_inputs_of_few_bit_weights_only);
    suite_add_tcase(suite, tests);
    return run_suite(suite, CK_NOFORK);
}
