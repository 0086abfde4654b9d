#include "graph_help.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

sn_real *new_reals(size_t count) {
    sn_real *reals = calloc(count + 1, sizeof *reals);
    ck_assert_ptr_nonnull(reals);
    return reals;
}

sn_tensor *new_weight(sn_graph *graph, const char *name, sn_shape shape, double scale) {
    sn_tensor *tensor;
    OK(sn_graph_parameter(graph, name, shape, SN_ROLE_WEIGHT, (sn_init){SN_INIT_NORMAL, scale},
                          &tensor, &error));
    return tensor;
}

sn_tensor *new_conv2d(sn_graph *graph, const char *name, sn_tensor *x, size_t filters,
                      size_t kernel, int stride) {
    char full[SN_PARAMETER_NAME_SIZE];
    snprintf(full, sizeof full, "%s.weight", name);
    const size_t channels = sn_tensor_shape(x)->size[1];
    const double scale = sqrt(2.0 / (double)(channels * kernel * kernel));
    sn_tensor *weight =
        new_weight(graph, full, sn_shape_4(filters, channels, kernel, kernel), scale);
    sn_tensor *y;
    OK(sn_conv2d(graph, x, weight, NULL, stride, (int)(kernel / 2), &y, &error));
    return y;
}

sn_tensor *new_batch_norm(sn_graph *graph, const char *name, sn_tensor *x) {
    return new_fused_norm(graph, name, x, SN_ACTIVATION_NONE, NULL);
}

sn_tensor *new_fused_norm(sn_graph *graph, const char *name, sn_tensor *x, sn_activation activation,
                          sn_tensor *residual) {
    static const struct {
        const char *name;
        sn_role role;
        double value;
    } parts[5] = {{"weight", SN_ROLE_NORM_SCALE, 1},
                  {"bias", SN_ROLE_NORM_SHIFT, 0.1},
                  {"running_mean", SN_ROLE_RUNNING_MEAN, 0},
                  {"running_var", SN_ROLE_RUNNING_VARIANCE, 1},
                  {"slope", SN_ROLE_WEIGHT, 0.25}};
    sn_tensor *p[5] = {0}, *y;
    char full[SN_PARAMETER_NAME_SIZE];
    for (int i = 0; i < (activation == SN_ACTIVATION_PRELU ? 5 : 4); i++) {
        snprintf(full, sizeof full, "%s.%s", name, parts[i].name);
        OK(sn_graph_parameter(graph, full, sn_shape_1(sn_tensor_shape(x)->size[1]), parts[i].role,
                              (sn_init){SN_INIT_CONSTANT, parts[i].value}, &p[i], &error));
    }
    const sn_batch_norm_operands operands = {p[0], p[1], p[2], p[3], residual, p[4]};
    const sn_batch_norm_attributes attributes = {0.1, 1e-5, activation};
    OK(sn_batch_norm(graph, x, &operands, &attributes, &y, &error));
    return y;
}

sn_tensor *new_linear(sn_graph *graph, const char *name, sn_tensor *x, size_t outputs) {
    char full[SN_PARAMETER_NAME_SIZE];
    snprintf(full, sizeof full, "%s.weight", name);
    sn_tensor *weight =
        new_weight(graph, full, sn_shape_2(outputs, sn_tensor_shape(x)->size[1]), 0.3);
    snprintf(full, sizeof full, "%s.bias", name);
    sn_tensor *bias = new_weight(graph, full, sn_shape_1(outputs), 0.1);
    sn_tensor *y;
    OK(sn_linear(graph, x, weight, bias, &y, &error));
    return y;
}

void write_normal(sn_tensor *tensor, sn_rng *rng) {
    const size_t count = sn_shape_count(sn_tensor_shape(tensor));
    sn_real *reals = new_reals(count);
    for (size_t i = 0; i < count; i++)
        reals[i] = (sn_real)sn_rng_normal(rng);
    sn_tensor_write(tensor, reals, sn_tensor_shape(tensor)->size[0]);
    free(reals);
}
