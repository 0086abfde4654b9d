#include "train/metadata.h"

#include "base/text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Copies a name; what is not fit for one becomes '?'. */
static void clean_name(const char *text, char name[SN_CLASS_NAME_SIZE]) {
    const size_t length = strlen(text);
    const bool ascii_only = !sn_text_is_utf8(text) || length >= SN_CLASS_NAME_SIZE;
    size_t i = 0;
    for (; i < length && i + 1 < SN_CLASS_NAME_SIZE; i++) {
        const unsigned char byte = (unsigned char)text[i], next = (unsigned char)text[i + 1];
        const bool control = byte < 0x20 || byte == 0x7f;
        name[i] = text[i];
        if (control || (ascii_only && byte >= 0x80))
            name[i] = '?';
        if (!ascii_only && byte == 0xc2 && next < 0xa0) { /* a control character of Latin-1 */
            name[i++] = '?';
            name[i] = '?';
        }
    }
    name[i] = '\0';
}

void sn_class_name(const sn_dataset *dataset, int label, char name[SN_CLASS_NAME_SIZE]) {
    clean_name(sn_dataset_class_name(dataset, label), name);
}

static void begin(const sn_train_config *config, const sn_input_info *input,
                  sn_metadata *metadata) {
    *metadata = (sn_metadata){.dataset = sn_dataset_name(config->dataset),
                              .statistics = input->statistics,
                              .classes = input->classes};
    sn_config_run_name(config, metadata->name);
}

static sn_status make_room(sn_metadata *metadata, sn_error *error) {
    metadata->class_names = calloc((size_t)metadata->classes, sizeof *metadata->class_names);
    SN_RETURN_IF(!metadata->class_names, error, SN_ERROR_MEMORY,
                 "out of memory for the names of %d classes", metadata->classes);
    return SN_OK;
}

sn_status sn_metadata_make(const sn_train_config *config, const sn_input_info *input,
                           const sn_dataset *dataset, sn_metadata *metadata, sn_error *error) {
    begin(config, input, metadata);
    SN_TRY(make_room(metadata, error));
    for (int i = 0; i < metadata->classes; i++)
        sn_class_name(dataset, i, metadata->class_names[i]);
    return SN_OK;
}

void sn_metadata_clear(sn_metadata *metadata) {
    free(metadata->class_names);
    metadata->class_names = NULL;
}

sn_status sn_metadata_to_json(const sn_metadata *metadata, char **text, sn_error *error) {
    json_t *names = json_array();
    for (int i = 0; i < metadata->classes; i++)
        json_array_append_new(names, json_string(metadata->class_names[i]));
    *text = json_array_size(names) == (size_t)metadata->classes ? json_dumps(names, 0) : NULL;
    json_decref(names);
    SN_RETURN_IF(!*text, error, SN_ERROR_MEMORY, "out of memory for the names of %d classes",
                 metadata->classes);
    return SN_OK;
}

static sn_status read_names(const json_t *names, const char *source, sn_metadata *metadata,
                            sn_error *error) {
    SN_RETURN_IF(json_array_size(names) != (size_t)metadata->classes, error, SN_ERROR_DATA,
                 "%s: does not name each of its %d classes in 'classes'", source,
                 metadata->classes);
    SN_TRY(make_room(metadata, error));
    for (int i = 0; i < metadata->classes; i++) {
        const char *name = json_string_value(json_array_get(names, (size_t)i));
        SN_RETURN_IF(!name || !name[0], error, SN_ERROR_DATA,
                     "%s: the name of class %d in 'classes' is not a text", source, i);
        clean_name(name, metadata->class_names[i]);
    }
    return SN_OK;
}

/* What an older checkpoint does not say, some data sets do. */
static sn_status take_fixed_names(const sn_train_config *config, sn_metadata *metadata,
                                  sn_error *error) {
    int count;
    const char *const *names = sn_dataset_fixed_classes(config->dataset, &count);
    if (!names || count != metadata->classes)
        return SN_OK;
    SN_TRY(make_room(metadata, error));
    for (int i = 0; i < count; i++)
        clean_name(names[i], metadata->class_names[i]);
    return SN_OK;
}

sn_status sn_metadata_read(const sn_train_config *config, const sn_input_info *input,
                           const char *json, const char *source, sn_metadata *metadata,
                           sn_error *error) {
    begin(config, input, metadata);
    if (!json)
        return take_fixed_names(config, metadata, error);
    json_error_t where;
    json_t *names = json_loads(json, 0, &where);
    SN_RETURN_IF(!names && json_error_code(&where) == json_error_out_of_memory, error,
                 SN_ERROR_MEMORY, "%s: out of memory for the names of its classes", source);
    const sn_status status = read_names(names, source, metadata, error);
    json_decref(names);
    return status;
}
