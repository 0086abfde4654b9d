/* Quantizers and estimators where the golden values do not reach: edges, and the definitions
 * evaluated in double. */
#include "quant/quant.h"

#include "base/option.h"
#include "base/rng.h"
#include "suites.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT = 144 };

static const sn_quantizer *quantizer(const char *name) {
    return sn_quantizer_at(sn_choice_find(sn_quantizer_name, name));
}

static const sn_estimator *estimator(const char *name) {
    return sn_estimator_at(sn_choice_find(sn_estimator_name, name));
}

static void draw(float *values, size_t count, double deviation, uint64_t seed) {
    sn_rng rng;
    sn_rng_init(&rng, seed, SN_RNG_TEST, 0);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(deviation * sn_rng_normal(&rng));
}

static const sn_quant_options defaults = {.delta_ratio = 0.05, .positive_fraction = 0.5};

START_TEST(signs_follow_the_positive_fraction) {
    static const struct {
        size_t count;
        double fraction;
        size_t positive; /* round(fraction * count), halves up */
    } cases[] = {{16, 0.5, 8}, {7, 0.5, 4}, {7, 0, 0}, {7, 1, 7}, {10, 0.25, 3}, {1, 0.4, 0}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
        for (size_t k = 0; k < cases[c].count; k++)
            ck_assert_float_eq(sn_region_sign(k, cases[c].count, cases[c].fraction),
                               k < cases[c].positive ? 1.0F : -1.0F);
}
END_TEST

START_TEST(a_filter_without_effectual_weights_is_zero) {
    const float latent[4] = {-1.0F, -0.5F, -0.25F, -2.0F};
    static const char *const names[] = {"signed-binary", "signed-binary-centered"};
    for (int i = 0; i < 2; i++) {
        sn_region region = {.sign = 1};
        float weight[4];
        uint8_t mask[4];
        quantizer(names[i])->quantize(&defaults, latent, 4, &region, weight, mask);
        ck_assert_uint_eq(region.effectual, 0);
        ck_assert_float_eq(region.scale, 0);
        for (int j = 0; j < 4; j++) {
            ck_assert_float_eq(weight[j], 0);
            ck_assert_uint_eq(mask[j], 0);
        }
    }
}
END_TEST

/* Whatever the threshold and the scale: none of its weights is effectual. */
START_TEST(a_filter_of_zeros_is_zero) {
    static const char *const names[] = {"signed-binary", "signed-binary-centered"};
    const float latent[9] = {0};
    for (int i = 0; i < 8; i++) {
        sn_quant_options options = defaults;
        sn_region region = {.sign = i & 1 ? -1.0F : 1.0F};
        float weight[9];
        uint8_t mask[9];
        options.scale_rule = i & 2 ? SN_SCALE_ONE : SN_SCALE_FILTER_MEAN;
        quantizer(names[i / 4])->quantize(&options, latent, 9, &region, weight, mask);
        ck_assert_uint_eq(region.effectual, 0);
        for (int j = 0; j < 9; j++) {
            ck_assert_float_eq(weight[j], 0);
            ck_assert_uint_eq(mask[j], 0);
        }
    }
}
END_TEST

START_TEST(centered_weights_have_mean_zero_and_two_values) {
    float latent[COUNT], weight[COUNT];
    uint8_t mask[COUNT];
    draw(latent, COUNT, 0.06, 1);
    for (int s = -1; s <= 1; s += 2) {
        sn_region region = {.sign = (float)s};
        quantizer("signed-binary-centered")
            ->quantize(&defaults, latent, COUNT, &region, weight, mask);
        double sum = 0;
        for (int i = 0; i < COUNT; i++) {
            const double density = (double)region.effectual / COUNT;
            const double want = (double)region.scale * s * (mask[i] - density);
            ck_assert_double_eq_tol((double)weight[i], want, 1e-7);
            sum += (double)weight[i];
        }
        ck_assert_double_eq_tol(sum, 0, 1e-5);
    }
}
END_TEST

/* The definitions, written plainly in double: XNOR-Net's filter-wise scale, and TWN. */
static double plain_weight(const char *name, const float *latent, int count, double delta_ratio,
                           int index, bool *at_step) {
    double mean = 0, total = 0;
    int effectual = 0;
    for (int i = 0; i < count; i++)
        mean += fabs((double)latent[i]) / count;
    const bool ternary = strcmp(name, "ternary") == 0;
    const double delta = ternary ? delta_ratio * mean : -1;
    for (int i = 0; i < count; i++) {
        if (fabs((double)latent[i]) > delta) {
            total += fabs((double)latent[i]);
            effectual++;
        }
    }
    const double w = (double)latent[index];
    *at_step = fabs(fabs(w) - delta) < 1e-6;
    if (fabs(w) <= delta)
        return 0;
    return (w >= 0 ? 1 : -1) * total / effectual;
}

START_TEST(comparisons_match_their_definition) {
    static const char *const names[] = {"binary", "ternary"};
    const char *name = names[_i / 2];
    sn_quant_options options = {.quantizer = sn_choice_find(sn_quantizer_name, name),
                                .delta_ratio = _i % 2 ? 1.3 : -1};
    ck_assert_int_eq(sn_quant_resolve(&options, NULL), SN_OK);
    if (_i == 2)
        ck_assert_double_eq(options.delta_ratio, 0.7);
    float latent[COUNT], weight[COUNT];
    uint8_t mask[COUNT];
    draw(latent, COUNT, 0.06, 6);
    latent[5] = 0;
    latent[6] = -0.0F;
    sn_region region = {.sign = 1};
    quantizer(name)->quantize(&options, latent, COUNT, &region, weight, mask);
    size_t effectual = 0;
    for (int i = 0; i < COUNT; i++) {
        bool at_step;
        const double want = plain_weight(name, latent, COUNT, options.delta_ratio, i, &at_step);
        ck_assert(!at_step); /* or the draw decides nothing */
        ck_assert_double_eq_tol((double)weight[i], want, 1e-8);
        ck_assert_uint_eq(mask[i], want != 0);
        effectual += mask[i];
    }
    ck_assert_uint_eq(region.effectual, effectual);
}
END_TEST

START_TEST(ternary_of_zeros_is_zero) {
    const float latent[9] = {0};
    sn_region region = {.sign = 1};
    float weight[9];
    quantizer("ternary")->quantize(&defaults, latent, 9, &region, weight, NULL);
    ck_assert_uint_eq(region.effectual, 0);
    for (int j = 0; j < 9; j++)
        ck_assert_float_eq(weight[j], 0);
}
END_TEST

static sn_status resolve(const char *quant, const char *name, sn_quant_options *options,
                         sn_error *error) {
    *options = (sn_quant_options){.quantizer = sn_choice_find(sn_quantizer_name, quant),
                                  .estimator = sn_choice_find(sn_estimator_name, name),
                                  .delta_ratio = -1};
    return sn_quant_resolve(options, error);
}

START_TEST(every_quantizer_names_an_estimator_of_its_own) {
    sn_quant_options options;
    sn_error error;
    for (int i = 0; sn_quantizer_name(i); i++) {
        if (!sn_quantizer_at(i)->quantize)
            continue;
        ck_assert_int_eq(resolve(sn_quantizer_name(i), "auto", &options, &error), SN_OK);
        ck_assert_ptr_nonnull(sn_estimator_at(options.estimator)->backward);
        ck_assert_double_ge(options.delta_ratio, 0);
    }
    ck_assert_int_eq(resolve("signed-binary", "auto", &options, NULL), SN_OK);
    ck_assert_str_eq(sn_estimator_name(options.estimator), "ede");
    ck_assert_int_eq(resolve("ternary", "ede", &options, &error), SN_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(error.message, "ternary"));
    ck_assert_int_eq(resolve("binary", "ede-standardized", &options, NULL), SN_OK);
    ck_assert_int_eq(resolve("biper", "ste", &options, NULL), SN_ERROR_ARGUMENT);
    ck_assert_int_eq(resolve("binary", "sine", &options, NULL), SN_ERROR_ARGUMENT);
}
END_TEST

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double middle_of(const float *latent, int count) {
    double sorted[COUNT];
    for (int i = 0; i < count; i++)
        sorted[i] = fabs((double)latent[i]);
    qsort(sorted, (size_t)count, sizeof *sorted, by_value);
    return sorted[(count - 1) / 2];
}

/* BitNet b1.58 as it is written: round, ties to even, and clip. */
static void check_b158(const char *name, const float *latent, int count, double gamma) {
    const sn_quant_options options = {.delta_ratio = 0.5};
    sn_region region = {.sign = 1};
    float weight[COUNT];
    uint8_t mask[COUNT];
    size_t effectual = 0;
    quantizer(name)->quantize(&options, latent, (size_t)count, &region, weight, mask);
    for (int i = 0; i < count; i++) {
        const double rounded = nearbyint((double)latent[i] / gamma);
        const double want = gamma * fmax(-1, fmin(1, rounded));
        ck_assert_double_eq_tol((double)weight[i], want, 1e-8);
        ck_assert_uint_eq(mask[i], want != 0);
        effectual += mask[i];
    }
    ck_assert_uint_eq(region.effectual, effectual);
    ck_assert_double_eq_tol((double)region.scale, gamma, 1e-8);
}

START_TEST(b158_rounds_and_clips) {
    float latent[COUNT];
    draw(latent, COUNT, 0.06, 7 + (uint64_t)_i);
    const int count = COUNT - _i; /* even and odd */
    double mean = 0;
    for (int i = 0; i < count; i++)
        mean += fabs((double)latent[i]) / count;
    check_b158("ternary-b158", latent, count, mean);
    check_b158("ternary-b158-median", latent, count, middle_of(latent, count));
}
END_TEST

START_TEST(a_median_of_few_is_the_lower_middle) {
    const float latent[4] = {-4, 1, -2, 3}, tied[4] = {1, -1, 1, 5}, zeros[2] = {0, -0.0F};
    const sn_quant_options options = {.delta_ratio = 0.5};
    sn_region region = {.sign = 1};
    quantizer("ternary-b158-median")->quantize(&options, latent, 4, &region, NULL, NULL);
    ck_assert_float_eq(region.scale, 2);
    quantizer("ternary-b158-median")->quantize(&options, tied, 4, &region, NULL, NULL);
    ck_assert_float_eq(region.scale, 1);
    quantizer("ternary-b158-median")->quantize(&options, zeros, 2, &region, NULL, NULL);
    ck_assert_float_eq(region.scale, 0);
}
END_TEST

START_TEST(biper_is_a_square_wave) {
    float latent[COUNT], weight[COUNT], dweight[COUNT], dlatent[COUNT];
    draw(latent, COUNT, 0.3, 9); /* several periods of 0.314 */
    draw(dweight, COUNT, 1, 10);
    latent[3] = 0;
    double scale = 0;
    for (int i = 0; i < COUNT; i++) {
        scale += fabs(sin(20 * (double)latent[i])) / COUNT;
        dlatent[i] = 3;
    }
    sn_region region = {.sign = 1};
    quantizer("biper")->quantize(&defaults, latent, COUNT, &region, weight, NULL);
    ck_assert_double_eq_tol((double)region.scale, scale, 1e-6);
    estimator("sine")->backward(&defaults, latent, COUNT, &region, 0.5, dweight, dlatent);
    ck_assert_double_eq_tol(estimator("sine")->peak(&defaults, &region, 0.5), 20 * scale, 1e-4);
    int rising = 0;
    for (int i = 0; i < COUNT; i++) {
        const double w = (double)latent[i];
        ck_assert(w == 0 || fabs(sin(20 * w)) > 1e-5); /* or rounding decides */
        const double want = sin(20 * w) >= 0 ? scale : -scale;
        ck_assert_double_eq_tol((double)weight[i], want, 1e-6);
        ck_assert_double_eq_tol((double)dlatent[i],
                                3 + (double)dweight[i] * scale * 20 * cos(20 * w), 1e-4);
        rising += cos(20 * w) > 0;
    }
    ck_assert(rising > COUNT / 4 && rising < 3 * COUNT / 4);
}
END_TEST

/* Mean square of what the quantized weights miss of the sine, for latent weights with a Laplace
 * distribution of scale b = turns / 20. */
static double biper_error(double turns) {
    enum { MANY = 4096 };
    static float latent[MANY], weight[MANY];
    double total = 0;
    for (int i = 0; i < MANY; i++) {
        const double side = 2 * (i + 0.5) / MANY - 1; /* of the quantiles, from -1 to 1 */
        latent[i] = (float)(copysign(log1p(-fabs(side)), side) * turns / 20);
    }
    sn_region region = {.sign = 1};
    quantizer("biper")->quantize(&defaults, latent, MANY, &region, weight, NULL);
    for (int i = 0; i < MANY; i++)
        total += pow(sin(20 * (double)latent[i]) - (double)weight[i], 2);
    return total / MANY;
}

/* The paper's analysis: with the best scale the error is at most 0.102835, at b omega = 0.954882.
 */
START_TEST(biper_has_the_papers_quantization_error) {
    ck_assert_double_eq_tol(biper_error(0.954882), 0.102835, 2e-4);
    ck_assert_double_lt(biper_error(0.7), 0.1025);
    ck_assert_double_lt(biper_error(1.4), 0.1025);
}
END_TEST

START_TEST(denseshift_takes_the_nearest_power) {
    float latent[COUNT], weight[COUNT];
    draw(latent, COUNT, 0.06, 11);
    latent[0] = 0;
    double largest = 0, sum = 0, powers = 0, power[COUNT];
    for (int i = 0; i < COUNT; i++) {
        largest = fmax(largest, fabs((double)latent[i]));
        sum += fabs((double)latent[i]);
    }
    int seen[4] = {0};
    for (int i = 0; i < COUNT; i++) {
        const double exponent = round(log2(fabs((double)latent[i]) / largest));
        const int p = exponent < -3 ? -3 : (int)exponent; /* log2(0) is -infinity */
        power[i] = ldexp(1, p);
        powers += power[i];
        seen[-p]++;
    }
    sn_region region = {.sign = 1};
    quantizer("denseshift")->quantize(&defaults, latent, COUNT, &region, weight, NULL);
    ck_assert_double_eq_tol((double)region.scale, sum / powers, 1e-7);
    for (int i = 0; i < COUNT; i++)
        ck_assert_double_eq_tol((double)weight[i],
                                (latent[i] >= 0 ? 1 : -1) * power[i] * sum / powers, 1e-7);
    for (int p = 0; p < 4; p++)
        ck_assert_int_gt(seen[p], 0);
}
END_TEST

/* What the rules that need the layer build on: with any of them weights come with scale 1, and
 * magnitude / levels is the scale of filter-mean. */
START_TEST(every_quantizer_separates_pattern_and_scale) {
    float latent[COUNT], weight[COUNT], pattern[COUNT];
    draw(latent, COUNT, 0.06, 12);
    for (int q = 0; sn_quantizer_name(q); q++) {
        const sn_quantizer *tested = sn_quantizer_at(q);
        if (!tested->quantize)
            continue;
        for (int sign = -1; sign <= 1; sign += 2) {
            sn_quant_options options = {.delta_ratio = tested->delta_ratio};
            sn_region region = {.sign = (float)sign}, one = region;
            tested->quantize(&options, latent, COUNT, &region, weight, NULL);
            ck_assert_float_eq(region.scale, (float)(region.magnitude / region.levels));
            for (int rule = SN_SCALE_LAYER_MEAN; rule <= SN_SCALE_LEARNED; rule++) {
                options.scale_rule = rule;
                tested->quantize(&options, latent, COUNT, &one, pattern, NULL);
                ck_assert_float_eq(one.scale, 1);
                for (int i = 0; i < COUNT; i++)
                    ck_assert_double_eq_tol((double)weight[i], (double)(pattern[i] * region.scale),
                                            1e-8);
            }
        }
    }
}
END_TEST

START_TEST(peaks_are_the_largest_slopes) {
    static const char *const names[] = {"ste", "ede", "ede-standardized"};
    float latent[COUNT], ones[COUNT];
    draw(latent, COUNT, 0.5, 13);
    latent[0] = -0.01F; /* the step itself */
    for (int i = 0; i < COUNT; i++)
        ones[i] = 1;
    const sn_quant_options options = {.ede_t_min = 0.5, .ede_t_max = 3};
    const sn_region region = {.sign = -1, .threshold = -0.01F};
    for (int e = 0; e < 3; e++) {
        float slope[COUNT] = {0};
        double largest = 0;
        estimator(names[e])->backward(&options, latent, COUNT, &region, 0.7, ones, slope);
        for (int i = 0; i < COUNT; i++)
            largest = fmax(largest, (double)slope[i]);
        ck_assert_double_eq_tol(estimator(names[e])->peak(&options, &region, 0.7), largest, 1e-5);
    }
}
END_TEST

START_TEST(temperatures_span_the_given_range) {
    double t, k;
    sn_ede_schedule(0.5, 8, 0, &t, &k);
    ck_assert_double_eq_tol(t, 0.5, 1e-12);
    ck_assert_double_eq_tol(k, 2, 1e-12);
    sn_ede_schedule(0.5, 8, 0.5, &t, &k);
    ck_assert_double_eq_tol(t, 2, 1e-12); /* the geometric middle */
    ck_assert_double_eq_tol(k, 1, 1e-12);
    sn_quant_options options = {.quantizer = sn_choice_find(sn_quantizer_name, "binary"),
                                .scale_rule = SN_SCALE_MEAN};
    ck_assert_int_eq(sn_quant_resolve(&options, NULL), SN_OK);
    ck_assert_double_eq(options.ede_t_min, 0.1);
    ck_assert_double_eq(options.ede_t_max, 10);
    ck_assert_int_eq(options.scale_rule, SN_SCALE_FILTER_MEAN);
}
END_TEST

START_TEST(scale_rule_one_is_one) {
    float latent[COUNT], weight[COUNT];
    draw(latent, COUNT, 0.06, 2);
    sn_quant_options options = defaults;
    options.scale_rule = SN_SCALE_ONE;
    sn_region region = {.sign = -1};
    quantizer("signed-binary")->quantize(&options, latent, COUNT, &region, weight, NULL);
    for (int i = 0; i < COUNT; i++)
        ck_assert_float_eq(weight[i], -latent[i] >= -region.threshold ? -1.0F : 0.0F);
}
END_TEST

START_TEST(a_larger_delta_ratio_is_sparser) {
    float latent[COUNT];
    draw(latent, COUNT, 0.06, 3);
    size_t last = COUNT + 1;
    for (double ratio = 0; ratio <= 1; ratio += 0.25) {
        sn_quant_options options = defaults;
        options.delta_ratio = ratio;
        sn_region region = {.sign = 1};
        quantizer("signed-binary")->quantize(&options, latent, COUNT, &region, NULL, NULL);
        ck_assert_uint_lt(region.effectual, last);
        last = region.effectual;
    }
}
END_TEST

/* The formulas of docs/method.md, in double. */
static double surrogate(const char *name, double weight, double centre, double progress,
                        double deviation) {
    if (strcmp(name, "ste") == 0)
        return fabs(weight) <= 1;
    const double t = 0.1 * pow(100, progress), k = fmax(1 / t, 1);
    const double unit = strcmp(name, "ede") == 0 ? 1 : deviation;
    const double step = tanh(t * (weight - centre) / unit);
    return k * t * (1 - step * step);
}

static double sample_deviation(const float *values) {
    double mean = 0, squares = 0;
    for (int i = 0; i < COUNT; i++)
        mean += (double)values[i] / COUNT;
    for (int i = 0; i < COUNT; i++)
        squares += ((double)values[i] - mean) * ((double)values[i] - mean);
    return sqrt(squares / (COUNT - 1));
}

START_TEST(estimators_match_their_definition_and_accumulate) {
    static const char *const names[] = {"ste", "ede", "ede-standardized"};
    const char *name = names[_i];
    float latent[COUNT], dweight[COUNT];
    draw(latent, COUNT, 0.06, 4);
    draw(dweight, COUNT, 1, 5);
    latent[0] = 1.7F; /* beyond the clip */
    const sn_quant_options options = {.ede_t_min = 0.1, .ede_t_max = 10};
    for (double progress = 0; progress < 1; progress += 0.3) {
        float dlatent[COUNT];
        for (int i = 0; i < COUNT; i++)
            dlatent[i] = 3;
        const sn_region region = {.sign = -1, .threshold = -0.01F};
        estimator(name)->backward(&options, latent, COUNT, &region, progress, dweight, dlatent);
        for (int i = 0; i < COUNT; i++) {
            const double slope = surrogate(name, (double)latent[i], (double)region.threshold,
                                           progress, sample_deviation(latent));
            ck_assert_double_eq_tol((double)dlatent[i], 3 + (double)dweight[i] * slope, 2e-5);
        }
    }
}
END_TEST

static double square_cosine(const float *a, const float *b) {
    double product = 0, squares[2] = {0, 0};
    for (int i = 0; i < COUNT; i++) {
        product += (double)a[i] * (double)b[i];
        squares[0] += (double)a[i] * (double)a[i];
        squares[1] += (double)b[i] * (double)b[i];
    }
    return squares[1] > 0 ? product * product / (squares[0] * squares[1]) : 0;
}

START_TEST(evidence_compares_the_angles_of_both_signs) {
    static const char *const names[] = {"signed-binary", "signed-binary-centered"};
    const sn_quantizer *q = quantizer(names[_i % 2]);
    float latent[COUNT], weight[COUNT];
    draw(latent, COUNT, 0.06, 11);
    /* Around 0, shifted, and with no weight of one sign. */
    for (int shift = -2; shift <= 2; shift++) {
        for (int i = 0; i < COUNT; i++)
            latent[i] += 0.05F * (float)shift;
        for (int s = -1; s <= 1; s += 2) {
            sn_region region = {.sign = (float)s}, other = {.sign = (float)-s};
            q->quantize(&defaults, latent, COUNT, &region, weight, NULL);
            const double now = square_cosine(latent, weight);
            q->quantize(&defaults, latent, COUNT, &other, weight, NULL);
            const double then = square_cosine(latent, weight);
            ck_assert_double_eq_tol(q->sign_evidence(&defaults, latent, COUNT, (float)s),
                                    now + then > 0 ? (then - now) / (then + now) : 0, 1e-5);
        }
    }
    memset(latent, 0, sizeof latent);
    ck_assert_double_eq(q->sign_evidence(&defaults, latent, COUNT, 1), 0);
}
END_TEST

START_TEST(a_sign_turns_when_the_evidence_holds) {
    float sign = -1, evidence = 0;
    for (int i = 0; i < 2000; i++)
        sn_region_learn_sign(0.09, &sign, &evidence);
    ck_assert_float_eq(sign, -1);
    ck_assert_float_eq_tol(evidence, 0.09F, 1e-4F);
    evidence = 0;
    for (int i = 0; i < 10; i++)
        sn_region_learn_sign(1, &sign, &evidence);
    ck_assert_float_eq(sign, -1); /* a moment is not enough */
    sn_region_learn_sign(1, &sign, &evidence);
    ck_assert_float_eq(sign, 1);
    ck_assert_float_lt(evidence, -0.1F); /* and it does not turn back at once */
}
END_TEST

START_TEST(regions_and_signs_are_for_those_who_have_them) {
    for (int i = 0; sn_quantizer_name(i); i++) {
        const bool has = strncmp(sn_quantizer_name(i), "signed-binary", 13) == 0;
        const sn_status expected = has ? SN_OK : SN_ERROR_ARGUMENT;
        sn_quant_options regions = {.quantizer = i, .region_channels = 8};
        sn_quant_options signs = {.quantizer = i, .sign_rule = SN_SIGNS_LEARNED};
        sn_error error = {.message = "--region --signs"};
        ck_assert_int_eq(sn_quant_resolve(&regions, &error), expected);
        ck_assert_ptr_nonnull(strstr(error.message, "--region"));
        ck_assert_int_eq(sn_quant_resolve(&signs, &error), expected);
        ck_assert_ptr_nonnull(strstr(error.message, "--signs"));
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("quant");
    TCase *tcase = tcase_create("quant");
    tcase_add_test(tcase, signs_follow_the_positive_fraction);
    tcase_add_test(tcase, a_filter_without_effectual_weights_is_zero);
    tcase_add_test(tcase, a_filter_of_zeros_is_zero);
    tcase_add_test(tcase, centered_weights_have_mean_zero_and_two_values);
    tcase_add_loop_test(tcase, comparisons_match_their_definition, 0, 4);
    tcase_add_test(tcase, ternary_of_zeros_is_zero);
    tcase_add_test(tcase, every_quantizer_names_an_estimator_of_its_own);
    tcase_add_loop_test(tcase, b158_rounds_and_clips, 0, 2);
    tcase_add_test(tcase, a_median_of_few_is_the_lower_middle);
    tcase_add_test(tcase, biper_is_a_square_wave);
    tcase_add_test(tcase, biper_has_the_papers_quantization_error);
    tcase_add_test(tcase, denseshift_takes_the_nearest_power);
    tcase_add_test(tcase, every_quantizer_separates_pattern_and_scale);
    tcase_add_test(tcase, peaks_are_the_largest_slopes);
    tcase_add_test(tcase, temperatures_span_the_given_range);
    tcase_add_test(tcase, scale_rule_one_is_one);
    tcase_add_test(tcase, a_larger_delta_ratio_is_sparser);
    tcase_add_loop_test(tcase, estimators_match_their_definition_and_accumulate, 0, 3);
    tcase_add_loop_test(tcase, evidence_compares_the_angles_of_both_signs, 0, 2);
    tcase_add_test(tcase, a_sign_turns_when_the_evidence_holds);
    tcase_add_test(tcase, regions_and_signs_are_for_those_who_have_them);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, CK_FORK_GETENV);
}
