/* Stands in for the parts of signet.h that have no implementation yet: names, descriptions and the
 * timed run, over the portable kernels. Goes away with the first kernels that heed options. */
#include "infer/guard.h"
#include "infer/model.h"

const char *sn_infer_isa_name(int isa) {
    static const char *const names[SN_INFER_ISA_COUNT] = {"auto",   "portable", "avx2",
                                                          "avx512", "neon",     "amx"};
    return isa >= 0 && isa < SN_INFER_ISA_COUNT ? names[isa] : NULL;
}

const char *sn_infer_form_name(int form) {
    static const char *const names[SN_INFER_FORM_COUNT] = {"auto", "dense", "sparse", "shared",
                                                           "complement"};
    return form >= 0 && form < SN_INFER_FORM_COUNT ? names[form] : NULL;
}

bool sn_infer_isa_available(sn_infer_isa isa) {
    return isa == SN_INFER_ISA_AUTO || isa == SN_INFER_ISA_PORTABLE;
}

sn_infer_status sn_infer_run_timed(const sn_infer_model *model, void *scratch, size_t scratch_bytes,
                                   const sn_infer_pool *pool, const float *image, float *logits,
                                   double (*now)(void), double *seconds) {
    (void)pool;
    if (!scratch || scratch_bytes < model->info.scratch_memory)
        return SN_INFER_SMALL_MEMORY;
    unsigned char *bytes = scratch;
    sn_infer_unguard(bytes, model->info.scratch_memory);
    for (uint32_t i = 0; i < model->layer_count; i++) {
        const sn_infer_layer *layer = &model->layers[i];
        const uint32_t inputs[2] = {layer->input_a, layer->input_b};
        const float *values[2];
        for (int j = 0; j < 2; j++)
            values[j] =
                inputs[j] ? (const float *)(void *)(bytes + model->slot_start[inputs[j]]) : image;
        const double start = now();
        layer->kernel->run(layer, values[0], values[1],
                           (float *)(void *)(bytes + model->slot_start[layer->output]),
                           bytes + model->work_start);
        seconds[i] += now() - start;
    }
    memcpy(logits, bytes + model->slot_start[model->output_slot],
           (size_t)model->info.classes * sizeof *logits);
    return SN_INFER_OK;
}

static const char *weights_name(const sn_infer_layer *layer) {
    switch (layer->weight_kind) {
    case SN_INFER_WEIGHTS_FP32:
        return "fp32";
    case SN_INFER_WEIGHTS_SIGNED_BINARY:
        return layer->centered ? "signed-binary-centered" : "signed-binary";
    default:
        return "";
    }
}

void sn_infer_describe_layer(const sn_infer_model *model, int index, sn_infer_layer_info *info) {
    static const char *const opcodes[] = {
        "", "convolution", "linear", "sum", "max pool", "average pool", "global average pool"};
    const sn_infer_layer *layer = &model->layers[index];
    const bool is_signed_binary = layer->weight_kind == SN_INFER_WEIGHTS_SIGNED_BINARY;
    const uint64_t weights = layer->out.channels * layer->weights_per_filter;
    *info =
        (sn_infer_layer_info){.opcode = opcodes[layer->opcode],
                              .weights = weights_name(layer),
                              .in_channels = (int)layer->in.channels,
                              .in_height = (int)layer->in.height,
                              .in_width = (int)layer->in.width,
                              .out_channels = (int)layer->out.channels,
                              .out_height = (int)layer->out.height,
                              .out_width = (int)layer->out.width,
                              .kernel_height = (int)layer->kernel_height,
                              .kernel_width = (int)layer->kernel_width,
                              .stride = (int)layer->stride,
                              .padding = (int)layer->padding,
                              .residual = layer->residual,
                              .weight_count = layer->weight_kind ? weights : 0,
                              .effectual_weights = is_signed_binary     ? layer->effectual_weights
                                                   : layer->weight_kind ? weights
                                                                        : 0,
                              .payload_bytes = layer->payload_bytes,
                              .form = is_signed_binary ? SN_INFER_FORM_SPARSE : SN_INFER_FORM_AUTO,
                              .group = 1};
    if (is_signed_binary)
        info->additions = (double)layer->effectual_weights / layer->out.channels;
}
