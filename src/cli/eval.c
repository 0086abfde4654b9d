/* ./eval: runs a network with the inference library, or writes it to a file. Results on stdout,
 * progress and messages on stderr. */
#define _POSIX_C_SOURCE 200809L
#include "base/file.h"
#include "cli/arguments.h"
#include "cli/data_source.h"
#include "cli/evaluate.h"
#include "cli/export.h"
#include "cli/failure.h"
#include "cli/report.h"
#include "cli/runner.h"
#include "cli/show_cost.h"
#include "cli/show_plan.h"
#include "cli/summary_report.h"
#include "infer/metadata.h"

#include <errno.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
    "usage: eval CHECKPOINT|MODEL.sgn [OPTION...]\n"
    "\n"
    "Runs the test images through the inference library and prints accuracy, speed and size. The\n"
    "network in a checkpoint is frozen first, and the training graph runs the first images too,\n"
    "for parity. With --export or --export-c it writes the frozen network to files instead;\n"
    "--summary, --plan and --cost print what its layers are, how they are computed and what they\n"
    "cost, and need no data.";

/* What the program does; as bits, in an option's tag: where the option has an effect. */
enum {
    EVALUATE = 1,
    EXPORT = 2,
    PLAN = 4,
    COST = 8,
    CALIBRATE = 16,
    SUMMARY = 32,
    RUN = EVALUATE | PLAN | COST | SUMMARY
};

/* Which costs of steps the planner has. */
enum { COSTS_AUTO, COSTS_BUILTIN, COSTS_MEASURED };

/* What convolutions with one-bit or ternary weights read; above: 1 + sn_act. */
enum { ACT_AS_TRAINED };

typedef struct eval_options {
    int dataset; /* 0: the one it was trained on, else 1 + index */
    char data_dir[SN_OPTION_TEXT_SIZE];
    char predictions[SN_OPTION_TEXT_SIZE];
    char export[SN_OPTION_TEXT_SIZE], export_c[SN_OPTION_TEXT_SIZE];
    uint64_t limit_test, parity, threads, calibrate;
    int isa, form, costs, act;
    bool summary, plan, compare_forms, cost;
    bool json;
    int split; /* of split_choice */
} eval_options;

/* The images of an evaluation: all of `whole`, or one of its parts. */
typedef struct eval_data {
    sn_dataset *whole, *kept, *held;
} eval_data;

enum { SPLIT_TEST, SPLIT_VALID, SPLIT_TRAIN };

static const char *split_choice(int index) {
    static const char *const names[] = {"test", "valid", "train"};
    return index >= 0 && index <= SPLIT_TRAIN ? names[index] : NULL;
}

static const char *dataset_choice(int index) {
    return index == 0 ? "as-trained" : sn_dataset_name(index - 1);
}

static const char *costs_choice(int index) {
    static const char *const names[] = {"auto", "builtin", "measured"};
    return index >= 0 && index <= COSTS_MEASURED ? names[index] : NULL;
}

static const char *act_choice(int index) {
    return index == ACT_AS_TRAINED ? "as-trained" : sn_act_name(index - 1);
}

static const sn_option table[] = {
    {"dataset", .offset = offsetof(eval_options, dataset), .tag = EVALUATE | CALIBRATE,
     .kind = SN_OPTION_CHOICE, .value_name = "NAME", .choice_name = dataset_choice,
     .fallback = "as-trained", .group = "Data", .help = "data set whose test images are used"},
    {"data-dir", .offset = offsetof(eval_options, data_dir), .tag = EVALUATE | CALIBRATE,
     .kind = SN_OPTION_TEXT, .value_name = "DIR", .group = "Data",
     .help = "where its files are; otherwise as in training, $SIGNET_DATA, then data/"},
    {"split", .offset = offsetof(eval_options, split), .tag = EVALUATE, .kind = SN_OPTION_CHOICE,
     .value_name = "NAME", .choice_name = split_choice, .fallback = "test", .group = "Data",
     .help = "which images a checkpoint is tried on: test images, those that its run held out "
             "(train --valid), or those that it was trained on"},
    {"limit-test", .offset = offsetof(eval_options, limit_test), .tag = EVALUATE,
     .needs = "split=test", .kind = SN_OPTION_COUNT, .value_name = "N", .maximum = 1e9,
     .fallback = "0", .group = "Data", .help = "use only the first N test images; 0: all"},
    {"export", .offset = offsetof(eval_options, export), .tag = EXPORT, .kind = SN_OPTION_TEXT,
     .value_name = "FILE.sgn", .group = "Export",
     .help = "write the packed model to a file, print its size and exit; needs no data unless "
             "activations have to be calibrated"},
    {"export-c", .offset = offsetof(eval_options, export_c), .tag = EXPORT, .kind = SN_OPTION_TEXT,
     .value_name = "NAME.h", .group = "Export",
     .help = "write it as a C array, with a program that runs it in NAME_example.c, and exit"},
    {"act", .offset = offsetof(eval_options, act), .tag = RUN | EXPORT, .kind = SN_OPTION_CHOICE,
     .value_name = "NAME", .choice_name = act_choice, .fallback = "as-trained",
     .group = "Activations",
     .help = "what a checkpoint's convolutions of one-bit or ternary weights read; int8: integers "
             "of 8 bits, whose steps training images decide unless they were trained"},
    {"calibrate", .offset = offsetof(eval_options, calibrate), .tag = CALIBRATE,
     .kind = SN_OPTION_COUNT, .value_name = "N", .minimum = 1, .maximum = 1e9, .fallback = "500",
     .group = "Activations", .help = "with --act int8: the number of those images"},
    {"summary", .offset = offsetof(eval_options, summary), .tag = SUMMARY, .kind = SN_OPTION_FLAG,
     .group = "Looks",
     .help = "print each layer's parameters, size, multiply-adds, density and repetition"},
    {"plan", .offset = offsetof(eval_options, plan), .tag = PLAN, .kind = SN_OPTION_FLAG,
     .group = "Looks",
     .help = "print how each convolution is computed, what it was predicted to take and takes"},
    {"compare-forms", .offset = offsetof(eval_options, compare_forms), .tag = PLAN,
     .kind = SN_OPTION_FLAG, .group = "Looks",
     .help = "with --plan: time every form of every layer"},
    {"cost", .offset = offsetof(eval_options, cost), .tag = COST, .kind = SN_OPTION_FLAG,
     .group = "Looks",
     .help = "print operations, bytes and energy of an image with each kind of weights"},
    {"json", .offset = offsetof(eval_options, json), .tag = RUN | EXPORT, .kind = SN_OPTION_FLAG,
     .group = "Output", .help = "print one JSON object instead of text"},
    {"predictions", .offset = offsetof(eval_options, predictions), .tag = EVALUATE,
     .kind = SN_OPTION_TEXT, .value_name = "FILE.csv", .group = "Output",
     .help = "write a line for each image: index, label, prediction, logits"},
    {"parity", .offset = offsetof(eval_options, parity), .tag = EVALUATE, .kind = SN_OPTION_COUNT,
     .value_name = "N", .maximum = 1e9, .fallback = "1000", .group = "Execution",
     .help = "compare with a checkpoint's training graph on the first N images"},
    {"isa", .offset = offsetof(eval_options, isa), .tag = RUN, .kind = SN_OPTION_CHOICE,
     .value_name = "NAME", .choice_name = sn_infer_isa_name, .fallback = "auto",
     .group = "Execution",
     .help =
         "instructions of the inference kernels; otherwise $SN_ISA, then the fastest there are"},
    {"form", .offset = offsetof(eval_options, form), .tag = RUN, .kind = SN_OPTION_CHOICE,
     .value_name = "NAME", .choice_name = sn_infer_form_name, .fallback = "auto",
     .group = "Execution", .help = "how layers with one-bit or ternary weights are computed"},
    {"threads", .offset = offsetof(eval_options, threads), .tag = EVALUATE | PLAN | CALIBRATE,
     .kind = SN_OPTION_COUNT, .value_name = "N", .maximum = 1024, .fallback = "0",
     .group = "Execution",
     .help = "threads; 0: one for each processor. With --plan: those that share an image; 0: one"},
    {"costs", .offset = offsetof(eval_options, costs), .tag = RUN, .kind = SN_OPTION_CHOICE,
     .value_name = "NAME", .choice_name = costs_choice, .fallback = "auto", .group = "Execution",
     .help = "what the planner takes the kernels' steps to cost; measured: here and now, which may "
             "come out otherwise the next time; auto: measured with --plan, otherwise builtin"},
};

enum { OPTION_COUNT = sizeof table / sizeof *table, TEMPORARY_SIZE = SN_OPTION_TEXT_SIZE + 8 };

/* What each form of the layers is run for, and the model to measure its energy. */
static const double plan_seconds = 0.3, energy_seconds = 1;

static bool is_exporting(const eval_options *options) {
    return options->export[0] || options->export_c[0];
}

static bool asks_for(const eval_options *options, sn_act act) {
    return options->act == 1 + (int)act;
}

static int action_of(const eval_options *options) {
    return options->summary        ? SUMMARY
           : options->plan         ? PLAN
           : options->cost         ? COST
           : is_exporting(options) ? EXPORT
                                   : EVALUATE;
}

static int thread_count(const eval_options *options) {
    return options->threads ? (int)options->threads : omp_get_num_procs();
}

/* Names the instructions that there are. */
static sn_status refuse_isa(sn_infer_isa isa, sn_error *error) {
    char known[256] = "";
    size_t used = 0;
    for (int i = SN_INFER_ISA_PORTABLE; sn_infer_isa_name(i); i++)
        if (sn_infer_isa_available((sn_infer_isa)i))
            used +=
                (size_t)snprintf(known + used, sizeof known - used, ", %s", sn_infer_isa_name(i));
    return sn_error_set(error, SN_ERROR_ARGUMENT,
                        "--isa: this processor or build has no %s; there are: auto%s",
                        sn_infer_isa_name((int)isa), known);
}

/* What is read, and checkpoints whoever wrote them, are not overwritten: hours went into them. */
static sn_status check_target(const char *option, const char *target, const char *source,
                              sn_error *error) {
    static const unsigned char hdf5[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    unsigned char start[sizeof hdf5];
    struct stat read, written;
    if (!target[0] || stat(target, &written) != 0)
        return SN_OK;
    SN_RETURN_IF(stat(source, &read) == 0 && read.st_dev == written.st_dev &&
                     read.st_ino == written.st_ino,
                 error, SN_ERROR_ARGUMENT,
                 "--%s: %s is the very file that is read; give another name", option, target);
    FILE *file = S_ISREG(written.st_mode) ? fopen(target, "rb") : NULL;
    if (!file)
        return SN_OK; /* whoever writes will say what is wrong */
    const bool is_checkpoint = fread(start, 1, sizeof start, file) == sizeof start &&
                               memcmp(start, hdf5, sizeof start) == 0;
    fclose(file); /* nothing was written */
    SN_RETURN_IF(is_checkpoint, error, SN_ERROR_ARGUMENT,
                 "--%s: %s is a checkpoint, which would be lost; give another name", option,
                 target);
    return SN_OK;
}

static sn_status check_targets(const eval_options *options, const char *source, sn_error *error) {
    SN_TRY(check_target("export", options->export, source, error));
    SN_TRY(check_target("export-c", options->export_c, source, error));
    return check_target("predictions", options->predictions, source, error);
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

static sn_status evaluate_with_predictions(const sn_subject *subject, const sn_dataset *dataset,
                                           const char *path, sn_evaluate_options *options,
                                           sn_evaluate_result *result, sn_error *error) {
    char temporary[TEMPORARY_SIZE];
    SN_TRY(open_predictions(path, temporary, &options->predictions, error));
    sn_status status = sn_evaluate(subject, dataset, options, result, error);
    const bool failed = ferror(options->predictions) != 0;
    if ((fclose(options->predictions) != 0 || failed) && status == SN_OK)
        status = sn_error_set(error, SN_ERROR_IO, "--predictions: cannot write %s: %s", path,
                              strerror(errno));
    if (status == SN_OK)
        return sn_file_replace(temporary, path, error);
    unlink(temporary);
    return status;
}

/* The data set that the user or the network names. */
static sn_status find_dataset(const eval_options *options, const sn_subject *subject, int *dataset,
                              sn_error *error) {
    *dataset = options->dataset ? options->dataset - 1 : sn_subject_dataset(subject);
    SN_RETURN_IF(*dataset < 0, error, SN_ERROR_ARGUMENT,
                 "%s: the model does not name a data set that this program knows; give one with "
                 "--dataset",
                 subject->path);
    return SN_OK;
}

/* The option that nothing will look at. */
static void warn_of_folder(const eval_options *options, const sn_subject *subject) {
    int dataset;
    if (options->data_dir[0] && find_dataset(options, subject, &dataset, NULL) == SN_OK &&
        sn_dataset_is_drawn(dataset))
        fprintf(stderr, "eval: warning: --data-dir has no effect with --dataset %s\n",
                sn_dataset_name(dataset));
}

/* The folder of the data: as given, else the one used in training if it is still there. */
static sn_status find_data(const eval_options *options, const sn_subject *subject, int dataset,
                           char directory[SN_OPTION_TEXT_SIZE], sn_error *error) {
    const char *given = options->data_dir;
    if (!given[0] && subject->checkpoint) {
        const sn_train_config *config = sn_checkpoint_config(subject->checkpoint);
        if (dataset == config->dataset && access(config->data_dir, R_OK) == 0)
            given = config->data_dir;
    }
    return sn_cli_find_data(dataset, given, directory, error);
}

/* How the library is to run a model; *costs is what the result may point to. */
static sn_status infer_options(const eval_options *options, int threads, sn_infer_costs *costs,
                               sn_infer_options *infer, sn_error *error) {
    const bool measured =
        options->costs == COSTS_MEASURED || (options->costs == COSTS_AUTO && options->plan);
    *infer = (sn_infer_options){.isa = (sn_infer_isa)options->isa,
                                .form = (sn_infer_form)options->form,
                                .threads = threads};
    if (!measured)
        return SN_OK;
    SN_TRY(sn_runner_measure_costs(infer->isa, costs, error));
    infer->costs = costs;
    return SN_OK;
}

/* Opens one split of the data set that goes with the network. */
static sn_status open_data(const eval_options *options, const sn_subject *subject, sn_split split,
                           uint64_t limit, int *index, sn_dataset **dataset, sn_error *error) {
    char directory[SN_OPTION_TEXT_SIZE];
    SN_TRY(find_dataset(options, subject, index, error));
    SN_TRY(find_data(options, subject, *index, directory, error));
    return sn_cli_open_data("eval", *index, split, directory, limit, dataset, error);
}

/* Gives the subject activations of eight bits. */
static sn_status calibrate(const eval_options *options, sn_subject *subject, sn_error *error) {
    int index;
    sn_dataset *dataset = NULL;
    sn_status status = sn_subject_can_calibrate(subject, error);
    if (status == SN_OK)
        status = open_data(options, subject, SN_SPLIT_TRAIN, options->calibrate, &index, &dataset,
                           error);
    if (status == SN_OK)
        status = sn_subject_calibrate(subject, dataset, (size_t)options->calibrate,
                                      thread_count(options), error);
    sn_dataset_free(dataset);
    return status;
}

/* Training images are those of the checkpoint's own run, which knows how it split them. */
static sn_status check_split(const eval_options *options, const sn_subject *subject,
                             sn_error *error) {
    const char *split = split_choice(options->split);
    SN_RETURN_IF(!subject->checkpoint, error, SN_ERROR_ARGUMENT,
                 "--split %s: %s is a model file and does not say which images it was trained on; "
                 "give its checkpoint instead",
                 split, subject->path);
    const sn_train_config *config = sn_checkpoint_config(subject->checkpoint);
    SN_RETURN_IF(options->split == SPLIT_VALID && !(config->valid > 0), error, SN_ERROR_ARGUMENT,
                 "--split valid: %s was trained without --valid, which holds images out",
                 subject->path);
    SN_RETURN_IF(options->dataset && options->dataset - 1 != config->dataset, error,
                 SN_ERROR_ARGUMENT, "--split %s: %s was trained on %s, not on %s", split,
                 subject->path, sn_dataset_name(config->dataset),
                 sn_dataset_name(options->dataset - 1));
    return SN_OK;
}

/* Opens what --split names; *images is one of *data. */
static sn_status open_split(const eval_options *options, const sn_subject *subject, int *index,
                            eval_data *data, const sn_dataset **images, sn_error *error) {
    if (options->split == SPLIT_TEST) {
        SN_TRY(open_data(options, subject, SN_SPLIT_TEST, options->limit_test, index, &data->whole,
                         error));
        *images = data->whole;
        return SN_OK;
    }
    SN_TRY(check_split(options, subject, error));
    const sn_train_config *config = sn_checkpoint_config(subject->checkpoint);
    SN_TRY(open_data(options, subject, SN_SPLIT_TRAIN, config->limit_train, index, &data->whole,
                     error));
    *images = data->whole;
    if (config->valid > 0) {
        SN_TRY(sn_dataset_hold_out(data->whole, config->valid, config->seed, &data->kept,
                                   &data->held, error));
        *images = options->split == SPLIT_VALID ? data->held : data->kept;
    }
    return SN_OK;
}

static sn_status evaluate(const eval_options *options, const sn_subject *subject, eval_data *data,
                          sn_error *error) {
    int index;
    sn_infer_costs costs;
    const sn_dataset *images;
    SN_TRY(open_split(options, subject, &index, data, &images, error));
    sn_progress progress = {0};
    sn_evaluate_options settings = {
        .threads = thread_count(options),
        .parity_images = (size_t)options->parity,
        .split = options->split == SPLIT_TEST ? NULL : split_choice(options->split),
        .progress = &progress};
    SN_TRY(infer_options(options, 1, &costs, &settings.infer, error));
    sn_evaluate_result result;
    if (options->predictions[0])
        SN_TRY(evaluate_with_predictions(subject, images, options->predictions, &settings, &result,
                                         error));
    else
        SN_TRY(sn_evaluate(subject, images, &settings, &result, error));
    if (options->json)
        return sn_report_json(subject, index, &settings, &result, error);
    sn_report_text(subject, index, &settings, &result);
    return SN_OK;
}

static sn_status export(const eval_options *options, const sn_subject *subject, sn_error *error) {
    char example[SN_OPTION_TEXT_SIZE];
    sn_exported exported = {NULL, NULL, NULL};
    if (options->export_c[0]) {
        bool kept;
        SN_TRY(sn_export_c(subject->packed, subject->packed_bytes, options->export_c, example,
                           &kept, error));
        if (kept)
            fprintf(stderr,
                    "eval: %s is there with changes and stays as it is; remove it to get a new "
                    "one\n",
                    example);
        exported.header = options->export_c;
        exported.example = example;
    }
    if (options->export[0]) {
        SN_TRY(sn_export_model(subject->packed, subject->packed_bytes, options->export, error));
        exported.model = options->export;
    }
    return sn_report_export(subject, &exported, options->json, error);
}

static void print_summary_heading(const sn_subject *s) {
    const char *name = sn_infer_network_name(s->packed);
    printf("%s: %s, %dx%dx%d, %d classes\n\n", s->path, name[0] ? name : "no name",
           s->info.channels, s->info.height, s->info.width, s->info.classes);
}

static sn_status show_summary(const eval_options *options, const sn_subject *subject,
                              sn_error *error) {
    const sn_summary_options settings = {.measured_costs = options->costs == COSTS_MEASURED};
    sn_infer_costs costs;
    sn_infer_options infer;
    sn_summary summary;
    SN_TRY(infer_options(options, 1, &costs, &infer, error));
    sn_status status =
        sn_summary_make(subject->packed, subject->packed_bytes, &infer, &summary, error);
    if (status == SN_OK && options->json)
        status = sn_report_object(subject, sn_summary_json(&summary, &settings), error);
    else if (status == SN_OK) {
        print_summary_heading(subject);
        status = sn_summary_print(&summary, &settings, error);
    }
    sn_summary_free(&summary);
    return status;
}

static sn_status show_plan(const eval_options *options, const sn_subject *subject,
                           sn_error *error) {
    const int threads = options->threads ? (int)options->threads : 1;
    sn_infer_costs costs;
    sn_show_plan_options settings = {
        .json = options->json, .compare_forms = options->compare_forms, .seconds = plan_seconds};
    SN_TRY(infer_options(options, threads, &costs, &settings.infer, error));
    return sn_show_plan(subject, &settings, error);
}

static sn_status show_cost(const eval_options *options, const sn_subject *subject,
                           sn_error *error) {
    sn_infer_costs costs;
    sn_infer_options infer;
    sn_runner runner;
    SN_TRY(infer_options(options, 1, &costs, &infer, error));
    sn_status status =
        sn_runner_open(subject->packed, subject->packed_bytes, &infer, &runner, error);
    if (status == SN_OK)
        status = sn_show_cost(runner.model, &runner.info,
                              &(sn_show_cost_options){.json = options->json,
                                                      .seconds = energy_seconds,
                                                      .packed = subject->packed},
                              stdout, error);
    sn_runner_close(&runner);
    return status;
}

/* ---- the program ---- */

/* What the options ask for, as bits; several things at once are a mistake. */
static sn_status check_action(const eval_options *options, sn_error *error) {
    const int wanted = options->summary + options->plan + options->cost + is_exporting(options);
    SN_RETURN_IF(wanted > 1, error, SN_ERROR_ARGUMENT,
                 "--summary, --plan, --cost and --export are different things to do; give one of "
                 "them");
    return SN_OK;
}

static sn_status refuse_option(const sn_option *option, int action, sn_error *error) {
    SN_RETURN_IF(option->tag == PLAN || option->tag == CALIBRATE, error, SN_ERROR_ARGUMENT,
                 "--%s has no effect without %s", option->name,
                 option->tag == PLAN ? "--plan" : "--act int8");
    static const char *const reasons[] = {
        [EXPORT] = "--export: that writes the model and evaluates nothing",
        [PLAN] = "--plan: that times layers and evaluates nothing",
        [COST] = "--cost: that counts and evaluates nothing",
        [SUMMARY] = "--summary: that counts and evaluates nothing"};
    return sn_error_set(error, SN_ERROR_ARGUMENT, "--%s has no effect with %s", option->name,
                        reasons[action]);
}

/* --plan=false and the like are no mistake. */
static bool is_off(const sn_option *option, const eval_options *options) {
    return option->kind == SN_OPTION_FLAG &&
           !*(const bool *)(const void *)((const char *)options + option->offset);
}

/* Options that would have no effect, or an empty one, are mistakes. */
static sn_status check_given(const eval_options *options, const bool *given, sn_error *error) {
    const int action = action_of(options);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const sn_option *option = &table[i];
        char text[SN_OPTION_TEXT_SIZE];
        sn_option_format(option, options, text);
        SN_RETURN_IF(given[i] && option->tag == EXPORT && !text[0], error, SN_ERROR_ARGUMENT,
                     "--%s needs the name of a file", option->name);
    }
    SN_TRY(check_action(options, error));
    const int effective = action | (asks_for(options, SN_ACT_INT8) ? CALIBRATE : 0);
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (given[i] && !(table[i].tag & effective) && !is_off(&table[i], options))
            return refuse_option(&table[i], action, error);
    SN_TRY(sn_option_check_effects(table, OPTION_COUNT, options, given, NULL, NULL, error));
    const sn_infer_isa isa = (sn_infer_isa)options->isa;
    if (isa == SN_INFER_ISA_AUTO || sn_infer_isa_available(isa))
        return SN_OK;
    return refuse_isa(isa, error);
}

static bool is_option(const sn_option *option, const char *name) {
    return strcmp(option->name, name) == 0;
}

/* A model file has nothing to compare with. */
static sn_status check_parity(const eval_options *options, const bool *given,
                              const sn_subject *subject, sn_error *error) {
    for (size_t i = 0; i < OPTION_COUNT; i++)
        SN_RETURN_IF(given[i] && is_option(&table[i], "parity") && options->parity &&
                         !subject->checkpoint,
                     error, SN_ERROR_ARGUMENT,
                     "--parity %llu: %s is a model file, without a training graph to compare with; "
                     "give its checkpoint instead",
                     (unsigned long long)options->parity, subject->path);
    return SN_OK;
}

/* Steps that were trained need no images. */
static sn_status check_calibration(const eval_options *options, const bool *given,
                                   const sn_subject *subject, sn_error *error) {
    for (size_t i = 0; i < OPTION_COUNT; i++)
        SN_RETURN_IF(given[i] && table[i].tag & CALIBRATE && !(table[i].tag & action_of(options)),
                     error, SN_ERROR_ARGUMENT,
                     "--%s has no effect: %s was trained with --act int8, which settled its steps",
                     table[i].name, subject->path);
    return SN_OK;
}

/* Gives the subject the activations that were asked for. */
static sn_status set_activations(const eval_options *options, const bool *given,
                                 sn_subject *subject, sn_error *error) {
    if (options->act == ACT_AS_TRAINED)
        return SN_OK;
    SN_TRY(sn_subject_check_act(subject, (sn_act)(options->act - 1), error));
    if (asks_for(options, SN_ACT_FP32))
        return sn_subject_was_rounded(subject) ? sn_subject_use_floats(subject, error) : SN_OK;
    if (sn_subject_was_rounded(subject))
        return check_calibration(options, given, subject, error);
    return calibrate(options, subject, error);
}

static sn_status act(const eval_options *options, const sn_subject *subject, eval_data *data,
                     sn_error *error) {
    switch (action_of(options)) {
    case EXPORT:
        return export(options, subject, error);
    case PLAN:
        return show_plan(options, subject, error);
    case COST:
        return show_cost(options, subject, error);
    case SUMMARY:
        return show_summary(options, subject, error);
    default:
        return evaluate(options, subject, data, error);
    }
}

static sn_status eval(const char *path, const eval_options *options, const bool *given,
                      sn_error *error) {
    eval_data data = {0};
    sn_subject subject = {0};
    SN_TRY(check_given(options, given, error));
    SN_TRY(check_targets(options, path, error));
    sn_status status = sn_subject_open(path, thread_count(options), &subject, error);
    if (status == SN_OK)
        status = check_parity(options, given, &subject, error);
    if (status == SN_OK)
        status = set_activations(options, given, &subject, error);
    if (status == SN_OK) {
        warn_of_folder(options, &subject);
        status = act(options, &subject, &data, error);
    }
    sn_dataset_free(data.kept);
    sn_dataset_free(data.held);
    sn_dataset_free(data.whole);
    sn_subject_close(&subject);
    return status;
}

/* $SN_ISA takes the place of the default of --isa. */
static sn_status apply_environment(eval_options *options, sn_error *error) {
    const char *isa = getenv("SN_ISA");
    sn_error inner;
    if (!isa || !isa[0])
        return SN_OK;
    SN_RETURN_IF(sn_option_set(sn_option_find(table, OPTION_COUNT, "isa"), options, isa, &inner) !=
                     SN_OK,
                 error, SN_ERROR_ARGUMENT, "$SN_ISA, default of %.900s", inner.message);
    return SN_OK;
}

int main(int argc, char **argv) {
    eval_options options = {0};
    bool given[OPTION_COUNT] = {false};
    const char *path = NULL;
    sn_arguments arguments = {.table = table,
                              .count = OPTION_COUNT,
                              .object = &options,
                              .given = given,
                              .positional = &path,
                              .positional_limit = 1};
    sn_error error = {0};
    sn_cli_begin();
    sn_status status = sn_option_defaults(table, OPTION_COUNT, &options, &error);
    if (status == SN_OK)
        status = apply_environment(&options, &error);
    if (status == SN_OK)
        status = sn_arguments_parse(&arguments, argc, argv, &error);
    if (status == SN_OK && arguments.help)
        sn_arguments_help(table, OPTION_COUNT, usage, stdout);
    else if (status == SN_OK && !path)
        status = sn_error_set(&error, SN_ERROR_ARGUMENT,
                              "no checkpoint or model given; usage: eval CHECKPOINT|MODEL.sgn "
                              "[OPTION...]");
    else if (status == SN_OK)
        status = eval(path, &options, given, &error);
    if (status == SN_OK)
        status = sn_cli_flush(&error);
    return sn_cli_end(status == SN_OK ? EXIT_SUCCESS : sn_cli_fail("eval", &error));
}
