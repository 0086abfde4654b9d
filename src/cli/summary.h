/* What a packed model consists of, layer by layer: parameters, arithmetic, bytes, and what the few
 * values of its weights save. docs/summary.md defines every number. */
#ifndef SN_CLI_SUMMARY_H
#define SN_CLI_SUMMARY_H

#include "base/status.h"
#include "infer/signet.h"

typedef struct sn_summary_row {
    const char *name;                /* in the packed model; NULL when it is not known */
    sn_infer_layer_info layer;       /* of a total: empty */
    bool quantized;                  /* has one-bit or ternary weights; the rest is 0 otherwise */
    bool multiplies;                 /* quantized, but planned dense: weights are multiplied */
    uint64_t one_bit, two_bit, full; /* parameters by the bits that each takes; full: 32 */
    uint64_t bytes;                  /* in the packed model */
    double macs, effectual_macs;     /* for an image */
    uint64_t weights, effectual;     /* quantized ones; of those: not 0 */
    uint64_t slices, distinct;       /* see slices.h */
    /* For an image, by quantized weights: one for each effectual weight and output; as planned. */
    double outputs, additions, planned;
} sn_summary_row;

typedef struct sn_summary {
    sn_infer_info info;
    sn_summary_row *rows; /* [count], one for each instruction */
    size_t count;
    sn_summary_row total; /* its bytes are those of the whole model */
    uint64_t other_bytes; /* in no row: header, metadata, gaps between payloads */
} sn_summary;

/* `packed` has to outlive it. Free it also after an error. SN_ERROR_ARGUMENT for instructions that
 * this machine lacks; SN_ERROR_MEMORY. */
sn_status sn_summary_make(const void *packed, size_t bytes, const sn_infer_options *options,
                          sn_summary *summary, sn_error *error);
void sn_summary_free(sn_summary *summary);

/* All of them, and how many times smaller than these in fp32 the model is. */
uint64_t sn_summary_parameters(const sn_summary_row *row);
double sn_summary_compression(const sn_summary *summary);

/* The share of effectual weights; additions for an output value. Of a quantized row. */
double sn_summary_density(const sn_summary_row *row);
double sn_summary_per_output(const sn_summary_row *row, double additions);

#endif
