/* A further op, quantizer and data set, each a file of its own and a line in a table (tables/), are
 * found, and work with the rest of the library. */
#include "../autograd/graph_help.h"

#include "autograd/op.h"
#include "base/option.h"
#include "data/dataset.h"
#include "layers/quantize.h"
#include "quant/quant.h"
#include "suites.h"

#include <string.h>

enum { FILTERS = 2, SIZE = 9 };

/* Values and gradients, on two threads. */
START_TEST(test_op) {
    sn_parameters *parameters;
    sn_graph *graph;
    sn_tensor *x, *y;
    OK(sn_parameters_create(&parameters, &error));
    OK(sn_graph_create(parameters, SN_GRAPH_TRAIN, 2, &graph, &error));
    OK(sn_graph_input(graph, sn_shape_2(3, 2), &x, &error));
    sn_tensor_require_gradient(x);
    sn_tensor *const inputs[SN_MAX_INPUTS] = {x};
    OK(sn_graph_apply(graph, &sn_op_toy_square, NULL, inputs, NULL, &y, &error));
    OK(sn_graph_plan(graph, y, &error));
    const sn_real numbers[6] = {-2, -1, 0, 0.5F, 1, 3};
    sn_real read[6];
    sn_tensor_write(x, numbers, 3);
    sn_graph_forward(graph);
    sn_tensor_read(y, read, 3);
    for (size_t i = 0; i < 6; i++)
        ck_assert_double_eq((double)read[i], (double)(numbers[i] * numbers[i]));
    sn_graph_backward(graph, NULL);
    sn_tensor_read_gradient(x, read);
    for (size_t i = 0; i < 6; i++)
        ck_assert_double_eq((double)read[i], 2 * (double)numbers[i]);
    sn_graph_free(graph);
    sn_parameters_free(parameters);
    bool found = false;
    for (size_t i = 0; sn_op_at(i); i++)
        found = found || sn_op_at(i) == &sn_op_toy_square;
    ck_assert(found);
}
END_TEST

/* By its name, as an option gives it, on the weight of a convolution, with the estimator that it
 * names. */
START_TEST(test_quantizer) {
    sn_parameters *parameters;
    sn_graph *graph;
    sn_tensor *latent, *weight;
    OK(sn_parameters_create(&parameters, &error));
    OK(sn_graph_create(parameters, SN_GRAPH_TRAIN, 1, &graph, &error));
    OK(sn_graph_parameter(graph, "weight", sn_shape_4(FILTERS, 1, 3, 3), SN_ROLE_LATENT,
                          (sn_init){SN_INIT_CONSTANT, 0}, &latent, &error));
    const sn_quant_options options = {.quantizer = sn_choice_find(sn_quantizer_name, "toy-powers"),
                                      .delta_ratio = -1,
                                      .positive_fraction = 0.5};
    ck_assert_int_ge(options.quantizer, 0);
    OK(sn_quantize(graph, &(sn_quantize_operands){.latent = latent}, &options, &weight, &error));
    OK(sn_graph_plan(graph, weight, &error));
    sn_real *values = sn_parameters_find(parameters, "weight")->value, read[FILTERS * SIZE];
    for (size_t i = 0; i < FILTERS * SIZE; i++)
        values[i] = (i % 2 ? -1 : 1) * (i < SIZE ? 0.3F : 0.9F);
    sn_graph_forward(graph);
    sn_tensor_read(weight, read, FILTERS);
    for (size_t i = 0; i < FILTERS * SIZE; i++)
        ck_assert_double_eq((double)read[i], (i % 2 ? -1 : 1) * (i < SIZE ? 0.25 : 0.5));
    sn_graph_backward(graph, NULL);
    for (size_t i = 0; i < FILTERS * SIZE; i++)
        ck_assert_double_gt((double)sn_parameters_find(parameters, "weight")->gradient[i], 0);
    sn_graph_free(graph);
    sn_parameters_free(parameters);
}
END_TEST

START_TEST(test_dataset) {
    const int index = sn_choice_find(sn_dataset_name, "toy-stripes");
    ck_assert_int_ge(index, 0);
    ck_assert_str_eq(sn_dataset_summary(index), "26 stripes, 4x4, 2 classes");
    int classes = 0;
    ck_assert_str_eq(sn_dataset_fixed_classes(index, &classes)[1], "upright");
    ck_assert_int_eq(classes, 2);
    sn_dataset *dataset;
    OK(sn_dataset_open(index, SN_SPLIT_TEST, "", 5, &dataset, &error));
    ck_assert_uint_eq(sn_dataset_count(dataset), 5);
    ck_assert_str_eq(sn_dataset_class_name(dataset, sn_dataset_label(dataset, 1)), "upright");
    ck_assert_mem_eq(sn_dataset_image(dataset, 1), ((const uint8_t[]){50, 200, 50, 200, 50, 200}),
                     6);
    sn_dataset_free(dataset);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("extending");
    TCase *tcase = tcase_create("toys");
    tcase_add_test(tcase, test_op);
    tcase_add_test(tcase, test_quantizer);
    tcase_add_test(tcase, test_dataset);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, CK_FORK_GETENV);
}
