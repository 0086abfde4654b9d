/* A graph around one op, to be run with given values. All numbers are double on this side. */
#ifndef SN_TESTS_OP_TRIAL_H
#define SN_TESTS_OP_TRIAL_H

#include "op_cases.h"

#include "autograd/op.h"

#include <stdint.h>

typedef struct trial_setting {
    int threads;
    bool parameters;   /* weights are parameters; otherwise inputs that require a gradient */
    bool twice;        /* y = op(...) + op(...), so that every gradient has two parts */
    unsigned unwanted; /* bit i: operand i needs no gradient */
    sn_layout layout;  /* of the data as the op meets them */
    bool bf16;         /* likewise, not in a plain layout; values and dy are drawn to fit */
    unsigned plain;    /* bit i: operand i is plain all the same */
} trial_setting;

typedef struct op_trial {
    const op_entry *entry;
    const op_case *c;
    trial_setting setting;
    sn_parameters *parameters;
    sn_graph *graph;
    sn_tensor *operand[MAX_OPERANDS], *y;
    size_t count[MAX_OPERANDS], y_count; /* elements; 0 for absent operands */
    double *value[MAX_OPERANDS];         /* NULL for absent operands; labels are whole numbers */
    double *dy;
    bool wanted[MAX_OPERANDS]; /* has a gradient */
} op_trial;

/* Builds the graph, draws values and dy, and runs one step on NaNs: what they leave in memory must
 * not matter. Ends the test on errors. */
op_trial *op_trial_create(const op_entry *entry, const op_case *c, trial_setting setting);
void op_trial_free(op_trial *trial);

/* Writes all operands, runs forward and copies the output. */
void op_trial_forward(op_trial *trial, double *y);

/* After op_trial_forward: runs backward and copies the gradients of wanted operands. */
void op_trial_backward(op_trial *trial, double *const *gradient);

/* The current value of an operand in the graph. */
void op_trial_read(const op_trial *trial, int k, double *value);

/* "conv2d, case 3 ([2, 3, 5, 7] [4, 3, 1, 1]), 2 threads, ...". */
enum { TRIAL_TEXT_SIZE = 512 };
const char *op_trial_text(const op_trial *trial, char text[TRIAL_TEXT_SIZE]);

/* Arrays of doubles, zeroed; ends the test when memory is out. */
double *new_numbers(size_t count);

/* One for each operand that has values, and what frees them. */
void new_gradients(const op_trial *trial, double *gradient[MAX_OPERANDS]);
void free_gradients(double *gradient[MAX_OPERANDS]);

#endif
