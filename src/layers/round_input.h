/* What quantized convolutions read: activations of 8 bits in training, as the deployment kernels
 * read them, and activations less their mean over channels. */
#ifndef SN_LAYERS_ROUND_INPUT_H
#define SN_LAYERS_ROUND_INPUT_H

#include "autograd/ops.h"
#include "quant/quant.h"

/* What convolutions with one-bit or ternary weights read. */
typedef enum sn_act {
    SN_ACT_FP32, /* activations as they are */
    SN_ACT_INT8  /* integers of 8 bits, see sn_fake_quantize */
} sn_act;

const char *sn_act_name(int index); /* NULL past the last */

/* At the pace of batch-norm's running statistics. Jacob et al. (arXiv 1712.05877, section 3.1) want
 * it close to 1 and leave it open; their runs have millions of steps, ours thousands. */
#define SN_RANGE_MOMENTUM 0.9

/* Rounds what the convolution `name` reads, by a range of its own, the buffer "NAME.input_range".
 * Behind a clamp (sn_shift_clamp) that range is the clamp's and does not move.
 * To 0 .. 255 where no value can be below 0, that is behind a ReLU, otherwise to -127 .. 127. */
sn_status sn_round_input(sn_graph *graph, const char *name, sn_tensor *x, sn_tensor **y,
                         sn_error *error);

/* Takes the mean over channels off x, which may be rounded: then the mean is, too. */
sn_status sn_center_input(sn_graph *graph, sn_tensor *x, sn_tensor **y, sn_error *error);

/* What x was before sn_center_input; x itself when it was not centred. */
sn_tensor *sn_uncentered(sn_tensor *x);

/* How a convolution that reads x rounds it: the step, 0 when it does not, or not yet. */
sn_real sn_input_rounding(sn_tensor *x, bool *is_signed);

/* Whether some convolution of the graph rounds what it reads. */
bool sn_rounds_inputs(const sn_graph *graph);

#endif
