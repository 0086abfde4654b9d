/* Inside the runtime: the words of a walk (walk.h), 64 bits each. From the lowest bit up:
 *
 *     head     8 bits   number of rounds
 *              2 x 12   lengths of the last lists, one to add and one to subtract
 *              4        number of last targets
 *              5 x 5    last targets
 *     round    4 x 12   lengths of four lists
 *              2 x 5    targets
 *
 * In a walk with signs a second word follows each round's: the lengths of its lists to subtract.
 * A target is 2 * output of the group, + 1 when the running sum is added rather than subtracted.
 */
#ifndef SN_INFER_WALK_WORDS_H
#define SN_INFER_WALK_WORDS_H

enum { SN_INFER_MAX_LIST = 4095, SN_INFER_MAX_LAST = 5 };

#define SN_INFER_HEAD_ROUNDS(word)    ((uint32_t)((word)&255))
#define SN_INFER_HEAD_COUNT(word, i)  ((uint32_t)((word) >> (8 + 12 * (i)) & 4095))
#define SN_INFER_HEAD_LAST(word)      ((uint32_t)((word) >> 32 & 15))
#define SN_INFER_HEAD_TARGET(word, i) ((uint32_t)((word) >> (36 + 5 * (i)) & 31))

#define SN_INFER_ROUND_COUNT(word, i)  ((uint32_t)((word) >> (12 * (i)) & 4095))
#define SN_INFER_ROUND_TARGET(word, i) ((uint32_t)((word) >> (48 + 5 * (i)) & 31))

#endif
