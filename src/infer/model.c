#include "infer/model.h"
#include "infer/guard.h"
#include "infer/reader.h"

static const char *const status_texts[SN_INFER_STATUS_COUNT] = {
    [SN_INFER_OK] = "ok",
    [SN_INFER_NOT_A_MODEL] = "not a packed model",
    [SN_INFER_BAD_VERSION] = "packed model of another format version",
    [SN_INFER_TRUNCATED] = "packed model is truncated",
    [SN_INFER_CORRUPT] = "packed model is corrupt",
    [SN_INFER_UNSUPPORTED] = "packed model needs another build of the library",
    [SN_INFER_SMALL_MEMORY] = "memory block is too small",
    [SN_INFER_MISALIGNED] = "memory block is not aligned to 64 bytes",
};

const char *sn_infer_status_text(sn_infer_status status) {
    const char *text = NULL;
    if ((unsigned)status < SN_INFER_STATUS_COUNT)
        text = status_texts[status];
    return text ? text : "unknown status";
}

/* Bytes of a layer's floats in front of what its kernel prepares. */
static uint64_t epilogue_bytes(const sn_infer_layer *layer) {
    const int arrays = (layer->packed_scale != NULL) + (layer->packed_bias != NULL) +
                       (layer->packed_slope != NULL);
    return (uint64_t)arrays * sn_infer_align_up((uint64_t)layer->out.channels * sizeof(float));
}

static sn_infer_status measure_layer(const sn_infer_layer *layer, sn_infer_need *need) {
    *need = (sn_infer_need){0};
    if (layer->kernel->measure && !layer->kernel->measure(layer, need))
        return SN_INFER_UNSUPPORTED;
    need->prepared = sn_infer_align_up(need->prepared) + epilogue_bytes(layer);
    need->work = sn_infer_align_up(need->work);
    return SN_INFER_OK;
}

static uint64_t model_head_bytes(uint32_t layer_count) {
    return sn_infer_align_up(sizeof(sn_infer_model) + layer_count * sizeof(sn_infer_layer));
}

/* Slots from 1 on, one after the other, then the workspace. Returns the whole size. */
static uint64_t lay_out_scratch(const sn_infer_reader *reader, uint64_t work_bytes,
                                sn_infer_model *model) {
    uint64_t used = 0;
    for (uint32_t slot = 1; slot < reader->header.slot_count; slot++) {
        const uint64_t bytes = reader->slot_elements[slot] * sizeof(float);
        if (model) {
            model->slot_start[slot] = (size_t)used;
            model->slot_bytes[slot] = (size_t)bytes;
        }
        used += sn_infer_align_up(bytes) + SN_INFER_REDZONE;
    }
    if (model)
        model->work_start = (size_t)used;
    return used + work_bytes;
}

/* Checks everything; describes the model, and leaves the reader at its end. */
static sn_infer_status survey(const void *packed, size_t bytes, sn_infer_reader *reader,
                              sn_infer_info *info) {
    *info = (sn_infer_info){0};
    sn_infer_status status = sn_infer_reader_begin(reader, packed, bytes);
    if (status != SN_INFER_OK)
        return status;
    const uint32_t count = reader->header.instruction_count;
    uint64_t model_bytes = model_head_bytes(count), work_bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        sn_infer_layer layer;
        sn_infer_need need;
        status = sn_infer_reader_next(reader, &layer);
        if (status == SN_INFER_OK)
            status = measure_layer(&layer, &need);
        if (status != SN_INFER_OK)
            return status;
        model_bytes += need.prepared;
        work_bytes = need.work > work_bytes ? need.work : work_bytes;
        info->weight_bytes += (size_t)layer.payload_bytes;
        if (layer.weight_kind == SN_INFER_WEIGHTS_SIGNED_BINARY) {
            info->quantized_weights += layer.out.channels * layer.weights_per_filter;
            info->effectual_weights += layer.effectual_weights;
            info->effectual_additions +=
                layer.effectual_weights * layer.out.height * layer.out.width;
        }
    }
    status = sn_infer_reader_end(reader);
    if (status != SN_INFER_OK)
        return status;

    const uint64_t scratch_bytes = lay_out_scratch(reader, work_bytes, NULL);
    if (model_bytes > SIZE_MAX || scratch_bytes > SIZE_MAX)
        return SN_INFER_UNSUPPORTED;
    info->channels = (int)reader->header.channels;
    info->height = (int)reader->header.height;
    info->width = (int)reader->header.width;
    info->layers = (int)count;
    info->isa = SN_INFER_ISA_PORTABLE;
    info->classes = (int)sn_infer_shape_elements(reader->shapes[reader->header.output_slot]);
    info->packed_bytes = (size_t)reader->total;
    info->model_memory = (size_t)model_bytes;
    info->scratch_memory = (size_t)scratch_bytes;
    return SN_INFER_OK;
}

sn_infer_status sn_infer_inspect(const void *packed, size_t bytes, const sn_infer_options *options,
                                 sn_infer_info *info) {
    (void)options;
    sn_infer_reader reader;
    sn_infer_info found;
    const sn_infer_status status = survey(packed, bytes, &reader, &found);
    if (status == SN_INFER_OK)
        *info = found;
    return status;
}

/* Decodes a float section to `memory` and moves on; NULL when there is none. */
static const float *decode_floats(const unsigned char *packed, uint32_t count,
                                  unsigned char **memory) {
    if (!packed)
        return NULL;
    float *floats = (float *)(void *)*memory;
    sn_infer_load_words(floats, packed, count);
    *memory += sn_infer_align_up((uint64_t)count * sizeof(float));
    return floats;
}

static void prepare_layer(sn_infer_layer *layer, unsigned char *memory) {
    const uint32_t channels = layer->out.channels;
    layer->epilogue.scale = decode_floats(layer->packed_scale, channels, &memory);
    layer->epilogue.bias = decode_floats(layer->packed_bias, channels, &memory);
    layer->epilogue.slope = decode_floats(layer->packed_slope, channels, &memory);
    layer->prepared = memory;
    if (layer->kernel->prepare)
        layer->kernel->prepare(layer, memory);
}

sn_infer_status sn_infer_open(const void *packed, size_t bytes, const sn_infer_options *options,
                              void *memory, size_t memory_bytes, const sn_infer_model **model) {
    (void)options;
    sn_infer_reader reader;
    sn_infer_info info;
    sn_infer_status status = survey(packed, bytes, &reader, &info);
    if (status != SN_INFER_OK)
        return status;
    if (!memory || memory_bytes < info.model_memory)
        return SN_INFER_SMALL_MEMORY;
    if ((uintptr_t)memory % SN_INFER_ALIGNMENT != 0)
        return SN_INFER_MISALIGNED;

    sn_infer_model *opened = memory;
    opened->info = info;
    opened->layer_count = reader.header.instruction_count;
    opened->slot_count = reader.header.slot_count;
    opened->output_slot = reader.header.output_slot;
    lay_out_scratch(&reader, 0, opened);

    unsigned char *next = (unsigned char *)memory + model_head_bytes(opened->layer_count);
    status = sn_infer_reader_begin(&reader, packed, bytes);
    for (uint32_t i = 0; status == SN_INFER_OK && i < opened->layer_count; i++) {
        sn_infer_layer *layer = &opened->layers[i];
        sn_infer_need need;
        status = sn_infer_reader_next(&reader, layer);
        if (status == SN_INFER_OK)
            status = measure_layer(layer, &need);
        if (status != SN_INFER_OK)
            break;
        prepare_layer(layer, next);
        next += need.prepared;
    }
    if (status != SN_INFER_OK)
        return status; /* the caller changed the bytes meanwhile */
    *model = opened;
    return SN_INFER_OK;
}
