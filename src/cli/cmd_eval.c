/* signet eval: runs test images through the inference library. With --export, --summary and the
 * like it does what signet export and signet inspect do. */
#include "cli/evaluate.h"
#include "cli/job.h"
#include "cli/predictions.h"
#include "cli/report.h"

#include <string.h>

enum { SPLIT_TEST, SPLIT_VALID, SPLIT_TRAIN };

static const char *split_choice(int index) {
    static const char *const names[] = {"test", "valid", "train"};
    return index >= 0 && index <= SPLIT_TRAIN ? names[index] : NULL;
}

static const sn_option table[] = {
    SN_JOB_DATA(0),
    {"split", SN_JOB_FIELD(split), .kind = SN_OPTION_CHOICE, .value_name = "NAME",
     .choice_name = split_choice, .fallback = "test", .group = "Data",
     .help = "which images a checkpoint is tried on: test images, those that its run held out "
             "(train --valid), or those that it was trained on"},
    {"limit-test", SN_JOB_FIELD(limit_test), .needs = "split=test", .kind = SN_OPTION_COUNT,
     .value_name = "N", .maximum = 1e9, .fallback = "0", .group = "Data",
     .help = "use only the first N test images; 0: all"},
    SN_JOB_ACTIVATIONS,
    SN_JOB_OUTPUT,
    {"predictions", SN_JOB_FIELD(predictions), .kind = SN_OPTION_TEXT, .value_name = "FILE.csv",
     .group = "Output", .help = "write a line for each image: index, label, prediction, logits"},
    {"parity", SN_JOB_FIELD(parity), .kind = SN_OPTION_COUNT, .value_name = "N", .maximum = 1e9,
     .fallback = "1000", .group = "Execution",
     .help = "compare with a checkpoint's training graph on the first N images"},
    SN_JOB_EXECUTION,
    SN_JOB_THREADS(0, "threads; 0: one for each processor. With --plan: those that share an "
                      "image; 0: one"),
};

static const sn_option selectors[] = {
    {"export", SN_JOB_FIELD(export), .kind = SN_OPTION_TEXT, .value_name = "FILE.sgn",
     .group = "Export",
     .help = "write the packed model to a file, print its size and exit; needs no data unless "
             "activations have to be calibrated"},
    {"export-c", SN_JOB_FIELD(export_c), .kind = SN_OPTION_TEXT, .value_name = "NAME.h",
     .group = "Export",
     .help = "write it as a C array, with a program that runs it in NAME_example.c, and exit"},
    {"images", SN_JOB_FIELD(images), .kind = SN_OPTION_FLAG, .group = "Images",
     .help = "the arguments after the model are PNG or JPEG pictures: print the five likeliest "
             "classes of each; needs no data"},
    {"summary", SN_JOB_FIELD(summary), .kind = SN_OPTION_FLAG, .group = "Looks",
     .help = "print each layer's parameters, size, multiply-adds, density and repetition"},
    {"plan", SN_JOB_FIELD(plan), .kind = SN_OPTION_FLAG, .group = "Looks",
     .help = "print how each convolution is computed, what it was predicted to take and takes"},
    {"cost", SN_JOB_FIELD(cost), .kind = SN_OPTION_FLAG, .group = "Looks",
     .help = "print operations, bytes and energy of an image with each kind of weights"},
    {"config", SN_JOB_FIELD(config), .kind = SN_OPTION_FLAG, .group = "Looks",
     .help = "print the options that a checkpoint was trained with, and their defaults"},
};

enum { MOST_IMAGES = 100000 };

/* ---- evaluation ---- */

/* The images of an evaluation: all of `whole`, or one of its parts. */
typedef struct eval_data {
    int index; /* of the data set */
    sn_dataset *whole, *kept, *held;
    const sn_dataset *images; /* one of the three */
} eval_data;

static sn_status check(const sn_job *job, sn_error *error) {
    return sn_job_check_target(job, "predictions", job->options->predictions, error);
}

/* A model file has nothing to compare with. */
static sn_status check_parity(const sn_job *job, sn_error *error) {
    SN_RETURN_IF(sn_job_is_given(job, "parity") && job->options->parity && !job->subject.checkpoint,
                 error, SN_ERROR_ARGUMENT,
                 "--parity %llu: %s is a model file, without a training graph to compare with; "
                 "give its checkpoint instead",
                 (unsigned long long)job->options->parity, job->path);
    return SN_OK;
}

/* Training images are those of the checkpoint's own run, which knows how it split them. */
static sn_status check_split(const sn_job *job, sn_error *error) {
    const sn_job_options *options = job->options;
    const char *split = split_choice(options->split);
    SN_RETURN_IF(!job->subject.checkpoint, error, SN_ERROR_ARGUMENT,
                 "--split %s: %s is a model file and does not say which images it was trained on; "
                 "give its checkpoint instead",
                 split, job->path);
    const sn_train_config *config = sn_checkpoint_config(job->subject.checkpoint);
    SN_RETURN_IF(options->split == SPLIT_VALID && !(config->valid > 0), error, SN_ERROR_ARGUMENT,
                 "--split valid: %s was trained without --valid, which holds images out",
                 job->path);
    SN_RETURN_IF(options->dataset && options->dataset - 1 != config->dataset, error,
                 SN_ERROR_ARGUMENT, "--split %s: %s was trained on %s, not on %s", split, job->path,
                 sn_dataset_name(config->dataset), sn_dataset_name(options->dataset - 1));
    return SN_OK;
}

/* Opens what --split names. */
static sn_status open_split(const sn_job *job, eval_data *data, sn_error *error) {
    const sn_job_options *options = job->options;
    if (options->split == SPLIT_TEST) {
        SN_TRY(sn_job_open_data(job, SN_SPLIT_TEST, options->limit_test, &data->index, &data->whole,
                                error));
        data->images = data->whole;
        return SN_OK;
    }
    SN_TRY(check_split(job, error));
    const sn_train_config *config = sn_checkpoint_config(job->subject.checkpoint);
    SN_TRY(sn_job_open_data(job, SN_SPLIT_TRAIN, config->limit_train, &data->index, &data->whole,
                            error));
    data->images = data->whole;
    if (config->valid > 0) {
        SN_TRY(sn_dataset_hold_out(data->whole, config->valid, config->seed, &data->kept,
                                   &data->held, error));
        data->images = options->split == SPLIT_VALID ? data->held : data->kept;
    }
    return SN_OK;
}

static sn_status evaluate(const sn_job *job, eval_data *data, sn_error *error) {
    const sn_job_options *options = job->options;
    const sn_subject *subject = &job->subject;
    sn_infer_costs costs;
    sn_progress progress = {0};
    sn_evaluate_options settings = {
        .threads = sn_job_threads(options),
        .parity_images = (size_t)options->parity,
        .split = options->split == SPLIT_TEST ? NULL : split_choice(options->split),
        .progress = &progress};
    sn_evaluate_result result;
    SN_TRY(check_parity(job, error));
    SN_TRY(open_split(job, data, error));
    SN_TRY(sn_job_infer_options(options, false, 1, &costs, &settings.infer, error));
    if (options->predictions[0])
        SN_TRY(sn_evaluate_with_predictions(subject, data->images, options->predictions, &settings,
                                            &result, error));
    else
        SN_TRY(sn_evaluate(subject, data->images, &settings, &result, error));
    return sn_report_evaluation(subject, data->index, &settings, &result, sn_job_format(options),
                                error);
}

static sn_status run_evaluation(const sn_job *job, sn_error *error) {
    eval_data data = {0};
    const sn_status status = evaluate(job, &data, error);
    sn_dataset_free(data.kept);
    sn_dataset_free(data.held);
    sn_dataset_free(data.whole);
    return status;
}

const sn_job_action sn_action_evaluate = {.name = "evaluate",
                                          .does = "runs test images",
                                          .table = table,
                                          .count = sizeof table / sizeof *table,
                                          .check = check,
                                          .run = run_evaluation};

/* ---- the command ---- */

static const sn_job_action *const actions[] = {
    &sn_action_evaluate, &sn_action_classify, &sn_action_export, &sn_action_summary,
    &sn_action_plan,     &sn_action_cost,     &sn_action_config, NULL};

/* Several things at once are a mistake. */
static sn_status choose(sn_job *job, const char *const *words, size_t count, sn_error *error) {
    const sn_job_options *o = job->options;
    const bool exports = sn_job_is_given(job, "export") || sn_job_is_given(job, "export-c");
    SN_RETURN_IF(count == 0, error, SN_ERROR_ARGUMENT,
                 "no checkpoint or model given; usage: eval CHECKPOINT|MODEL.sgn [OPTION...]");
    SN_RETURN_IF(
        exports + o->images + o->summary + o->plan + o->cost + o->config > 1, error,
        SN_ERROR_ARGUMENT,
        "--images, --summary, --plan, --cost, --config and --export are different things to do; "
        "give one of them");
    SN_RETURN_IF(count > 1 && !o->images, error, SN_ERROR_ARGUMENT,
                 "unexpected argument '%.200s'; pictures follow --images", words[1]);
    SN_RETURN_IF(count == 1 && o->images, error, SN_ERROR_ARGUMENT,
                 "--images needs pictures; usage: eval CHECKPOINT|MODEL.sgn --images FILE...");
    job->path = words[0];
    job->images = (char **)words + 1;
    job->image_count = count - 1;
    job->action = exports      ? &sn_action_export
                  : o->images  ? &sn_action_classify
                  : o->summary ? &sn_action_summary
                  : o->plan    ? &sn_action_plan
                  : o->cost    ? &sn_action_cost
                  : o->config  ? &sn_action_config
                               : &sn_action_evaluate;
    return SN_OK;
}

static const sn_job_command command = {.command = &sn_cmd_eval,
                                       .prefix = "--",
                                       .selectors = selectors,
                                       .selector_count = sizeof selectors / sizeof *selectors,
                                       .actions = actions,
                                       .most_words = 1 + MOST_IMAGES,
                                       .choose = choose};

static size_t options_of(sn_option to[SN_COMMAND_MOST_OPTIONS]) {
    return sn_job_command_options(&command, to);
}

static int run(int argc, char **argv) {
    return sn_job_command_run(&command, argc, argv);
}

const sn_command sn_cmd_eval = {
    .name = "eval",
    .launcher = "./eval",
    .summary = "test a trained network with the inference library",
    .forms = (const char *const[]){"CHECKPOINT|MODEL.sgn [OPTION...]",
                                   "CHECKPOINT|MODEL.sgn --images FILE... [OPTION...]", NULL},
    .description =
        "Runs the test images through the inference library and prints accuracy, speed and size. "
        "The\n"
        "network in a checkpoint is frozen first, and the training graph runs the first images "
        "too,\n"
        "for parity. With --images it classifies pictures of yours instead. With --export or "
        "--export-c\n"
        "it writes the frozen network to files;\n"
        "--summary, --plan and --cost print what its layers are, how they are computed and what "
        "they\n"
        "cost, and need no data.",
    .options = options_of,
    .run = run};
