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

void golden_check(const char *what, const float *values, const golden_array *expected,
                  double tolerance) {
    double scale = 0;
    for (size_t i = 0; i < expected->count; i++)
        scale = fmax(scale, fabs((double)expected->values[i]));
    for (size_t i = 0; i < expected->count; i++) {
        const double want = (double)expected->values[i], have = (double)values[i];
        const double allowed = tolerance * (fabs(want) + scale / 10);
        ck_assert_msg(fabs(have - want) <= allowed, "%s[%zu] is %.9g, not %.9g (scale %.3g)", what,
                      i, have, want, scale);
    }
}

void golden_check_named(const sn_h5 *h5, const char *group, const char *name, const float *values,
                        double tolerance) {
    char what[256];
    snprintf(what, sizeof what, "%s/%s", group, name);
    golden_array expected = golden_read(h5, group, name);
    golden_check(what, values, &expected, tolerance);
    free(expected.values);
}
