/* Convolutions that round their input to integers, to the bit. Scales are powers of two, densities
 * and biases quarters: then no float is ever rounded but the input, whatever the order of sums. */
#include "base/memory.h"
#include "infer/isa.h"
#include "naive.h"
#include "suites.h"

#include <math.h>

typedef enum kind { FULL, BITS, CENTRED_BITS, BINARY, TERNARY, KINDS } kind;

static const char *const kind_names[KINDS] = {"fp32", "signed-binary", "centred", "binary",
                                              "ternary"};

/* What the input is filled with. SPLIT: the highest in a quarter of the channels, the lowest in the
 * others, so that those of the quarter stay high without the mean. */
typedef enum filling { DRAWN, HALVES, HIGHEST, BEYOND, SPLIT } filling;

typedef struct shape {
    int channels, height, width, filters, kernel, stride, padding;
} shape;

typedef struct layer_case {
    kind kind;
    shape shape;
    bool is_signed;
    filling filling;
    int quarters; /* of the weights that are effectual; -1: drawn for each filter */
    sn_packer_activation activation;
    bool residual; /* the input, which has the output's shape */
    int region;    /* input channels of a region; 0: all */
    bool input_centered;
} layer_case;

/* One layer, its input, and what must come out. */
typedef struct network {
    void *packed;
    size_t bytes, outputs;
    float *image;
    double *expected;
} network;

static const float input_scale = 0.5F;

static void fill_image(const layer_case *c, sn_rng *rng, float *image, size_t count) {
    for (size_t i = 0; i < count; i++) {
        /* In eighths of a step, from below the range to above it. */
        const double eighths = (double)sn_rng_below(rng, 2400) - (c->is_signed ? 1200 : 150);
        double steps = eighths / 8;
        if (c->filling == HALVES)
            steps = floor(steps) + 0.5;
        else if (c->filling == HIGHEST)
            steps = c->is_signed ? (i % 7 ? -127 : 127) : 255;
        else if (c->filling == BEYOND)
            steps = i % 3 == 0 ? 1e30 : i % 3 == 1 ? -1e30 : (double)(i % 300);
        else if (c->filling == SPLIT)
            steps = i < count / 4 ? 1e30 : -1e30;
        image[i] = (float)(steps * (double)input_scale);
    }
}

static int64_t rounded(const layer_case *c, float value) {
    const double low = c->is_signed ? -127 : 0, high = c->is_signed ? 127 : 255;
    return (int64_t)rint(fmin(fmax((double)value / (double)input_scale, low), high));
}

/* Takes the mean over channels off, rounded to the next integer, halves up. */
static void take_off_means(const layer_case *c, int64_t *q) {
    const int channels = c->shape.channels;
    const size_t pixels = (size_t)c->shape.height * c->shape.width;
    for (size_t i = 0; i < pixels; i++) {
        int64_t sum = 0;
        for (int channel = 0; channel < channels; channel++)
            sum += q[channel * pixels + i];
        const int64_t mean = (int64_t)floor((double)sum / channels + 0.5);
        for (int channel = 0; channel < channels; channel++)
            q[channel * pixels + i] -= mean;
    }
}

/* Regions of a filter, and the weights of one. */
static int region_count(const layer_case *c) {
    return c->region ? (c->shape.channels + c->region - 1) / c->region : 1;
}

static size_t region_weights(const layer_case *c, int region) {
    const int left = c->shape.channels - region * c->region;
    const int channels = c->region && c->region < left ? c->region : left;
    return (size_t)channels * c->shape.kernel * c->shape.kernel;
}

/* A region's weights, or a filter's; of bits exactly `quarters` quarters are set. */
static void draw_codes(const layer_case *c, sn_rng *rng, int k, size_t count, int8_t *codes) {
    const int drawn = (int)sn_rng_below(rng, 5), quarters = c->quarters < 0 ? drawn : c->quarters;
    size_t left = count * (size_t)quarters / 4;
    for (size_t i = 0; i < count; i++) {
        const bool set = sn_rng_below(rng, (uint32_t)(count - i)) < left;
        left -= set;
        codes[i] = (int8_t)set;
        if (c->kind == BINARY)
            codes[i] = set ? 1 : -1;
        else if ((c->kind == TERNARY || c->kind == FULL) && set && c->quarters < 0)
            codes[i] = sn_rng_below(rng, 2) ? 1 : -1;
        else if ((c->kind == TERNARY || c->kind == FULL) && set)
            codes[i] = k % 2 ? -1 : 1;
    }
}

typedef struct parameters {
    int8_t *codes, *sign; /* [filters][count], [filters][regions] */
    float *scale, *bias, *slope;
} parameters;

static double activated(const layer_case *c, double value, double slope) {
    switch (c->activation) {
    case SN_PACKER_RELU:
        return fmax(value, 0);
    case SN_PACKER_HARDTANH:
        return fmin(fmax(value, -1), 1);
    case SN_PACKER_PRELU:
        return value < 0 ? slope * value : value;
    default:
        return value;
    }
}

/* The sum of inputs that a filter's region sees at one place, times its codes; *box: times 1. */
static int64_t window_sum(const layer_case *c, const int64_t *q, const int8_t *codes, int region,
                          int y, int x, int64_t *box) {
    const shape *s = &c->shape;
    const int first = region * c->region;
    const int end = region + 1 < region_count(c) ? first + c->region : s->channels;
    int64_t sum = 0;
    *box = 0;
    for (int i = first; i < end; i++)
        for (int r = 0; r < s->kernel; r++)
            for (int t = 0; t < s->kernel; t++, codes++) {
                const int py = y * s->stride + r - s->padding, px = x * s->stride + t - s->padding;
                if (py < 0 || py >= s->height || px < 0 || px >= s->width)
                    continue;
                const int64_t value = q[((size_t)i * s->height + py) * s->width + px];
                sum += *codes * value;
                *box += value;
            }
    return sum;
}

/* Four times the sum of a filter's inputs at one place, weighted but for the scale. */
static int64_t four_sums(const layer_case *c, const int64_t *q, const int8_t *codes,
                         const int8_t *sign, int y, int x) {
    int64_t all = 0;
    for (int region = 0; region < region_count(c); region++) {
        const size_t count = region_weights(c, region);
        int64_t set = 0, box;
        for (size_t i = 0; i < count; i++)
            set += codes[i];
        int64_t four = 4 * window_sum(c, q, codes, region, y, x, &box);
        if (c->kind == CENTRED_BITS)
            four -= 4 * set / (int64_t)count * box;
        if (c->kind == BITS || c->kind == CENTRED_BITS)
            four *= sign[region];
        all += four;
        codes += count;
    }
    return all;
}

static void compute(const layer_case *c, const parameters *p, network *n) {
    const shape *s = &c->shape;
    const size_t pixels = (size_t)s->channels * s->height * s->width;
    const size_t count = (size_t)s->channels * s->kernel * s->kernel;
    const int height = (s->height + 2 * s->padding - s->kernel) / s->stride + 1;
    const int width = (s->width + 2 * s->padding - s->kernel) / s->stride + 1;
    int64_t *q = sn_alloc_array(pixels, sizeof *q);
    for (size_t i = 0; i < pixels; i++)
        q[i] = rounded(c, n->image[i]);
    if (c->input_centered)
        take_off_means(c, q);
    n->outputs = (size_t)s->filters * height * width;
    n->expected = sn_alloc_array(n->outputs, sizeof *n->expected);
    double *to = n->expected;
    for (int k = 0; k < s->filters; k++) {
        const int8_t *codes = p->codes + k * count, *sign = p->sign + k * region_count(c);
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++, to++) {
                const int64_t four = four_sums(c, q, codes, sign, y, x);
                const double value = (double)p->scale[k] * (double)input_scale * (double)four / 4 +
                                     (double)p->bias[k];
                const double shortcut = c->residual ? (double)n->image[to - n->expected] : 0;
                *to = activated(c, value + shortcut, (double)p->slope[k]);
            }
    }
    sn_free(q);
}

static sn_status add_layer(const layer_case *c, const parameters *p, sn_packer *packer,
                           sn_packer_value *value, sn_error *error) {
    const shape *s = &c->shape;
    const size_t count = (size_t)s->channels * s->kernel * s->kernel * s->filters;
    const sn_packer_conv conv = {.filters = s->filters,
                                 .kernel_height = s->kernel,
                                 .kernel_width = s->kernel,
                                 .stride = s->stride,
                                 .padding = s->padding,
                                 .input_scale = input_scale,
                                 .input_signed = c->is_signed,
                                 .input_centered = c->input_centered};
    const sn_packer_value input = *value;
    const sn_packer_epilogue end = {.scale = p->scale,
                                    .bias = p->bias,
                                    .activation = c->activation,
                                    .slope = c->activation == SN_PACKER_PRELU ? p->slope : NULL,
                                    .residual = c->residual ? &input : NULL};
    if (c->kind == BINARY)
        return sn_packer_add_conv_binary(packer, input, &conv, p->codes, &end, value, error);
    if (c->kind == TERNARY)
        return sn_packer_add_conv_ternary(packer, input, &conv, p->codes, &end, value, error);
    if (c->kind == FULL) {
        float *weights = sn_alloc_array(count, sizeof *weights);
        for (size_t i = 0; i < count; i++)
            weights[i] = p->codes[i];
        const sn_status status =
            sn_packer_add_conv_fp32(packer, input, &conv, weights, &end, value, error);
        sn_free(weights);
        return status;
    }
    uint8_t *mask = sn_alloc(count);
    for (size_t i = 0; i < count; i++)
        mask[i] = p->codes[i] != 0;
    const sn_packer_signed_binary bits = {mask, p->sign, c->kind == CENTRED_BITS, c->region};
    const sn_status status =
        sn_packer_add_conv_signed_binary(packer, input, &conv, &bits, &end, value, error);
    sn_free(mask);
    return status;
}

static network make_network(const layer_case *c, uint64_t seed) {
    const shape *s = &c->shape;
    const size_t filters = (size_t)s->filters, pixels = (size_t)s->channels * s->height * s->width;
    const size_t count = (size_t)s->channels * s->kernel * s->kernel;
    network n = {.image = sn_alloc_array(pixels, sizeof *n.image)};
    parameters p = {.codes = sn_alloc(filters * count),
                    .sign = sn_alloc(filters * (size_t)region_count(c)),
                    .scale = sn_alloc_array(filters, sizeof(float)),
                    .bias = sn_alloc_array(filters, sizeof(float)),
                    .slope = sn_alloc_array(filters, sizeof(float))};
    sn_rng rng;
    sn_rng_init(&rng, seed, SN_RNG_TEST, 0);
    fill_image(c, &rng, n.image, pixels);
    for (size_t k = 0; k < filters; k++) {
        int8_t *codes = p.codes + k * count;
        for (int region = 0; region < region_count(c); region++) {
            draw_codes(c, &rng, (int)k, region_weights(c, region), codes);
            p.sign[k * region_count(c) + region] = sn_rng_below(&rng, 2) ? 1 : -1;
            codes += region_weights(c, region);
        }
        p.scale[k] = ldexpf(1, -(int)sn_rng_below(&rng, 3));
        p.bias[k] = (float)sn_rng_below(&rng, 200) / 4 - 25;
        p.slope[k] = ldexpf(1, -(int)sn_rng_below(&rng, 2));
    }
    compute(c, &p, &n);
    sn_packer *packer;
    sn_packer_value value;
    sn_error error = {0};
    sn_status status = sn_packer_create(s->channels, s->height, s->width, &packer, &value, &error);
    if (status == SN_OK)
        status = add_layer(c, &p, packer, &value, &error);
    if (status == SN_OK)
        status = sn_packer_finish(packer, value, &n.packed, &n.bytes, &error);
    ck_assert_msg(status == SN_OK, "%s", error.message);
    sn_packer_free(packer);
    sn_free(p.codes);
    sn_free(p.sign);
    sn_free(p.scale);
    sn_free(p.bias);
    sn_free(p.slope);
    return n;
}

/* Copies are free, so half as many additions win; or they are all that counts, and floats do. */
static const sn_infer_costs for_integers = {.add = 1, .list = 1e-6F, .transition = 1e-6F},
                            for_floats = {.add = 1e-6F, .copy = 1};

/* Threads one after the other, in reverse. */
static void run_in_turn(void *state, void (*task)(void *argument, int index), void *argument) {
    for (int i = *(const int *)state; i-- > 0;)
        task(argument, i);
}

/* AMX multiplies, where it is not asked for another form and its bytes hold the input. */
static bool wants_amx_tiles(const layer_case *c, const sn_infer_options *options) {
    return options->isa == SN_INFER_ISA_AMX && c->kind != FULL && !c->input_centered &&
           (options->form == SN_INFER_FORM_AUTO || options->form == SN_INFER_FORM_DENSE);
}

/* Whether integers were used. */
static bool run_and_compare(const layer_case *c, const network *n, const sn_infer_options *options,
                            const char *what) {
    sn_infer_info info;
    const sn_infer_model *model;
    if (sn_infer_inspect(n->packed, n->bytes, options, &info) != SN_INFER_OK)
        ck_abort_msg("%s: refused", what);
    unsigned char *memory = sn_alloc(info.model_memory), *scratch = sn_alloc(info.scratch_memory);
    memset(memory, 0xff, info.model_memory);
    memset(scratch, 0xff, info.scratch_memory);
    float *out = sn_alloc_array(n->outputs, sizeof *out);
    int threads = options->threads;
    const sn_infer_pool pool = {&threads, threads, run_in_turn};
    if (sn_infer_open(n->packed, n->bytes, options, memory, info.model_memory, &model) !=
            SN_INFER_OK ||
        (size_t)info.classes != n->outputs ||
        sn_infer_run(model, scratch, info.scratch_memory, &pool, n->image, out) != SN_INFER_OK)
        ck_abort_msg("%s: does not run", what);
    sn_infer_layer_info layer;
    sn_infer_describe_layer(model, 0, &layer);
    const bool integers = strcmp(layer.kernel, "short walk") == 0;
    if ((strcmp(layer.kernel, "AMX tiles") == 0) != wants_amx_tiles(c, options))
        ck_abort_msg("%s: AMX tiles are used where they should not, or the other way", what);
    for (size_t i = 0; i < n->outputs; i++)
        if ((double)out[i] != n->expected[i])
            ck_abort_msg(
                "%s, %s%s, %d x %d x %d in regions of %d, kernel %d, stride %d, padding %d, "
                "%s, form %s, signs %s, group %d, %s, %s: element %zu is %.9g, not %.9g",
                what, kind_names[c->kind], c->input_centered ? ", centred input" : "",
                c->shape.channels, c->shape.height, c->shape.width, c->region, c->shape.kernel,
                c->shape.stride, c->shape.padding, sn_infer_isa_name(options->isa),
                sn_infer_form_name(options->form), sn_infer_signs_name((int)options->signs),
                options->group, integers ? "integers" : "floats",
                c->is_signed ? "signed" : "unsigned", i, (double)out[i], n->expected[i]);
    sn_free(memory);
    sn_free(scratch);
    sn_free(out);
    return integers;
}

/* How many runs could have used integers and how many did; with each way to take signs. */
static struct { int possible, integers, signs[SN_INFER_SIGNS_COUNT]; } runs;

/* Whether the layer may have its sums from integers: dense ones are of floats, and so is what is
 * dense because there is no such form. */
static bool may_use_integers(const layer_case *c, const sn_infer_options *options) {
    const sn_infer_form form = options->form;
    const bool lacks_form =
        (options->signs == SN_INFER_SIGNS_INVERTED && form == SN_INFER_FORM_SPARSE) ||
        (options->signs == SN_INFER_SIGNS_DIGITS && options->group > 4);
    return c->kind != FULL && sn_infer_isa_find(options->isa)->narrow && !lacks_form &&
           form != SN_INFER_FORM_DENSE && form != SN_INFER_FORM_COMPLEMENT;
}

/* Runs the layer in one way, with costs by which it takes integers and with others. */
static void check_options(const layer_case *c, const network *n, const sn_infer_options *given,
                          bool able, const char *what) {
    sn_infer_options options = *given;
    const bool possible = may_use_integers(c, &options);
    options.costs = &for_integers;
    const bool integers = run_and_compare(c, n, &options, what);
    if (integers && (!able || !possible))
        ck_abort_msg("%s: integers where they cannot be", what);
    runs.possible += possible;
    runs.integers += integers;
    runs.signs[options.signs] += integers;
    options.costs = &for_floats;
    if (run_and_compare(c, n, &options, what))
        ck_abort_msg("%s: integers although floats cost less", what);
}

/* Runs the layer in all ways; unless `able` never with integers. */
static void check_case(const layer_case *c, bool able, const char *what) {
    network n = make_network(c, (uint64_t)c->shape.filters);
    const int most = c->kind == TERNARY ? 4 : 8;
    for (int isa = SN_INFER_ISA_PORTABLE; isa < SN_INFER_ISA_COUNT; isa++)
        for (int form = 1; form < SN_INFER_FORM_COUNT; form++)
            for (int signs = 0; signs < (region_count(c) > 1 ? SN_INFER_SIGNS_COUNT : 1); signs++)
                for (int group = 2; group <= most; group++) {
                    const sn_infer_options options = {.isa = (sn_infer_isa)isa,
                                                      .form = (sn_infer_form)form,
                                                      .signs = (sn_infer_signs)signs,
                                                      .group = group,
                                                      .threads = 1 + (form + group) % 3};
                    if (sn_infer_isa_available(options.isa) &&
                        (form > SN_INFER_FORM_SPARSE || group == 2))
                        check_options(c, &n, &options, able, what);
                }
    sn_free(n.packed);
    sn_free(n.image);
    sn_free(n.expected);
}

static bool takes_centered_input(int k) {
    return k != FULL && k != CENTRED_BITS;
}

/* Every kind, signed and not, with each filling and activation. */
static void check_shape(const shape *s, bool able, const char *what) {
    int turn = 0;
    for (int k = 0; k < KINDS; k++)
        for (int input = 0; input < (takes_centered_input(k) ? 4 : 2); input++)
            for (int fill = DRAWN; fill <= BEYOND; fill++, turn++) {
                layer_case c = {.kind = (kind)k,
                                .shape = *s,
                                .is_signed = input % 2,
                                .input_centered = input / 2,
                                .filling = (filling)fill,
                                .quarters = -1,
                                .activation = (sn_packer_activation)((turn + turn / 4) % 4)};
                c.residual = s->filters == s->channels && s->stride == 1 && fill != BEYOND &&
                             s->kernel == 2 * s->padding + 1;
                check_case(&c, able, what);
            }
}

START_TEST(exact) {
    static const shape shapes[] = {{4, 8, 8, 5, 3, 1, 1},   {8, 7, 5, 8, 3, 1, 1},
                                   {4, 9, 13, 3, 3, 2, 1},  {8, 16, 16, 9, 1, 1, 0},
                                   {12, 6, 6, 7, 1, 2, 0},  {4, 11, 6, 4, 5, 1, 2},
                                   {4, 33, 31, 2, 3, 1, 1}, {4, 9, 9, 3, 2, 1, 3}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        check_shape(&shapes[i], true, "exact");
    ck_assert_int_ge(2 * runs.integers, runs.possible);
}
END_TEST

/* Every weight effectual and every input the highest: what 16 bits hold is used up. */
START_TEST(sums_at_their_limit) {
    static const shape shapes[] = {{40, 8, 8, 5, 3, 1, 1},
                                   {400, 8, 8, 2, 1, 1, 0},
                                   {128, 8, 8, 1, 1, 1, 0},
                                   {129, 8, 8, 1, 1, 1, 0},
                                   {2, 24, 24, 3, 11, 1, 0}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int k = BITS; k < KINDS; k++)
            for (int is_signed = 0; is_signed < 2; is_signed++) {
                const layer_case c = {.kind = (kind)k,
                                      .shape = shapes[i],
                                      .is_signed = is_signed,
                                      .filling = HIGHEST,
                                      .quarters = 4};
                check_case(&c, true, "limit");
            }
    ck_assert_int_ge(2 * runs.integers, runs.possible);
}
END_TEST

/* Without the mean integers go from -255 to 255: as above, with more channels than a sum holds. */
START_TEST(centered_sums_at_their_limit) {
    static const shape shapes[] = {{1200, 8, 8, 9, 1, 1, 0}, {130, 8, 8, 7, 3, 1, 1}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int k = BITS; k < KINDS; k++)
            for (int is_signed = 0; takes_centered_input(k) && is_signed < 2; is_signed++) {
                const layer_case c = {.kind = (kind)k,
                                      .shape = shapes[i],
                                      .is_signed = is_signed,
                                      .filling = SPLIT,
                                      .quarters = 4,
                                      .input_centered = true};
                check_case(&c, true, "limit of a centred input");
            }
    ck_assert_int_ge(8 * runs.integers, runs.possible);
}
END_TEST

/* One row of outputs, which has no lower half; windows whose sum may exceed 16 bits. */
START_TEST(floats_stand_in) {
    static const shape flat = {4, 1, 1, 5, 1, 1, 0}, wide = {4, 14, 14, 3, 12, 1, 0};
    check_shape(&flat, false, "floats stand in");
    for (int k = 0; k < KINDS; k++) {
        const layer_case c = {.kind = (kind)k, .shape = wide, .filling = HIGHEST, .quarters = 4};
        check_case(&c, false, "floats stand in");
    }
}
END_TEST

/* Multiplied by weights: numbers of channels, filters and taps about those that an AMX tile
 * takes, with one group of filters and several, bands of one row and more. */
START_TEST(multiplied) {
    static const shape shapes[] = {
        {3, 13, 10, 5, 3, 1, 1},   {3, 40, 9, 33, 5, 2, 2},  {16, 8, 8, 16, 3, 1, 1},
        {16, 17, 17, 33, 3, 2, 1}, {33, 9, 9, 33, 3, 1, 1},  {64, 8, 8, 16, 3, 1, 1},
        {64, 7, 7, 49, 1, 1, 0},   {64, 14, 6, 33, 1, 2, 0}, {65, 5, 5, 64, 3, 3, 1},
        {100, 6, 6, 100, 1, 1, 0}, {100, 7, 9, 17, 5, 1, 2}, {21, 16, 16, 15, 4, 3, 0},
        {128, 1, 1, 40, 1, 1, 0},  {16, 30, 3, 7, 7, 1, 3},  {2, 20, 20, 4, 3, 4, 2}};
#ifdef SN_INFER_EMULATE_AMX
    ck_assert(sn_infer_isa_available(SN_INFER_ISA_AMX));
#endif
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int turn = 0; turn < 2 * 4 * (KINDS - 1); turn++) {
            layer_case c = {.kind = (kind)(BITS + turn / 8),
                            .shape = shapes[i],
                            .is_signed = turn % 2,
                            .filling = (filling)(turn / 2 % 4),
                            .quarters = -1,
                            .activation = (sn_packer_activation)((turn / 2 + i) % 4)};
            c.input_centered = takes_centered_input(c.kind) && (turn / 8 + (int)i) % 3 == 0;
            c.residual =
                c.shape.filters == c.shape.channels && c.shape.stride == 1 && c.filling != BEYOND;
            if (c.kind == CENTRED_BITS && c.shape.channels * c.shape.kernel * c.shape.kernel % 4)
                continue; /* has no quarters */
            network n = make_network(&c, (uint64_t)turn);
            for (int isa = SN_INFER_ISA_PORTABLE; isa < SN_INFER_ISA_COUNT; isa++) {
                const sn_infer_options options = {.isa = (sn_infer_isa)isa,
                                                  .form = SN_INFER_FORM_DENSE,
                                                  .threads = 1 + (turn + isa) % 5};
                if (sn_infer_isa_available(options.isa))
                    run_and_compare(&c, &n, &options, "multiplied");
            }
            sn_free(n.packed);
            sn_free(n.image);
            sn_free(n.expected);
        }
}
END_TEST

/* Every way to take signs uses integers, though not as often as whole filters do: where chunks are
 * many, sums become floats many times. */
static void check_ways(void) {
    ck_assert_int_ge(3 * runs.integers, runs.possible);
    for (int signs = 0; runs.possible > 0 && signs < SN_INFER_SIGNS_COUNT; signs++)
        ck_assert_int_ge(runs.signs[signs], 20);
}

/* Filters of several regions; where they are centred the weights of each have quarters. */
START_TEST(regions) {
    static const struct {
        shape shape;
        int region;
    } cases[] = {
        {{12, 8, 8, 5, 3, 1, 1}, 4},  {{12, 7, 5, 12, 3, 1, 1}, 8},  {{10, 9, 13, 3, 2, 2, 1}, 3},
        {{9, 6, 6, 9, 2, 1, 1}, 1},   {{9, 16, 16, 4, 2, 1, 0}, 8},  {{24, 6, 6, 7, 1, 2, 0}, 20},
        {{16, 8, 8, 17, 3, 1, 1}, 4}, {{64, 8, 8, 6, 3, 1, 1}, 28},  {{100, 6, 6, 33, 1, 1, 0}, 24},
        {{33, 9, 9, 5, 3, 1, 1}, 5},  {{21, 16, 7, 15, 5, 3, 2}, 10}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int turn = 0; turn < 12; turn++) {
            layer_case c = {.kind = turn % 3 == 1 ? CENTRED_BITS : BITS,
                            .input_centered = turn % 3 == 2,
                            .shape = cases[i].shape,
                            .is_signed = turn / 3 % 2,
                            .filling = turn / 6 ? HALVES : DRAWN,
                            .quarters = -1,
                            .activation = (sn_packer_activation)((turn + (int)i) % 4),
                            .region = cases[i].region};
            const size_t last = region_weights(&c, region_count(&c) - 1);
            c.residual = c.shape.filters == c.shape.channels && c.shape.stride == 1 &&
                         c.shape.kernel == 2 * c.shape.padding + 1;
            if (c.kind == CENTRED_BITS && (last % 4 || region_weights(&c, 0) % 4))
                continue;
            check_case(&c, true, "regions");
        }
    check_ways();
}
END_TEST

/* As above at the limit, with regions that are as large as 16 bits hold, larger and smaller. Full
 * regions are empty where they add up what is not wanted; half full ones are not. */
START_TEST(regions_at_their_limit) {
    static const int sizes[] = {1, 14, 15, 39};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int turn = 0; turn < 8; turn++) {
            const layer_case c = {.kind = turn / 2 == 1 ? CENTRED_BITS : BITS,
                                  .input_centered = turn / 2 == 3,
                                  .shape = {40, 8, 8, 5, 3, 1, 1},
                                  .is_signed = turn % 2,
                                  .filling = turn / 2 == 3 ? SPLIT : HIGHEST,
                                  .quarters = turn / 2 == 2 ? 2 : 4,
                                  .region = sizes[i]};
            check_case(&c, true, "limit of regions");
        }
    check_ways();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("infer integers");
    TCase *tests = tcase_create("to the bit");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, exact);
    tcase_add_test(tests, sums_at_their_limit);
    tcase_add_test(tests, centered_sums_at_their_limit);
    tcase_add_test(tests, floats_stand_in);
    tcase_add_test(tests, multiplied);
    tcase_add_test(tests, regions);
    tcase_add_test(tests, regions_at_their_limit);
    suite_add_tcase(suite, tests);
    return run_suite(suite, CK_FORK_GETENV);
}
