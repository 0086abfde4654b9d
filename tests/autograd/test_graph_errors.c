/* What does not fit is refused with a message that says why, and leaves the graph usable. */
#include "graph_help.h"

#include "autograd/op.h"
#include "suites.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct workbench {
    sn_parameters *parameters;
    sn_graph *graph;
    sn_tensor *image, *matrix, *vector, *labels; /* [2,3,4,5], [2,3], [3], labels of 2 */
    sn_tensor *weight, *bias, *mean, *variance;  /* [4,3,3,3], [4], running: [3] */
    sn_tensor *y;
    sn_error error;
} workbench;

static sn_tensor *new_parameter(workbench *b, const char *name, sn_shape shape, sn_role role) {
    sn_tensor *tensor;
    OK(sn_graph_parameter(b->graph, name, shape, role, (sn_init){SN_INIT_CONSTANT, 1}, &tensor,
                          &error));
    return tensor;
}

static void open_workbench(workbench *b) {
    *b = (workbench){0};
    OK(sn_parameters_create(&b->parameters, &error));
    OK(sn_graph_create(b->parameters, SN_GRAPH_TRAIN, 2, &b->graph, &error));
    OK(sn_graph_input(b->graph, sn_shape_4(2, 3, 4, 5), &b->image, &error));
    OK(sn_graph_input(b->graph, sn_shape_2(2, 3), &b->matrix, &error));
    OK(sn_graph_labels(b->graph, 2, &b->labels, &error));
    b->vector = new_parameter(b, "vector", sn_shape_1(3), SN_ROLE_NORM_SCALE);
    b->weight = new_parameter(b, "weight", sn_shape_4(4, 3, 3, 3), SN_ROLE_WEIGHT);
    b->bias = new_parameter(b, "bias", sn_shape_1(4), SN_ROLE_BIAS);
    b->mean = new_parameter(b, "mean", sn_shape_1(3), SN_ROLE_RUNNING_MEAN);
    b->variance = new_parameter(b, "variance", sn_shape_1(3), SN_ROLE_RUNNING_VARIANCE);
}

/* Everything that went wrong before must not show in a step with the same graph. */
static void close_workbench(workbench *b) {
    sn_tensor *y;
    OK(sn_conv2d(b->graph, b->image, b->weight, b->bias, 1, 1, &y, &error));
    OK(sn_graph_plan(b->graph, y, &error));
    sn_parameters_initialise(b->parameters, 1);
    sn_rng rng;
    sn_rng_init(&rng, 1, SN_RNG_TEST, 0);
    write_normal(b->image, &rng);
    write_normal(b->matrix, &rng);
    sn_tensor_write_labels(b->labels, (int32_t[2]){0, 1}, 2);
    sn_graph_forward(b->graph);
    sn_graph_backward(b->graph, NULL);
    /* dy is 1 for 2 images of 4 x 5. */
    ck_assert_double_eq((double)sn_parameters_find(b->parameters, "bias")->gradient[0], 40);
    sn_graph_free(b->graph);
    sn_parameters_free(b->parameters);
}

/* The expression must be refused with a message that names the op and contains `part`. */
#define REFUSED(b, expression, op, part)                                                           \
    do {                                                                                           \
        sn_error *error = &(b).error;                                                              \
        *error = (sn_error){0};                                                                    \
        const size_t nodes = sn_graph_node_count((b).graph);                                       \
        ck_assert_int_eq((expression), SN_ERROR_ARGUMENT);                                         \
        ck_assert_int_eq(error->status, SN_ERROR_ARGUMENT);                                        \
        ck_assert_msg(strstr(error->message, op) && strstr(error->message, part),                  \
                      "message '%s' lacks '%s' or '%s'", error->message, op, part);                \
        ck_assert_uint_eq(sn_graph_node_count((b).graph), nodes);                                  \
    } while (0)

START_TEST(test_elementwise) {
    workbench b;
    open_workbench(&b);
    REFUSED(b, sn_shift_clamp(b.graph, b.image, b.bias, &b.y, error), "shift", "parameter [4]");
    REFUSED(b, sn_shift_clamp(b.graph, b.matrix, b.vector, &b.y, error), "shift", "input [2, 3]");
    REFUSED(b, sn_shift_clamp(b.graph, b.image, NULL, &b.y, error), "shift_clamp",
            "operand 2 is missing");
    REFUSED(b, sn_shift_clamp(b.graph, b.labels, b.vector, &b.y, error), "shift",
            "operand 1 is labels");
    const sn_shift_prelu_operands half = {b.vector, b.vector, NULL},
                                  wide = {b.vector, b.vector, b.matrix};
    REFUSED(b, sn_shift_prelu(b.graph, b.image, &half, &b.y, error), "shift_prelu",
            "operand 4 is missing");
    REFUSED(b, sn_shift_prelu(b.graph, b.image, &wide, &b.y, error), "shift_prelu",
            "parameter [2, 3]");
    const sn_fake_quantize_attributes usual = {0.9, false}, beyond = {1.1, false};
    sn_tensor *range = new_parameter(&b, "range", sn_shape_1(1), SN_ROLE_INPUT_RANGE);
    REFUSED(b, sn_fake_quantize(b.graph, b.image, range, &beyond, &b.y, error), "fake_quantize",
            "momentum 1.1");
    REFUSED(b, sn_fake_quantize(b.graph, b.image, b.mean, &usual, &b.y, error), "fake_quantize",
            "range [3]");
    REFUSED(b, sn_fake_quantize(b.graph, b.image, b.vector, &usual, &b.y, error), "fake_quantize",
            "state 1 must be a parameter that is not trained");
    REFUSED(b, sn_fake_quantize(b.graph, b.image, NULL, &usual, &b.y, error), "fake_quantize",
            "no range");
    REFUSED(b, sn_fake_quantize(b.graph, b.labels, range, &usual, &b.y, error), "fake_quantize",
            "operand 1 is labels");
    const sn_center_channels_attributes center = {false};
    REFUSED(b, sn_center_channels(b.graph, b.matrix, NULL, &center, &b.y, error), "center_channels",
            "input [2, 3]");
    REFUSED(b, sn_center_channels(b.graph, b.image, b.mean, &center, &b.y, error),
            "center_channels", "range [3]");
    REFUSED(b, sn_center_channels(b.graph, b.image, b.vector, &center, &b.y, error),
            "center_channels", "state 1 must be a parameter that is not trained");
    close_workbench(&b);
}
END_TEST

START_TEST(test_pooling) {
    workbench b;
    open_workbench(&b);
    sn_status (*const pools[])(sn_graph *, sn_tensor *, int, int, int, sn_tensor **,
                               sn_error *) = {sn_max_pool, sn_average_pool};
    const char *const names[] = {"max_pool", "average_pool"};
    for (int i = 0; i < 2; i++) {
        REFUSED(b, pools[i](b.graph, b.matrix, 2, 2, 0, &b.y, error), names[i], "input [2, 3]");
        REFUSED(b, pools[i](b.graph, b.image, 0, 1, 0, &b.y, error), names[i], "kernel 0");
        REFUSED(b, pools[i](b.graph, b.image, 2, 0, 0, &b.y, error), names[i], "stride 0");
        REFUSED(b, pools[i](b.graph, b.image, 3, 1, -1, &b.y, error), names[i], "padding -1");
        REFUSED(b, pools[i](b.graph, b.image, 3, 1, 2, &b.y, error), names[i], "padding 2");
        REFUSED(b, pools[i](b.graph, b.image, 5, 1, 0, &b.y, error), names[i], "larger");
        REFUSED(b, pools[i](b.graph, b.labels, 1, 1, 0, &b.y, error), names[i], "labels");
    }
    REFUSED(b, sn_global_average_pool(b.graph, b.matrix, &b.y, error), "global_average_pool",
            "[2, 3]");
    close_workbench(&b);
}
END_TEST

START_TEST(test_conv2d) {
    workbench b;
    open_workbench(&b);
    sn_tensor *wide = new_parameter(&b, "wide", sn_shape_4(4, 2, 3, 3), SN_ROLE_WEIGHT);
    sn_tensor *tall = new_parameter(&b, "tall", sn_shape_4(4, 3, 5, 1), SN_ROLE_WEIGHT);
    sn_graph *g = b.graph;
    REFUSED(b, sn_conv2d(g, b.image, wide, NULL, 1, 1, &b.y, error), "conv2d", "[4, 2, 3, 3]");
    REFUSED(b, sn_conv2d(g, b.matrix, b.weight, NULL, 1, 1, &b.y, error), "conv2d", "[2, 3]");
    REFUSED(b, sn_conv2d(g, b.image, b.vector, NULL, 1, 1, &b.y, error), "conv2d", "weight [3]");
    REFUSED(b, sn_conv2d(g, b.image, b.weight, b.vector, 1, 1, &b.y, error), "conv2d", "bias [3]");
    REFUSED(b, sn_conv2d(g, b.image, b.weight, NULL, 0, 1, &b.y, error), "conv2d", "stride 0");
    REFUSED(b, sn_conv2d(g, b.image, b.weight, NULL, 1, -1, &b.y, error), "conv2d", "padding -1");
    REFUSED(b, sn_conv2d(g, b.image, tall, NULL, 1, 0, &b.y, error), "conv2d", "smaller");
    REFUSED(b, sn_conv2d(g, b.image, b.weight, b.labels, 1, 1, &b.y, error), "conv2d", "labels");
    REFUSED(b, sn_conv2d(g, b.image, b.weight, NULL, 1, 2147483647, &b.y, error), "conv2d",
            "too large");
    REFUSED(b, sn_conv2d(g, b.image, b.weight, NULL, 1, 40000000, &b.y, error), "conv2d",
            "too large");
    close_workbench(&b);
}
END_TEST

START_TEST(test_linear_and_loss) {
    workbench b;
    open_workbench(&b);
    sn_tensor *w = new_parameter(&b, "w", sn_shape_2(4, 3), SN_ROLE_WEIGHT), *many;
    sn_tensor *other = new_parameter(&b, "other", sn_shape_2(4, 2), SN_ROLE_WEIGHT);
    OK(sn_graph_labels(b.graph, 3, &many, &error));
    sn_graph *g = b.graph;
    REFUSED(b, sn_linear(g, b.matrix, other, NULL, &b.y, error), "linear", "[4, 2]");
    REFUSED(b, sn_linear(g, b.image, w, NULL, &b.y, error), "linear", "[2, 3, 4, 5]");
    REFUSED(b, sn_linear(g, b.matrix, w, b.vector, &b.y, error), "linear", "bias [3]");
    REFUSED(b, sn_linear(g, b.matrix, w, b.labels, &b.y, error), "linear", "operand 3 is labels");
    REFUSED(b, sn_cross_entropy(g, b.image, b.labels, 0, &b.y, error), "cross_entropy",
            "[2, 3, 4, 5]");
    REFUSED(b, sn_cross_entropy(g, b.matrix, many, 0, &b.y, error), "cross_entropy", "3 labels");
    REFUSED(b, sn_cross_entropy(g, b.matrix, b.vector, 0, &b.y, error), "cross_entropy",
            "operand 2 must be labels");
    REFUSED(b, sn_cross_entropy(g, b.matrix, b.labels, 1, &b.y, error), "cross_entropy",
            "smoothing 1");
    REFUSED(b, sn_cross_entropy(g, b.matrix, b.labels, -0.5, &b.y, error), "cross_entropy",
            "smoothing -0.5");
    REFUSED(b, sn_cross_entropy(g, b.matrix, b.labels, (double)NAN, &b.y, error), "cross_entropy",
            "smoothing");
    const sn_cross_entropy_attributes fine = {0, 1, 0.5}, cold = {0, 0, 0.5}, heavy = {0, 1, 1.5};
    REFUSED(b, sn_distillation(g, b.matrix, b.labels, b.vector, &fine, &b.y, error),
            "cross_entropy", "teacher's logits [3]");
    REFUSED(b, sn_distillation(g, b.matrix, b.labels, b.matrix, &cold, &b.y, error),
            "cross_entropy", "temperature 0");
    REFUSED(b, sn_distillation(g, b.matrix, b.labels, b.matrix, &heavy, &b.y, error),
            "cross_entropy", "weight 1.5");
    close_workbench(&b);
}
END_TEST

START_TEST(test_batch_norm) {
    workbench b;
    open_workbench(&b);
    sn_tensor *v = b.vector, *m = b.mean, *s = b.variance, *activation;
    sn_graph *g = b.graph;
    OK(sn_graph_input(g, sn_shape_1(3), &activation, &error));
    const sn_batch_norm_operands good = {v, v, m, s, NULL, NULL};
    const sn_batch_norm_operands gamma = {b.bias, v, m, s, NULL, NULL};
    const sn_batch_norm_operands beta = {v, b.matrix, m, s, NULL, NULL};
    const sn_batch_norm_operands shortcut = {v, v, m, s, b.matrix, NULL};
    const sn_batch_norm_operands slope = {v, v, m, s, NULL, b.bias};
    const sn_batch_norm_operands mean = {v, v, v, s, NULL, NULL};
    const sn_batch_norm_operands variance = {v, v, m, activation, NULL, NULL};
    const sn_batch_norm_attributes usual = {0.1, 1e-5, SN_ACTIVATION_NONE};
    const sn_batch_norm_attributes prelu = {0.1, 1e-5, SN_ACTIVATION_PRELU};
    const sn_batch_norm_attributes momentum = {1.5, 1e-5, SN_ACTIVATION_NONE};
    const sn_batch_norm_attributes epsilon = {0.1, 0, SN_ACTIVATION_NONE};
    REFUSED(b, sn_batch_norm(g, b.matrix, &good, &usual, &b.y, error), "batch_norm",
            "input [2, 3]");
    REFUSED(b, sn_batch_norm(g, b.image, &gamma, &usual, &b.y, error), "batch_norm", "[4]");
    REFUSED(b, sn_batch_norm(g, b.image, &beta, &usual, &b.y, error), "batch_norm", "[2, 3]");
    REFUSED(b, sn_batch_norm(g, b.image, &shortcut, &usual, &b.y, error), "batch_norm",
            "shortcut [2, 3]");
    REFUSED(b, sn_batch_norm(g, b.image, &slope, &usual, &b.y, error), "batch_norm", "[4]");
    REFUSED(b, sn_batch_norm(g, b.image, &good, &prelu, &b.y, error), "batch_norm", "slope");
    REFUSED(b, sn_batch_norm(g, b.image, &good, &momentum, &b.y, error), "batch_norm",
            "momentum 1.5");
    REFUSED(b, sn_batch_norm(g, b.image, &good, &epsilon, &b.y, error), "batch_norm", "epsilon 0");
    REFUSED(b, sn_batch_norm(g, b.image, &mean, &usual, &b.y, error), "batch_norm",
            "state 1 must be a parameter that is not trained");
    REFUSED(b, sn_batch_norm(g, b.image, &variance, &usual, &b.y, error), "batch_norm",
            "state 2 must be a parameter that is not trained");
    close_workbench(&b);
}
END_TEST

START_TEST(test_tensors) {
    workbench b;
    open_workbench(&b);
    sn_graph *g = b.graph, *none = NULL;
    const size_t huge = (size_t)1 << 32, large = (size_t)1 << 24;
    REFUSED(b, sn_graph_input(g, sn_shape_2(3, 0), &b.y, error), "[3, 0]", "empty");
    REFUSED(b, sn_graph_input(g, (sn_shape){0}, &b.y, error), "[]", "empty");
    REFUSED(b, sn_graph_input(g, (sn_shape){5, {1, 1, 1, 1}}, &b.y, error), "shape",
            "[1, 1, 1, 1]");
    /* A product that is 0 modulo 2^64. */
    REFUSED(b, sn_graph_input(g, sn_shape_2(huge, huge), &b.y, error), "too large", "4294967296");
    REFUSED(b, sn_graph_input(g, sn_shape_2(large, large), &b.y, error), "too large", "16777216");
    REFUSED(b, sn_graph_labels(g, 0, &b.y, error), "labels", "at least 1");
    REFUSED(b, sn_graph_create(b.parameters, SN_GRAPH_TRAIN, 0, &none, error), "thread", "not 0");
    ck_assert_ptr_null(none);
    close_workbench(&b);
}
END_TEST

/* Every op refuses a missing operand, labels for data, and data for labels. */
START_TEST(test_declared_operands) {
    const sn_op *op = sn_op_at((size_t)_i);
    workbench b;
    open_workbench(&b);
    const unsigned char attributes[SN_MAX_ATTRIBUTES_SIZE] = {0};
    sn_tensor *inputs[SN_MAX_INPUTS] = {0};
    int count = 0;
    for (; count < SN_MAX_INPUTS && op->operand[count].role; count++)
        inputs[count] = op->operand[count].role == SN_OPERAND_LABELS ? b.labels : b.image;
    ck_assert_int_gt(count, 0);
    for (int k = 0; k < count; k++) {
        const bool is_labels = op->operand[k].role == SN_OPERAND_LABELS;
        char wanted[64];
        ck_assert_msg(op->operand[k].name != NULL, "operand %d of %s has no name", k, op->name);
        sn_tensor *const right = inputs[k];
        inputs[k] = is_labels ? b.image : b.labels;
        snprintf(wanted, sizeof wanted,
                 is_labels ? "operand %d must be labels" : "operand %d is labels", k + 1);
        REFUSED(b, sn_graph_apply(b.graph, op, attributes, inputs, NULL, &b.y, error), op->name,
                wanted);
        inputs[k] = NULL;
        snprintf(wanted, sizeof wanted, "operand %d is missing", k + 1);
        if (!op->operand[k].optional)
            REFUSED(b, sn_graph_apply(b.graph, op, attributes, inputs, NULL, &b.y, error), op->name,
                    wanted);
        inputs[k] = right;
    }
    if (count < SN_MAX_INPUTS) {
        inputs[count] = b.image;
        REFUSED(b, sn_graph_apply(b.graph, op, attributes, inputs, NULL, &b.y, error), op->name,
                "it has only");
    }
    close_workbench(&b);
}
END_TEST

/* Every op of the table is refused at least once above: a new op needs its own lines there. */
START_TEST(test_all_ops_are_here) {
    /* make_plain takes any tensor; the convolutions share their checks. */
    static const char *const covered[] = {"average_pool",  "batch_norm",    "center_channels",
                                          "conv2d_gemm",   "conv2d_onednn", "conv2d_winograd",
                                          "cross_entropy", "fake_quantize", "global_average_pool",
                                          "linear",        "make_plain",    "max_pool",
                                          "shift_clamp",   "shift_prelu"};
    for (size_t i = 0; sn_op_at(i); i++) {
        bool found = false;
        for (size_t k = 0; k < sizeof covered / sizeof *covered; k++)
            found = found || strcmp(covered[k], sn_op_at(i)->name) == 0;
        ck_assert_msg(found, "op %s has no tests for bad operands", sn_op_at(i)->name);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("graph errors");
    TCase *tcase = tcase_create("errors");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_elementwise);
    tcase_add_test(tcase, test_pooling);
    tcase_add_test(tcase, test_conv2d);
    tcase_add_test(tcase, test_linear_and_loss);
    tcase_add_test(tcase, test_batch_norm);
    tcase_add_test(tcase, test_tensors);
    int ops = 0;
    while (sn_op_at((size_t)ops))
        ops++;
    tcase_add_loop_test(tcase, test_declared_operands, 0, ops);
    tcase_add_test(tcase, test_all_ops_are_here);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, CK_FORK_GETENV);
}
