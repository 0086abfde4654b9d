/* Inside the runtime: what a convolution with a centred input takes off it, the mean over the input
 * channels at each pixel. It is computed once in the input's own layout, row by row of its tiles as
 * bands need them, and staged as one more channel, whose padding is 0 like that of the others.
 */
#ifndef SN_INFER_MEANS_H
#define SN_INFER_MEANS_H

#include "infer/layer.h"

/* One thread's. */
typedef struct sn_infer_means {
    float *plane;        /* laid out as a channel of the input, between two more vectors */
    unsigned char *rows; /* of the input's tiles, what is known of each */
    float *staged[2];    /* the band's; the second of a tile's lower half, for integers */
} sn_infer_means;

/* Takes memory for them; nothing where the input is not centred. */
void sn_infer_means_carve(const sn_infer_layer *layer, unsigned char *base, uint64_t *used,
                          sn_infer_means *means);

/* Before the first band: no row is known. */
void sn_infer_means_begin(const sn_infer_layer *layer, const sn_infer_means *means);

/* Stages the means of the band that begins with row `first_row` of the output's tiles. `input` is
 * the whole of it; with an input scale they are those of its integers, and integers. */
void sn_infer_means_stage(const sn_infer_layer *layer, const sn_infer_means *means,
                          const float *input, uint32_t first_row);

#endif
