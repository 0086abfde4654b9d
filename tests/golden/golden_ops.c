/* Ops: values and gradients to 1e-4 in float, to 1e-12 in double. */
#include "golden.h"

#include "../autograd/element_ops.h"
#include "autograd/ops.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double tolerance = GOLDEN_TOLERANCE(1e-4);
static const double loss_tolerance = GOLDEN_TOLERANCE(1e-5);

/* ---- ops with up to three tensors in, y out, and a given dy ---- */

typedef sn_status (*build_function)(const golden_file *file, const char *group, sn_graph *graph,
                                    sn_tensor *const *in, sn_tensor **y, sn_error *error);

typedef struct op_case {
    const char *group;
    const char *inputs[4];    /* data sets, NULL-terminated */
    const char *gradients[4]; /* likewise, of each input */
    build_function build;
} op_case;

static sn_status build_conv2d(const golden_file *file, const char *group, sn_graph *graph,
                              sn_tensor *const *in, sn_tensor **y, sn_error *error) {
    const int stride = (int)golden_attribute(file, group, "stride");
    const int padding = (int)golden_attribute(file, group, "padding");
    return sn_conv2d(graph, in[0], in[1], in[2], stride, padding, y, error);
}

#define SIMPLE(function, call)                                                                     \
    static sn_status function(const golden_file *file, const char *group, sn_graph *graph,         \
                              sn_tensor *const *in, sn_tensor **y, sn_error *error) {              \
        (void)file;                                                                                \
        (void)group;                                                                               \
        return call;                                                                               \
    }

SIMPLE(build_relu, element_activation(graph, in[0], NULL, SN_ACTIVATION_RELU, y, error))
SIMPLE(build_hardtanh, element_activation(graph, in[0], NULL, SN_ACTIVATION_HARDTANH, y, error))
SIMPLE(build_prelu, element_activation(graph, in[0], in[1], SN_ACTIVATION_PRELU, y, error))
SIMPLE(build_max_pool, sn_max_pool(graph, in[0], 3, 2, 1, y, error))
SIMPLE(build_average_pool, sn_average_pool(graph, in[0], 2, 2, 0, y, error))
SIMPLE(build_global_average_pool, sn_global_average_pool(graph, in[0], y, error))
SIMPLE(build_linear, sn_linear(graph, in[0], in[1], in[2], y, error))

static const op_case cases[] = {
    {"conv2d/3x3_s1", {"x", "w", "b"}, {"dx", "dw", "db"}, build_conv2d},
    {"conv2d/3x3_s2", {"x", "w", "b"}, {"dx", "dw", "db"}, build_conv2d},
    {"conv2d/1x1_s2", {"x", "w", "b"}, {"dx", "dw", "db"}, build_conv2d},
    {"conv2d/7x7_s2", {"x", "w", "b"}, {"dx", "dw", "db"}, build_conv2d},
    {"conv2d/3x3_odd", {"x", "w", "b"}, {"dx", "dw", "db"}, build_conv2d},
    {"conv2d/3x3_s2_odd", {"x", "w", "b"}, {"dx", "dw", "db"}, build_conv2d},
    {"relu", {"x"}, {"dx"}, build_relu},
    {"hardtanh", {"x"}, {"dx"}, build_hardtanh},
    {"prelu", {"x", "slope"}, {"dx", "dslope"}, build_prelu},
    {"maxpool_3x3_s2_p1", {"x"}, {"dx"}, build_max_pool},
    {"avgpool_2x2_s2", {"x"}, {"dx"}, build_average_pool},
    {"global_avgpool", {"x"}, {"dx"}, build_global_average_pool},
    {"linear", {"x", "w", "b"}, {"dx", "dw", "db"}, build_linear},
};

enum { CASES = sizeof cases / sizeof *cases };

/* A graph with nothing in it yet, over no parameters. */
static sn_graph *new_graph(sn_graph_mode mode, sn_parameters **parameters) {
    sn_graph *graph;
    ck_assert_int_eq(sn_parameters_create(parameters, NULL), SN_OK);
    ck_assert_int_eq(sn_graph_create(*parameters, mode, 2, &graph, NULL), SN_OK);
    return graph;
}

static void check_value(const golden_file *file, const char *group, const char *name,
                        const sn_tensor *tensor, bool gradient) {
    const size_t count = sn_shape_count(sn_tensor_shape(tensor));
    sn_real *values = malloc(count * sizeof *values);
    ck_assert_ptr_nonnull(values);
    if (gradient)
        sn_tensor_read_gradient(tensor, values);
    else
        sn_tensor_read(tensor, values, sn_tensor_shape(tensor)->size[0]);
    golden_check_named(file, group, name, values, count, tolerance);
    free(values);
}

START_TEST(op_matches) {
    const op_case *c = &cases[_i];
    golden_file file = golden_open();
    sn_parameters *parameters;
    sn_graph *graph = new_graph(SN_GRAPH_TRAIN, &parameters);
    golden_array arrays[3] = {0};
    sn_tensor *in[3] = {NULL}, *y;
    sn_error error = {0};
    for (int i = 0; c->inputs[i]; i++) {
        arrays[i] = golden_read(&file, c->group, c->inputs[i]);
        ck_assert_int_eq(sn_graph_input(graph, arrays[i].shape, &in[i], NULL), SN_OK);
        sn_tensor_require_gradient(in[i]);
    }
    ck_assert_msg(c->build(&file, c->group, graph, in, &y, &error) == SN_OK, "%s", error.message);
    ck_assert_int_eq(sn_graph_plan(graph, y, NULL), SN_OK);
    for (int i = 0; c->inputs[i]; i++)
        sn_tensor_write(in[i], arrays[i].reals, arrays[i].shape.size[0]);
    sn_graph_forward(graph);
    check_value(&file, c->group, "y", y, false);
    golden_array dy = golden_read_count(&file, c->group, "dy", sn_shape_count(sn_tensor_shape(y)));
    sn_graph_backward(graph, dy.reals);
    for (int i = 0; c->inputs[i]; i++) {
        check_value(&file, c->group, c->gradients[i], in[i], true);
        golden_free(&arrays[i]);
    }
    golden_free(&dy);
    sn_graph_free(graph);
    sn_parameters_free(parameters);
    golden_close(&file);
}
END_TEST

/* ---- batch-norm: parameters with state ---- */

static sn_tensor *batch_norm_parameter(const golden_file *file, sn_graph *graph, const char *name,
                                       sn_role role) {
    sn_tensor *tensor;
    golden_array array = golden_read(file, "batchnorm2d", name);
    ck_assert_int_eq(sn_graph_parameter(graph, name, array.shape, role,
                                        (sn_init){SN_INIT_CONSTANT, 0}, &tensor, NULL),
                     SN_OK);
    golden_free(&array);
    return tensor;
}

static void fill_parameter(const golden_file *file, const sn_parameters *parameters,
                           const char *name) {
    golden_array array = golden_read(file, "batchnorm2d", name);
    memcpy(sn_parameters_find(parameters, name)->value, array.reals,
           array.count * sizeof *array.reals);
    golden_free(&array);
}

static void check_array(const golden_file *file, const char *name, const sn_parameter *entry,
                        bool gradient) {
    golden_check_named(file, "batchnorm2d", name, gradient ? entry->gradient : entry->value,
                       entry->count, tolerance);
}

static void run_batch_norm(sn_graph_mode mode) {
    static const char *const names[] = {"gamma", "beta", "running_mean_before",
                                        "running_var_before"};
    static const sn_role roles[] = {SN_ROLE_NORM_SCALE, SN_ROLE_NORM_SHIFT, SN_ROLE_RUNNING_MEAN,
                                    SN_ROLE_RUNNING_VARIANCE};
    static const char group[] = "batchnorm2d";
    golden_file file = golden_open();
    sn_parameters *parameters;
    sn_graph *graph = new_graph(mode, &parameters);
    golden_array image = golden_read(&file, group, "x");
    golden_array dy = golden_read_count(&file, group, "dy", image.count);
    sn_tensor *x, *y, *p[4];
    ck_assert_int_eq(sn_graph_input(graph, image.shape, &x, NULL), SN_OK);
    sn_tensor_require_gradient(x);
    for (int i = 0; i < 4; i++)
        p[i] = batch_norm_parameter(&file, graph, names[i], roles[i]);
    const sn_batch_norm_operands operands = {p[0], p[1], p[2], p[3], NULL, NULL};
    const sn_batch_norm_attributes attributes = {golden_attribute(&file, group, "momentum"),
                                                 golden_attribute(&file, group, "eps"),
                                                 SN_ACTIVATION_NONE};
    ck_assert_int_eq(sn_batch_norm(graph, x, &operands, &attributes, &y, NULL), SN_OK);
    ck_assert_int_eq(sn_graph_plan(graph, y, NULL), SN_OK);
    for (int i = 0; i < 4; i++)
        fill_parameter(&file, parameters, names[i]);
    sn_tensor_write(x, image.reals, image.shape.size[0]);
    sn_graph_forward(graph);
    check_value(&file, group, mode == SN_GRAPH_TRAIN ? "y_train" : "y_eval", y, false);
    if (mode == SN_GRAPH_TRAIN) {
        sn_graph_backward(graph, dy.reals);
        check_value(&file, group, "dx", x, true);
        check_array(&file, "dgamma", sn_parameters_find(parameters, names[0]), true);
        check_array(&file, "dbeta", sn_parameters_find(parameters, names[1]), true);
        check_array(&file, "running_mean_after", sn_parameters_find(parameters, names[2]), false);
        check_array(&file, "running_var_after", sn_parameters_find(parameters, names[3]), false);
    }
    golden_free(&image);
    golden_free(&dy);
    sn_graph_free(graph);
    sn_parameters_free(parameters);
    golden_close(&file);
}

START_TEST(batch_norm_matches_in_training) {
    run_batch_norm(SN_GRAPH_TRAIN);
}
END_TEST

START_TEST(batch_norm_matches_in_evaluation) {
    run_batch_norm(SN_GRAPH_EVAL);
}
END_TEST

START_TEST(cross_entropy_matches) {
    static const char *const groups[] = {"cross_entropy", "cross_entropy_smooth"};
    const char *group = groups[_i];
    golden_file file = golden_open();
    sn_parameters *parameters;
    sn_graph *graph = new_graph(SN_GRAPH_TRAIN, &parameters);
    golden_array values = golden_read(&file, group, "logits");
    golden_array stored = golden_read(&file, group, "labels");
    int32_t labels[64];
    sn_tensor *logits, *label_tensor, *loss;
    ck_assert_uint_le(stored.count, 64);
    for (size_t i = 0; i < stored.count; i++)
        labels[i] = (int32_t)stored.values[i];
    ck_assert_int_eq(sn_graph_input(graph, values.shape, &logits, NULL), SN_OK);
    sn_tensor_require_gradient(logits);
    ck_assert_int_eq(sn_graph_labels(graph, stored.count, &label_tensor, NULL), SN_OK);
    ck_assert_int_eq(sn_cross_entropy(graph, logits, label_tensor,
                                      golden_attribute(&file, group, "label_smoothing"), &loss,
                                      NULL),
                     SN_OK);
    ck_assert_int_eq(sn_graph_plan(graph, loss, NULL), SN_OK);
    sn_tensor_write(logits, values.reals, values.shape.size[0]);
    sn_tensor_write_labels(label_tensor, labels, stored.count);
    sn_graph_forward(graph);
    sn_real result;
    sn_tensor_read(loss, &result, 1);
    ck_assert_double_eq_tol((double)result, golden_attribute(&file, group, "loss"), loss_tolerance);
    sn_graph_backward(graph, NULL);
    check_value(&file, group, "dlogits", logits, true);
    golden_free(&values);
    golden_free(&stored);
    sn_graph_free(graph);
    sn_parameters_free(parameters);
    golden_close(&file);
}
END_TEST

START_TEST(distillation_matches) {
    golden_file file = golden_open();
    sn_parameters *parameters;
    sn_graph *graph = new_graph(SN_GRAPH_TRAIN, &parameters);
    golden_array values = golden_read(&file, "distillation", "logits");
    golden_array given = golden_read_count(&file, "distillation", "teacher", values.count);
    const size_t count = values.shape.size[0];
    const sn_cross_entropy_attributes attributes = {
        .temperature = golden_attribute(&file, "distillation", "temperature"), .teacher_weight = 1};
    const int32_t labels[64] = {0};
    sn_tensor *logits, *teacher, *label_tensor, *loss;
    ck_assert_uint_le(count, 64);
    ck_assert_int_eq(sn_graph_input(graph, values.shape, &logits, NULL), SN_OK);
    ck_assert_int_eq(sn_graph_input(graph, values.shape, &teacher, NULL), SN_OK);
    sn_tensor_require_gradient(logits);
    ck_assert_int_eq(sn_graph_labels(graph, count, &label_tensor, NULL), SN_OK);
    ck_assert_int_eq(
        sn_distillation(graph, logits, label_tensor, teacher, &attributes, &loss, NULL), SN_OK);
    ck_assert_int_eq(sn_graph_plan(graph, loss, NULL), SN_OK);
    sn_tensor_write(logits, values.reals, count);
    sn_tensor_write(teacher, given.reals, count);
    sn_tensor_write_labels(label_tensor, labels, count);
    sn_graph_forward(graph);
    sn_real result;
    sn_tensor_read(loss, &result, 1);
    ck_assert_double_eq_tol((double)result, golden_attribute(&file, "distillation", "loss"),
                            loss_tolerance);
    sn_graph_backward(graph, NULL);
    check_value(&file, "distillation", "dlogits", logits, true);
    golden_free(&values);
    golden_free(&given);
    sn_graph_free(graph);
    sn_parameters_free(parameters);
    golden_close(&file);
}
END_TEST

Suite *golden_ops_suite(void) {
    Suite *suite = suite_create("golden-ops");
    TCase *tcase = tcase_create("ops");
    tcase_add_loop_test(tcase, op_matches, 0, CASES);
    tcase_add_test(tcase, batch_norm_matches_in_training);
    tcase_add_test(tcase, batch_norm_matches_in_evaluation);
    tcase_add_loop_test(tcase, cross_entropy_matches, 0, 2);
    tcase_add_test(tcase, distillation_matches);
    suite_add_tcase(suite, tcase);
    return suite;
}
