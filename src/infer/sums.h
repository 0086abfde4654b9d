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
 * A program is a list of 16-bit words for one group and one chunk of input channels:
 *
 *     two values:  rounds, rounds * (list, list, t, list, list, t), list, count, count * t
 *     ternary:     rounds, rounds * (list, list, list, t), count, count * t
 *
 * list is a count and as many offsets of vectors into the staged input (stage.h); with signs two
 * counts, then the offsets to add, then those to subtract. t is 2 * output + 1 to add S to an
 * output of the group, 2 * output to subtract it. A group of one filter has no rounds and one list.
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
    uint32_t inverted; /* bit j: filter first + j adds the inputs whose bit is not set */
    uint32_t channel, channel_end;
} sn_infer_sums_part;

/* What a program consists of. */
typedef struct sn_infer_sums_size {
    uint64_t words;
    uint64_t additions;   /* offsets */
    uint64_t lists;       /* including empty ones */
    uint64_t transitions; /* of outputs in memory */
    uint64_t patterns;    /* distinct ones, all zero left out */
} sn_infer_sums_size;

/* Whether lists have two counts. */
bool sn_infer_sums_signed(const sn_infer_layer *layer, sn_infer_form form);

/* Adds the size of one program to *size; writes it when `program` is not NULL. */
void sn_infer_sums_write(const sn_infer_sums_part *part, sn_infer_sums_size *size,
                         uint16_t *program);

#endif
