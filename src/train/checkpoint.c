#define _POSIX_C_SOURCE 200809L
#include "train/checkpoint.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = SN_PARAMETER_NAME_SIZE + 64 };

/* The older one has no checksum. */
static const char format_text[] = "signet checkpoint 2", older_format[] = "signet checkpoint 1";

struct sn_checkpoint {
    sn_h5 h5;
    char *path;
    sn_train_config config;
    sn_input_info input;
    sn_metadata metadata;
    sn_data_identity data;
};

static sn_status write_parameters(sn_h5 *h5, const sn_parameters *parameters, sn_error *error) {
    for (size_t i = 0; i < sn_parameters_count(parameters); i++) {
        const sn_parameter *entry = sn_parameters_at(parameters, i);
        char name[NAME_SIZE];
        snprintf(name, sizeof name, "state/%s", entry->name);
        SN_TRY(sn_h5_write_floats(h5, name, &entry->shape, entry->value, error));
    }
    return SN_OK;
}

static sn_status visit_slot(sn_h5 *h5, const char *slot, const sn_parameter *entry, bool writing,
                            float *values, sn_error *error) {
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "optimizer/%s/%s", slot, entry->name);
    if (writing)
        return sn_h5_write_floats(h5, name, &entry->shape, values, error);
    SN_TRY(sn_h5_read_floats(h5, name, &entry->shape, values, error));
    const bool is_square = strcmp(slot, "exp_avg_sq") == 0;
    for (size_t i = 0; i < entry->count; i++) {
        SN_RETURN_IF(!isfinite(values[i]), error, SN_ERROR_DATA,
                     "%s: %s holds values that are not finite", h5->path, name);
        SN_RETURN_IF(is_square && values[i] < 0, error, SN_ERROR_DATA,
                     "%s: %s holds %g; a mean of squares is 0 or more", h5->path, name,
                     (double)values[i]);
    }
    return SN_OK;
}

/* Writes or reads every piece of the optimizer's state. */
static sn_status visit_optimizer(sn_h5 *h5, bool writing, const sn_parameters *parameters,
                                 sn_optimizer *optimizer, sn_error *error) {
    for (int slot = 0; sn_optimizer_slot_name(optimizer, slot); slot++) {
        for (size_t i = 0; i < sn_parameters_count(parameters); i++) {
            const sn_parameter *entry = sn_parameters_at(parameters, i);
            if (sn_role_is_trained(entry->role))
                SN_TRY(visit_slot(h5, sn_optimizer_slot_name(optimizer, slot), entry, writing,
                                  sn_optimizer_slot(optimizer, slot) + entry->offset, error));
        }
    }
    return SN_OK;
}

static sn_status write_state(sn_h5 *h5, const sn_train_config *config, const sn_train_state *state,
                             const sn_optimizer *optimizer, sn_error *error) {
    SN_TRY(sn_h5_write_u64(h5, "optimizer/steps", sn_optimizer_steps(optimizer), error));
    SN_TRY(sn_h5_write_u64(h5, "random/seed", config->seed, error));
    SN_TRY(sn_h5_write_u64(h5, "training/epoch", state->epoch, error));
    SN_TRY(sn_h5_write_u64(h5, "training/step", state->step, error));
    SN_TRY(sn_h5_write_double(h5, "training/loss_sum", state->loss_sum, error));
    SN_TRY(sn_h5_write_u64(h5, "training/correct", state->correct, error));
    SN_TRY(sn_h5_write_double(h5, "training/seconds", state->seconds, error));
    SN_TRY(sn_h5_write_double(h5, "training/best_top1", state->best_top1, error));
    if (config->clip_grad > 0) {
        SN_TRY(sn_h5_write_double(h5, "training/norm_sum", state->norm_sum, error));
        SN_TRY(sn_h5_write_u64(h5, "training/clipped", state->clipped, error));
    }
    return sn_h5_write_u64(h5, "training/best_epoch", state->best_epoch, error);
}

static sn_status write_extra(sn_h5 *h5, const sn_checkpoint_extra *extra, sn_error *error) {
    if (extra->bytes)
        return sn_h5_write_bytes(h5, extra->name, &extra->shape, extra->bytes, error);
    return sn_h5_write_floats(h5, extra->name, &extra->shape, extra->floats, error);
}

/* Takes over `json`. */
static sn_status write_json(sn_h5 *h5, const char *name, char *json, sn_error *error) {
    const sn_status status = sn_h5_write_text(h5, name, json, error);
    free(json);
    return status;
}

static sn_status write_all(sn_h5 *h5, const sn_checkpoint_content *c, sn_error *error) {
    char *json;
    SN_TRY(sn_config_to_json(c->config, c->input, &json, error));
    SN_TRY(write_json(h5, "config", json, error));
    SN_TRY(sn_metadata_to_json(c->metadata, &json, error));
    SN_TRY(write_json(h5, "classes", json, error));
    SN_TRY(sn_data_identity_to_json(c->data, &json, error));
    SN_TRY(write_json(h5, "data", json, error));
    SN_TRY(sn_h5_write_text(h5, "format", format_text, error));
    SN_TRY(write_parameters(h5, c->parameters, error));
    SN_TRY(visit_optimizer(h5, true, c->parameters, c->optimizer, error));
    for (size_t i = 0; i < c->extra_count; i++)
        SN_TRY(write_extra(h5, &c->extras[i], error));
    return write_state(h5, c->config, c->state, c->optimizer, error);
}

sn_status sn_checkpoint_write(const char *path, const sn_checkpoint_content *content,
                              sn_error *error) {
    sn_h5 h5;
    sn_status status = sn_h5_create(path, &h5, error);
    if (status == SN_OK)
        status = write_all(&h5, content, error);
    if (status == SN_OK)
        status = sn_h5_save(&h5, error);
    const sn_status closed = sn_h5_close(&h5, status == SN_OK ? error : NULL);
    return status == SN_OK ? closed : status;
}

/* Before anything in the file is believed. */
static sn_status check_sum(const sn_checkpoint *checkpoint, const char *format, sn_error *error) {
    const sn_h5 *h5 = &checkpoint->h5;
    uint64_t sum, stored;
    SN_TRY(sn_h5_sum(h5, &sum, error));
    if (strcmp(format, older_format) == 0 && !sn_h5_has(h5, "checksum"))
        return sn_h5_check(h5, error);
    SN_TRY(sn_h5_read_u64(h5, "checksum", &stored, error));
    SN_RETURN_IF(sum != stored, error, SN_ERROR_DATA,
                 "%s: its checksum does not match its content: the file is damaged, or another "
                 "program has changed it",
                 checkpoint->path);
    return SN_OK;
}

static sn_status read_data(sn_checkpoint *checkpoint, sn_error *error) {
    char *text = NULL;
    if (!sn_h5_has(&checkpoint->h5, "data"))
        return sn_h5_check(&checkpoint->h5, error);
    SN_TRY(sn_h5_read_text(&checkpoint->h5, "data", &text, error));
    const sn_status status = sn_data_identity_read(text, checkpoint->input.classes,
                                                   checkpoint->path, &checkpoint->data, error);
    free(text);
    return status;
}

static sn_status read_metadata(sn_checkpoint *checkpoint, sn_error *error) {
    char *text = NULL;
    if (sn_h5_has(&checkpoint->h5, "classes"))
        SN_TRY(sn_h5_read_text(&checkpoint->h5, "classes", &text, error));
    SN_TRY(sn_h5_check(&checkpoint->h5, error));
    const sn_status status = sn_metadata_read(&checkpoint->config, &checkpoint->input, text,
                                              checkpoint->path, &checkpoint->metadata, error);
    free(text);
    return status;
}

static sn_status read_format(const sn_checkpoint *checkpoint, sn_error *error) {
    char *text;
    const bool there = sn_h5_has(&checkpoint->h5, "format") && sn_h5_has(&checkpoint->h5, "config");
    SN_TRY(sn_h5_check(&checkpoint->h5, error));
    SN_RETURN_IF(!there, error, SN_ERROR_DATA,
                 "%s: not a signet checkpoint (no data sets 'format' and 'config')",
                 checkpoint->path);
    SN_TRY(sn_h5_read_text(&checkpoint->h5, "format", &text, error));
    sn_status status = SN_OK;
    if (strcmp(text, format_text) != 0 && strcmp(text, older_format) != 0)
        status = sn_error_set(error, SN_ERROR_DATA,
                              "%s: written in another version of the format; need '%s' or '%s'",
                              checkpoint->path, format_text, older_format);
    else
        status = check_sum(checkpoint, text, error);
    free(text);
    return status;
}

static sn_status read_header(sn_checkpoint *checkpoint, sn_error *error) {
    char *text;
    SN_TRY(read_format(checkpoint, error));
    SN_TRY(sn_h5_read_text(&checkpoint->h5, "config", &text, error));
    const sn_status status =
        sn_config_from_json(text, checkpoint->path, &checkpoint->config, &checkpoint->input, error);
    free(text);
    SN_TRY(status);
    SN_TRY(read_metadata(checkpoint, error));
    return read_data(checkpoint, error);
}

/* Whether the file has the parameters of the table, with their shapes, and no others. */
static sn_status check_parameters(const sn_checkpoint *checkpoint, const sn_parameters *parameters,
                                  sn_error *error) {
    const size_t count = sn_parameters_count(parameters);
    const size_t stored = sn_h5_group_size(&checkpoint->h5, "state");
    const char *arch = sn_arch_name(checkpoint->config.arch);
    SN_TRY(sn_h5_check(&checkpoint->h5, error));
    SN_RETURN_IF(stored != count, error, SN_ERROR_DATA,
                 "%s: holds %zu parameters, but %s has %zu: a checkpoint of another architecture",
                 checkpoint->path, stored, arch, count);
    for (size_t i = 0; i < count; i++) {
        const sn_parameter *entry = sn_parameters_at(parameters, i);
        char name[NAME_SIZE], have[SN_SHAPE_TEXT_SIZE], want[SN_SHAPE_TEXT_SIZE];
        sn_shape shape;
        sn_error inner;
        snprintf(name, sizeof name, "state/%s", entry->name);
        const sn_status status = sn_h5_shape(&checkpoint->h5, name, &shape, &inner);
        SN_RETURN_IF(status == SN_ERROR_MEMORY, error, status, "%s", inner.message);
        SN_RETURN_IF(status != SN_OK, error, status,
                     "%.900s: a checkpoint of another architecture than %s", inner.message, arch);
        SN_RETURN_IF(!sn_shape_equal(&shape, &entry->shape), error, SN_ERROR_DATA,
                     "%s: %s has shape %s, need %s: a checkpoint of another architecture than %s",
                     checkpoint->path, name, sn_shape_text(&shape, have),
                     sn_shape_text(&entry->shape, want), arch);
    }
    return SN_OK;
}

/* Builds the network without memory for it, to know its parameters. */
static sn_status check_network(const sn_checkpoint *checkpoint, sn_parameters *parameters,
                               sn_graph *graph, sn_error *error) {
    const sn_model_options model = sn_config_model(&checkpoint->config, &checkpoint->input);
    sn_layers layers;
    sn_tensor *images, *logits;
    SN_TRY(sn_graph_input(graph, sn_shape_4(1, model.channels, model.height, model.image_width),
                          &images, error));
    const sn_status status = sn_model_build(&model, graph, images, &layers, &logits, error);
    sn_layers_free(&layers);
    SN_TRY(status);
    return check_parameters(checkpoint, parameters, error);
}

static sn_status check_shapes(const sn_checkpoint *checkpoint, sn_error *error) {
    sn_parameters *parameters;
    sn_graph *graph;
    SN_TRY(sn_parameters_create(&parameters, error));
    sn_status status = sn_graph_create(parameters, SN_GRAPH_EVAL, 1, &graph, error);
    if (status == SN_OK) {
        status = check_network(checkpoint, parameters, graph, error);
        sn_graph_free(graph);
    }
    sn_parameters_free(parameters);
    return status;
}

sn_status sn_checkpoint_open(const char *path, sn_checkpoint **checkpoint, sn_error *error) {
    sn_checkpoint *opened = calloc(1, sizeof *opened);
    char *copy = strdup(path);
    if (!opened || !copy) {
        free(opened);
        free(copy);
        return sn_error_set(error, SN_ERROR_MEMORY, "out of memory for %s", path);
    }
    opened->path = copy;
    sn_status status = sn_h5_open(copy, &opened->h5, error);
    if (status == SN_OK)
        status = read_header(opened, error);
    if (status == SN_OK)
        status = check_shapes(opened, error);
    if (status == SN_OK)
        *checkpoint = opened;
    else
        sn_checkpoint_free(opened);
    return status;
}

void sn_checkpoint_free(sn_checkpoint *checkpoint) {
    if (!checkpoint)
        return;
    sn_h5_close(&checkpoint->h5, NULL);
    sn_data_identity_clear(&checkpoint->data);
    sn_metadata_clear(&checkpoint->metadata);
    free(checkpoint->path);
    free(checkpoint);
}

const sn_train_config *sn_checkpoint_config(const sn_checkpoint *checkpoint) {
    return &checkpoint->config;
}

const sn_input_info *sn_checkpoint_input(const sn_checkpoint *checkpoint) {
    return &checkpoint->input;
}

const sn_metadata *sn_checkpoint_metadata(const sn_checkpoint *checkpoint) {
    return &checkpoint->metadata;
}

const sn_data_identity *sn_checkpoint_data(const sn_checkpoint *checkpoint) {
    return &checkpoint->data;
}

/* What values with that role must be, or NULL when this is one. */
static const char *wanted_value(sn_role role, float value) {
    switch (role) {
    case SN_ROLE_RUNNING_VARIANCE:
        return value >= 0 ? NULL : "a variance is 0 or more";
    case SN_ROLE_INPUT_RANGE:
        return value >= 0 ? NULL : "a range is 0 or more";
    case SN_ROLE_SIGN:
        return fabsf(value) == 1 ? NULL : "signs are +1 or -1";
    case SN_ROLE_SIGN_EVIDENCE:
        return fabsf(value) <= 1 ? NULL : "evidence is from -1 to 1";
    default:
        return NULL;
    }
}

static sn_status check_values(const sn_checkpoint *checkpoint, const char *name,
                              const sn_parameter *entry, sn_error *error) {
    for (size_t i = 0; i < entry->count; i++) {
        const float value = entry->value[i];
        SN_RETURN_IF(!isfinite(value), error, SN_ERROR_DATA,
                     "%s: %s holds values that are not finite", checkpoint->path, name);
        const char *wanted = wanted_value(entry->role, value);
        SN_RETURN_IF(wanted, error, SN_ERROR_DATA, "%s: %s holds %g; %s", checkpoint->path, name,
                     (double)value, wanted);
    }
    return SN_OK;
}

sn_status sn_checkpoint_read_parameter(const sn_checkpoint *checkpoint, const sn_parameter *entry,
                                       sn_error *error) {
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "state/%s", entry->name);
    SN_TRY(sn_h5_read_floats(&checkpoint->h5, name, &entry->shape, entry->value, error));
    return check_values(checkpoint, name, entry, error);
}

bool sn_checkpoint_parameter_name(const sn_checkpoint *checkpoint, size_t index,
                                  char name[SN_PARAMETER_NAME_SIZE]) {
    return sn_h5_link_name(&checkpoint->h5, "state", index, name, SN_PARAMETER_NAME_SIZE);
}

sn_status sn_checkpoint_read_parameters(const sn_checkpoint *checkpoint, sn_parameters *parameters,
                                        sn_error *error) {
    SN_TRY(check_parameters(checkpoint, parameters, error));
    for (size_t i = 0; i < sn_parameters_count(parameters); i++) {
        const sn_parameter *entry = sn_parameters_at(parameters, i);
        char name[NAME_SIZE];
        snprintf(name, sizeof name, "state/%s", entry->name);
        SN_TRY(sn_h5_read_floats(&checkpoint->h5, name, &entry->shape, entry->value, error));
        SN_TRY(check_values(checkpoint, name, entry, error));
    }
    return SN_OK;
}

/* A sum or a time. */
static sn_status read_amount(const sn_h5 *h5, const char *name, double *value, sn_error *error) {
    SN_TRY(sn_h5_read_double(h5, name, value, error));
    SN_RETURN_IF(!(isfinite(*value) && *value >= 0), error, SN_ERROR_DATA,
                 "%s: %s holds %g; it is finite and 0 or more", h5->path, name, *value);
    return SN_OK;
}

static sn_status read_best(const sn_h5 *h5, sn_train_state *state, sn_error *error) {
    SN_TRY(sn_h5_read_double(h5, "training/best_top1", &state->best_top1, error));
    const bool none = state->best_top1 == -1;
    SN_RETURN_IF(!none && !(state->best_top1 >= 0 && state->best_top1 <= 100), error, SN_ERROR_DATA,
                 "%s: training/best_top1 holds %g; it is from 0 to 100 percent, or -1", h5->path,
                 state->best_top1);
    SN_TRY(sn_h5_read_u64(h5, "training/best_epoch", &state->best_epoch, error));
    SN_RETURN_IF(state->best_epoch > state->epoch, error, SN_ERROR_DATA,
                 "%s: training/best_epoch is %llu, but training/epoch %llu", h5->path,
                 (unsigned long long)state->best_epoch, (unsigned long long)state->epoch);
    return SN_OK;
}

sn_status sn_checkpoint_read_training(const sn_checkpoint *checkpoint,
                                      const sn_parameters *parameters, sn_optimizer *optimizer,
                                      sn_train_state *state, sn_error *error) {
    sn_h5 h5 = checkpoint->h5;
    uint64_t steps;
    SN_TRY(visit_optimizer(&h5, false, parameters, optimizer, error));
    SN_TRY(sn_h5_read_u64(&h5, "optimizer/steps", &steps, error));
    sn_optimizer_set_steps(optimizer, steps);
    SN_TRY(sn_h5_read_u64(&h5, "training/epoch", &state->epoch, error));
    SN_TRY(sn_h5_read_u64(&h5, "training/step", &state->step, error));
    SN_TRY(read_amount(&h5, "training/loss_sum", &state->loss_sum, error));
    SN_TRY(sn_h5_read_u64(&h5, "training/correct", &state->correct, error));
    SN_TRY(read_amount(&h5, "training/seconds", &state->seconds, error));
    SN_RETURN_IF(state->correct > state->step * checkpoint->config.batch, error, SN_ERROR_DATA,
                 "%s: training/correct is %llu, more than the images of %llu steps", h5.path,
                 (unsigned long long)state->correct, (unsigned long long)state->step);
    if (checkpoint->config.clip_grad > 0) {
        SN_TRY(read_amount(&h5, "training/norm_sum", &state->norm_sum, error));
        SN_TRY(sn_h5_read_u64(&h5, "training/clipped", &state->clipped, error));
    }
    return read_best(&h5, state, error);
}

bool sn_checkpoint_has(const sn_checkpoint *checkpoint, const char *name) {
    return sn_h5_has(&checkpoint->h5, name);
}

sn_status sn_checkpoint_read_extra(const sn_checkpoint *checkpoint,
                                   const sn_checkpoint_extra *extra, sn_error *error) {
    if (extra->bytes)
        return sn_h5_read_bytes(&checkpoint->h5, extra->name, &extra->shape, extra->bytes, error);
    SN_TRY(sn_h5_read_floats(&checkpoint->h5, extra->name, &extra->shape, extra->floats, error));
    for (size_t i = 0; i < sn_shape_count(&extra->shape); i++)
        SN_RETURN_IF(!isfinite(extra->floats[i]), error, SN_ERROR_DATA,
                     "%s: %s holds values that are not finite", checkpoint->path, extra->name);
    return SN_OK;
}
