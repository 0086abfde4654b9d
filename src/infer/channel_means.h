/* Inside the runtime: channel means. A convolution with a centred input subtracts the mean over the
 * input channels at each pixel. The means are computed once, in the layout of the input, some rows
 * of its patches at a time as bands need them. The prologue subtracts them from floats. Values
 * become integers only after the prologue has copied them, so that the means of integers are copied
 * like one more channel.
 */
#ifndef SN_INFER_CHANNEL_MEANS_H
#define SN_INFER_CHANNEL_MEANS_H

#include "infer/kernel.h"
#include "infer/prologue.h"

/* One thread's; all NULL where the input is not centred. */
typedef struct sn_infer_means {
    float *plane; /* laid out as a channel of the input, between two more vectors */
    unsigned char
        *known;     /* of every eight rows of the input's patches: whether they are computed */
    float *band[2]; /* of the band, integers only; the second of the patches' lower halves */
} sn_infer_means;

/* Takes memory for them. */
void sn_infer_means_carve(const sn_infer_layer *layer, const sn_infer_plan *plan,
                          unsigned char *base, uint64_t *used, sn_infer_means *means);

/* Before the first band: no row is known. */
void sn_infer_means_begin(const sn_infer_plan *plan, const sn_infer_means *means);

/* Makes the means for the band that begins with row `first_row` of the output's patches. `input` is
 * the whole input. With an input scale they are the means of its integers, and integers themselves.
 */
void sn_infer_means_prepare(const sn_infer_operator *op, const sn_infer_prologue *prologue,
                            const sn_infer_means *means, const float *input, uint32_t first_row);

#endif
