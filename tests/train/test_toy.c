/* An architecture is a file and a line: toy/arch_toy.c and toy/layers/archs.def are all that this
 * test adds to the library. It trains, freezes and reports like any other. */
#include "train_tests.h"

#include "base/memory.h"
#include "infer/signet.h"
#include "layers/arch.h"
#include "suites.h"
#include "train/freeze.h"

#include <string.h>

static char folder[SN_OPTION_TEXT_SIZE];

static void setup(void) {
    make_folder(folder);
}

static void teardown(void) {
    remove_folder(folder);
}

static void create(const char *quant, const char *activation, sn_parameters **parameters,
                   sn_network *network) {
    const sn_network_options options = {
        .model = {.arch = sn_choice_find(sn_arch_name, "toy"),
                  .width = 0.75,
                  .classes = 10,
                  .channels = 3,
                  .height = 20,
                  .image_width = 20,
                  .activation = sn_choice_find(sn_activation_name, activation),
                  .quant = {.quantizer = sn_choice_find(sn_quantizer_name, quant),
                            .delta_ratio = -1,
                            .positive_fraction = 0.5}},
        .mode = SN_GRAPH_EVAL,
        .batch = FROZEN_IMAGES,
        .threads = 2};
    sn_error error;
    ck_assert_int_eq(sn_parameters_create(parameters, NULL), SN_OK);
    if (sn_network_create(&options, *parameters, network, &error) != SN_OK)
        ck_abort_msg("%s", error.message);
    randomise(*parameters);
}

START_TEST(it_is_in_the_table) {
    const int toy = sn_choice_find(sn_arch_name, "toy");
    ck_assert_int_ge(toy, 0);
    ck_assert_ptr_null(sn_arch_name(toy + 1));
    ck_assert_str_eq(sn_arch_summary(toy), "a stack with odd shortcuts");
    ck_assert_str_eq(sn_arch_reference(toy), "tests/train/toy");
    ck_assert(!sn_arch_has_signed_inputs(toy));
    ck_assert(sn_arch_has_signed_inputs(sn_choice_find(sn_arch_name, "resnet20-plum")));
}
END_TEST

START_TEST(it_freezes) {
    static const char *const quants[] = {"fp32", "signed-binary", "ternary"};
    static const char *const activations[] = {"relu", "prelu", "hardtanh"};
    for (int i = 0; i < 9; i++) {
        sn_parameters *parameters;
        sn_network network;
        create(quants[i / 3], activations[i % 3], &parameters, &network);
        check_frozen_logits(&network, 1e-4);
        sn_network_free(&network);
        sn_parameters_free(parameters);
    }
}
END_TEST

/* The sum stands alone: no convolution that is computed last can take it along. */
START_TEST(its_layers_have_names) {
    static const char *const names[] = {"tune", "stem", "wide",   "smooth",
                                        "sum",  "last", "halves", "classifier"};
    enum { LAYERS = sizeof names / sizeof *names };
    sn_parameters *parameters;
    sn_network network;
    sn_infer_info info;
    void *packed;
    size_t bytes;
    create("signed-binary", "relu", &parameters, &network);
    ck_assert_int_eq(network.layers.count, LAYERS);
    ck_assert_int_eq(network.layers.at[0].residual, SN_LAYER_IMAGES);
    ck_assert_int_eq(network.layers.at[4].kind, SN_LAYER_SUM);
    ck_assert_int_eq(network.layers.at[4].input, 2);
    ck_assert_int_eq(network.layers.at[4].residual, 3);
    ck_assert_int_eq(sn_freeze(&network, NULL, &packed, &bytes, NULL), SN_OK);
    ck_assert_int_eq(sn_infer_inspect(packed, bytes, NULL, &info), SN_INFER_OK);
    ck_assert_int_eq(info.layers, LAYERS);
    for (int i = 0; i < LAYERS; i++)
        ck_assert_str_eq(sn_infer_layer_name(packed, i), names[i]);
    sn_free(packed);
    sn_network_free(&network);
    sn_parameters_free(parameters);
}
END_TEST

/* Behind a sum with a ReLU nothing is below 0. */
START_TEST(it_trains_with_integers) {
    sn_train_config config;
    test_run run;
    char out[SN_RUN_PATH_SIZE];
    snprintf(out, sizeof out, "%s/run", folder);
    configure(&config, "arch", "toy", "epochs", "1", "width", "0.5", "act", "int8", "out", out,
              NULL);
    must_run(&config, 0, &run);
    const sn_layers *layers = &sn_trainer_evaluation(run.trainer)->layers;
    for (int i = 0; i < layers->count; i++) {
        const sn_layer *layer = &layers->at[i];
        const sn_input_step step = sn_layer_input_step(layer);
        ck_assert_int_eq(step.step > 0, layer->quantizer != NULL);
        ck_assert(!step.is_signed);
    }
    end_training(&run);
}
END_TEST

/* ---- what cannot be a layer is refused while it is built ---- */

typedef struct bench {
    sn_parameters *parameters;
    sn_graph *graph;
    sn_layers layers;
    sn_layer_rules rules;
    sn_quant_options quant;
    sn_tensor *images;
    sn_builder builder;
} bench;

static void open_bench(bench *b) {
    *b = (bench){.rules = {.count = 0}};
    ck_assert_int_eq(sn_parameters_create(&b->parameters, NULL), SN_OK);
    ck_assert_int_eq(sn_graph_create(b->parameters, SN_GRAPH_EVAL, 1, &b->graph, NULL), SN_OK);
    ck_assert_int_eq(sn_graph_input(b->graph, sn_shape_4(1, 4, 8, 8), &b->images, NULL), SN_OK);
    b->layers.images = b->images;
    b->builder =
        (sn_builder){b->graph, &b->quant, &b->rules, SN_ACTIVATION_RELU, SN_ACT_FP32, &b->layers};
}

static void close_bench(bench *b) {
    sn_layers_free(&b->layers);
    sn_graph_free(b->graph);
    sn_parameters_free(b->parameters);
}

#define REFUSED(call, part)                                                                        \
    do {                                                                                           \
        sn_error error = {.message = ""};                                                          \
        ck_assert_int_eq((call), SN_ERROR_INTERNAL);                                               \
        ck_assert_msg(strstr(error.message, (part)) != NULL, "%s", error.message);                 \
    } while (0)

START_TEST(what_is_no_layer_is_refused) {
    const sn_conv_options conv = {4, 3, 1, 1, false, false};
    const sn_norm_options norm = {.activation = "act"};
    const sn_shift_prelu_names shifts = {"a", "b", "c"};
    sn_tensor *x, *y, *z;
    bench b;
    open_bench(&b);
    const sn_builder *builder = &b.builder;
    REFUSED(sn_module_batch_norm(builder, "bn0", &norm, b.images, &y, &error), "bn0");
    ck_assert_int_eq(sn_module_conv(builder, "conv1", &conv, b.images, &x, NULL), SN_OK);
    ck_assert_int_eq(sn_module_batch_norm(builder, "bn1", &norm, x, &y, NULL), SN_OK);
    REFUSED(sn_module_conv(builder, "conv1", &conv, y, &z, &error), "two layers are called conv1");
    REFUSED(sn_module_conv(builder, "conv2", &conv, x, &z, &error), "conv2 reads what is no layer");
    REFUSED(sn_module_batch_norm(builder, "bn2", &norm, y, &z, &error), "bn2");
    REFUSED(sn_module_shift_prelu(builder, &shifts, y, &z, &error), "behind a convolution");
    close_bench(&b);

    /* Somebody else reads the sums; the shortcut is the convolution itself. */
    open_bench(&b);
    ck_assert_int_eq(sn_module_conv(builder, "conv1", &conv, b.images, &x, NULL), SN_OK);
    ck_assert_int_eq(sn_module_conv(builder, "conv2", &conv, x, &y, NULL), SN_OK);
    REFUSED(sn_module_batch_norm(builder, "bn1", &norm, x, &z, &error), "nothing else reads");
    const sn_norm_options loop = {.activation = "act", .residual = y};
    REFUSED(sn_module_batch_norm(builder, "bn2", &loop, y, &z, &error), "shortcut");
    close_bench(&b);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("toy");
    TCase *tests = tcase_create("toy");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, it_is_in_the_table);
    tcase_add_test(tests, it_freezes);
    tcase_add_test(tests, its_layers_have_names);
    tcase_add_test(tests, it_trains_with_integers);
    tcase_add_test(tests, what_is_no_layer_is_refused);
    suite_add_tcase(suite, tests);
    return run_suite(suite, CK_NOFORK);
}
