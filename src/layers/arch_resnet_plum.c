/* ResNets with the block of PLUM's own code, which reads values of both signs: depths and widths of
 * the ResNets with two convolutions a block. */
#include "layers/plum_block.h"

#include "layers/resnet.h"

/* Halved by averaging, then a convolution in full precision. */
static sn_status shortcut_of(const sn_builder *builder, const char *block, size_t filters,
                             int stride, sn_tensor *x, sn_tensor **y, sn_error *error) {
    char name[SN_MODULE_NAME_SIZE];
    const sn_conv_options projection = {.filters = filters, .kernel = 1, .stride = 1};
    const sn_norm_options linear = {0};
    const sn_pool_attributes halves = {.kernel = 2, .stride = 2, .padding = 0};
    const size_t *size = sn_tensor_shape(x)->size;
    *y = x;
    if (stride != 1) {
        SN_RETURN_IF(size[2] % 2 || size[3] % 2, error, SN_ERROR_ARGUMENT,
                     "%s: its shortcut averages 2x2 pixels, which do not cover %zux%zu; images "
                     "with sides that are multiples of 32 always fit",
                     block, size[2], size[3]);
        SN_TRY(sn_module_average_pool(builder, sn_module_name(name, block, "downsample.0"), &halves,
                                      x, y, error));
    }
    if (stride == 1 && size[1] == filters)
        return SN_OK;
    SN_TRY(sn_module_conv(builder, sn_module_name(name, block, "downsample.1"), &projection, *y, y,
                          error));
    return sn_module_batch_norm(builder, sn_module_name(name, block, "downsample.2"), &linear, *y,
                                y, error);
}

sn_status sn_plum_block(const sn_builder *builder, const char *block, size_t filters, int stride,
                        sn_tensor *x, sn_tensor **y, sn_error *error) {
    char name[SN_MODULE_NAME_SIZE], before[SN_MODULE_NAME_SIZE], activation[SN_MODULE_NAME_SIZE],
        after[SN_MODULE_NAME_SIZE];
    const sn_conv_options conv = {filters, 3, stride, 1, true, true};
    const sn_shift_prelu_names end = {sn_module_name(before, block, "move2"),
                                      sn_module_name(activation, block, "act1"),
                                      sn_module_name(after, block, "move3")};
    sn_norm_options norm = {0};
    sn_tensor *z;
    SN_TRY(shortcut_of(builder, block, filters, stride, x, &norm.residual, error));
    SN_TRY(sn_module_shift_clamp(builder, sn_module_name(name, block, "move1"), x, &z, error));
    SN_TRY(sn_module_conv(builder, sn_module_name(name, block, "conv1"), &conv, z, &z, error));
    SN_TRY(sn_module_batch_norm(builder, sn_module_name(name, block, "bn1"), &norm, z, &z, error));
    return sn_module_shift_prelu(builder, &end, z, y, error);
}

SN_RESNET_BUILDER(sn_arch_resnet20_plum, sn_plum_block, .blocks = {6, 6, 6}, .filters = 16)
SN_RESNET_BUILDER(sn_arch_resnet18_plum, sn_plum_block, .blocks = {4, 4, 4, 4}, .filters = 64,
                  .imagenet = true)
