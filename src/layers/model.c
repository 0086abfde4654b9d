#include "layers/model.h"

#include "layers/arch.h"

#include <math.h>

enum arch_inputs { ONE_SIDED, TWO_SIDED };

typedef struct arch {
    const char *name;
    sn_arch_builder *build;
    enum arch_inputs inputs;
    double learning_rate;
    const char *summary, *reference;
} arch;

static const arch archs[] = {
#define SN_ARCH(name, builder, inputs, rate, summary, reference)                                   \
    {name, builder, inputs, rate, summary, reference},
#include "layers/archs.def"
#undef SN_ARCH
};

enum { ARCHS = sizeof archs / sizeof *archs };

static const arch *arch_at(int index) {
    return index >= 0 && index < ARCHS ? &archs[index] : NULL;
}

const char *sn_arch_name(int index) {
    return arch_at(index) ? arch_at(index)->name : NULL;
}

bool sn_arch_has_signed_inputs(int index) {
    return arch_at(index) && arch_at(index)->inputs == TWO_SIDED;
}

const char *sn_arch_summary(int index) {
    return arch_at(index) ? arch_at(index)->summary : NULL;
}

const char *sn_arch_reference(int index) {
    return arch_at(index) ? arch_at(index)->reference : NULL;
}

double sn_arch_learning_rate(int index) {
    return arch_at(index) ? arch_at(index)->learning_rate : 0;
}

size_t sn_arch_filters(const sn_model_options *options, size_t filters) {
    const double wanted = floor((double)filters * options->width + 0.5);
    return wanted < 1 ? 1 : (size_t)wanted;
}

sn_status sn_model_build(const sn_model_options *options, sn_graph *graph, sn_tensor *images,
                         sn_layers *layers, sn_tensor **logits, sn_error *error) {
    const arch *a = arch_at(options->arch);
    *layers = (sn_layers){.images = images};
    SN_RETURN_IF(!a, error, SN_ERROR_ARGUMENT, "unknown architecture %d", options->arch);
    sn_quant_options resolved = options->quant; /* also where nothing would be quantized */
    resolved.signed_inputs = a->inputs == TWO_SIDED;
    SN_TRY(sn_quant_resolve(&resolved, error));
    sn_layer_rules rules;
    SN_TRY(sn_layer_rules_parse(options->layer_rules, &resolved, &rules, error));
    const sn_builder builder = {graph, &resolved, &rules, options->activation, (sn_act)options->act,
                                layers};
    SN_TRY(a->build(&builder, options, images, logits, error));
    SN_TRY(sn_layer_rules_check(&rules, error));
    SN_RETURN_IF(options->act == SN_ACT_INT8 && !sn_layers_round(layers), error, SN_ERROR_ARGUMENT,
                 "--act int8: no convolution of the network has one-bit or ternary weights");
    return SN_OK;
}
