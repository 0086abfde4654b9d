/* Reference values from PyTorch in float64 (golden.h5; see golden.md), and how tests compare with
 * them. The sources are compiled twice, for the training code in float and for that in double. */
#ifndef SN_TESTS_GOLDEN_H
#define SN_TESTS_GOLDEN_H

#include "autograd/shape.h"
#include "base/real.h"

#include <hdf5.h>

enum { GOLDEN_NAME_SIZE = 256, GOLDEN_TEXT_SIZE = 512, GOLDEN_WORD_SIZE = 64 };

/* What single ops, quantizers and optimizers may deviate by in double; in float each suite has a
 * tolerance of its own. */
#ifdef SN_REAL_DOUBLE
#define GOLDEN_TOLERANCE(in_float) 1e-12
#else
#define GOLDEN_TOLERANCE(in_float) (in_float)
#endif

typedef struct golden_file {
    hid_t id;
    const char *path;
} golden_file;

/* An array of the file. */
typedef struct golden_array {
    sn_shape shape;
    size_t count;
    double *values;
    sn_real *reals; /* the same, as training takes them: what is drawn is exact in float, too */
} golden_array;

/* Opens the file that SN_GOLDEN names, otherwise the one beside the tests. */
golden_file golden_open(void);
void golden_close(golden_file *file);

/* Reads group/name, which must exist, whatever its number type. */
golden_array golden_read(const golden_file *file, const char *group, const char *name);
void golden_free(golden_array *array);

/* The same, and fails the test unless it has this many values. */
golden_array golden_read_count(const golden_file *file, const char *group, const char *name,
                               size_t count);

/* What is directly in a group: how much, and the name of each, in alphabetical order. */
size_t golden_group_size(const golden_file *file, const char *group);
void golden_group_name(const golden_file *file, const char *group, size_t index,
                       char name[GOLDEN_NAME_SIZE]);

/* A number, or a word, attached to a group as an attribute. */
double golden_attribute(const golden_file *file, const char *group, const char *name);
void golden_word(const golden_file *file, const char *group, const char *name,
                 char word[GOLDEN_WORD_SIZE]);

/* Every |value - expected| may be tolerance * (|expected| + scale / 10), scale being the largest
 * |expected|: relative, with room for sums that cancel to near 0. What is not finite matches
 * nothing. No match fails the test. */
void golden_check(const char *what, const sn_real *values, const double *expected, size_t count,
                  double tolerance);

/* Compares with group/name, which must have as many values. */
void golden_check_named(const golden_file *file, const char *group, const char *name,
                        const sn_real *values, size_t count, double tolerance);

/* One suite per file; see test_golden.c. */
struct Suite;
struct Suite *golden_ops_suite(void);
struct Suite *golden_quant_suite(void);
struct Suite *golden_optim_suite(void);
struct Suite *golden_network_suite(void); /* in double only */

#endif
