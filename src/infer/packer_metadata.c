/* What a model says about itself: infer/metadata.h has the layout. */
#include "base/memory.h"
#include "infer/metadata.h"
#include "infer/packer_nodes.h"

#include <math.h>

sn_status sn_packer_set_normalisation(sn_packer *packer, const float *mean, const float *deviation,
                                      sn_error *error) {
    const size_t channels = packer->nodes[0].shape.channels;
    for (size_t c = 0; c < channels; c++) {
        SN_RETURN_IF(!isfinite(mean[c]), error, SN_ERROR_ARGUMENT,
                     "packer: the mean of channel %zu is not finite", c);
        SN_RETURN_IF(!isfinite(deviation[c]) || !(deviation[c] > 0), error, SN_ERROR_ARGUMENT,
                     "packer: the deviation of channel %zu is %g, not above 0", c,
                     (double)deviation[c]);
    }
    float *values = sn_alloc_array(2 * channels, sizeof *values);
    SN_RETURN_IF(!values, error, SN_ERROR_MEMORY, "packer: out of memory");
    memcpy(values, mean, channels * sizeof *values);
    memcpy(values + channels, deviation, channels * sizeof *values);
    sn_free(packer->normalisation);
    packer->normalisation = values;
    return SN_OK;
}

static sn_status check_name(const char *name, const char *what, sn_error *error) {
    SN_RETURN_IF(
        !sn_infer_is_name((const unsigned char *)name, strlen(name)), error, SN_ERROR_ARGUMENT,
        "packer: the name of %s, '%.80s', is not at most %d bytes of UTF-8 without control "
        "characters",
        what, name, SN_INFER_MAX_TEXT);
    return SN_OK;
}

static sn_status set_text(char **text, const char *name, const char *what, sn_error *error) {
    char *copy = NULL;
    if (name && name[0]) {
        SN_TRY(check_name(name, what, error));
        copy = sn_alloc(strlen(name) + 1);
        SN_RETURN_IF(!copy, error, SN_ERROR_MEMORY, "packer: out of memory");
        memcpy(copy, name, strlen(name) + 1);
    }
    sn_free(*text);
    *text = copy;
    return SN_OK;
}

sn_status sn_packer_set_name(sn_packer *packer, const char *name, sn_error *error) {
    return set_text(&packer->name, name, "the network", error);
}

sn_status sn_packer_set_dataset(sn_packer *packer, const char *dataset, sn_error *error) {
    return set_text(&packer->dataset, dataset, "the data set", error);
}

sn_status sn_packer_set_layer_name(sn_packer *packer, sn_packer_value value, const char *name,
                                   sn_error *error) {
    SN_RETURN_IF(value < 1 || value >= packer->count, error, SN_ERROR_ARGUMENT,
                 "packer: value %d is not the result of a layer; known: 1 to %d", value,
                 packer->count - 1);
    return set_text(&packer->nodes[value].name, name, "a layer", error);
}

/* NULL for a layer that is not written, too. */
static const char *layer_name(const sn_packer *packer, int node) {
    return packer->nodes[node].written ? packer->nodes[node].name : NULL;
}

sn_status sn_packer_check_names(const sn_packer *packer, bool *named, sn_error *error) {
    int layers = 0, names = 0;
    for (int i = 1; i < packer->count; i++) {
        layers += packer->nodes[i].written;
        names += layer_name(packer, i) != NULL;
    }
    *named = names > 0;
    SN_RETURN_IF(names > 0 && names < layers, error, SN_ERROR_ARGUMENT,
                 "packer: %d of %d layers have names; either all have or none", names, layers);
    SN_RETURN_IF(sn_packer_text_bytes(packer) > INT32_MAX, error, SN_ERROR_ARGUMENT,
                 "packer: all names together take more than 2^31 - 1 bytes");
    return SN_OK;
}

sn_status sn_packer_set_class_names(sn_packer *packer, const char *const *names, int count,
                                    sn_error *error) {
    size_t bytes = 0, used = 0;
    for (int i = 0; i < count; i++) {
        SN_RETURN_IF(!names[i][0], error, SN_ERROR_ARGUMENT, "packer: class %d has an empty name",
                     i);
        SN_TRY(check_name(names[i], "a class", error));
        bytes += strlen(names[i]) + 1;
    }
    SN_RETURN_IF(bytes > INT32_MAX, error, SN_ERROR_ARGUMENT,
                 "packer: the names of %d classes take more than 2^31 - 1 bytes", count);
    char *copy = bytes ? sn_alloc(bytes) : NULL;
    SN_RETURN_IF(bytes && !copy, error, SN_ERROR_MEMORY, "packer: out of memory");
    for (int i = 0; i < count; i++) {
        memcpy(copy + used, names[i], strlen(names[i]) + 1);
        used += strlen(names[i]) + 1;
    }
    sn_free(packer->class_names);
    packer->class_names = copy;
    packer->class_name_bytes = bytes;
    packer->class_count = count;
    return SN_OK;
}

static size_t text_size(const char *text) {
    return (text ? strlen(text) : 0) + 1;
}

size_t sn_packer_text_bytes(const sn_packer *packer) {
    size_t bytes = text_size(packer->name) + text_size(packer->dataset) + packer->class_name_bytes;
    for (int i = 1; i < packer->count; i++)
        bytes += layer_name(packer, i) ? text_size(layer_name(packer, i)) : 0;
    return bytes;
}

size_t sn_packer_metadata_bytes(const sn_packer *packer) {
    const size_t floats = packer->normalisation ? 2 * packer->nodes[0].shape.channels : 0;
    return floats * 4 + sn_packer_text_bytes(packer);
}

static unsigned char *write_text(unsigned char *bytes, const char *text) {
    memcpy(bytes, text ? text : "", text_size(text));
    return bytes + text_size(text);
}

void sn_packer_write_metadata(const sn_packer *packer, unsigned char *bytes) {
    if (packer->normalisation) {
        const size_t floats = 2 * packer->nodes[0].shape.channels;
        sn_infer_store_words(bytes, packer->normalisation, floats);
        bytes += 4 * floats;
    }
    bytes = write_text(bytes, packer->name);
    bytes = write_text(bytes, packer->dataset);
    for (int i = 1; i < packer->count; i++)
        if (layer_name(packer, i))
            bytes = write_text(bytes, layer_name(packer, i));
    if (packer->class_names)
        memcpy(bytes, packer->class_names, packer->class_name_bytes);
}
