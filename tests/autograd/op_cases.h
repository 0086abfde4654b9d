/* What every op is tested with: one entry for each op, with its naive version and the cases that
 * the value tests and the gradient tests share. A new op needs an entry here; the tests fail as
 * long as it has none.
 */
#ifndef SN_TESTS_OP_CASES_H
#define SN_TESTS_OP_CASES_H

#include "autograd/ops.h"

enum { MAX_OPERANDS = 7, MAX_CASES = 128 };

typedef enum operand_kind {
    OPERAND_NONE,
    OPERAND_DATA,     /* an activation */
    OPERAND_WEIGHT,   /* a trained parameter, or what takes its place */
    OPERAND_MEAN,     /* a running mean, which forward may update */
    OPERAND_VARIANCE, /* likewise, a variance */
    OPERAND_RANGE,    /* likewise, an observer's */
    OPERAND_LABELS
} operand_kind;

/* Where finite differences may be taken: how data must be drawn. */
typedef enum data_kind {
    DATA_ANY,
    DATA_DISTINCT /* no two equal or nearly equal */
} data_kind;

typedef struct op_case {
    sn_shape operand[MAX_OPERANDS]; /* rank 0: absent */
    int kernel, stride, padding;
    double epsilon; /* batch_norm, and so the next two */
    sn_activation activation;
    bool residual_is_x; /* the first operand is the residual, too */
    double offset;      /* added to all data */
    double label_smoothing;
    double temperature, teacher_weight; /* cross_entropy with a teacher */
    double range;                       /* fake_quantize, center_channels, and so the next */
    bool is_signed;
    bool eval; /* in an eval graph: values only */
} op_case;

typedef struct op_entry {
    const char *name;                  /* as in ops.def */
    sn_engine engine;                  /* of the graph; auto: any */
    const char *operand[MAX_OPERANDS]; /* inputs and states, by the names that the op declares */
    data_kind data;
    size_t (*cases)(op_case cases[MAX_CASES]);
    /* Whether differences may be taken at these values, where `data` alone cannot see to it; NULL:
     * everywhere. Operands are drawn anew until it is true. */
    bool (*is_smooth)(const op_case *c, double *const *operand, double margin);
    sn_status (*apply)(sn_graph *graph, const op_case *c, sn_tensor *const *operand, sn_tensor **y,
                       sn_error *error);
    sn_shape (*shape)(const op_case *c);
    void (*forward)(const op_case *c, double *const *operand, double *y);
    void (*backward)(const op_case *c, double *const *operand, const double *dy,
                     double *const *gradient);
    /* Of an op that is not differentiable: what its gradient is declared to be the derivative of.
     * NULL: the op itself. */
    void (*surrogate)(const op_case *c, double *const *operand, double *y);
} op_entry;

#define OP_CASE_MOMENTUM 0.3 /* of every batch_norm and fake_quantize case */

/* NULL when there is none. */
const op_entry *op_entry_find(const char *name);

/* What the op declares operand k of the entry to be. */
operand_kind op_operand_kind(const op_entry *entry, int k);

/* The name of an operand that only one of entry and op has; NULL: they agree. */
const char *op_entry_lacks(const op_entry *entry);

/* The number of ops in the engine's table. */
int op_count(void);

#endif
