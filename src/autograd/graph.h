/* Reverse-mode autograd on a graph that is built once and executed every step.
 *
 *     sn_graph_create(parameters, SN_GRAPH_TRAIN, threads, &graph, error);
 *     sn_graph_input(graph, shape, &images, error);             // tensors and ops: ops.h
 *     sn_graph_parameter(graph, "fc.weight", ...);
 *     ...
 *     sn_graph_plan(graph, loss, error);                        // all memory is allocated here
 *     for every step: sn_tensor_write, sn_graph_forward, sn_graph_backward
 *
 * Shapes are checked when an op is added. sn_graph_plan finds out when each value, gradient and
 * workspace is first and last needed, and places them in one block (memory_plan.c); nothing is
 * allocated later. Ops choose the layouts of the tensors between them. Other code reads and writes
 * tensors in plain row-major order, with sn_tensor_read and sn_tensor_write.
 *
 * A thread has the same images in all ops. It takes a few of them at a time through a run of ops,
 * so that each op finds in the cache what the one before it wrote. Threads wait for each other only
 * where batch statistics are needed (program.c).
 */
#ifndef SN_AUTOGRAD_GRAPH_H
#define SN_AUTOGRAD_GRAPH_H

#include "autograd/parameters.h"
#include "autograd/shape.h"
#include "base/status.h"

#include <stdint.h>

typedef struct sn_graph sn_graph;
typedef struct sn_tensor sn_tensor; /* owned by its graph */
typedef struct sn_op sn_op;

/* What computes convolutions. */
typedef enum sn_engine {
    SN_ENGINE_AUTO,     /* the fastest of those below for the precision and this machine */
    SN_ENGINE_GEMM,     /* im2col and OpenBLAS */
    SN_ENGINE_ONEDNN,   /* oneDNN's primitives, if it was there at build time */
    SN_ENGINE_WINOGRAD, /* F(2x2, 3x3); implicit GEMM for all else */
    SN_ENGINE_COUNT
} sn_engine;

/* How activations and their gradients are stored between ops. Parameters, sums and statistics are
 * always sn_real. */
typedef enum sn_precision { SN_PRECISION_FP32, SN_PRECISION_BF16, SN_PRECISION_COUNT } sn_precision;

const char *sn_engine_name(int index); /* NULL past the last */
const char *sn_precision_name(int index);

/* Whether the engine is part of this build. */
bool sn_engine_is_built(sn_engine engine);

/* What SN_ENGINE_AUTO means here; another engine is returned as it is. */
sn_engine sn_engine_resolve(sn_engine engine, sn_precision precision);

typedef enum sn_graph_mode {
    SN_GRAPH_TRAIN, /* batch statistics, backward possible */
    SN_GRAPH_EVAL   /* running statistics, forward only */
} sn_graph_mode;

/* The parameters may be shared with other graphs and must outlive this one. threads > 0. */
sn_status sn_graph_create(sn_parameters *parameters, sn_graph_mode mode, int threads,
                          sn_graph **graph, sn_error *error);
void sn_graph_free(sn_graph *graph);

/* Before the first op is added; otherwise gemm and fp32. SN_ERROR_ARGUMENT for an engine that is
 * not part of this build. */
sn_status sn_graph_set_engine(sn_graph *graph, sn_engine engine, sn_precision precision,
                              sn_error *error);

/* A tensor that the caller writes before every forward. */
sn_status sn_graph_input(sn_graph *graph, sn_shape shape, sn_tensor **tensor, sn_error *error);

/* Class labels: [count] of int32_t, written with sn_tensor_write_labels. */
sn_status sn_graph_labels(sn_graph *graph, size_t count, sn_tensor **tensor, sn_error *error);

/* A parameter as a tensor; see sn_parameters_add. */
sn_status sn_graph_parameter(sn_graph *graph, const char *name, sn_shape shape, sn_role role,
                             sn_init init, sn_tensor **tensor, sn_error *error);

/* Asks for the gradient of an input, to be read after backward. Before sn_graph_plan. */
void sn_tensor_require_gradient(sn_tensor *tensor);

/* Keeps a tensor's value until the end of the step, so that it can be read. Before sn_graph_plan.
 */
void sn_tensor_keep(sn_tensor *tensor);

/* Ends construction: makes the program and the memory plan, and allocates all memory. Backward
 * starts from `root`, whose value is kept. */
sn_status sn_graph_plan(sn_graph *graph, sn_tensor *root, sn_error *error);

/* Progress of the whole training in [0, 1), for ops that change with it (gradient estimators). */
void sn_graph_set_progress(sn_graph *graph, double progress);

/* Computes all values. */
void sn_graph_forward(sn_graph *graph);

/* Adds to the gradients of the parameters, and computes those of inputs that require one.
 * root_gradient has the root's shape; NULL means ones. Once after each sn_graph_forward, as it
 * reuses the memory of the values. */
void sn_graph_backward(sn_graph *graph, const sn_real *root_gradient);

/* Starts or stops counting the time that threads spend in each op, from zero. Read the counters
 * with sn_graph_task_time (op.h). After sn_graph_plan. */
void sn_graph_set_profiling(sn_graph *graph, bool profiling);

/* Bytes of the block that sn_graph_plan allocated. */
size_t sn_graph_memory(const sn_graph *graph);

const sn_shape *sn_tensor_shape(const sn_tensor *tensor);

/* Copies in plain row-major order. Only the first `rows` entries of the outermost dimension are
 * written (the others are set to zero) or read. */
void sn_tensor_write(sn_tensor *tensor, const sn_real *source, size_t rows);
void sn_tensor_write_labels(sn_tensor *tensor, const int32_t *labels, size_t rows);
void sn_tensor_read(const sn_tensor *tensor, sn_real *target, size_t rows);
void sn_tensor_read_gradient(const sn_tensor *tensor, sn_real *target);

#endif
