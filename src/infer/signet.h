/* signet inference: runs a packed network. The one public header of the library.
 *
 *     sn_infer_info info;
 *     if (sn_infer_inspect(packed, bytes, &info) != SN_INFER_OK) ...
 *     void *memory = aligned_alloc(64, info.model_memory);      // once
 *     void *scratch = aligned_alloc(64, info.scratch_memory);   // one for each thread
 *     const sn_infer_model *model;
 *     sn_infer_open(packed, bytes, memory, info.model_memory, &model);
 *     sn_infer_run(model, scratch, info.scratch_memory, image, logits);
 *
 * Needs a C11 compiler, libc and libm; allocates nothing, keeps no state of its own, starts no
 * threads. A model may be run by many threads at once, each with its own scratch memory.
 */
#ifndef SN_INFER_SIGNET_H
#define SN_INFER_SIGNET_H

#include <stddef.h>
#include <stdint.h>

typedef enum sn_infer_status {
    SN_INFER_OK = 0,
    SN_INFER_NOT_A_MODEL,  /* the bytes do not begin like a packed model */
    SN_INFER_BAD_VERSION,  /* written by another version of the format */
    SN_INFER_TRUNCATED,    /* fewer bytes than the header says */
    SN_INFER_CORRUPT,      /* a field is out of range or contradicts another */
    SN_INFER_UNSUPPORTED,  /* asks for something that this build of the library cannot run */
    SN_INFER_SMALL_MEMORY, /* the caller's memory is too small */
    SN_INFER_MISALIGNED,   /* the caller's memory is not aligned to 64 bytes */
    SN_INFER_STATUS_COUNT
} sn_infer_status;

/* What a packed model is and needs. */
typedef struct sn_infer_info {
    int channels, height, width;  /* of the input image */
    int classes;                  /* logits: all elements of the last output */
    size_t packed_bytes;          /* the whole model */
    size_t weight_bytes;          /* of those: weights, masks, signs, scales and biases */
    size_t model_memory;          /* bytes that sn_infer_open needs */
    size_t scratch_memory;        /* bytes that each running thread needs */
    uint64_t quantized_weights;   /* one-bit weights */
    uint64_t effectual_weights;   /* of those: set bits */
    uint64_t effectual_additions; /* additions by one-bit weights per image, borders included */
} sn_infer_info;

typedef struct sn_infer_model sn_infer_model;

/* A short text, never NULL. */
const char *sn_infer_status_text(sn_infer_status status);

/* Checks a packed model completely and describes it. No byte of a bad model can make this or any
 * later call read or write out of bounds. */
sn_infer_status sn_infer_inspect(const void *packed, size_t bytes, sn_infer_info *info);

/* Prepares a model in the caller's memory. Both `packed` and `memory` must stay as they are while
 * the model is used. `packed` needs no alignment, `memory` 64 bytes. */
sn_infer_status sn_infer_open(const void *packed, size_t bytes, void *memory, size_t memory_bytes,
                              const sn_infer_model **model);

/* Runs one image: [channels][height][width], normalised as in training; writes classes logits. */
sn_infer_status sn_infer_run(const sn_infer_model *model, void *scratch, size_t scratch_bytes,
                             const float *image, float *logits);

#endif
