/* Inside the runtime: reads the instructions of a packed model and checks all of them. It keeps one
 * shape per slot, so a model of any length is checked in constant memory.
 */
#ifndef SN_INFER_READER_H
#define SN_INFER_READER_H

#include "infer/layer.h"
#include "infer/signet.h"

typedef struct sn_infer_reader {
    const unsigned char *bytes;
    uint64_t total;
    sn_infer_header header;
    uint32_t next;                             /* index of the next instruction */
    uint64_t class_names;                      /* how many the metadata holds */
    uint64_t payload_end;                      /* where the bytes seen so far end */
    sn_infer_shape shapes[SN_INFER_MAX_SLOTS]; /* of what each slot holds; 0 channels: nothing */
} sn_infer_reader;

/* Checks the header, the checksum and the metadata. */
sn_infer_status sn_infer_reader_begin(sn_infer_reader *reader, const void *packed, size_t bytes);

/* Checks the next of header.instruction_count instructions and describes it. */
sn_infer_status sn_infer_reader_next(sn_infer_reader *reader, sn_infer_layer *layer);

/* After the last instruction: checks what concerns the model as a whole. */
sn_infer_status sn_infer_reader_end(const sn_infer_reader *reader);

#endif
