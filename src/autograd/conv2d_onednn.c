/* Convolution by oneDNN. Every thread runs oneDNN's primitives on its own images. Weights are put
 * into oneDNN's layout once a step. Sums of dW stay in oneDNN's layout until the threads' sums are
 * joined.
 *
 * With bf16 activations each filter's weights are divided by their largest magnitude. What is left
 * of {-a, 0, a} is exact in bf16. Forward multiplies y by that scale and rounds once; the data pass
 * multiplies dy by it first. A processor without bf16 instructions widens slices and computes in
 * float.
 *
 * If a tensor's layout is not the one that oneDNN should see, its images are reordered: copied to
 * and from a workspace, a slice at a time (reorder.h). */
#include "autograd/conv2d.h"
#include "autograd/onednn.h"
#include "autograd/ops.h"
#include "autograd/reorder.h"
#include "autograd/thread_sums.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { X, WEIGHT, BIAS };

/* node->own */
typedef struct convolution {
    sn_onednn *onednn;
    bool scaled; /* weights are divided by their filter's largest magnitude */
    bool shares_weights;
    /* x, y, dy and dx as oneDNN sees them, and whether they are reordered. dy is needed as it is
     * and scaled. A dx that is added to goes through a copy in any layout. */
    sn_tensor x, y, dy, dx;
    bool reorders_x, reorders_y, reorders_dy, reorders_dx;
} convolution;

static const convolution *own_of(const sn_node *node) {
    return node->own;
}

static bool lies_alike(const sn_tensor *a, const sn_tensor *b) {
    return a->layout == b->layout && a->bf16 == b->bf16;
}

static size_t copy_size(const sn_tensor *copy, size_t images) {
    return sn_align_up(images * sn_tensor_row(copy) * sn_element_size(copy));
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

/* ---- shape and plan ---- */

/* oneDNN's kernels for AMX tiles want channels innermost, its other kernels in blocks. */
static sn_status conv2d_onednn_shape(sn_node *node, const sn_run *run, sn_error *error) {
    SN_TRY(sn_conv2d_shape(node, error));
    node->output->bf16 = run->precision == SN_PRECISION_BF16;
    node->output->layout =
        node->output->bf16 && sn_onednn_has_amx() ? SN_LAYOUT_INTERLEAVED : SN_LAYOUT_BLOCKED;
    return SN_OK;
}

/* The layout that oneDNN should see: the output's. Its kernels for few channels take plain images.
 */
static sn_tensor layout_for(const sn_node *node, const sn_tensor *tensor, bool bf16) {
    const bool few = tensor->layout == SN_LAYOUT_PLAIN && tensor->shape.size[1] < SN_LANES;
    return (sn_tensor){.shape = tensor->shape,
                       .layout = few && !bf16 ? SN_LAYOUT_PLAIN : node->output->layout,
                       .bf16 = bf16};
}

/* Decides what is reordered, and into which layout. */
static void choose_layouts(const sn_node *node, convolution *own) {
    const sn_tensor *x = node->input[X], *y = node->output;
    const bool bf16 = y->bf16 && sn_onednn_has_bf16();
    own->scaled = y->bf16;
    own->x = layout_for(node, x, bf16);
    own->dy = layout_for(node, y, bf16);
    own->y = layout_for(node, y, false);
    own->dx = own->x;
    own->reorders_x = own->reorders_dx = !lies_alike(x, &own->x);
    own->reorders_y = !lies_alike(y, &own->y);
    own->reorders_dy = !lies_alike(y, &own->dy);
    own->reorders_dx = own->reorders_dx || node->add[X];
    own->dx.bf16 = bf16 && !own->reorders_dx;
}

static sn_onednn_setup setup_of(const sn_node *node, const sn_run *run, const convolution *own) {
    const sn_conv2d_geometry g = sn_conv2d_geometry_of(node);
    const size_t backward = node->backward_slice;
    return (sn_onednn_setup){
        .images = g.n,
        .threads = run->threads,
        .x = own->x,
        .y = own->y,
        .kernel_height = g.r,
        .kernel_width = g.s,
        .stride = g.stride,
        .padding = g.padding,
        .bf16 = own->x.bf16,
        .pass = {[SN_ONEDNN_FORWARD] = {node->forward_slice, own->x.bf16, own->y.bf16},
                 [SN_ONEDNN_DATA] = {node->input[X]->wants_gradient ? backward : 0, own->dx.bf16,
                                     own->dy.bf16},
                 [SN_ONEDNN_WEIGHTS] = {node->input[WEIGHT]->wants_gradient ? backward : 0,
                                        own->x.bf16, own->dy.bf16}}};
}

static size_t padded_filters(const sn_node *node) {
    return sn_lane_groups(node->output->shape.size[1]) * SN_LANES;
}

/* Bytes of a pass's weights. */
static size_t weights_size(const convolution *own, sn_onednn_pass pass) {
    const size_t element = own->x.bf16 ? sizeof(sn_bf16) : sizeof(sn_real);
    return sn_align_up(sn_onednn_weights_of(own->onednn, pass)->count * element);
}

/* Saved memory: the filters' scales and the bias, both padded; then the weights of forward and of
 * the data pass. */
static sn_real *saved_scale(const sn_node *node) {
    return node->saved;
}

static sn_real *saved_bias(const sn_node *node) {
    return saved_scale(node) + padded_filters(node);
}

static void *saved_weights(const sn_node *node, sn_onednn_pass pass) {
    const convolution *own = own_of(node);
    unsigned char *weights =
        (unsigned char *)node->saved + sn_align_up(2 * padded_filters(node) * sizeof(sn_real));
    if (pass == SN_ONEDNN_DATA && !own->shares_weights)
        weights += weights_size(own, SN_ONEDNN_FORWARD);
    return weights;
}

/* The size of a thread's sums: dW in oneDNN's layout, and db, padded. */
static size_t sums_stride(const sn_node *node) {
    const size_t weights = sn_onednn_weights_of(own_of(node)->onednn, SN_ONEDNN_WEIGHTS)->count;
    return sn_align_up((weights + padded_filters(node)) * sizeof(sn_real)) / sizeof(sn_real);
}

/* One thread's workspace. */
typedef struct workspace {
    void *x, *y; /* the copies; dx after x, dy for y */
    sn_real *dw; /* of a slice */
    void *scratch;
} workspace;

/* Measures when the base is NULL. */
static size_t carve_forward(const sn_node *node, unsigned char *base, workspace *w) {
    const convolution *own = own_of(node);
    const size_t images = node->forward_slice;
    const size_t x = own->reorders_x ? copy_size(&own->x, images) : 0;
    const size_t y = own->reorders_y ? copy_size(&own->y, images) : 0;
    if (base)
        *w = (workspace){.x = base, .y = base + x, .scratch = base + x + y};
    return x + y + sn_onednn_scratch_size(own->onednn, SN_ONEDNN_FORWARD);
}

static size_t carve_backward(const sn_node *node, unsigned char *base, workspace *w) {
    const convolution *own = own_of(node);
    const size_t images = node->backward_slice;
    const size_t x = larger(own->reorders_x ? copy_size(&own->x, images) : 0,
                            own->reorders_dx ? copy_size(&own->dx, images) : 0);
    const size_t y = own->reorders_dy || own->scaled ? copy_size(&own->dy, images) : 0;
    const size_t weights = sn_onednn_weights_of(own->onednn, SN_ONEDNN_WEIGHTS)->count;
    const size_t dw = sn_align_up(weights * sizeof(sn_real));
    if (base)
        *w = (workspace){
            .x = base, .y = base + x, .dw = (void *)(base + x + y), .scratch = base + x + y + dw};
    return x + y + dw +
           larger(sn_onednn_scratch_size(own->onednn, SN_ONEDNN_DATA),
                  sn_onednn_scratch_size(own->onednn, SN_ONEDNN_WEIGHTS));
}

static sn_status conv2d_onednn_plan(sn_node *node, const sn_run *run, sn_error *error) {
    convolution *own = node->own = calloc(1, sizeof *own);
    SN_RETURN_IF(!own, error, SN_ERROR_MEMORY, "out of memory for the graph");
    choose_layouts(node, own);
    const sn_onednn_setup setup = setup_of(node, run, own);
    SN_TRY(sn_onednn_create(&setup, &own->onednn, error));
    own->shares_weights = sn_onednn_shares_weights(own->onednn);
    node->saved_size = sn_align_up(2 * padded_filters(node) * sizeof(sn_real)) +
                       weights_size(own, SN_ONEDNN_FORWARD) +
                       (own->shares_weights ? 0 : weights_size(own, SN_ONEDNN_DATA));
    node->forward_scratch_size = carve_forward(node, NULL, NULL);
    node->backward_scratch_size = carve_backward(node, NULL, NULL);
    node->backward_sums_size = (size_t)run->threads * sums_stride(node) * sizeof(sn_real);
    return SN_OK;
}

static void conv2d_onednn_release(sn_node *node) {
    convolution *own = node->own;
    if (own)
        sn_onednn_free(own->onednn);
    free(own);
}

/* ---- weights ---- */

/* The largest magnitude of each of SN_LANES filters; 1 if it is 0, and behind the last filter. */
static sn_vec scales_of(const sn_conv2d_geometry *g, const sn_real *weight, size_t first) {
    sn_vec scales = sn_vec_all(1);
    for (size_t lane = 0; lane < SN_LANES && first + lane < g->k; lane++) {
        const sn_real *filter = weight + (first + lane) * g->taps;
        sn_real largest = 0;
        for (size_t i = 0; i < g->taps; i++) {
            const sn_real magnitude = filter[i] < 0 ? -filter[i] : filter[i];
            largest = magnitude > largest ? magnitude : largest;
        }
        if (largest > 0)
            scales[lane] = largest;
    }
    return scales;
}

/* Element (first + lane, c, tap) of the plain weights for each lane, 0 in paddings. */
static inline sn_vec gather(const sn_conv2d_geometry *g, const sn_real *weight, size_t first,
                            size_t c, size_t tap) {
    sn_vec v = {0};
    const size_t window = g->r * g->s;
    for (size_t lane = 0; lane < SN_LANES && first + lane < g->k && c < g->c; lane++)
        v[lane] = weight[((first + lane) * g->c + c) * window + tap];
    return v;
}

/* Puts the weights of filters [first, first + SN_LANES), divided by their scales, into oneDNN's
 * layout. */
static inline void put_filters(const sn_conv2d_geometry *g, const sn_onednn_weights *map,
                               const sn_real *weight, size_t first, sn_vec scales, void *to,
                               bool bf16) {
    const size_t *filter = map->filter + first;
    const bool together = filter[SN_LANES - 1] - filter[0] == SN_LANES - 1;
    for (size_t c = 0; c < map->channels; c++) {
        for (size_t tap = 0; tap < map->taps; tap++) {
            const sn_vec v = gather(g, weight, first, c, tap) / scales;
            const size_t base = map->channel[c] + map->tap[tap];
            if (together) {
                sn_lanes_store(to, base + filter[0], v, bf16);
                continue;
            }
            sn_real lanes[SN_LANES];
            sn_lanes_store(lanes, 0, v, bf16);
            for (size_t lane = 0; lane < SN_LANES; lane++) {
                if (bf16)
                    ((sn_bf16 *)to)[base + filter[lane]] = ((const sn_bf16 *)lanes)[lane];
                else
                    ((sn_real *)to)[base + filter[lane]] = lanes[lane];
            }
        }
    }
}

static void prepare_filters(const sn_node *node, sn_onednn_pass pass, size_t first, sn_vec scales) {
    const sn_conv2d_geometry g = sn_conv2d_geometry_of(node);
    const sn_onednn_weights *map = sn_onednn_weights_of(own_of(node)->onednn, pass);
    const sn_real *weight = node->input[WEIGHT]->value;
    if (first >= map->filters)
        return;
    if (own_of(node)->x.bf16)
        put_filters(&g, map, weight, first, scales, saved_weights(node, pass), true);
    else
        put_filters(&g, map, weight, first, scales, saved_weights(node, pass), false);
}

static void prepare_vectors(const sn_node *node, size_t first, sn_vec scales) {
    const sn_tensor *bias = node->input[BIAS];
    if (first >= padded_filters(node))
        return;
    sn_vec_store(saved_scale(node) + first, scales);
    sn_vec shift = {0};
    for (size_t lane = 0; bias && lane < SN_LANES && first + lane < bias->shape.size[0]; lane++)
        shift[lane] = bias->value[first + lane];
    sn_vec_store(saved_bias(node) + first, shift);
}

/* Both passes pad filters to whole vectors, but one may pad more. */
static void conv2d_onednn_prepare(const sn_node *node, const sn_run *run, const sn_part *part) {
    const convolution *own = own_of(node);
    const sn_conv2d_geometry g = sn_conv2d_geometry_of(node);
    const size_t forward = sn_onednn_weights_of(own->onednn, SN_ONEDNN_FORWARD)->filters;
    const size_t data = sn_onednn_weights_of(own->onednn, SN_ONEDNN_DATA)->filters;
    const size_t groups = larger(forward, data) / SN_LANES;
    const size_t last = sn_chunk_start(groups, part->thread + 1, run->threads);
    for (size_t i = sn_chunk_start(groups, part->thread, run->threads); i < last; i++) {
        const size_t first = i * SN_LANES;
        const sn_vec scales =
            own->scaled ? scales_of(&g, node->input[WEIGHT]->value, first) : sn_vec_all(1);
        prepare_vectors(node, first, scales);
        prepare_filters(node, SN_ONEDNN_FORWARD, first, scales);
        if (data > 0 && !own->shares_weights)
            prepare_filters(node, SN_ONEDNN_DATA, first, scales);
    }
}

/* ---- forward ---- */

static void conv2d_onednn_forward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    const convolution *own = own_of(node);
    const size_t images = part->last - part->first;
    const void *x = sn_value_at(node->input[X], part);
    void *y = sn_value_at(node->output, part);
    workspace w = {0};
    if (images == 0)
        return;
    carve_forward(node, sn_scratch_at(&node->forward_scratch, part), &w);
    if (own->reorders_x)
        sn_reorder(node->input[X], x, &own->x, w.x, images, &(sn_reorder_change){0});
    const void *raw = own->reorders_y ? w.y : y;
    sn_onednn_run(own->onednn, SN_ONEDNN_FORWARD, images, part->thread,
                  &(sn_onednn_operands){own->reorders_x ? w.x : x,
                                        saved_weights(node, SN_ONEDNN_FORWARD), raw, w.scratch});
    const sn_reorder_change epilogue = {.factor = own->scaled ? saved_scale(node) : NULL,
                                        .shift = node->input[BIAS] ? saved_bias(node) : NULL};
    if (own->reorders_y || epilogue.shift)
        sn_reorder_back(&own->y, raw, node->output, y, images, &epilogue);
}

/* ---- backward ---- */

/* A thread's first slice is not added but written. */
static void add_weight_sums(const sn_node *node, const sn_part *part, const void *dy,
                            const workspace *w, sn_real *sums) {
    const convolution *own = own_of(node);
    const size_t images = part->last - part->first;
    const void *x = sn_value_at(node->input[X], part);
    if (own->reorders_x)
        sn_reorder(node->input[X], x, &own->x, w->x, images, &(sn_reorder_change){0});
    if (own->reorders_dy)
        sn_reorder(node->output, dy, &own->dy, w->y, images, &(sn_reorder_change){0});
    sn_onednn_run(own->onednn, SN_ONEDNN_WEIGHTS, images, part->thread,
                  &(sn_onednn_operands){own->reorders_x ? w->x : x, part->is_start ? sums : w->dw,
                                        own->reorders_dy ? w->y : dy, w->scratch});
    const size_t count = sn_onednn_weights_of(own->onednn, SN_ONEDNN_WEIGHTS)->count;
    for (size_t i = 0; i < count && !part->is_start; i++)
        sums[i] += w->dw[i];
}

static void pass_back(const sn_node *node, const sn_part *part, const void *dy, const workspace *w,
                      void *dx) {
    const convolution *own = own_of(node);
    const size_t images = part->last - part->first;
    const sn_reorder_change scale = {.factor = own->scaled ? saved_scale(node) : NULL};
    if (own->reorders_dy || own->scaled) {
        sn_reorder(node->output, dy, &own->dy, w->y, images, &scale);
        dy = w->y;
    }
    sn_onednn_run(own->onednn, SN_ONEDNN_DATA, images, part->thread,
                  &(sn_onednn_operands){own->reorders_dx ? w->x : dx,
                                        saved_weights(node, SN_ONEDNN_DATA), dy, w->scratch});
    if (own->reorders_dx)
        sn_reorder_back(&own->dx, w->x, node->input[X], dx, images,
                        &(sn_reorder_change){.add = node->add[X]});
}

static bool wants_gradient(const sn_node *node, int input) {
    return node->input[input] && node->input[input]->wants_gradient;
}

static void conv2d_onednn_backward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    const size_t images = part->last - part->first;
    const size_t weights = sn_onednn_weights_of(own_of(node)->onednn, SN_ONEDNN_WEIGHTS)->count;
    const void *dy = sn_gradient_at(node->output, part);
    void *dx = sn_gradient_at(node->input[X], part);
    sn_real *sums = (sn_real *)node->backward_sums + (size_t)part->thread * sums_stride(node);
    workspace w = {0};
    if (part->is_start && images == 0)
        memset(sums, 0, sums_stride(node) * sizeof *sums);
    else if (part->is_start)
        memset(sums + weights, 0, padded_filters(node) * sizeof *sums);
    if (images == 0)
        return;
    carve_backward(node, sn_scratch_at(&node->backward_scratch, part), &w);
    if (wants_gradient(node, BIAS))
        sn_conv2d_sum_bias(node, images, dy, sums + weights);
    if (wants_gradient(node, WEIGHT))
        add_weight_sums(node, part, dy, &w, sums);
    if (dx)
        pass_back(node, part, dy, &w, dx);
}

static void join_filter(const sn_node *node, const sn_thread_sums *sums, size_t k) {
    const sn_conv2d_geometry g = sn_conv2d_geometry_of(node);
    const sn_onednn_weights *map = sn_onednn_weights_of(own_of(node)->onednn, SN_ONEDNN_WEIGHTS);
    for (size_t c = 0, i = k * g.taps; c < g.c; c++)
        for (size_t tap = 0; tap < map->taps; tap++, i++)
            sn_add_gradient(
                node, WEIGHT, i,
                sn_thread_total(sums, map->filter[k] + map->channel[c] + map->tap[tap]));
}

static void conv2d_onednn_join(const sn_node *node, const sn_run *run, const sn_part *part) {
    const sn_conv2d_geometry g = sn_conv2d_geometry_of(node);
    const size_t weights = sn_onednn_weights_of(own_of(node)->onednn, SN_ONEDNN_WEIGHTS)->count;
    const size_t first = sn_chunk_start(g.k, part->thread, run->threads);
    const size_t last = sn_chunk_start(g.k, part->thread + 1, run->threads);
    const sn_thread_sums sums = {node->backward_sums, sums_stride(node), run->threads};
    for (size_t k = first; k < last && wants_gradient(node, WEIGHT); k++)
        join_filter(node, &sums, k);
    sn_add_thread_sums(node, BIAS, &sums, weights, first, last);
}

const sn_op sn_op_conv2d_onednn = {
    .name = "conv2d_onednn",
    .attributes_size = sizeof(sn_conv2d_attributes),
    .operand = {[X] = {"x", SN_OPERAND_DATA, .saved = true, .is_factor = true},
                [WEIGHT] = {"weight", SN_OPERAND_WEIGHT, .is_factor = true},
                [BIAS] = {"bias", SN_OPERAND_WEIGHT, .optional = true}},
    .any_layout = true,
    .shape = conv2d_onednn_shape,
    .describe = sn_conv2d_describe,
    .plan = conv2d_onednn_plan,
    .release = conv2d_onednn_release,
    .forward = {{SN_PHASE_EARLY, conv2d_onednn_prepare, SN_ALWAYS},
                {SN_PHASE_IMAGES, conv2d_onednn_forward, SN_ALWAYS}},
    .backward = {{SN_PHASE_IMAGES, conv2d_onednn_backward, SN_ALWAYS},
                 {SN_PHASE_LATE, conv2d_onednn_join, SN_ALWAYS}},
};
