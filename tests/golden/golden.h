/* Reference values from PyTorch (golden.h5; see golden.md), and how tests compare with them. */
#ifndef SN_TESTS_GOLDEN_H
#define SN_TESTS_GOLDEN_H

#include "train/h5.h"

/* An array of the file. */
typedef struct golden_array {
    sn_shape shape;
    size_t count;
    float *values; /* free */
} golden_array;

/* Opens the file that SN_GOLDEN names, otherwise the one beside the tests. */
sn_h5 golden_open(void);

/* Reads group/name, which must exist, whatever its number type. */
golden_array golden_read(const sn_h5 *h5, const char *group, const char *name);

/* A number attached to a group as an attribute. */
double golden_attribute(const sn_h5 *h5, const char *group, const char *name);

/* Fails the test unless every |value - expected| is at most tolerance * (|expected| + scale / 10),
 * scale being the largest |expected|: relative, with room for float sums that cancel to near 0. */
void golden_check(const char *what, const float *values, const golden_array *expected,
                  double tolerance);

/* Reads group/name and compares. */
void golden_check_named(const sn_h5 *h5, const char *group, const char *name, const float *values,
                        double tolerance);

/* One suite per file; see test_golden.c. */
struct Suite;
struct Suite *golden_ops_suite(void);
struct Suite *golden_quant_suite(void);
struct Suite *golden_train_suite(void);

#endif
