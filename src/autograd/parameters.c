#include "autograd/parameters.h"

#include "base/memory.h"
#include "base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sn_parameters {
    sn_parameter *entries;
    size_t count, capacity;
    size_t trained_length, buffer_length; /* elements, paddings included */
    sn_real *values, *gradients, *buffers;
    bool allocated;
};

bool sn_role_is_trained(sn_role role) {
    return role != SN_ROLE_RUNNING_MEAN && role != SN_ROLE_RUNNING_VARIANCE &&
           role != SN_ROLE_INPUT_RANGE;
}

sn_status sn_parameters_create(sn_parameters **parameters, sn_error *error) {
    *parameters = calloc(1, sizeof **parameters);
    SN_RETURN_IF(!*parameters, error, SN_ERROR_MEMORY, "out of memory for the parameter table");
    return SN_OK;
}

void sn_parameters_free(sn_parameters *parameters) {
    if (!parameters)
        return;
    sn_free(parameters->values);
    sn_free(parameters->gradients);
    sn_free(parameters->buffers);
    free(parameters->entries);
    free(parameters);
}

static sn_status check_existing(const sn_parameter *entry, const sn_shape *shape, sn_role role,
                                sn_error *error) {
    char have[SN_SHAPE_TEXT_SIZE], want[SN_SHAPE_TEXT_SIZE];
    SN_RETURN_IF(!sn_shape_equal(&entry->shape, shape), error, SN_ERROR_ARGUMENT,
                 "parameter %s has shape %s, not %s", entry->name,
                 sn_shape_text(&entry->shape, have), sn_shape_text(shape, want));
    SN_RETURN_IF(entry->role != role, error, SN_ERROR_ARGUMENT,
                 "parameter %s is used in two different roles", entry->name);
    return SN_OK;
}

sn_status sn_parameters_add(sn_parameters *parameters, const char *name, sn_shape shape,
                            sn_role role, sn_init init, size_t *index, sn_error *error) {
    const sn_parameter *existing = sn_parameters_find(parameters, name);
    if (existing) {
        *index = (size_t)(existing - parameters->entries);
        return check_existing(existing, &shape, role, error);
    }
    SN_RETURN_IF(parameters->allocated, error, SN_ERROR_INTERNAL,
                 "parameter %s was added after allocation", name);
    SN_RETURN_IF(strlen(name) >= SN_PARAMETER_NAME_SIZE, error, SN_ERROR_ARGUMENT,
                 "parameter name %s is longer than %d characters", name,
                 SN_PARAMETER_NAME_SIZE - 1);
    char text[SN_SHAPE_TEXT_SIZE];
    SN_RETURN_IF(!sn_shape_is_valid(&shape), error, SN_ERROR_ARGUMENT,
                 "parameter %s: shape %s is empty or too large", name, sn_shape_text(&shape, text));
    if (parameters->count == parameters->capacity) {
        const size_t capacity = parameters->capacity ? 2 * parameters->capacity : 64;
        sn_parameter *entries = realloc(parameters->entries, capacity * sizeof *entries);
        SN_RETURN_IF(!entries, error, SN_ERROR_MEMORY, "out of memory for the parameter table");
        parameters->entries = entries;
        parameters->capacity = capacity;
    }
    size_t *length =
        sn_role_is_trained(role) ? &parameters->trained_length : &parameters->buffer_length;
    sn_parameter *entry = &parameters->entries[parameters->count];
    *entry = (sn_parameter){.shape = shape,
                            .role = role,
                            .init = init,
                            .count = sn_shape_count(&shape),
                            .offset = *length};
    strcpy(entry->name, name);
    *length += sn_align_up(entry->count * sizeof(sn_real)) / sizeof(sn_real);
    *index = parameters->count++;
    return SN_OK;
}

sn_status sn_parameters_allocate(sn_parameters *parameters, sn_error *error) {
    if (parameters->allocated)
        return SN_OK;
    const size_t trained = parameters->trained_length, buffers = parameters->buffer_length;
    parameters->values = sn_alloc_array(trained, sizeof(sn_real));
    parameters->gradients = sn_alloc_array(trained, sizeof(sn_real));
    parameters->buffers = sn_alloc_array(buffers, sizeof(sn_real));
    SN_RETURN_IF(!parameters->values || !parameters->gradients || !parameters->buffers, error,
                 SN_ERROR_MEMORY, "out of memory for %zu parameters", trained + buffers);
    parameters->allocated = true;
    for (size_t i = 0; i < parameters->count; i++) {
        sn_parameter *entry = &parameters->entries[i];
        if (sn_role_is_trained(entry->role)) {
            entry->value = parameters->values + entry->offset;
            entry->gradient = parameters->gradients + entry->offset;
        } else {
            entry->value = parameters->buffers + entry->offset;
        }
    }
    return SN_OK;
}

void sn_parameters_initialise(sn_parameters *parameters, uint64_t seed) {
    for (size_t i = 0; i < parameters->count; i++) {
        const sn_parameter *entry = &parameters->entries[i];
        const double scale = entry->init.value;
        sn_rng rng;
        sn_rng_init(&rng, seed, SN_RNG_INIT, sn_hash_text(entry->name));
        for (size_t j = 0; j < entry->count; j++) {
            double draw = scale;
            if (entry->init.kind == SN_INIT_NORMAL)
                draw = scale * sn_rng_normal(&rng);
            else if (entry->init.kind == SN_INIT_UNIFORM)
                draw = sn_rng_range(&rng, -scale, scale);
            entry->value[j] = (sn_real)draw;
        }
    }
}

size_t sn_parameters_count(const sn_parameters *parameters) {
    return parameters->count;
}

const sn_parameter *sn_parameters_at(const sn_parameters *parameters, size_t index) {
    return &parameters->entries[index];
}

const sn_parameter *sn_parameters_find(const sn_parameters *parameters, const char *name) {
    for (size_t i = 0; i < parameters->count; i++)
        if (strcmp(parameters->entries[i].name, name) == 0)
            return &parameters->entries[i];
    return NULL;
}

sn_real *sn_parameters_values(sn_parameters *parameters) {
    return parameters->values;
}

sn_real *sn_parameters_gradients(sn_parameters *parameters) {
    return parameters->gradients;
}

size_t sn_parameters_length(const sn_parameters *parameters) {
    return parameters->trained_length;
}

void sn_parameters_zero_gradients(sn_parameters *parameters) {
    memset(parameters->gradients, 0, parameters->trained_length * sizeof(sn_real));
}
