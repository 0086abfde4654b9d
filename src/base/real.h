/* The number type of training: of activations, weights and gradients.
 *
 * Training computes in float. Compiled with SN_REAL_DOUBLE the same sources compute in double: that
 * is how the tests compare ops with finite differences, and whole networks with a reference.
 * Sources that are compiled both ways call the functions of <tgmath.h>, which follow the type.
 */
#ifndef SN_BASE_REAL_H
#define SN_BASE_REAL_H

#ifdef SN_REAL_DOUBLE
typedef double sn_real;
#else
typedef float sn_real;
#endif

#endif
