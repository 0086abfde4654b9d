#include "layers/resnet.h"

#include <stdio.h>

enum { SMALL_IMAGE = 64, BLOCK_NAME_SIZE = 32 };

static sn_status stem(const sn_builder *builder, bool large, size_t filters, sn_tensor *x,
                      sn_tensor **y, sn_error *error) {
    const sn_conv_options small_conv = {filters, 3, 1, 1, false, false};
    const sn_conv_options large_conv = {filters, 7, 2, 3, false, false};
    const sn_pool_attributes window = {.kernel = 3, .stride = 2, .padding = 1};
    SN_TRY(sn_module_conv(builder, "conv1", large ? &large_conv : &small_conv, x, y, error));
    const sn_norm_options norm = {.activation = "act1"};
    SN_TRY(sn_module_batch_norm(builder, "bn1", &norm, *y, y, error));
    return large ? sn_module_max_pool(builder, "maxpool", &window, *y, y, error) : SN_OK;
}

sn_status sn_resnet_build(const sn_builder *builder, const sn_model_options *options,
                          const sn_resnet *resnet, sn_resnet_block *add_block, sn_tensor *images,
                          sn_tensor **logits, sn_error *error) {
    const bool large =
        resnet->imagenet && (options->height > SMALL_IMAGE || options->image_width > SMALL_IMAGE);
    size_t filters = sn_arch_filters(options, resnet->filters);
    sn_tensor *x;
    SN_TRY(stem(builder, large, filters, images, &x, error));
    for (int stage = 0; stage < SN_RESNET_STAGES; stage++, filters *= 2) {
        for (int block = 0; block < resnet->blocks[stage]; block++) {
            char name[BLOCK_NAME_SIZE];
            snprintf(name, sizeof name, "layer%d.%d", stage + 1, block);
            const int stride = stage > 0 && block == 0 ? 2 : 1;
            SN_TRY(add_block(builder, name, filters, stride, x, &x, error));
        }
    }
    SN_TRY(sn_module_global_average_pool(builder, "avgpool", x, &x, error));
    return sn_module_linear(builder, "fc", options->classes, x, logits, error);
}
