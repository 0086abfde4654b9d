/* A network on a graph of its own: model, and in training the loss on top. */
#ifndef SN_TRAIN_NETWORK_H
#define SN_TRAIN_NETWORK_H

#include "data/loader.h"
#include "layers/model.h"

typedef struct sn_network_options {
    sn_model_options model;
    sn_graph_mode mode;
    size_t batch;
    int threads;
    double label_smoothing; /* training only */
} sn_network_options;

typedef struct sn_network {
    sn_graph *graph;
    sn_tensor *images;        /* [batch][channels][height][width] */
    sn_tensor *logits;        /* [batch][classes] */
    sn_tensor *labels, *loss; /* [batch], [1]; NULL in an eval network */
    size_t batch, classes;
} sn_network;

/* Builds and plans the network over `parameters`, which may be shared with others. On an error
 * *network can still be handed to sn_network_free. */
sn_status sn_network_create(const sn_network_options *options, sn_parameters *parameters,
                            sn_network *network, sn_error *error);
void sn_network_free(sn_network *network);

/* How many classes have a larger logit than the label, ties going to the lower class: 0 when the
 * label is the prediction, below 5 when it is among the first five. */
size_t sn_label_rank(const float *logits, size_t classes, int label);

/* Cross-entropy of softmax(logits) with the label. */
double sn_label_loss(const float *logits, size_t classes, int label);

typedef struct sn_evaluation {
    size_t images;
    double loss;       /* mean cross-entropy, no smoothing */
    double top1, top5; /* percent */
} sn_evaluation;

/* Runs an eval network over all images of a loader (its first epoch). `logits` has room for
 * network->batch * classes floats. */
void sn_network_evaluate(sn_network *network, sn_loader *loader, float *logits,
                         sn_evaluation *evaluation);

#endif
