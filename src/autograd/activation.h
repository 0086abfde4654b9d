/* The activations that training knows: one table, and their formulas on vectors.
 *
 * A further one is a line in SN_ACTIVATIONS and a case in each of the two functions below. What
 * runs on a device has a table of its own (src/infer).
 */
#ifndef SN_AUTOGRAD_ACTIVATION_H
#define SN_AUTOGRAD_ACTIVATION_H

#include "autograd/lane_layout.h"

#include <stdbool.h>

/* X(id, name, has a slope for each channel, what backward reads besides dy, y is never negative).
 * Passes further arguments on to X. NONE is last and is not a choice of --activation. */
#define SN_ACTIVATIONS(X, ...)                                                                     \
    X(RELU, "relu", false, SN_BACKWARD_READS_Y, true, __VA_ARGS__)                                 \
    X(PRELU, "prelu", true, SN_BACKWARD_READS_X, false, __VA_ARGS__)                               \
    X(HARDTANH, "hardtanh", false, SN_BACKWARD_READS_Y, false, __VA_ARGS__)                        \
    X(NONE, "none", false, SN_BACKWARD_READS_NOTHING, false, __VA_ARGS__)

typedef enum sn_activation {
#define SN_ACTIVATION_ID(id, ...) SN_ACTIVATION_##id,
    SN_ACTIVATIONS(SN_ACTIVATION_ID)
#undef SN_ACTIVATION_ID
        SN_ACTIVATION_COUNT
} sn_activation;

/* Of y = activation(x). */
typedef enum sn_backward_reads {
    SN_BACKWARD_READS_NOTHING,
    SN_BACKWARD_READS_X,
    SN_BACKWARD_READS_Y
} sn_backward_reads;

typedef struct sn_activation_traits {
    const char *name;
    bool has_slope;
    sn_backward_reads backward_reads;
    bool never_negative;
} sn_activation_traits;

static inline sn_activation_traits sn_activation_traits_of(sn_activation activation) {
    static const sn_activation_traits table[] = {
#define SN_ACTIVATION_TRAITS(id, name, slope, reads, positive, ...) {name, slope, reads, positive},
        SN_ACTIVATIONS(SN_ACTIVATION_TRAITS)
#undef SN_ACTIVATION_TRAITS
    };
    return table[activation];
}

/* As --activation has it; NULL past the last choice. */
static inline const char *sn_activation_name(int index) {
    return index >= 0 && index < SN_ACTIVATION_NONE
               ? sn_activation_traits_of((sn_activation)index).name
               : NULL;
}

/* Runs `call`, in which `activation` is a constant equal to `which`. */
#define SN_WITH_CONSTANT_ACTIVATION(which, call)                                                   \
    do {                                                                                           \
        switch (which) {                                                                           \
            SN_ACTIVATIONS(SN_ACTIVATION_CASE, call)                                               \
        case SN_ACTIVATION_COUNT:                                                                  \
        default:                                                                                   \
            __builtin_unreachable();                                                               \
        }                                                                                          \
    } while (0)
#define SN_ACTIVATION_CASE(id, name, slope, reads, positive, call)                                 \
    case SN_ACTIVATION_##id: {                                                                     \
        const sn_activation activation = SN_ACTIVATION_##id;                                       \
        call;                                                                                      \
        break;                                                                                     \
    }

/* y = activation(x). NaN stays NaN, so that the loss shows it. */
SN_INLINE sn_vec sn_activate(sn_vec x, sn_vec slope, sn_activation activation) {
    switch (activation) {
    case SN_ACTIVATION_RELU:
        return sn_vec_where(~(sn_vec_mask)(x < 0), x);
    case SN_ACTIVATION_PRELU: /* He et al. 2015, arXiv 1502.01852 */
        return sn_vec_select((sn_vec_mask)(x > 0), x, x * slope);
    case SN_ACTIVATION_HARDTANH: {
        const sn_vec_mask low = (sn_vec_mask)(x < -1), high = (sn_vec_mask)(x > 1);
        return sn_vec_where(~(low | high), x) + sn_vec_where(high, sn_vec_all(1)) -
               sn_vec_where(low, sn_vec_all(1));
    }
    case SN_ACTIVATION_NONE:
    case SN_ACTIVATION_COUNT:
        break;
    }
    return x;
}

/* dx. What the traits do not name may be anything. Adds to *slope_sum what the slope receives. The
 * gradient at a kink is 0, or for PReLU that of the negative side. */
SN_INLINE sn_vec sn_activate_back(sn_vec dy, sn_vec x, sn_vec y, sn_vec slope,
                                  sn_activation activation, sn_vec *slope_sum) {
    switch (activation) {
    case SN_ACTIVATION_RELU:
        return sn_vec_where((sn_vec_mask)(y > 0), dy);
    case SN_ACTIVATION_PRELU: {
        const sn_vec_mask positive = (sn_vec_mask)(x > 0);
        *slope_sum += sn_vec_where(~positive, x * dy);
        return sn_vec_select(positive, dy, dy * slope);
    }
    case SN_ACTIVATION_HARDTANH:
        return sn_vec_where((sn_vec_mask)(y > -1) & (sn_vec_mask)(y < 1), dy);
    case SN_ACTIVATION_NONE:
    case SN_ACTIVATION_COUNT:
        break;
    }
    return dy;
}

#endif
