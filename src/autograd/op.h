/* What an op is: for files that implement one, and for those that walk a graph.
 *
 * An op file holds three functions. `shape` runs once, at construction: it checks the operands and
 * sets the output's shape and how many bytes the op wants. `forward` reads the inputs' values and
 * overwrites the output's. `backward` reads the output's gradient and passes on the inputs':
 * gradients that are wanted have a buffer, which is overwritten or added to as node->add says.
 *
 * An op touches its own operands only, by the format that each tensor carries.
 */
#ifndef SN_AUTOGRAD_OP_H
#define SN_AUTOGRAD_OP_H

#include "autograd/graph.h"

enum { SN_MAX_INPUTS = 3, SN_MAX_STATES = 2, SN_MAX_ATTRIBUTES_SIZE = 64 };

/* How a tensor lies in memory. */
typedef enum sn_format {
    SN_FORMAT_PLAIN, /* sn_real, row major */
    SN_FORMAT_LABELS /* int32_t */
} sn_format;

struct sn_tensor {
    sn_shape shape;
    sn_format format;
    const sn_parameter *parameter; /* NULL unless this is one; set by sn_graph_plan */
    size_t parameter_index;
    bool is_parameter, is_input;
    bool wants_gradient; /* a parameter or an input that needs one stands behind it */
    bool keep;           /* the value is read after the step */
    struct sn_node *producer;
    sn_real *value;
    sn_real *gradient; /* NULL when not wanted or in an eval graph */
    int32_t *labels;   /* instead of value, for SN_FORMAT_LABELS */
};

typedef struct sn_node {
    const sn_op *op;
    sn_tensor *input[SN_MAX_INPUTS]; /* optional ones may be NULL */
    sn_tensor *state[SN_MAX_STATES]; /* buffers that forward updates in training, or NULL */
    sn_tensor *output;
    _Alignas(8) unsigned char attributes[SN_MAX_ATTRIBUTES_SIZE];
    size_t saved_size;        /* bytes kept from forward to backward; set by shape */
    size_t forward_size;      /* bytes of workspace during forward; likewise */
    size_t backward_size;     /* bytes of workspace during backward; likewise */
    void *saved;              /* set by sn_graph_plan */
    void *forward_workspace;  /* likewise, valid during forward only */
    void *backward_workspace; /* likewise, valid during backward only */
    bool add[SN_MAX_INPUTS];  /* backward adds to this input's gradient instead of overwriting it */
} sn_node;

/* What holds for one execution. */
typedef struct sn_run {
    int threads;
    bool training;
    double progress; /* see sn_graph_set_progress */
} sn_run;

/* Bits of sn_op.backward_reads: backward uses the value of input i, or of the output. */
#define SN_READS_INPUT(i) (1u << (i))
#define SN_READS_OUTPUT   (1u << SN_MAX_INPUTS)

struct sn_op {
    const char *name;
    size_t attributes_size;
    unsigned backward_reads;
    unsigned label_inputs; /* bits SN_READS_INPUT(i) of the inputs that are class labels */
    sn_status (*shape)(sn_node *node, int threads, sn_error *error);
    void (*forward)(const sn_node *node, const sn_run *run);
    void (*backward)(const sn_node *node, const sn_run *run);
};

/* Adds an op. Attributes (op->attributes_size bytes) are copied; inputs and states are arrays of
 * SN_MAX_INPUTS and SN_MAX_STATES, states may be NULL. After an error the graph is as before. */
sn_status sn_graph_apply(sn_graph *graph, const sn_op *op, const void *attributes,
                         sn_tensor *const *inputs, sn_tensor *const *states, sn_tensor **output,
                         sn_error *error);

/* The nodes in the order of execution. */
size_t sn_graph_node_count(const sn_graph *graph);
const sn_node *sn_graph_node(const sn_graph *graph, size_t index);

/* The part of 0 .. count that belongs to chunk `chunk` of `chunks`: [first, last). Work is always
 * cut this way, so that a tensor's images stay with the same thread from op to op. */
static inline size_t sn_chunk_start(size_t count, int chunk, int chunks) {
    return count * (size_t)chunk / (size_t)chunks;
}

#endif
