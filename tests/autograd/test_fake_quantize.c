/* Rounded activations: ties, ends, and how the range moves. Values and gradients at large are
 * compared with the naive version in test_ops_value.c and test_ops_gradient.c. */
#include "graph_help.h"

#include "autograd/op.h"
#include "suites.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGES = 4, PIXELS = 6, COUNT = IMAGES * PIXELS };

typedef struct net {
    sn_parameters *parameters;
    sn_graph *graph;
    sn_tensor *x, *y;
    float *range;
} net;

static void open_net(net *n, sn_graph_mode mode, int threads, bool is_signed, float range) {
    const sn_fake_quantize_attributes attributes = {0.75, is_signed};
    sn_tensor *state;
    *n = (net){0};
    OK(sn_parameters_create(&n->parameters, &error));
    OK(sn_graph_create(n->parameters, mode, threads, &n->graph, &error));
    OK(sn_graph_input(n->graph, sn_shape_4(IMAGES, 1, 1, PIXELS), &n->x, &error));
    sn_tensor_require_gradient(n->x);
    OK(sn_graph_parameter(n->graph, "range", sn_shape_1(1), SN_ROLE_INPUT_RANGE,
                          (sn_init){SN_INIT_CONSTANT, 0}, &state, &error));
    OK(sn_fake_quantize(n->graph, n->x, state, &attributes, &n->y, &error));
    OK(sn_graph_plan(n->graph, n->y, &error));
    n->range = sn_parameters_find(n->parameters, "range")->value;
    *n->range = range;
}

static void close_net(net *n) {
    sn_graph_free(n->graph);
    sn_parameters_free(n->parameters);
}

/* y[COUNT] of x[count], the rest being 0; and, unless NULL, dx for a gradient of ones. */
static void run(net *n, const float *x, size_t count, float *y, float *dx) {
    float all[COUNT] = {0};
    memcpy(all, x, count * sizeof *x);
    sn_tensor_write(n->x, all, IMAGES);
    sn_graph_forward(n->graph);
    sn_tensor_read(n->y, y, IMAGES);
    if (!dx)
        return;
    sn_graph_backward(n->graph, NULL);
    sn_tensor_read_gradient(n->x, dx);
}

static const float negative_zero = -0.0F;

/* Steps of 1/4, so all values are exact. Backward uses forward's range, which has moved far out
 * since.
 */
START_TEST(halves_go_to_the_even_neighbour_and_ends_are_held) {
    const float quarter = 0.25F;
    static const float in[] = {0, 0.5F, 1.5F, 2.5F, 3.49F, 3.51F, 254.5F, 255, 255.25F, 1e30F};
    static const float out[] = {0, 0, 2, 2, 3, 4, 254, 255, 255, 255};
    static const float passes[] = {1, 1, 1, 1, 1, 1, 1, 1, 0, 0};
    static const float low[] = {-0.25F, -1e30F, -0.5F, -1.5F, -126.5F, -127, -127.25F};
    static const float below[] = {0, 0, 0, -2, -126, -127, -127}; /* when signed */
    enum { HIGH = sizeof in / sizeof *in, LOW = sizeof low / sizeof *low };
    float x[HIGH + LOW], y[COUNT], dx[COUNT];
    for (int is_signed = 0; is_signed <= 1; is_signed++) {
        net n;
        const float top = is_signed ? 127 : 255;
        open_net(&n, SN_GRAPH_TRAIN, 2, is_signed, top * quarter);
        for (int i = 0; i < HIGH; i++)
            x[i] = quarter * in[i];
        for (int i = 0; i < LOW; i++)
            x[HIGH + i] = quarter * low[i];
        if (is_signed)
            x[HIGH] = negative_zero;
        run(&n, x, HIGH + LOW, y, dx);
        for (int i = 0; i < HIGH; i++) {
            ck_assert_float_eq(y[i], quarter * fminf(out[i], top));
            ck_assert_float_eq(dx[i], in[i] <= top ? passes[i] : 0);
        }
        for (int i = 0; i < LOW; i++) {
            const bool held = is_signed && i == 1;
            ck_assert_float_eq(y[HIGH + i], held        ? -127 * quarter
                                            : is_signed ? quarter * below[i]
                                                        : 0);
            /* At 0 it passes, below 0 only if signed. */
            ck_assert_float_eq(dx[HIGH + i], is_signed && !held && i < LOW - 1);
            ck_assert(y[HIGH + i] != 0 || !signbit(y[HIGH + i]));
        }
        close_net(&n);
    }
}
END_TEST

START_TEST(what_is_no_number_stays_so) {
    const float x[] = {1, NAN, INFINITY};
    float y[COUNT];
    net n;
    open_net(&n, SN_GRAPH_TRAIN, 1, false, 1);
    run(&n, x, 3, y, NULL);
    ck_assert_float_eq(y[0], 1);
    ck_assert(isnan(y[1]));
    close_net(&n);
}
END_TEST

START_TEST(the_range_is_a_moving_average) {
    static const float largest[] = {3, 5, 0, 1, 8};
    for (int threads = 1; threads <= 6; threads++)
        for (int is_signed = 0; is_signed <= 1; is_signed++) {
            net n;
            double range = 0;
            open_net(&n, SN_GRAPH_TRAIN, threads, is_signed, 0);
            for (int step = 0; step < 5; step++) {
                float x[COUNT] = {0}, y[COUNT], dx[COUNT];
                const int at = (7 * step + 3) % COUNT;
                for (int i = 0; i < COUNT; i++)
                    x[i] = largest[step] * (float)(i % 5) / 7;
                x[at] = is_signed && largest[step] > 0 ? -largest[step] : largest[step];
                run(&n, x, COUNT, y, dx);
                /* The first step does not round; the others round with the range before. */
                ck_assert_int_eq(memcmp(x, y, sizeof y) == 0, step == 0 || largest[step] == 0);
                if (step == 0)
                    for (int i = 0; i < COUNT; i++)
                        ck_assert_float_eq(dx[i], 1);
                if (step == 1)
                    ck_assert_float_eq(fabsf(y[at]), 3);
                range = step ? 0.75 * range + 0.25 * (double)largest[step] : (double)largest[0];
                ck_assert_double_eq_tol((double)*n.range, range, 1e-6);
            }
            close_net(&n);
        }
}
END_TEST

START_TEST(evaluation_leaves_the_range) {
    const float x[] = {0.3F, 9};
    float y[COUNT];
    net n;
    open_net(&n, SN_GRAPH_EVAL, 2, false, 2);
    run(&n, x, 2, y, NULL);
    ck_assert_float_eq(*n.range, 2);
    ck_assert_float_eq(y[1], 2);
    *n.range = 0;
    run(&n, x, 2, y, NULL);
    ck_assert_float_eq(*n.range, 0);
    ck_assert_float_eq(y[1], 9);
    close_net(&n);
}
END_TEST

START_TEST(ranges_without_a_step_are_none) {
    static const float ranges[] = {0, -1, NAN, INFINITY, FLT_MIN, 100 * FLT_MIN};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        const float x[] = {0.3F, 9};
        float y[COUNT];
        net n;
        ck_assert_float_eq(sn_fake_quantize_step(ranges[i], i % 2), 0);
        open_net(&n, SN_GRAPH_TRAIN, 1, false, ranges[i]);
        run(&n, x, 2, y, NULL);
        ck_assert_float_eq(y[0], x[0]);
        ck_assert_float_eq(*n.range, 9);
        close_net(&n);
    }
    ck_assert_float_eq(sn_fake_quantize_step(510, false), 2);
    ck_assert_float_eq(sn_fake_quantize_step(254, true), 2);
    ck_assert(isfinite(1 / sn_fake_quantize_step(300 * FLT_MIN, false)));
}
END_TEST

START_TEST(bad_operands_are_refused) {
    static const double momenta[] = {-0.1, 1.1, NAN};
    sn_parameters *parameters;
    sn_graph *graph;
    sn_tensor *x, *y, *one, *two;
    const sn_fake_quantize_attributes good = {0.9, false};
    OK(sn_parameters_create(&parameters, &error));
    OK(sn_graph_create(parameters, SN_GRAPH_TRAIN, 1, &graph, &error));
    OK(sn_graph_input(graph, sn_shape_4(1, 2, 3, 3), &x, &error));
    OK(sn_graph_parameter(graph, "one", sn_shape_1(1), SN_ROLE_INPUT_RANGE, (sn_init){0}, &one,
                          &error));
    OK(sn_graph_parameter(graph, "two", sn_shape_1(2), SN_ROLE_INPUT_RANGE, (sn_init){0}, &two,
                          &error));
    for (int i = 0; i < 3; i++) {
        const sn_fake_quantize_attributes bad = {momenta[i], false};
        ck_assert_int_eq(sn_fake_quantize(graph, x, one, &bad, &y, NULL), SN_ERROR_ARGUMENT);
    }
    ck_assert_int_eq(sn_fake_quantize(graph, x, NULL, &good, &y, NULL), SN_ERROR_ARGUMENT);
    ck_assert_int_eq(sn_fake_quantize(graph, x, two, &good, &y, NULL), SN_ERROR_ARGUMENT);
    ck_assert_int_eq(sn_fake_quantize(graph, x, x, &good, &y, NULL), SN_ERROR_ARGUMENT);
    ck_assert_int_eq(sn_fake_quantize(graph, x, one, &good, &y, NULL), SN_OK);
    sn_graph_free(graph);
    sn_parameters_free(parameters);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("fake_quantize");
    TCase *tcase = tcase_create("fake_quantize");
    tcase_add_test(tcase, halves_go_to_the_even_neighbour_and_ends_are_held);
    tcase_add_test(tcase, what_is_no_number_stays_so);
    tcase_add_test(tcase, the_range_is_a_moving_average);
    tcase_add_test(tcase, evaluation_leaves_the_range);
    tcase_add_test(tcase, ranges_without_a_step_are_none);
    tcase_add_test(tcase, bad_operands_are_refused);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, CK_FORK_GETENV);
}
