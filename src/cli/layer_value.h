/* What several reports say about a layer of a packed model. */
#ifndef SN_CLI_LAYER_VALUE_H
#define SN_CLI_LAYER_VALUE_H

#include "cli/rows.h"
#include "infer/signet.h"

/* Values that make no sense for the layer, such as the kernel of a sum, are null. Reports number
 * their own parts from SN_LAYER_PARTS on. */
typedef enum sn_layer_part {
    SN_LAYER_OPCODE,
    SN_LAYER_WEIGHTS,
    SN_LAYER_SHAPE, /* of a convolution: "3x32x32>16 3x3/1" */
    SN_LAYER_INPUT,
    SN_LAYER_OUTPUT,
    SN_LAYER_KERNEL,
    SN_LAYER_STRIDE,
    SN_LAYER_PADDING,
    SN_LAYER_REGION_CHANNELS,
    SN_LAYER_INPUT_CENTERED,
    SN_LAYER_GROUP,
    SN_LAYER_PARTS
} sn_layer_part;

sn_value sn_layer_value(const sn_infer_layer_info *layer, int part);

bool sn_layer_is_conv(const sn_infer_layer_info *layer);

#endif
