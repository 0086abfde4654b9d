/* ResNets with the basic block (He et al. 2016): two 3x3 convolutions, which read what a ReLU
 * leaves, and projection shortcuts. For CIFAR depth 6n + 2 (section 4.2), for ImageNet 18 and 34
 * (table 1). First convolution, shortcut convolutions and classifier stay in full precision.
 */
#include "layers/resnet.h"

static sn_status basic_block(const sn_builder *builder, const char *block, size_t filters,
                             int stride, sn_tensor *x, sn_tensor **y, sn_error *error) {
    char name[SN_MODULE_NAME_SIZE], activation[SN_MODULE_NAME_SIZE];
    const sn_conv_options conv1 = {filters, 3, stride, 1, true, false};
    const sn_conv_options conv2 = {filters, 3, 1, 1, true, false};
    const sn_conv_options projection = {filters, 1, stride, 0, false, false};
    sn_norm_options inner = {.activation = sn_module_name(activation, block, "act1")};
    sn_tensor *main_path, *shortcut = x;
    SN_TRY(sn_module_conv(builder, sn_module_name(name, block, "conv1"), &conv1, x, &main_path,
                          error));
    SN_TRY(sn_module_batch_norm(builder, sn_module_name(name, block, "bn1"), &inner, main_path,
                                &main_path, error));
    SN_TRY(sn_module_conv(builder, sn_module_name(name, block, "conv2"), &conv2, main_path,
                          &main_path, error));
    if (stride != 1 || sn_tensor_shape(x)->size[1] != filters) {
        const sn_norm_options linear = {0};
        SN_TRY(sn_module_conv(builder, sn_module_name(name, block, "downsample.0"), &projection, x,
                              &shortcut, error));
        SN_TRY(sn_module_batch_norm(builder, sn_module_name(name, block, "downsample.1"), &linear,
                                    shortcut, &shortcut, error));
    }
    const sn_norm_options outer = {.activation = sn_module_name(activation, block, "act2"),
                                   .residual = shortcut};
    return sn_module_batch_norm(builder, sn_module_name(name, block, "bn2"), &outer, main_path, y,
                                error);
}

SN_RESNET_BUILDER(sn_arch_resnet20, basic_block, .blocks = {3, 3, 3}, .filters = 16)
SN_RESNET_BUILDER(sn_arch_resnet32, basic_block, .blocks = {5, 5, 5}, .filters = 16)
SN_RESNET_BUILDER(sn_arch_resnet44, basic_block, .blocks = {7, 7, 7}, .filters = 16)
SN_RESNET_BUILDER(sn_arch_resnet56, basic_block, .blocks = {9, 9, 9}, .filters = 16)
SN_RESNET_BUILDER(sn_arch_resnet110, basic_block, .blocks = {18, 18, 18}, .filters = 16)
SN_RESNET_BUILDER(sn_arch_resnet18, basic_block, .blocks = {2, 2, 2, 2}, .filters = 64,
                  .imagenet = true)
SN_RESNET_BUILDER(sn_arch_resnet34, basic_block, .blocks = {3, 4, 6, 3}, .filters = 64,
                  .imagenet = true)
