/* An architecture as somebody would add it, of what no network of the zoo has: a convolution with a
 * bias, a shortcut that is pooled after its main path is computed, images as a shortcut, and a
 * classifier behind an average pool. */
#include "layers/arch.h"

sn_status sn_arch_toy(const sn_builder *builder, const sn_model_options *options, sn_tensor *images,
                      sn_tensor **logits, sn_error *error) {
    const size_t filters = sn_arch_filters(options, 16);
    const sn_conv_options same = {options->channels, 3, 1, 1, false, false};
    const sn_conv_options stem = {filters, 5, 1, 2, false, true};
    const sn_conv_options wide = {filters, 3, 1, 1, true, false};
    const sn_pool_attributes smooth = {3, 1, 1}, halves = {2, 2, 0};
    const sn_norm_options plain = {.activation = "stem.act"};
    const sn_norm_options tune = {.activation = "tune.act", .residual = images};
    sn_norm_options sum = {.activation = "sum.act"};
    sn_tensor *x, *y;
    SN_TRY(sn_module_conv(builder, "tune", &same, images, &x, error));
    SN_TRY(sn_module_batch_norm(builder, "tune.bn", &tune, x, &x, error));
    SN_TRY(sn_module_conv(builder, "stem", &stem, x, &x, error));
    SN_TRY(sn_module_batch_norm(builder, "stem.bn", &plain, x, &x, error));
    SN_TRY(sn_module_conv(builder, "wide", &wide, x, &y, error));
    SN_TRY(sn_module_average_pool(builder, "smooth", &smooth, x, &sum.residual, error));
    SN_TRY(sn_module_batch_norm(builder, "sum", &sum, y, &x, error));
    SN_TRY(sn_module_conv(builder, "last", &wide, x, &x, error));
    SN_TRY(sn_module_average_pool(builder, "halves", &halves, x, &x, error));
    return sn_module_linear(builder, "classifier", options->classes, x, logits, error);
}
