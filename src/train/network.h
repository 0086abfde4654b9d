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
    double label_smoothing; /* training only, as are the next two */
    /* With a weight above 0 the loss is that of sn_distillation. */
    double temperature, teacher_weight;
    sn_engine engine;
    sn_precision precision;
    bool keep_inputs; /* of convolutions: can be read after a forward (calibrate.h) */
} sn_network_options;

typedef struct sn_network {
    sn_graph *graph;
    sn_layers layers;         /* of the model, in this graph */
    sn_tensor *images;        /* [batch][channels][height][width] */
    sn_tensor *logits;        /* [batch][classes] */
    sn_tensor *labels, *loss; /* [batch], [1]; NULL in an eval network */
    sn_tensor *teacher;       /* [batch][classes], logits of another network; NULL without */
    size_t batch, classes;
} sn_network;

/* Builds and plans the network over `parameters`, which may be shared with others. On an error
 * *network can still be handed to sn_network_free. */
sn_status sn_network_create(const sn_network_options *options, sn_parameters *parameters,
                            sn_network *network, sn_error *error);
void sn_network_free(sn_network *network);

/* The class with the largest logit, the lowest of equal ones. */
size_t sn_predicted_class(const float *logits, size_t classes);

/* Accuracy over images. The sums are added to image by image; the rest follows from them. */
typedef struct sn_evaluation {
    size_t images, first,
        first_five;    /* all; label has the largest logit; is among the five largest */
    double loss_sum;   /* cross-entropy, no smoothing */
    double loss;       /* mean */
    double top1, top5; /* percent */
} sn_evaluation;

/* Counts one image. A logit that is not a number makes the image wrong and the loss not finite. */
void sn_evaluation_add(sn_evaluation *evaluation, const float *logits, size_t classes, int label);

/* Sets loss, top1 and top5 from the sums. */
void sn_evaluation_finish(sn_evaluation *evaluation);

/* Runs an eval network over all images of a loader (its first epoch). `logits` has room for
 * network->batch * classes floats. */
void sn_network_evaluate(sn_network *network, sn_loader *loader, float *logits,
                         sn_evaluation *evaluation);

#endif
