/* The model format as bytes on disk: docs/model-format.md. Shared by the packer, which writes it,
 * and the runtime, which reads it. Everything is made of 32-bit little-endian words, floats
 * included, so one loop decodes a structure on any machine and alignment never matters.
 */
#ifndef SN_INFER_FORMAT_H
#define SN_INFER_FORMAT_H

#include "infer/signet.h" /* magic and version */

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    SN_INFER_CHECKSUM_OFFSET = 24, /* of its own eight bytes, which the checksum leaves out */
    SN_INFER_MAX_SLOTS = 256,
    SN_INFER_MAX_CHANNELS = 1 << 16, /* outputs of a linear layer too */
    SN_INFER_MAX_SIDE = 1 << 15,     /* height and width */
    SN_INFER_MAX_WINDOW = 255,       /* kernel height and width, stride and padding */
    SN_INFER_MAX_TEXT = 255,         /* bytes of a name, its NUL left out */
    SN_INFER_PAYLOAD_ALIGNMENT = 64  /* of payloads, from the model's first byte */
};

#define SN_INFER_SHIFT_LIMIT 2.0f /* of the clamp */

/* Elements of one activation and of one padded workspace: offsets of 32 bits reach everything. */
#define SN_INFER_MAX_ELEMENTS ((uint64_t)INT32_MAX)

enum sn_infer_opcode {
    SN_INFER_OP_CONV = 1,
    SN_INFER_OP_LINEAR,
    SN_INFER_OP_SUM,
    SN_INFER_OP_MAX_POOL,
    SN_INFER_OP_AVERAGE_POOL,
    SN_INFER_OP_GLOBAL_AVERAGE_POOL,
    SN_INFER_OP_SHIFT_CLAMP /* clamp(x + shift[channel], -2, 2) */
};

enum sn_infer_weight_kind {
    SN_INFER_WEIGHTS_NONE = 0,
    SN_INFER_WEIGHTS_FP32,
    SN_INFER_WEIGHTS_SIGNED_BINARY, /* a mask, one sign a region: {0, +a} or {0, -a} */
    SN_INFER_WEIGHTS_BINARY,        /* a bit a weight: {-a, +a} */
    SN_INFER_WEIGHTS_TERNARY        /* a mask and a sign a weight: {-a, 0, +a} */
};

/* How the payload is arranged beyond what the weight kind says. */
enum sn_infer_payload_layout { SN_INFER_PAYLOAD_PLAIN = 0 };

enum sn_infer_activation {
    SN_INFER_ACTIVATION_LINEAR = 0,
    SN_INFER_ACTIVATION_RELU,
    SN_INFER_ACTIVATION_HARDTANH,
    SN_INFER_ACTIVATION_PRELU
};

/* Of a record. */
enum sn_infer_flag {
    SN_INFER_FLAG_CENTERED = 1,     /* signed-binary weights */
    SN_INFER_FLAG_RESIDUAL = 2,     /* a convolution adds input_b before its activation */
    SN_INFER_FLAG_INPUT_SIGNED = 4, /* integers of the input go from -127 to 127, not 0 to 255 */
    SN_INFER_FLAG_INPUT_CENTERED =
        8, /* a convolution subtracts the mean over channels from its input */
    SN_INFER_FLAG_OUTPUT_SHIFTED = 16 /* a convolution adds a shift after its activation */
};

/* Of the header: which metadata is there. */
enum sn_infer_header_flag {
    SN_INFER_HEADER_NORMALISATION = 1,
    SN_INFER_HEADER_CLASSES = 2,
    SN_INFER_HEADER_LAYERS = 4 /* names of the instructions */
};

typedef struct sn_infer_header {
    uint32_t magic[2];
    uint32_t version;
    uint32_t instruction_count;
    uint32_t total_bytes[2]; /* low word first, as all pairs */
    uint32_t checksum[2];
    uint32_t slot_count;  /* slot 0 is the input image */
    uint32_t output_slot; /* holds the logits in the end */
    uint32_t channels, height, width;
    uint32_t flags;      /* sn_infer_header_flag */
    uint32_t text_bytes; /* of all texts, their NULs included */
    uint32_t reserved;   /* 0 */
} sn_infer_header;

static_assert(sizeof(sn_infer_header) == SN_INFER_HEADER_BYTES, "header of the model format");
static_assert(offsetof(sn_infer_header, checksum) == SN_INFER_CHECKSUM_OFFSET, "checksum");

/* Fields that an opcode does not use are 0. */
typedef struct sn_infer_record {
    uint32_t opcode, weight_kind, payload_layout, flags, activation;
    uint32_t input_a, input_b, output; /* slots */
    uint32_t filters;                  /* outputs of a linear layer */
    uint32_t kernel_height, kernel_width, stride, padding;
    uint32_t region_channels; /* signed-binary: input channels of a region; 0: all */
    uint32_t payload_offset[2], payload_bytes[2];
    float input_scale; /* of a convolution: step of its input's integers; 0: the input is fp32 */
    uint32_t reserved; /* 0 */
} sn_infer_record;

static_assert(sizeof(sn_infer_record) == 80, "instruction of the model format");

static inline uint32_t sn_infer_load_word(const unsigned char *bytes) {
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static inline void sn_infer_store_word(unsigned char *bytes, uint32_t word) {
    for (int i = 0; i < 4; i++)
        bytes[i] = (unsigned char)(word >> (8 * i) & 255);
}

/* `to` is a structure or array of `count` words or floats. */
static inline void sn_infer_load_words(void *to, const unsigned char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const uint32_t word = sn_infer_load_word(bytes + 4 * i);
        memcpy((unsigned char *)to + 4 * i, &word, 4);
    }
}

static inline void sn_infer_store_words(unsigned char *bytes, const void *from, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint32_t word;
        memcpy(&word, (const unsigned char *)from + 4 * i, 4);
        sn_infer_store_word(bytes + 4 * i, word);
    }
}

static inline uint64_t sn_infer_join(const uint32_t pair[2]) {
    return pair[0] | (uint64_t)pair[1] << 32;
}

static inline void sn_infer_split(uint32_t pair[2], uint64_t value) {
    pair[0] = (uint32_t)value;
    pair[1] = (uint32_t)(value >> 32);
}

/* FNV-1a, 64 bits, over the whole model except the checksum itself. `bytes` holds a header. Every
 * step is a bijection of the hash, so a change of any one byte is found for certain. */
static inline uint64_t sn_infer_checksum(const unsigned char *bytes, size_t count) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < count; i++) {
        if (i == SN_INFER_CHECKSUM_OFFSET)
            i += 8;
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

/* Bytes of one filter's mask of `weights` bits; filters start on byte boundaries. */
static inline uint64_t sn_infer_mask_bytes(uint64_t weights) {
    return (weights + 7) / 8;
}

/* Regions of a filter over `channels` input channels; region_channels as in a record. */
static inline uint64_t sn_infer_region_count(uint32_t channels, uint32_t region_channels) {
    return region_channels ? ((uint64_t)channels + region_channels - 1) / region_channels : 1;
}

/* Where a payload may begin that follows `bytes` bytes. */
static inline uint64_t sn_infer_payload_start(uint64_t bytes) {
    return (bytes + SN_INFER_PAYLOAD_ALIGNMENT - 1) / SN_INFER_PAYLOAD_ALIGNMENT *
           SN_INFER_PAYLOAD_ALIGNMENT;
}

/* Sections of a payload start at multiples of four bytes. */
static inline uint64_t sn_infer_section_bytes(uint64_t bytes) {
    return (bytes + 3) / 4 * 4;
}

/* Positions of a window of `kernel` along `side` pixels with padding at both ends; 0 when it does
 * not fit. stride > 0. */
static inline uint32_t sn_infer_window_count(uint32_t side, uint32_t kernel, uint32_t stride,
                                             uint32_t padding) {
    const uint32_t padded = side + 2 * padding;
    return padded < kernel ? 0 : (padded - kernel) / stride + 1;
}

#endif
