/* What an op is: for files that implement one, and for those that walk a graph.
 *
 * `shape` runs once, at construction: it checks the operands and sets the output's shape and layout
 * and how many bytes the op wants. What forward and backward do is cut into phases (below), so that
 * the phases of neighbouring ops can run one after the other on the same few images. Forward reads
 * the inputs' values and overwrites the output's. Backward reads the output's gradient and passes
 * on the inputs': gradients that are wanted have a buffer, which is overwritten or added to as
 * node->add says.
 *
 * An op touches its own operands only, by the layout that each tensor carries.
 */
#ifndef SN_AUTOGRAD_OP_H
#define SN_AUTOGRAD_OP_H

#include "autograd/graph.h"
#include "autograd/lane_layout.h"

enum { SN_MAX_INPUTS = 5, SN_MAX_STATES = 2, SN_MAX_PHASES = 4, SN_MAX_ATTRIBUTES_SIZE = 72 };

/* How a tensor lies in memory. */
typedef enum sn_layout {
    SN_LAYOUT_PLAIN,      /* row major */
    SN_LAYOUT_BLOCKED,    /* N, channels / SN_LANES, H, W, SN_LANES */
    SN_LAYOUT_INTERLEAVED /* N, H, W, channels */
} sn_layout;

/* Values or gradients of a tensor. A tensor that lives within one run of ops has no room for the
 * whole batch: each thread has a place for the images at hand. */
typedef struct sn_storage {
    void *base;        /* sn_real, or sn_bf16 if the tensor says so; NULL: there is none */
    size_t place_size; /* bytes from thread to thread; 0: the whole batch is there */
} sn_storage;

struct sn_tensor {
    size_t index; /* in the graph; set by sn_graph_plan */
    sn_shape shape;
    sn_layout layout;
    bool bf16; /* in lanes only */
    bool is_labels;
    const sn_parameter *parameter; /* NULL unless this is one; set by sn_graph_plan */
    size_t parameter_index;
    bool is_parameter, is_input;
    bool is_activation;  /* an input stands behind it; otherwise it is the same for all images */
    bool wants_gradient; /* a parameter or an input that needs one stands behind it */
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
    unsigned backward_reads; /* the op's, unless shape knows better */
    /* Bytes of memory, set by shape or plan, and where it is, set by sn_graph_plan. */
    size_t saved_size;                                  /* kept from forward to backward */
    size_t forward_sums_size, backward_sums_size;       /* kept over the phases of one direction */
    size_t forward_scratch_size, backward_scratch_size; /* for each thread, in phases over images */
    void *saved, *forward_sums, *backward_sums;
    sn_storage forward_scratch, backward_scratch;
    void *own;                            /* whatever the op made in plan; release takes it back */
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
    /* Image by image: reads and writes only what belongs to the images of the part, parameters, and
     * the thread's own share of sums and workspaces. */
    SN_PHASE_IMAGES,
    /* Once in every thread, when all before it is done in all threads; the op cuts the work. */
    SN_PHASE_TOGETHER,
    /* Likewise, ahead of all others in forward: touches only weights (op->weights), an output that
     * depends on nothing else, states, and what is saved. */
    SN_PHASE_EARLY,
    /* Likewise, at some time later in the same direction: nothing but late phases waits for it.
     * Touches only weights, such an output, states, what is saved, and sums. */
    SN_PHASE_LATE
} sn_phase_kind;

typedef enum sn_phase_mode { SN_ALWAYS, SN_TRAINING_ONLY, SN_EVAL_ONLY } sn_phase_mode;

/* Bits that name operands: input i, or the output. */
#define SN_READS_INPUT(i) (1u << (i))
#define SN_READS_OUTPUT   (1u << SN_MAX_INPUTS)

typedef struct sn_phase {
    sn_phase_kind kind;
    void (*run)(const sn_node *node, const sn_run *run, const sn_part *part);
    sn_phase_mode mode;
    /* Bits SN_READS_..: operands whose value (in forward) or gradient (in backward) the phase
     * leaves alone. All others are taken to be in use. */
    unsigned leaves;
} sn_phase;

struct sn_op {
    const char *name;
    size_t attributes_size;
    unsigned backward_reads; /* bits SN_READS_.. of the values that backward uses */
    unsigned label_inputs;   /* bits SN_READS_INPUT(i) of the inputs that are class labels */
    unsigned weights;        /* likewise, of those that early and late phases are for */
    bool any_layout;         /* takes activations as they lie; for others they are made plain */
    sn_status (*shape)(sn_node *node, const sn_run *run, sn_error *error);
    /* After shapes, gradients and slices are known and before memory is laid out. May be NULL, and
     * so may release. */
    sn_status (*plan)(sn_node *node, const sn_run *run, sn_error *error);
    void (*release)(sn_node *node);
    sn_phase forward[SN_MAX_PHASES];
    sn_phase backward[SN_MAX_PHASES];
};

/* Adds an op. Attributes (op->attributes_size bytes) are copied; inputs and states are arrays of
 * SN_MAX_INPUTS and SN_MAX_STATES, states may be NULL. After an error the graph is as before, but
 * for conversions of inputs that nothing reads. */
sn_status sn_graph_apply(sn_graph *graph, const sn_op *op, const void *attributes,
                         sn_tensor *const *inputs, sn_tensor *const *states, sn_tensor **output,
                         sn_error *error);

const sn_run *sn_graph_run(const sn_graph *graph);

/* The nodes in the order of execution. */
size_t sn_graph_node_count(const sn_graph *graph);
const sn_node *sn_graph_node(const sn_graph *graph, size_t index);

/* A phase of a node, and where it stands in the program. */
typedef struct sn_task_time {
    const sn_node *node;
    bool backward;
    bool over_images; /* otherwise the threads do it together */
    size_t step;      /* from 0, backward's after forward's; between two the threads wait */
    double seconds;   /* by all threads, since sn_graph_set_profiling */
} sn_task_time;

/* The phases in the order of execution, forward then backward. */
size_t sn_graph_task_count(const sn_graph *graph);
sn_task_time sn_graph_task_time(const sn_graph *graph, size_t index);

/* The part of 0 .. count that belongs to chunk `chunk` of `chunks`: [first, last). Work is always
 * cut this way, so that a tensor's images stay with the same thread from op to op. */
static inline size_t sn_chunk_start(size_t count, int chunk, int chunks) {
    return count * (size_t)chunk / (size_t)chunks;
}

/* ---- how tensors lie ---- */

/* Elements of one entry of the outermost dimension as stored, paddings included. */
size_t sn_tensor_row(const sn_tensor *tensor);

/* Bytes of an element. */
static inline size_t sn_element_size(const sn_tensor *tensor) {
    return tensor->bf16 ? sizeof(sn_bf16) : sizeof(sn_real);
}

/* The layout of a tensor [N, C, H, W] that is not plain. */
sn_lane_layout sn_tensor_lanes(const sn_tensor *tensor);

/* Where the images of the part begin. */
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
