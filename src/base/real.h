/* The number type of activations, weights and gradients in training.
 *
 * Training computes in float. With SN_REAL_DOUBLE the same sources compute in double: the tests
 * compare ops with finite differences, and whole networks with a reference, in double. Sources that
 * are compiled both ways call the functions of <tgmath.h>, which follow the type.
 */
#ifndef SN_BASE_REAL_H
#define SN_BASE_REAL_H

#ifdef SN_REAL_DOUBLE
typedef double sn_real;
#define SN_ROUNDING_SHIFT 6755399441055744.0 /* 1.5 2^52 */
#else
typedef float sn_real;
#define SN_ROUNDING_SHIFT 12582912.0F /* 1.5 2^23 */
#endif

/* (x + SN_ROUNDING_SHIFT) - SN_ROUNDING_SHIFT is x rounded to the nearest integer, ties to even,
 * for |x| up to a third of the shift: all numbers near the shift are integers. Unlike a call of
 * rint it becomes a vector in every loop. */

#endif
