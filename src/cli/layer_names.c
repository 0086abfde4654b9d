#include "cli/layer_names.h"

#include "autograd/ops.h"
#include "infer/format.h"
#include "train/layer_list.h"

#include <stdlib.h>

static sn_infer_record record_at(const void *packed, size_t index) {
    const unsigned char *bytes = packed;
    sn_infer_record record;
    sn_infer_load_words(&record, bytes + sizeof(sn_infer_header) + index * sizeof record,
                        sizeof record / 4);
    return record;
}

/* Whether freezing makes the layer into such an instruction. */
static bool fits(const sn_layer *layer, const sn_infer_record *record) {
    switch (record->opcode) {
    case SN_INFER_OP_CONV:
        return sn_op_is_conv2d(layer->op) && layer->channels == record->filters;
    case SN_INFER_OP_LINEAR:
        return layer->op == &sn_op_linear && layer->channels == record->filters;
    case SN_INFER_OP_MAX_POOL:
        return layer->op == &sn_op_max_pool;
    case SN_INFER_OP_AVERAGE_POOL:
        return layer->op == &sn_op_average_pool;
    case SN_INFER_OP_GLOBAL_AVERAGE_POOL:
        return layer->op == &sn_op_global_average_pool;
    case SN_INFER_OP_SHIFT_CLAMP:
        return layer->op == &sn_op_shift_clamp;
    default:
        return false;
    }
}

/* Layers come in the same order in both; a sum that is an instruction of its own is no layer. */
static bool give_names(const sn_layer *layers, size_t count, const void *packed,
                       size_t instructions, sn_layer_name *names) {
    size_t next = 0;
    for (size_t i = 0; i < instructions; i++) {
        const sn_infer_record record = record_at(packed, i);
        if (record.opcode == SN_INFER_OP_SUM) {
            memcpy(names[i], "sum", sizeof "sum");
            continue;
        }
        if (next == count || !fits(&layers[next], &record))
            return false;
        memcpy(names[i], layers[next++].name, sizeof names[i]);
    }
    return next == count;
}

sn_status sn_layer_names_find(const sn_graph *graph, const void *packed, sn_layer_name **names,
                              sn_error *error) {
    sn_infer_header header;
    sn_layer *layers;
    size_t count;
    sn_infer_load_words(&header, packed, sizeof header / 4);
    SN_TRY(sn_layers_of(graph, &layers, &count, error));
    *names = calloc(header.instruction_count, sizeof **names);
    const bool known =
        *names && give_names(layers, count, packed, header.instruction_count, *names);
    free(layers);
    SN_RETURN_IF(!*names, error, SN_ERROR_MEMORY, "out of memory for the names of layers");
    if (known)
        return SN_OK;
    free(*names);
    *names = NULL;
    return sn_error_set(error, SN_ERROR_INTERNAL,
                        "the packed model has other layers than the network it was made of");
}
