/* Short forms for tests that build graphs: every call ends the test on errors. */
#ifndef SN_TESTS_GRAPH_HELP_H
#define SN_TESTS_GRAPH_HELP_H

#include "autograd/ops.h"
#include "base/rng.h"

#include <check.h>

/* Fails the test with the error's message unless the expression, which sets `error`, is SN_OK. */
#define OK(expression)                                                                             \
    do {                                                                                           \
        sn_error error;                                                                            \
        ck_assert_msg((expression) == SN_OK, "%s", error.message);                                 \
    } while (0)

/* A parameter drawn from a normal distribution with standard deviation `scale`. */
sn_tensor *new_weight(sn_graph *graph, const char *name, sn_shape shape, double scale);

/* Layers named after their parameters: `name`.weight and so on. */
sn_tensor *new_conv2d(sn_graph *graph, const char *name, sn_tensor *x, size_t filters,
                      size_t kernel, int stride);
sn_tensor *new_batch_norm(sn_graph *graph, const char *name, sn_tensor *x);
/* With what may be fused; residual may be NULL, and a slope is made where one is needed. */
sn_tensor *new_fused_norm(sn_graph *graph, const char *name, sn_tensor *x, sn_activation activation,
                          sn_tensor *residual);
sn_tensor *new_linear(sn_graph *graph, const char *name, sn_tensor *x, size_t outputs);

/* Writes normal numbers. */
void write_normal(sn_tensor *tensor, sn_rng *rng);

/* As malloc, zeroed. */
sn_real *new_reals(size_t count);

#endif
