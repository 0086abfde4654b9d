#include "cli/report.h"

#include <stdio.h>

static double density(const sn_infer_info *model) {
    return model->quantized_weights
               ? (double)model->effectual_weights / (double)model->quantized_weights
               : 1;
}

static void print_subject(const sn_subject *s, int dataset) {
    if (s->checkpoint) {
        const sn_train_config *config = sn_checkpoint_config(s->checkpoint);
        printf("checkpoint   %s: %s, %s, %s\n", s->path, sn_arch_name(config->arch),
               sn_quantizer_name(config->quant.quantizer), sn_dataset_name(dataset));
    } else {
        const char *name = sn_infer_network_name(s->packed);
        printf("model        %s: %s, %s\n", s->path, name[0] ? name : "no name",
               sn_dataset_name(dataset));
    }
}

static void print_evaluation(const sn_subject *subject, int dataset,
                             const sn_evaluate_options *options, const sn_evaluate_result *r) {
    print_subject(subject, dataset);
    printf("top-1        %.2f %% of %zu %s%simages\n", r->accuracy.top1, r->accuracy.images,
           options->split ? options->split : "", options->split ? " " : "");
    printf("top-5        %.2f %%\n", r->accuracy.top5);
    printf("speed        %.1f images/s, %d thread%s, %s kernels\n", r->images_per_second,
           options->threads, options->threads == 1 ? "" : "s",
           sn_infer_isa_name((int)r->model.isa));
    printf("weights      %llu quantized, %llu effectual, density %.4f\n",
           (unsigned long long)r->model.quantized_weights,
           (unsigned long long)r->model.effectual_weights, density(&r->model));
    printf("activations  %s", r->model.integer_layers ? "int8" : "fp32");
    if (r->model.integer_layers)
        printf(" in %d convolutions, fp32 in the others", r->model.integer_layers);
    printf("\npacked size  %zu bytes of weights, %zu bytes in all\n", r->model.weight_bytes,
           r->model.packed_bytes);
    if (r->parity_images)
        printf("parity       %zu of %zu predictions differ from the training graph's, logits by "
               "at most %.3g\n",
               r->parity_mismatches, r->parity_images, r->parity_max_abs);
    else if (!subject->checkpoint)
        printf("parity       not measured: a model file has no training graph\n");
}

/* ---- fields ---- */

enum { CHECKPOINT, MODEL, NAME, ARCH, QUANT };

/* What the path names. */
static sn_value get_subject(const void *of, int part) {
    const sn_subject *s = of;
    const bool is_model = !s->checkpoint;
    if (is_model != (part == MODEL || part == NAME))
        return sn_value_blank();
    if (part == CHECKPOINT || part == MODEL)
        return sn_value_text(s->path);
    if (part == NAME)
        return sn_value_text(sn_infer_network_name(s->packed));
    const sn_train_config *config = sn_checkpoint_config(s->checkpoint);
    return sn_value_text(part == ARCH ? sn_arch_name(config->arch)
                                      : sn_quantizer_name(config->quant.quantizer));
}

static const sn_field subject_fields[] = {
    SN_DATA("checkpoint", get_subject, CHECKPOINT),
    SN_DATA("model", get_subject, MODEL),
    SN_DATA("name", get_subject, NAME),
    SN_DATA("arch", get_subject, ARCH),
    SN_DATA("quant", get_subject, QUANT),
};

enum { SUBJECT_FIELDS = sizeof subject_fields / sizeof *subject_fields };

typedef struct evaluation {
    const sn_subject *subject;
    int dataset;
    const sn_evaluate_options *options;
    const sn_evaluate_result *result;
} evaluation;

enum {
    DATASET = QUANT + 1,
    SPLIT,
    TOP1,
    TOP5,
    LOSS,
    IMAGES,
    RATE,
    THREADS,
    ISA,
    FORM,
    INTEGER_LAYERS,
    DENSITY,
    QUANTIZED,
    EFFECTUAL,
    WEIGHT_BYTES,
    PACKED_BYTES,
    PARITY_IMAGES,
    PARITY_MAX,
    PARITY_MISMATCHES
};

static sn_value get_setting(const void *of, int part) {
    const evaluation *e = of;
    switch (part) {
    case DATASET:
        return sn_value_text(sn_dataset_name(e->dataset));
    case SPLIT:
        return e->options->split ? sn_value_text(e->options->split) : sn_value_blank();
    case THREADS:
        return sn_value_count((uint64_t)e->options->threads);
    case ISA:
        return sn_value_text(sn_infer_isa_name((int)e->result->model.isa));
    default:
        return sn_value_text(sn_infer_form_name((int)e->options->infer.form));
    }
}

static sn_value get_result(const void *of, int part) {
    const sn_evaluate_result *r = ((const evaluation *)of)->result;
    switch (part) {
    case TOP1:
        return sn_value_real(r->accuracy.top1);
    case TOP5:
        return sn_value_real(r->accuracy.top5);
    case LOSS:
        return sn_value_real(r->accuracy.loss);
    case IMAGES:
        return sn_value_count(r->accuracy.images);
    case RATE:
        return sn_value_real(r->images_per_second);
    case INTEGER_LAYERS:
        return sn_value_count((uint64_t)r->model.integer_layers);
    case DENSITY:
        return sn_value_real(density(&r->model));
    case QUANTIZED:
        return sn_value_count(r->model.quantized_weights);
    case EFFECTUAL:
        return sn_value_count(r->model.effectual_weights);
    case WEIGHT_BYTES:
        return sn_value_count(r->model.weight_bytes);
    case PACKED_BYTES:
        return sn_value_count(r->model.packed_bytes);
    case PARITY_IMAGES:
        return sn_value_count(r->parity_images);
    case PARITY_MAX:
        return r->parity_images ? sn_value_real(r->parity_max_abs) : sn_value_null();
    default:
        return r->parity_images ? sn_value_count(r->parity_mismatches) : sn_value_null();
    }
}

static sn_value get_evaluated(const void *of, int part) {
    return get_subject(((const evaluation *)of)->subject, part);
}

static const sn_field evaluation_fields[] = {
    SN_DATA("checkpoint", get_evaluated, CHECKPOINT),
    SN_DATA("model", get_evaluated, MODEL),
    SN_DATA("name", get_evaluated, NAME),
    SN_DATA("arch", get_evaluated, ARCH),
    SN_DATA("quant", get_evaluated, QUANT),
    SN_DATA("dataset", get_setting, DATASET),
    SN_DATA("split", get_setting, SPLIT),
    SN_DATA("top1", get_result, TOP1),
    SN_DATA("top5", get_result, TOP5),
    SN_DATA("loss", get_result, LOSS),
    SN_DATA("images", get_result, IMAGES),
    SN_DATA("images_per_second", get_result, RATE),
    SN_DATA("threads", get_setting, THREADS),
    SN_DATA("isa", get_setting, ISA),
    SN_DATA("form", get_setting, FORM),
    SN_DATA("integer_layers", get_result, INTEGER_LAYERS),
    SN_DATA("density", get_result, DENSITY),
    SN_DATA("quantized_weights", get_result, QUANTIZED),
    SN_DATA("effectual_weights", get_result, EFFECTUAL),
    SN_DATA("weight_bytes", get_result, WEIGHT_BYTES),
    SN_DATA("packed_bytes", get_result, PACKED_BYTES),
    SN_DATA("parity_images", get_result, PARITY_IMAGES),
    SN_DATA("parity_max_abs", get_result, PARITY_MAX),
    SN_DATA("parity_mismatches", get_result, PARITY_MISMATCHES),
};

typedef struct export_row {
    const sn_subject *subject;
    const sn_exported *exported;
} export_row;

enum { EXPORT, EXPORT_C, EXAMPLE };

static sn_value get_file(const void *of, int part) {
    const sn_exported *e = ((const export_row *)of)->exported;
    const char *file = part == EXPORT ? e->model : part == EXPORT_C ? e->header : e->example;
    return file ? sn_value_text(file) : sn_value_blank();
}

static sn_value get_exported(const void *of, int part) {
    const sn_subject *s = ((const export_row *)of)->subject;
    switch (part) {
    case PACKED_BYTES:
        return sn_value_count(s->packed_bytes);
    case WEIGHT_BYTES:
        return sn_value_count(s->info.weight_bytes);
    default:
        return get_subject(s, part);
    }
}

static const sn_field export_fields[] = {
    SN_DATA("checkpoint", get_exported, CHECKPOINT),
    SN_DATA("model", get_exported, MODEL),
    SN_DATA("name", get_exported, NAME),
    SN_DATA("arch", get_exported, ARCH),
    SN_DATA("quant", get_exported, QUANT),
    SN_DATA("export", get_file, EXPORT),
    SN_DATA("export_c", get_file, EXPORT_C),
    SN_DATA("example", get_file, EXAMPLE),
    SN_DATA("packed_bytes", get_exported, PACKED_BYTES),
    SN_DATA("weight_bytes", get_exported, WEIGHT_BYTES),
};

/* ---- JSON ---- */

/* Prints and releases the object; NULL is an error. */
static sn_status print_object(const sn_subject *subject, json_t *object, sn_error *error) {
    SN_RETURN_IF(!object, error, SN_ERROR_DATA, "%s: cannot write its name as JSON (not UTF-8?)",
                 subject->path);
    return sn_rows_print_json(object, stdout, error);
}

sn_status sn_report_object(const sn_subject *subject, json_t *more, sn_error *error) {
    json_t *object = sn_row_json(subject_fields, SUBJECT_FIELDS, subject);
    if (object && (!more || json_object_update(object, more) != 0)) {
        json_decref(object);
        object = NULL;
    }
    json_decref(more);
    return print_object(subject, object, error);
}

/* ---- reports ---- */

sn_status sn_report_evaluation(const sn_subject *subject, int dataset,
                               const sn_evaluate_options *options, const sn_evaluate_result *result,
                               sn_output format, sn_error *error) {
    enum { COUNT = sizeof evaluation_fields / sizeof *evaluation_fields };
    const evaluation row = {subject, dataset, options, result};
    if (format == SN_OUTPUT_JSON)
        return print_object(subject, sn_row_json(evaluation_fields, COUNT, &row), error);
    if (format == SN_OUTPUT_CSV)
        sn_rows_csv(&(sn_rows){evaluation_fields, COUNT, &row, sizeof row, 1, false}, stdout);
    else
        print_evaluation(subject, dataset, options, result);
    return SN_OK;
}

sn_status sn_report_export(const sn_subject *subject, const sn_exported *exported, sn_output format,
                           sn_error *error) {
    enum { COUNT = sizeof export_fields / sizeof *export_fields };
    const export_row row = {subject, exported};
    if (format == SN_OUTPUT_JSON)
        return print_object(subject, sn_row_json(export_fields, COUNT, &row), error);
    if (format == SN_OUTPUT_CSV) {
        sn_rows_csv(&(sn_rows){export_fields, COUNT, &row, sizeof row, 1, false}, stdout);
        return SN_OK;
    }
    if (exported->model)
        printf("%s: %zu bytes\n", exported->model, subject->packed_bytes);
    if (exported->header)
        printf("%s: a model of %zu bytes, run by %s\n", exported->header, subject->packed_bytes,
               exported->example);
    return SN_OK;
}
