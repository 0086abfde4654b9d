/* Inside the runtime: programs of additions, by which the filters of a group share sums.
 *
 * At one place of the window, `group` filters see the same input, and each either adds it or does
 * not: a pattern of bits. All inputs with one pattern are summed once, whatever the number of
 * filters that want them. The patterns are visited in the order of a Gray code, with running sums S
 * that are never cleared. Filter j wants the sums of those stretches of the walk in which its bit
 * is set, S at the end of a stretch minus S at its beginning: so at each step of the walk, in which
 * one bit flips, one output is corrected by S, and no bucket of a pattern is ever stored. The first
 * filter's bit flips at every second step; its output stays in registers.
 *
 * Complement: a pattern and its complement share a bucket, to which inputs of the latter are added
 * with a minus sign, so that the walk is half as long. Filter j then lacks the sum of all
 * complement inputs, (B - S) / 2 with S the running sums in the end and B the sum of all inputs
 * under the window: S is kept as the group's extra output, B is the same for all filters of the
 * layer.
 *
 * Ternary: digits -1, 0, 1 and a reflected ternary code; a pattern and its negative are one.
 *
 * A program, for one group and one chunk of input channels, consists of 64-bit words (program.h)
 * and of 16-bit offsets of vectors into the staged input (stage.h), in the order of the words'
 * lists:
 *
 *     head, then for each round
 *     two values:  list, first output, list, target, list, first output, list, target
 *     ternary:     list, first output, list, first output, list, target
 *     in the end the head's list and the last targets
 *
 * A list with signs is one to add followed by one to subtract. A group of one filter has no rounds.
 */
#ifndef SN_INFER_SUMS_H
#define SN_INFER_SUMS_H

#include "infer/layer.h"

enum { SN_INFER_MAX_GROUP = 8, SN_INFER_MAX_TERNARY_GROUP = 4 };

/* Filters first .. first + count - 1 and input channels channel .. channel_end - 1. */
typedef struct sn_infer_sums_part {
    const sn_infer_layer *layer;
    sn_infer_form form; /* SPARSE, SHARED or COMPLEMENT */
    uint32_t group;     /* of the layer; count is below it in the last group */
    uint32_t first, count;
    uint32_t turned;     /* see sn_infer_inverted */
    uint32_t subtracted; /* bit j: filter first + j takes its sum with a minus */
    uint32_t channel, channel_end;
} sn_infer_sums_part;

/* What a program consists of. */
typedef struct sn_infer_sums_size {
    uint64_t words;
    uint64_t additions;   /* as many as offsets */
    uint64_t lists;       /* including empty ones */
    uint64_t transitions; /* of outputs in memory */
    uint64_t patterns;    /* distinct ones, all zero left out */
} sn_infer_sums_size;

/* Whether lists have two counts. */
bool sn_infer_sums_signed(const sn_infer_layer *layer, sn_infer_form form);

/* Adds the size of one program to *size; writes it when words and offsets are not NULL. */
void sn_infer_sums_write(const sn_infer_sums_part *part, sn_infer_sums_size *size, uint64_t *words,
                         uint16_t *offsets);

/* The word of a program that adds a list of `count` offsets to one output. */
static inline uint64_t sn_infer_sums_single(uint32_t count) {
    return (uint64_t)count << 8 | UINT64_C(1) << 32 | UINT64_C(1) << 36;
}

#endif
