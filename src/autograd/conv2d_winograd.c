/* Convolution on activations in a lane layout: 3x3 with stride 1 by Winograd's method (winograd.h),
 * all others by implicit GEMM (implicit_gemm.h). Weights are transformed once a step, early. Each
 * thread sums their gradients in the transformed domain. */
#include "autograd/conv2d.h"
#include "autograd/implicit_gemm.h"
#include "autograd/ops.h"
#include "autograd/reorder.h"
#include "autograd/thread_sums.h"
#include "autograd/winograd.h"

#include "base/memory.h"

#include <string.h>

enum { X, WEIGHT, BIAS };

/* Either kind, behind one set of functions. */
typedef struct kernels {
    bool is_winograd;
    sn_winograd winograd;
    sn_implicit_gemm gemm;
} kernels;

/* The tensor's lane layout; for a plain tensor the one that its gradient passes through. */
static sn_lane_layout lanes_for(const sn_tensor *tensor) {
    sn_tensor blocked = *tensor;
    if (blocked.layout == SN_LAYOUT_PLAIN)
        blocked.layout = SN_LAYOUT_BLOCKED;
    return sn_tensor_lanes(&blocked);
}

static bool is_plain(const sn_tensor *tensor) {
    return tensor->layout == SN_LAYOUT_PLAIN;
}

/* With `in_lanes` as if x had a lane layout, even if it is plain. */
static kernels kernels_of(const sn_node *node, bool in_lanes) {
    const sn_conv2d_geometry g = sn_conv2d_geometry_of(node);
    const sn_tensor *x = node->input[X];
    const bool plain = is_plain(x) && !in_lanes;
    const sn_lane_layout lanes = lanes_for(x), y = sn_tensor_lanes(node->output);
    kernels k = {0};
    k.is_winograd = g.r == 3 && g.s == 3 && g.stride == 1 && g.padding == 1 && !plain;
    k.winograd = (sn_winograd){
        .channels = g.c, .filters = g.k, .height = g.h, .width = g.w, .x = lanes, .y = y};
    k.gemm = (sn_implicit_gemm){.channels = g.c,
                                .filters = g.k,
                                .height = g.h,
                                .width = g.w,
                                .rows = g.r,
                                .columns = g.s,
                                .stride = g.stride,
                                .padding = g.padding,
                                .out_height = g.oh,
                                .out_width = g.ow,
                                .plain = plain,
                                .x = lanes,
                                .y = y};
    if (plain)
        k.gemm.x.image_stride = g.c * g.h * g.w;
    return k;
}

static size_t forward_count(const kernels *k) {
    return k->is_winograd ? sn_winograd_forward_count(&k->winograd)
                          : sn_implicit_gemm_forward_count(&k->gemm);
}

static size_t backward_count(const kernels *k) {
    return k->is_winograd ? sn_winograd_backward_count(&k->winograd)
                          : sn_implicit_gemm_backward_count(&k->gemm);
}

static size_t workspace_size(const kernels *k) {
    return sn_align_up(k->is_winograd ? sn_winograd_workspace(&k->winograd)
                                      : sn_implicit_gemm_workspace(&k->gemm));
}

/* ---- memory ---- */

/* Transformed weights, one after the other. If x is plain, backward data has weights of its own, as
 * if x had a lane layout; forward weights of that kind are computed along and not used. */
typedef struct weights {
    sn_real *forward, *backward, *unused;
    size_t size; /* bytes of all */
} weights;

static weights weights_of(const sn_node *node, bool backward) {
    const kernels k = kernels_of(node, false), data = kernels_of(node, true);
    const size_t forward = sn_align_up(forward_count(&k) * sizeof(sn_real));
    const size_t back = backward ? sn_align_up(backward_count(&data) * sizeof(sn_real)) : 0;
    const size_t unused =
        backward && is_plain(node->input[X]) ? forward_count(&data) * sizeof(sn_real) : 0;
    unsigned char *base = node->saved;
    if (!base)
        return (weights){.size = forward + back + unused};
    return (weights){.forward = (void *)base,
                     .backward = back ? (void *)(base + forward) : NULL,
                     .unused = unused ? (void *)(base + forward + back) : NULL,
                     .size = forward + back + unused};
}

static bool passes_back(const sn_node *node) {
    return node->input[X]->wants_gradient && node->output->wants_gradient;
}

/* The size of a thread's sums: dW, transformed, and db, padded to whole lanes. */
static size_t sums_stride(const sn_node *node) {
    const kernels k = kernels_of(node, false);
    const size_t filters = sn_lane_groups(node->output->shape.size[1]) * SN_LANES;
    return sn_align_up((forward_count(&k) + filters) * sizeof(sn_real)) / sizeof(sn_real);
}

static sn_real *thread_sums(const sn_node *node, int thread) {
    return (sn_real *)node->backward_sums + (size_t)thread * sums_stride(node);
}

static sn_real *bias_sums(const sn_node *node, int thread) {
    const kernels k = kernels_of(node, false);
    return thread_sums(node, thread) + forward_count(&k);
}

static sn_status conv2d_winograd_shape(sn_node *node, const sn_run *run, sn_error *error) {
    SN_TRY(sn_conv2d_shape(node, error));
    node->output->layout = SN_LAYOUT_BLOCKED;
    node->output->bf16 = run->precision == SN_PRECISION_BF16;
    return SN_OK;
}

static sn_status conv2d_winograd_plan(sn_node *node, const sn_run *run, sn_error *error) {
    (void)error;
    const kernels k = kernels_of(node, false), data = kernels_of(node, true);
    node->forward_scratch_size = workspace_size(&k);
    node->saved_size = weights_of(node, passes_back(node)).size;
    if (!node->output->wants_gradient)
        return SN_OK;
    node->backward_scratch_size = workspace_size(&k);
    if (passes_back(node) && is_plain(node->input[X]))
        node->backward_scratch_size =
            workspace_size(&k) + workspace_size(&data) +
            node->backward_slice * data.gemm.x.image_stride * sizeof(sn_real);
    node->backward_sums_size = (size_t)run->threads * sums_stride(node) * sizeof(sn_real);
    return SN_OK;
}

/* ---- forward ---- */

static void transform(const kernels *k, const sn_run *run, const sn_part *part,
                      const sn_real *weight, sn_real *forward, sn_real *backward) {
    const size_t items = k->is_winograd ? sn_winograd_weight_items(&k->winograd)
                                        : sn_implicit_gemm_weight_items(&k->gemm);
    const size_t first = sn_chunk_start(items, part->thread, run->threads);
    const size_t last = sn_chunk_start(items, part->thread + 1, run->threads);
    if (k->is_winograd)
        sn_winograd_weights(&k->winograd, weight, first, last, forward, backward);
    else
        sn_implicit_gemm_weights(&k->gemm, weight, first, last, forward, backward);
}

static void conv2d_winograd_transform(const sn_node *node, const sn_run *run, const sn_part *part) {
    const weights w = weights_of(node, passes_back(node));
    const kernels k = kernels_of(node, false), data = kernels_of(node, true);
    const sn_real *weight = node->input[WEIGHT]->value;
    transform(&k, run, part, weight, w.forward, w.unused ? NULL : w.backward);
    if (w.unused)
        transform(&data, run, part, weight, w.unused, w.backward);
}

static void add_bias(const sn_node *node, size_t images, void *y) {
    const sn_lane_layout lanes = sn_tensor_lanes(node->output);
    const sn_shape *shape = &node->input[BIAS]->shape;
    for (size_t n = 0; n < images; n++) {
        for (size_t g = 0; g < lanes.groups; g++) {
            sn_vec bias = {0};
            for (size_t i = 0; i < SN_LANES && g * SN_LANES + i < shape->size[0]; i++)
                bias[i] = node->input[BIAS]->value[g * SN_LANES + i];
            for (size_t p = 0; p < lanes.pixels; p++) {
                const size_t at =
                    n * lanes.image_stride + g * lanes.group_stride + p * lanes.pixel_stride;
                sn_lanes_store(y, at, sn_lanes_load(y, at, lanes.bf16) + bias, lanes.bf16);
            }
        }
    }
}

static void conv2d_winograd_forward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    const kernels k = kernels_of(node, false);
    const size_t images = part->last - part->first;
    const sn_real *u = node->saved;
    const void *x = sn_value_at(node->input[X], part);
    void *y = sn_value_at(node->output, part);
    void *workspace = sn_scratch_at(&node->forward_scratch, part);
    if (k.is_winograd)
        sn_winograd_forward(&k.winograd, images, x, u, y, workspace);
    else
        sn_implicit_gemm_forward(&k.gemm, images, x, u, y, workspace);
    if (node->input[BIAS])
        add_bias(node, images, y);
}

/* ---- backward ---- */

static void pass_back(const kernels *k, size_t images, const void *dy, const sn_real *u, void *dx,
                      bool add, void *workspace) {
    if (k->is_winograd)
        sn_winograd_backward_data(&k->winograd, images, dy, u, dx, add, workspace);
    else
        sn_implicit_gemm_backward_data(&k->gemm, images, dy, u, dx, add, workspace);
}

/* Through a copy in a lane layout; only for the edges of a network. */
static void pass_back_plain(const sn_node *node, size_t images, const void *dy, const sn_real *u,
                            sn_real *dx, unsigned char *workspace) {
    const kernels data = kernels_of(node, true);
    const sn_tensor lanes = {.shape = node->input[X]->shape, .layout = SN_LAYOUT_BLOCKED};
    void *copy = workspace + workspace_size(&data);
    pass_back(&data, images, dy, u, copy, false, workspace);
    sn_reorder_back(&lanes, copy, node->input[X], dx, images,
                    &(sn_reorder_change){.add = node->add[X]});
}

static void conv2d_winograd_backward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    const kernels k = kernels_of(node, false);
    const weights w = weights_of(node, passes_back(node));
    const size_t images = part->last - part->first;
    const void *x = sn_value_at(node->input[X], part), *dy = sn_gradient_at(node->output, part);
    void *dx = sn_gradient_at(node->input[X], part);
    unsigned char *workspace = sn_scratch_at(&node->backward_scratch, part);
    sn_real *sums = thread_sums(node, part->thread);
    if (part->is_start)
        memset(sums, 0, sums_stride(node) * sizeof *sums);
    if (node->input[WEIGHT]->wants_gradient && k.is_winograd)
        sn_winograd_backward_weights(&k.winograd, images, x, dy, sums, workspace);
    else if (node->input[WEIGHT]->wants_gradient)
        sn_implicit_gemm_backward_weights(&k.gemm, images, x, dy, sums, workspace);
    if (node->input[BIAS] && node->input[BIAS]->wants_gradient)
        sn_conv2d_sum_bias(node, images, dy, bias_sums(node, part->thread));
    if (dx && is_plain(node->input[X]))
        pass_back_plain(node, images, dy, w.backward, dx, workspace + workspace_size(&k));
    else if (dx)
        pass_back(&k, images, dy, w.backward, dx, node->add[X], workspace);
}

static void conv2d_winograd_join(const sn_node *node, const sn_run *run, const sn_part *part) {
    const kernels k = kernels_of(node, false);
    sn_real *gradient = node->input[WEIGHT]->gradient;
    const size_t items =
        k.is_winograd ? sn_winograd_join_items(&k.winograd) : sn_implicit_gemm_join_items(&k.gemm);
    const size_t first = sn_chunk_start(items, part->thread, run->threads);
    const size_t last = sn_chunk_start(items, part->thread + 1, run->threads);
    const sn_thread_sums sums = {node->backward_sums, sums_stride(node), run->threads};
    if (gradient && k.is_winograd)
        sn_winograd_join_weights(&k.winograd, &sums, first, last, gradient, node->add[WEIGHT]);
    else if (gradient)
        sn_implicit_gemm_join_weights(&k.gemm, &sums, first, last, gradient, node->add[WEIGHT]);
    if (part->thread == 0 && node->input[BIAS])
        sn_add_thread_sums(node, BIAS, &sums, forward_count(&k), 0,
                           node->input[BIAS]->shape.size[0]);
}

const sn_op sn_op_conv2d_winograd = {
    .name = "conv2d_winograd",
    .attributes_size = sizeof(sn_conv2d_attributes),
    .operand = {[X] = {"x", SN_OPERAND_DATA, .saved = true, .is_factor = true},
                [WEIGHT] = {"weight", SN_OPERAND_WEIGHT, .is_factor = true},
                [BIAS] = {"bias", SN_OPERAND_WEIGHT, .optional = true}},
    .any_layout = true,
    .shape = conv2d_winograd_shape,
    .describe = sn_conv2d_describe,
    .plan = conv2d_winograd_plan,
    .forward = {{SN_PHASE_EARLY, conv2d_winograd_transform, SN_ALWAYS},
                {SN_PHASE_IMAGES, conv2d_winograd_forward, SN_ALWAYS}},
    .backward = {{SN_PHASE_IMAGES, conv2d_winograd_backward, SN_ALWAYS},
                 {SN_PHASE_LATE, conv2d_winograd_join, SN_ALWAYS}},
};
