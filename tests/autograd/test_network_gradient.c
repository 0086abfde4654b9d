/* Whole graphs in double precision against finite differences: what single ops cannot show, above
 * all that gradients meet where a tensor is used more than once, and that no value is overwritten
 * before backward has read it. */
#include "graph_help.h"

#include "element_ops.h"
#include "suites.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

_Static_assert(sizeof(sn_real) == sizeof(double), "finite differences need double precision");

enum { MAX_TENSORS = 48 };

typedef struct network {
    sn_parameters *parameters;
    sn_graph *graph;
    sn_tensor *images, *labels, *root;
    sn_rng data; /* every step writes the same images and labels */
} network;

static void open_network(network *net, int threads, uint64_t seed) {
    *net = (network){0};
    OK(sn_parameters_create(&net->parameters, &error));
    OK(sn_graph_create(net->parameters, SN_GRAPH_TRAIN, threads, &net->graph, &error));
    sn_rng_init(&net->data, seed, SN_RNG_TEST, 0);
}

static void plan_network(network *net, sn_tensor *root, uint64_t seed) {
    net->root = root;
    OK(sn_graph_plan(net->graph, root, &error));
    sn_parameters_initialise(net->parameters, seed);
}

static void close_network(network *net) {
    sn_graph_free(net->graph);
    sn_parameters_free(net->parameters);
}

/* The sum of the root's elements. */
static double run_forward(const network *net) {
    sn_rng rng = net->data;
    write_normal(net->images, &rng);
    if (net->labels) {
        int32_t labels[8];
        const size_t count = sn_tensor_shape(net->labels)->size[0];
        for (size_t i = 0; i < count; i++)
            labels[i] = (int32_t)sn_rng_below(&rng, 3);
        sn_tensor_write_labels(net->labels, labels, count);
    }
    sn_graph_forward(net->graph);
    const size_t count = sn_shape_count(sn_tensor_shape(net->root));
    sn_real *y = new_reals(count);
    sn_tensor_read(net->root, y, sn_tensor_shape(net->root)->size[0]);
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += y[i];
    free(y);
    return sum;
}

static void run_step(const network *net) {
    sn_parameters_zero_gradients(net->parameters);
    run_forward(net);
    sn_graph_backward(net->graph, NULL);
}

/* Every element of every trained parameter. */
static void check_every_gradient(const network *net) {
    static const double step = 1e-5;
    run_step(net);
    run_step(net); /* the second finds the first one's leftovers in memory */
    for (size_t p = 0; p < sn_parameters_count(net->parameters); p++) {
        const sn_parameter *entry = sn_parameters_at(net->parameters, p);
        if (!sn_role_is_trained(entry->role))
            continue;
        double typical = 0;
        for (size_t i = 0; i < entry->count; i++)
            typical = fmax(typical, fabs(entry->gradient[i]));
        for (size_t i = 0; i < entry->count; i++) {
            const sn_real value = entry->value[i];
            entry->value[i] = value + step;
            const double above = run_forward(net);
            entry->value[i] = value - step;
            const double want = (above - run_forward(net)) / (2 * step);
            entry->value[i] = value;
            ck_assert_msg(fabs(entry->gradient[i] - want) <= 1e-6 * typical + 1e-9,
                          "%s[%zu]: gradient %.12g, differences say %.12g", entry->name, i,
                          entry->gradient[i], want);
        }
    }
}

/* conv - bn - relu - conv - bn - add - relu - pool - linear - cross entropy */
START_TEST(test_residual_network) {
    network net;
    open_network(&net, _i, 3);
    sn_tensor *x, *shortcut, *y;
    OK(sn_graph_input(net.graph, sn_shape_4(3, 2, 6, 5), &net.images, &error));
    OK(sn_graph_labels(net.graph, 3, &net.labels, &error));
    x = new_batch_norm(net.graph, "bn1", new_conv2d(net.graph, "conv1", net.images, 4, 3, 1));
    OK(element_activation(net.graph, x, NULL, SN_ACTIVATION_RELU, &shortcut, &error));
    x = new_batch_norm(net.graph, "bn2", new_conv2d(net.graph, "conv2", shortcut, 4, 3, 1));
    OK(element_sum(net.graph, x, shortcut, &x, &error));
    OK(element_activation(net.graph, x, NULL, SN_ACTIVATION_RELU, &x, &error));
    OK(sn_max_pool(net.graph, x, 3, 2, 1, &x, &error));
    OK(sn_global_average_pool(net.graph, x, &x, &error));
    y = new_linear(net.graph, "fc", x, 3);
    OK(sn_cross_entropy(net.graph, y, net.labels, 0.1, &y, &error));
    plan_network(&net, y, 3);
    check_every_gradient(&net);
    close_network(&net);
}
END_TEST

/* The same with sums and activations in batch-norm, and tensors that are shortcut and input at
 * once, or shortcut twice. */
START_TEST(test_fused_network) {
    network net;
    open_network(&net, _i, 6);
    sn_tensor *x, *shortcut, *y;
    OK(sn_graph_input(net.graph, sn_shape_4(3, 2, 6, 5), &net.images, &error));
    OK(sn_graph_labels(net.graph, 3, &net.labels, &error));
    x = new_conv2d(net.graph, "conv1", net.images, 4, 3, 1);
    shortcut = new_fused_norm(net.graph, "bn1", x, SN_ACTIVATION_PRELU, NULL);
    x = new_conv2d(net.graph, "conv2", shortcut, 4, 3, 1);
    x = new_fused_norm(net.graph, "bn2", x, SN_ACTIVATION_PRELU, shortcut);
    x = new_fused_norm(net.graph, "bn3", x, SN_ACTIVATION_HARDTANH, shortcut);
    x = new_fused_norm(net.graph, "bn4", x, SN_ACTIVATION_RELU, x);
    OK(sn_global_average_pool(net.graph, x, &x, &error));
    y = new_linear(net.graph, "fc", x, 3);
    OK(sn_cross_entropy(net.graph, y, net.labels, 0.1, &y, &error));
    plan_network(&net, y, 3);
    check_every_gradient(&net);
    close_network(&net);
}
END_TEST

/* One weight in three convolutions, once through a second tensor of the same name; add(x, x). */
START_TEST(test_shared_weight) {
    network net;
    open_network(&net, _i, 4);
    OK(sn_graph_input(net.graph, sn_shape_4(2, 3, 4, 4), &net.images, &error));
    sn_tensor *weight = new_weight(net.graph, "shared", sn_shape_4(3, 3, 3, 3), 0.2),
              *x = net.images;
    sn_tensor *again = new_weight(net.graph, "shared", sn_shape_4(3, 3, 3, 3), 0.2);
    OK(sn_conv2d(net.graph, x, weight, NULL, 1, 1, &x, &error));
    OK(sn_conv2d(net.graph, x, again, NULL, 1, 1, &x, &error));
    OK(element_sum(net.graph, x, x, &x, &error));
    x = new_batch_norm(net.graph, "bn", x);
    OK(sn_conv2d(net.graph, x, weight, NULL, 1, 1, &x, &error));
    plan_network(&net, x, 4);
    check_every_gradient(&net);
    close_network(&net);
}
END_TEST

/* A graph of smooth ops that keep the shape. Operands are drawn from all tensors so far: long
 * skips, dead ends, tensors used many times. The root may be anywhere. */
static sn_tensor *grow_at_random(network *net, sn_rng *rng) {
    const size_t channels = 3;
    sn_tensor *tensors[MAX_TENSORS];
    size_t count = 0;
    OK(sn_graph_input(net->graph, sn_shape_4(2, channels, 4, 3), &net->images, &error));
    tensors[count++] = net->images;
    tensors[count++] = new_weight(net->graph, "image", sn_shape_4(2, channels, 4, 3), 1);
    const size_t target = 8 + (size_t)sn_rng_below(rng, MAX_TENSORS - 8);
    while (count < target) {
        sn_tensor *a = tensors[sn_rng_below(rng, count)], *b = tensors[sn_rng_below(rng, count)];
        char name[SN_PARAMETER_NAME_SIZE];
        snprintf(name, sizeof name, "layer%d", (int)sn_rng_below(rng, 6)); /* some are shared */
        sn_tensor **y = &tensors[count++];
        switch (sn_rng_below(rng, 5)) {
        case 0:
            *y = new_conv2d(net->graph, name, a, channels, 3, 1);
            break;
        case 1:
            snprintf(name, sizeof name, "norm%zu", count);
            *y = new_batch_norm(net->graph, name, a);
            break;
        case 2:
            OK(sn_average_pool(net->graph, a, 3, 1, 1, y, &error));
            break;
        default:
            OK(element_sum(net->graph, a, b, y, &error));
        }
        if (sn_rng_below(rng, 8) == 0)
            sn_tensor_keep(*y);
    }
    sn_tensor *root = tensors[count / 2 + sn_rng_below(rng, count - count / 2)];
    /* Sums of sums grow: bring the root to a known size. */
    return new_batch_norm(net->graph, "root", root);
}

/* The slope along one direction in the space of all parameters. */
static void check_direction(const network *net, sn_rng *rng, int graph_index) {
    static const double step = 1e-5;
    const size_t count = sn_parameters_length(net->parameters);
    sn_real *values = sn_parameters_values(net->parameters), *direction = new_reals(count);
    const sn_real *gradient = sn_parameters_gradients(net->parameters);
    run_step(net);
    run_step(net);
    double have = 0, size = 0, sums[2];
    for (size_t i = 0; i < count; i++) {
        direction[i] = sn_rng_normal(rng);
        have += gradient[i] * direction[i];
        size += gradient[i] * gradient[i];
    }
    for (int side = 0; side < 2; side++) {
        const double length = side ? -2 * step : step;
        for (size_t i = 0; i < count; i++)
            values[i] += length * direction[i];
        sums[side] = run_forward(net);
    }
    const double want = (sums[0] - sums[1]) / (2 * step);
    ck_assert_msg(fabs(have - want) <= 1e-6 * sqrt(size) + 1e-8,
                  "graph %d: slope %.12g, differences say %.12g", graph_index, have, want);
    free(direction);
}

START_TEST(test_random_graphs) {
    for (int i = 0; i < 60; i++) {
        sn_rng rng;
        sn_rng_init(&rng, 5, SN_RNG_TEST, (uint64_t)i);
        network net;
        open_network(&net, 1 + i % 3, 5);
        sn_tensor *y = grow_at_random(&net, &rng);
        /* Without this the sum of a normalised tensor would hardly change. */
        y = new_conv2d(net.graph, "last", y, 2, 3, 1);
        plan_network(&net, y, (uint64_t)i);
        check_direction(&net, &rng, i);
        close_network(&net);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("network gradients");
    TCase *tcase = tcase_create("differences");
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, test_residual_network, 1, 4);
    tcase_add_loop_test(tcase, test_fused_network, 1, 4);
    tcase_add_loop_test(tcase, test_shared_weight, 1, 3);
    tcase_add_test(tcase, test_random_graphs);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, CK_FORK_GETENV);
}
