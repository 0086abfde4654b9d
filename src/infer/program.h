/* Inside the runtime: the words of a program of additions (sums.h).
 *
 *     head     rounds 8 bits, two counts of 12 (a list to add, one to subtract), number of last
 * targets 4, these 5 each round    four counts of 12 bits, two targets of 5; with signs a second
 * word of counts
 *
 * A target is 2 * output of the group, + 1 to add rather than subtract.
 */
#ifndef SN_INFER_PROGRAM_H
#define SN_INFER_PROGRAM_H

enum { SN_INFER_MAX_LIST = 4095, SN_INFER_MAX_LAST = 5 };

#define SN_INFER_HEAD_ROUNDS(word)    ((uint32_t)((word)&255))
#define SN_INFER_HEAD_COUNT(word, i)  ((uint32_t)((word) >> (8 + 12 * (i)) & 4095))
#define SN_INFER_HEAD_LAST(word)      ((uint32_t)((word) >> 32 & 15))
#define SN_INFER_HEAD_TARGET(word, i) ((uint32_t)((word) >> (36 + 5 * (i)) & 31))

#define SN_INFER_ROUND_COUNT(word, i)  ((uint32_t)((word) >> (12 * (i)) & 4095))
#define SN_INFER_ROUND_TARGET(word, i) ((uint32_t)((word) >> (48 + 5 * (i)) & 31))

#endif
