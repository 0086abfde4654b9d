#include "golden.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

sn_h5 golden_open(void) {
    const char *given = getenv("SN_GOLDEN");
    sn_h5 h5;
    sn_error error;
    if (sn_h5_open(given && given[0] ? given : GOLDEN_FILE, &h5, &error) != SN_OK)
        ck_abort_msg("%s", error.message);
    return h5;
}

golden_array golden_read(const sn_h5 *h5, const char *group, const char *name) {
    char path[256];
    golden_array array = {0};
    sn_error error;
    snprintf(path, sizeof path, "%s/%s", group, name);
    if (sn_h5_shape(h5, path, &array.shape, &error) != SN_OK)
        ck_abort_msg("%s", error.message);
    array.count = sn_shape_count(&array.shape);
    array.values = malloc(array.count * sizeof *array.values);
    ck_assert_ptr_nonnull(array.values);
    if (sn_h5_read_floats(h5, path, &array.shape, array.values, &error) != SN_OK)
        ck_abort_msg("%s", error.message);
    return array;
}

double golden_attribute(const sn_h5 *h5, const char *group, const char *name) {
    double value = NAN;
    const hid_t attribute = H5Aopen_by_name(h5->file, group, name, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_msg(attribute >= 0, "%s has no attribute %s", group, name);
    ck_assert_int_ge(H5Aread(attribute, H5T_NATIVE_DOUBLE, &value), 0);
    H5Aclose(attribute);
    return value;
}

golden_array golden_read_count(const sn_h5 *h5, const char *group, const char *name, size_t count) {
    char text[SN_SHAPE_TEXT_SIZE];
    golden_array array = golden_read(h5, group, name);
    ck_assert_msg(array.count == count, "%s: %s/%s has shape %s, need %zu values", h5->path, group,
                  name, sn_shape_text(&array.shape, text), count);
    return array;
}

/* Deviation over allowance; infinite whenever there is no number to speak of. */
static double ratio_of(double have, double want, double allowed) {
    const double deviation = fabs(have - want);
    if (deviation <= 0)
        return 0;
    const double ratio = deviation / allowed;
    return isnan(ratio) ? INFINITY : ratio;
}

golden_difference golden_compare(const char *what, const float *values,
                                 const golden_array *expected, double tolerance) {
    golden_difference worst = {.ratio = -1};
    snprintf(worst.what, sizeof worst.what, "%s", what);
    for (size_t i = 0; i < expected->count; i++)
        worst.scale = fmax(worst.scale, fabs((double)expected->values[i]));
    for (size_t i = 0; i < expected->count; i++) {
        const double want = (double)expected->values[i], have = (double)values[i];
        const double ratio = ratio_of(have, want, tolerance * (fabs(want) + worst.scale / 10));
        if (ratio <= worst.ratio)
            continue;
        worst.ratio = ratio;
        worst.index = i;
        worst.value = have;
        worst.expected = want;
    }
    return worst;
}

golden_difference golden_compare_named(const sn_h5 *h5, const char *group, const char *name,
                                       const float *values, size_t count, double tolerance) {
    char what[GOLDEN_NAME_SIZE];
    snprintf(what, sizeof what, "%s/%s", group, name);
    golden_array expected = golden_read_count(h5, group, name, count);
    const golden_difference worst = golden_compare(what, values, &expected, tolerance);
    free(expected.values);
    return worst;
}

const char *golden_text(const golden_difference *difference, char text[GOLDEN_TEXT_SIZE]) {
    snprintf(text, GOLDEN_TEXT_SIZE,
             "%s[%zu] is %.9g, not %.9g (scale %.3g; off by %.3g times what is allowed)",
             difference->what, difference->index, difference->value, difference->expected,
             difference->scale, difference->ratio);
    return text;
}

static void require_match(const golden_difference *worst) {
    char text[GOLDEN_TEXT_SIZE];
    ck_assert_msg(worst->ratio <= 1, "%s", golden_text(worst, text));
}

void golden_check(const char *what, const float *values, const golden_array *expected,
                  double tolerance) {
    const golden_difference worst = golden_compare(what, values, expected, tolerance);
    require_match(&worst);
}

void golden_check_named(const sn_h5 *h5, const char *group, const char *name, const float *values,
                        size_t count, double tolerance) {
    const golden_difference worst = golden_compare_named(h5, group, name, values, count, tolerance);
    require_match(&worst);
}
