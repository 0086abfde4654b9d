/* ./eval: runs a checkpoint's network with the inference library. Results on stdout, progress and
 * messages on stderr. */
#define _POSIX_C_SOURCE 200809L
#include "base/file.h"
#include "cli/arguments.h"
#include "cli/data_source.h"
#include "cli/evaluate.h"
#include "cli/failure.h"

#include <errno.h>
#include <jansson.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
    "usage: eval CHECKPOINT [OPTION...]\n"
    "\n"
    "Freezes the network in a checkpoint, runs the test images through the inference library and\n"
    "prints accuracy, speed and size; the training graph runs the first of them too, for parity.";

typedef struct eval_options {
    int dataset; /* 0: the one it was trained on, else 1 + index */
    char data_dir[SN_OPTION_TEXT_SIZE];
    char predictions[SN_OPTION_TEXT_SIZE];
    uint64_t limit_test, parity, threads;
    bool json;
} eval_options;

static const char *dataset_choice(int index) {
    return index == 0 ? "as-trained" : sn_dataset_name(index - 1);
}

static const sn_option table[] = {
    {"dataset", .offset = offsetof(eval_options, dataset), .kind = SN_OPTION_CHOICE,
     .value_name = "NAME", .choice_name = dataset_choice, .fallback = "as-trained", .group = "Data",
     .help = "data set whose test images are used"},
    {"data-dir", .offset = offsetof(eval_options, data_dir), .kind = SN_OPTION_TEXT,
     .value_name = "DIR", .group = "Data",
     .help = "where its files are; otherwise as in training, $SIGNET_DATA, then data/"},
    {"limit-test", .offset = offsetof(eval_options, limit_test), .kind = SN_OPTION_COUNT,
     .value_name = "N", .maximum = 1e9, .fallback = "0", .group = "Data",
     .help = "use only the first N test images; 0: all"},
    {"json", .offset = offsetof(eval_options, json), .kind = SN_OPTION_FLAG, .group = "Output",
     .help = "print one JSON object instead of text"},
    {"predictions", .offset = offsetof(eval_options, predictions), .kind = SN_OPTION_TEXT,
     .value_name = "FILE.csv", .group = "Output",
     .help = "write a line for each image: index, label, prediction, logits"},
    {"parity", .offset = offsetof(eval_options, parity), .kind = SN_OPTION_COUNT, .value_name = "N",
     .maximum = 1e9, .fallback = "1000", .group = "Execution",
     .help = "compare with the training graph on the first N images"},
    {"threads", .offset = offsetof(eval_options, threads), .kind = SN_OPTION_COUNT,
     .value_name = "N", .maximum = 1024, .fallback = "0", .group = "Execution",
     .help = "threads; 0: one for each processor"},
};

enum { OPTION_COUNT = sizeof table / sizeof *table, TEMPORARY_SIZE = SN_OPTION_TEXT_SIZE + 8 };

/* ---- output ---- */

static double density(const sn_infer_info *model) {
    return model->quantized_weights
               ? (double)model->effectual_weights / (double)model->quantized_weights
               : 1;
}

static void print_text(const char *path, const sn_train_config *config, int dataset,
                       const sn_evaluate_result *r, int threads) {
    printf("checkpoint   %s: %s, %s, %s\n", path, sn_arch_name(config->arch),
           sn_quantizer_name(config->quant.quantizer), sn_dataset_name(dataset));
    printf("top-1        %.2f %% of %zu images\n", r->accuracy.top1, r->accuracy.images);
    printf("top-5        %.2f %%\n", r->accuracy.top5);
    printf("speed        %.1f images/s, %d thread%s, portable kernels\n", r->images_per_second,
           threads, threads == 1 ? "" : "s");
    printf("weights      %llu one-bit, %llu effectual, density %.4f\n",
           (unsigned long long)r->model.quantized_weights,
           (unsigned long long)r->model.effectual_weights, density(&r->model));
    printf("packed size  %zu bytes of weights, %zu bytes in all\n", r->model.weight_bytes,
           r->model.packed_bytes);
    if (r->parity_images)
        printf("parity       %zu of %zu predictions differ from the training graph's, logits by "
               "at most %.3g\n",
               r->parity_mismatches, r->parity_images, r->parity_max_abs);
}

static sn_status print_json(const char *path, const sn_train_config *config, int dataset,
                            const sn_evaluate_result *r, int threads, sn_error *error) {
    const bool compared = r->parity_images > 0;
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:s, s:f, s:f, s:f, s:I, s:f, s:i, s:f, s:I, s:I, s:I, s:I, s:I, s:o, "
        "s:o}",
        "checkpoint", path, "arch", sn_arch_name(config->arch), "quant",
        sn_quantizer_name(config->quant.quantizer), "dataset", sn_dataset_name(dataset), "top1",
        r->accuracy.top1, "top5", r->accuracy.top5, "loss", r->accuracy.loss, "images",
        (json_int_t)r->accuracy.images, "images_per_second", r->images_per_second, "threads",
        threads, "density", density(&r->model), "quantized_weights",
        (json_int_t)r->model.quantized_weights, "effectual_weights",
        (json_int_t)r->model.effectual_weights, "weight_bytes", (json_int_t)r->model.weight_bytes,
        "packed_bytes", (json_int_t)r->model.packed_bytes, "parity_images",
        (json_int_t)r->parity_images, "parity_max_abs",
        compared ? json_real(r->parity_max_abs) : json_null(), "parity_mismatches",
        compared ? json_integer((json_int_t)r->parity_mismatches) : json_null());
    SN_RETURN_IF(!object, error, SN_ERROR_DATA, "%s: cannot write its name as JSON (not UTF-8?)",
                 path);
    json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(object);
    return SN_OK;
}

/* ---- the program ---- */

/* The folder of the data: as given, else the one used in training if it is still there. */
static sn_status find_data(const eval_options *options, const sn_train_config *config, int dataset,
                           char directory[SN_OPTION_TEXT_SIZE], sn_error *error) {
    const bool as_trained =
        !options->data_dir[0] && dataset == config->dataset && access(config->data_dir, R_OK) == 0;
    return sn_cli_find_data(dataset, as_trained ? config->data_dir : options->data_dir, directory,
                            error);
}

/* Predictions go to a new file beside the wanted one, which it replaces when it is complete. */
static sn_status open_predictions(const char *path, char temporary[TEMPORARY_SIZE], FILE **file,
                                  sn_error *error) {
    struct stat info;
    SN_RETURN_IF(stat(path, &info) == 0 && !S_ISREG(info.st_mode), error, SN_ERROR_IO,
                 "--predictions: %s is there and no regular file", path);
    snprintf(temporary, TEMPORARY_SIZE, "%s.XXXXXX", path);
    const int descriptor = mkstemp(temporary);
    *file = descriptor < 0 ? NULL : fdopen(descriptor, "w");
    SN_RETURN_IF(!*file, error, SN_ERROR_IO, "--predictions: cannot write %s: %s", path,
                 strerror(errno));
    /* mkstemp makes a file for its owner alone. */
    const mode_t mask = umask(0);
    umask(mask);
    fchmod(descriptor, 0666 & ~mask);
    return SN_OK;
}

static sn_status evaluate_with_predictions(const sn_checkpoint *checkpoint,
                                           const sn_dataset *dataset, const char *path,
                                           sn_evaluate_options *options, sn_evaluate_result *result,
                                           sn_error *error) {
    char temporary[TEMPORARY_SIZE];
    SN_TRY(open_predictions(path, temporary, &options->predictions, error));
    sn_status status = sn_evaluate(checkpoint, dataset, options, result, error);
    const bool failed = ferror(options->predictions) != 0;
    if ((fclose(options->predictions) != 0 || failed) && status == SN_OK)
        status = sn_error_set(error, SN_ERROR_IO, "--predictions: cannot write %s: %s", path,
                              strerror(errno));
    if (status == SN_OK)
        return sn_file_replace(temporary, path, error);
    unlink(temporary);
    return status;
}

static sn_status eval(const char *path, const eval_options *options,
                      const sn_checkpoint *checkpoint, sn_dataset **dataset, sn_error *error) {
    const sn_train_config *config = sn_checkpoint_config(checkpoint);
    const int index = options->dataset ? options->dataset - 1 : config->dataset;
    char directory[SN_OPTION_TEXT_SIZE];
    SN_TRY(find_data(options, config, index, directory, error));
    SN_TRY(sn_dataset_open(index, SN_SPLIT_TEST, directory, (size_t)options->limit_test, dataset,
                           error));
    sn_progress progress = {0};
    sn_evaluate_options evaluate = {.threads = options->threads ? (int)options->threads
                                                                : omp_get_num_procs(),
                                    .parity_images = (size_t)options->parity,
                                    .progress = &progress};
    sn_evaluate_result result;
    if (options->predictions[0])
        SN_TRY(evaluate_with_predictions(checkpoint, *dataset, options->predictions, &evaluate,
                                         &result, error));
    else
        SN_TRY(sn_evaluate(checkpoint, *dataset, &evaluate, &result, error));
    if (options->json)
        return print_json(path, config, index, &result, evaluate.threads, error);
    print_text(path, config, index, &result, evaluate.threads);
    return SN_OK;
}

int main(int argc, char **argv) {
    eval_options options = {0};
    const char *path = NULL;
    sn_arguments arguments = {.table = table,
                              .count = OPTION_COUNT,
                              .object = &options,
                              .positional = &path,
                              .positional_limit = 1};
    sn_error error = {0};
    sn_status status = sn_option_defaults(table, OPTION_COUNT, &options, &error);
    if (status == SN_OK)
        status = sn_arguments_parse(&arguments, argc, argv, &error);
    if (status == SN_OK && arguments.help) {
        sn_arguments_help(table, OPTION_COUNT, usage, stdout);
        return EXIT_SUCCESS;
    }
    if (status == SN_OK && !path)
        status = sn_error_set(&error, SN_ERROR_ARGUMENT,
                              "no checkpoint given; usage: eval CHECKPOINT [OPTION...]");
    sn_checkpoint *checkpoint = NULL;
    sn_dataset *dataset = NULL;
    if (status == SN_OK)
        status = sn_checkpoint_open(path, &checkpoint, &error);
    if (status == SN_OK)
        status = eval(path, &options, checkpoint, &dataset, &error);
    sn_dataset_free(dataset);
    sn_checkpoint_free(checkpoint);
    if (status == SN_OK)
        status = sn_cli_flush(&error);
    return status == SN_OK ? EXIT_SUCCESS : sn_cli_fail("eval", &error);
}
