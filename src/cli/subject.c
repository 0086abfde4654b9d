#include "cli/subject.h"

#include "autograd/op.h"
#include "base/file.h"
#include "base/memory.h"
#include "train/calibrate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CALIBRATION_BATCH = 16 }; /* images at once; the inputs of all layers are kept */

/* Whether the file is meant to be a model: what it is called, or how it begins. */
static bool is_model_file(const char *path) {
    const size_t length = strlen(path);
    if (length > 4 && strcmp(path + length - 4, ".sgn") == 0)
        return true;
    char start[SN_INFER_HEADER_BYTES];
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    const bool is_model = sn_infer_peek(start, fread(start, 1, sizeof start, file)).is_model;
    fclose(file);
    return is_model;
}

/* Says what is wrong with a model's bytes. */
static sn_status refuse_model(const sn_subject *s, sn_infer_status status, sn_error *error) {
    const sn_infer_start start = sn_infer_peek(s->packed, s->packed_bytes);
    switch (status) {
    case SN_INFER_NOT_A_MODEL:
        return sn_error_set(error, SN_ERROR_DATA,
                            "%s: not a signet model: it does not begin with '" SN_INFER_MAGIC
                            "'; eval CHECKPOINT --export FILE.sgn writes one",
                            s->path);
    case SN_INFER_BAD_VERSION:
        return sn_error_set(error, SN_ERROR_DATA,
                            "%s: written in version %u of the model format, need version %d; "
                            "export it from its checkpoint again",
                            s->path, start.version, SN_INFER_FORMAT_VERSION);
    case SN_INFER_TRUNCATED:
        return sn_error_set(error, SN_ERROR_DATA,
                            "%s: truncated model: %zu bytes, should be at least %llu", s->path,
                            s->packed_bytes, (unsigned long long)start.model_bytes);
    default:
        return sn_error_set(error, SN_ERROR_DATA, "%s: %s; export it from its checkpoint again",
                            s->path, sn_infer_status_text(status));
    }
}

static sn_status read_model(sn_subject *s, sn_error *error) {
    unsigned char *bytes;
    SN_TRY(sn_file_read(s->path, INT32_MAX, &bytes, &s->packed_bytes, error));
    s->packed = bytes;
    const sn_infer_options options = {.isa = SN_INFER_ISA_PORTABLE};
    const sn_infer_status status = sn_infer_inspect(s->packed, s->packed_bytes, &options, &s->info);
    if (status != SN_INFER_OK)
        return refuse_model(s, status, error);
    SN_RETURN_IF(s->info.packed_bytes != s->packed_bytes, error, SN_ERROR_DATA,
                 "%s: %zu bytes follow the end of the model", s->path,
                 s->packed_bytes - s->info.packed_bytes);
    s->input = (sn_input_info){.classes = s->info.classes,
                               .channels = s->info.channels,
                               .height = s->info.height,
                               .width = s->info.width};
    if (s->input.channels <= SN_DATASET_MAX_CHANNELS)
        s->normalised = sn_infer_normalisation(s->packed, s->input.statistics.mean,
                                               s->input.statistics.deviation);
    return SN_OK;
}

/* An eval network for the checkpoint's parameters. */
static sn_network_options network_options(const sn_subject *s, size_t batch, int threads) {
    return (sn_network_options){.model =
                                    sn_config_model(sn_checkpoint_config(s->checkpoint), &s->input),
                                .mode = SN_GRAPH_EVAL,
                                .batch = batch,
                                .threads = threads};
}

static sn_status inspect_frozen(sn_subject *s, sn_error *error) {
    const sn_infer_options options = {.isa = SN_INFER_ISA_PORTABLE};
    const sn_infer_status status = sn_infer_inspect(s->packed, s->packed_bytes, &options, &s->info);
    SN_RETURN_IF(status != SN_INFER_OK, error, SN_ERROR_INTERNAL, "packed model: %s",
                 sn_infer_status_text(status));
    return SN_OK;
}

static sn_status freeze(sn_subject *s, sn_error *error) {
    sn_free(s->packed);
    s->packed = NULL;
    SN_TRY(sn_freeze(&s->network, sn_checkpoint_metadata(s->checkpoint), &s->packed,
                     &s->packed_bytes, error));
    return inspect_frozen(s, error);
}

static sn_status freeze_checkpoint(sn_subject *s, int threads, sn_error *error) {
    SN_TRY(sn_checkpoint_open(s->path, &s->checkpoint, error));
    s->input = *sn_checkpoint_input(s->checkpoint);
    s->normalised = true;
    const sn_network_options network = network_options(s, SN_SUBJECT_BATCH, threads);
    SN_TRY(sn_parameters_create(&s->parameters, error));
    SN_TRY(sn_network_create(&network, s->parameters, &s->network, error));
    SN_TRY(sn_checkpoint_read_parameters(s->checkpoint, s->parameters, error));
    return freeze(s, error);
}

sn_status sn_subject_open(const char *path, int threads, sn_subject *subject, sn_error *error) {
    *subject = (sn_subject){.path = path};
    return is_model_file(path) ? read_model(subject, error)
                               : freeze_checkpoint(subject, threads, error);
}

void sn_subject_close(sn_subject *subject) {
    sn_free(subject->packed);
    sn_network_free(&subject->network);
    sn_parameters_free(subject->parameters);
    sn_checkpoint_free(subject->checkpoint);
}

static sn_status freeze_rounded(sn_subject *s, const sn_network *network, const sn_dataset *dataset,
                                size_t images, sn_error *error) {
    void *packed = NULL;
    size_t bytes = 0;
    sn_input_step *steps = sn_alloc_array((size_t)network->layers.count, sizeof(sn_input_step));
    SN_RETURN_IF(!steps, error, SN_ERROR_MEMORY, "out of memory for calibration");
    sn_status status = sn_calibrate(network, dataset, &s->input.statistics, images, steps, error);
    if (status == SN_OK)
        status = sn_freeze_integers(network, sn_checkpoint_metadata(s->checkpoint), steps, &packed,
                                    &bytes, error);
    sn_free(steps);
    SN_TRY(status);
    sn_free(s->packed);
    s->packed = packed;
    s->packed_bytes = bytes;
    return inspect_frozen(s, error);
}

bool sn_subject_was_rounded(const sn_subject *subject) {
    return subject->checkpoint && sn_checkpoint_config(subject->checkpoint)->act == SN_ACT_INT8;
}

sn_status sn_subject_check_act(const sn_subject *subject, sn_act act, sn_error *error) {
    SN_RETURN_IF(!subject->checkpoint, error, SN_ERROR_ARGUMENT,
                 "--act %s: %s is a model file, whose activations are settled; give its "
                 "checkpoint instead",
                 sn_act_name((int)act), subject->path);
    return SN_OK;
}

/* Without a range nothing is rounded. */
sn_status sn_subject_use_floats(sn_subject *subject, sn_error *error) {
    for (size_t i = 0; i < sn_parameters_count(subject->parameters); i++) {
        const sn_parameter *entry = sn_parameters_at(subject->parameters, i);
        if (entry->role == SN_ROLE_INPUT_RANGE)
            entry->value[0] = 0;
    }
    return freeze(subject, error);
}

sn_status sn_subject_can_calibrate(const sn_subject *subject, sn_error *error) {
    SN_TRY(sn_subject_check_act(subject, SN_ACT_INT8, error));
    SN_RETURN_IF(subject->info.quantized_weights == 0, error, SN_ERROR_ARGUMENT,
                 "--act int8: %s has no convolutions with one-bit or ternary weights",
                 subject->path);
    return SN_OK;
}

sn_status sn_subject_calibrate(sn_subject *subject, const sn_dataset *dataset, size_t images,
                               int threads, sn_error *error) {
    sn_network network = {0};
    SN_TRY(sn_subject_can_calibrate(subject, error));
    SN_TRY(sn_subject_check(subject, dataset, error));
    sn_network_options options = network_options(subject, CALIBRATION_BATCH, threads);
    options.keep_inputs = true;
    sn_status status = sn_network_create(&options, subject->parameters, &network, error);
    if (status == SN_OK)
        status = freeze_rounded(subject, &network, dataset, images, error);
    sn_network_free(&network);
    return status;
}

int sn_subject_dataset(const sn_subject *subject) {
    if (subject->checkpoint)
        return sn_checkpoint_config(subject->checkpoint)->dataset;
    return sn_choice_find(sn_dataset_name, sn_infer_dataset_name(subject->packed));
}

sn_status sn_subject_check(const sn_subject *subject, const sn_dataset *dataset, sn_error *error) {
    SN_TRY(sn_input_check(&subject->input, dataset, error));
    SN_RETURN_IF(!subject->normalised, error, SN_ERROR_DATA,
                 "%s: the model does not say how its images are normalised; export it from its "
                 "checkpoint again",
                 subject->path);
    for (int i = 0; i < subject->input.classes; i++) {
        char name[SN_CLASS_NAME_SIZE];
        const char *known = sn_infer_class_name(subject->packed, i);
        sn_class_name(dataset, i, name);
        SN_RETURN_IF(known && strcmp(known, name) != 0, error, SN_ERROR_DATA,
                     "class %d is '%s' in %s and '%s' in the data; the data needs the classes that "
                     "the network was trained on",
                     i, known, subject->path, name);
    }
    return SN_OK;
}
