/* Turns the collected layers into bytes: drops what the output does not depend on, gives values
 * slots that are used again as soon as their last reader has run, and writes the format. */
#include "base/memory.h"
#include "infer/packer_nodes.h"
#include "infer/signet.h"

/* Per node, while writing. */
typedef struct usage {
    int last_reader; /* index of the last node that reads the value, -1 when none does */
    uint32_t slot;   /* of the value */
} usage;

/* A node is needed when something reads it; the output is read from outside. */
static void find_readers(sn_packer *packer, sn_packer_value output, usage *uses) {
    for (int i = 0; i < packer->count; i++) {
        packer->nodes[i].written = false;
        uses[i].last_reader = -1;
    }
    uses[output].last_reader = packer->count;
    for (int i = output; i > 0; i--) {
        sn_packer_node *node = &packer->nodes[i];
        if (uses[i].last_reader < 0)
            continue;
        node->written = true;
        const sn_packer_value inputs[2] = {node->a, node->b};
        for (int j = 0; j < 2; j++)
            if (inputs[j] >= 0 && uses[inputs[j]].last_reader < i)
                uses[inputs[j]].last_reader = i;
    }
}

typedef struct slot_table {
    uint32_t count;
    bool busy[SN_INFER_MAX_SLOTS];
    uint64_t elements[SN_INFER_MAX_SLOTS]; /* the most that each has held */
} slot_table;

/* The free slot that has to grow least for this value, the smallest of those that need not grow.
 * 0 when all are taken: slot 0 is the image. */
static uint32_t take_slot(slot_table *slots, uint64_t elements) {
    uint32_t best = 0;
    uint64_t best_growth = 0;
    for (uint32_t s = 1; s < slots->count; s++) {
        if (slots->busy[s])
            continue;
        const uint64_t held = slots->elements[s];
        const uint64_t growth = elements > held ? elements - held : 0;
        if (!best || growth < best_growth ||
            (growth == best_growth && held < slots->elements[best])) {
            best = s;
            best_growth = growth;
        }
    }
    if (!best && slots->count < SN_INFER_MAX_SLOTS)
        best = slots->count++;
    if (best) {
        slots->busy[best] = true;
        if (elements > slots->elements[best])
            slots->elements[best] = elements;
    }
    return best;
}

/* A convolution adds its residual in place when nothing else reads that later. */
static bool writes_over_residual(const sn_packer_node *node, int index, const usage *uses) {
    return (node->record.flags & SN_INFER_FLAG_RESIDUAL) && node->b > 0 && node->b != node->a &&
           uses[node->b].last_reader == index;
}

static sn_status assign_slots(const sn_packer *packer, sn_packer_value output, usage *uses,
                              uint32_t *slot_count, sn_error *error) {
    slot_table slots = {.count = 1};
    for (int i = 1; i <= output; i++) {
        const sn_packer_node *node = &packer->nodes[i];
        if (uses[i].last_reader < 0)
            continue;
        if (writes_over_residual(node, i, uses)) {
            uses[i].slot = uses[node->b].slot;
            if (uses[node->a].last_reader == i && node->a > 0)
                slots.busy[uses[node->a].slot] = false;
            continue;
        }
        /* The output's slot is taken before the inputs' are given back: they do not overlap. */
        uses[i].slot = take_slot(&slots, sn_packer_elements(node->shape));
        SN_RETURN_IF(uses[i].slot == 0, error, SN_ERROR_ARGUMENT,
                     "packer: more than %d activations are alive at once", SN_INFER_MAX_SLOTS - 1);
        const sn_packer_value inputs[2] = {node->a, node->b};
        for (int j = 0; j < 2; j++)
            if (inputs[j] > 0 && uses[inputs[j]].last_reader == i)
                slots.busy[uses[inputs[j]].slot] = false;
    }
    *slot_count = slots.count;
    return SN_OK;
}

/* Header, instructions and metadata. */
static size_t head_bytes(const sn_packer *packer, const sn_infer_header *header) {
    return sizeof *header + header->instruction_count * sizeof(sn_infer_record) +
           sn_packer_metadata_bytes(packer);
}

static void write_model(const sn_packer *packer, sn_packer_value output, const usage *uses,
                        sn_infer_header *header, unsigned char *bytes) {
    unsigned char *list = bytes + sizeof *header;
    size_t end = head_bytes(packer, header);
    for (int i = 1; i <= output; i++) {
        const sn_packer_node *node = &packer->nodes[i];
        if (uses[i].last_reader < 0)
            continue;
        sn_infer_record record = node->record;
        record.input_a = uses[node->a].slot;
        record.input_b = node->b >= 0 ? uses[node->b].slot : 0;
        record.output = uses[i].slot;
        if (node->payload_bytes) {
            const size_t start = (size_t)sn_infer_payload_start(end);
            sn_infer_split(record.payload_offset, start);
            sn_infer_split(record.payload_bytes, node->payload_bytes);
            memcpy(bytes + start, node->payload, node->payload_bytes);
            end = start + node->payload_bytes;
        }
        sn_infer_store_words(list, &record, sizeof record / 4);
        list += sizeof record;
    }
    assert(end == sn_infer_join(header->total_bytes));
    sn_packer_write_metadata(packer, list);
    sn_infer_store_words(bytes, header, sizeof *header / 4);
    sn_infer_split(header->checksum, sn_infer_checksum(bytes, end));
    sn_infer_store_words(bytes, header, sizeof *header / 4);
}

static sn_status make_bytes(sn_packer *packer, sn_packer_value output, usage *uses, void **packed,
                            size_t *size, sn_error *error) {
    const sn_packer_shape image = packer->nodes[0].shape;
    bool named;
    find_readers(packer, output, uses);
    SN_TRY(sn_packer_check_names(packer, &named, error));
    sn_infer_header header = {
        .version = SN_INFER_FORMAT_VERSION,
        .channels = image.channels,
        .height = image.height,
        .width = image.width,
        .flags = (packer->normalisation ? SN_INFER_HEADER_NORMALISATION : 0) |
                 (packer->class_count ? SN_INFER_HEADER_CLASSES : 0) |
                 (named ? SN_INFER_HEADER_LAYERS : 0),
        .text_bytes = (uint32_t)sn_packer_text_bytes(packer),
    };
    const uint64_t classes = sn_packer_elements(packer->nodes[output].shape);
    SN_RETURN_IF(packer->class_count && (uint64_t)packer->class_count != classes, error,
                 SN_ERROR_ARGUMENT, "packer: names for %d classes, but the output has %llu",
                 packer->class_count, (unsigned long long)classes);
    sn_infer_load_words(header.magic, (const unsigned char *)SN_INFER_MAGIC, 2);
    SN_TRY(assign_slots(packer, output, uses, &header.slot_count, error));
    header.output_slot = uses[output].slot;

    for (int i = 1; i <= output; i++)
        header.instruction_count += uses[i].last_reader >= 0;
    /* Payloads are in memory already: with the gaps they can be too many bytes for one block only
     * where addresses are short, and then the sum is one that sn_alloc refuses. */
    uint64_t total = head_bytes(packer, &header);
    for (int i = 1; i <= output; i++)
        if (uses[i].last_reader >= 0 && packer->nodes[i].payload_bytes)
            total = sn_infer_payload_start(total) + packer->nodes[i].payload_bytes;
    sn_infer_split(header.total_bytes, total);
    unsigned char *bytes = total <= SIZE_MAX ? sn_alloc((size_t)total) : NULL;
    SN_RETURN_IF(!bytes, error, SN_ERROR_MEMORY, "packer: out of memory for a model of %llu bytes",
                 (unsigned long long)total);
    write_model(packer, output, uses, &header, bytes);

    sn_infer_info info;
    const sn_infer_status status = sn_infer_inspect(bytes, (size_t)total, NULL, &info);
    if (status != SN_INFER_OK) {
        sn_free(bytes);
        /* Layers are checked one by one; only what kernels cannot do is left to find. */
        SN_RETURN_IF(status == SN_INFER_UNSUPPORTED, error, SN_ERROR_ARGUMENT,
                     "packer: no kernel can run a layer: its workspace has more than 2^31 - 1 "
                     "elements, or this build lacks kernels for its weights and its input");
        return sn_error_set(error, SN_ERROR_INTERNAL, "packer: wrote a model that is rejected: %s",
                            sn_infer_status_text(status));
    }
    *packed = bytes;
    *size = (size_t)total;
    return SN_OK;
}

sn_status sn_packer_finish(sn_packer *packer, sn_packer_value output, void **packed, size_t *bytes,
                           sn_error *error) {
    SN_RETURN_IF(output < 1 || output >= packer->count, error, SN_ERROR_ARGUMENT,
                 "packer: output value %d is not the result of a layer; known: 1 to %d", output,
                 packer->count - 1);
    usage *uses = sn_alloc_array((size_t)packer->count, sizeof *uses);
    SN_RETURN_IF(!uses, error, SN_ERROR_MEMORY, "packer: out of memory");
    const sn_status status = make_bytes(packer, output, uses, packed, bytes, error);
    sn_free(uses);
    return status;
}
