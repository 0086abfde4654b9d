#include "naive.h"
#include "base/memory.h"

#include <check.h>
#include <math.h>
#include <stdio.h>

static size_t elements(const twin_value *v) {
    return (size_t)v->channels * v->height * v->width;
}

static twin_value make_value(int channels, int height, int width) {
    twin_value v = {channels, height, width, NULL};
    v.data = sn_alloc_array(elements(&v), sizeof *v.data);
    ck_assert_ptr_nonnull(v.data);
    return v;
}

static float *draw(twin *t, size_t count, double low, double high) {
    float *values = sn_alloc_array(count, sizeof *values);
    ck_assert_ptr_nonnull(values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)sn_rng_range(&t->rng, low, high);
    return values;
}

static void append(twin *t, sn_packer_value handle, twin_value v) {
    ck_assert_int_eq(handle, t->count);
    ck_assert_int_lt(t->count, TWIN_MAX_VALUES);
    t->values[t->count++] = v;
}

void twin_init(twin *t, int channels, int height, int width, uint64_t seed) {
    sn_error error;
    sn_packer_value input;
    *t = (twin){0};
    sn_rng_init(&t->rng, seed, SN_RNG_TEST, 0);
    ck_assert_msg(sn_packer_create(channels, height, width, &t->packer, &input, &error) == SN_OK,
                  "%s", error.message);
    twin_value v = make_value(channels, height, width);
    t->image = draw(t, elements(&v), -1.5, 1.5);
    for (size_t i = 0; i < elements(&v); i++)
        v.data[i] = t->image[i];
    append(t, input, v);
}

void twin_free(twin *t) {
    sn_packer_free(t->packer);
    sn_free(t->image);
    for (int i = 0; i < t->count; i++)
        sn_free(t->values[i].data);
}

static double activate(sn_packer_activation activation, double x, double slope) {
    switch (activation) {
    case SN_PACKER_RELU:
        return fmax(x, 0);
    case SN_PACKER_HARDTANH:
        return fmin(fmax(x, -1), 1);
    case SN_PACKER_PRELU:
        return x < 0 ? slope * x : x;
    default:
        return x;
    }
}

typedef struct drawn_epilogue {
    sn_packer_epilogue given;
    float *scale, *bias, *slope, *shift;
} drawn_epilogue;

static drawn_epilogue draw_epilogue(twin *t, int outputs, sn_packer_activation activation,
                                    bool plain) {
    drawn_epilogue e = {0};
    if (!plain) {
        e.scale = draw(t, (size_t)outputs, 0.2, 1.2);
        e.bias = draw(t, (size_t)outputs, -0.5, 0.5);
    }
    if (activation == SN_PACKER_PRELU)
        e.slope = draw(t, (size_t)outputs, -0.3, 0.4);
    e.given = (sn_packer_epilogue){
        .scale = e.scale, .bias = e.bias, .activation = activation, .slope = e.slope};
    return e;
}

static double finish_with(const drawn_epilogue *e, int k, double sum, double residual) {
    const double scaled = e->scale ? (double)e->scale[k] * sum + (double)e->bias[k] : sum;
    const double slope = e->slope ? (double)e->slope[k] : 0;
    return activate(e->given.activation, scaled + residual, slope) +
           (e->shift ? (double)e->shift[k] : 0);
}

static double finish(const drawn_epilogue *e, int k, double sum) {
    return finish_with(e, k, sum, 0);
}

static void free_epilogue(drawn_epilogue *e) {
    sn_free(e->scale);
    sn_free(e->bias);
    sn_free(e->slope);
    sn_free(e->shift);
}

/* x at (c, y, x) of the zero-padded picture; y and x count from the picture's corner. */
static double pixel(const twin_value *v, int c, int y, int x) {
    if (y < 0 || y >= v->height || x < 0 || x >= v->width)
        return 0;
    return v->data[((size_t)c * v->height + y) * v->width + x];
}

/* The definition: sum over c, r, q of W[k][c][r][q] * x[c][y * stride + r - padding][...]. */
static twin_value convolve(const twin_value *in, const twin_conv *conv, const double *weights,
                           const drawn_epilogue *e, const twin_value *residual) {
    const int rows = conv->kernel_height, columns = conv->kernel_width;
    const int height = (in->height + 2 * conv->padding - rows) / conv->stride + 1;
    const int width = (in->width + 2 * conv->padding - columns) / conv->stride + 1;
    twin_value out = make_value(conv->filters, height, width);
    double *to = out.data;
    for (int k = 0; k < conv->filters; k++)
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++) {
                double sum = 0;
                const double *w = weights + (size_t)k * in->channels * rows * columns;
                for (int c = 0; c < in->channels; c++)
                    for (int r = 0; r < rows; r++)
                        for (int q = 0; q < columns; q++)
                            sum += *w++ * pixel(in, c, y * conv->stride + r - conv->padding,
                                                x * conv->stride + q - conv->padding);
                const double shortcut = residual ? residual->data[to - out.data] : 0;
                *to++ = finish_with(e, k, sum, shortcut);
            }
    return out;
}

/* The input less its mean over channels, at each pixel. */
static twin_value take_off_means(const twin_value *in) {
    twin_value out = make_value(in->channels, in->height, in->width);
    const size_t pixels = (size_t)in->height * in->width;
    for (size_t i = 0; i < pixels; i++) {
        double sum = 0;
        for (int c = 0; c < in->channels; c++)
            sum += in->data[c * pixels + i];
        for (int c = 0; c < in->channels; c++)
            out.data[c * pixels + i] = in->data[c * pixels + i] - sum / in->channels;
    }
    return out;
}

/* Draws a mask, and a sign for each region; the first filter is empty and the last full when there
 * are several, so that every layer meets both ends. */
static void draw_mask(twin *t, const twin_conv *conv, size_t taps, size_t regions, uint8_t *mask,
                      int8_t *sign) {
    for (int k = 0; k < conv->filters; k++) {
        double density = conv->density;
        if (conv->filters > 3 && k == 0)
            density = 0;
        if (conv->filters > 3 && k == conv->filters - 1)
            density = 1;
        for (size_t p = 0; p < regions; p++)
            *sign++ = sn_rng_below(&t->rng, 2) ? 1 : -1;
        for (size_t i = 0; i < taps; i++)
            mask[(size_t)k * taps + i] = sn_rng_uniform(&t->rng) < density;
    }
}

sn_packer_value twin_add_conv(twin *t, sn_packer_value input, const twin_conv *conv) {
    const twin_extra none = {0};
    return twin_add_conv_extra(t, input, conv, &none);
}

/* Binary or ternary weights; the first filter is +1 alone, so that every layer meets an end. */
static sn_status add_coded(twin *t, sn_packer_value input, const sn_packer_conv *conv, size_t count,
                           bool ternary, double *weights, const sn_packer_epilogue *epilogue,
                           sn_packer_value *output, sn_error *error) {
    int8_t *codes = sn_alloc(count);
    t->ternary |= ternary;
    for (size_t i = 0; i < count; i++) {
        codes[i] = ternary ? (int8_t)((int)sn_rng_below(&t->rng, 3) - 1)
                           : (int8_t)(sn_rng_below(&t->rng, 2) ? 1 : -1);
        if (i < count / conv->filters)
            codes[i] = 1;
        weights[i] = codes[i];
    }
    const sn_status status =
        ternary ? sn_packer_add_conv_ternary(t->packer, input, conv, codes, epilogue, output, error)
                : sn_packer_add_conv_binary(t->packer, input, conv, codes, epilogue, output, error);
    sn_free(codes);
    return status;
}

/* sign * (mask - density), the density being the region's. */
static void write_region(const uint8_t *mask, size_t count, int sign, bool centered,
                         double *weights) {
    double set = 0;
    for (size_t i = 0; i < count; i++)
        set += mask[i];
    for (size_t i = 0; i < count; i++)
        weights[i] = sign * (mask[i] - (centered ? set / (double)count : 0));
}

sn_packer_value twin_add_conv_extra(twin *t, sn_packer_value input, const twin_conv *conv,
                                    const twin_extra *extra) {
    const twin_value *in = &t->values[input];
    const size_t taps = (size_t)in->channels * conv->kernel_height * conv->kernel_width;
    const size_t count = taps * conv->filters;
    const sn_packer_conv given = {.filters = conv->filters,
                                  .kernel_height = conv->kernel_height,
                                  .kernel_width = conv->kernel_width,
                                  .stride = conv->stride,
                                  .padding = conv->padding,
                                  .input_centered = extra->input_centered};
    drawn_epilogue e = draw_epilogue(t, conv->filters, conv->activation, conv->plain);
    e.given.residual = extra->residual;
    e.given.shift = e.shift = extra->shifted ? draw(t, (size_t)conv->filters, -1, 1) : NULL;
    double *weights = sn_alloc_array(count, sizeof *weights);
    sn_packer_value output;
    sn_error error = {0};
    sn_status status;
    if (extra->weights != TWIN_BY_DENSITY) {
        if (!conv->plain)
            for (int k = 0; k < conv->filters; k++)
                e.scale[k] *= (float)(1 / sqrt((double)taps));
        status = add_coded(t, input, &given, count, extra->weights == TWIN_TERNARY, weights,
                           &e.given, &output, &error);
    } else if (conv->density < 0) {
        const double range = sqrt(6.0 / (double)taps);
        float *w = draw(t, count, -range, range);
        for (size_t i = 0; i < count; i++)
            weights[i] = w[i];
        status = sn_packer_add_conv_fp32(t->packer, input, &given, w, &e.given, &output, &error);
        sn_free(w);
    } else {
        const size_t channels = (size_t)in->channels;
        const size_t region = extra->region_channels ? (size_t)extra->region_channels : channels;
        const size_t regions = (channels + region - 1) / region;
        uint8_t *mask = sn_alloc(count);
        int8_t *sign = sn_alloc((size_t)conv->filters * regions);
        draw_mask(t, conv, taps, regions, mask, sign);
        t->regions |= regions > 1;
        if (!conv->plain) /* keep activations of order one through deep networks */
            for (int k = 0; k < conv->filters; k++)
                e.scale[k] *= (float)(1.5 / sqrt(0.5 * (double)taps + 1));
        for (size_t k = 0; k < (size_t)conv->filters; k++)
            for (size_t p = 0; p < regions; p++) {
                const size_t window = taps / channels, first = p * region * window;
                const size_t end = p + 1 < regions ? first + region * window : taps;
                write_region(mask + k * taps + first, end - first, sign[k * regions + p],
                             conv->centered, weights + k * taps + first);
            }
        const sn_packer_signed_binary w = {mask, sign, conv->centered, extra->region_channels};
        status = sn_packer_add_conv_signed_binary(t->packer, input, &given, &w, &e.given, &output,
                                                  &error);
        sn_free(mask);
        sn_free(sign);
    }
    ck_assert_msg(status == SN_OK, "%s", error.message);
    twin_value centered = {0};
    if (extra->input_centered)
        centered = take_off_means(in);
    append(t, output,
           convolve(extra->input_centered ? &centered : in, conv, weights, &e,
                    extra->residual ? &t->values[*extra->residual] : NULL));
    sn_free(centered.data);
    sn_free(weights);
    free_epilogue(&e);
    return output;
}

sn_packer_value twin_add_shift_clamp(twin *t, sn_packer_value input) {
    const twin_value *in = &t->values[input];
    const size_t pixels = (size_t)in->height * in->width;
    float *shift = draw(t, (size_t)in->channels, -1.5, 1.5);
    sn_packer_value output;
    sn_error error = {0};
    ck_assert_msg(sn_packer_add_shift_clamp(t->packer, input, shift, &output, &error) == SN_OK,
                  "%s", error.message);
    twin_value out = make_value(in->channels, in->height, in->width);
    for (size_t i = 0; i < elements(in); i++)
        out.data[i] = fmin(fmax(in->data[i] + (double)shift[i / pixels], -2), 2);
    append(t, output, out);
    sn_free(shift);
    return output;
}

sn_packer_value twin_add_linear(twin *t, sn_packer_value input, int outputs,
                                sn_packer_activation activation) {
    const twin_value *in = &t->values[input];
    const size_t inputs = elements(in);
    const double range = sqrt(3.0 / (double)inputs);
    float *w = draw(t, inputs * outputs, -range, range);
    drawn_epilogue e = draw_epilogue(t, outputs, activation, false);
    sn_packer_value output;
    sn_error error = {0};
    ck_assert_msg(sn_packer_add_linear(t->packer, input, outputs, w, &e.given, &output, &error) ==
                      SN_OK,
                  "%s", error.message);
    twin_value out = make_value(outputs, 1, 1);
    for (int k = 0; k < outputs; k++) {
        double sum = 0;
        for (size_t i = 0; i < inputs; i++)
            sum += (double)w[k * inputs + i] * in->data[i];
        out.data[k] = finish(&e, k, sum);
    }
    append(t, output, out);
    sn_free(w);
    free_epilogue(&e);
    return output;
}

sn_packer_value twin_add_sum(twin *t, sn_packer_value a, sn_packer_value b,
                             sn_packer_activation activation) {
    const twin_value *x = &t->values[a], *y = &t->values[b];
    drawn_epilogue e = draw_epilogue(t, x->channels, activation, true);
    sn_packer_value output;
    sn_error error = {0};
    ck_assert_msg(sn_packer_add_sum(t->packer, a, b, activation, e.slope, &output, &error) == SN_OK,
                  "%s", error.message);
    twin_value out = make_value(x->channels, x->height, x->width);
    const size_t pixels = (size_t)x->height * x->width;
    for (size_t i = 0; i < elements(&out); i++)
        out.data[i] = finish(&e, (int)(i / pixels), x->data[i] + y->data[i]);
    append(t, output, out);
    free_epilogue(&e);
    return output;
}

sn_packer_value twin_add_pool(twin *t, sn_packer_value input, bool max, int kernel, int stride,
                              int padding) {
    const twin_value *in = &t->values[input];
    sn_packer_value output;
    sn_error error = {0};
    const sn_status status =
        max ? sn_packer_add_max_pool(t->packer, input, kernel, stride, padding, &output, &error)
            : sn_packer_add_average_pool(t->packer, input, kernel, stride, padding, &output,
                                         &error);
    ck_assert_msg(status == SN_OK, "%s", error.message);
    twin_value out = make_value(in->channels, (in->height + 2 * padding - kernel) / stride + 1,
                                (in->width + 2 * padding - kernel) / stride + 1);
    double *to = out.data;
    for (int c = 0; c < out.channels; c++)
        for (int y = 0; y < out.height; y++)
            for (int x = 0; x < out.width; x++, to++) {
                double sum = 0, best = -INFINITY;
                for (int r = 0; r < kernel; r++)
                    for (int q = 0; q < kernel; q++) {
                        const int py = y * stride + r - padding, px = x * stride + q - padding;
                        const double value = pixel(in, c, py, px);
                        sum += value;
                        if (py >= 0 && py < in->height && px >= 0 && px < in->width)
                            best = fmax(best, value);
                    }
                *to = max ? best : sum / (kernel * kernel);
            }
    append(t, output, out);
    return output;
}

sn_packer_value twin_add_global_pool(twin *t, sn_packer_value input) {
    const twin_value *in = &t->values[input];
    sn_packer_value output;
    sn_error error = {0};
    ck_assert_msg(sn_packer_add_global_average_pool(t->packer, input, &output, &error) == SN_OK,
                  "%s", error.message);
    twin_value out = make_value(in->channels, 1, 1);
    const size_t pixels = (size_t)in->height * in->width;
    for (size_t i = 0; i < elements(in); i++)
        out.data[i / pixels] += in->data[i] / (double)pixels;
    append(t, output, out);
    return output;
}

void *twin_pack(twin *t, sn_packer_value output, size_t *bytes) {
    void *packed = NULL;
    sn_error error = {0};
    ck_assert_msg(sn_packer_finish(t->packer, output, &packed, bytes, &error) == SN_OK, "%s",
                  error.message);
    return packed;
}

/* Threads one after the other, in reverse: what they share must not depend on the order. */
static void run_in_turn(void *state, void (*task)(void *argument, int index), void *argument) {
    for (int i = *(const int *)state; i-- > 0;)
        task(argument, i);
}

/* Check writes to a file at every assertion, which takes longer than a small network. */
#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            ck_abort_msg("%s: not so: %s", what, #condition);                                      \
    } while (0)

/* The form, the sizes of groups and the way to take signs that a convolution of few-bit weights
 * must get when asked for those of the options: what is asked for, or dense where these weights
 * lack it.
 */
static void check_form(const sn_infer_layer_info *layer, const sn_infer_options *options,
                       const char *what) {
    enum { LONGEST_LIST = 4095 };
    const sn_infer_signs signs = layer->regions > 1 ? options->signs : SN_INFER_SIGNS_AUTO;
    const bool digits = strcmp(layer->weights, "ternary") == 0 || signs == SN_INFER_SIGNS_DIGITS;
    sn_infer_form form = options->form;
    int least = options->group, most = options->group;
    if (form == SN_INFER_FORM_DENSE || form == SN_INFER_FORM_SPARSE) {
        least = most = 1;
    } else if (options->group == 0) {
        least = form == SN_INFER_FORM_SHARED ? 2 : form == SN_INFER_FORM_COMPLEMENT ? 3 : 1;
        most = digits ? 4 : 8;
    }
    const bool lacking = (digits && (most > 4 || form == SN_INFER_FORM_COMPLEMENT)) ||
                         (form == SN_INFER_FORM_COMPLEMENT && most < 3) ||
                         (form == SN_INFER_FORM_COMPLEMENT && signs == SN_INFER_SIGNS_CHUNKS) ||
                         (form == SN_INFER_FORM_SPARSE && signs == SN_INFER_SIGNS_INVERTED) ||
                         layer->kernel_height * layer->kernel_width > LONGEST_LIST;
    if (lacking && form != SN_INFER_FORM_AUTO) {
        form = SN_INFER_FORM_DENSE;
        least = most = 1;
    }
    const bool right = form == SN_INFER_FORM_AUTO ? layer->form != form : layer->form == form;
    if (!right || layer->group < least || layer->group > most)
        ck_abort_msg("%s: %s weights: %s in groups of %d, not %s in groups of %d to %d", what,
                     layer->weights, sn_infer_form_name(layer->form), layer->group,
                     sn_infer_form_name(form), least, most);
    const bool chosen = layer->signs != SN_INFER_SIGNS_AUTO;
    if (chosen != (layer->regions > 1 && layer->form != SN_INFER_FORM_DENSE) ||
        (chosen && signs != SN_INFER_SIGNS_AUTO && layer->signs != signs))
        ck_abort_msg("%s: signs as %s, not %s", what, sn_infer_signs_name((int)layer->signs),
                     sn_infer_signs_name((int)signs));
}

/* A form that silently becomes another would be compared with itself. */
static void check_forms(const sn_infer_model *model, const sn_infer_info *info,
                        const sn_infer_options *options, const char *what) {
    for (int i = 0; i < info->layers; i++) {
        sn_infer_layer_info layer;
        sn_infer_describe_layer(model, i, &layer);
        if (strcmp(layer.opcode, "convolution") == 0 && strcmp(layer.weights, "fp32") != 0)
            check_form(&layer, options, what);
        else
            REQUIRE(layer.form == SN_INFER_FORM_AUTO);
    }
}

/* Runs the packed network in one way and compares. */
static void check_run(const twin *t, const twin_value *expected, const void *packed, size_t bytes,
                      const sn_infer_options *options, double tolerance, const char *what) {
    sn_infer_info info;
    REQUIRE(sn_infer_inspect(packed, bytes, options, &info) == SN_INFER_OK);
    REQUIRE(info.packed_bytes == bytes);
    REQUIRE((size_t)info.classes == elements(expected));

    /* What was in memory before must not matter. */
    unsigned char *memory = sn_alloc(info.model_memory), *scratch = sn_alloc(info.scratch_memory);
    memset(memory, 0xff, info.model_memory);
    memset(scratch, 0xff, info.scratch_memory);
    float *logits = sn_alloc_array((size_t)info.classes, sizeof *logits);
    const sn_infer_model *model = NULL;
    REQUIRE(sn_infer_open(packed, bytes, options, memory, info.model_memory, &model) ==
            SN_INFER_OK);
    check_forms(model, &info, options, what);
    int threads = options->threads;
    const sn_infer_pool pool = {&threads, threads, run_in_turn};
    for (int repeat = 0; repeat < 2; repeat++) {
        REQUIRE(sn_infer_run(model, scratch, info.scratch_memory, threads > 1 ? &pool : NULL,
                             t->image, logits) == SN_INFER_OK);
        for (size_t i = 0; i < (size_t)info.classes; i++) {
            const double want = expected->data[i], got = (double)logits[i];
            if (!(fabs(got - want) <= tolerance * (1 + fabs(want))))
                ck_abort_msg("%s: %s, %s, signs %s, group %d, %d threads: element %zu of %d x %d x "
                             "%d is %.9g, "
                             "not %.9g",
                             what, sn_infer_isa_name(options->isa),
                             sn_infer_form_name(options->form),
                             sn_infer_signs_name((int)options->signs), options->group, threads, i,
                             expected->channels, expected->height, expected->width, got, want);
        }
    }
    sn_free(logits);
    sn_free(scratch);
    sn_free(memory);
}

/* In every form, with one way to take signs. */
static void check_signs(const twin *t, const twin_value *expected, const void *packed, size_t bytes,
                        sn_infer_isa isa, sn_infer_signs signs, bool quantized, double tolerance,
                        const char *what) {
    for (int form = 0; form < SN_INFER_FORM_COUNT; form++) {
        const bool grouped = form == SN_INFER_FORM_SHARED || form == SN_INFER_FORM_COMPLEMENT;
        for (int group = 0; group <= (!grouped ? 0 : t->ternary ? 4 : 8); group++) {
            const sn_infer_options options = {.isa = isa,
                                              .form = (sn_infer_form)form,
                                              .signs = signs,
                                              .group = group,
                                              .threads = 1 + (form + group) % 3};
            if (group != 1)
                check_run(t, expected, packed, bytes, &options, tolerance, what);
        }
        if (!quantized && form == SN_INFER_FORM_SPARSE)
            break; /* nothing has a form: this was one, two and three threads */
    }
}

void twin_check(twin *t, sn_packer_value output, double tolerance, const char *what) {
    size_t bytes;
    void *packed = twin_pack(t, output, &bytes);
    sn_infer_info info;
    REQUIRE(sn_infer_inspect(packed, bytes, NULL, &info) == SN_INFER_OK);
    for (int isa = SN_INFER_ISA_PORTABLE; isa < SN_INFER_ISA_COUNT; isa++)
        for (int signs = 0; signs < (t->regions ? SN_INFER_SIGNS_COUNT : 1); signs++)
            if (sn_infer_isa_available((sn_infer_isa)isa))
                check_signs(t, &t->values[output], packed, bytes, (sn_infer_isa)isa,
                            (sn_infer_signs)signs, info.quantized_weights > 0, tolerance, what);
    sn_free(packed);
}

static sn_packer_value add_block(twin *t, sn_packer_value x, int channels, int stride,
                                 double density, bool centered) {
    const twin_conv first = {channels, 3, 3, stride, 1, density, centered, SN_PACKER_RELU, false};
    twin_conv second = first;
    second.stride = 1;
    second.activation = SN_PACKER_LINEAR;
    const sn_packer_value y = twin_add_conv(t, twin_add_conv(t, x, &first), &second);
    if (stride > 1) {
        const twin_conv shortcut = {channels, 1, 1, stride, 0, -1, false, SN_PACKER_LINEAR, false};
        x = twin_add_conv(t, x, &shortcut);
    }
    return twin_add_sum(t, y, x, SN_PACKER_RELU);
}

sn_packer_value twin_add_resnet(twin *t, int width, int blocks, double density, bool centered) {
    const twin_conv stem = {width, 3, 3, 1, 1, -1, false, SN_PACKER_RELU, false};
    sn_packer_value x = twin_add_conv(t, 0, &stem);
    for (int stage = 0; stage < 3; stage++)
        for (int block = 0; block < blocks; block++)
            x = add_block(t, x, width << stage, stage && !block ? 2 : 1, density, centered);
    return twin_add_linear(t, twin_add_global_pool(t, x), 10, SN_PACKER_LINEAR);
}
