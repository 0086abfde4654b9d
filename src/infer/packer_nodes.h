/* Inside the packer: the layers added so far. */
#ifndef SN_INFER_PACKER_NODES_H
#define SN_INFER_PACKER_NODES_H

#include "infer/format.h"
#include "infer/packer.h"

typedef struct sn_packer_shape {
    uint32_t channels, height, width;
} sn_packer_shape;

/* Node n makes the value n; node 0 is the input image. */
typedef struct sn_packer_node {
    sn_infer_record record; /* slots and payload offset are still open */
    sn_packer_value a, b;   /* inputs; -1: none. b: of sums, and the residual of convolutions */
    sn_packer_shape shape;  /* of the output */
    unsigned char *payload; /* sn_free */
    size_t payload_bytes;
    char *name;   /* NULL: none; sn_free */
    bool written; /* by sn_packer_finish: the output depends on it */
} sn_packer_node;

struct sn_packer {
    sn_packer_node *nodes;
    int count, capacity;
    float *normalisation; /* [channels] mean, then deviation; NULL: none; sn_free */
    char *name, *dataset; /* NULL: none; sn_free */
    char *class_names;    /* one after the other, each with its NUL; NULL: none; sn_free */
    size_t class_name_bytes;
    int class_count;
};

/* Sets *named to whether the instructions have names. SN_ERROR_ARGUMENT when only some have, or
 * when all texts together are longer than a header can say. */
sn_status sn_packer_check_names(const sn_packer *packer, bool *named, sn_error *error);

/* Bytes of the metadata (infer/metadata.h), and those bytes; nodes know whether they are written.
 */
size_t sn_packer_metadata_bytes(const sn_packer *packer);
void sn_packer_write_metadata(const sn_packer *packer, unsigned char *bytes);
size_t sn_packer_text_bytes(const sn_packer *packer); /* of these: texts */

static inline uint64_t sn_packer_elements(sn_packer_shape shape) {
    return (uint64_t)shape.channels * shape.height * shape.width;
}

#endif
