#include "train/warm_start.h"

#include "layers/quantize.h"

#include <stdio.h>
#include <string.h>

enum { LEAVES = 16, LIST_SIZE = 900 };

/* Names with the same last part, "weight_scale", of which only the first and the last are said. */
typedef struct leaf {
    char first[SN_PARAMETER_NAME_SIZE], last[SN_PARAMETER_NAME_SIZE];
    size_t count;
} leaf;

typedef struct name_list {
    leaf leaves[LEAVES];
    size_t count, others; /* others: beyond the leaves that there is room for */
} name_list;

/* What does not come from the checkpoint, and what of it goes nowhere. */
typedef struct differences {
    name_list missing, unused;
    bool signs; /* by the weights */
} differences;

/* "layer1.0.conv1.weight_scale" to "weight_scale" */
static const char *leaf_of(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot ? dot + 1 : name;
}

static void add_name(name_list *list, const char *name) {
    size_t i = 0;
    while (i < list->count && strcmp(leaf_of(list->leaves[i].first), leaf_of(name)) != 0)
        i++;
    if (i == LEAVES) {
        list->others++;
        return;
    }
    leaf *found = &list->leaves[i];
    if (i == list->count) {
        list->count++;
        snprintf(found->first, sizeof found->first, "%s", name);
    }
    snprintf(found->last, sizeof found->last, "%s", name);
    found->count++;
}

/* "weight_scale of 18 layers (layer1.0.conv1 to layer3.2.conv2), act1.weight" */
static void list_names(const name_list *list, char text[LIST_SIZE]) {
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < list->count && used < LIST_SIZE; i++) {
        const leaf *l = &list->leaves[i];
        const char *name = leaf_of(l->first), *comma = i ? ", " : "";
        if (l->count == 1)
            used += (size_t)snprintf(text + used, LIST_SIZE - used, "%s%s", comma, l->first);
        else
            used +=
                (size_t)snprintf(text + used, LIST_SIZE - used, "%s%s of %zu layers (%.*s to %.*s)",
                                 comma, name, l->count, (int)(name - l->first - 1), l->first,
                                 (int)(leaf_of(l->last) - l->last - 1), l->last);
    }
    if (list->others && used < LIST_SIZE)
        snprintf(text + used, LIST_SIZE - used, " and %zu others", list->others);
}

/* Whether a network of the same architecture can be without it. */
static bool is_optional(sn_role role) {
    return role == SN_ROLE_SLOPE || role == SN_ROLE_SCALE || role == SN_ROLE_INPUT_RANGE ||
           role == SN_ROLE_SIGN || role == SN_ROLE_SIGN_EVIDENCE;
}

static bool is_stored(const sn_checkpoint *checkpoint, const char *name) {
    char path[SN_PARAMETER_NAME_SIZE + 8];
    snprintf(path, sizeof path, "state/%s", name);
    return sn_checkpoint_has(checkpoint, path);
}

static sn_status check_network(const sn_train_config *config, const sn_input_info *input,
                               const sn_checkpoint *checkpoint, sn_error *error) {
    const sn_train_config *other = sn_checkpoint_config(checkpoint);
    const sn_input_info *taken = sn_checkpoint_input(checkpoint);
    SN_RETURN_IF(other->arch != config->arch, error, SN_ERROR_ARGUMENT,
                 "--init %.400s: holds a %s, but this run trains a %s; --arch %s takes it",
                 config->init, sn_arch_name(other->arch), sn_arch_name(config->arch),
                 sn_arch_name(other->arch));
    SN_RETURN_IF(other->width != config->width, error, SN_ERROR_ARGUMENT,
                 "--init %.400s: has --width %g, but this run %g; --width %g takes it",
                 config->init, other->width, config->width, other->width);
    SN_RETURN_IF(taken->classes != input->classes, error, SN_ERROR_ARGUMENT,
                 "--init %.400s: tells %d classes apart, but the data has %d; need the same number",
                 config->init, taken->classes, input->classes);
    SN_RETURN_IF(taken->channels != input->channels, error, SN_ERROR_ARGUMENT,
                 "--init %.400s: takes pictures of %d channels, but the data has %d; need the same "
                 "number",
                 config->init, taken->channels, input->channels);
    return SN_OK;
}

static sn_status read_entry(const sn_checkpoint *checkpoint, const sn_parameter *entry,
                            sn_error *error) {
    sn_error inner;
    if (sn_checkpoint_read_parameter(checkpoint, entry, &inner) == SN_OK)
        return SN_OK;
    const bool by_region = entry->role == SN_ROLE_SIGN || entry->role == SN_ROLE_SIGN_EVIDENCE;
    return sn_error_set(error, SN_ERROR_ARGUMENT, "--init %.800s%s", inner.message,
                        by_region ? "; --region must be as it was in that run" : "");
}

/* Reads what the checkpoint has, and takes down what it has not. */
static sn_status read_entries(const sn_train_config *config, const sn_checkpoint *checkpoint,
                              sn_parameters *parameters, differences *found, sn_error *error) {
    for (size_t i = 0; i < sn_parameters_count(parameters); i++) {
        const sn_parameter *entry = sn_parameters_at(parameters, i);
        if (is_stored(checkpoint, entry->name)) {
            SN_TRY(read_entry(checkpoint, entry, error));
            continue;
        }
        SN_RETURN_IF(!is_optional(entry->role), error, SN_ERROR_ARGUMENT,
                     "--init %.400s: has no %s; the file is damaged or holds another architecture",
                     config->init, entry->name);
        if (entry->role == SN_ROLE_SIGN)
            found->signs = true;
        else
            add_name(&found->missing, entry->name);
    }
    return SN_OK;
}

static sn_status read_signs(const sn_checkpoint *checkpoint, sn_parameters *parameters,
                            sn_error *error) {
    for (size_t i = 0; i < sn_parameters_count(parameters); i++) {
        const sn_parameter *entry = sn_parameters_at(parameters, i);
        if (entry->role == SN_ROLE_SIGN && is_stored(checkpoint, entry->name))
            SN_TRY(read_entry(checkpoint, entry, error));
    }
    return SN_OK;
}

static bool has_parameter(const sn_parameters *parameters, const char *name) {
    for (size_t i = 0; i < sn_parameters_count(parameters); i++)
        if (strcmp(sn_parameters_at(parameters, i)->name, name) == 0)
            return true;
    return false;
}

static void find_unused(const sn_checkpoint *checkpoint, const sn_parameters *parameters,
                        name_list *unused) {
    char name[SN_PARAMETER_NAME_SIZE];
    for (size_t i = 0; sn_checkpoint_parameter_name(checkpoint, i, name); i++)
        if (!has_parameter(parameters, name))
            add_name(unused, name);
}

static void write_note(const char *path, const differences *found,
                       char note[SN_WARM_START_NOTE_SIZE]) {
    char missing[LIST_SIZE], unused[LIST_SIZE];
    const char *join = ": ";
    size_t used = 0;
    list_names(&found->missing, missing);
    list_names(&found->unused, unused);
    const struct {
        bool wanted;
        const char *what, *names;
    } parts[] = {{found->missing.count, "not in it, so as initialised: ", missing},
                 {found->signs, "signs are those of its weights", ""},
                 {found->unused.count, "in it, but not in this network: ", unused}};
    note[0] = '\0';
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!parts[i].wanted)
            continue;
        if (used == 0)
            used += (size_t)snprintf(note, SN_WARM_START_NOTE_SIZE, "--init %.200s", path);
        used += (size_t)snprintf(note + used, SN_WARM_START_NOTE_SIZE - used, "%s%s%s", join,
                                 parts[i].what, parts[i].names);
        join = "; ";
    }
}

static sn_status take_over(const sn_train_config *config, const sn_input_info *input,
                           const sn_checkpoint *checkpoint, sn_parameters *parameters,
                           const sn_layers *layers, char note[SN_WARM_START_NOTE_SIZE],
                           sn_error *error) {
    differences found = {0};
    SN_TRY(check_network(config, input, checkpoint, error));
    SN_TRY(read_entries(config, checkpoint, parameters, &found, error));
    /* All signs by the weights, then those that the checkpoint has, once more. */
    sn_layers_initialise_signs(layers);
    SN_TRY(read_signs(checkpoint, parameters, error));
    find_unused(checkpoint, parameters, &found.unused);
    write_note(config->init, &found, note);
    return SN_OK;
}

sn_status sn_warm_start(const sn_train_config *config, const sn_input_info *input,
                        sn_parameters *parameters, const sn_layers *layers,
                        char note[SN_WARM_START_NOTE_SIZE], sn_error *error) {
    sn_checkpoint *checkpoint;
    sn_error inner;
    SN_RETURN_IF(sn_checkpoint_open(config->init, &checkpoint, &inner) != SN_OK, error,
                 inner.status, "--init: %.900s", inner.message);
    const sn_status status = take_over(config, input, checkpoint, parameters, layers, note, error);
    sn_checkpoint_free(checkpoint);
    return status;
}
