/* Subtracts from each pixel the mean over its channels (docs/method.md, "Centring"):
 *     y_c = x_c - mean_c x,     dx_c = dy_c - mean_c dy
 * The map is its own transpose, so forward and backward are one function. Behind fake_quantize the
 * values are integers q times a step, and the mean is rounded to a whole number of steps:
 *     r = floor((sum_c q + floor(C / 2)) / C),     y = step (q - r)
 * The inference library computes the same in integers. Backward ignores the rounding.
 */
#include "autograd/lane_layout.h"
#include "autograd/op.h"
#include "autograd/ops.h"

#include <string.h>

enum { RANGE }; /* of the states */

/* How this step rounds; in node->saved. step 0: not at all. */
typedef struct rounding {
    sn_real step, inverse;
} rounding;

static sn_status center_channels_shape(sn_node *node, const sn_run *run, sn_error *error) {
    (void)run;
    const sn_tensor *x = node->input[0], *range = node->state[RANGE];
    char text[SN_SHAPE_TEXT_SIZE];
    SN_RETURN_IF(x->shape.rank != 4, error, SN_ERROR_ARGUMENT,
                 "center_channels: input %s; need [N, C, H, W]", sn_shape_text(&x->shape, text));
    SN_RETURN_IF(range && sn_shape_count(&range->shape) != 1, error, SN_ERROR_ARGUMENT,
                 "center_channels: range %s; need one number", sn_shape_text(&range->shape, text));
    node->output->shape = x->shape;
    node->output->layout = x->layout;
    node->output->bf16 = x->bf16;
    node->saved_size = sizeof(rounding);
    return SN_OK;
}

/* The range moves after the last image, so all images see the old one. */
static void center_channels_begin(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    if (part->thread > 0)
        return;
    const sn_center_channels_attributes *attributes = (const void *)node->attributes;
    const sn_tensor *range = node->state[RANGE];
    rounding *r = node->saved;
    r->step = range ? sn_fake_quantize_step(range->value[0], attributes->is_signed) : 0;
    r->inverse = r->step > 0 ? 1 / r->step : 0;
}

/* ---- one pixel ---- */

/* x as the integer q that it stands for. */
SN_INLINE sn_vec integer_of(const rounding *r, sn_vec x) {
    return sn_vec_round(x * r->inverse);
}

/* The mean of a pixel whose channels sum to `sum`, lane by lane; of x or, with `rounds`, of q. */
SN_INLINE sn_vec mean_of(sn_vec sum, size_t channels, bool rounds) {
    const sn_vec count = sn_vec_all((sn_real)channels);
    if (!rounds)
        return sum / count;
    /* Sums of integers are exact, and so are quotients that are integers: 255 times the 65536
     * channels that a model may have is below 2^24. */
    const size_t half = channels / 2;
    const sn_vec quotient = (sum + (sn_real)half) / count;
    const sn_vec nearest = sn_vec_round(quotient);
    return nearest - sn_vec_where((sn_vec_mask)(nearest > quotient), sn_vec_all(1));
}

/* ---- in lanes ---- */

SN_INLINE sn_vec sum_of_lanes(sn_vec v) {
    sn_real lane[SN_LANES];
    memcpy(lane, &v, sizeof lane);
    for (size_t width = SN_LANES / 2; width > 0; width /= 2)
        for (size_t i = 0; i < width; i++)
            lane[i] += lane[i + width];
    return sn_vec_all(lane[0]);
}

/* The lanes of the last group that are channels. */
static sn_vec_mask used_lanes(size_t channels) {
    const size_t used = (channels - 1) % SN_LANES + 1;
    sn_vec_mask mask = {0};
    for (size_t i = 0; i < used; i++)
        mask[i] = -1;
    return mask;
}

SN_INLINE void center_lanes(const rounding *r, const sn_lane_layout *layout, size_t channels,
                            const void *x, void *y, size_t images, bool bf16, bool rounds,
                            bool add) {
    const sn_vec_mask used = used_lanes(channels);
    for (size_t n = 0; n < images; n++) {
        for (size_t p = 0; p < layout->pixels; p++) {
            const size_t pixel = n * layout->image_stride + p * layout->pixel_stride;
            sn_vec sum = {0};
            for (size_t g = 0; g < layout->groups; g++) {
                const sn_vec v = sn_lanes_load(x, pixel + g * layout->group_stride, bf16);
                sum += rounds ? integer_of(r, v) : v;
            }
            const sn_vec mean = mean_of(sum_of_lanes(sum), channels, rounds);
            for (size_t g = 0; g < layout->groups; g++) {
                const size_t at = pixel + g * layout->group_stride;
                sn_vec v = sn_lanes_load(x, at, bf16);
                v = rounds ? (integer_of(r, v) - mean) * r->step : v - mean;
                if (g + 1 == layout->groups)
                    v = sn_vec_where(used, v);
                sn_lanes_store(y, at, add ? sn_lanes_load(y, at, bf16) + v : v, bf16);
            }
        }
    }
}

/* ---- plain ---- */

/* The pixels p .. p + count - 1 of one image, at most a vector. */
SN_INLINE void center_plain_pixels(const rounding *r, const sn_real *x, sn_real *y, size_t pixels,
                                   size_t channels, size_t count, bool rounds, bool add) {
    sn_vec sum = {0}, v = {0};
    for (size_t c = 0; c < channels; c++) {
        memcpy(&v, x + c * pixels, count * sizeof *x);
        sum += rounds ? integer_of(r, v) : v;
    }
    const sn_vec mean = mean_of(sum, channels, rounds);
    for (size_t c = 0; c < channels; c++) {
        memcpy(&v, x + c * pixels, count * sizeof *x);
        sn_vec centered = rounds ? (integer_of(r, v) - mean) * r->step : v - mean;
        if (add) {
            memcpy(&v, y + c * pixels, count * sizeof *y);
            centered += v;
        }
        memcpy(y + c * pixels, &centered, count * sizeof *y);
    }
}

SN_INLINE void center_plain(const rounding *r, const sn_shape *shape, const sn_real *x, sn_real *y,
                            size_t images, bool rounds, bool add) {
    const size_t channels = shape->size[1], pixels = shape->size[2] * shape->size[3];
    const size_t tail = pixels % SN_LANES;
    for (size_t n = 0; n < images; n++, x += channels * pixels, y += channels * pixels) {
        for (size_t p = 0; p < pixels - tail; p += SN_LANES)
            center_plain_pixels(r, x + p, y + p, pixels, channels, SN_LANES, rounds, add);
        if (tail)
            center_plain_pixels(r, x + pixels - tail, y + pixels - tail, pixels, channels, tail,
                                rounds, add);
    }
}

/* ---- the op ---- */

/* y (+)= x - means, for images of the tensor's shape and layout. */
static void center(const sn_tensor *tensor, const rounding *r, const void *x, void *y,
                   size_t images, bool rounds, bool add) {
    if (tensor->layout == SN_LAYOUT_PLAIN) {
        center_plain(r, &tensor->shape, x, y, images, rounds, add);
        return;
    }
    const sn_lane_layout layout = sn_tensor_lanes(tensor);
    const size_t channels = tensor->shape.size[1];
    if (layout.bf16)
        center_lanes(r, &layout, channels, x, y, images, true, rounds, add);
    else
        center_lanes(r, &layout, channels, x, y, images, false, rounds, add);
}

static void center_channels_forward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    const rounding *r = node->saved;
    center(node->output, r, sn_value_at(node->input[0], part), sn_value_at(node->output, part),
           part->last - part->first, r->step > 0, false);
}

static void center_channels_backward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    center(node->output, NULL, sn_gradient_at(node->output, part),
           sn_gradient_at(node->input[0], part), part->last - part->first, false, node->add[0]);
}

const sn_op sn_op_center_channels = {
    .name = "center_channels",
    .attributes_size = sizeof(sn_center_channels_attributes),
    .operand = {{"x", SN_OPERAND_DATA}},
    .state = {[RANGE] = "range"},
    .any_layout = true,
    .shape = center_channels_shape,
    .forward = {{SN_PHASE_EARLY, center_channels_begin, SN_ALWAYS},
                {SN_PHASE_IMAGES, center_channels_forward, SN_ALWAYS}},
    .backward = {{SN_PHASE_IMAGES, center_channels_backward, SN_ALWAYS}},
};

sn_status sn_center_channels(sn_graph *graph, sn_tensor *x, sn_tensor *range,
                             const sn_center_channels_attributes *attributes, sn_tensor **y,
                             sn_error *error) {
    sn_tensor *const inputs[SN_MAX_INPUTS] = {x};
    sn_tensor *const states[SN_MAX_STATES] = {range};
    return sn_graph_apply(graph, &sn_op_center_channels, attributes, inputs, states, y, error);
}
