/* What a convolution costs as arithmetic: operations, bytes moved and energy, had it been done with
 * one kind of weights or another. docs/cost.md explains the model. */
#ifndef SN_CLI_COST_H
#define SN_CLI_COST_H

#include "infer/signet.h"

typedef enum sn_cost_scheme {
    SN_COST_FP32,
    SN_COST_BINARY,
    SN_COST_TERNARY,
    SN_COST_SIGNED_BINARY, /* effectual weights one by one, nothing shared */
    SN_COST_PLANNED,       /* as the library runs it */
    SN_COST_SCHEMES
} sn_cost_scheme;

/* "fp32", ...; NULL past the last. */
const char *sn_cost_scheme_name(int index);

/* For one image. */
typedef struct sn_cost {
    double additions, multiplications; /* of float32 */
    double dram_bytes;                 /* weights, once */
    double l2_bytes;                   /* images of the layer, in and out */
    double l1_bytes;                   /* operands of additions */
} sn_cost;

/* Picojoules. */
typedef struct sn_energy {
    double arithmetic, l1, l2, dram;
} sn_energy;

/* Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014: 45 nm, 0.9 V.
 * Memories there are read 64 bits at a time, here 32 count half of that; of the range for DRAM, 1.3
 * to 2.6 nJ, the lower end. */
#define SN_PJ_ADD  0.9   /* float32 */
#define SN_PJ_MUL  3.7   /* float32 */
#define SN_PJ_L1   10.0  /* 32 bits of 32 KB */
#define SN_PJ_L2   50.0  /* 32 bits of 1 MB */
#define SN_PJ_DRAM 650.0 /* 32 bits */

/* Where neither the model nor its weights say how many are effectual; PLUM's for ResNet-18. */
#define SN_COST_ASSUMED_DENSITY 0.35

/* Whether its weights are other than fp32. */
bool sn_cost_is_quantized(const sn_infer_layer_info *layer);

/* The share of its weights that are effectual, or the assumed one. */
double sn_cost_density(const sn_infer_layer_info *layer);

/* Of a convolution. */
sn_cost sn_cost_of(const sn_infer_layer_info *layer, sn_cost_scheme scheme);

void sn_cost_add(sn_cost *sum, const sn_cost *cost);
sn_energy sn_cost_energy(const sn_cost *cost);
double sn_energy_total(const sn_energy *energy);

#endif
