/* For the files arch_*.c, one for each family of architectures: a builder makes the whole network
 * from modules (modules.h). archs.def is the table. docs/extending.md says how to add one.
 */
#ifndef SN_LAYERS_ARCH_H
#define SN_LAYERS_ARCH_H

#include "layers/model.h"

/* Adds the network between images[N][channels][height][width] and logits[N][classes]. */
typedef sn_status sn_arch_builder(const sn_builder *builder, const sn_model_options *options,
                                  sn_tensor *images, sn_tensor **logits, sn_error *error);

#define SN_ARCH(name, builder, inputs, rate, summary, reference) sn_arch_builder builder;
#include "layers/archs.def"
#undef SN_ARCH

/* That many filters at the network's width: rounded, at least one. */
size_t sn_arch_filters(const sn_model_options *options, size_t filters);

#endif
