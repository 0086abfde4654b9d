/* What an op is: for files that implement one, and for those that go through a graph.
 *
 * `shape` runs once, at construction. It checks the operands and sets the output's shape, its
 * layout, and how many bytes the op needs. Forward and backward are cut into phases (below), so
 * that neighbouring ops can take turns on the same few images. Forward reads the inputs' values and
 * overwrites the output's. Backward reads the output's gradient and computes the inputs': a
 * gradient that is wanted has a buffer, which is overwritten or added to as node->add says.
 *
 * An op touches only its own operands, in the layout that each tensor says it has.
 */
#ifndef SN_AUTOGRAD_OP_H
#define SN_AUTOGRAD_OP_H

#include "autograd/graph.h"
#include "autograd/lane_layout.h"

enum {
    SN_MAX_INPUTS = 5,
    SN_OUTPUT = SN_MAX_INPUTS, /* the output's index among the operands, behind the inputs */
    SN_OPERANDS,
    SN_MAX_STATES = 2,
    SN_MAX_PHASES = 4,
    SN_MAX_ATTRIBUTES_SIZE = 72
};

/* The order of a tensor's numbers in memory. The last two are lane layouts (lane_layout.h). */
typedef enum sn_layout {
    SN_LAYOUT_PLAIN,      /* row major */
    SN_LAYOUT_BLOCKED,    /* N, channels / SN_LANES, H, W, SN_LANES */
    SN_LAYOUT_INTERLEAVED /* N, H, W, channels */
} sn_layout;

/* Memory for the values or gradients of a tensor. If only one step of the program needs them, there
 * is no room for the whole batch: each thread has a place for the images at hand. */
typedef struct sn_storage {
    void *base;        /* sn_real, or sn_bf16 if the tensor says so; NULL: there is none */
    size_t place_size; /* bytes from thread to thread; 0: the whole batch is there */
} sn_storage;

struct sn_tensor {
    size_t index; /* in the graph; set by sn_graph_plan */
    sn_shape shape;
    sn_layout layout;
    bool bf16; /* in a lane layout only */
    bool is_labels;
    const sn_parameter *parameter; /* NULL unless this is one; set by sn_graph_plan */
    size_t parameter_index;
    bool is_parameter, is_input;
    bool is_activation;  /* depends on an input; otherwise it is the same for all images */
    bool wants_gradient; /* depends on a parameter, or on an input that needs a gradient */
    bool keep;           /* the value is read after the step */
    struct sn_node *producer;
    sn_storage value_storage, gradient_storage;
    sn_real *value;    /* value_storage.base where the whole of it is sn_real; otherwise NULL */
    sn_real *gradient; /* likewise; also NULL when not wanted or in an eval graph */
    int32_t *labels;   /* of labels instead of all these */
};

typedef struct sn_node {
    size_t index; /* in the graph; set by sn_graph_plan */
    const sn_op *op;
    sn_tensor *input[SN_MAX_INPUTS]; /* optional ones may be NULL */
    sn_tensor *state[SN_MAX_STATES]; /* buffers that forward updates in training, or NULL */
    sn_tensor *output;
    _Alignas(8) unsigned char attributes[SN_MAX_ATTRIBUTES_SIZE];
    bool saves[SN_OPERANDS]; /* backward reads the value: as the op declares; shape may set more */
    /* Bytes of memory, set by shape or plan, and where it is, set by sn_graph_plan. */
    size_t saved_size;                                  /* kept from forward to backward */
    size_t forward_sums_size, backward_sums_size;       /* kept over the phases of one direction */
    size_t forward_scratch_size, backward_scratch_size; /* for each thread, in phases over images */
    void *saved, *forward_sums, *backward_sums;
    sn_storage forward_scratch, backward_scratch;
    void *own;                            /* what the op made in plan; release frees it */
    size_t forward_slice, backward_slice; /* most images at a time; before plan */
    bool add[SN_MAX_INPUTS]; /* backward adds to this input's gradient instead of overwriting it */
} sn_node;

/* What holds for one execution. */
typedef struct sn_run {
    int threads;
    bool training;
    sn_engine engine;
    sn_precision precision;
    double progress; /* see sn_graph_set_progress */
} sn_run;

/* The part of the work that one call does. */
typedef struct sn_part {
    int thread;
    size_t first, last; /* images [first, last) of a phase over images */
    bool is_start;      /* the thread's first images */
} sn_part;

typedef enum sn_phase_kind {
    SN_PHASE_NONE,
    /* Image by image. Touches the part's images, parameters, and the thread's own share of sums and
     * workspaces. */
    SN_PHASE_IMAGES,
    /* Once in every thread, after all threads have finished what comes before. The op divides the
     * work among the threads. */
    SN_PHASE_TOGETHER,
    /* As together, but before all others in forward. Touches only weights, an output that depends
     * on weights alone, states, and saved memory. */
    SN_PHASE_EARLY,
    /* As together, but at some later time in the same direction: only late phases wait for it.
     * Touches only weights, an output that depends on weights alone, states, saved memory and
     * sums. */
    SN_PHASE_LATE
} sn_phase_kind;

typedef enum sn_phase_mode { SN_ALWAYS, SN_TRAINING_ONLY, SN_EVAL_ONLY } sn_phase_mode;

typedef struct sn_phase {
    sn_phase_kind kind;
    void (*run)(const sn_node *node, const sn_run *run, const sn_part *part);
    sn_phase_mode mode;
    /* Operands whose value (in forward) or gradient (in backward) the phase does not touch. The
     * memory plan takes all others to be in use. */
    bool leaves[SN_OPERANDS];
} sn_phase;

typedef enum sn_operand_role {
    SN_OPERAND_NONE,   /* the op has no such operand */
    SN_OPERAND_DATA,   /* what phases over images are for */
    SN_OPERAND_WEIGHT, /* the same for all images: what early and late phases are for */
    SN_OPERAND_LABELS  /* class labels */
} sn_operand_role;

typedef struct sn_operand {
    const char *name;
    sn_operand_role role;
    bool saved;     /* backward reads its value */
    bool optional;  /* may be NULL */
    bool is_factor; /* the op multiplies data by a weight [outputs, ...], and both are factors: an
                       output is the sum of data times one slice weight[k] */
} sn_operand;

struct sn_op {
    const char *name;
    size_t attributes_size;
    sn_operand operand[SN_OPERANDS];  /* the inputs; of the output only `saved` counts */
    const char *state[SN_MAX_STATES]; /* names; NULL: the op has no such state */
    bool any_layout;                  /* takes data in any layout; for other ops it is made plain */
    sn_status (*shape)(sn_node *node, const sn_run *run, sn_error *error);
    /* Called when shapes, gradients and slices are known, before memory is planned. Both may be
     * NULL. */
    sn_status (*plan)(sn_node *node, const sn_run *run, sn_error *error);
    void (*release)(sn_node *node);
    /* For reports: writes what sets the node apart from others of the same shapes. May be NULL. */
    void (*describe)(const sn_node *node, char *text, size_t size);
    sn_phase forward[SN_MAX_PHASES];
    sn_phase backward[SN_MAX_PHASES];
};

/* Adds an op. Attributes (op->attributes_size bytes) are copied; inputs and states are arrays of
 * SN_MAX_INPUTS and SN_MAX_STATES; states may be NULL. SN_ERROR_ARGUMENT when an operand is missing
 * or has another role than declared, or a state is trained. After an error the graph is as before,
 * except for conversions of inputs that nothing reads. */
sn_status sn_graph_apply(sn_graph *graph, const sn_op *op, const void *attributes,
                         sn_tensor *const *inputs, sn_tensor *const *states, sn_tensor **output,
                         sn_error *error);

const sn_run *sn_graph_run(const sn_graph *graph);

/* The nodes in the order of execution. */
size_t sn_graph_node_count(const sn_graph *graph);
const sn_node *sn_graph_node(const sn_graph *graph, size_t index);

/* Operand k: an input, or the output. */
static inline sn_tensor *sn_node_operand(const sn_node *node, int k) {
    return k == SN_OUTPUT ? node->output : node->input[k];
}

/* What the op declares about operand k. */
static inline const sn_operand *sn_node_declared(const sn_node *node, int k) {
    return &node->op->operand[k];
}

/* The first input: the one that phases over images may read again. */
static inline sn_tensor *sn_node_main_input(const sn_node *node) {
    return node->input[0];
}

static inline const char *sn_node_op_name(const sn_node *node) {
    return node->op->name;
}

/* What the op says of the node for a report, "3x3/2"; "" if it says nothing. */
void sn_node_describe(const sn_node *node, char *text, size_t size);

/* Multiply-adds of forward, and of each of the two gradients in backward: all elements of the
 * output times a slice of the weight. 0 for ops without factors. */
double sn_node_multiply_adds(const sn_node *node);

/* Whether input k is there and is a weight. */
static inline bool sn_node_has_weight(const sn_node *node, int k) {
    return node->input[k] && node->op->operand[k].role == SN_OPERAND_WEIGHT;
}

/* A phase of a node, and its place in the program. */
typedef struct sn_task_time {
    const sn_node *node;
    bool backward;
    bool over_images; /* otherwise the threads do it together */
    size_t step;      /* from 0, backward's after forward's; threads wait between steps */
    double seconds;   /* by all threads, since sn_graph_set_profiling */
} sn_task_time;

/* The phases in the order of execution, forward then backward. */
size_t sn_graph_task_count(const sn_graph *graph);
sn_task_time sn_graph_task_time(const sn_graph *graph, size_t index);

/* Where chunk `chunk` of `chunks` begins in 0 .. count; it ends where the next one begins. Work is
 * always divided this way, so that the same thread has the same images in every op. */
static inline size_t sn_chunk_start(size_t count, int chunk, int chunks) {
    return count * (size_t)chunk / (size_t)chunks;
}

/* ---- layouts ---- */

/* Stored elements of one entry of the outermost dimension, paddings included. */
size_t sn_tensor_row(const sn_tensor *tensor);

/* Bytes of an element. */
static inline size_t sn_element_size(const sn_tensor *tensor) {
    return tensor->bf16 ? sizeof(sn_bf16) : sizeof(sn_real);
}

/* The strides of a tensor [N, C, H, W] in a lane layout. */
sn_lane_layout sn_tensor_lanes(const sn_tensor *tensor);

/* The address of the part's first image. */
static inline void *sn_storage_at(const sn_tensor *tensor, const sn_storage *storage,
                                  const sn_part *part) {
    unsigned char *base = storage->base;
    if (!base || storage->place_size)
        return base ? base + (size_t)part->thread * storage->place_size : NULL;
    return base + part->first * sn_tensor_row(tensor) * sn_element_size(tensor);
}

static inline void *sn_value_at(const sn_tensor *tensor, const sn_part *part) {
    return sn_storage_at(tensor, &tensor->value_storage, part);
}

/* NULL when no gradient is wanted. */
static inline void *sn_gradient_at(const sn_tensor *tensor, const sn_part *part) {
    return sn_storage_at(tensor, &tensor->gradient_storage, part);
}

static inline void *sn_scratch_at(const sn_storage *scratch, const sn_part *part) {
    unsigned char *base = scratch->base;
    return base ? base + (size_t)part->thread * scratch->place_size : NULL;
}

/* Copies `rows` rows between the tensor's layout and plain sn_real; in the first form the paddings
 * become zero, in the second `add` adds to what is there. */
void sn_rows_from_plain(const sn_tensor *tensor, void *stored, const sn_real *plain, size_t rows,
                        bool add);
void sn_rows_fill(const sn_tensor *tensor, void *stored, sn_real value, size_t rows);
void sn_rows_to_plain(const sn_tensor *tensor, const void *stored, sn_real *plain, size_t rows);

/* The tensor itself if it is plain sn_real, otherwise a copy that is. */
sn_status sn_make_plain(sn_graph *graph, sn_tensor *tensor, sn_tensor **plain, sn_error *error);

#endif
