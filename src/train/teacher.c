#include "train/teacher.h"

#include <stdlib.h>

struct sn_teacher {
    sn_parameters *parameters;
    sn_network network;
    sn_input_info input;
};

static sn_status read_network(sn_teacher *teacher, const sn_checkpoint *checkpoint,
                              const sn_train_config *config, size_t batch, sn_error *error) {
    teacher->input = *sn_checkpoint_input(checkpoint);
    const sn_network_options options = {
        .model = sn_config_model(sn_checkpoint_config(checkpoint), &teacher->input),
        .mode = SN_GRAPH_EVAL,
        .batch = batch,
        .threads = (int)config->threads,
        .engine = (sn_engine)config->engine,
        .precision = (sn_precision)config->precision};
    SN_TRY(sn_parameters_create(&teacher->parameters, error));
    SN_TRY(sn_network_create(&options, teacher->parameters, &teacher->network, error));
    return sn_checkpoint_read_parameters(checkpoint, teacher->parameters, error);
}

sn_status sn_teacher_open(const char *path, const sn_train_config *config, size_t batch,
                          sn_teacher **teacher, sn_error *error) {
    sn_checkpoint *checkpoint;
    sn_error inner;
    SN_RETURN_IF(sn_checkpoint_open(path, &checkpoint, &inner) != SN_OK, error, inner.status,
                 "--teacher: %.900s", inner.message);
    sn_teacher *opened = calloc(1, sizeof *opened);
    sn_status status = SN_OK;
    if (!opened)
        status = sn_error_set(error, SN_ERROR_MEMORY, "out of memory for the teacher");
    else
        status = read_network(opened, checkpoint, config, batch, error);
    sn_checkpoint_free(checkpoint);
    if (status == SN_OK)
        *teacher = opened;
    else
        sn_teacher_free(opened);
    return status;
}

void sn_teacher_free(sn_teacher *teacher) {
    if (!teacher)
        return;
    sn_network_free(&teacher->network);
    sn_parameters_free(teacher->parameters);
    free(teacher);
}

const sn_input_info *sn_teacher_input(const sn_teacher *teacher) {
    return &teacher->input;
}

void sn_teacher_predict(sn_teacher *teacher, const sn_batch *batch, float *logits) {
    sn_tensor_write(teacher->network.images, batch->images, batch->count);
    sn_graph_forward(teacher->network.graph);
    sn_tensor_read(teacher->network.logits, logits, batch->count);
}

size_t sn_teacher_memory(const sn_teacher *teacher) {
    return sn_graph_memory(teacher->network.graph) +
           /* with gradients, which nothing uses */
           2 * sn_parameters_length(teacher->parameters) * sizeof(float);
}
