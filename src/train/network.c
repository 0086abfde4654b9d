#include "train/network.h"

#include <math.h>

static sn_status add_loss(const sn_network_options *options, sn_network *network, sn_error *error) {
    sn_graph *graph = network->graph;
    const sn_cross_entropy_attributes attributes = {options->label_smoothing, options->temperature,
                                                    options->teacher_weight};
    if (options->teacher_weight <= 0)
        return sn_cross_entropy(graph, network->logits, network->labels, options->label_smoothing,
                                &network->loss, error);
    SN_TRY(sn_graph_input(graph, *sn_tensor_shape(network->logits), &network->teacher, error));
    return sn_distillation(graph, network->logits, network->labels, network->teacher, &attributes,
                           &network->loss, error);
}

static void keep_inputs(const sn_layers *layers) {
    for (int i = 0; i < layers->count; i++)
        if (layers->at[i].kind == SN_LAYER_CONV)
            sn_tensor_keep(layers->at[i].reading.tensor);
}

sn_status sn_network_create(const sn_network_options *options, sn_parameters *parameters,
                            sn_network *network, sn_error *error) {
    const sn_model_options *model = &options->model;
    *network = (sn_network){.batch = options->batch, .classes = model->classes};
    SN_TRY(sn_graph_create(parameters, options->mode, options->threads, &network->graph, error));
    sn_graph *graph = network->graph;
    SN_TRY(sn_graph_set_engine(graph, options->engine, options->precision, error));
    SN_TRY(sn_graph_input(
        graph, sn_shape_4(options->batch, model->channels, model->height, model->image_width),
        &network->images, error));
    SN_TRY(
        sn_model_build(model, graph, network->images, &network->layers, &network->logits, error));
    if (options->keep_inputs)
        keep_inputs(&network->layers);
    if (options->mode == SN_GRAPH_EVAL)
        return sn_graph_plan(graph, network->logits, error);
    sn_tensor_keep(network->logits);
    SN_TRY(sn_graph_labels(graph, options->batch, &network->labels, error));
    SN_TRY(add_loss(options, network, error));
    return sn_graph_plan(graph, network->loss, error);
}

void sn_network_free(sn_network *network) {
    sn_layers_free(&network->layers);
    sn_graph_free(network->graph);
    *network = (sn_network){0};
}

size_t sn_predicted_class(const float *logits, size_t classes) {
    size_t best = 0;
    for (size_t i = 1; i < classes; i++)
        if (logits[i] > logits[best])
            best = i;
    return best;
}

/* How many classes come before the label: those whose logit is larger, or equal and lower in
 * number. */
static size_t label_rank(const float *logits, size_t classes, size_t label) {
    size_t rank = 0;
    for (size_t i = 0; i < classes; i++) {
        if (isnan(logits[i]))
            return classes;
        rank += logits[i] > logits[label] || (logits[i] == logits[label] && i < label);
    }
    return rank;
}

static double cross_entropy(const float *logits, size_t classes, size_t label) {
    const double largest = (double)logits[sn_predicted_class(logits, classes)];
    double sum = 0;
    for (size_t i = 0; i < classes; i++)
        sum += exp((double)logits[i] - largest);
    return largest + log(sum) - (double)logits[label];
}

void sn_evaluation_add(sn_evaluation *evaluation, const float *logits, size_t classes, int label) {
    const size_t rank = label_rank(logits, classes, (size_t)label);
    evaluation->images++;
    evaluation->first += rank == 0;
    evaluation->first_five += rank < 5 && rank < classes;
    evaluation->loss_sum += cross_entropy(logits, classes, (size_t)label);
}

void sn_evaluation_finish(sn_evaluation *evaluation) {
    const double images = (double)evaluation->images;
    evaluation->loss = evaluation->loss_sum / images;
    evaluation->top1 = 100 * (double)evaluation->first / images;
    evaluation->top5 = 100 * (double)evaluation->first_five / images;
}

void sn_network_evaluate(sn_network *network, sn_loader *loader, float *logits,
                         sn_evaluation *evaluation) {
    *evaluation = (sn_evaluation){0};
    sn_loader_start(loader, 0, 0);
    for (const sn_batch *batch; (batch = sn_loader_next(loader)) != NULL;) {
        sn_tensor_write(network->images, batch->images, batch->count);
        sn_graph_forward(network->graph);
        sn_tensor_read(network->logits, logits, batch->count);
        for (size_t i = 0; i < batch->count; i++)
            sn_evaluation_add(evaluation, logits + i * network->classes, network->classes,
                              batch->labels[i]);
    }
    sn_evaluation_finish(evaluation);
}
