/* The block of PLUM's own code (github.com/sachitkuhar/PLUM), which differs from ResNet's: one 3x3
 * convolution with a shortcut around it alone. docs/method.md describes it.
 */
#ifndef SN_LAYERS_PLUM_BLOCK_H
#define SN_LAYERS_PLUM_BLOCK_H

#include "layers/modules.h"

/* With stride 2 the sides of x must be even: the shortcut averages 2x2 pixels. Otherwise
 * SN_ERROR_ARGUMENT. Parameters are "BLOCK.move1.bias", ".conv1.weight" and ".bias", ".bn1.*",
 * ".move2.bias", ".act1.weight", ".move3.bias"; of a shortcut that changes the shape
 * ".downsample.1.weight", ".downsample.2.*" (.0 is the pooling). */
sn_status sn_plum_block(const sn_builder *builder, const char *block, size_t filters, int stride,
                        sn_tensor *x, sn_tensor **y, sn_error *error);

#endif
