/* The ops written from their definitions: plain loops in double, without code of the engine. They
 * are slow and obvious; the value tests compare the engine with them.
 *
 * Operands are in the order of op_case.operand, each an array in row-major order; an absent one is
 * NULL. Backward *adds* to gradient[i], and skips operands whose gradient is NULL.
 */
#ifndef SN_TESTS_OP_NAIVE_H
#define SN_TESTS_OP_NAIVE_H

#include "op_cases.h"

#define NAIVE_OP(name)                                                                             \
    sn_shape naive_##name##_shape(const op_case *c);                                               \
    void naive_##name##_forward(const op_case *c, double *const *operand, double *y);              \
    void naive_##name##_backward(const op_case *c, double *const *operand, const double *dy,       \
                                 double *const *gradient);
NAIVE_OP(average_pool)
NAIVE_OP(batch_norm) /* forward updates operands 3 and 4, the running statistics, unless c->eval */
NAIVE_OP(center_channels)
NAIVE_OP(conv2d)
NAIVE_OP(cross_entropy)
NAIVE_OP(fake_quantize) /* forward updates operand 1, the range, unless c->eval */
NAIVE_OP(global_average_pool)
NAIVE_OP(linear)
NAIVE_OP(make_plain)
NAIVE_OP(max_pool)
NAIVE_OP(shift) /* shift_prelu, or, without operand 2, shift_clamp */
#undef NAIVE_OP

/* No value before the activation is nearer than `margin` to one of its kinks. */
bool naive_batch_norm_is_smooth(const op_case *c, double *const *operand, double margin);

/* Without the rounding of the mean. */
void naive_center_channels_surrogate(const op_case *c, double *const *operand, double *y);

/* No value is nearer than `margin` steps to where q or the rounded mean changes. */
bool naive_center_channels_is_smooth(const op_case *c, double *const *operand, double margin);

/* No shifted value is nearer than `margin` to where the clamp or PReLU bends. */
bool naive_shift_is_smooth(const op_case *c, double *const *operand, double margin);

/* x clamped to the range. */
void naive_fake_quantize_surrogate(const op_case *c, double *const *operand, double *y);

/* No value is nearer than `margin` to an end of the range, or `margin` steps to where q changes. */
bool naive_fake_quantize_is_smooth(const op_case *c, double *const *operand, double margin);

#endif
