#define _POSIX_C_SOURCE 200809L
#include "train/checkpoint.h"

#include "base/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME_SIZE = SN_PARAMETER_NAME_SIZE + 64, PATH_SIZE = 4096 };

static const char format_text[] = "signet checkpoint 1";

struct sn_checkpoint {
    sn_h5 h5;
    char *path;
    sn_train_config config;
    sn_input_info input;
    sn_labels labels;
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

/* Calls sn_h5_write_floats or sn_h5_read_floats for every piece of the optimizer's state. */
static sn_status visit_optimizer(sn_h5 *h5, bool writing, const sn_parameters *parameters,
                                 sn_optimizer *optimizer, sn_error *error) {
    for (int slot = 0; sn_optimizer_slot_name(optimizer, slot); slot++) {
        for (size_t i = 0; i < sn_parameters_count(parameters); i++) {
            const sn_parameter *entry = sn_parameters_at(parameters, i);
            if (!sn_role_is_trained(entry->role))
                continue;
            char name[NAME_SIZE];
            snprintf(name, sizeof name, "optimizer/%s/%s", sn_optimizer_slot_name(optimizer, slot),
                     entry->name);
            float *values = sn_optimizer_slot(optimizer, slot) + entry->offset;
            if (writing)
                SN_TRY(sn_h5_write_floats(h5, name, &entry->shape, values, error));
            else
                SN_TRY(sn_h5_read_floats(h5, name, &entry->shape, values, error));
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

static sn_status write_all(sn_h5 *h5, const sn_checkpoint_content *c, sn_error *error) {
    char *json;
    SN_TRY(sn_config_to_json(c->config, c->input, &json, error));
    sn_status status = sn_h5_write_text(h5, "config", json, error);
    free(json);
    SN_TRY(status);
    SN_TRY(sn_labels_to_json(c->labels, &json, error));
    status = sn_h5_write_text(h5, "classes", json, error);
    free(json);
    SN_TRY(status);
    SN_TRY(sn_h5_write_text(h5, "format", format_text, error));
    SN_TRY(write_parameters(h5, c->parameters, error));
    SN_TRY(visit_optimizer(h5, true, c->parameters, c->optimizer, error));
    for (size_t i = 0; i < c->extra_count; i++)
        SN_TRY(write_extra(h5, &c->extras[i], error));
    return write_state(h5, c->config, c->state, c->optimizer, error);
}

sn_status sn_checkpoint_write(const char *path, const sn_checkpoint_content *content,
                              sn_error *error) {
    char temporary[PATH_SIZE];
    SN_RETURN_IF(snprintf(temporary, sizeof temporary, "%s.tmp", path) >= (int)sizeof temporary,
                 error, SN_ERROR_ARGUMENT, "%s: path too long", path);
    sn_h5 h5;
    SN_TRY(sn_h5_create(temporary, &h5, error));
    sn_status status = write_all(&h5, content, error);
    const sn_status closed = sn_h5_close(&h5, status == SN_OK ? error : NULL);
    if (status == SN_OK)
        status = closed;
    if (status == SN_OK)
        return sn_file_replace(temporary, path, error);
    unlink(temporary);
    return status;
}

static sn_status read_labels(sn_checkpoint *checkpoint, sn_error *error) {
    char *text = NULL;
    if (sn_h5_has(&checkpoint->h5, "classes"))
        SN_TRY(sn_h5_read_text(&checkpoint->h5, "classes", &text, error));
    const sn_status status = sn_labels_read(&checkpoint->config, &checkpoint->input, text,
                                            checkpoint->path, &checkpoint->labels, error);
    free(text);
    return status;
}

static sn_status read_header(sn_checkpoint *checkpoint, sn_error *error) {
    char *text;
    SN_RETURN_IF(!sn_h5_has(&checkpoint->h5, "format") || !sn_h5_has(&checkpoint->h5, "config"),
                 error, SN_ERROR_DATA,
                 "%s: not a signet checkpoint (no data sets 'format' and 'config')",
                 checkpoint->path);
    SN_TRY(sn_h5_read_text(&checkpoint->h5, "format", &text, error));
    const bool known = strcmp(text, format_text) == 0;
    free(text);
    SN_RETURN_IF(!known, error, SN_ERROR_DATA,
                 "%s: written in another version of the format; need '%s'", checkpoint->path,
                 format_text);
    SN_TRY(sn_h5_read_text(&checkpoint->h5, "config", &text, error));
    const sn_status status =
        sn_config_from_json(text, checkpoint->path, &checkpoint->config, &checkpoint->input, error);
    free(text);
    SN_TRY(status);
    return read_labels(checkpoint, error);
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
        *checkpoint = opened;
    else
        sn_checkpoint_free(opened);
    return status;
}

void sn_checkpoint_free(sn_checkpoint *checkpoint) {
    if (!checkpoint)
        return;
    if (checkpoint->h5.file >= 0)
        sn_h5_close(&checkpoint->h5, NULL);
    sn_labels_clear(&checkpoint->labels);
    free(checkpoint->path);
    free(checkpoint);
}

const sn_train_config *sn_checkpoint_config(const sn_checkpoint *checkpoint) {
    return &checkpoint->config;
}

const sn_input_info *sn_checkpoint_input(const sn_checkpoint *checkpoint) {
    return &checkpoint->input;
}

const sn_labels *sn_checkpoint_labels(const sn_checkpoint *checkpoint) {
    return &checkpoint->labels;
}

/* What values with that role must be, or NULL when this is one. */
static const char *wanted_value(sn_role role, float value) {
    switch (role) {
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
    const size_t count = sn_parameters_count(parameters);
    const size_t stored = sn_h5_group_size(&checkpoint->h5, "state");
    const char *arch = sn_arch_name(checkpoint->config.arch);
    SN_RETURN_IF(stored != count, error, SN_ERROR_DATA,
                 "%s: holds %zu parameters, but %s has %zu: a checkpoint of another architecture",
                 checkpoint->path, stored, arch, count);
    for (size_t i = 0; i < count; i++) {
        const sn_parameter *entry = sn_parameters_at(parameters, i);
        char name[NAME_SIZE];
        snprintf(name, sizeof name, "state/%s", entry->name);
        sn_error inner;
        SN_RETURN_IF(
            sn_h5_read_floats(&checkpoint->h5, name, &entry->shape, entry->value, &inner) != SN_OK,
            error, SN_ERROR_DATA, "%.900s: a checkpoint of another architecture than %s",
            inner.message, arch);
        SN_TRY(check_values(checkpoint, name, entry, error));
    }
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
    SN_TRY(sn_h5_read_double(&h5, "training/loss_sum", &state->loss_sum, error));
    SN_TRY(sn_h5_read_u64(&h5, "training/correct", &state->correct, error));
    SN_TRY(sn_h5_read_double(&h5, "training/seconds", &state->seconds, error));
    SN_TRY(sn_h5_read_double(&h5, "training/best_top1", &state->best_top1, error));
    if (checkpoint->config.clip_grad > 0) {
        SN_TRY(sn_h5_read_double(&h5, "training/norm_sum", &state->norm_sum, error));
        SN_TRY(sn_h5_read_u64(&h5, "training/clipped", &state->clipped, error));
    }
    return sn_h5_read_u64(&h5, "training/best_epoch", &state->best_epoch, error);
}

bool sn_checkpoint_has(const sn_checkpoint *checkpoint, const char *name) {
    return sn_h5_has(&checkpoint->h5, name);
}

sn_status sn_checkpoint_read_extra(const sn_checkpoint *checkpoint,
                                   const sn_checkpoint_extra *extra, sn_error *error) {
    if (extra->bytes)
        return sn_h5_read_bytes(&checkpoint->h5, extra->name, &extra->shape, extra->bytes, error);
    return sn_h5_read_floats(&checkpoint->h5, extra->name, &extra->shape, extra->floats, error);
}
