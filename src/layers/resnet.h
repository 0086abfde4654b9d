/* What ResNets of all blocks have in common: stem, stages, mean and classifier. */
#ifndef SN_LAYERS_RESNET_H
#define SN_LAYERS_RESNET_H

#include "layers/arch.h"

/* Adds the block `block` ("layer2.0"); with stride 2 it halves height and width. */
typedef sn_status sn_resnet_block(const sn_builder *builder, const char *block, size_t filters,
                                  int stride, sn_tensor *x, sn_tensor **y, sn_error *error);

enum { SN_RESNET_STAGES = 4 };

typedef struct sn_resnet {
    int blocks[SN_RESNET_STAGES]; /* by stage; 0: no such stage */
    size_t filters;               /* of the first stage; every further stage doubles them */
    bool imagenet;                /* images above 64 pixels get the 7x7 stem and its max pool */
} sn_resnet;

sn_status sn_resnet_build(const sn_builder *builder, const sn_model_options *options,
                          const sn_resnet *resnet, sn_resnet_block *add_block, sn_tensor *images,
                          sn_tensor **logits, sn_error *error);

/* The definition of a builder of archs.def. */
#define SN_RESNET_BUILDER(name, block, ...)                                                        \
    sn_status name(const sn_builder *builder, const sn_model_options *options, sn_tensor *images,  \
                   sn_tensor **logits, sn_error *error) {                                          \
        return sn_resnet_build(builder, options, &(const sn_resnet){__VA_ARGS__}, block, images,   \
                               logits, error);                                                     \
    }

#endif
