/* Activations as 8-bit integers, in floats:
 *     q = round(x / step), clamped to 0 .. 255 or -127 .. 127;    y = step q
 * The step comes from an observer: a moving average of the largest |x| of a batch. A training step
 * rounds with the average of the batches before it. Its own largest value is known only after the
 * last image, and threads would have to wait for it. Each thread notes the largest value of its own
 * images; the average moves when the threads meet anyway.
 *
 * The rounding is the same, bit for bit, as the inference library's (round_vector in
 * vector_kernels.inc).
 */
#include "autograd/lane_layout.h"
#include "autograd/op.h"
#include "autograd/ops.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { RANGE }; /* of the states */

/* How this step rounds; in node->saved. step 0: not at all. */
typedef struct rounding {
    sn_real step, inverse, low, high;
} rounding;

static const sn_fake_quantize_attributes *attributes_of(const sn_node *node) {
    return (const void *)node->attributes;
}

static sn_real highest(bool is_signed) {
    return is_signed ? 127 : 255;
}

sn_real sn_fake_quantize_step(sn_real range, bool is_signed) {
    const sn_real step = range / highest(is_signed);
    /* Below that the inverse could overflow. */
    return step >= (sn_real)FLT_MIN && isfinite(step) ? step : 0;
}

static sn_status fake_quantize_shape(sn_node *node, const sn_run *run, sn_error *error) {
    const sn_tensor *x = node->input[0], *range = node->state[RANGE];
    const double momentum = attributes_of(node)->momentum;
    char text[SN_SHAPE_TEXT_SIZE];
    SN_RETURN_IF(!(momentum >= 0 && momentum <= 1), error, SN_ERROR_ARGUMENT,
                 "fake_quantize: momentum %g; need 0 to 1", momentum);
    SN_RETURN_IF(!range, error, SN_ERROR_ARGUMENT, "fake_quantize: no range");
    SN_RETURN_IF(sn_shape_count(&range->shape) != 1, error, SN_ERROR_ARGUMENT,
                 "fake_quantize: range %s; need one number", sn_shape_text(&range->shape, text));
    node->output->shape = x->shape;
    node->output->layout = x->layout;
    node->output->bf16 = x->bf16;
    node->saved_size = sizeof(rounding);
    node->forward_sums_size = (size_t)run->threads * sizeof(sn_real);
    return SN_OK;
}

static void fake_quantize_begin(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    if (part->thread > 0)
        return;
    const bool is_signed = attributes_of(node)->is_signed;
    rounding *r = node->saved;
    *r = (rounding){.step = sn_fake_quantize_step(node->state[RANGE]->value[0], is_signed),
                    .low = is_signed ? -highest(true) : 0,
                    .high = highest(is_signed)};
    r->inverse = r->step > 0 ? 1 / r->step : 0;
}

/* ---- vectors ---- */

/* NaN stays NaN, so that the loss shows it. */
SN_INLINE sn_vec round_vector(const rounding *r, sn_vec x) {
    sn_vec v = x * r->inverse;
    v = sn_vec_select((sn_vec_mask)(v < r->low), sn_vec_all(r->low), v);
    v = sn_vec_select((sn_vec_mask)(v > r->high), sn_vec_all(r->high), v);
    return sn_vec_round(v) * r->step;
}

SN_INLINE sn_vec larger_magnitude(sn_vec largest, sn_vec x) {
    const sn_vec magnitude = sn_vec_select((sn_vec_mask)(x < 0), -x, x);
    return sn_vec_select((sn_vec_mask)(magnitude > largest), magnitude, largest);
}

/* dy where x was not clipped. */
SN_INLINE sn_vec pass_vector(const rounding *r, sn_vec x, sn_vec dy) {
    const sn_vec v = x * r->inverse;
    return sn_vec_where((sn_vec_mask)(v >= r->low) & (sn_vec_mask)(v <= r->high), dy);
}

/* Only plain layouts have tails, and they are never bf16. */
static sn_vec load_tail(const sn_real *from, size_t tail) {
    sn_vec v = {0};
    memcpy(&v, from, tail * sizeof *from);
    return v;
}

static void store_tail(sn_real *to, sn_vec v, size_t tail) {
    memcpy(to, &v, tail * sizeof *to);
}

static size_t count_of(const sn_node *node, const sn_part *part) {
    return (part->last - part->first) * sn_tensor_row(node->output);
}

/* ---- forward ---- */

SN_INLINE sn_vec forward_all(const rounding *r, const void *x, void *y, size_t count, bool bf16) {
    const size_t whole = count - count % SN_LANES, tail = count - whole;
    sn_vec largest = {0};
    for (size_t i = 0; i < whole; i += SN_LANES) {
        const sn_vec v = sn_lanes_load(x, i, bf16);
        largest = larger_magnitude(largest, v);
        sn_lanes_store(y, i, r->step > 0 ? round_vector(r, v) : v, bf16);
    }
    if (tail) {
        const sn_vec v = load_tail((const sn_real *)x + whole, tail);
        largest = larger_magnitude(largest, v);
        store_tail((sn_real *)y + whole, r->step > 0 ? round_vector(r, v) : v, tail);
    }
    return largest;
}

static void fake_quantize_forward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    const rounding r = *(const rounding *)node->saved;
    const void *x = sn_value_at(node->input[0], part);
    void *y = sn_value_at(node->output, part);
    const size_t count = count_of(node, part);
    const sn_vec largest = node->output->bf16 ? forward_all(&r, x, y, count, true)
                                              : forward_all(&r, x, y, count, false);
    sn_real *own = (sn_real *)node->forward_sums + part->thread;
    if (part->is_start)
        *own = 0;
    for (size_t i = 0; i < SN_LANES; i++)
        *own = largest[i] > *own ? largest[i] : *own;
}

/* A range that gives no step is replaced by the batch's own. */
static void fake_quantize_move(const sn_node *node, const sn_run *run, const sn_part *part) {
    if (part->thread > 0)
        return;
    const sn_real keep = (sn_real)attributes_of(node)->momentum;
    const sn_real *own = node->forward_sums;
    sn_real *range = node->state[RANGE]->value, largest = 0;
    for (int thread = 0; thread < run->threads; thread++)
        largest = own[thread] > largest ? own[thread] : largest;
    const bool is_known = sn_fake_quantize_step(*range, attributes_of(node)->is_signed) > 0;
    *range = is_known ? keep * *range + (1 - keep) * largest : largest;
}

/* ---- backward ---- */

SN_INLINE void backward_all(const rounding *r, const void *x, const void *dy, void *dx,
                            size_t count, bool bf16, bool add) {
    const size_t whole = count - count % SN_LANES, tail = count - whole;
    for (size_t i = 0; i < whole; i += SN_LANES) {
        sn_vec v = sn_lanes_load(dy, i, bf16);
        if (r->step > 0)
            v = pass_vector(r, sn_lanes_load(x, i, bf16), v);
        sn_lanes_store(dx, i, add ? sn_lanes_load(dx, i, bf16) + v : v, bf16);
    }
    if (tail) {
        sn_vec v = load_tail((const sn_real *)dy + whole, tail);
        if (r->step > 0)
            v = pass_vector(r, load_tail((const sn_real *)x + whole, tail), v);
        sn_real *to = (sn_real *)dx + whole;
        store_tail(to, add ? load_tail(to, tail) + v : v, tail);
    }
}

static void fake_quantize_backward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    const rounding r = *(const rounding *)node->saved;
    const void *x = sn_value_at(node->input[0], part);
    const void *dy = sn_gradient_at(node->output, part);
    void *dx = sn_gradient_at(node->input[0], part);
    const size_t count = count_of(node, part);
    if (node->output->bf16)
        backward_all(&r, x, dy, dx, count, true, node->add[0]);
    else
        backward_all(&r, x, dy, dx, count, false, node->add[0]);
}

const sn_op sn_op_fake_quantize = {
    .name = "fake_quantize",
    .attributes_size = sizeof(sn_fake_quantize_attributes),
    .operand = {{"x", SN_OPERAND_DATA, .saved = true}},
    .state = {[RANGE] = "range"},
    .any_layout = true,
    .shape = fake_quantize_shape,
    .forward = {{SN_PHASE_EARLY, fake_quantize_begin, SN_ALWAYS},
                {SN_PHASE_IMAGES, fake_quantize_forward, SN_ALWAYS},
                {SN_PHASE_LATE, fake_quantize_move, SN_TRAINING_ONLY}},
    .backward = {{SN_PHASE_IMAGES, fake_quantize_backward, SN_ALWAYS}},
};

sn_status sn_fake_quantize(sn_graph *graph, sn_tensor *x, sn_tensor *range,
                           const sn_fake_quantize_attributes *attributes, sn_tensor **y,
                           sn_error *error) {
    sn_tensor *const inputs[SN_MAX_INPUTS] = {x};
    sn_tensor *const states[SN_MAX_STATES] = {range};
    return sn_graph_apply(graph, &sn_op_fake_quantize, attributes, inputs, states, y, error);
}
