/* Reference values from PyTorch (golden.h5; see golden.md), and how tests compare with them. */
#ifndef SN_TESTS_GOLDEN_H
#define SN_TESTS_GOLDEN_H

#include "train/h5.h"

enum { GOLDEN_NAME_SIZE = 256, GOLDEN_TEXT_SIZE = 512 };

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

/* The same, and fails the test unless it has this many values. */
golden_array golden_read_count(const sn_h5 *h5, const char *group, const char *name, size_t count);

/* A number attached to a group as an attribute. */
double golden_attribute(const sn_h5 *h5, const char *group, const char *name);

/* Where values differ most from what is expected. */
typedef struct golden_difference {
    double ratio; /* of the deviation to the allowed one: above 1 is no match */
    char what[GOLDEN_NAME_SIZE];
    size_t index;
    double value, expected;
    double scale; /* the largest |expected| */
} golden_difference;

/* |value - expected| may be tolerance * (|expected| + scale / 10): relative, with room for float
 * sums that cancel to near 0. What is not finite matches nothing. */
golden_difference golden_compare(const char *what, const float *values,
                                 const golden_array *expected, double tolerance);

/* Reads group/name, which must have as many values, and compares. */
golden_difference golden_compare_named(const sn_h5 *h5, const char *group, const char *name,
                                       const float *values, size_t count, double tolerance);

/* For messages. */
const char *golden_text(const golden_difference *difference, char text[GOLDEN_TEXT_SIZE]);

/* The same comparisons; no match fails the test. */
void golden_check(const char *what, const float *values, const golden_array *expected,
                  double tolerance);
void golden_check_named(const sn_h5 *h5, const char *group, const char *name, const float *values,
                        size_t count, double tolerance);

/* One suite per file; see test_golden.c. */
struct Suite;
struct Suite *golden_ops_suite(void);
struct Suite *golden_quant_suite(void);
struct Suite *golden_optim_suite(void);
struct Suite *golden_network_suite(void);

#endif
