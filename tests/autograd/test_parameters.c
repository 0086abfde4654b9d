/* The table of parameters: names, roles, layout, initialisation. */
#include "graph_help.h"

#include "base/memory.h"
#include "suites.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const sn_init normal = {SN_INIT_NORMAL, 0.5};

static sn_parameters *new_table(void) {
    sn_parameters *table;
    OK(sn_parameters_create(&table, &error));
    return table;
}

static size_t add(sn_parameters *table, const char *name, sn_shape shape, sn_role role,
                  sn_init init) {
    size_t index;
    OK(sn_parameters_add(table, name, shape, role, init, &index, &error));
    return index;
}

START_TEST(test_names) {
    sn_parameters *table = new_table();
    const sn_shape shape = sn_shape_4(2, 3, 1, 1);
    size_t index = 99;
    sn_error refusal;
    ck_assert_uint_eq(add(table, "conv1.weight", shape, SN_ROLE_LATENT, normal), 0);
    ck_assert_uint_eq(add(table, "conv2.weight", shape, SN_ROLE_LATENT, normal), 1);
    ck_assert_uint_eq(add(table, "conv1.weight", shape, SN_ROLE_LATENT, normal), 0);
    ck_assert_uint_eq(sn_parameters_count(table), 2);
    ck_assert_int_eq(sn_parameters_add(table, "conv1.weight", sn_shape_4(2, 3, 3, 3),
                                       SN_ROLE_LATENT, normal, &index, &refusal),
                     SN_ERROR_ARGUMENT);
    ck_assert_str_eq(refusal.message,
                     "parameter conv1.weight has shape [2, 3, 1, 1], not [2, 3, 3, 3]");
    ck_assert_int_eq(
        sn_parameters_add(table, "conv1.weight", shape, SN_ROLE_WEIGHT, normal, &index, &refusal),
        SN_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(refusal.message, "conv1.weight"));
    ck_assert_ptr_nonnull(strstr(refusal.message, "role"));
    char name[SN_PARAMETER_NAME_SIZE + 1];
    memset(name, 'a', sizeof name);
    name[SN_PARAMETER_NAME_SIZE] = '\0'; /* one character too many */
    ck_assert_int_eq(
        sn_parameters_add(table, name, shape, SN_ROLE_WEIGHT, normal, &index, &refusal),
        SN_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(refusal.message, "longer than 127"));
    name[SN_PARAMETER_NAME_SIZE - 1] = '\0';
    add(table, name, shape, SN_ROLE_WEIGHT, normal);
    ck_assert_str_eq(sn_parameters_find(table, name)->name, name);
    ck_assert_int_eq(sn_parameters_add(table, "empty", sn_shape_2(0, 3), SN_ROLE_WEIGHT, normal,
                                       &index, &refusal),
                     SN_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(refusal.message, "empty"));
    ck_assert_ptr_null(sn_parameters_find(table, "conv3.weight"));
    OK(sn_parameters_allocate(table, &error));
    ck_assert_int_eq(sn_parameters_add(table, "late", shape, SN_ROLE_WEIGHT, normal, &index, NULL),
                     SN_ERROR_INTERNAL);
    add(table, "conv2.weight", shape, SN_ROLE_LATENT,
        normal); /* known ones still may be asked for */
    sn_parameters_free(table);
    sn_parameters_free(NULL);
}
END_TEST

START_TEST(test_layout) {
    sn_parameters *table = new_table();
    for (int role = 0; role < SN_ROLE_COUNT; role++) {
        const char name[2] = {(char)('a' + role), '\0'};
        add(table, name, sn_shape_1(3 + 7 * (size_t)role), (sn_role)role, normal);
    }
    OK(sn_parameters_allocate(table, &error));
    const sn_real *values = sn_parameters_values(table);
    OK(sn_parameters_allocate(table, &error));
    ck_assert_ptr_eq(sn_parameters_values(table), values);
    sn_parameters_initialise(table, 1);
    size_t used = 0;
    for (int role = 0; role < SN_ROLE_COUNT; role++) {
        const sn_parameter *entry = sn_parameters_at(table, (size_t)role);
        const bool statistic = role == SN_ROLE_RUNNING_MEAN || role == SN_ROLE_RUNNING_VARIANCE;
        const bool buffer = statistic || role == SN_ROLE_INPUT_RANGE || role == SN_ROLE_SIGN ||
                            role == SN_ROLE_SIGN_EVIDENCE;
        ck_assert_int_eq(sn_role_is_statistic((sn_role)role), statistic);
        ck_assert_int_eq(sn_role_is_trained((sn_role)role), !buffer);
        ck_assert_uint_eq((uintptr_t)entry->value % SN_ALIGNMENT, 0);
        ck_assert_int_eq(entry->gradient == NULL, buffer);
        if (buffer)
            continue;
        ck_assert_ptr_eq(entry->value, values + entry->offset);
        ck_assert_ptr_eq(entry->gradient, sn_parameters_gradients(table) + entry->offset);
        ck_assert_uint_ge(entry->offset, used);
        for (; used < entry->offset; used++) /* what lies between entries */
            ck_assert_double_eq((double)values[used], 0);
        used += entry->count;
    }
    ck_assert_uint_le(used, sn_parameters_length(table));
    sn_parameters_free(table);
}
END_TEST

static void check_same(const sn_parameters *a, const sn_parameters *b, const char *name,
                       bool same) {
    const sn_parameter *p = sn_parameters_find(a, name), *q = sn_parameters_find(b, name);
    ck_assert_int_eq(memcmp(p->value, q->value, p->count * sizeof *p->value) == 0, same);
}

/* Other entries, their number and their order do not matter. */
START_TEST(test_initialisation_depends_on_seed_and_name) {
    sn_parameters *a = new_table(), *b = new_table(), *c = new_table();
    const sn_shape shape = sn_shape_2(9, 5);
    add(a, "one", shape, SN_ROLE_WEIGHT, normal);
    add(a, "two", shape, SN_ROLE_WEIGHT, normal);
    add(b, "zero", sn_shape_1(77), SN_ROLE_BIAS, normal);
    add(b, "two", shape, SN_ROLE_WEIGHT, normal);
    add(b, "one", shape, SN_ROLE_LATENT, normal);
    add(c, "one", shape, SN_ROLE_WEIGHT, normal);
    OK(sn_parameters_allocate(a, &error));
    OK(sn_parameters_allocate(b, &error));
    OK(sn_parameters_allocate(c, &error));
    sn_parameters_initialise(a, 5);
    sn_parameters_initialise(b, 5);
    sn_parameters_initialise(c, 6);
    check_same(a, b, "one", true);
    check_same(a, b, "two", true);
    check_same(a, c, "one", false);
    const sn_parameter *one = sn_parameters_find(a, "one"), *two = sn_parameters_find(a, "two");
    ck_assert_int_ne(memcmp(one->value, two->value, one->count * sizeof *one->value), 0);
    sn_parameters_initialise(a, 6);
    check_same(a, c, "one", true);
    sn_parameters_free(a);
    sn_parameters_free(b);
    sn_parameters_free(c);
}
END_TEST

START_TEST(test_distributions) {
    sn_parameters *table = new_table();
    const size_t count = 20000;
    add(table, "normal", sn_shape_1(count), SN_ROLE_WEIGHT, normal);
    add(table, "uniform", sn_shape_1(count), SN_ROLE_BIAS, (sn_init){SN_INIT_UNIFORM, 0.25});
    add(table, "constant", sn_shape_1(count), SN_ROLE_SLOPE, (sn_init){SN_INIT_CONSTANT, -2});
    OK(sn_parameters_allocate(table, &error));
    sn_parameters_initialise(table, 1);
    const double deviations[] = {0.5, 0.25 / sqrt(3), 0}, means[] = {0, 0, -2};
    for (size_t p = 0; p < 3; p++) {
        const sn_parameter *entry = sn_parameters_at(table, p);
        double sum = 0, square = 0;
        for (size_t i = 0; i < count; i++) {
            const double x = (double)entry->value[i];
            ck_assert(p != 1 || fabs(x) <= 0.25);
            sum += x;
            square += (x - means[p]) * (x - means[p]);
        }
        ck_assert_double_eq_tol(sum / (double)count, means[p], 0.02);
        ck_assert_double_eq_tol(sqrt(square / (double)count), deviations[p], 0.01);
    }
    sn_parameters_free(table);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("parameters");
    TCase *tcase = tcase_create("table");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_names);
    tcase_add_test(tcase, test_layout);
    tcase_add_test(tcase, test_initialisation_depends_on_seed_and_name);
    tcase_add_test(tcase, test_distributions);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, CK_FORK_GETENV);
}
