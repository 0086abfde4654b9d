/* The model zoo against published parameter counts and torchvision's names. */
#include "layers/model.h"

#include "autograd/op.h"

#include "base/option.h"
#include "layers/quantize.h"
#include "suites.h"

#include <stdlib.h>
#include <string.h>

typedef struct network {
    sn_parameters *parameters;
    sn_graph *graph;
    sn_tensor *images, *logits;
    sn_layers layers;
} network;

static sn_status build(const sn_model_options *options, network *n, sn_error *error) {
    *n = (network){0};
    SN_TRY(sn_parameters_create(&n->parameters, error));
    SN_TRY(sn_graph_create(n->parameters, SN_GRAPH_EVAL, 1, &n->graph, error));
    SN_TRY(sn_graph_input(n->graph,
                          sn_shape_4(1, options->channels, options->height, options->image_width),
                          &n->images, error));
    return sn_model_build(options, n->graph, n->images, &n->layers, &n->logits, error);
}

static void destroy(network *n) {
    sn_layers_free(&n->layers);
    sn_graph_free(n->graph);
    sn_parameters_free(n->parameters);
}

static sn_model_options options_for(const char *arch, size_t size, size_t classes) {
    return (sn_model_options){.arch = sn_choice_find(sn_arch_name, arch),
                              .width = 1,
                              .classes = classes,
                              .channels = 3,
                              .height = size,
                              .image_width = size,
                              .quant = {.delta_ratio = 0.05, .positive_fraction = 0.5}};
}

static size_t trained_parameters(const network *n) {
    size_t total = 0;
    for (size_t i = 0; i < sn_parameters_count(n->parameters); i++) {
        const sn_parameter *entry = sn_parameters_at(n->parameters, i);
        if (sn_role_is_trained(entry->role))
            total += entry->count;
    }
    return total;
}

static size_t role_parameters(const network *n, sn_role role) {
    size_t total = 0;
    for (size_t i = 0; i < sn_parameters_count(n->parameters); i++)
        if (sn_parameters_at(n->parameters, i)->role == role)
            total += sn_parameters_at(n->parameters, i)->count;
    return total;
}

/* ImageNet: as published with torchvision. CIFAR, depth 20: 267264 weights in blocks, 432 in the
 * first convolution, 2560 in shortcuts, 1568 in batch-norms, 650 in the classifier. */
START_TEST(parameter_counts_are_the_published_ones) {
    static const struct {
        const char *arch;
        size_t size, classes, parameters;
    } cases[] = {
        {"resnet18", 224, 1000, 11689512},
        {"resnet34", 224, 1000, 21797672},
        {"resnet20", 32, 10, 272474},
        /* and biases of convolutions, slopes, three shifts a block */
        {"resnet20-plum", 32, 10, 272474 + 672 + 672 + (2 * 672 + 624)},
        {"resnet18-plum", 224, 1000, 11689512 + 3840 + 3840 + (2 * 3840 + 3392)},
        /* convolutions, two of a batch-norm for each filter, a classifier of 4x4 pixels */
        {"vgg-small", 32, 10,
         3456 + 147456 + 294912 + 589824 + 1179648 + 2359296 + 2 * 1792 + 81920 + 10},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        network n;
        const sn_model_options options =
            options_for(cases[i].arch, cases[i].size, cases[i].classes);
        ck_assert_int_eq(build(&options, &n, NULL), SN_OK);
        ck_assert_msg(trained_parameters(&n) == cases[i].parameters, "%s has %zu parameters",
                      cases[i].arch, trained_parameters(&n));
        const sn_shape logits = sn_shape_2(1, cases[i].classes);
        ck_assert(sn_shape_equal(sn_tensor_shape(n.logits), &logits));
        destroy(&n);
    }
}
END_TEST

/* Every block of depth 6n + 2 adds two 3x3 convolutions and two batch-norms to each stage. */
START_TEST(cifar_depths_differ_by_whole_blocks) {
    static const struct {
        const char *arch;
        size_t blocks;
    } cases[] = {
        {"resnet20", 3}, {"resnet32", 5}, {"resnet44", 7}, {"resnet56", 9}, {"resnet110", 18}};
    size_t block = 0;
    for (size_t filters = 16; filters <= 64; filters *= 2)
        block += 2 * (9 * filters * filters + 2 * filters);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        network n;
        const sn_model_options options = options_for(cases[i].arch, 32, 10);
        ck_assert_int_eq(build(&options, &n, NULL), SN_OK);
        ck_assert_uint_eq(trained_parameters(&n), 272474 + (cases[i].blocks - 3) * block);
        destroy(&n);
    }
}
END_TEST

START_TEST(names_are_torchvisions) {
    static const struct {
        const char *name;
        sn_shape shape;
    } expected[] = {
        {"conv1.weight", {4, {64, 3, 7, 7}}},
        {"bn1.running_var", {1, {64}}},
        {"layer1.0.conv1.weight", {4, {64, 64, 3, 3}}},
        {"layer2.0.downsample.0.weight", {4, {128, 64, 1, 1}}},
        {"layer2.0.downsample.1.bias", {1, {128}}},
        {"layer4.1.bn2.weight", {1, {512}}},
        {"fc.weight", {2, {1000, 512}}},
        {"fc.bias", {1, {1000}}},
    };
    network n;
    const sn_model_options options = options_for("resnet18", 224, 1000);
    ck_assert_int_eq(build(&options, &n, NULL), SN_OK);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const sn_parameter *entry = sn_parameters_find(n.parameters, expected[i].name);
        ck_assert_msg(entry != NULL, "no %s", expected[i].name);
        ck_assert_msg(sn_shape_equal(&entry->shape, &expected[i].shape), "%s", expected[i].name);
    }
    ck_assert_ptr_null(sn_parameters_find(n.parameters, "layer1.0.downsample.0.weight"));
    destroy(&n);
}
END_TEST

START_TEST(names_of_plums_block) {
    static const struct {
        const char *name;
        sn_shape shape;
        sn_role role;
    } expected[] = {
        {"layer1.0.move1.bias", {1, {16}}, SN_ROLE_BIAS},
        {"layer1.5.conv1.weight", {4, {16, 16, 3, 3}}, SN_ROLE_LATENT},
        {"layer2.0.move1.bias", {1, {16}}, SN_ROLE_BIAS},
        {"layer2.0.conv1.weight", {4, {32, 16, 3, 3}}, SN_ROLE_LATENT},
        {"layer2.0.conv1.bias", {1, {32}}, SN_ROLE_BIAS},
        {"layer2.0.bn1.weight", {1, {32}}, SN_ROLE_NORM_SCALE},
        {"layer2.0.downsample.1.weight", {4, {32, 16, 1, 1}}, SN_ROLE_WEIGHT},
        {"layer2.0.downsample.2.running_mean", {1, {32}}, SN_ROLE_RUNNING_MEAN},
        {"layer2.0.move2.bias", {1, {32}}, SN_ROLE_BIAS},
        {"layer2.0.act1.weight", {1, {32}}, SN_ROLE_SLOPE},
        {"layer3.5.move3.bias", {1, {64}}, SN_ROLE_BIAS},
    };
    network n;
    sn_model_options options = options_for("resnet20-plum", 32, 10);
    options.quant.quantizer = sn_choice_find(sn_quantizer_name, "signed-binary");
    ck_assert_int_eq(build(&options, &n, NULL), SN_OK);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const sn_parameter *entry = sn_parameters_find(n.parameters, expected[i].name);
        ck_assert_msg(entry != NULL, "no %s", expected[i].name);
        ck_assert_msg(sn_shape_equal(&entry->shape, &expected[i].shape), "%s", expected[i].name);
        ck_assert_msg(entry->role == expected[i].role, "%s", expected[i].name);
    }
    ck_assert_uint_eq(role_parameters(&n, SN_ROLE_LATENT), 267264);
    ck_assert_ptr_null(sn_parameters_find(n.parameters, "layer1.0.downsample.1.weight"));
    ck_assert_ptr_null(sn_parameters_find(n.parameters, "layer1.6.conv1.weight"));
    destroy(&n);
}
END_TEST

static const sn_layer *layer_of(const network *n, const char *name) {
    for (int i = 0; i < n->layers.count; i++)
        if (strcmp(n->layers.at[i].name, name) == 0)
            return &n->layers.at[i];
    ck_abort_msg("no layer %s", name);
    return NULL;
}

START_TEST(layers_of_vgg_small) {
    static const struct {
        const char *name;
        sn_layer_kind kind;
        size_t rows, columns; /* of the weight: filters, and input channels or inputs */
        bool quantized;
    } expected[] = {
        {"conv1", SN_LAYER_CONV, 64, 3, false},    {"conv2", SN_LAYER_CONV, 64, 64, true},
        {"pool1", SN_LAYER_MAX_POOL, 0, 0, false}, {"conv3", SN_LAYER_CONV, 128, 64, true},
        {"conv4", SN_LAYER_CONV, 128, 128, true},  {"pool2", SN_LAYER_MAX_POOL, 0, 0, false},
        {"conv5", SN_LAYER_CONV, 256, 128, true},  {"conv6", SN_LAYER_CONV, 256, 256, true},
        {"pool3", SN_LAYER_MAX_POOL, 0, 0, false}, {"fc", SN_LAYER_LINEAR, 10, 256 * 3 * 3, false},
    };
    enum { LAYERS = sizeof expected / sizeof *expected };
    network n;
    sn_model_options options = options_for("vgg-small", 28, 10); /* 14, 7, 3 pixels a side */
    options.quant.quantizer = sn_choice_find(sn_quantizer_name, "signed-binary");
    options.width = 0.5;
    ck_assert_int_eq(build(&options, &n, NULL), SN_OK);
    ck_assert_int_eq(n.layers.count, LAYERS);
    for (int i = 0; i < LAYERS; i++) {
        const sn_layer *layer = &n.layers.at[i];
        ck_assert_str_eq(layer->name, expected[i].name);
        ck_assert_int_eq(layer->kind, expected[i].kind);
        ck_assert_int_eq(layer->input, i - 1); /* the images in the end */
        ck_assert_int_eq(layer->quantizer != NULL, expected[i].quantized);
        if (!layer->weight)
            continue;
        ck_assert_uint_eq(sn_tensor_shape(layer->weight)->size[0], expected[i].rows);
        ck_assert_uint_eq(sn_tensor_shape(layer->weight)->size[1], expected[i].columns);
        ck_assert_int_eq(layer->norm.gamma != NULL, layer->kind == SN_LAYER_CONV);
        ck_assert_int_eq(layer->activation.function,
                         layer->kind == SN_LAYER_CONV ? SN_ACTIVATION_RELU : SN_ACTIVATION_NONE);
    }
    ck_assert_ptr_nonnull(sn_parameters_find(n.parameters, "bn6.running_var"));
    destroy(&n);
}
END_TEST

START_TEST(vgg_small_needs_eight_pixels) {
    for (size_t size = 7; size <= 8; size++) {
        network n;
        sn_error error;
        const sn_model_options options = options_for("vgg-small", size, 10);
        const sn_status status = build(&options, &n, &error);
        ck_assert_int_eq(status, size == 7 ? SN_ERROR_ARGUMENT : SN_OK);
        if (size == 7)
            ck_assert_msg(strstr(error.message, "at least 8x8") != NULL, "%s", error.message);
        destroy(&n);
    }
}
END_TEST

/* A shortcut that is computed behind the convolution of its main path takes the sum along. */
START_TEST(the_later_convolution_takes_the_sum) {
    network n;
    const sn_model_options options = options_for("resnet20", 32, 10);
    ck_assert_int_eq(build(&options, &n, NULL), SN_OK);
    const sn_layer *plain = layer_of(&n, "layer2.1.conv2"), *main = layer_of(&n, "layer2.0.conv2");
    const sn_layer *shortcut = layer_of(&n, "layer2.0.downsample.0");
    ck_assert_ptr_eq(&n.layers.at[plain->residual], shortcut);
    ck_assert_int_eq(plain->activation.function, SN_ACTIVATION_RELU);
    ck_assert_ptr_eq(&n.layers.at[shortcut->residual], main);
    ck_assert_int_eq(shortcut->activation.function, SN_ACTIVATION_RELU);
    ck_assert_int_eq(main->residual, SN_LAYER_NONE);
    ck_assert_int_eq(main->activation.function, SN_ACTIVATION_NONE);
    ck_assert_ptr_null(main->output);
    destroy(&n);
}
END_TEST

START_TEST(small_images_get_the_small_stem) {
    for (size_t size = 64; size <= 65; size++) {
        network n;
        const sn_model_options options = options_for("resnet18", size, 10);
        ck_assert_int_eq(build(&options, &n, NULL), SN_OK);
        ck_assert_uint_eq(sn_parameters_find(n.parameters, "conv1.weight")->shape.size[2],
                          size == 64 ? 3 : 7);
        destroy(&n);
    }
}
END_TEST

/* First convolution, shortcuts and classifier stay in full precision: 267264 of ResNet-20's. */
START_TEST(only_block_convolutions_are_quantized) {
    network n;
    sn_model_options options = options_for("resnet20", 32, 10);
    options.quant.quantizer = sn_choice_find(sn_quantizer_name, "signed-binary");
    ck_assert_int_eq(build(&options, &n, NULL), SN_OK);
    ck_assert_uint_eq(role_parameters(&n, SN_ROLE_LATENT), 267264);
    ck_assert_int_eq(sn_parameters_find(n.parameters, "conv1.weight")->role, SN_ROLE_WEIGHT);
    ck_assert_int_eq(sn_parameters_find(n.parameters, "layer2.0.downsample.0.weight")->role,
                     SN_ROLE_WEIGHT);
    ck_assert_int_eq(sn_parameters_find(n.parameters, "fc.weight")->role, SN_ROLE_WEIGHT);
    ck_assert_int_eq(sn_parameters_find(n.parameters, "layer2.0.conv1.weight")->role,
                     SN_ROLE_LATENT);
    ck_assert_int_eq(sn_graph_plan(n.graph, n.logits, NULL), SN_OK);
    sn_parameters_initialise(n.parameters, 1);
    const sn_weight_counts counts = sn_layers_count_effectual(&n.layers);
    ck_assert_uint_eq(counts.total, 267264);
    const double density = (double)counts.effectual / (double)counts.total;
    ck_assert_double_ge(density, 0.4); /* half the normal distribution, less the threshold */
    ck_assert_double_le(density, 0.5);
    destroy(&n);
}
END_TEST

/* The quantizer's options of a layer, NULL in full precision. */
static const sn_quant_options *quant_of(const network *n, const char *layer) {
    const sn_node *quantizer = layer_of(n, layer)->quantizer;
    return quantizer ? sn_quantize_options(quantizer) : NULL;
}

static void check_quant(const network *n, const char *layer, const char *quant, double delta,
                        const char *estimator, sn_scale_rule scale) {
    const sn_quant_options *options = quant_of(n, layer);
    ck_assert_msg(options != NULL, "%s is not quantized", layer);
    ck_assert_str_eq(sn_quantizer_name(options->quantizer), quant);
    ck_assert_str_eq(sn_estimator_name(options->estimator), estimator);
    ck_assert_double_eq(options->delta_ratio, delta);
    ck_assert_int_eq(options->scale_rule, scale);
}

START_TEST(the_last_rule_that_matches_decides) {
    network n;
    sn_model_options options = options_for("resnet20", 32, 10);
    options.quant.quantizer = sn_choice_find(sn_quantizer_name, "signed-binary");
    options.quant.delta_ratio = 0.3;
    options.quant.scale_rule = SN_SCALE_ONE;
    options.layer_rules = "layer*=binary layer3.*.conv2=ternary,delta=0.9 layer3.1.conv?=fp32 "
                          "layer1.0.conv1=signed-binary,scale=learned layer1.0.conv2=ternary "
                          "conv1=ternary-b158 layer2.0.downsample.0=signed-binary,estimator=ste "
                          "layer2.1.conv*=signed-binary,region=12,signs=learned "
                          "layer2.2.conv1=signed-binary,region=filter";
    options.quant.region_channels = 4;
    ck_assert_int_eq(build(&options, &n, NULL), SN_OK);
    ck_assert_int_eq(sn_graph_plan(n.graph, n.logits, NULL), SN_OK);
    check_quant(&n, "layer1.1.conv1", "binary", 0, "ede", SN_SCALE_ONE);
    check_quant(&n, "layer3.2.conv2", "ternary", 0.9, "ste", SN_SCALE_ONE);
    ck_assert_ptr_null(quant_of(&n, "layer3.1.conv2"));
    ck_assert_ptr_null(quant_of(&n, "layer3.1.conv1"));
    check_quant(&n, "layer1.0.conv1", "signed-binary", 0.3, "ede", SN_SCALE_LEARNED);
    check_quant(&n, "layer1.0.conv2", "ternary", 0.7, "ste", SN_SCALE_ONE); /* its own delta */
    check_quant(&n, "conv1", "ternary-b158", 0.5, "ste", SN_SCALE_ONE);
    check_quant(&n, "layer2.0.downsample.0", "signed-binary", 0.3, "ste", SN_SCALE_ONE);
    check_quant(&n, "layer3.0.downsample.0", "binary", 0, "ede", SN_SCALE_ONE); /* by layer* */
    ck_assert_ptr_nonnull(sn_parameters_find(n.parameters, "layer1.0.conv1.weight_scale"));
    ck_assert_uint_eq(quant_of(&n, "layer1.0.conv1")->region_channels, 4);
    ck_assert_uint_eq(quant_of(&n, "layer1.0.conv2")->region_channels, 0);
    ck_assert_uint_eq(quant_of(&n, "layer2.1.conv1")->region_channels, 12);
    ck_assert_uint_eq(quant_of(&n, "layer2.2.conv1")->region_channels, 0);
    const sn_parameter *signs = sn_parameters_find(n.parameters, "layer2.1.conv2.weight_sign");
    ck_assert_ptr_nonnull(signs);
    ck_assert_uint_eq(signs->shape.size[0], 32);
    ck_assert_uint_eq(signs->shape.size[1], 3); /* 12, 12 and 8 channels */
    ck_assert_uint_eq(role_parameters(&n, SN_ROLE_SIGN_EVIDENCE), 2 * 32 * 3);
    ck_assert_uint_eq(role_parameters(&n, SN_ROLE_SCALE), 16);
    destroy(&n);
}
END_TEST

/* Whether the input of the layer is centred. */
static bool is_centered(const network *n, const char *layer) {
    ck_assert_msg(layer_of(n, layer)->quantizer != NULL, "%s is not quantized", layer);
    return layer_of(n, layer)->reading.centered;
}

START_TEST(centring_follows_quantizer_option_and_rule) {
    static const struct {
        const char *arch, *quant;
        sn_center center;
        const char *rules, *layer;
        bool centered;
        const char *quantizer;
    } cases[] = {
        {"resnet20", "signed-binary", SN_CENTER_AUTO, NULL, "layer1.0.conv1", true,
         "signed-binary"},
        {"resnet20", "signed-binary", SN_CENTER_NONE, NULL, "layer1.0.conv1", false,
         "signed-binary"},
        {"resnet20", "signed-binary", SN_CENTER_WEIGHTS, NULL, "layer1.0.conv1", false,
         "signed-binary-centered"},
        {"resnet20", "signed-binary-centered", SN_CENTER_AUTO, NULL, "layer1.0.conv1", false,
         "signed-binary-centered"},
        {"resnet20", "binary", SN_CENTER_AUTO, NULL, "layer1.0.conv1", false, "binary"},
        {"resnet20", "binary", SN_CENTER_ACTIVATIONS, NULL, "layer1.0.conv1", true, "binary"},
        {"resnet20", "signed-binary", SN_CENTER_AUTO, "layer2.*=binary", "layer2.1.conv2", false,
         "binary"},
        {"resnet20", "signed-binary", SN_CENTER_AUTO, "layer2.*=binary,center=activations",
         "layer2.1.conv2", true, "binary"},
        {"resnet20", "binary", SN_CENTER_AUTO, "layer2.*=signed-binary", "layer2.1.conv2", true,
         "signed-binary"},
        {"resnet20", "signed-binary", SN_CENTER_NONE, "layer2.*=signed-binary,delta=0.1",
         "layer2.1.conv2", false, "signed-binary"},
        {"resnet20", "signed-binary", SN_CENTER_WEIGHTS, "layer2.*=signed-binary,delta=0.1",
         "layer2.1.conv2", false, "signed-binary-centered"},
        {"resnet20", "signed-binary", SN_CENTER_AUTO, "layer2.*=signed-binary,center=none",
         "layer2.1.conv2", false, "signed-binary"},
        /* What PLUM's block reads has both signs. */
        {"resnet20-plum", "signed-binary", SN_CENTER_AUTO, NULL, "layer2.1.conv1", false,
         "signed-binary"},
        {"resnet20-plum", "signed-binary", SN_CENTER_ACTIVATIONS, NULL, "layer2.1.conv1", true,
         "signed-binary"},
        {"resnet20-plum", "signed-binary-centered", SN_CENTER_AUTO, NULL, "layer2.1.conv1", false,
         "signed-binary-centered"},
        {"resnet20-plum", "binary", SN_CENTER_AUTO, "layer2.*=signed-binary", "layer2.1.conv1",
         false, "signed-binary"},
        {"resnet20-plum", "signed-binary", SN_CENTER_AUTO,
         "layer2.*=signed-binary,center=activations", "layer2.1.conv1", true, "signed-binary"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        network n;
        sn_model_options options = options_for(cases[i].arch, 32, 10);
        options.quant.quantizer = sn_choice_find(sn_quantizer_name, cases[i].quant);
        options.quant.center = (int)cases[i].center;
        options.quant.delta_ratio = -1;
        options.layer_rules = cases[i].rules;
        ck_assert_int_eq(build(&options, &n, NULL), SN_OK);
        ck_assert_int_eq(sn_graph_plan(n.graph, n.logits, NULL), SN_OK);
        ck_assert_msg(is_centered(&n, cases[i].layer) == cases[i].centered, "case %zu", i);
        const sn_quant_options *quant = quant_of(&n, cases[i].layer);
        ck_assert_str_eq(sn_quantizer_name(quant->quantizer), cases[i].quantizer);
        destroy(&n);
    }
}
END_TEST

START_TEST(what_is_no_rule_is_refused) {
    static const char *const cases[][2] = {
        {"layer4.*=binary", "'layer4.*=...': no convolution"},
        {"fc=binary", "no convolution"},
        {"conv1", "PATTERN=QUANT"},
        {"=binary", "PATTERN=QUANT"},
        {"conv1=", "unknown ''"},
        {"conv1=trinary", "unknown 'trinary'"},
        {"conv1=ternary,delta=x", "delta: 'x'"},
        {"conv1=ternary,ratio=1", "'ratio' is not KEY=VALUE"},
        {"conv1=ternary,delta", "'delta' is not KEY=VALUE"},
        {"conv1=ternary,estimator=ede", "not made for the steps"},
        {"conv1=ternary,region=4", "region 4: only signed-binary"},
        {"conv1=binary,signs=init", "signs init: only filters of signed-binary"},
        {"conv1=signed-binary,region=x", "region: 'x' is neither filter nor a whole number"},
        {"conv1=binary layer1=binary", "'layer1=...'"},
        {"conv1=ternary,delta=0.1,delta=0.9", "'delta' is given twice"},
        {"conv1=binary,", "a comma with nothing behind it"},
        {"conv1=signed-binary,delta=5", "delta-ratio 5: no weight of signed-binary would be left"},
        {"conv1=binary,center=weights", "center weights: only the weights of signed-binary"},
        {"conv1=denseshift,center=activations", "center activations: needs one-bit or ternary"},
        {"conv1=binary,delta=0.3", "delta has no effect with binary; leave it out"},
        {"conv1=fp32,estimator=ste", "estimator has no effect with fp32"},
        {"conv1=fp32,scale=one", "scale has no effect with fp32"},
        {"conv1=ternary,positive=0.2", "positive has no effect with ternary"},
        {"conv1=signed-binary,signs=init,positive=0.2",
         "positive has no effect with signed-binary unless its signs are fixed"},
        {"conv1=signed-binary-centered,center=none", "stands for --quant signed-binary"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        network n;
        sn_error error;
        sn_model_options options = options_for("resnet20", 32, 10);
        options.layer_rules = cases[i][0];
        ck_assert_int_eq(build(&options, &n, &error), SN_ERROR_ARGUMENT);
        ck_assert_msg(strstr(error.message, "--layer '"), "%s", error.message);
        ck_assert_msg(strstr(error.message, cases[i][1]), "%s", error.message);
        destroy(&n);
    }
}
END_TEST

START_TEST(width_multiplies_filters) {
    network n;
    sn_model_options options = options_for("resnet20", 32, 7);
    options.width = 0.01; /* at least one filter */
    ck_assert_int_eq(build(&options, &n, NULL), SN_OK);
    ck_assert_uint_eq(sn_parameters_find(n.parameters, "layer3.2.conv2.weight")->shape.size[0], 4);
    destroy(&n);
    options.width = 1.5;
    ck_assert_int_eq(build(&options, &n, NULL), SN_OK);
    ck_assert_uint_eq(sn_parameters_find(n.parameters, "layer3.2.conv2.weight")->shape.size[0], 96);
    destroy(&n);
}
END_TEST

START_TEST(batch_norm_has_pytorchs_constants) {
    network n;
    size_t seen = 0;
    const sn_model_options options = options_for("resnet20", 32, 10);
    ck_assert_int_eq(build(&options, &n, NULL), SN_OK);
    for (size_t i = 0; i < sn_graph_node_count(n.graph); i++) {
        const sn_node *node = sn_graph_node(n.graph, i);
        if (node->op != &sn_op_batch_norm)
            continue;
        const sn_batch_norm_attributes *attributes = (const void *)node->attributes;
        ck_assert_double_eq(attributes->momentum, 0.1);
        ck_assert_double_eq(attributes->epsilon, 1e-5);
        seen++;
    }
    ck_assert_uint_eq(seen, 1 + 18 + 2); /* stem, blocks, shortcuts */
    destroy(&n);
}
END_TEST

START_TEST(prelu_has_slopes) {
    network n;
    sn_model_options options = options_for("resnet20", 32, 10);
    options.activation = SN_ACTIVATION_PRELU;
    ck_assert_int_eq(build(&options, &n, NULL), SN_OK);
    ck_assert_uint_eq(role_parameters(&n, SN_ROLE_SLOPE), 16 + 6 * (16 + 32 + 64));
    destroy(&n);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("layers");
    TCase *tcase = tcase_create("model");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, parameter_counts_are_the_published_ones);
    tcase_add_test(tcase, cifar_depths_differ_by_whole_blocks);
    tcase_add_test(tcase, names_are_torchvisions);
    tcase_add_test(tcase, names_of_plums_block);
    tcase_add_test(tcase, small_images_get_the_small_stem);
    tcase_add_test(tcase, layers_of_vgg_small);
    tcase_add_test(tcase, vgg_small_needs_eight_pixels);
    tcase_add_test(tcase, the_later_convolution_takes_the_sum);
    tcase_add_test(tcase, only_block_convolutions_are_quantized);
    tcase_add_test(tcase, the_last_rule_that_matches_decides);
    tcase_add_test(tcase, centring_follows_quantizer_option_and_rule);
    tcase_add_test(tcase, what_is_no_rule_is_refused);
    tcase_add_test(tcase, width_multiplies_filters);
    tcase_add_test(tcase, batch_norm_has_pytorchs_constants);
    tcase_add_test(tcase, prelu_has_slopes);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, CK_FORK_GETENV);
}
