/* VGG-small, the plain CIFAR network of the papers on binary weights: pairs of 3x3 convolutions
 * with 128, 256 and 512 filters, a max pool behind each pair, and one classifier that reads all
 * pixels of all channels. Batch-norm and activation follow each convolution. The first convolution
 * and the classifier stay in full precision.
 */
#include "layers/arch.h"

#include <stdio.h>

enum { PAIRS = 3, FILTERS = 128, LEAST_SIDE = 1 << PAIRS, LEAF_SIZE = 16 };

static sn_status add_conv(const sn_builder *builder, int number, size_t filters, sn_tensor *x,
                          sn_tensor **y, sn_error *error) {
    char conv[LEAF_SIZE], norm[LEAF_SIZE], activation[LEAF_SIZE];
    snprintf(conv, sizeof conv, "conv%d", number);
    snprintf(norm, sizeof norm, "bn%d", number);
    snprintf(activation, sizeof activation, "act%d", number);
    const sn_conv_options convolution = {filters, 3, 1, 1, number > 1, false};
    const sn_norm_options options = {.activation = activation};
    SN_TRY(sn_module_conv(builder, conv, &convolution, x, y, error));
    return sn_module_batch_norm(builder, norm, &options, *y, y, error);
}

sn_status sn_arch_vgg_small(const sn_builder *builder, const sn_model_options *options,
                            sn_tensor *images, sn_tensor **logits, sn_error *error) {
    const sn_pool_attributes halves = {.kernel = 2, .stride = 2, .padding = 0};
    size_t filters = sn_arch_filters(options, FILTERS);
    sn_tensor *x = images;
    SN_RETURN_IF(options->height < LEAST_SIDE || options->image_width < LEAST_SIDE, error,
                 SN_ERROR_ARGUMENT,
                 "vgg-small halves images three times and needs at least %dx%d pixels; these have "
                 "%zux%zu",
                 LEAST_SIDE, LEAST_SIDE, options->height, options->image_width);
    for (int pair = 0; pair < PAIRS; pair++, filters *= 2) {
        char name[LEAF_SIZE];
        snprintf(name, sizeof name, "pool%d", pair + 1);
        SN_TRY(add_conv(builder, 2 * pair + 1, filters, x, &x, error));
        SN_TRY(add_conv(builder, 2 * pair + 2, filters, x, &x, error));
        SN_TRY(sn_module_max_pool(builder, name, &halves, x, &x, error));
    }
    return sn_module_linear(builder, "fc", options->classes, x, logits, error);
}
