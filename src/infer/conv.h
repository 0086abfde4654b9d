/* Inside the runtime: what the convolution kernels that compute floats or 16-bit integers block by
 * block have in common: the prologue of a band, window sums, the epilogue. A kernel adds how one
 * chunk of one block is summed up.
 */
#ifndef SN_INFER_CONV_H
#define SN_INFER_CONV_H

#include "infer/epilogue.h"
#include "infer/isa.h"

/* In model memory. A kernel's prepared block begins with a structure whose first member this is. */
typedef struct sn_infer_conv_tables {
    sn_infer_prologue prologue;
    void *prologue_memory; /* what the prologue's pointers go to */
    sn_infer_epilogue epilogue;
    uint64_t *window_walk; /* one list of one channel's taps; or NULL */
    uint16_t *offsets;     /* of the taps of one channel; dense: of a whole chunk */
} sn_infer_conv_tables;

/* Groups first .. end - 1 of one block of outputs: a column of the band. */
typedef struct sn_infer_block {
    uint32_t column, first_row, first_group, end_group;
} sn_infer_block;

/* Adds up what chunk `chunk` gives to the block: sums[group][group + extra][rows]. base: the vector
 * of offset 0 in the chunk's band. */
typedef void sn_infer_sum_chunk(const sn_infer_operator *op, const sn_infer_block *block,
                                uint32_t chunk, const void *base, void *sums);

/* Chunks whose band fits into the first-level cache and whose offsets have 16 bits. */
sn_infer_chunks sn_infer_conv_chunks(const sn_infer_layer *layer, const sn_infer_bands *bands,
                                     uint32_t slice);

/* What the prologue, the window sums and the epilogue take, in nanoseconds. */
double sn_infer_conv_frame_ns(const sn_infer_layer *layer, const sn_infer_plan *plan,
                              const sn_infer_costs *costs);

/* Takes memory for the common tables, with the offsets of `channels` channels. */
void sn_infer_conv_carve(const sn_infer_layer *layer, const sn_infer_plan *plan, uint32_t channels,
                         unsigned char *base, uint64_t *used, sn_infer_conv_tables *tables);

/* Fills them. */
void sn_infer_conv_prepare(const sn_infer_layer *layer, const sn_infer_plan *plan,
                           uint32_t channels, sn_infer_conv_tables *tables);

/* plan->work. */
uint64_t sn_infer_conv_work(const sn_infer_layer *layer, const sn_infer_plan *plan);

void sn_infer_conv_run(const sn_infer_operator *op, const sn_infer_task *task,
                       sn_infer_sum_chunk *sum_chunk);

#endif
