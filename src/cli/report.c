#include "cli/report.h"

#include "infer/metadata.h"

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

void sn_report_text(const sn_subject *subject, int dataset, const sn_evaluate_options *options,
                    const sn_evaluate_result *r) {
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

/* An object with what the path names; NULL when JSON cannot hold it. */
static json_t *describe_subject(const sn_subject *s) {
    if (!s->checkpoint)
        return json_pack("{s:s, s:s}", "model", s->path, "name", sn_infer_network_name(s->packed));
    const sn_train_config *config = sn_checkpoint_config(s->checkpoint);
    return json_pack("{s:s, s:s, s:s}", "checkpoint", s->path, "arch", sn_arch_name(config->arch),
                     "quant", sn_quantizer_name(config->quant.quantizer));
}

sn_status sn_report_object(const sn_subject *subject, json_t *more, sn_error *error) {
    json_t *object = describe_subject(subject);
    const bool made = object && more && json_object_update(object, more) == 0;
    if (made) {
        json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
        putchar('\n');
    }
    json_decref(object);
    json_decref(more);
    SN_RETURN_IF(!made, error, SN_ERROR_DATA, "%s: cannot write its name as JSON (not UTF-8?)",
                 subject->path);
    return SN_OK;
}

sn_status sn_report_json(const sn_subject *subject, int dataset, const sn_evaluate_options *options,
                         const sn_evaluate_result *r, sn_error *error) {
    const bool compared = r->parity_images > 0;
    json_t *results = json_pack(
        "{s:s, s:s*, s:f, s:f, s:f, s:I, s:f, s:i, s:s, s:s, s:i, s:f, s:I, s:I, s:I, s:I, s:I, "
        "s:o, "
        "s:o}",
        "dataset", sn_dataset_name(dataset), "split", options->split, "top1", r->accuracy.top1,
        "top5", r->accuracy.top5, "loss", r->accuracy.loss, "images",
        (json_int_t)r->accuracy.images, "images_per_second", r->images_per_second, "threads",
        options->threads, "isa", sn_infer_isa_name((int)r->model.isa), "form",
        sn_infer_form_name((int)options->infer.form), "integer_layers", r->model.integer_layers,
        "density", density(&r->model), "quantized_weights", (json_int_t)r->model.quantized_weights,
        "effectual_weights", (json_int_t)r->model.effectual_weights, "weight_bytes",
        (json_int_t)r->model.weight_bytes, "packed_bytes", (json_int_t)r->model.packed_bytes,
        "parity_images", (json_int_t)r->parity_images, "parity_max_abs",
        compared ? json_real(r->parity_max_abs) : json_null(), "parity_mismatches",
        compared ? json_integer((json_int_t)r->parity_mismatches) : json_null());
    return sn_report_object(subject, results, error);
}

sn_status sn_report_export(const sn_subject *subject, const sn_exported *exported, bool json,
                           sn_error *error) {
    if (json) {
        json_t *files = json_pack("{s:s*, s:s*, s:s*, s:I, s:I}", "export", exported->model,
                                  "export_c", exported->header, "example", exported->example,
                                  "packed_bytes", (json_int_t)subject->packed_bytes, "weight_bytes",
                                  (json_int_t)subject->info.weight_bytes);
        return sn_report_object(subject, files, error);
    }
    if (exported->model)
        printf("%s: %zu bytes\n", exported->model, subject->packed_bytes);
    if (exported->header)
        printf("%s: a model of %zu bytes, run by %s\n", exported->header, subject->packed_bytes,
               exported->example);
    return SN_OK;
}
