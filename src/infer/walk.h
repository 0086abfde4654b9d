/* Inside the runtime: walks, lists of additions by which the filters of a group share sums.
 *
 * At one place of the window, `group` filters see the same input, and each either adds it or does
 * not: a pattern of bits. All inputs with one pattern are summed once, whatever the number of
 * filters that want them. The patterns are visited in the order of a Gray code, with a running sum
 * S that is never cleared. Filter j wants the sums of those stretches of the walk in which its bit
 * is set, S at the end of a stretch minus S at its beginning. So at each step of the walk, in which
 * one bit flips, one output is corrected by S, and no sum of a pattern is ever stored. The first
 * filter's bit flips at every second step; its output stays in registers.
 *
 * Complement: a pattern and its complement share a bucket, to which inputs of the latter are added
 * with a minus sign, so that the walk is half as long. Filter j then lacks the sum of all
 * complement inputs, (B - S) / 2, S being the running sum in the end and B the window sum. S is
 * kept as the group's extra output, B is the same for all filters of the layer.
 *
 * Ternary: digits -1, 0, 1 and a reflected ternary code; a pattern and its negative are one.
 *
 * A walk, for one group and one chunk of input channels, consists of 64-bit words (walk_words.h)
 * and of 16-bit offsets of vectors into the band (bands.h), in the order of the words' lists:
 *
 *     head, then for each round
 *     two values:  list, first output, list, target, list, first output, list, target
 *     ternary:     list, first output, list, first output, list, target
 *     in the end the head's list and the last targets
 *
 * A list with signs is one to add followed by one to subtract. A group of one filter has no rounds.
 */
#ifndef SN_INFER_WALK_H
#define SN_INFER_WALK_H

#include "infer/bands.h"
#include "infer/scheme.h"

enum { SN_INFER_MAX_GROUP = 8, SN_INFER_MAX_TERNARY_GROUP = 4 };

/* Where a walk begins: its first word and offset. */
typedef struct sn_infer_walk_start {
    uint32_t word, offset;
} sn_infer_walk_start;

/* Filters first .. first + count - 1 and input channels channel .. channel_end - 1. */
typedef struct sn_infer_walk_part {
    const sn_infer_layer *layer;
    const sn_infer_scheme *scheme; /* of the form SPARSE, SHARED or COMPLEMENT */
    const sn_infer_band_layout *layout;
    uint32_t group; /* of the layer; count is below it in the last group */
    uint32_t first, count;
    uint32_t turned;     /* see sn_infer_turned */
    uint32_t subtracted; /* bit j: filter first + j takes its sum with a minus */
    uint32_t channel, channel_end;
} sn_infer_walk_part;

/* What a walk consists of. */
typedef struct sn_infer_walk_size {
    uint64_t words;
    uint64_t additions;   /* as many as offsets */
    uint64_t lists;       /* including empty ones */
    uint64_t transitions; /* of outputs in memory */
    uint64_t patterns;    /* distinct ones, all zero left out */
} sn_infer_walk_size;

/* Whether lists have two counts. */
bool sn_infer_walk_is_signed(const sn_infer_layer *layer, const sn_infer_scheme *scheme);

/* Adds the size of one walk to *size; writes it when words and offsets are not NULL. */
void sn_infer_walk_write(const sn_infer_walk_part *part, sn_infer_walk_size *size, uint64_t *words,
                         uint16_t *offsets);

/* The word of a walk that adds a list of `count` offsets to one output. */
static inline uint64_t sn_infer_walk_single(uint32_t count) {
    return (uint64_t)count << 8 | UINT64_C(1) << 32 | UINT64_C(1) << 36;
}

#endif
