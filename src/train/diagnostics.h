/* What becomes of the quantized layers during training, so that a collapse is seen: a line of
 * layers.csv for each layer and epoch, and warnings. */
#ifndef SN_TRAIN_DIAGNOSTICS_H
#define SN_TRAIN_DIAGNOSTICS_H

#include "layers/layer.h"

#include <stdint.h>

/* A quantized layer at the end of an epoch. */
typedef struct sn_layer_report {
    char name[SN_PARAMETER_NAME_SIZE]; /* "layer1.0.conv1" */
    const char *quantizer;
    size_t filters, regions; /* of all filters */
    double density;          /* effectual / all weights */
    size_t dead, full;       /* filters without, and with nothing but, effectual weights */
    double flips;            /* share of weights that changed their level since the last epoch; NAN:
                                unknown */
    double alpha, delta;     /* means over the regions of scale and |threshold| */
    double sigma;            /* standard deviation of the latent weights, divisor n */
    double gradient_norm;    /* of dL/dW in the latest step */
    double suppressed;       /* sn_gradient_suppressed, of the latest step */
    double positive;         /* share of regions whose sign is +1 */
    size_t turned;           /* regions whose sign has changed since the last epoch */
    bool has_signs;          /* otherwise those two mean nothing */
    bool zero_free;          /* density is 1 by the quantizer's nature */
} sn_layer_report;

typedef struct sn_diagnostics sn_diagnostics;

/* For the quantized ones of the layers of a planned training graph, which must outlive it. Levels
 * are unknown until sn_diagnostics_mark. */
sn_status sn_diagnostics_create(const sn_layers *layers, sn_diagnostics **diagnostics,
                                sn_error *error);
void sn_diagnostics_free(sn_diagnostics *diagnostics);

/* Takes the levels of all weights as those of the last epoch. */
void sn_diagnostics_mark(sn_diagnostics *diagnostics);

/* Measures every layer, right after a step whose backward ran at `progress`. */
void sn_diagnostics_measure(sn_diagnostics *diagnostics, double progress);

size_t sn_diagnostics_count(const sn_diagnostics *diagnostics);
const sn_layer_report *sn_diagnostics_at(const sn_diagnostics *diagnostics, size_t layer);

/* The levels of the last epoch, for checkpoints: int8_t in the shape of the latent weights. */
int8_t *sn_diagnostics_levels(sn_diagnostics *diagnostics, size_t layer, sn_shape *shape);

/* The levels are those that a checkpoint held. */
void sn_diagnostics_levels_known(sn_diagnostics *diagnostics);

size_t sn_diagnostics_memory(const sn_diagnostics *diagnostics);

enum { SN_WARNING_SIZE = SN_PARAMETER_NAME_SIZE + 256 };

/* What is wrong with a layer that was not at the measurement before: its density left 0.02 .. 0.98,
 * or more filters are dead. False when there is nothing. */
bool sn_diagnostics_warning(const sn_diagnostics *diagnostics, size_t layer,
                            char text[SN_WARNING_SIZE]);

/* "epoch,layer,quant,density,..." and the line of a layer, without a newline. */
extern const char sn_diagnostics_heading[];
enum { SN_DIAGNOSTICS_LINE_SIZE = SN_PARAMETER_NAME_SIZE + 512 };
void sn_diagnostics_line(const sn_layer_report *report, uint64_t epoch,
                         char text[SN_DIAGNOSTICS_LINE_SIZE]);

#endif
