/* The block of PLUM's own code against plain loops that follow its description: shift, clamp,
 * quantized convolution with bias, batch-norm, shortcut, shift, PReLU, shift. */
#include "layers/plum_block.h"

#include "base/option.h"
#include "base/rng.h"
#include "suites.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGES = 3, CHANNELS = 3, HEIGHT = 6, WIDTH = 8, MOST = IMAGES * 6 * HEIGHT * WIDTH };

typedef struct block_case {
    const char *quant;
    size_t filters;
    int stride;
    bool training;
} block_case;

static const block_case cases[] = {
    {"fp32", CHANNELS, 1, true},
    {"fp32", CHANNELS, 1, false},
    {"fp32", 6, 2, true},
    {"fp32", 6, 2, false},
    {"signed-binary", CHANNELS, 1, true},
    {"signed-binary", 6, 2, true},
    {"fp32", 5, 1, true}, /* a shortcut that does not halve */
};

enum { CASES = sizeof cases / sizeof *cases };

/* ---- the plain version ---- */

/* An activation [IMAGES][channels][height][width]. */
typedef struct picture {
    size_t channels, height, width;
    double value[MOST];
} picture;

static double *at(picture *p, size_t n, size_t c, size_t y, size_t x) {
    return &p->value[((n * p->channels + c) * p->height + y) * p->width + x];
}

static size_t count_of(const picture *p) {
    return IMAGES * p->channels * p->height * p->width;
}

static size_t channel_of(const picture *p, size_t i) {
    return i / (p->height * p->width) % p->channels;
}

static const float *values(const sn_parameters *parameters, const char *leaf) {
    char name[SN_PARAMETER_NAME_SIZE];
    snprintf(name, sizeof name, "block.%s", leaf);
    const sn_parameter *entry = sn_parameters_find(parameters, name);
    ck_assert_msg(entry != NULL, "no %s", name);
    return entry->value;
}

static void shift(picture *p, const float *by) {
    for (size_t i = 0; i < count_of(p); i++)
        p->value[i] += (double)by[channel_of(p, i)];
}

/* The published quantizer: half of the filters positive, delta 0.05 of the largest, scale the mean
 * of what is left. */
static void quantize(const float *latent, size_t filters, size_t taps, double *weight) {
    for (size_t k = 0; k < filters; k++) {
        const double sign = k < (size_t)floor(0.5 * (double)filters + 0.5) ? 1 : -1;
        double largest = 0, sum = 0, left = 0;
        for (size_t i = 0; i < taps; i++)
            largest = fmax(largest, fabs((double)latent[k * taps + i]));
        for (size_t i = 0; i < taps; i++) {
            const double w = sign * (double)latent[k * taps + i];
            weight[k * taps + i] = w >= 0.05 * largest ? sign : 0;
            sum += w >= 0.05 * largest ? w : 0;
            left += w >= 0.05 * largest;
        }
        for (size_t i = 0; i < taps; i++)
            weight[k * taps + i] *= left > 0 ? sum / left : 0;
    }
}

static picture convolve(picture *in, const double *weight, const float *bias, size_t filters,
                        size_t kernel, size_t stride) {
    const size_t padding = kernel / 2;
    picture out = {filters, in->height / stride, in->width / stride, {0}};
    for (size_t i = 0; i < count_of(&out); i++) {
        const size_t x = i % out.width, y = i / out.width % out.height;
        const size_t k = channel_of(&out, i), n = i / (filters * out.height * out.width);
        out.value[i] = bias ? (double)bias[k] : 0;
        for (size_t tap = 0; tap < in->channels * kernel * kernel; tap++) {
            const size_t iy = y * stride + tap / kernel % kernel - padding;
            const size_t ix = x * stride + tap % kernel - padding;
            if (iy < in->height && ix < in->width) /* padding wraps around */
                out.value[i] += weight[k * in->channels * kernel * kernel + tap] *
                                *at(in, n, tap / (kernel * kernel), iy, ix);
        }
    }
    return out;
}

static void normalise(picture *p, const sn_parameters *parameters, const char *module,
                      bool training) {
    char leaf[4][40];
    static const char *const names[] = {"weight", "bias", "running_mean", "running_var"};
    for (int i = 0; i < 4; i++)
        snprintf(leaf[i], sizeof leaf[i], "%s.%s", module, names[i]);
    const float *gamma = values(parameters, leaf[0]), *beta = values(parameters, leaf[1]);
    for (size_t c = 0; c < p->channels; c++) {
        double mean = (double)values(parameters, leaf[2])[c];
        double variance = (double)values(parameters, leaf[3])[c];
        const double count = (double)count_of(p) / (double)p->channels;
        if (training) {
            mean = variance = 0;
            for (size_t i = 0; i < count_of(p); i++)
                mean += channel_of(p, i) == c ? p->value[i] / count : 0;
            for (size_t i = 0; i < count_of(p); i++)
                variance += channel_of(p, i) == c ? pow(p->value[i] - mean, 2) / count : 0;
        }
        for (size_t i = 0; i < count_of(p); i++)
            if (channel_of(p, i) == c)
                p->value[i] = (double)gamma[c] * (p->value[i] - mean) / sqrt(variance + 1e-5) +
                              (double)beta[c];
    }
}

static picture halve(picture *in) {
    picture out = {in->channels, in->height / 2, in->width / 2, {0}};
    for (size_t n = 0; n < IMAGES; n++)
        for (size_t c = 0; c < in->channels; c++)
            for (size_t y = 0; y < in->height; y++)
                for (size_t x = 0; x < in->width; x++)
                    *at(&out, n, c, y / 2, x / 2) += *at(in, n, c, y, x) / 4;
    return out;
}

static picture block_by_hand(const block_case *c, const sn_parameters *parameters, picture *x) {
    double weight[6 * CHANNELS * 9];
    picture z = *x, shortcut = *x;
    shift(&z, values(parameters, "move1.bias"));
    for (size_t i = 0; i < count_of(&z); i++)
        z.value[i] = fmin(fmax(z.value[i], -2), 2);
    const float *latent = values(parameters, "conv1.weight");
    if (strcmp(c->quant, "fp32") == 0)
        for (size_t i = 0; i < c->filters * CHANNELS * 9; i++)
            weight[i] = (double)latent[i];
    else
        quantize(latent, c->filters, CHANNELS * 9, weight);
    z = convolve(&z, weight, values(parameters, "conv1.bias"), c->filters, 3, (size_t)c->stride);
    normalise(&z, parameters, "bn1", c->training);
    if (c->stride == 2)
        shortcut = halve(&shortcut);
    if (c->filters != CHANNELS) {
        latent = values(parameters, "downsample.1.weight");
        for (size_t i = 0; i < c->filters * CHANNELS; i++)
            weight[i] = (double)latent[i];
        shortcut = convolve(&shortcut, weight, NULL, c->filters, 1, 1);
        normalise(&shortcut, parameters, "downsample.2", c->training);
    }
    for (size_t i = 0; i < count_of(&z); i++)
        z.value[i] += shortcut.value[i];
    shift(&z, values(parameters, "move2.bias"));
    const float *slope = values(parameters, "act1.weight");
    for (size_t i = 0; i < count_of(&z); i++)
        z.value[i] *= z.value[i] < 0 ? (double)slope[channel_of(&z, i)] : 1;
    shift(&z, values(parameters, "move3.bias"));
    return z;
}

/* ---- the module ---- */

typedef struct module {
    sn_parameters *parameters;
    sn_graph *graph;
    sn_tensor *x, *y;
    sn_layers layers;
} module;

static sn_status build(const block_case *c, size_t height, sn_engine engine, module *m,
                       sn_error *error) {
    const sn_quant_options quant = {.quantizer = sn_choice_find(sn_quantizer_name, c->quant),
                                    .delta_ratio = 0.05,
                                    .positive_fraction = 0.5};
    sn_layer_rules rules = {0};
    *m = (module){0};
    SN_TRY(sn_parameters_create(&m->parameters, error));
    SN_TRY(sn_graph_create(m->parameters, c->training ? SN_GRAPH_TRAIN : SN_GRAPH_EVAL, 2,
                           &m->graph, error));
    SN_TRY(sn_graph_set_engine(m->graph, engine, SN_PRECISION_FP32, error));
    SN_TRY(sn_graph_input(m->graph, sn_shape_4(IMAGES, CHANNELS, height, WIDTH), &m->x, error));
    m->layers.images = m->x;
    const sn_builder builder = {m->graph,           &quant,      &rules,
                                SN_ACTIVATION_RELU, SN_ACT_FP32, &m->layers};
    SN_TRY(sn_plum_block(&builder, "block", c->filters, c->stride, m->x, &m->y, error));
    return sn_graph_plan(m->graph, m->y, error);
}

static void destroy(module *m) {
    sn_layers_free(&m->layers);
    sn_graph_free(m->graph);
    sn_parameters_free(m->parameters);
}

/* All but the weights around what they begin with, so that none is without effect. */
static void randomise(const sn_parameters *parameters, sn_rng *rng) {
    for (size_t i = 0; i < sn_parameters_count(parameters); i++) {
        const sn_parameter *entry = sn_parameters_at(parameters, i);
        for (size_t j = 0; entry->shape.rank == 1 && j < entry->count; j++)
            entry->value[j] += (float)sn_rng_range(rng, -0.4, 0.4);
    }
}

static void check_case(const block_case *c, sn_engine engine) {
    static picture x, want;
    static float given[MOST], have[MOST];
    module m;
    sn_error error;
    sn_rng rng;
    if (build(c, HEIGHT, engine, &m, &error) != SN_OK)
        ck_abort_msg("%s", error.message);
    sn_parameters_initialise(m.parameters, 1);
    sn_rng_init(&rng, 2, SN_RNG_TEST, 0);
    randomise(m.parameters, &rng);
    x = (picture){CHANNELS, HEIGHT, WIDTH, {0}};
    for (size_t i = 0; i < count_of(&x); i++)
        x.value[i] = given[i] = (float)(2 * sn_rng_normal(&rng)); /* a third is clamped */
    want = block_by_hand(c, m.parameters, &x);
    sn_tensor_write(m.x, given, IMAGES);
    sn_graph_forward(m.graph);
    const sn_shape shape = sn_shape_4(IMAGES, want.channels, want.height, want.width);
    ck_assert(sn_shape_equal(sn_tensor_shape(m.y), &shape));
    sn_tensor_read(m.y, have, IMAGES);
    for (size_t i = 0; i < count_of(&want); i++)
        ck_assert_msg(fabs((double)have[i] - want.value[i]) < 2e-5,
                      "%s, %zu filters, stride %d: element %zu is %.9g, not %.9g", c->quant,
                      c->filters, c->stride, i, (double)have[i], want.value[i]);
    destroy(&m);
}

START_TEST(block_is_as_described) {
    check_case(&cases[_i], SN_ENGINE_GEMM);
    check_case(&cases[_i], SN_ENGINE_WINOGRAD);
}
END_TEST

START_TEST(first_values_are_pytorchs) {
    static const struct {
        const char *leaf;
        float value;
    } expected[] = {{"move1.bias", 0},
                    {"move2.bias", 0},
                    {"act1.weight", 0.25F},
                    {"move3.bias", 0},
                    {"bn1.weight", 1}};
    module m;
    ck_assert_int_eq(build(&cases[2], HEIGHT, SN_ENGINE_GEMM, &m, NULL), SN_OK);
    sn_parameters_initialise(m.parameters, 1);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        ck_assert_float_eq(values(m.parameters, expected[i].leaf)[0], expected[i].value);
    float largest = 0;
    for (size_t k = 0; k < cases[2].filters; k++)
        largest = fmaxf(largest, fabsf(values(m.parameters, "conv1.bias")[k]));
    ck_assert_float_gt(largest, 0);
    ck_assert_float_le(largest, 1 / sqrtf(CHANNELS * 9));
    destroy(&m);
}
END_TEST

START_TEST(odd_sides_cannot_be_halved) {
    module m;
    sn_error error;
    ck_assert_int_eq(build(&cases[2], 5, SN_ENGINE_GEMM, &m, &error), SN_ERROR_ARGUMENT);
    ck_assert_msg(strstr(error.message, "block: its shortcut averages 2x2 pixels") &&
                      strstr(error.message, "5x8"),
                  "%s", error.message);
    destroy(&m);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("plum block");
    TCase *tcase = tcase_create("block");
    tcase_add_loop_test(tcase, block_is_as_described, 0, CASES);
    tcase_add_test(tcase, first_values_are_pytorchs);
    tcase_add_test(tcase, odd_sides_cannot_be_halved);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, CK_FORK_GETENV);
}
