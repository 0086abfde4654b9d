/* Convolutions in the middle of a network, on activations in lane layouts: every engine, both
 * precisions, and layouts that an engine would choose on other processors, against the naive
 * version in double.
 *
 * With weights of few bits all sums are exact in any order, so results must be the right bits on
 * any processor. With other weights errors must stay below what the number of roundings allows. */
#include "graph_help.h"

#include "element_ops.h"
#include "op_naive.h"

#include "autograd/op.h"
#include "suites.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rounding to the nearest number is wrong by this at most, relatively. */
static const double float_rounding = (double)FLT_EPSILON / 2;
static const double bf16_rounding = 1.0 / 256;

typedef struct variant {
    sn_engine engine;
    sn_precision precision;
    bool interleaved[2]; /* the output of the first and of the second convolution */
} variant;

static const variant variants[] = {
    {SN_ENGINE_GEMM, SN_PRECISION_FP32, {false, false}},
    {SN_ENGINE_GEMM, SN_PRECISION_BF16, {false, false}},
    {SN_ENGINE_WINOGRAD, SN_PRECISION_FP32, {false, false}},
    {SN_ENGINE_WINOGRAD, SN_PRECISION_BF16, {false, false}},
#if SN_HAS_ONEDNN
    {SN_ENGINE_ONEDNN, SN_PRECISION_FP32, {false, false}},
    {SN_ENGINE_ONEDNN, SN_PRECISION_BF16, {false, false}},
    {SN_ENGINE_ONEDNN, SN_PRECISION_BF16, {true, true}},
    {SN_ENGINE_ONEDNN, SN_PRECISION_BF16, {true, false}},
    {SN_ENGINE_ONEDNN, SN_PRECISION_BF16, {false, true}},
    {SN_ENGINE_ONEDNN, SN_PRECISION_FP32, {true, true}},
    {SN_ENGINE_ONEDNN, SN_PRECISION_FP32, {true, false}},
    {SN_ENGINE_ONEDNN, SN_PRECISION_FP32, {false, true}},
#endif
};

/* x[n][c][h][w], weight[k][c][r][s]. */
typedef struct sizes {
    size_t n, c, h, w, k, r, s;
    int stride, padding;
} sizes;

static const sizes cases[] = {
    {3, 16, 6, 5, 24, 3, 3, 1, 1},  {2, 3, 7, 8, 8, 3, 3, 2, 1},
    {1, 19, 4, 4, 5, 1, 1, 1, 0},   {5, 8, 6, 6, 16, 1, 1, 2, 0},
    {4, 5, 9, 3, 3, 5, 3, 1, 2},    {7, 32, 4, 4, 32, 3, 3, 1, 1},
    {2, 16, 8, 8, 32, 3, 3, 2, 1},  {3, 1, 5, 5, 17, 2, 2, 1, 0},
    {11, 1, 64, 64, 1, 3, 3, 1, 1}, /* in several slices and a rest */
};

typedef enum weights {
    SHORT,  /* of few bits, the largest of a filter 2: all sums are exact */
    BINARY, /* of filter k 0 and +-a_k: exact but for a_k, which oneDNN multiplies with at the end
             */
    ANY,
    WEIGHTS
} weights;

typedef struct setting {
    const variant *variant;
    const sizes *sizes;
    int threads;
    weights weights;
    bool twice; /* y + y, so that gradients are added to */
} setting;

enum { X, WEIGHT, BIAS, OPERANDS };

/* One convolution that passes x on, in the layouts under test, and one that is looked at. */
typedef struct workbench {
    setting setting;
    op_case c;
    sn_op interleaving; /* as the engine's, but for the layout */
    sn_parameters *parameters;
    sn_graph *graph;
    sn_tensor *operand[OPERANDS], *y;
    size_t count[OPERANDS], y_count;
    double *value[OPERANDS], *dy, *want[OPERANDS];
} workbench;

static double *new_doubles(size_t count) {
    double *numbers = calloc(count + 1, sizeof *numbers);
    ck_assert_ptr_nonnull(numbers);
    return numbers;
}

/* A number of few bits: exact in bf16, like sums of some thousands of them in float. */
static double draw_short(sn_rng *rng) {
    return ((double)sn_rng_below(rng, 17) - 8) / 4;
}

static double draw_weight(sn_rng *rng, weights kind, size_t k) {
    if (kind == SHORT)
        return draw_short(rng);
    if (kind == ANY)
        return (double)(float)(0.3 * sn_rng_normal(rng));
    return ((double)sn_rng_below(rng, 3) - 1) * (double)(0.1f * (float)(k + 1));
}

static void draw_values(workbench *b) {
    const sizes *s = b->setting.sizes;
    sn_rng rng;
    sn_rng_init(&rng, 5, SN_RNG_TEST, s->c);
    for (size_t i = 0; i < b->count[X]; i++)
        b->value[X][i] = draw_short(&rng);
    const size_t filter = s->c * s->r * s->s;
    for (size_t i = 0; i < b->count[WEIGHT]; i++)
        b->value[WEIGHT][i] = draw_weight(&rng, b->setting.weights, i / filter);
    for (size_t i = 0; b->setting.weights == SHORT && i < b->count[WEIGHT]; i += filter)
        b->value[WEIGHT][i] = 2; /* oneDNN divides by the largest, to have ones in bf16 */
    /* In bf16 it may be added to what is rounded already. */
    const bool has_bias =
        b->setting.weights == ANY ||
        (b->setting.weights == SHORT && b->setting.variant->precision == SN_PRECISION_FP32);
    for (size_t i = 0; i < b->count[BIAS]; i++)
        b->value[BIAS][i] = has_bias ? draw_short(&rng) : 0;
    for (size_t i = 0; i < b->y_count; i++)
        b->dy[i] = draw_short(&rng);
}

#if SN_HAS_ONEDNN
static sn_status interleaved_shape(sn_node *node, const sn_run *run, sn_error *error) {
    SN_TRY(sn_op_conv2d_onednn.shape(node, run, error));
    node->output->layout = SN_LAYOUT_INTERLEAVED;
    return SN_OK;
}
#endif

static sn_tensor *apply(workbench *b, bool interleaved, sn_tensor *x, sn_tensor *weight,
                        sn_tensor *bias, int stride, int padding) {
    sn_tensor *y;
    const sn_conv2d_attributes attributes = {stride, padding};
    sn_tensor *const inputs[SN_MAX_INPUTS] = {x, weight, bias};
    if (interleaved)
        OK(sn_graph_apply(b->graph, &b->interleaving, &attributes, inputs, NULL, &y, &error));
    else
        OK(sn_conv2d(b->graph, x, weight, bias, stride, padding, &y, &error));
    return y;
}

static void build_graph(workbench *b) {
    const sizes *s = b->setting.sizes;
    const variant *v = b->setting.variant;
    OK(sn_parameters_create(&b->parameters, &error));
    OK(sn_graph_create(b->parameters, SN_GRAPH_TRAIN, b->setting.threads, &b->graph, &error));
    OK(sn_graph_set_engine(b->graph, v->engine, v->precision, &error));
    OK(sn_graph_input(b->graph, b->c.operand[X], &b->operand[X], &error));
    sn_tensor_require_gradient(b->operand[X]);
    sn_tensor *same = new_weight(b->graph, "same", sn_shape_4(s->c, s->c, 1, 1), 1);
    b->operand[WEIGHT] = new_weight(b->graph, "weight", b->c.operand[WEIGHT], 1);
    if (b->count[BIAS])
        b->operand[BIAS] = new_weight(b->graph, "bias", b->c.operand[BIAS], 1);
    sn_tensor *x = apply(b, v->interleaved[0], b->operand[X], same, NULL, 1, 0);
    for (int i = 0; i <= b->setting.twice; i++) {
        sn_tensor *y = apply(b, v->interleaved[1], x, b->operand[WEIGHT], b->operand[BIAS],
                             s->stride, s->padding);
        if (i > 0)
            OK(element_sum(b->graph, b->y, y, &y, &error));
        b->y = y;
    }
    OK(sn_graph_plan(b->graph, b->y, &error));
    sn_real *identity = new_reals(s->c * s->c);
    for (size_t i = 0; i < s->c; i++)
        identity[i * s->c + i] = 1;
    sn_tensor_write(same, identity, s->c);
    free(identity);
}

static void write_values(sn_tensor *tensor, const double *numbers, size_t count) {
    sn_real *reals = new_reals(count);
    for (size_t i = 0; i < count; i++)
        reals[i] = (sn_real)numbers[i];
    sn_tensor_write(tensor, reals, sn_tensor_shape(tensor)->size[0]);
    free(reals);
}

static workbench *open_workbench(setting chosen) {
    const sizes *s = chosen.sizes;
    workbench *b = calloc(1, sizeof *b);
    ck_assert_ptr_nonnull(b);
    b->setting = chosen;
    b->c = (op_case){.operand = {sn_shape_4(s->n, s->c, s->h, s->w),
                                 sn_shape_4(s->k, s->c, s->r, s->s), sn_shape_1(s->k)},
                     .stride = s->stride,
                     .padding = s->padding};
#if SN_HAS_ONEDNN
    b->interleaving = sn_op_conv2d_onednn;
    b->interleaving.shape = interleaved_shape;
#endif
    for (int k = 0; k < OPERANDS; k++) {
        b->count[k] = sn_shape_count(&b->c.operand[k]);
        b->value[k] = new_doubles(b->count[k]);
        b->want[k] = new_doubles(b->count[k]);
    }
    const sn_shape shape = naive_conv2d_shape(&b->c);
    b->y_count = sn_shape_count(&shape);
    b->dy = new_doubles(b->y_count);
    draw_values(b);
    build_graph(b);
    ck_assert(sn_shape_equal(&shape, sn_tensor_shape(b->y)));
    return b;
}

static void close_workbench(workbench *b) {
    for (int k = 0; k < OPERANDS; k++) {
        free(b->value[k]);
        free(b->want[k]);
    }
    free(b->dy);
    sn_graph_free(b->graph);
    sn_parameters_free(b->parameters);
    free(b);
}

static void check(const workbench *b, const char *what, const sn_real *have, const double *want,
                  const double *allowed, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)have[i] - want[i]) <= allowed[i]))
            ck_abort_msg("%s[%zu] is %.9g, not %.9g within %.3g: case %d, variant %d, threads %d, "
                         "weights %d, twice %d",
                         what, i, (double)have[i], want[i], allowed[i],
                         (int)(b->setting.sizes - cases), (int)(b->setting.variant - variants),
                         b->setting.threads, (int)b->setting.weights, b->setting.twice);
}

/* The bf16 number next to the float next to `x`. */
static double rounded(double x) {
    const float single = (float)x;
    uint32_t bits;
    memcpy(&bits, &single, sizeof bits);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
    float result;
    memcpy(&result, &bits, sizeof result);
    return (double)result;
}

/* ---- what rounding may do ---- */

/* Each operand's magnitudes, and what the naive version makes of them: the sums of the magnitudes
 * of all terms. */
typedef struct magnitudes {
    double *value[OPERANDS], *dy, *y, *sum[OPERANDS];
} magnitudes;

static double *magnitudes_of(const double *numbers, size_t count) {
    double *result = new_doubles(count);
    for (size_t i = 0; i < count; i++)
        result[i] = fabs(numbers[i]);
    return result;
}

static magnitudes measure(const workbench *b) {
    magnitudes m = {.dy = magnitudes_of(b->dy, b->y_count), .y = new_doubles(b->y_count)};
    for (int k = 0; k < OPERANDS; k++) {
        m.value[k] = magnitudes_of(b->value[k], b->count[k]);
        m.sum[k] = new_doubles(b->count[k]);
    }
    naive_conv2d_forward(&b->c, m.value, m.y);
    naive_conv2d_backward(&b->c, m.value, m.dy, m.sum);
    return m;
}

static void release(magnitudes *m) {
    for (int k = 0; k < OPERANDS; k++) {
        free(m->value[k]);
        free(m->sum[k]);
    }
    free(m->dy);
    free(m->y);
}

/* Terms of the sums behind a number of each kind, and roundings beyond one for each term: adding a
 * bias or another gradient, sums of several threads. */
enum { MORE_ROUNDINGS = 8 };

static double terms_of(const workbench *b, int operand) {
    const sizes *s = b->setting.sizes;
    const double taps = (double)(s->r * s->s);
    if (operand == X)
        return (double)s->k * taps;
    if (operand == OPERANDS) /* y */
        return (double)s->c * taps;
    return (double)(b->y_count / s->k);
}

/* Winograd's transforms make numbers larger than the terms: 64 instead of 9 a channel, and 36
 * instead of 4 a Winograd tile (test_winograd.c), each with the largest magnitudes there are. */
static double winograd_sum(const workbench *b, const magnitudes *m, int operand) {
    const sizes *s = b->setting.sizes;
    double largest[3] = {0}; /* of x, weight, dy */
    for (size_t i = 0; i < b->count[X]; i++)
        largest[0] = fmax(largest[0], m->value[X][i]);
    for (size_t i = 0; i < b->count[WEIGHT]; i++)
        largest[1] = fmax(largest[1], m->value[WEIGHT][i]);
    for (size_t i = 0; i < b->y_count; i++)
        largest[2] = fmax(largest[2], m->dy[i]);
    if (operand == X)
        return 64 * (double)s->k * largest[2] * largest[1];
    if (operand == OPERANDS)
        return 64 * (double)s->c * largest[0] * largest[1];
    const double tiles = (double)(s->n * ((s->h + 1) / 2) * ((s->w + 1) / 2));
    return 36 * tiles * largest[0] * largest[2];
}

/* allowed[i] for numbers of an operand's gradient, or of y (OPERANDS). */
static double *allow(const workbench *b, const magnitudes *m, int operand, const double *want,
                     const double *sum, size_t count) {
    const variant *v = b->setting.variant;
    const bool bf16 = v->precision == SN_PRECISION_BF16, twice = b->setting.twice;
    const bool winograd = v->engine == SN_ENGINE_WINOGRAD && operand != BIAS;
    const double rounding = (terms_of(b, operand) + MORE_ROUNDINGS) * float_rounding;
    const double share = rounding / (1 - rounding);
    const double floor_of_sum = winograd ? winograd_sum(b, m, operand) : 0;
    double *allowed = new_doubles(count);
    for (size_t i = 0; i < count; i++) {
        const double behind = (twice ? 2 : 1) * fmax(sum[i], floor_of_sum);
        allowed[i] = share * behind;
        if (!bf16 || operand == WEIGHT || operand == BIAS)
            continue; /* sums of these gradients are never bf16 */
        /* oneDNN rounds weights, too. Results are rounded, and once more where two are added and
         * on the way through the layer before. */
        const double results = fabs(want[i]) + (twice ? behind : 0);
        allowed[i] += bf16_rounding * (behind + 2 * (results + allowed[i])) * (1 + bf16_rounding);
    }
    return allowed;
}

/* Whether results must be the bits of the exact sums, rounded once. */
static bool is_exact(const workbench *b, int operand) {
    const setting *s = &b->setting;
    const bool bf16 = s->variant->precision == SN_PRECISION_BF16;
    if (s->weights == BINARY)
        return bf16 && s->variant->engine == SN_ENGINE_ONEDNN && operand == OPERANDS;
    /* Where gradients of x are added in bf16 each is rounded before. */
    return s->weights == SHORT && !(bf16 && s->twice && operand == X);
}

static void check_operand(const workbench *b, const magnitudes *m, int operand, const char *name,
                          const sn_real *have, double *want, size_t count) {
    const bool bf16 = b->setting.variant->precision == SN_PRECISION_BF16;
    const double *sum = operand == OPERANDS ? m->y : m->sum[operand];
    double *allowed =
        is_exact(b, operand) ? new_doubles(count) : allow(b, m, operand, want, sum, count);
    for (size_t i = 0; i < count && is_exact(b, operand); i++)
        want[i] = bf16 && (operand == X || operand == OPERANDS) ? rounded(want[i]) : want[i];
    check(b, name, have, want, allowed, count);
    free(allowed);
}

static void check_forward(const workbench *b, const magnitudes *m) {
    sn_real *have = new_reals(b->y_count);
    double *want = new_doubles(b->y_count);
    for (int k = 0; k < OPERANDS; k++)
        write_values(b->operand[k], b->value[k], b->count[k]);
    sn_graph_forward(b->graph);
    sn_tensor_read(b->y, have, sn_tensor_shape(b->y)->size[0]);
    naive_conv2d_forward(&b->c, b->value, want);
    for (size_t i = 0; i < b->y_count; i++)
        want[i] *= b->setting.twice ? 2 : 1; /* rounds as one does */
    check_operand(b, m, OPERANDS, "y", have, want, b->y_count);
    free(have);
    free(want);
}

static void check_backward(const workbench *b, const magnitudes *m) {
    sn_real *dy = new_reals(b->y_count);
    for (size_t i = 0; i < b->y_count; i++)
        dy[i] = (sn_real)b->dy[i];
    sn_parameters_zero_gradients(b->parameters);
    sn_graph_backward(b->graph, dy);
    free(dy);
    for (int k = 0; k < OPERANDS; k++)
        memset(b->want[k], 0, b->count[k] * sizeof *b->want[k]);
    for (int i = 0; i <= b->setting.twice; i++)
        naive_conv2d_backward(&b->c, b->value, b->dy, b->want);
    static const char *const names[OPERANDS] = {"dx", "dw", "db"};
    for (int k = 0; k < OPERANDS; k++) {
        sn_real *have = new_reals(b->count[k]);
        sn_tensor_read_gradient(b->operand[k], have);
        check_operand(b, m, k, names[k], have, b->want[k], b->count[k]);
        free(have);
    }
}

START_TEST(test_conv2d) {
    setting s = {.variant = &variants[_i]};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        s.sizes = &cases[i];
        for (s.threads = 1; s.threads <= 3; s.threads += 2) {
            for (s.weights = 0; s.weights < WEIGHTS; s.weights++) {
                s.twice = s.weights == BINARY || (s.weights == SHORT && s.threads == 3);
                workbench *b = open_workbench(s);
                magnitudes m = measure(b);
                for (int step = 0; step < 2; step++) {
                    check_forward(b, &m);
                    check_backward(b, &m);
                }
                release(&m);
                close_workbench(b);
            }
        }
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("engines of conv2d");
    TCase *tcase = tcase_create("naive");
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, test_conv2d, 0, (int)(sizeof variants / sizeof *variants));
    suite_add_tcase(suite, tcase);
    return run_suite(suite, CK_FORK_GETENV);
}
