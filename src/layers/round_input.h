/* What quantized convolutions read: activations of 8 bits in training, as the deployment kernels
 * read them, and activations less their mean over channels. */
#ifndef SN_LAYERS_ROUND_INPUT_H
#define SN_LAYERS_ROUND_INPUT_H

#include "layers/layer.h"

/* What convolutions with one-bit or ternary weights read. */
typedef enum sn_act {
    SN_ACT_FP32, /* activations as they are */
    SN_ACT_INT8  /* integers of 8 bits, see sn_fake_quantize */
} sn_act;

const char *sn_act_name(int index); /* NULL past the last */

/* At the pace of batch-norm's running statistics. Jacob et al. (arXiv 1712.05877, section 3.1) want
 * it close to 1 and leave it open; their runs have millions of steps, ours thousands. */
#define SN_RANGE_MOMENTUM 0.9

/* Rounds what the convolution `name` reads of layer `input`, by a range of its own, the buffer
 * "NAME.input_range". Behind a clamp (sn_shift_clamp) that range is the clamp's and does not move.
 * To 0 .. 255 where no value can be below 0, that is behind a ReLU, otherwise to -127 .. 127. Sets
 * reading->tensor, range and is_signed. */
sn_status sn_round_input(sn_graph *graph, const sn_layers *layers, const char *name, int input,
                         sn_tensor *x, sn_layer_reading *reading, sn_error *error);

/* Takes the mean over channels off reading->tensor; where that is rounded, the mean is, too. */
sn_status sn_center_input(sn_graph *graph, sn_layer_reading *reading, sn_tensor **y,
                          sn_error *error);

#endif
