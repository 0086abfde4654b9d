/* Learned shifts of the channels (PLUM's own block), two ops that share their code:
 *     shift_clamp    y = clamp(x + before[c], -2, 2)
 *     shift_prelu    y = prelu(x + before[c], slope[c]) + after[c]
 */
#include "autograd/ops.h"
#include "autograd/planes.h"
#include "autograd/thread_sums.h"

enum { X, BEFORE, SLOPE, AFTER, INPUTS };

/* A vector for each input except x. node->saved has the parameters, padded to whole lanes with
 * zeros; backward_sums has for each thread the sums of their gradients. */
enum { VECTORS = INPUTS - 1 };

static bool clamps(const sn_node *node) {
    return node->op == &sn_op_shift_clamp;
}

static size_t padded_channels(const sn_node *node) {
    return sn_lane_groups(node->input[X]->shape.size[1]) * SN_LANES;
}

static sn_status shift_shape(sn_node *node, const sn_run *run, sn_error *error) {
    const sn_tensor *x = node->input[X];
    const char *name = node->op->name;
    char xs[SN_SHAPE_TEXT_SIZE], ps[SN_SHAPE_TEXT_SIZE];
    SN_RETURN_IF(x->shape.rank != 4, error, SN_ERROR_ARGUMENT, "%s: input %s; need [N, C, H, W]",
                 name, sn_shape_text(&x->shape, xs));
    for (int k = BEFORE; k < (clamps(node) ? SLOPE : INPUTS); k++) {
        const sn_shape *p = &node->input[k]->shape;
        SN_RETURN_IF(p->rank != 1 || p->size[0] != x->shape.size[1], error, SN_ERROR_ARGUMENT,
                     "%s: parameter %s does not fit input %s; need [C]", name, sn_shape_text(p, ps),
                     sn_shape_text(&x->shape, xs));
    }
    node->output->shape = x->shape;
    node->output->layout = x->layout;
    node->output->bf16 = x->bf16;
    const size_t channels = padded_channels(node), threads = (size_t)run->threads;
    node->saved_size = VECTORS * channels * sizeof(sn_real);
    node->backward_sums_size = threads * VECTORS * channels * sizeof(double);
    return SN_OK;
}

static sn_real *saved_vector(const sn_node *node, int input) {
    return (sn_real *)node->saved + (size_t)(input - 1) * padded_channels(node);
}

static double *sums_of(const sn_node *node, int thread, int input) {
    return (double *)node->backward_sums +
           ((size_t)thread * VECTORS + (size_t)(input - 1)) * padded_channels(node);
}

static void shift_begin(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    if (part->thread > 0)
        return;
    memset(node->saved, 0, VECTORS * padded_channels(node) * sizeof(sn_real));
    for (int k = BEFORE; k < INPUTS; k++)
        if (node->input[k])
            memcpy(saved_vector(node, k), node->input[k]->value,
                   node->input[k]->shape.size[0] * sizeof(sn_real));
}

/* ---- planes ---- */

/* The parameters of a plane's channels. */
typedef struct shifts {
    sn_vec before, slope, after;
} shifts;

static shifts shifts_of(const sn_node *node, const sn_planes *s, size_t plane) {
    return (shifts){.before = sn_plane_vector(s, saved_vector(node, BEFORE), plane),
                    .slope = sn_plane_vector(s, saved_vector(node, SLOPE), plane),
                    .after = sn_plane_vector(s, saved_vector(node, AFTER), plane)};
}

/* NaN stays NaN, so that the loss shows it. */
SN_INLINE sn_vec forward_vector(sn_vec x, const shifts *p, bool clamp) {
    const sn_vec limit = sn_vec_all(SN_SHIFT_LIMIT), z = x + p->before;
    if (!clamp)
        return sn_activate(z, p->slope, SN_ACTIVATION_PRELU) + p->after;
    const sn_vec low = sn_vec_select((sn_vec_mask)(z < -limit), -limit, z);
    return sn_vec_select((sn_vec_mask)(low > limit), limit, low);
}

SN_INLINE void forward_plane(const void *x, void *y, const sn_plane *s, const shifts *p, bool bf16,
                             bool clamp) {
    for (size_t i = 0; i < s->vectors; i++)
        sn_plane_store(y, s, i, forward_vector(sn_plane_load(x, s, i, bf16), p, clamp), bf16);
    if (s->tail)
        sn_plane_store_tail(y, s, forward_vector(sn_plane_load_tail(x, s), p, clamp));
}

/* Sums over a plane of what before, slope and after receive. */
typedef struct sums {
    sn_vec before, slope, after;
} sums;

/* dx, or what is added to it. */
SN_INLINE sn_vec backward_vector(sn_vec x, sn_vec dy, const shifts *p, bool clamp, sums *own) {
    const sn_vec z = x + p->before;
    sn_vec dz;
    if (clamp) {
        dz = sn_vec_where((sn_vec_mask)(z >= -SN_SHIFT_LIMIT) & (sn_vec_mask)(z <= SN_SHIFT_LIMIT),
                          dy);
    } else {
        dz = sn_activate_back(dy, z, (sn_vec){0}, p->slope, SN_ACTIVATION_PRELU, &own->slope);
        own->after += dy;
    }
    own->before += dz;
    return dz;
}

/* dx: or NULL. */
SN_INLINE void backward_plane(const void *x, const void *dy, void *dx, const sn_plane *s,
                              const shifts *p, bool bf16, bool clamp, bool add, sums *total) {
    sums own = {{0}, {0}, {0}};
    for (size_t i = 0; i < s->vectors; i++) {
        sn_vec v = backward_vector(sn_plane_load(x, s, i, bf16), sn_plane_load(dy, s, i, bf16), p,
                                   clamp, &own);
        if (dx && add)
            v += sn_plane_load(dx, s, i, bf16);
        if (dx)
            sn_plane_store(dx, s, i, v, bf16);
    }
    if (s->tail) {
        sn_vec v =
            backward_vector(sn_plane_load_tail(x, s), sn_plane_load_tail(dy, s), p, clamp, &own);
        if (dx && add)
            v += sn_plane_load_tail(dx, s);
        if (dx)
            sn_plane_store_tail(dx, s, v);
    }
    *total = own;
}

/* Runs `call` with `clamp` and `bf16` as constants. */
#define WITH_CONSTANTS(node, planes, call)                                                         \
    do {                                                                                           \
        if (clamps(node)) {                                                                        \
            const bool clamp = true;                                                               \
            SN_WITH_CONSTANT_BF16((planes).bf16, call);                                            \
        } else {                                                                                   \
            const bool clamp = false;                                                              \
            SN_WITH_CONSTANT_BF16((planes).bf16, call);                                            \
        }                                                                                          \
    } while (0)

/* ---- phases ---- */

static void shift_forward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    const sn_planes s = sn_planes_of(node->input[X]);
    const void *x = sn_value_at(node->input[X], part);
    void *y = sn_value_at(node->output, part);
    for (size_t n = 0; n < part->last - part->first; n++) {
        for (size_t i = 0; i < s.count; i++) {
            const sn_plane plane = sn_plane_at(&s, n, i);
            const shifts p = shifts_of(node, &s, i);
            WITH_CONSTANTS(node, s, forward_plane(x, y, &plane, &p, bf16, clamp));
        }
    }
}

static void shift_backward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    const sn_planes s = sn_planes_of(node->input[X]);
    const void *x = sn_value_at(node->input[X], part);
    const void *dy = sn_gradient_at(node->output, part);
    void *dx = sn_gradient_at(node->input[X], part);
    const bool add = node->add[X];
    if (part->is_start)
        memset(sums_of(node, part->thread, BEFORE), 0,
               VECTORS * padded_channels(node) * sizeof(double));
    for (size_t n = 0; n < part->last - part->first; n++) {
        for (size_t i = 0; i < s.count; i++) {
            const sn_plane plane = sn_plane_at(&s, n, i);
            const shifts p = shifts_of(node, &s, i);
            sums own;
            WITH_CONSTANTS(node, s, backward_plane(x, dy, dx, &plane, &p, bf16, clamp, add, &own));
            sn_plane_add_to_sums(&s, i, own.before, sums_of(node, part->thread, BEFORE));
            sn_plane_add_to_sums(&s, i, own.slope, sums_of(node, part->thread, SLOPE));
            sn_plane_add_to_sums(&s, i, own.after, sums_of(node, part->thread, AFTER));
        }
    }
}

static void shift_join(const sn_node *node, const sn_run *run, const sn_part *part) {
    for (int k = BEFORE; part->thread == 0 && k < INPUTS; k++) {
        const size_t channels = node->input[k] ? node->input[k]->shape.size[0] : 0;
        const size_t stride = VECTORS * padded_channels(node);
        for (size_t c = 0; c < channels; c++)
            sn_add_gradient(
                node, k, c,
                (sn_real)sn_thread_total_double(sums_of(node, 0, k), stride, run->threads, c));
    }
}

#define ALL_DATA                                                                                   \
    { [X] = true, [SN_OUTPUT] = true }
#define SHIFT_PHASES                                                                               \
    .any_layout = true, .shape = shift_shape,                                                      \
    .forward = {{SN_PHASE_EARLY, shift_begin, SN_ALWAYS, ALL_DATA},                                \
                {SN_PHASE_IMAGES, shift_forward, SN_ALWAYS}},                                      \
    .backward = {{SN_PHASE_IMAGES, shift_backward, SN_ALWAYS},                                     \
                 {SN_PHASE_LATE, shift_join, SN_ALWAYS, ALL_DATA}}

const sn_op sn_op_shift_clamp = {
    .name = "shift_clamp",
    .operand =
        {[X] = {"x", SN_OPERAND_DATA, .saved = true}, [BEFORE] = {"shift", SN_OPERAND_WEIGHT}},
    SHIFT_PHASES};
const sn_op sn_op_shift_prelu = {.name = "shift_prelu",
                                 .operand = {[X] = {"x", SN_OPERAND_DATA, .saved = true},
                                             [BEFORE] = {"before", SN_OPERAND_WEIGHT},
                                             [SLOPE] = {"slope", SN_OPERAND_WEIGHT},
                                             [AFTER] = {"after", SN_OPERAND_WEIGHT}},
                                 SHIFT_PHASES};

sn_status sn_shift_clamp(sn_graph *graph, sn_tensor *x, sn_tensor *shift, sn_tensor **y,
                         sn_error *error) {
    sn_tensor *const inputs[SN_MAX_INPUTS] = {x, shift};
    return sn_graph_apply(graph, &sn_op_shift_clamp, NULL, inputs, NULL, y, error);
}

sn_status sn_shift_prelu(sn_graph *graph, sn_tensor *x, const sn_shift_prelu_operands *operands,
                         sn_tensor **y, sn_error *error) {
    sn_tensor *const inputs[SN_MAX_INPUTS] = {x, operands->before, operands->slope,
                                              operands->after};
    return sn_graph_apply(graph, &sn_op_shift_prelu, NULL, inputs, NULL, y, error);
}
