#include "layers/model.h"

#include "layers/plum_block.h"

#include <math.h>
#include <stdio.h>

enum { MAX_STAGES = 4, SMALL_IMAGE = 64, BLOCK_NAME_SIZE = 32 };

/* What the stages consist of. */
typedef enum block_kind {
    BLOCK_BASIC, /* ResNet's: two 3x3 convolutions, which read what a ReLU leaves */
    BLOCK_PLUM   /* plum_block.h: one, which reads values of both signs */
} block_kind;

typedef struct arch {
    const char *name, *summary;
    block_kind block;
    int stages;
    int blocks[MAX_STAGES]; /* by stage */
    size_t filters;         /* of the first stage; every further stage doubles them */
    bool imagenet;          /* large images get the 7x7 stem */
} arch;

#define CIFAR_SUMMARY(blocks)    blocks " blocks of two 3x3 convolutions, 16 to 64 filters"
#define IMAGENET_SUMMARY(blocks) blocks " blocks of two 3x3 convolutions, 64 to 512 filters"
#define PLUM_SUMMARY(blocks, filters)                                                              \
    blocks " blocks of one 3x3 convolution between shifts, " filters " filters"

static const arch archs[] = {
    {"resnet20", CIFAR_SUMMARY("9"), BLOCK_BASIC, 3, {3, 3, 3}, 16, false},
    {"resnet32", CIFAR_SUMMARY("15"), BLOCK_BASIC, 3, {5, 5, 5}, 16, false},
    {"resnet44", CIFAR_SUMMARY("21"), BLOCK_BASIC, 3, {7, 7, 7}, 16, false},
    {"resnet56", CIFAR_SUMMARY("27"), BLOCK_BASIC, 3, {9, 9, 9}, 16, false},
    {"resnet110", CIFAR_SUMMARY("54"), BLOCK_BASIC, 3, {18, 18, 18}, 16, false},
    {"resnet18", IMAGENET_SUMMARY("8"), BLOCK_BASIC, 4, {2, 2, 2, 2}, 64, true},
    {"resnet34", IMAGENET_SUMMARY("16"), BLOCK_BASIC, 4, {3, 4, 6, 3}, 64, true},
    {"resnet20-plum", PLUM_SUMMARY("18", "16 to 64"), BLOCK_PLUM, 3, {6, 6, 6}, 16, false},
    {"resnet18-plum", PLUM_SUMMARY("16", "64 to 512"), BLOCK_PLUM, 4, {4, 4, 4, 4}, 64, true},
};

enum { ARCHS = sizeof archs / sizeof *archs };

const char *sn_arch_name(int index) {
    return index >= 0 && index < ARCHS ? archs[index].name : NULL;
}

bool sn_arch_has_signed_inputs(int index) {
    return sn_arch_name(index) && archs[index].block == BLOCK_PLUM;
}

const char *sn_arch_summary(int index) {
    return index >= 0 && index < ARCHS ? archs[index].summary : NULL;
}

const char *sn_arch_reference(int index) {
    if (index < 0 || index >= ARCHS)
        return NULL;
    if (archs[index].block == BLOCK_PLUM)
        return "the block of PLUM's code (arXiv 2312.01581), depth and widths of He et al. 2016";
    return archs[index].imagenet ? "He et al. 2016, arXiv 1512.03385, table 1"
                                 : "He et al. 2016, arXiv 1512.03385, section 4.2";
}

static sn_status stem(const sn_builder *builder, bool large, size_t filters, sn_tensor *x,
                      sn_tensor **y, sn_error *error) {
    const sn_conv_options small_conv = {filters, 3, 1, 1, false, false};
    const sn_conv_options large_conv = {filters, 7, 2, 3, false, false};
    SN_TRY(sn_module_conv(builder, "conv1", large ? &large_conv : &small_conv, x, y, error));
    const sn_norm_options norm = {.activation = "act1"};
    SN_TRY(sn_module_batch_norm(builder, "bn1", &norm, *y, y, error));
    return large ? sn_max_pool(builder->graph, *y, 3, 2, 1, y, error) : SN_OK;
}

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

static sn_status add_block(const sn_builder *builder, block_kind kind, const char *block,
                           size_t filters, int stride, sn_tensor *x, sn_tensor **y,
                           sn_error *error) {
    return kind == BLOCK_PLUM ? sn_plum_block(builder, block, filters, stride, x, y, error)
                              : basic_block(builder, block, filters, stride, x, y, error);
}

sn_status sn_model_build(const sn_model_options *options, sn_graph *graph, sn_tensor *images,
                         sn_tensor **logits, sn_error *error) {
    SN_RETURN_IF(!sn_arch_name(options->arch), error, SN_ERROR_ARGUMENT, "unknown architecture %d",
                 options->arch);
    const arch *a = &archs[options->arch];
    sn_quant_options resolved = options->quant; /* also where nothing would be quantized */
    resolved.signed_inputs = sn_arch_has_signed_inputs(options->arch);
    SN_TRY(sn_quant_resolve(&resolved, error));
    sn_layer_rules rules;
    SN_TRY(sn_layer_rules_parse(options->layer_rules, &resolved, &rules, error));
    const sn_builder builder = {graph, &resolved, &rules, options->activation,
                                (sn_act)options->act};
    const bool large =
        a->imagenet && (options->height > SMALL_IMAGE || options->image_width > SMALL_IMAGE);
    const double first = floor((double)a->filters * options->width + 0.5);
    size_t filters = first < 1 ? 1 : (size_t)first;
    sn_tensor *x = images;
    SN_TRY(stem(&builder, large, filters, x, &x, error));
    for (int stage = 0; stage < a->stages; stage++, filters *= 2) {
        for (int block = 0; block < a->blocks[stage]; block++) {
            char name[BLOCK_NAME_SIZE];
            snprintf(name, sizeof name, "layer%d.%d", stage + 1, block);
            const int stride = stage > 0 && block == 0 ? 2 : 1;
            SN_TRY(add_block(&builder, a->block, name, filters, stride, x, &x, error));
        }
    }
    SN_TRY(sn_global_average_pool(graph, x, &x, error));
    SN_TRY(sn_layer_rules_check(&rules, error));
    SN_RETURN_IF(options->act == SN_ACT_INT8 && !sn_rounds_inputs(graph), error, SN_ERROR_ARGUMENT,
                 "--act int8: no convolution of the network has one-bit or ternary weights");
    return sn_module_linear(&builder, "fc", options->classes, x, logits, error);
}
