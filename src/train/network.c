#include "train/network.h"

#include <math.h>

sn_status sn_network_create(const sn_network_options *options, sn_parameters *parameters,
                            sn_network *network, sn_error *error) {
    const sn_model_options *model = &options->model;
    *network = (sn_network){.batch = options->batch, .classes = model->classes};
    SN_TRY(sn_graph_create(parameters, options->mode, options->threads, &network->graph, error));
    sn_graph *graph = network->graph;
    SN_TRY(sn_graph_input(
        graph, sn_shape_4(options->batch, model->channels, model->height, model->image_width),
        &network->images, error));
    SN_TRY(sn_model_build(model, graph, network->images, &network->logits, error));
    if (options->mode == SN_GRAPH_EVAL)
        return sn_graph_plan(graph, network->logits, error);
    sn_tensor_keep(network->logits);
    SN_TRY(sn_graph_labels(graph, options->batch, &network->labels, error));
    SN_TRY(sn_cross_entropy(graph, network->logits, network->labels, options->label_smoothing,
                            &network->loss, error));
    return sn_graph_plan(graph, network->loss, error);
}

void sn_network_free(sn_network *network) {
    sn_graph_free(network->graph);
    *network = (sn_network){0};
}

size_t sn_label_rank(const float *logits, size_t classes, int label) {
    size_t rank = 0;
    for (size_t i = 0; i < classes; i++) {
        const bool larger = logits[i] > logits[label];
        const bool equal_and_lower = logits[i] == logits[label] && i < (size_t)label;
        rank += larger || equal_and_lower;
    }
    return rank;
}

double sn_label_loss(const float *logits, size_t classes, int label) {
    double largest = -INFINITY, sum = 0;
    for (size_t i = 0; i < classes; i++)
        largest = fmax(largest, (double)logits[i]);
    for (size_t i = 0; i < classes; i++)
        sum += exp((double)logits[i] - largest);
    return largest + log(sum) - (double)logits[label];
}

void sn_network_evaluate(sn_network *network, sn_loader *loader, float *logits,
                         sn_evaluation *evaluation) {
    size_t images = 0, first = 0, first_five = 0;
    double loss = 0;
    sn_loader_start(loader, 0, 0);
    for (const sn_batch *batch; (batch = sn_loader_next(loader)) != NULL;) {
        sn_tensor_write(network->images, batch->images, batch->count);
        sn_graph_forward(network->graph);
        sn_tensor_read(network->logits, logits, batch->count);
        for (size_t i = 0; i < batch->count; i++) {
            const float *row = logits + i * network->classes;
            const size_t rank = sn_label_rank(row, network->classes, batch->labels[i]);
            first += rank == 0;
            first_five += rank < 5;
            loss += sn_label_loss(row, network->classes, batch->labels[i]);
        }
        images += batch->count;
    }
    *evaluation = (sn_evaluation){.images = images,
                                  .loss = loss / (double)images,
                                  .top1 = 100 * (double)first / (double)images,
                                  .top5 = 100 * (double)first_five / (double)images};
}
