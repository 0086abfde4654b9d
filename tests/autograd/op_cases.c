#include "op_cases.h"

#include "op_naive.h"

#include "autograd/op.h"

#include <string.h>

static op_case image_case(size_t n, size_t c, size_t h, size_t w) {
    return (op_case){.operand = {sn_shape_4(n, c, h, w)}, .kernel = 1, .stride = 1};
}

/* Shapes with odd sizes, one image, one channel, one pixel; channels that fill whole vectors, fill
 * the last one in part, or leave most of the only one empty. */
static const size_t images[][4] = {{2, 3, 5, 7},  {1, 4, 3, 3}, {3, 1, 6, 1}, {1, 1, 1, 1},
                                   {2, 5, 1, 1},  {5, 2, 9, 4}, {7, 3, 2, 2}, {1, 2, 1, 33},
                                   {3, 19, 2, 3}, {2, 16, 3, 1}};
enum { IMAGES = sizeof images / sizeof *images };

static op_case nth_image(size_t i) {
    return image_case(images[i][0], images[i][1], images[i][2], images[i][3]);
}

static size_t global_average_pool_cases(op_case cases[MAX_CASES]) {
    for (size_t i = 0; i < IMAGES; i++)
        cases[i] = nth_image(i);
    return IMAGES;
}

/* Without rounding, and behind rounded values of either kind. */
static size_t center_channels_cases(op_case cases[MAX_CASES]) {
    static const double ranges[] = {0, 6};
    size_t count = 0;
    for (size_t i = 0; i < IMAGES; i++) {
        cases[count++] = nth_image(i);
        for (size_t k = 0; k < sizeof ranges / sizeof *ranges; k++)
            for (int is_signed = 0; is_signed <= 1; is_signed++) {
                op_case c = nth_image(i);
                c.operand[1] = sn_shape_1(1);
                c.range = ranges[k];
                c.is_signed = is_signed;
                cases[count++] = c;
            }
    }
    return count;
}

static size_t pool_cases(op_case cases[MAX_CASES]) {
    size_t count = 0;
    for (int kernel = 1; kernel <= 7; kernel++)
        for (int stride = 1; stride <= 3; stride++)
            for (int padding = 0; padding <= kernel / 2; padding++) {
                cases[count] = image_case(1 + count % 3, 1 + count % 2, 7, 9);
                cases[count].kernel = kernel;
                cases[count].stride = stride;
                cases[count++].padding = padding;
            }
    for (size_t i = 0; i < IMAGES; i++) {
        cases[count] = nth_image(i);
        cases[count].kernel = 3;
        cases[count].stride = 2;
        cases[count].padding = 1;
        if (images[i][2] > 1 || images[i][3] > 1)
            count++;
    }
    return count;
}

static size_t max_pool_cases(op_case cases[MAX_CASES]) {
    return pool_cases(cases);
}

static size_t average_pool_cases(op_case cases[MAX_CASES]) {
    const size_t count = pool_cases(cases);
    /* An area that does not fit an int; the data make up for it. */
    cases[count] = image_case(1, 2, 1, 2);
    cases[count].offset = 1e9;
    cases[count].kernel = 50000;
    cases[count].stride = 1;
    cases[count].padding = 25000;
    return count + 1;
}

static op_case conv2d_case(const size_t x[4], size_t k, size_t r, size_t s, int stride, int padding,
                           bool bias) {
    op_case c = image_case(x[0], x[1], x[2], x[3]);
    c.operand[1] = sn_shape_4(k, x[1], r, s);
    if (bias)
        c.operand[2] = sn_shape_1(k);
    c.stride = stride;
    c.padding = padding;
    return c;
}

static size_t conv2d_cases(op_case cases[MAX_CASES]) {
    static const size_t kernels[][2] = {{1, 1}, {3, 3}, {5, 5}, {7, 7}, {3, 1}, {1, 5}, {2, 3}};
    size_t count = 0;
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
        for (int stride = 1; stride <= 3; stride++)
            for (int padding = 0; padding <= 3; padding++) {
                const size_t x[4] = {1 + count % 3, 1 + count % 4, 9, 8};
                cases[count] = conv2d_case(x, 1 + count % 5, kernels[i][0], kernels[i][1], stride,
                                           padding, count % 2);
                count++;
            }
    for (size_t i = 0; i < IMAGES; i++)
        cases[count++] = conv2d_case(images[i], 3, 3, 3, 2, 1, i % 2);
    for (size_t i = 0; i < IMAGES; i++)
        cases[count++] = conv2d_case(images[i], 4, 1, 1, 1, 0, i % 2 == 0);
    cases[count++] = conv2d_case((size_t[4]){2, 2, 1, 1}, 2, 7, 7, 1, 3, true);
    cases[count++] = conv2d_case((size_t[4]){1, 2, 2, 1}, 2, 1, 2, 5, 3, false);
    cases[count++] = conv2d_case((size_t[4]){2, 16, 12, 11}, 24, 3, 3, 1, 1, false);
    return count;
}

static size_t linear_cases(op_case cases[MAX_CASES]) {
    static const size_t sizes[][3] = {{1, 1, 1}, {4, 7, 3}, {1, 33, 10}, {5, 1, 2}, {3, 64, 1}};
    size_t count = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int bias = 0; bias <= 1; bias++) {
            const size_t *s = sizes[i];
            cases[count] = (op_case){.operand = {sn_shape_2(s[0], s[1]), sn_shape_2(s[2], s[1])}};
            if (bias)
                cases[count].operand[2] = sn_shape_1(s[2]);
            count++;
        }
    for (size_t i = 0; i < IMAGES; i++) { /* flattened */
        cases[count] = nth_image(i);
        cases[count].operand[1] = sn_shape_2(4, images[i][1] * images[i][2] * images[i][3]);
        cases[count++].operand[2] = sn_shape_1(4);
    }
    return count;
}

/* Where the residual comes from. */
enum { NO_RESIDUAL, OPERAND_RESIDUAL, X_RESIDUAL, RESIDUALS };

static op_case batch_norm_case(size_t image, bool eval, sn_activation activation, int residual) {
    op_case c = nth_image(image);
    for (int k = 1; k <= 4; k++)
        c.operand[k] = sn_shape_1(images[image][1]);
    if (residual == OPERAND_RESIDUAL)
        c.operand[5] = c.operand[0];
    if (activation == SN_ACTIVATION_PRELU)
        c.operand[6] = c.operand[1];
    c.activation = activation;
    c.residual_is_x = residual == X_RESIDUAL;
    /* With few numbers and a small epsilon the gradient is pure cancellation. */
    c.epsilon = images[image][0] * images[image][2] * images[image][3] < 4 ? 0.1 : 1e-5;
    c.offset = image % 2 ? 20 : 0; /* a mean far from 0 */
    c.eval = eval;
    return c;
}

/* One image with everything, the others with a part. */
static size_t batch_norm_cases(op_case cases[MAX_CASES]) {
    size_t count = 0;
    for (size_t i = 0; i < IMAGES; i++)
        for (int eval = 0; eval <= 1; eval++)
            for (int activation = 0; activation < SN_ACTIVATION_COUNT; activation++)
                for (int residual = 0; residual < RESIDUALS; residual++)
                    if (i == 0 || (int)(i / 2 + (size_t)activation) % RESIDUALS == residual)
                        cases[count++] =
                            batch_norm_case(i, eval, (sn_activation)activation, residual);
    return count;
}

/* By labels alone, by labels and a teacher, and by a teacher alone. */
static size_t cross_entropy_cases(op_case cases[MAX_CASES]) {
    static const size_t sizes[][2] = {{1, 1}, {1, 2}, {4, 7}, {3, 100}, {9, 10}};
    static const double weights[] = {0, 0.3, 1};
    size_t count = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int smooth = 0; smooth <= 1; smooth++)
            for (size_t k = 0; k < sizeof weights / sizeof *weights; k++) {
                op_case c = {
                    .operand = {sn_shape_2(sizes[i][0], sizes[i][1]), sn_shape_1(sizes[i][0])},
                    .offset = i % 2 ? 200 : 0, /* exp would overflow a float */
                    .label_smoothing = smooth ? 0.1 : 0};
                if (k > 0) {
                    c.operand[2] = c.operand[0];
                    c.temperature = smooth ? 4 : 0.7;
                    c.teacher_weight = weights[k];
                }
                cases[count++] = c;
            }
    return count;
}

/* Ranges that clip a part of the values and none; 0: the first step. */
static size_t fake_quantize_cases(op_case cases[MAX_CASES]) {
    static const double ranges[] = {0, 0.75, 1.5, 6};
    size_t count = 0;
    for (size_t i = 0; i < IMAGES; i++)
        for (int eval = 0; eval <= 1; eval++)
            for (size_t k = 0; k < sizeof ranges / sizeof *ranges; k++) {
                op_case c = nth_image(i);
                c.operand[1] = sn_shape_1(1);
                c.range = ranges[k];
                c.is_signed = (i + k) % 2;
                c.eval = eval;
                cases[count++] = c;
            }
    return count;
}

/* With so many parameters for each channel. */
static size_t channel_cases(op_case cases[MAX_CASES], int parameters) {
    for (size_t i = 0; i < IMAGES; i++) {
        cases[i] = nth_image(i);
        for (int k = 1; k <= parameters; k++)
            cases[i].operand[k] = sn_shape_1(images[i][1]);
    }
    return IMAGES;
}

static size_t shift_clamp_cases(op_case cases[MAX_CASES]) {
    return channel_cases(cases, 1);
}

static size_t shift_prelu_cases(op_case cases[MAX_CASES]) {
    return channel_cases(cases, 3);
}

static sn_status apply_max_pool(sn_graph *graph, const op_case *c, sn_tensor *const *operand,
                                sn_tensor **y, sn_error *error) {
    return sn_max_pool(graph, operand[0], c->kernel, c->stride, c->padding, y, error);
}

static sn_status apply_average_pool(sn_graph *graph, const op_case *c, sn_tensor *const *operand,
                                    sn_tensor **y, sn_error *error) {
    return sn_average_pool(graph, operand[0], c->kernel, c->stride, c->padding, y, error);
}

static sn_status apply_global_average_pool(sn_graph *graph, const op_case *c,
                                           sn_tensor *const *operand, sn_tensor **y,
                                           sn_error *error) {
    (void)c;
    return sn_global_average_pool(graph, operand[0], y, error);
}

static sn_status apply_make_plain(sn_graph *graph, const op_case *c, sn_tensor *const *operand,
                                  sn_tensor **y, sn_error *error) {
    (void)c;
    sn_tensor *const inputs[SN_MAX_INPUTS] = {operand[0]};
    return sn_graph_apply(graph, &sn_op_make_plain, NULL, inputs, NULL, y, error);
}

static sn_status apply_conv2d(sn_graph *graph, const op_case *c, sn_tensor *const *operand,
                              sn_tensor **y, sn_error *error) {
    return sn_conv2d(graph, operand[0], operand[1], operand[2], c->stride, c->padding, y, error);
}

static sn_status apply_linear(sn_graph *graph, const op_case *c, sn_tensor *const *operand,
                              sn_tensor **y, sn_error *error) {
    (void)c;
    return sn_linear(graph, operand[0], operand[1], operand[2], y, error);
}

static sn_status apply_batch_norm(sn_graph *graph, const op_case *c, sn_tensor *const *operand,
                                  sn_tensor **y, sn_error *error) {
    const sn_batch_norm_operands operands = {
        operand[1], operand[2], operand[3], operand[4], c->residual_is_x ? operand[0] : operand[5],
        operand[6]};
    const sn_batch_norm_attributes attributes = {OP_CASE_MOMENTUM, c->epsilon, c->activation};
    return sn_batch_norm(graph, operand[0], &operands, &attributes, y, error);
}

static sn_status apply_fake_quantize(sn_graph *graph, const op_case *c, sn_tensor *const *operand,
                                     sn_tensor **y, sn_error *error) {
    const sn_fake_quantize_attributes attributes = {OP_CASE_MOMENTUM, c->is_signed};
    return sn_fake_quantize(graph, operand[0], operand[1], &attributes, y, error);
}

static sn_status apply_center_channels(sn_graph *graph, const op_case *c, sn_tensor *const *operand,
                                       sn_tensor **y, sn_error *error) {
    const sn_center_channels_attributes attributes = {c->is_signed};
    return sn_center_channels(graph, operand[0], operand[1], &attributes, y, error);
}

static sn_status apply_shift_clamp(sn_graph *graph, const op_case *c, sn_tensor *const *operand,
                                   sn_tensor **y, sn_error *error) {
    (void)c;
    return sn_shift_clamp(graph, operand[0], operand[1], y, error);
}

static sn_status apply_shift_prelu(sn_graph *graph, const op_case *c, sn_tensor *const *operand,
                                   sn_tensor **y, sn_error *error) {
    (void)c;
    const sn_shift_prelu_operands operands = {operand[1], operand[2], operand[3]};
    return sn_shift_prelu(graph, operand[0], &operands, y, error);
}

static sn_status apply_cross_entropy(sn_graph *graph, const op_case *c, sn_tensor *const *operand,
                                     sn_tensor **y, sn_error *error) {
    const sn_cross_entropy_attributes attributes = {c->label_smoothing, c->temperature,
                                                    c->teacher_weight};
    if (operand[2])
        return sn_distillation(graph, operand[0], operand[1], operand[2], &attributes, y, error);
    return sn_cross_entropy(graph, operand[0], operand[1], c->label_smoothing, y, error);
}

#define ENTRY(op, data_kind, cases_function, ...)                                                  \
    {                                                                                              \
        .name = #op, .operand = {__VA_ARGS__}, .data = data_kind, .engine = SN_ENGINE_GEMM,        \
        .cases = cases_function, .apply = apply_##op, .shape = naive_##op##_shape,                 \
        .forward = naive_##op##_forward, .backward = naive_##op##_backward                         \
    }
#define CONV2D(op, op_engine)                                                                      \
    {                                                                                              \
        .name = #op, .operand = {"x", "weight", "bias"}, .data = DATA_ANY, .engine = op_engine,    \
        .cases = conv2d_cases, .apply = apply_conv2d, .shape = naive_conv2d_shape,                 \
        .forward = naive_conv2d_forward, .backward = naive_conv2d_backward                         \
    }

#define SHIFT(op, ...)                                                                             \
    {                                                                                              \
        .name = #op, .engine = SN_ENGINE_GEMM, .operand = {__VA_ARGS__}, .cases = op##_cases,      \
        .is_smooth = naive_shift_is_smooth, .apply = apply_##op, .shape = naive_shift_shape,       \
        .forward = naive_shift_forward, .backward = naive_shift_backward                           \
    }

static const op_entry entries[] = {
    ENTRY(average_pool, DATA_ANY, average_pool_cases, "x"),
    {.name = "batch_norm",
     .engine = SN_ENGINE_GEMM,
     .operand = {"x", "gamma", "beta", "running mean", "running variance", "residual", "slope"},
     .cases = batch_norm_cases,
     .is_smooth = naive_batch_norm_is_smooth,
     .apply = apply_batch_norm,
     .shape = naive_batch_norm_shape,
     .forward = naive_batch_norm_forward,
     .backward = naive_batch_norm_backward},
    {.name = "center_channels",
     .engine = SN_ENGINE_GEMM,
     .operand = {"x", "range"},
     .cases = center_channels_cases,
     .is_smooth = naive_center_channels_is_smooth,
     .apply = apply_center_channels,
     .shape = naive_center_channels_shape,
     .forward = naive_center_channels_forward,
     .backward = naive_center_channels_backward,
     .surrogate = naive_center_channels_surrogate},
    CONV2D(conv2d_gemm, SN_ENGINE_GEMM),
    CONV2D(conv2d_onednn, SN_ENGINE_ONEDNN),
    CONV2D(conv2d_winograd, SN_ENGINE_WINOGRAD),
    ENTRY(cross_entropy, DATA_ANY, cross_entropy_cases, "logits", "labels", "teacher"),
    {.name = "fake_quantize",
     .engine = SN_ENGINE_GEMM,
     .operand = {"x", "range"},
     .cases = fake_quantize_cases,
     .is_smooth = naive_fake_quantize_is_smooth,
     .apply = apply_fake_quantize,
     .shape = naive_fake_quantize_shape,
     .forward = naive_fake_quantize_forward,
     .backward = naive_fake_quantize_backward,
     .surrogate = naive_fake_quantize_surrogate},
    ENTRY(global_average_pool, DATA_ANY, global_average_pool_cases, "x"),
    ENTRY(linear, DATA_ANY, linear_cases, "x", "weight", "bias"),
    ENTRY(make_plain, DATA_ANY, global_average_pool_cases, "x"),
    ENTRY(max_pool, DATA_DISTINCT, max_pool_cases, "x"),
    SHIFT(shift_clamp, "x", "shift"),
    SHIFT(shift_prelu, "x", "before", "slope", "after"),
};

const op_entry *op_entry_find(const char *name) {
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
        if (strcmp(entries[i].name, name) == 0)
            return &entries[i];
    return NULL;
}

int op_count(void) {
    int count = 0;
    while (sn_op_at((size_t)count))
        count++;
    return count;
}

static bool same_name(const char *a, const char *b) {
    return a && b && strcmp(a, b) == 0;
}

static const sn_op *op_of(const op_entry *entry) {
    size_t i = 0;
    while (!same_name(sn_op_at(i)->name, entry->name))
        i++;
    return sn_op_at(i);
}

operand_kind op_operand_kind(const op_entry *entry, int k) {
    static const operand_kind kinds[] = {[SN_OPERAND_DATA] = OPERAND_DATA,
                                         [SN_OPERAND_WEIGHT] = OPERAND_WEIGHT,
                                         [SN_OPERAND_LABELS] = OPERAND_LABELS};
    const char *name = entry->operand[k];
    const sn_op *op = op_of(entry);
    for (int i = 0; name && i < SN_MAX_INPUTS; i++)
        if (same_name(op->operand[i].name, name))
            return kinds[op->operand[i].role];
    for (int i = 0; name && i < SN_MAX_STATES; i++)
        if (same_name(op->state[i], name))
            return same_name(name, "running mean")       ? OPERAND_MEAN
                   : same_name(name, "running variance") ? OPERAND_VARIANCE
                                                         : OPERAND_RANGE;
    return OPERAND_NONE;
}

static bool is_listed(const op_entry *entry, const char *name) {
    for (int k = 0; k < MAX_OPERANDS; k++)
        if (same_name(entry->operand[k], name))
            return true;
    return false;
}

const char *op_entry_lacks(const op_entry *entry) {
    const sn_op *op = op_of(entry);
    for (int i = 0; i < SN_MAX_INPUTS; i++)
        if (op->operand[i].name && !is_listed(entry, op->operand[i].name))
            return op->operand[i].name;
    for (int i = 0; i < SN_MAX_STATES; i++)
        if (op->state[i] && !is_listed(entry, op->state[i]))
            return op->state[i];
    for (int k = 0; k < MAX_OPERANDS; k++)
        if (entry->operand[k] && op_operand_kind(entry, k) == OPERAND_NONE)
            return entry->operand[k];
    return NULL;
}
