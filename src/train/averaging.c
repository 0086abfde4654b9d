#include "train/averaging.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

struct sn_averaging {
    sn_parameters *parameters;
    double decay;
    float *average, *other; /* parallel to the values; `other` is room for those put aside */
    float *statistics;      /* running statistics that are put aside, one entry after the other */
    double *sums;           /* likewise: over batches */
    size_t statistics_count;
};

/* Running statistics and other buffers, in the order of the table. */
static const sn_parameter *next_buffer(const sn_averaging *a, size_t *index) {
    while (*index < sn_parameters_count(a->parameters)) {
        const sn_parameter *entry = sn_parameters_at(a->parameters, (*index)++);
        if (!sn_role_is_trained(entry->role))
            return entry;
    }
    return NULL;
}

sn_status sn_averaging_create(sn_parameters *parameters, double decay, sn_averaging **averaging,
                              sn_error *error) {
    sn_averaging *made = calloc(1, sizeof *made);
    SN_RETURN_IF(!made, error, SN_ERROR_MEMORY, "out of memory for the average of weights");
    made->parameters = parameters;
    made->decay = decay;
    size_t index = 0;
    for (const sn_parameter *entry; (entry = next_buffer(made, &index)) != NULL;)
        made->statistics_count += entry->count;
    made->average = sn_alloc_array(sn_parameters_length(parameters), sizeof *made->average);
    made->other = sn_alloc_array(sn_parameters_length(parameters), sizeof *made->other);
    made->statistics = sn_alloc_array(made->statistics_count, sizeof *made->statistics);
    made->sums = sn_alloc_array(made->statistics_count, sizeof *made->sums);
    if (!made->average || !made->other || !made->statistics || !made->sums) {
        sn_averaging_free(made);
        return sn_error_set(error, SN_ERROR_MEMORY, "out of memory for the average of weights");
    }
    *averaging = made;
    return SN_OK;
}

void sn_averaging_free(sn_averaging *averaging) {
    if (!averaging)
        return;
    sn_free(averaging->average);
    sn_free(averaging->other);
    sn_free(averaging->statistics);
    sn_free(averaging->sums);
    free(averaging);
}

static size_t bytes_of_values(const sn_averaging *a) {
    return sn_parameters_length(a->parameters) * sizeof(float);
}

void sn_averaging_begin(sn_averaging *averaging) {
    memcpy(averaging->average, sn_parameters_values(averaging->parameters),
           bytes_of_values(averaging));
}

void sn_averaging_step(sn_averaging *averaging, uint64_t steps) {
    const double ramp = (1 + (double)steps) / (10 + (double)steps);
    const float keep = (float)(averaging->decay < ramp ? averaging->decay : ramp), take = 1 - keep;
    const float *value = sn_parameters_values(averaging->parameters);
    float *average = averaging->average;
    const size_t count = sn_parameters_length(averaging->parameters);
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        average[i] = keep * average[i] + take * value[i];
}

float *sn_averaging_values(sn_averaging *averaging) {
    return averaging->average;
}

/* Running statistics are found anew. Ranges go on as they were: the average's activations are not
 * far from the run's, and that they are rounded is part of the network whose statistics are wanted.
 * Signs are the run's. */
static bool is_found_anew(const sn_parameter *entry) {
    return sn_role_is_statistic(entry->role);
}

/* Statistics of one batch by themselves: those before it are set to 0, so that what remains is the
 * batch's times the momentum. Ranges move on. */
static void add_batch(sn_averaging *a, sn_network *training, const sn_batch *batch) {
    size_t index = 0;
    for (const sn_parameter *entry; (entry = next_buffer(a, &index)) != NULL;)
        if (is_found_anew(entry))
            memset(entry->value, 0, entry->count * sizeof *entry->value);
    sn_tensor_write(training->images, batch->images, batch->count);
    sn_tensor_write_labels(training->labels, batch->labels, batch->count);
    sn_graph_forward(training->graph);
    double *sum = a->sums;
    index = 0;
    for (const sn_parameter *entry; (entry = next_buffer(a, &index)) != NULL;)
        for (size_t i = 0; i < entry->count; i++)
            *sum++ += (double)entry->value[i] / SN_BATCH_NORM_MOMENTUM;
}

void sn_averaging_enter(sn_averaging *averaging, sn_network *training, sn_loader *loader,
                        size_t batches) {
    sn_averaging *a = averaging;
    float *value = sn_parameters_values(a->parameters), *aside = a->statistics;
    size_t index = 0, seen = 0;
    memcpy(a->other, value, bytes_of_values(a));
    memcpy(value, a->average, bytes_of_values(a));
    for (const sn_parameter *entry; (entry = next_buffer(a, &index)) != NULL;) {
        memcpy(aside, entry->value, entry->count * sizeof *aside);
        aside += entry->count;
    }
    memset(a->sums, 0, a->statistics_count * sizeof *a->sums);
    sn_loader_start(loader, 0, 0);
    for (const sn_batch *batch; seen < batches && (batch = sn_loader_next(loader)) != NULL; seen++)
        add_batch(a, training, batch);
    const double *sum = a->sums;
    index = 0;
    for (const sn_parameter *entry; (entry = next_buffer(a, &index)) != NULL;)
        for (size_t i = 0; i < entry->count; i++, sum++)
            if (is_found_anew(entry))
                entry->value[i] = (float)(*sum / (double)seen);
}

void sn_averaging_leave(sn_averaging *averaging) {
    sn_averaging *a = averaging;
    const float *aside = a->statistics;
    size_t index = 0;
    memcpy(sn_parameters_values(a->parameters), a->other, bytes_of_values(a));
    for (const sn_parameter *entry; (entry = next_buffer(a, &index)) != NULL;) {
        memcpy(entry->value, aside, entry->count * sizeof *aside);
        aside += entry->count;
    }
}

size_t sn_averaging_memory(const sn_averaging *averaging) {
    return 2 * bytes_of_values(averaging) +
           averaging->statistics_count * (sizeof(float) + sizeof(double));
}
