/* Inside the runtime: kernels, ways to run a kind of layer, and what they are handed.
 *
 *     sn_infer_layer      what was written in the file
 *     sn_infer_request    what planning needs besides: lanes, costs, what the options force
 *     sn_infer_plan       what planning decides: numbers only, nothing is allocated
 *     sn_infer_operator   what runs: the layer, its kernel and plan, and tables in model memory
 */
#ifndef SN_INFER_KERNEL_H
#define SN_INFER_KERNEL_H

#include "infer/bands.h"
#include "infer/scheme.h"
#include "infer/signet.h"

enum { SN_INFER_ALIGNMENT = 64 };

typedef struct sn_infer_isa_ops sn_infer_isa_ops;
typedef struct sn_infer_kernel sn_infer_kernel;

typedef struct sn_infer_request {
    uint32_t lanes; /* of a vector */
    sn_infer_costs costs;
    sn_infer_form form;   /* AUTO: any */
    sn_infer_signs signs; /* AUTO: any */
    uint32_t group;       /* filters that share sums; 0: any number */
} sn_infer_request;

/* How a convolution is summed up. */
typedef struct sn_infer_conv_plan {
    sn_infer_scheme scheme;
    /* A vector holds twice as many activations, as 16-bit integers: those of a patch's upper half,
     * then those of its lower half, `half` rows below. */
    bool short_lanes;
    uint32_t half;
    bool window_sums;              /* outputs need the window sums of each region */
    uint32_t group, groups, extra; /* filters of a group; sums that it keeps besides theirs */
    sn_infer_chunks chunks;
    uint32_t steps;                                   /* of AMX tiles: one tile of weights each */
    uint64_t words, additions, transitions, patterns; /* of all walks; of dense forms: products */
} sn_infer_conv_plan;

typedef struct sn_infer_plan {
    double cost_ns; /* predicted, on one thread; 0: the kernel has no cost model */
    /* Bytes that the layer needs besides its slots. */
    uint64_t prepared;       /* of model memory, written once */
    uint64_t work;           /* of scratch memory, for each thread; contents lost between layers */
    uint32_t lanes;          /* of the request */
    sn_infer_bands bands;    /* of convolutions and poolings over windows */
    sn_infer_conv_plan conv; /* of convolutions */
} sn_infer_plan;

typedef struct sn_infer_operator {
    const sn_infer_layer *layer;
    const sn_infer_kernel *kernel;
    const sn_infer_isa_ops *isa;
    sn_infer_plan plan;
    void *prepared; /* in model memory: kernel->prepare wrote it */
} sn_infer_operator;

/* One thread's share of a layer. Inputs and output are laid out as in lane_layout.h and do not
 * overlap, except that the output of a convolution may be its residual b. b is used by two-input
 * instructions only. The output's contents before are undefined otherwise, as are work's. */
typedef struct sn_infer_task {
    const float *a, *b;
    float *out;
    void *work;
    uint32_t thread, threads;
} sn_infer_task;

/* To add a kernel: a file that defines it, and a line in each list of kernels.c that it belongs to.
 * Blocks of memory handed to it are aligned to SN_INFER_ALIGNMENT. */
struct sn_infer_kernel {
    const char *name;
    /* It also runs layers whose weights lack the form that the options force; it is planned with
     * form DENSE then. */
    bool last_resort;
    /* Whether it can run such a layer at all. */
    bool (*accepts)(const sn_infer_layer *layer);
    /* A pure function: the same arguments give the same plan. False when the request forces a form
     * that the kernel does not have for this layer, or the layer is larger than it can address;
     * *plan is undefined then. Only for layers that it accepts. */
    bool (*plan)(const sn_infer_layer *layer, const sn_infer_request *request, sn_infer_plan *plan);
    /* Writes plan->prepared bytes: turns packed sections into what run reads. NULL: nothing to do.
     */
    void (*prepare)(const sn_infer_layer *layer, const sn_infer_plan *plan, void *prepared);
    void (*run)(const sn_infer_operator *op, const sn_infer_task *task);
};

static inline uint64_t sn_infer_align_up(uint64_t bytes) {
    return (bytes + SN_INFER_ALIGNMENT - 1) / SN_INFER_ALIGNMENT * SN_INFER_ALIGNMENT;
}

/* Hands out blocks of memory one after the other, from `base` on; NULL where there is none, or base
 * is NULL and only the size is wanted. */
static inline void *sn_infer_take(unsigned char *base, uint64_t *used, uint64_t bytes) {
    void *part = base && bytes ? base + *used : NULL;
    *used += sn_infer_align_up(bytes);
    return part;
}

#endif
