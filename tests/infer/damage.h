/* Models that are changed by hand: with a checksum that fits, so that other checks are reached. */
#ifndef SN_TESTS_INFER_DAMAGE_H
#define SN_TESTS_INFER_DAMAGE_H

#include "infer/format.h"
#include "infer/signet.h"

#include <stdlib.h>

static inline void fix_checksum(unsigned char *bytes, size_t count) {
    uint32_t pair[2];
    sn_infer_split(pair, sn_infer_checksum(bytes, count));
    sn_infer_store_words(bytes + SN_INFER_CHECKSUM_OFFSET, pair, 2);
}

static inline sn_infer_header header_of(const void *bytes) {
    sn_infer_header header;
    sn_infer_load_words(&header, bytes, sizeof header / 4);
    return header;
}

/* The verdict on a copy in which byte `at` is `value`, checksum repaired. */
static inline sn_infer_status verdict(const unsigned char *good, size_t size, size_t at,
                                      unsigned char value) {
    unsigned char *bad = malloc(size);
    memcpy(bad, good, size);
    bad[at] = value;
    fix_checksum(bad, size);
    sn_infer_info info;
    const sn_infer_status status = sn_infer_inspect(bad, size, NULL, &info);
    free(bad);
    return status;
}

#endif
