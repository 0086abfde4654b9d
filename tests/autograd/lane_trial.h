/* Trials of convolutions on activations in a lane layout, against the definition computed in
 * double.
 *
 * Each case runs on small integers: all sums are exact in any order, so results must be the right
 * bits. And it runs on fractions: the error must stay below what the number of roundings allows on
 * any processor. */
#ifndef SN_TESTS_LANE_TRIAL_H
#define SN_TESTS_LANE_TRIAL_H

#include "autograd/thread_sums.h"

typedef struct lane_case {
    size_t images, channels, filters, height, width;
    size_t rows, columns, stride, padding; /* of the window */
    bool plain, interleaved;
    bool x_bf16, y_bf16;
    bool exact;                   /* small integers */
    size_t out_height, out_width; /* filled in by the trial, as are the layouts */
    sn_lane_layout x, y;
} lane_case;

/* How far rounding can take the numbers of a pass. Each is a sum whose terms are at most the
 * product of the largest |operand| of either side; intermediate numbers may be larger than the
 * terms of the definition. */
typedef struct lane_error {
    double roundings; /* that one term goes through at most */
    double terms;     /* the sum of their magnitudes, in units of that product */
} lane_error;

/* The kernels on trial. `weights` and `join` get the range of items of a call. */
typedef struct lane_engine {
    size_t (*forward_count)(const lane_case *c);
    size_t (*backward_count)(const lane_case *c);
    size_t (*workspace)(const lane_case *c);
    size_t (*weight_items)(const lane_case *c);
    size_t (*join_items)(const lane_case *c);
    void (*weights)(const lane_case *c, const sn_real *weight, size_t first, size_t last,
                    sn_real *u_forward, sn_real *u_backward);
    void (*forward)(const lane_case *c, size_t images, const void *x, const sn_real *u, void *y,
                    void *workspace);
    void (*backward_data)(const lane_case *c, size_t images, const void *dy, const sn_real *u,
                          void *dx, bool add, void *workspace);
    void (*backward_weights)(const lane_case *c, size_t images, const void *x, const void *dy,
                             sn_real *du, void *workspace);
    void (*join)(const lane_case *c, const sn_thread_sums *du, size_t first, size_t last,
                 sn_real *dweight, bool add);
    lane_error (*forward_error)(const lane_case *c);
    lane_error (*backward_data_error)(const lane_case *c);
    lane_error (*backward_weights_error)(const lane_case *c);
} lane_engine;

/* All passes of one case: values, padding lanes, memory around the results, slices. The case says
 * whether on integers. */
void lane_trial(const lane_engine *engine, lane_case c);

/* The case on integers in both layouts and in every pair of number types; on fractions in one
 * layout, as another one changes no sum. */
void lane_trial_everywhere(const lane_engine *engine, lane_case c);

#endif
