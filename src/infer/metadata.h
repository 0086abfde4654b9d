/* What a packed model says about itself besides its instructions: how images are normalised, and
 * texts. They follow the instructions:
 *
 *     mean[channels], deviation[channels]    floats, with SN_INFER_HEADER_NORMALISATION
 *     name, data set                         texts: UTF-8, each ended by a NUL
 *     layer 0, layer 1 ...                   one for each instruction (SN_INFER_HEADER_LAYERS)
 *     class 0, class 1 ...                   one for each logit (SN_INFER_HEADER_CLASSES)
 */
#ifndef SN_INFER_METADATA_H
#define SN_INFER_METADATA_H

#include "infer/format.h"
#include "infer/signet.h" /* the rest of it */

#include <stdbool.h>

/* Whether text[bytes] is a name: at most SN_INFER_MAX_TEXT bytes of well-formed UTF-8 without
 * control characters. */
bool sn_infer_is_name(const unsigned char *text, size_t bytes);

/* Bytes of all metadata that the header announces. */
uint64_t sn_infer_metadata_bytes(const sn_infer_header *header);

/* Checks the metadata, all of which lies in bytes[], against everything but the number of classes;
 * *class_names receives how many there are. */
bool sn_infer_metadata_is_sound(const sn_infer_header *header, const unsigned char *bytes,
                                uint64_t *class_names);

#endif
