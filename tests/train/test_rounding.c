/* --act int8 from training to the device: what rounds, by which steps, and that kernels round
 * alike.
 */
#include "train_tests.h"

#include "autograd/op.h"
#include "base/memory.h"
#include "base/rng.h"
#include "infer/format.h"
#include "infer/signet.h"
#include "train/freeze.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGES = 3, SIDE = 8, CHANNELS = 3, CLASSES = 10 };

static char folder[SN_OPTION_TEXT_SIZE];

static void setup(void) {
    make_folder(folder);
}

static void teardown(void) {
    remove_folder(folder);
}

static sn_model_options model_of(const char *quant, const char *activation, const char *rules) {
    return (sn_model_options){.arch = sn_choice_find(sn_arch_name, "resnet20"),
                              .width = 0.25,
                              .classes = CLASSES,
                              .channels = CHANNELS,
                              .height = 32,
                              .image_width = 32,
                              .activation = sn_choice_find(sn_activation_name, activation),
                              .act = SN_ACT_INT8,
                              .quant = {.quantizer = sn_choice_find(sn_quantizer_name, quant),
                                        .delta_ratio = -1,
                                        .positive_fraction = 0.5},
                              .layer_rules = rules};
}

static void create(const sn_model_options *model, sn_graph_mode mode, sn_parameters **parameters,
                   sn_network *network) {
    const sn_network_options options = {
        .model = *model, .mode = mode, .batch = IMAGES, .threads = 2};
    sn_error error;
    ck_assert_int_eq(sn_parameters_create(parameters, NULL), SN_OK);
    if (sn_network_create(&options, *parameters, network, &error) != SN_OK)
        ck_abort_msg("%s", error.message);
    sn_parameters_initialise(*parameters, 1);
}

static void destroy(sn_parameters *parameters, sn_network *network) {
    sn_network_free(network);
    sn_parameters_free(parameters);
}

static void set_range(const sn_parameters *parameters, const char *name, float range) {
    const sn_parameter *entry = sn_parameters_find(parameters, name);
    ck_assert_msg(entry != NULL, "no %s", name);
    ck_assert_int_eq(entry->role, SN_ROLE_INPUT_RANGE);
    entry->value[0] = range;
}

/* ---- kernels round as the graph does ---- */

/* One convolution that reads the images themselves, rounded; then means and classifier. */
static void build_single(const char *quant, sn_center center, sn_parameters **parameters,
                         sn_network *n) {
    const sn_quant_options options = {.quantizer = sn_choice_find(sn_quantizer_name, quant),
                                      .center = (int)center,
                                      .delta_ratio = -1,
                                      .positive_fraction = 0.5};
    sn_layer_rules rules = {0};
    *n = (sn_network){.batch = IMAGES, .classes = CLASSES};
    ck_assert_int_eq(sn_parameters_create(parameters, NULL), SN_OK);
    ck_assert_int_eq(sn_graph_create(*parameters, SN_GRAPH_EVAL, 2, &n->graph, NULL), SN_OK);
    const sn_conv_options conv = {8, 3, 1, 1, true, false};
    sn_tensor *x;
    ck_assert_int_eq(
        sn_graph_input(n->graph, sn_shape_4(IMAGES, CHANNELS, SIDE, SIDE), &n->images, NULL),
        SN_OK);
    n->layers.images = n->images;
    const sn_builder builder = {n->graph,           &options,    &rules,
                                SN_ACTIVATION_RELU, SN_ACT_INT8, &n->layers};
    ck_assert_int_eq(sn_module_conv(&builder, "conv", &conv, n->images, &x, NULL), SN_OK);
    ck_assert_int_eq(sn_module_global_average_pool(&builder, "mean", x, &x, NULL), SN_OK);
    ck_assert_int_eq(sn_module_linear(&builder, "fc", CLASSES, x, &n->logits, NULL), SN_OK);
    ck_assert_int_eq(sn_graph_plan(n->graph, n->logits, NULL), SN_OK);
    sn_parameters_initialise(*parameters, 1);
}

static void run_packed(const void *packed, size_t bytes, sn_infer_isa isa, const float *images,
                       size_t pixels, float *logits) {
    const sn_infer_options options = {.isa = isa};
    sn_infer_info info;
    const sn_infer_model *model;
    ck_assert_int_eq(sn_infer_inspect(packed, bytes, &options, &info), SN_INFER_OK);
    void *memory = sn_alloc(info.model_memory), *scratch = sn_alloc(info.scratch_memory);
    ck_assert_int_eq(sn_infer_open(packed, bytes, &options, memory, info.model_memory, &model),
                     SN_INFER_OK);
    for (size_t i = 0; i < IMAGES; i++)
        ck_assert_int_eq(sn_infer_run(model, scratch, info.scratch_memory, NULL,
                                      images + i * pixels, logits + i * CLASSES),
                         SN_INFER_OK);
    sn_free(memory);
    sn_free(scratch);
}

/* The largest difference to the graph, as a share of the largest logit. */
static double difference(const sn_network *network, const float *images, size_t pixels,
                         sn_infer_isa isa) {
    float expected[IMAGES * CLASSES], logits[IMAGES * CLASSES];
    double largest = 0, difference = 0;
    void *packed;
    size_t bytes;
    sn_tensor_write(network->images, images, IMAGES);
    sn_graph_forward(network->graph);
    sn_tensor_read(network->logits, expected, IMAGES);
    ck_assert_int_eq(sn_freeze(network, NULL, &packed, &bytes, NULL), SN_OK);
    run_packed(packed, bytes, isa, images, pixels, logits);
    sn_free(packed);
    for (size_t i = 0; i < IMAGES * CLASSES; i++) {
        largest = fmax(largest, fabs((double)expected[i]));
        difference = fmax(difference, fabs((double)expected[i] - (double)logits[i]));
    }
    return difference / largest;
}

/* Half of the pixels lie in the middle of two steps, some beyond the range. One pixel that went to
 * the other side would move a logit by more than a thousandth of what float sums do. */
START_TEST(kernels_round_as_the_graph_does) {
    static const struct {
        const char *quant;
        sn_center center;
    } cases[] = {{"signed-binary-centered", SN_CENTER_WEIGHTS},
                 {"signed-binary", SN_CENTER_NONE},
                 {"signed-binary", SN_CENTER_ACTIVATIONS},
                 {"binary", SN_CENTER_NONE},
                 {"binary", SN_CENTER_ACTIVATIONS},
                 {"ternary", SN_CENTER_NONE},
                 {"ternary", SN_CENTER_ACTIVATIONS}};
    enum { PIXELS = CHANNELS * SIDE * SIDE };
    static const float steps[] = {0.125F, 0.1F, 0.0123F};
    for (size_t q = 0; q < sizeof cases / sizeof *cases; q++) {
        sn_parameters *parameters;
        sn_network network;
        float images[IMAGES * PIXELS];
        sn_rng rng;
        sn_rng_init(&rng, 2, SN_RNG_TEST, 0);
        build_single(cases[q].quant, cases[q].center, &parameters, &network);
        for (size_t s = 0; s < 3; s++) {
            set_range(parameters, "conv.input_range", 127 * steps[s]);
            for (size_t i = 0; i < IMAGES * PIXELS; i++)
                images[i] = i % 2 ? (float)sn_rng_normal(&rng) * 50 * steps[s]
                                  : ((float)sn_rng_below(&rng, 240) - 119.5F) * steps[s];
            for (int isa = SN_INFER_ISA_PORTABLE; sn_infer_isa_name(isa); isa++)
                if (sn_infer_isa_available((sn_infer_isa)isa))
                    ck_assert_double_lt(difference(&network, images, PIXELS, (sn_infer_isa)isa),
                                        2e-6);
        }
        destroy(parameters, &network);
    }
}
END_TEST

/* In a whole network values at the edge of a step may come out otherwise. */
START_TEST(a_frozen_network_is_near_the_graph) {
    static const char *const activations[] = {"relu", "prelu", "hardtanh"};
    enum { PIXELS = CHANNELS * 32 * 32 };
    float *images = malloc(IMAGES * PIXELS * sizeof *images);
    sn_rng rng;
    sn_rng_init(&rng, 2, SN_RNG_TEST, 0);
    for (size_t i = 0; i < IMAGES * PIXELS; i++)
        images[i] = (float)sn_rng_normal(&rng);
    const sn_model_options model =
        model_of("signed-binary-centered", activations[_i], "conv1=binary layer2.*=ternary");
    const int32_t labels[IMAGES] = {0};
    sn_parameters *parameters;
    sn_network training, evaluation;
    create(&model, SN_GRAPH_TRAIN, &parameters, &training);
    const sn_network_options options = {
        .model = model, .mode = SN_GRAPH_EVAL, .batch = IMAGES, .threads = 2};
    ck_assert_int_eq(sn_network_create(&options, parameters, &evaluation, NULL), SN_OK);
    for (int step = 0; step < 30; step++) { /* ranges and statistics */
        sn_tensor_write(training.images, images, IMAGES);
        sn_tensor_write_labels(training.labels, labels, IMAGES);
        sn_graph_forward(training.graph);
    }
    ck_assert_double_lt(difference(&evaluation, images, PIXELS, SN_INFER_ISA_AUTO), 0.02);
    sn_network_free(&evaluation);
    destroy(parameters, &training);
    free(images);
}
END_TEST

/* ---- what rounds ---- */

static size_t count_ranges(const sn_parameters *parameters) {
    size_t count = 0;
    for (size_t i = 0; i < sn_parameters_count(parameters); i++)
        count += sn_parameters_at(parameters, i)->role == SN_ROLE_INPUT_RANGE;
    return count;
}

/* The steps of a packed model in the order of its convolutions, and how many there are. */
static size_t packed_steps(const sn_network *network, float *steps, bool *is_signed) {
    sn_infer_header header;
    unsigned char *packed;
    size_t bytes, count = 0;
    ck_assert_int_eq(sn_freeze(network, NULL, (void **)&packed, &bytes, NULL), SN_OK);
    sn_infer_load_words(&header, packed, sizeof header / 4);
    for (uint32_t i = 0; i < header.instruction_count; i++) {
        sn_infer_record record;
        sn_infer_load_words(&record, packed + sizeof header + i * sizeof record, sizeof record / 4);
        if (record.input_scale == 0)
            continue;
        ck_assert_uint_gt(record.weight_kind, SN_INFER_WEIGHTS_FP32);
        steps[count] = record.input_scale;
        is_signed[count++] = record.flags & SN_INFER_FLAG_INPUT_SIGNED;
    }
    sn_free(packed);
    return count;
}

START_TEST(convolutions_of_few_bit_weights_read_integers) {
    static const struct {
        const char *quant, *activation, *rules;
        size_t rounded;
        bool is_signed, first_is_signed;
    } cases[] = {
        {"signed-binary", "relu", NULL, 18, false, false},
        {"ternary", "relu", "layer1.*=fp32 layer2.0.conv1=denseshift", 11, false, false},
        {"fp32", "relu", "layer3.*.conv2=binary", 3, false, false},
        {"binary", "relu", "conv1=ternary *downsample.0=binary", 21, false, true},
        {"signed-binary", "prelu", NULL, 18, true, true},
        {"signed-binary", "hardtanh", NULL, 18, true, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const sn_model_options model =
            model_of(cases[i].quant, cases[i].activation, cases[i].rules);
        sn_parameters *parameters;
        sn_network network;
        float steps[21];
        bool is_signed[21];
        create(&model, SN_GRAPH_EVAL, &parameters, &network);
        ck_assert_uint_eq(count_ranges(parameters), cases[i].rounded);
        /* Without ranges the device reads floats, too. */
        ck_assert_uint_eq(packed_steps(&network, steps, is_signed), 0);
        float range = 1;
        for (size_t k = 0; k < sn_parameters_count(parameters); k++)
            if (sn_parameters_at(parameters, k)->role == SN_ROLE_INPUT_RANGE)
                sn_parameters_at(parameters, k)->value[0] = range++;
        ck_assert_uint_eq(packed_steps(&network, steps, is_signed), cases[i].rounded);
        for (size_t k = 0; k < cases[i].rounded; k++) {
            const bool expected = k ? cases[i].is_signed : cases[i].first_is_signed;
            ck_assert_int_eq(is_signed[k], expected);
            ck_assert_float_eq(steps[k], (float)(k + 1) / (expected ? 127 : 255));
        }
        destroy(parameters, &network);
    }
}
END_TEST

/* Behind the clamp of PLUM's block the range is known from the start. */
START_TEST(what_is_clamped_keeps_its_range) {
    enum { PIXELS = CHANNELS * 32 * 32 };
    sn_model_options model = model_of("signed-binary", "relu", NULL);
    model.arch = sn_choice_find(sn_arch_name, "resnet20-plum");
    static float images[IMAGES * PIXELS];
    const int32_t labels[IMAGES] = {0};
    sn_parameters *parameters;
    sn_network network, evaluation;
    float steps[21];
    bool is_signed[21];
    sn_rng rng;
    sn_rng_init(&rng, 2, SN_RNG_TEST, 0);
    for (size_t i = 0; i < IMAGES * PIXELS; i++)
        images[i] = (float)sn_rng_normal(&rng);
    create(&model, SN_GRAPH_TRAIN, &parameters, &network);
    for (int step = 0; step < 3; step++) {
        sn_tensor_write(network.images, images, IMAGES);
        sn_tensor_write_labels(network.labels, labels, IMAGES);
        sn_graph_forward(network.graph);
    }
    const sn_network_options options = {
        .model = model, .mode = SN_GRAPH_EVAL, .batch = IMAGES, .threads = 2};
    ck_assert_int_eq(sn_network_create(&options, parameters, &evaluation, NULL), SN_OK);
    ck_assert_uint_eq(count_ranges(parameters), 18);
    ck_assert_uint_eq(packed_steps(&evaluation, steps, is_signed), 18);
    for (size_t k = 0; k < 18; k++) {
        ck_assert(is_signed[k]);
        ck_assert_float_eq(steps[k], 2.0F / 127);
    }
    sn_network_free(&evaluation);
    destroy(parameters, &network);
}
END_TEST

START_TEST(a_network_that_rounds_nothing_is_refused) {
    static const char *const quants[] = {"fp32", "denseshift"};
    for (size_t i = 0; i < 2; i++) {
        const sn_model_options model = model_of(quants[i], "relu", NULL);
        const sn_network_options options = {
            .model = model, .mode = SN_GRAPH_EVAL, .batch = IMAGES, .threads = 1};
        sn_parameters *parameters;
        sn_network network;
        sn_error error;
        ck_assert_int_eq(sn_parameters_create(&parameters, NULL), SN_OK);
        ck_assert_int_eq(sn_network_create(&options, parameters, &network, &error),
                         SN_ERROR_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(error.message, "--act int8"));
        destroy(parameters, &network);
    }
}
END_TEST

/* ---- whole runs ---- */

static void train(const char *name, const char *engine, const char *precision, test_run *run) {
    sn_train_config config;
    sn_error error;
    char out[SN_RUN_PATH_SIZE];
    snprintf(out, sizeof out, "%s/%s", folder, name);
    configure(&config, "epochs", "1", "quant", "signed-binary-centered", "act", "int8", "engine",
              engine, "precision", precision, "out", out, NULL);
    if (run_training(&config, 0, run, &error) != SN_OK)
        ck_abort_msg("%s", error.message);
}

/* With every engine and precision the ranges are found, much the same ones, and the same bits
 * twice.
 */
START_TEST(every_engine_rounds) {
    double first[18] = {0};
    for (int engine = SN_ENGINE_AUTO + 1; sn_engine_name(engine); engine++)
        for (int precision = 0; sn_precision_name(precision); precision++) {
            test_run run, again;
            char name[2][32];
            if (!sn_engine_is_built((sn_engine)engine))
                continue;
            for (int i = 0; i < 2; i++) {
                snprintf(name[i], sizeof name[i], "%d-%d-%d", engine, precision, i);
                train(name[i], sn_engine_name(engine), sn_precision_name(precision),
                      i ? &again : &run);
            }
            const sn_parameters *parameters = sn_trainer_parameters(run.trainer);
            check_same_parameters(parameters, sn_trainer_parameters(again.trainer));
            size_t seen = 0;
            for (size_t i = 0; i < sn_parameters_count(parameters); i++) {
                const sn_parameter *entry = sn_parameters_at(parameters, i);
                if (entry->role != SN_ROLE_INPUT_RANGE)
                    continue;
                const double range = (double)entry->value[0];
                ck_assert_msg(range > 0.5 && range < 50, "%s is %g", entry->name, range);
                if (first[seen] == 0)
                    first[seen] = range;
                ck_assert_double_lt(fabs(range - first[seen]), 0.3 * first[seen]);
                seen++;
            }
            ck_assert_uint_eq(seen, 18);
            end_training(&run);
            end_training(&again);
        }
}
END_TEST

/* However much is evaluated. */
START_TEST(ranges_are_moved_by_training_steps_alone) {
    sn_train_config config;
    sn_error error;
    test_run once, twice;
    char out[SN_RUN_PATH_SIZE];
    for (int i = 0; i < 2; i++) {
        snprintf(out, sizeof out, "%s/%d", folder, i);
        configure(&config, "epochs", "1", "act", "int8", "limit-test", i ? "20" : "1", "out", out,
                  NULL);
        if (run_training(&config, 0, i ? &twice : &once, &error) != SN_OK)
            ck_abort_msg("%s", error.message);
    }
    check_same_parameters(sn_trainer_parameters(once.trainer),
                          sn_trainer_parameters(twice.trainer));
    end_training(&once);
    end_training(&twice);
}
END_TEST

Suite *rounding_suite(void) {
    Suite *suite = suite_create("rounding");
    TCase *tcase = tcase_create("rounding");
    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, kernels_round_as_the_graph_does);
    tcase_add_loop_test(tcase, a_frozen_network_is_near_the_graph, 0, 3);
    tcase_add_test(tcase, convolutions_of_few_bit_weights_read_integers);
    tcase_add_test(tcase, what_is_clamped_keeps_its_range);
    tcase_add_test(tcase, a_network_that_rounds_nothing_is_refused);
    tcase_add_test(tcase, every_engine_rounds);
    tcase_add_test(tcase, ranges_are_moved_by_training_steps_alone);
    suite_add_tcase(suite, tcase);
    return suite;
}
