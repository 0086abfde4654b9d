/* The quantize op: regions, scales that belong to a layer or are trained, signs, and what it tells
 * about itself. */
#include "layers/quantize.h"

#include "autograd/ops.h"
#include "base/option.h"
#include "base/rng.h"
#include "suites.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FILTERS = 6, CHANNELS = 4, COUNT = CHANNELS * 9, ALL = FILTERS * COUNT, SIDE = 5 };
enum { OUTPUTS = FILTERS * SIDE * SIDE };

/* One convolution with quantized weights. */
typedef struct net {
    sn_parameters *parameters;
    sn_graph *graph;
    sn_tensor *x, *y;
    const sn_node *node; /* the quantizer's */
} net;

/* A buffer with a value for each region. */
static sn_tensor *buffer(net *n, const sn_quant_options *options, const char *name, sn_role role) {
    const sn_shape latent = sn_shape_4(FILTERS, CHANNELS, 3, 3);
    const sn_shape shape = sn_shape_2(FILTERS, sn_regions_per_filter(options, &latent));
    sn_tensor *tensor;
    ck_assert_int_eq(sn_graph_parameter(n->graph, name, shape, role, (sn_init){SN_INIT_CONSTANT, 0},
                                        &tensor, NULL),
                     SN_OK);
    return tensor;
}

static sn_status build(const sn_quant_options *options, bool with_theta, int threads, net *n) {
    sn_quantize_operands operands = {0};
    sn_tensor *weight;
    *n = (net){0};
    ck_assert_int_eq(sn_parameters_create(&n->parameters, NULL), SN_OK);
    ck_assert_int_eq(sn_graph_create(n->parameters, SN_GRAPH_TRAIN, threads, &n->graph, NULL),
                     SN_OK);
    ck_assert_int_eq(sn_graph_input(n->graph, sn_shape_4(1, CHANNELS, SIDE, SIDE), &n->x, NULL),
                     SN_OK);
    ck_assert_int_eq(sn_graph_parameter(n->graph, "w", sn_shape_4(FILTERS, CHANNELS, 3, 3),
                                        SN_ROLE_LATENT, (sn_init){SN_INIT_NORMAL, 0.3},
                                        &operands.latent, NULL),
                     SN_OK);
    if (with_theta)
        ck_assert_int_eq(sn_graph_parameter(n->graph, "theta", sn_shape_1(FILTERS), SN_ROLE_SCALE,
                                            (sn_init){SN_INIT_NORMAL, 1}, &operands.theta, NULL),
                         SN_OK);
    if (options->sign_rule != SN_SIGNS_FIXED)
        operands.signs = buffer(n, options, "signs", SN_ROLE_SIGN);
    if (options->sign_rule == SN_SIGNS_LEARNED)
        operands.evidence = buffer(n, options, "evidence", SN_ROLE_SIGN_EVIDENCE);
    SN_TRY(sn_quantize(n->graph, &operands, options, &weight, NULL));
    SN_TRY(sn_conv2d(n->graph, n->x, weight, NULL, 1, 1, &n->y, NULL));
    SN_TRY(sn_graph_plan(n->graph, n->y, NULL));
    sn_parameters_initialise(n->parameters, 3);
    for (size_t i = 0; i < sn_graph_node_count(n->graph); i++)
        if (sn_graph_node(n->graph, i)->op == &sn_op_quantize)
            n->node = sn_graph_node(n->graph, i);
    sn_quantize_initialise_signs(n->node);
    float image[CHANNELS * SIDE * SIDE];
    for (int i = 0; i < CHANNELS * SIDE * SIDE; i++)
        image[i] = (float)(i % 7) - 2.5F;
    sn_tensor_write(n->x, image, 1);
    return SN_OK;
}

static void destroy(net *n) {
    sn_graph_free(n->graph);
    sn_parameters_free(n->parameters);
}

static sn_quant_options options_for(const char *quant, sn_scale_rule rule) {
    return (sn_quant_options){.quantizer = sn_choice_find(sn_quantizer_name, quant),
                              .scale_rule = rule,
                              .delta_ratio = -1,
                              .positive_fraction = 0.5};
}

/* sum y dy for fixed dy, in double. */
static double product(const net *n, float *dy) {
    float y[OUTPUTS];
    double sum = 0;
    sn_graph_forward(n->graph);
    sn_tensor_read(n->y, y, 1);
    for (int i = 0; i < OUTPUTS; i++) {
        dy[i] = (float)(i % 5) - 1.5F;
        sum += (double)y[i] * (double)dy[i];
    }
    return sum;
}

static const char *const names[] = {"binary",       "ternary", "signed-binary",
                                    "ternary-b158", "biper",   "signed-binary-centered",
                                    "denseshift"};

START_TEST(the_scale_of_a_layer_is_that_of_all_its_filters) {
    const sn_quant_options by_filter = options_for(names[_i], SN_SCALE_FILTER_MEAN);
    const sn_quant_options by_layer = options_for(names[_i], SN_SCALE_LAYER_MEAN);
    net a, b;
    ck_assert_int_eq(build(&by_filter, false, 1, &a), SN_OK);
    ck_assert_int_eq(build(&by_layer, false, 3, &b), SN_OK);
    sn_region own[FILTERS], shared[FILTERS];
    float own_weight[ALL], shared_weight[ALL];
    sn_quantize_now(a.node, own, own_weight, NULL);
    sn_quantize_now(b.node, shared, shared_weight, NULL);
    double magnitude = 0, levels = 0;
    for (int k = 0; k < FILTERS; k++) {
        magnitude += own[k].magnitude;
        levels += own[k].levels;
    }
    for (int i = 0; i < ALL; i++) {
        const double alpha = (double)own[i / COUNT].scale;
        ck_assert_double_eq_tol((double)shared[i / COUNT].scale, magnitude / levels, 1e-6);
        ck_assert_double_eq_tol((double)shared_weight[i],
                                (double)own_weight[i] / alpha * magnitude / levels, 1e-6);
    }
    /* The graph computes the same. */
    sn_graph_forward(b.graph);
    ck_assert_mem_eq(b.node->output->value, shared_weight, sizeof shared_weight);
    destroy(&a);
    destroy(&b);
}
END_TEST

START_TEST(learned_scales_have_the_gradient_of_finite_differences) {
    const sn_quant_options options = options_for(names[_i], SN_SCALE_LEARNED);
    net n;
    float dy[OUTPUTS];
    ck_assert_int_eq(build(&options, true, 2, &n), SN_OK);
    const sn_parameter *theta = sn_parameters_find(n.parameters, "theta");
    product(&n, dy);
    sn_parameters_zero_gradients(n.parameters);
    sn_graph_backward(n.graph, dy);
    float gradient[FILTERS];
    memcpy(gradient, theta->gradient, sizeof gradient);
    for (int k = 0; k < FILTERS; k++) {
        const float at = theta->value[k], step = 1e-2F;
        theta->value[k] = at + step;
        const double above = product(&n, dy);
        theta->value[k] = at - step;
        const double below = product(&n, dy);
        theta->value[k] = at;
        const double want = (above - below) / (2 * (double)step);
        ck_assert_double_eq_tol((double)gradient[k], want, 2e-3 * (fabs(want) + 1));
    }
    sn_region regions[FILTERS];
    sn_quantize_now(n.node, regions, NULL, NULL);
    for (int k = 0; k < FILTERS; k++)
        ck_assert_float_eq(regions[k].scale, expf(theta->value[k]));
    destroy(&n);
}
END_TEST

START_TEST(a_learned_scale_and_its_parameter_need_each_other) {
    const sn_quant_options learned = options_for("binary", SN_SCALE_LEARNED);
    const sn_quant_options mean = options_for("binary", SN_SCALE_FILTER_MEAN);
    net n;
    ck_assert_int_eq(build(&learned, false, 1, &n), SN_ERROR_ARGUMENT);
    destroy(&n);
    ck_assert_int_eq(build(&mean, true, 1, &n), SN_ERROR_ARGUMENT);
    destroy(&n);
}
END_TEST

/* STE passes all but what lies beyond 1. */
START_TEST(suppressed_gradient_is_what_the_clip_keeps) {
    sn_quant_options options = options_for("ternary", SN_SCALE_FILTER_MEAN);
    net n;
    float dy[OUTPUTS];
    ck_assert_int_eq(build(&options, false, 2, &n), SN_OK);
    const sn_parameter *latent = sn_parameters_find(n.parameters, "w");
    product(&n, dy);
    sn_parameters_zero_gradients(n.parameters);
    sn_graph_backward(n.graph, dy);
    ck_assert_double_eq_tol(sn_gradient_suppressed(n.node, 0), 0, 1e-9);
    float all[ALL];
    memcpy(all, latent->gradient, sizeof all);
    /* Ten of them are moved outwards; dWq depends on x and dy alone. */
    double kept = 0, arrived = 0;
    int moved = 0;
    for (int i = 0; i < ALL; i++) {
        const bool move = moved < 10 && fabsf(latent->value[i]) > 0.5F;
        if (move)
            latent->value[i] *= 4;
        moved += move;
        kept += move ? fabs((double)all[i]) : 0;
        arrived += fabs((double)all[i]);
    }
    ck_assert_int_eq(moved, 10);
    product(&n, dy);
    sn_parameters_zero_gradients(n.parameters);
    sn_graph_backward(n.graph, dy);
    ck_assert_double_eq_tol(sn_gradient_suppressed(n.node, 0), kept / arrived, 1e-6);
    destroy(&n);
}
END_TEST

/* ---- regions of part of a filter ---- */

static const struct {
    int asked, channels; /* of a region; of the four there are */
} sizes[] = {{0, 4}, {1, 1}, {2, 2}, {3, 3}, {4, 4}, {9, 4}};

enum { SIZES = sizeof sizes / sizeof *sizes };

/* What a filter is by the definition, in double: sum and number of its effectual weights over all
 * regions give one alpha; threshold, sign and density are each region's own. */
static void plain_filter(const float *latent, const float *signs, int channels, bool centered,
                         double *weight, double *threshold) {
    double magnitude = 0, effectual = 0;
    for (int first = 0, p = 0; first < CHANNELS; first += channels, p++) {
        const int end = (first + channels < CHANNELS ? first + channels : CHANNELS) * 9;
        double largest = 0, ones = 0;
        for (int i = first * 9; i < end; i++)
            largest = fmax(largest, fabs((double)latent[i]));
        for (int i = first * 9; i < end; i++) {
            threshold[i] = (double)signs[p] * 0.2 * largest;
            weight[i] = (double)signs[p] * (double)latent[i] >= 0.2 * largest;
            ones += weight[i];
            magnitude += weight[i] * fabs((double)latent[i]);
        }
        effectual += ones;
        for (int i = first * 9; i < end; i++)
            weight[i] = (double)signs[p] * (weight[i] - (centered ? ones / (end - first * 9) : 0));
    }
    for (int i = 0; i < COUNT; i++)
        weight[i] *= magnitude / effectual;
}

START_TEST(regions_match_their_definition) {
    const bool centered = _i % 2;
    const int channels = sizes[_i / 2].channels, parts = (CHANNELS + channels - 1) / channels;
    sn_quant_options options =
        options_for(centered ? "signed-binary-centered" : "signed-binary", SN_SCALE_FILTER_MEAN);
    options.region_channels = (uint64_t)sizes[_i / 2].asked;
    options.delta_ratio = 0.2;
    options.positive_fraction = 0.6; /* in some filters both */
    net n;
    float dy[OUTPUTS];
    ck_assert_int_eq(build(&options, false, 3, &n), SN_OK);
    const sn_parameter *latent = sn_parameters_find(n.parameters, "w");
    product(&n, dy);
    sn_parameters_zero_gradients(n.parameters);
    sn_graph_set_progress(n.graph, 0.5); /* t = k = 1 */
    sn_graph_backward(n.graph, dy);
    double effectual = 0;
    for (int k = 0; k < FILTERS; k++) {
        float signs[CHANNELS];
        double want[COUNT], threshold[COUNT];
        for (int p = 0; p < parts; p++)
            signs[p] = k * parts + p < floor(0.6 * FILTERS * parts + 0.5) ? 1 : -1;
        plain_filter(latent->value + k * COUNT, signs, channels, centered, want, threshold);
        for (int i = 0; i < COUNT; i++) {
            const size_t at = (size_t)(k * COUNT + i);
            const double slope = 1 - pow(tanh((double)latent->value[at] - threshold[i]), 2);
            const double arrived = (double)n.node->output->gradient[at];
            effectual += (double)latent->value[at] / threshold[i] >= 1;
            ck_assert_double_eq_tol((double)n.node->output->value[at], want[i], 1e-6);
            ck_assert_double_eq_tol((double)latent->gradient[at], arrived * slope,
                                    1e-5 * (1 + fabs(arrived)));
        }
    }
    ck_assert_double_eq((double)sn_quantize_count_effectual(n.node), effectual);
    destroy(&n);
}
END_TEST

/* Levels are 8 times +1 or -1 with the sign of the weight's region. */
START_TEST(levels_know_the_sign_of_their_region) {
    sn_quant_options options = options_for("signed-binary-centered", SN_SCALE_LAYER_MEAN);
    options.region_channels = 3;
    options.sign_rule = SN_SIGNS_INIT;
    net n;
    int8_t levels[ALL];
    float filter[COUNT];
    uint8_t mask[ALL];
    sn_region regions[2 * FILTERS];
    ck_assert_int_eq(build(&options, false, 1, &n), SN_OK);
    sn_quantize_levels(n.node, levels, filter);
    sn_quantize_now(n.node, regions, NULL, mask);
    for (int i = 0; i < ALL; i++) {
        const sn_region *region = &regions[i / COUNT * 2 + (i % COUNT >= 27)];
        ck_assert_int_eq(levels[i], mask[i] ? (int)(8 * region->sign) : 0);
        ck_assert_float_eq(region->scale, regions[0].scale);
    }
    destroy(&n);
}
END_TEST

START_TEST(initial_signs_are_those_of_the_sums) {
    sn_quant_options options = options_for("signed-binary", SN_SCALE_FILTER_MEAN);
    options.region_channels = 3;
    options.sign_rule = SN_SIGNS_INIT;
    net n;
    ck_assert_int_eq(build(&options, false, 1, &n), SN_OK);
    const sn_parameter *latent = sn_parameters_find(n.parameters, "w");
    const sn_parameter *signs = sn_parameters_find(n.parameters, "signs");
    ck_assert_uint_eq(signs->count, 2 * FILTERS);
    int positive = 0;
    for (int k = 0; k < FILTERS; k++) {
        double sums[2] = {0, 0};
        for (int i = 0; i < COUNT; i++)
            sums[i >= 27] += (double)latent->value[k * COUNT + i];
        for (int p = 0; p < 2; p++) {
            ck_assert_float_eq(signs->value[2 * k + p], sums[p] >= 0 ? 1.0F : -1.0F);
            positive += sums[p] >= 0;
        }
    }
    ck_assert(positive > 0 && positive < 2 * FILTERS);
    destroy(&n);
}
END_TEST

START_TEST(learned_signs_turn_while_training_is_young) {
    const double progress = _i ? 0.5 : 0.49; /* signs_until is 0.5 */
    sn_quant_options options = options_for("signed-binary", SN_SCALE_FILTER_MEAN);
    options.sign_rule = SN_SIGNS_LEARNED;
    options.region_channels = 2;
    options.signs_until = 0.5;
    net n;
    float dy[OUTPUTS];
    ck_assert_int_eq(build(&options, false, 2, &n), SN_OK);
    const sn_parameter *latent = sn_parameters_find(n.parameters, "w");
    const sn_parameter *signs = sn_parameters_find(n.parameters, "signs");
    float before[2 * FILTERS];
    memcpy(before, signs->value, sizeof before);
    /* All weights of one region become what its sign cannot say. */
    for (size_t i = 18; i < 36; i++)
        latent->value[COUNT + i] = -before[3] * (0.1F + fabsf(latent->value[COUNT + i]));
    for (int step = 0; step < 11; step++) {
        ck_assert_mem_eq(signs->value, before, sizeof before);
        product(&n, dy);
        sn_parameters_zero_gradients(n.parameters);
        sn_graph_set_progress(n.graph, progress);
        sn_graph_backward(n.graph, dy);
    }
    for (int i = 0; i < 2 * FILTERS; i++)
        ck_assert_float_eq(signs->value[i], i == 3 && !_i ? -before[i] : before[i]);
    /* The next forward has the new sign. */
    product(&n, dy);
    for (size_t i = 18; i < 36; i++)
        ck_assert(_i ? n.node->output->value[COUNT + i] == 0
                     : n.node->output->value[COUNT + i] * before[3] < 0 ||
                           n.node->output->value[COUNT + i] == 0);
    sn_region regions[2 * FILTERS];
    sn_quantize_now(n.node, regions, NULL, NULL);
    ck_assert_float_eq(regions[3].sign, signs->value[3]);
    ck_assert(_i ? regions[3].effectual == 0 : regions[3].effectual > 0);
    destroy(&n);
}
END_TEST

START_TEST(signs_need_buffers_for_every_region) {
    sn_quant_options options = options_for("signed-binary", SN_SCALE_FILTER_MEAN);
    const sn_shape latent = sn_shape_4(FILTERS, CHANNELS, 3, 3);
    options.region_channels = 3;
    options.sign_rule = SN_SIGNS_INIT;
    net n = {0};
    ck_assert_int_eq(sn_parameters_create(&n.parameters, NULL), SN_OK);
    ck_assert_int_eq(sn_graph_create(n.parameters, SN_GRAPH_TRAIN, 1, &n.graph, NULL), SN_OK);
    sn_quantize_operands operands = {0};
    sn_tensor *weight;
    ck_assert_int_eq(sn_graph_parameter(n.graph, "w", latent, SN_ROLE_LATENT,
                                        (sn_init){SN_INIT_NORMAL, 1}, &operands.latent, NULL),
                     SN_OK);
    ck_assert_int_eq(sn_quantize(n.graph, &operands, &options, &weight, NULL), SN_ERROR_ARGUMENT);
    const sn_quant_options whole = options_for("signed-binary", SN_SCALE_FILTER_MEAN);
    operands.signs = buffer(&n, &whole, "signs", SN_ROLE_SIGN); /* one for a filter, not two */
    ck_assert_int_eq(sn_quantize(n.graph, &operands, &options, &weight, NULL), SN_ERROR_ARGUMENT);
    destroy(&n);
}
END_TEST

int main(void) {
    enum { NAMES = sizeof names / sizeof *names };
    Suite *suite = suite_create("quantize");
    TCase *tcase = tcase_create("quantize");
    tcase_add_loop_test(tcase, the_scale_of_a_layer_is_that_of_all_its_filters, 0, NAMES);
    tcase_add_loop_test(tcase, learned_scales_have_the_gradient_of_finite_differences, 0, NAMES);
    tcase_add_test(tcase, a_learned_scale_and_its_parameter_need_each_other);
    tcase_add_test(tcase, suppressed_gradient_is_what_the_clip_keeps);
    tcase_add_loop_test(tcase, regions_match_their_definition, 0, 2 * SIZES);
    tcase_add_test(tcase, levels_know_the_sign_of_their_region);
    tcase_add_test(tcase, initial_signs_are_those_of_the_sums);
    tcase_add_loop_test(tcase, learned_signs_turn_while_training_is_young, 0, 2);
    tcase_add_test(tcase, signs_need_buffers_for_every_region);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, CK_FORK_GETENV);
}
