#include "infer/reader.h"
#include "infer/metadata.h"

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

    RETURN_IF_CORRUPT(header->instruction_count == 0);
    RETURN_IF_CORRUPT(header->slot_count < 2 || header->slot_count > SN_INFER_MAX_SLOTS);
    RETURN_IF_CORRUPT(header->output_slot == 0 || header->output_slot >= header->slot_count);
    RETURN_IF(header->flags & ~(uint32_t)(SN_INFER_HEADER_NORMALISATION | SN_INFER_HEADER_CLASSES |
                                          SN_INFER_HEADER_LAYERS),
              SN_INFER_UNSUPPORTED);
    RETURN_IF(header->reserved != 0, SN_INFER_UNSUPPORTED);

    const sn_infer_shape image = {header->channels, header->height, header->width};
    RETURN_IF_CORRUPT(!shape_fits(image));
    reader->shapes[0] = image;

    const uint64_t list_bytes = (uint64_t)header->instruction_count * sizeof(sn_infer_record);
    const uint64_t metadata_bytes = sn_infer_metadata_bytes(header);
    RETURN_IF_CORRUPT(list_bytes + metadata_bytes > reader->total - sizeof *header);
    RETURN_IF_CORRUPT(!sn_infer_metadata_is_sound(header, reader->bytes, &reader->class_names));
    reader->payload_end = sizeof *header + list_bytes + metadata_bytes;
    return SN_INFER_OK;
}

/* The step of a convolution's integer input: +0, or positive and finite. */
static sn_infer_status check_input_scale(const sn_infer_record *record) {
    const bool is_signed = record->flags & SN_INFER_FLAG_INPUT_SIGNED;
    uint32_t bits;
    memcpy(&bits, &record->input_scale, 4);
    if (bits == 0)
        return is_signed ? SN_INFER_CORRUPT : SN_INFER_OK;
    RETURN_IF_CORRUPT(record->opcode != SN_INFER_OP_CONV);
    RETURN_IF_CORRUPT(bits >= 0x7f800000); /* negative, infinite or not a number */
    return SN_INFER_OK;
}

/* Which fields each opcode uses; the others have to be 0. */
static sn_infer_status check_fields(const sn_infer_record *record) {
    bool weights = false, window = false, two_inputs = false, activation = false;
    sn_infer_status status;
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
    case SN_INFER_OP_SHIFT_CLAMP:
        break;
    default:
        return SN_INFER_UNSUPPORTED;
    }
    const uint32_t known = SN_INFER_FLAG_CENTERED | SN_INFER_FLAG_RESIDUAL |
                           SN_INFER_FLAG_INPUT_SIGNED | SN_INFER_FLAG_INPUT_CENTERED |
                           SN_INFER_FLAG_OUTPUT_SHIFTED;
    RETURN_IF(record->weight_kind > SN_INFER_WEIGHTS_TERNARY, SN_INFER_UNSUPPORTED);
    RETURN_IF(record->payload_layout != SN_INFER_PAYLOAD_PLAIN, SN_INFER_UNSUPPORTED);
    RETURN_IF(record->flags & ~known, SN_INFER_UNSUPPORTED);
    RETURN_IF(record->activation > SN_INFER_ACTIVATION_PRELU, SN_INFER_UNSUPPORTED);
    RETURN_IF(record->reserved, SN_INFER_UNSUPPORTED);

    RETURN_IF_CORRUPT(weights != (record->weight_kind != SN_INFER_WEIGHTS_NONE));
    RETURN_IF_CORRUPT(weights != (record->filters != 0));
    RETURN_IF_CORRUPT((record->flags & SN_INFER_FLAG_CENTERED) &&
                      record->weight_kind != SN_INFER_WEIGHTS_SIGNED_BINARY);
    RETURN_IF_CORRUPT((record->flags & SN_INFER_FLAG_INPUT_CENTERED) &&
                      (record->opcode != SN_INFER_OP_CONV ||
                       record->weight_kind <= SN_INFER_WEIGHTS_FP32 ||
                       (record->flags & SN_INFER_FLAG_CENTERED)));
    RETURN_IF_CORRUPT(record->region_channels &&
                      (record->opcode != SN_INFER_OP_CONV ||
                       record->weight_kind != SN_INFER_WEIGHTS_SIGNED_BINARY));
    RETURN_IF_CORRUPT(!activation && record->activation);
    status = check_input_scale(record);
    RETURN_IF(status != SN_INFER_OK, status);
    if (record->flags & SN_INFER_FLAG_RESIDUAL) {
        RETURN_IF_CORRUPT(record->opcode != SN_INFER_OP_CONV);
        two_inputs = true;
    }
    RETURN_IF_CORRUPT((record->flags & SN_INFER_FLAG_OUTPUT_SHIFTED) &&
                      record->opcode != SN_INFER_OP_CONV);
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

static bool all_zero(const unsigned char *bytes, uint64_t count) {
    for (uint64_t i = 0; i < count; i++)
        if (bytes[i])
            return false;
    return true;
}

/* Hands out the payload's sections one after the other; goes on counting when there is no room
 * left. */
typedef struct sections {
    const unsigned char *bytes;
    uint64_t size, used;
    bool padded; /* with anything but zeros */
} sections;

static const unsigned char *take_section(sections *payload, uint64_t bytes) {
    const uint64_t start = payload->used;
    payload->used += sn_infer_section_bytes(bytes);
    if (payload->used > payload->size)
        return NULL;
    if (!all_zero(payload->bytes + start + bytes, payload->used - start - bytes))
        payload->padded = true;
    return payload->bytes + start;
}

/* Counts set bits; false when a bit beyond a row's end is set. */
static bool count_bits(const unsigned char *bits, uint64_t rows, uint64_t row_bits,
                       uint64_t *count) {
    const uint64_t row = sn_infer_mask_bytes(row_bits);
    for (uint64_t k = 0; k < rows; k++, bits += row) {
        for (uint64_t i = 0; i < row; i++)
            for (unsigned byte = bits[i]; byte; byte &= byte - 1)
                ++*count;
        if (row_bits % 8 && bits[row - 1] >> (row_bits % 8))
            return false;
    }
    return true;
}

/* Only weights that are there have a sign. */
static bool signs_are_masked(const sn_infer_layer *layer) {
    const uint64_t bytes = layer->out.channels * sn_infer_mask_bytes(layer->weights_per_filter);
    for (uint64_t i = 0; i < bytes; i++)
        if (layer->packed_signs[i] & ~layer->packed_weights[i])
            return false;
    return true;
}

/* Checks the bits of a layer's weights and counts those that are not zero. */
static bool check_bits(sn_infer_layer *layer) {
    const uint64_t filters = layer->out.channels, taps = layer->weights_per_filter;
    uint64_t set = 0, negative = 0;
    if (!sn_infer_has_bits(layer))
        return true;
    if (!count_bits(layer->packed_weights, filters, taps, &set))
        return false;
    layer->effectual_weights = layer->weight_kind == SN_INFER_WEIGHTS_BINARY ? filters * taps : set;
    if (layer->weight_kind == SN_INFER_WEIGHTS_SIGNED_BINARY)
        return count_bits(layer->packed_signs, 1, filters * layer->regions, &negative);
    return layer->weight_kind != SN_INFER_WEIGHTS_TERNARY || signs_are_masked(layer);
}

/* Payloads lie in order, each at the next place that its alignment allows, with zeros between. */
static sn_infer_status place_payload(sn_infer_reader *reader, uint64_t offset, uint64_t bytes) {
    if (bytes == 0)
        return offset == 0 ? SN_INFER_OK : SN_INFER_CORRUPT;
    const uint64_t end = reader->payload_end;
    RETURN_IF_CORRUPT(offset != sn_infer_payload_start(end));
    RETURN_IF_CORRUPT(offset > reader->total || bytes > reader->total - offset);
    RETURN_IF_CORRUPT(!all_zero(reader->bytes + end, offset - end));
    reader->payload_end = offset + bytes;
    return SN_INFER_OK;
}

static sn_infer_status find_payload(sn_infer_reader *reader, const sn_infer_record *record,
                                    sn_infer_layer *layer) {
    const uint64_t offset = sn_infer_join(record->payload_offset);
    const uint64_t bytes = sn_infer_join(record->payload_bytes);
    const sn_infer_status status = place_payload(reader, offset, bytes);
    RETURN_IF(status != SN_INFER_OK, status);
    sections payload = {.bytes = reader->bytes + offset, .size = bytes};
    /* At most 2^16 filters of 2^32 weights: no product or sum here overflows 64 bits. */
    const uint64_t filters = layer->out.channels, floats = filters * 4;
    const uint64_t bits = filters * sn_infer_mask_bytes(layer->weights_per_filter);
    switch (record->weight_kind) {
    case SN_INFER_WEIGHTS_FP32:
        layer->packed_weights = take_section(&payload, filters * layer->weights_per_filter * 4);
        break;
    case SN_INFER_WEIGHTS_SIGNED_BINARY:
        layer->packed_weights = take_section(&payload, bits);
        layer->packed_signs = take_section(&payload, sn_infer_mask_bytes(filters * layer->regions));
        break;
    case SN_INFER_WEIGHTS_BINARY:
        layer->packed_weights = take_section(&payload, bits);
        break;
    case SN_INFER_WEIGHTS_TERNARY:
        layer->packed_weights = take_section(&payload, bits);
        layer->packed_signs = take_section(&payload, bits);
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
    if (record->flags & SN_INFER_FLAG_OUTPUT_SHIFTED || record->opcode == SN_INFER_OP_SHIFT_CLAMP)
        layer->packed_shift = take_section(&payload, floats);
    RETURN_IF_CORRUPT(payload.used != payload.size || payload.padded);
    layer->payload_bytes = bytes;
    RETURN_IF_CORRUPT(!check_bits(layer));
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
        .payload_layout = record.payload_layout,
        .centered = record.flags & SN_INFER_FLAG_CENTERED,
        .residual = record.flags & SN_INFER_FLAG_RESIDUAL,
        .input_a = record.input_a,
        .input_b = record.input_b,
        .output = record.output,
        .in = reader->shapes[record.input_a],
        .kernel_height = record.kernel_height,
        .kernel_width = record.kernel_width,
        .stride = record.stride,
        .padding = record.padding,
        .input_scale = record.input_scale,
        .input_signed = record.flags & SN_INFER_FLAG_INPUT_SIGNED,
        .input_centered = record.flags & SN_INFER_FLAG_INPUT_CENTERED,
        .activation = record.activation,
    };
    RETURN_IF_CORRUPT(layer->in.channels == 0); /* reads a slot before it is written */
    RETURN_IF_CORRUPT(record.region_channels >= layer->in.channels); /* a whole filter is 0 */
    layer->region_channels = record.region_channels ? record.region_channels : layer->in.channels;
    layer->regions = (uint32_t)sn_infer_region_count(layer->in.channels, record.region_channels);
    status = infer_output_shape(&record, layer);
    RETURN_IF(status != SN_INFER_OK, status);
    if (record.opcode == SN_INFER_OP_SUM || layer->residual) {
        const sn_infer_shape b = reader->shapes[record.input_b];
        RETURN_IF_CORRUPT(!layer->residual && record.output == record.input_b);
        RETURN_IF_CORRUPT(b.channels != layer->out.channels || b.height != layer->out.height ||
                          b.width != layer->out.width);
    }
    status = find_payload(reader, &record, layer);
    RETURN_IF(status != SN_INFER_OK, status);

    reader->shapes[record.output] = layer->out;
    return SN_INFER_OK;
}

sn_infer_status sn_infer_reader_end(const sn_infer_reader *reader) {
    RETURN_IF_CORRUPT(reader->next != reader->header.instruction_count);
    const sn_infer_shape out = reader->shapes[reader->header.output_slot];
    RETURN_IF_CORRUPT(out.channels == 0);
    RETURN_IF_CORRUPT(reader->class_names && reader->class_names != sn_infer_shape_elements(out));
    RETURN_IF_CORRUPT(reader->payload_end != reader->total);
    return SN_INFER_OK;
}
