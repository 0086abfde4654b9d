#include "infer/metadata.h"
#include "infer/signet.h"

/* Texts in front of the names of layers, which those of classes follow. */
enum { NETWORK_NAME, DATASET_NAME, FIRST_LAYER };

/* Bytes of the UTF-8 sequence that text begins with; 0 when it is malformed, overlong, half of a
 * UTF-16 pair or beyond Unicode. */
static size_t sequence_bytes(const unsigned char *text, size_t left) {
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    const size_t count = text[0] < 0x80             ? 1
                         : (text[0] & 0xe0) == 0xc0 ? 2
                         : (text[0] & 0xf0) == 0xe0 ? 3
                         : (text[0] & 0xf8) == 0xf0 ? 4
                                                    : 0;
    if (count < 2 || count > left)
        return count > left ? 0 : count;
    uint32_t code = text[0] & (0x7fU >> count);
    for (size_t i = 1; i < count; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (text[i] & 0x3fU);
    }
    const bool sound =
        code >= smallest[count] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
    return sound ? count : 0;
}

bool sn_infer_is_name(const unsigned char *text, size_t bytes) {
    if (bytes > SN_INFER_MAX_TEXT)
        return false;
    for (size_t i = 0, count; i < bytes; i += count) {
        count = sequence_bytes(text + i, bytes - i);
        if (count == 0 || text[i] < 0x20 || text[i] == 0x7f)
            return false;
        if (count == 2 && text[i] == 0xc2 && text[i + 1] < 0xa0)
            return false; /* control characters of Latin-1 */
    }
    return true;
}

static uint64_t normalisation_bytes(const sn_infer_header *header) {
    return header->flags & SN_INFER_HEADER_NORMALISATION ? (uint64_t)header->channels * 8 : 0;
}

uint64_t sn_infer_metadata_bytes(const sn_infer_header *header) {
    return normalisation_bytes(header) + header->text_bytes;
}

/* The text that is the name of class 0, if there is one. */
static uint64_t first_class(const sn_infer_header *header) {
    const bool named = header->flags & SN_INFER_HEADER_LAYERS;
    return FIRST_LAYER + (named ? (uint64_t)header->instruction_count : 0);
}

static const unsigned char *metadata_start(const sn_infer_header *header,
                                           const unsigned char *bytes) {
    return bytes + sizeof *header + (size_t)header->instruction_count * sizeof(sn_infer_record);
}

/* Neither infinite nor NaN: its exponent is not all ones. */
static bool is_finite(const float *value) {
    uint32_t bits;
    memcpy(&bits, value, 4);
    return (bits >> 23 & 255) != 255;
}

bool sn_infer_metadata_is_sound(const sn_infer_header *header, const unsigned char *bytes,
                                uint64_t *class_names) {
    const unsigned char *start = metadata_start(header, bytes);
    if (header->flags & SN_INFER_HEADER_NORMALISATION) {
        for (uint32_t i = 0; i < 2 * header->channels; i++) {
            float value;
            sn_infer_load_words(&value, start + 4 * (size_t)i, 1);
            if (!is_finite(&value) || (i >= header->channels && !(value > 0)))
                return false;
        }
    }
    const unsigned char *text = start + normalisation_bytes(header);
    const unsigned char *end = text + header->text_bytes;
    uint64_t texts = 0;
    for (; text < end; texts++) {
        const unsigned char *stop = memchr(text, 0, (size_t)(end - text));
        if (!stop || !sn_infer_is_name(text, (size_t)(stop - text)))
            return false;
        if (texts >= FIRST_LAYER && stop == text)
            return false;
        text = stop + 1;
    }
    if (texts < first_class(header))
        return false;
    *class_names = texts - first_class(header);
    return (header->flags & SN_INFER_HEADER_CLASSES) ? *class_names > 0 : *class_names == 0;
}

static sn_infer_header load_header(const void *packed) {
    sn_infer_header header;
    sn_infer_load_words(&header, packed, sizeof header / 4);
    return header;
}

/* Text `index` of a model that was checked; NULL past the last. */
static const char *find_text(const void *packed, uint64_t index) {
    const sn_infer_header header = load_header(packed);
    const unsigned char *text = metadata_start(&header, packed) + normalisation_bytes(&header);
    const unsigned char *end = text + header.text_bytes;
    for (; text < end && index > 0; index--)
        text += strlen((const char *)text) + 1;
    return text < end ? (const char *)text : NULL;
}

const char *sn_infer_network_name(const void *packed) {
    return find_text(packed, NETWORK_NAME);
}

const char *sn_infer_dataset_name(const void *packed) {
    return find_text(packed, DATASET_NAME);
}

const char *sn_infer_layer_name(const void *packed, int index) {
    const sn_infer_header header = load_header(packed);
    const uint64_t text = FIRST_LAYER + (uint64_t)index;
    return index < 0 || text >= first_class(&header) ? NULL : find_text(packed, text);
}

const char *sn_infer_class_name(const void *packed, int index) {
    const sn_infer_header header = load_header(packed);
    return index < 0 ? NULL : find_text(packed, first_class(&header) + (uint64_t)index);
}

bool sn_infer_normalisation(const void *packed, float *mean, float *deviation) {
    const sn_infer_header header = load_header(packed);
    if (!(header.flags & SN_INFER_HEADER_NORMALISATION))
        return false;
    const unsigned char *start = metadata_start(&header, packed);
    sn_infer_load_words(mean, start, header.channels);
    sn_infer_load_words(deviation, start + 4 * (size_t)header.channels, header.channels);
    return true;
}

sn_infer_start sn_infer_peek(const void *packed, size_t bytes) {
    const size_t magic = sizeof SN_INFER_MAGIC - 1;
    sn_infer_start start = {.is_model =
                                bytes >= magic && memcmp(packed, SN_INFER_MAGIC, magic) == 0,
                            .model_bytes = SN_INFER_HEADER_BYTES};
    if (bytes >= SN_INFER_HEADER_BYTES) {
        const sn_infer_header header = load_header(packed);
        start.version = header.version;
        start.model_bytes = sn_infer_join(header.total_bytes);
    }
    return start;
}
