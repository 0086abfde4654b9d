/* Inside the runtime: what the bits of a layer with one-bit or ternary weights mean for its sums.
 *
 * An output is gain * (sum + share[0] * B[0] + share[1] * B[1] + ...). The sum is one of inputs, of
 * which the form says which and with which sign; B[p] is the sum of all inputs of region p that are
 * under the window, the same for all filters; gain contains the filter's scale.
 */
#ifndef SN_INFER_TERMS_H
#define SN_INFER_TERMS_H

#include "infer/layer.h"

/* Weight i of filter k without its scale, -1, 0 or 1, and without the sign of a whole filter; not
 * of fp32 weights. */
int sn_infer_digit(const sn_infer_layer *layer, uint32_t k, uint64_t i);

/* What is taken from a weight's digit when the layer is centred: the mean of its region's. */
float sn_infer_mean(const sn_infer_layer *layer, uint32_t k, uint32_t region);

/* Whether sums are those of digits -1, 0 and 1. */
bool sn_infer_has_digits(const sn_infer_layer *layer);

/* Bit j set: with inverted signs, filter first + j is negative for the most part, and turned. */
uint32_t sn_infer_turned(const sn_infer_layer *layer, uint32_t first, uint32_t count);

/* Bit j set: filter first + j adds up the inputs whose bit is not set in this region; of bits, as
 * opposed to digits. `turned` as above. */
uint32_t sn_infer_inverted(const sn_infer_layer *layer, uint32_t first, uint32_t count,
                           uint32_t region, uint32_t turned);

/* Bit j set: with signs by chunks, what filter first + j adds up in this region is subtracted. */
uint32_t sn_infer_subtracted(const sn_infer_layer *layer, uint32_t first, uint32_t count,
                             uint32_t region);

/* Whether the sum of all inputs at a pixel is 0: of a centred input it is, up to rounding errors;
 * but not of integers, whose mean is rounded, nor of a region alone. */
bool sn_infer_inputs_cancel(const sn_infer_layer *layer);

/* Inverting pays when the sums of all inputs are needed anyway, or saves more additions than they
 * take. */
bool sn_infer_inverting_pays(const sn_infer_layer *layer);

/* Whether any output takes the sum of all inputs of a region. */
bool sn_infer_needs_box(const sn_infer_layer *layer);

/* What the outputs take: gain, bias, slope, shift [K], share [K][regions]; share, slope, shift: or
 * NULL. */
void sn_infer_prepare_terms(const sn_infer_layer *layer, float *gain, float *bias, float *share,
                            float *slope, float *shift);

#endif
