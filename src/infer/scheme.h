/* Inside the runtime: the scheme of a convolution, by which weights of one or two bits become sums.
 *
 * An output is gain * (sum + share[0] * B[0] + share[1] * B[1] + ...). The sum is one of inputs;
 * the scheme says of which and with which sign. B[p] is the window sum of region p: all its inputs
 * under the window, the same for all filters. gain contains the filter's scale.
 */
#ifndef SN_INFER_SCHEME_H
#define SN_INFER_SCHEME_H

#include "infer/layer.h"
#include "infer/signet.h"

typedef struct sn_infer_scheme {
    sn_infer_form form;
    sn_infer_signs signs;
    bool inverts; /* filters or regions with more set bits than others add up the inputs of the
                     others */
    bool integer_weights; /* of the dense form: products are those of -1, 0 and 1; the means of
                           centred weights are left to the window sums */
} sn_infer_scheme;

/* Weight i of filter k without its scale, -1, 0 or 1, and without the sign of a whole filter; not
 * of fp32 weights. */
int sn_infer_digit(const sn_infer_layer *layer, uint32_t k, uint64_t i);

/* What centring subtracts from the digits of a region: their mean. */
float sn_infer_mean(const sn_infer_layer *layer, uint32_t k, uint32_t region);

/* Whether sums are those of digits -1, 0 and 1. */
bool sn_infer_has_digits(const sn_infer_layer *layer, const sn_infer_scheme *scheme);

/* Bit j set: with inverted signs, filter first + j is negative for the most part, and turned. */
uint32_t sn_infer_turned(const sn_infer_layer *layer, const sn_infer_scheme *scheme, uint32_t first,
                         uint32_t count);

/* Bit j set: filter first + j adds up the inputs whose bit is not set in this region; of bits, as
 * opposed to digits. `turned` as above. */
uint32_t sn_infer_inverted(const sn_infer_layer *layer, const sn_infer_scheme *scheme,
                           uint32_t first, uint32_t count, uint32_t region, uint32_t turned);

/* Bit j set: with signs by chunks, what filter first + j adds up in this region is subtracted. */
uint32_t sn_infer_subtracted(const sn_infer_layer *layer, const sn_infer_scheme *scheme,
                             uint32_t first, uint32_t count, uint32_t region);

/* Whether all inputs at a pixel add up to 0: those of a centred input do, up to rounding errors.
 * Integers do not, because their mean is rounded, nor does a region alone. */
bool sn_infer_inputs_cancel(const sn_infer_layer *layer);

/* Inverting pays when the window sums are needed anyway, or when it saves more additions than they
 * take. */
bool sn_infer_inverting_pays(const sn_infer_layer *layer);

/* Whether any output needs a window sum. */
bool sn_infer_needs_window_sums(const sn_infer_layer *layer, const sn_infer_scheme *scheme);

/* Multiplies gain[K], the filters' scales, by the scheme's factors. Fills share[K][regions], unless
 * that is NULL. Not for fp32 weights. */
void sn_infer_scheme_gains(const sn_infer_layer *layer, const sn_infer_scheme *scheme, float *gain,
                           float *share);

#endif
