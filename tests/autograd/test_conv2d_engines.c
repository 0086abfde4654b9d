/* Convolutions in the middle of a network, where activations do not lie plainly: every engine, both
 * precisions, and layouts that an engine would choose on other processors, against the naive
 * version. */
#include "graph_help.h"
#include "op_naive.h"

#include "autograd/op.h"
#include "suites.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* In bf16 a number is right within half of this, relatively. */
static const double bf16_step = 1.0 / 128;

typedef struct variant {
    sn_engine engine;
    sn_precision precision;
    bool interleaved[2]; /* the output of the first and of the second convolution */
} variant;

static const variant variants[] = {
    {SN_ENGINE_GEMM, SN_PRECISION_BF16, {false, false}},
#if SN_HAS_ONEDNN
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

typedef struct setting {
    const variant *variant;
    const sizes *sizes;
    int threads;
    bool binary; /* the weights of filter k are 0 and +-a_k, and sums have few bits */
    bool twice;  /* y + y, so that gradients are added to */
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

static double draw_weight(sn_rng *rng, bool binary, size_t k) {
    if (!binary)
        return (double)(float)(0.3 * sn_rng_normal(rng));
    return ((double)sn_rng_below(rng, 3) - 1) * (double)(0.1f * (float)(k + 1));
}

static void draw_values(workbench *b) {
    const sizes *s = b->setting.sizes;
    sn_rng rng;
    sn_rng_init(&rng, 5, SN_RNG_TEST, s->c);
    for (size_t i = 0; i < b->count[X]; i++)
        b->value[X][i] = draw_short(&rng);
    for (size_t i = 0; i < b->count[WEIGHT]; i++)
        b->value[WEIGHT][i] = draw_weight(&rng, b->setting.binary, i / (s->c * s->r * s->s));
    for (size_t i = 0; i < b->count[BIAS]; i++)
        b->value[BIAS][i] = b->setting.binary ? 0 : draw_short(&rng);
    for (size_t i = 0; i < b->y_count; i++)
        b->dy[i] = draw_short(&rng);
}

#if SN_HAS_ONEDNN
static sn_status interleaved_shape(sn_node *node, const sn_run *run, sn_error *error) {
    SN_TRY(sn_op_conv2d_onednn.shape(node, run, error));
    node->output->format = SN_FORMAT_INTERLEAVED;
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
            OK(sn_add(b->graph, b->y, y, &y, &error));
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
                  size_t count, double relative, double absolute) {
    double largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs(want[i]));
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(fabs((double)have[i] - want[i]) <=
                          relative * fabs(want[i]) + absolute * largest,
                      "%s[%zu] is %.9g, not %.9g: case %d, variant %d, threads %d, binary %d, "
                      "twice %d",
                      what, i, (double)have[i], want[i], (int)(b->setting.sizes - cases),
                      (int)(b->setting.variant - variants), b->setting.threads, b->setting.binary,
                      b->setting.twice);
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

static void check_forward(workbench *b) {
    const variant *v = b->setting.variant;
    sn_real *have = new_reals(b->y_count);
    double *want = new_doubles(b->y_count);
    for (int k = 0; k < OPERANDS; k++)
        write_values(b->operand[k], b->value[k], b->count[k]);
    sn_graph_forward(b->graph);
    sn_tensor_read(b->y, have, sn_tensor_shape(b->y)->size[0]);
    naive_conv2d_forward(&b->c, b->value, want);
    const bool bf16 = v->precision == SN_PRECISION_BF16;
    const bool is_exact = bf16 && b->setting.binary && v->engine == SN_ENGINE_ONEDNN;
    for (size_t i = 0; i < b->y_count; i++)
        want[i] = (b->setting.twice ? 2 : 1) * (is_exact ? rounded(want[i]) : want[i]);
    if (is_exact)
        check(b, "y", have, want, b->y_count, 0, 0);
    else
        check(b, "y", have, want, b->y_count, bf16 ? bf16_step : 1e-6, bf16 ? bf16_step / 4 : 1e-6);
    free(have);
    free(want);
}

static void check_backward(workbench *b) {
    sn_real *dy = new_reals(b->y_count);
    for (size_t i = 0; i < b->y_count; i++)
        dy[i] = (sn_real)b->dy[i];
    sn_parameters_zero_gradients(b->parameters);
    sn_graph_backward(b->graph, dy);
    free(dy);
    for (int i = 0; i <= b->setting.twice; i++)
        naive_conv2d_backward(&b->c, b->value, b->dy, b->want);
    static const char *const names[OPERANDS] = {"dx", "dw", "db"};
    for (int k = 0; k < OPERANDS; k++) {
        /* Sums of the weights' and the bias's gradients are never bf16. */
        const bool bf16 = b->setting.variant->precision == SN_PRECISION_BF16 && k == X;
        sn_real *have = new_reals(b->count[k]);
        sn_tensor_read_gradient(b->operand[k], have);
        check(b, names[k], have, b->want[k], b->count[k], bf16 ? bf16_step : 1e-6,
              bf16 ? bf16_step / 2 : 1e-6);
        free(have);
    }
}

START_TEST(test_conv2d) {
    setting s = {.variant = &variants[_i]};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        s.sizes = &cases[i];
        for (s.threads = 1; s.threads <= 3; s.threads += 2) {
            for (int choice = 0; choice < 2; choice++) {
                s.binary = s.twice = choice == 1;
                workbench *b = open_workbench(s);
                for (int step = 0; step < 2; step++) {
                    check_forward(b);
                    for (int k = 0; k < OPERANDS; k++)
                        memset(b->want[k], 0, b->count[k] * sizeof *b->want[k]);
                    check_backward(b);
                }
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
