#include "infer/reader.h"

#define RETURN_IF(condition, status)                                                               \
    do {                                                                                           \
        if (condition)                                                                             \
            return (status);                                                                       \
    } while (0)

#define RETURN_IF_CORRUPT(condition) RETURN_IF(condition, SN_INFER_CORRUPT)

static bool shape_fits(sn_infer_shape shape) {
    return shape.channels >= 1 && shape.channels <= SN_INFER_MAX_CHANNELS && shape.height >= 1 &&
           shape.height <= SN_INFER_MAX_SIDE && shape.width >= 1 &&
           shape.width <= SN_INFER_MAX_SIDE &&
           sn_infer_shape_elements(shape) <= SN_INFER_MAX_ELEMENTS;
}

sn_infer_status sn_infer_reader_begin(sn_infer_reader *reader, const void *packed, size_t bytes) {
    const size_t magic_bytes = sizeof reader->header.magic;
    memset(reader, 0, sizeof *reader);
    RETURN_IF(!packed, SN_INFER_NOT_A_MODEL);
    RETURN_IF(memcmp(packed, SN_INFER_MAGIC, bytes < magic_bytes ? bytes : magic_bytes) != 0,
              SN_INFER_NOT_A_MODEL);
    RETURN_IF(bytes < sizeof reader->header, SN_INFER_TRUNCATED);
    sn_infer_header *header = &reader->header;
    sn_infer_load_words(header, packed, sizeof *header / 4);
    RETURN_IF(header->version != SN_INFER_FORMAT_VERSION, SN_INFER_BAD_VERSION);

    reader->bytes = packed;
    reader->total = sn_infer_join(header->total_bytes);
    RETURN_IF_CORRUPT(reader->total < sizeof *header);
    RETURN_IF(reader->total > bytes, SN_INFER_TRUNCATED);
    RETURN_IF_CORRUPT(sn_infer_checksum(reader->bytes, (size_t)reader->total) !=
                      sn_infer_join(header->checksum));

    const uint64_t list_bytes = (uint64_t)header->instruction_count * sizeof(sn_infer_record);
    RETURN_IF_CORRUPT(header->instruction_count == 0);
    RETURN_IF_CORRUPT(list_bytes > reader->total - sizeof *header);
    reader->payload_end = sizeof *header + list_bytes;
    RETURN_IF_CORRUPT(header->slot_count < 2 || header->slot_count > SN_INFER_MAX_SLOTS);
    RETURN_IF_CORRUPT(header->output_slot == 0 || header->output_slot >= header->slot_count);
    for (int i = 0; i < 3; i++)
        RETURN_IF_CORRUPT(header->reserved[i] != 0);

    const sn_infer_shape image = {header->channels, header->height, header->width};
    RETURN_IF_CORRUPT(!shape_fits(image));
    reader->shapes[0] = image;
    return SN_INFER_OK;
}

/* Which fields each opcode uses; the others have to be 0. */
static sn_infer_status check_fields(const sn_infer_record *record) {
    bool weights = false, window = false, two_inputs = false, activation = false;
    switch (record->opcode) {
    case SN_INFER_OP_CONV:
        weights = window = activation = true;
        break;
    case SN_INFER_OP_LINEAR:
        weights = activation = true;
        break;
    case SN_INFER_OP_SUM:
        two_inputs = activation = true;
        break;
    case SN_INFER_OP_MAX_POOL:
    case SN_INFER_OP_AVERAGE_POOL:
        window = true;
        break;
    case SN_INFER_OP_GLOBAL_AVERAGE_POOL:
        break;
    default:
        return SN_INFER_UNSUPPORTED;
    }
    RETURN_IF(record->weight_kind > SN_INFER_WEIGHTS_SIGNED_BINARY, SN_INFER_UNSUPPORTED);
    RETURN_IF(record->plan != SN_INFER_PLAN_PLAIN, SN_INFER_UNSUPPORTED);
    RETURN_IF(record->flags & ~(uint32_t)SN_INFER_FLAG_CENTERED, SN_INFER_UNSUPPORTED);
    RETURN_IF(record->activation > SN_INFER_ACTIVATION_PRELU, SN_INFER_UNSUPPORTED);
    RETURN_IF(record->region_channels != 0, SN_INFER_UNSUPPORTED);
    RETURN_IF(record->reserved[0] || record->reserved[1], SN_INFER_UNSUPPORTED);

    RETURN_IF_CORRUPT(weights != (record->weight_kind != SN_INFER_WEIGHTS_NONE));
    RETURN_IF_CORRUPT(weights != (record->filters != 0));
    RETURN_IF_CORRUPT(record->flags && record->weight_kind != SN_INFER_WEIGHTS_SIGNED_BINARY);
    RETURN_IF_CORRUPT(!activation && record->activation);
    RETURN_IF_CORRUPT(!two_inputs && record->input_b);
    if (window) {
        RETURN_IF_CORRUPT(record->kernel_height < 1 || record->kernel_height > SN_INFER_MAX_WINDOW);
        RETURN_IF_CORRUPT(record->kernel_width < 1 || record->kernel_width > SN_INFER_MAX_WINDOW);
        RETURN_IF_CORRUPT(record->stride < 1 || record->stride > SN_INFER_MAX_WINDOW);
        RETURN_IF_CORRUPT(record->padding > SN_INFER_MAX_WINDOW);
        /* Every pooling window then holds at least one pixel. */
        RETURN_IF_CORRUPT(!weights && (record->padding >= record->kernel_height ||
                                       record->padding >= record->kernel_width));
    } else {
        RETURN_IF_CORRUPT(record->kernel_height || record->kernel_width || record->stride ||
                          record->padding);
    }
    return SN_INFER_OK;
}

static sn_infer_status infer_output_shape(const sn_infer_record *record, sn_infer_layer *layer) {
    const sn_infer_shape in = layer->in;
    sn_infer_shape out = in;
    switch (record->opcode) {
    case SN_INFER_OP_CONV:
    case SN_INFER_OP_MAX_POOL:
    case SN_INFER_OP_AVERAGE_POOL:
        out.height = sn_infer_window_count(in.height, record->kernel_height, record->stride,
                                           record->padding);
        out.width =
            sn_infer_window_count(in.width, record->kernel_width, record->stride, record->padding);
        if (record->opcode == SN_INFER_OP_CONV)
            out.channels = record->filters;
        layer->weights_per_filter =
            (uint64_t)in.channels * record->kernel_height * record->kernel_width;
        break;
    case SN_INFER_OP_LINEAR:
        out = (sn_infer_shape){record->filters, 1, 1};
        layer->weights_per_filter = sn_infer_shape_elements(in);
        break;
    case SN_INFER_OP_GLOBAL_AVERAGE_POOL:
        out.height = out.width = 1;
        break;
    default:
        break;
    }
    layer->out = out;
    return shape_fits(out) ? SN_INFER_OK : SN_INFER_CORRUPT;
}

/* Hands out the payload's sections one after the other; counts on when there is no room left. */
typedef struct sections {
    const unsigned char *bytes;
    uint64_t size, used;
} sections;

static const unsigned char *take_section(sections *payload, uint64_t bytes) {
    const uint64_t start = payload->used;
    payload->used += sn_infer_section_bytes(bytes);
    return payload->used <= payload->size ? payload->bytes + start : NULL;
}

/* Counts set bits; false when a bit beyond the filter's last weight is set. */
static bool count_effectual(sn_infer_layer *layer) {
    const uint64_t bits = layer->weights_per_filter, row = sn_infer_mask_bytes(bits);
    for (uint32_t k = 0; k < layer->out.channels; k++) {
        const unsigned char *mask = layer->packed_weights + k * row;
        for (uint64_t i = 0; i < row; i++)
            for (unsigned byte = mask[i]; byte; byte &= byte - 1)
                layer->effectual_weights++;
        if (bits % 8 && mask[row - 1] >> (bits % 8))
            return false;
    }
    return true;
}

static sn_infer_status find_payload(sn_infer_reader *reader, const sn_infer_record *record,
                                    sn_infer_layer *layer) {
    const uint64_t offset = sn_infer_join(record->payload_offset);
    const uint64_t bytes = sn_infer_join(record->payload_bytes);
    if (bytes == 0) {
        RETURN_IF_CORRUPT(offset != 0);
    } else {
        RETURN_IF_CORRUPT(offset < reader->payload_end || offset > reader->total);
        RETURN_IF_CORRUPT(bytes > reader->total - offset);
        reader->payload_end = offset + bytes;
    }
    sections payload = {reader->bytes + offset, bytes, 0};
    /* At most 2^16 filters of 2^32 weights: no product or sum here overflows 64 bits. */
    const uint64_t filters = layer->out.channels, floats = filters * 4;
    switch (record->weight_kind) {
    case SN_INFER_WEIGHTS_FP32:
        layer->packed_weights = take_section(&payload, filters * layer->weights_per_filter * 4);
        break;
    case SN_INFER_WEIGHTS_SIGNED_BINARY:
        layer->packed_weights =
            take_section(&payload, filters * sn_infer_mask_bytes(layer->weights_per_filter));
        layer->packed_signs = take_section(&payload, sn_infer_mask_bytes(filters));
        break;
    default:
        break;
    }
    if (record->weight_kind != SN_INFER_WEIGHTS_NONE) {
        layer->packed_scale = take_section(&payload, floats);
        layer->packed_bias = take_section(&payload, floats);
    }
    if (record->activation == SN_INFER_ACTIVATION_PRELU)
        layer->packed_slope = take_section(&payload, floats);
    RETURN_IF_CORRUPT(payload.used != payload.size);
    layer->payload_bytes = bytes;
    if (record->weight_kind == SN_INFER_WEIGHTS_SIGNED_BINARY)
        RETURN_IF_CORRUPT(!count_effectual(layer));
    return SN_INFER_OK;
}

sn_infer_status sn_infer_reader_next(sn_infer_reader *reader, sn_infer_layer *layer) {
    assert(reader->next < reader->header.instruction_count);
    sn_infer_record record;
    sn_infer_load_words(&record,
                        reader->bytes + sizeof reader->header + reader->next * sizeof record,
                        sizeof record / 4);
    reader->next++;
    sn_infer_status status = check_fields(&record);
    RETURN_IF(status != SN_INFER_OK, status);

    const uint32_t slots = reader->header.slot_count;
    RETURN_IF_CORRUPT(record.input_a >= slots || record.input_b >= slots);
    RETURN_IF_CORRUPT(record.output == 0 || record.output >= slots);
    RETURN_IF_CORRUPT(record.output == record.input_a);
    *layer = (sn_infer_layer){
        .opcode = record.opcode,
        .weight_kind = record.weight_kind,
        .plan = record.plan,
        .centered = record.flags & SN_INFER_FLAG_CENTERED,
        .input_a = record.input_a,
        .input_b = record.input_b,
        .output = record.output,
        .in = reader->shapes[record.input_a],
        .kernel_height = record.kernel_height,
        .kernel_width = record.kernel_width,
        .stride = record.stride,
        .padding = record.padding,
        .activation = record.activation,
    };
    RETURN_IF_CORRUPT(layer->in.channels == 0); /* reads a slot before it is written */
    if (record.opcode == SN_INFER_OP_SUM) {
        const sn_infer_shape b = reader->shapes[record.input_b];
        RETURN_IF_CORRUPT(record.output == record.input_b);
        RETURN_IF_CORRUPT(b.channels != layer->in.channels || b.height != layer->in.height ||
                          b.width != layer->in.width);
    }
    status = infer_output_shape(&record, layer);
    RETURN_IF(status != SN_INFER_OK, status);
    status = find_payload(reader, &record, layer);
    RETURN_IF(status != SN_INFER_OK, status);
    layer->kernel = sn_infer_kernel_find(layer);
    RETURN_IF(!layer->kernel, SN_INFER_UNSUPPORTED);

    const uint64_t elements = sn_infer_shape_elements(layer->out);
    reader->shapes[record.output] = layer->out;
    if (elements > reader->slot_elements[record.output])
        reader->slot_elements[record.output] = elements;
    return SN_INFER_OK;
}

sn_infer_status sn_infer_reader_end(const sn_infer_reader *reader) {
    RETURN_IF_CORRUPT(reader->next != reader->header.instruction_count);
    RETURN_IF_CORRUPT(reader->shapes[reader->header.output_slot].channels == 0);
    RETURN_IF_CORRUPT(reader->payload_end != reader->total);
    return SN_INFER_OK;
}
