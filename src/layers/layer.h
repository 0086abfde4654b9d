/* The layers of a network as a person counts them: a convolution has its quantizer, batch-norm,
 * shortcut and activation with it. Modules (modules.h) record them while they build the graph, so
 * that nobody has to guess them from its ops: freezing, calibration and reports walk this list.
 */
#ifndef SN_LAYERS_LAYER_H
#define SN_LAYERS_LAYER_H

#include "autograd/op.h"
#include "autograd/ops.h"
#include "quant/quant.h"

typedef enum sn_layer_kind {
    SN_LAYER_CONV,
    SN_LAYER_LINEAR,
    SN_LAYER_MAX_POOL,
    SN_LAYER_AVERAGE_POOL,
    SN_LAYER_GLOBAL_AVERAGE_POOL,
    SN_LAYER_SHIFT_CLAMP,
    SN_LAYER_SUM /* with a shortcut, where no convolution can take it along */
} sn_layer_kind;

/* In place of the index of a layer. */
enum { SN_LAYER_IMAGES = -1, SN_LAYER_NONE = -2 };

/* How a convolution prepares what it reads. */
typedef struct sn_layer_reading {
    sn_tensor *tensor; /* rounded, if it is; the mean is still there */
    sn_tensor *range;  /* [1]: of the rounding; NULL: not rounded */
    bool is_signed;    /* of the rounding */
    bool centered;     /* the mean over channels is taken off */
} sn_layer_reading;

/* All [C]; gamma is NULL where there is no batch-norm. */
typedef struct sn_layer_norm {
    const sn_tensor *gamma, *beta, *running_mean, *running_variance;
    double epsilon;
} sn_layer_norm;

/* function(x + before) + after. All [C], NULL where there is none. */
typedef struct sn_layer_activation {
    sn_activation function;
    const sn_tensor *slope; /* of PReLU */
    const sn_tensor *before, *after;
} sn_layer_activation;

typedef struct sn_layer {
    char name[SN_PARAMETER_NAME_SIZE]; /* "layer1.0.conv1" */
    sn_layer_kind kind;
    int input;         /* index of the layer that it reads, or SN_LAYER_IMAGES */
    int residual;      /* of the layer that it adds before its activation, or SN_LAYER_NONE */
    sn_tensor *output; /* what other layers read; NULL when only the sum with a shortcut does */
    int readers;       /* how many layers read it */
    int kernel, stride, padding; /* of convolutions and pools */
    sn_tensor *weight;           /* [K][C][R][S], latent where quantized; or [O][I] of a linear
                                    layer; NULL for others */
    sn_tensor *bias;             /* [K]; NULL: none. Of shift and clamp the shift */
    const sn_node *quantizer;    /* of the weight (quantize.h); NULL in full precision */
    sn_layer_reading reading;    /* of convolutions */
    sn_layer_norm norm;
    sn_layer_activation activation;
} sn_layer;

typedef struct sn_layers {
    const sn_tensor *images; /* what the first layer reads */
    sn_layer *at;            /* [count], in the order of execution */
    int count, capacity;
} sn_layers;

void sn_layers_free(sn_layers *layers);

/* The layer whose output `tensor` is, or SN_LAYER_IMAGES. `reader`: who asks, for the message.
 * SN_ERROR_INTERNAL when no layer has that output. */
sn_status sn_layers_find(const sn_layers *layers, const sn_tensor *tensor, const char *reader,
                         int *index, sn_error *error);

/* Appends a layer that reads x, with no operands and no output yet. Names must differ. *layer is
 * valid until the next one is added. */
sn_status sn_layers_add(sn_layers *layers, const char *name, sn_layer_kind kind, const sn_tensor *x,
                        sn_layer **layer, sn_error *error);

/* y is batch-norm `name` of x with all that its operands say. x has to be the output of a
 * convolution that nothing else reads. The sum with a residual goes to whichever of the two
 * convolutions is computed last, or becomes a layer of its own. */
sn_status sn_layers_add_norm(sn_layers *layers, const char *name, const sn_tensor *x,
                             const sn_batch_norm_operands *operands,
                             const sn_batch_norm_attributes *attributes, sn_tensor *y,
                             sn_error *error);

/* y is the activation `name` of x, the output of a convolution that has none yet. */
sn_status sn_layers_add_activation(sn_layers *layers, const char *name, const sn_tensor *x,
                                   const sn_layer_activation *activation, sn_tensor *y,
                                   sn_error *error);

/* Whether no value of the layer's output can be below 0: behind a ReLU, pooled or not. */
bool sn_layers_never_negative(const sn_layers *layers, int index);

/* Whether some convolution rounds what it reads. */
bool sn_layers_round(const sn_layers *layers);

/* How a convolution's input is rounded to integers: q = round(x / step), held to 0 .. 255, or to
 * -127 .. 127 when it is signed. Step 0: not at all. */
typedef struct sn_input_step {
    float step;
    bool is_signed;
} sn_input_step;

/* As the layer's range has it; step 0 while it has none. */
sn_input_step sn_layer_input_step(const sn_layer *layer);

/* Gives the regions of all quantizers of a planned graph whose signs are not fixed the sign of the
 * sum of their latent weights: after sn_parameters_initialise. */
void sn_layers_initialise_signs(const sn_layers *layers);

/* Counts over all quantized weights of a planned graph: those that are effectual (non-zero), and
 * all. density = effectual / total; both 0 for a full-precision network. */
typedef struct sn_weight_counts {
    uint64_t effectual, total;
} sn_weight_counts;

sn_weight_counts sn_layers_count_effectual(const sn_layers *layers);

#endif
