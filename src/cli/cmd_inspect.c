/* signet inspect: what a network's layers are, how they are computed and what they cost. */
#include "cli/arguments.h"
#include "cli/job.h"
#include "cli/nearest.h"
#include "cli/report.h"
#include "cli/runner.h"
#include "cli/show_config.h"
#include "cli/show_cost.h"
#include "cli/show_plan.h"
#include "cli/summary_report.h"
#include "infer/signet.h"

#include <string.h>

/* What each form of the layers is run for, and the model to measure its energy. */
static const double plan_seconds = 0.3, energy_seconds = 1;

#define CALIBRATION_THREADS                                                                        \
    SN_JOB_THREADS(SN_JOB_CALIBRATES, "with --act int8: threads; 0: one for each processor")

/* ---- summary ---- */

/* Of a summary and of costs, which only count. */
static const sn_option count_table[] = {SN_JOB_DATA(SN_JOB_CALIBRATES), SN_JOB_ACTIVATIONS,
                                        SN_JOB_OUTPUT, SN_JOB_EXECUTION, CALIBRATION_THREADS};

static void print_summary_heading(const sn_subject *s) {
    const char *name = sn_infer_network_name(s->packed);
    printf("%s: %s, %dx%dx%d, %d classes\n\n", s->path, name[0] ? name : "no name",
           s->info.channels, s->info.height, s->info.width, s->info.classes);
}

static sn_status show_summary(const sn_job *job, sn_error *error) {
    const sn_job_options *options = job->options;
    const sn_subject *subject = &job->subject;
    const sn_summary_options settings = {.measured_costs = options->costs == SN_COSTS_MEASURED};
    sn_infer_costs costs;
    sn_infer_options infer;
    sn_summary summary;
    SN_TRY(sn_job_infer_options(options, false, 1, &costs, &infer, error));
    sn_status status =
        sn_summary_make(subject->packed, subject->packed_bytes, &infer, &summary, error);
    if (status == SN_OK && sn_job_format(options) == SN_OUTPUT_JSON)
        status = sn_report_object(subject, sn_summary_json(&summary, &settings), error);
    else if (status == SN_OK && sn_job_format(options) == SN_OUTPUT_CSV)
        status = sn_summary_csv(&summary, error);
    else if (status == SN_OK) {
        print_summary_heading(subject);
        status = sn_summary_print(&summary, &settings, error);
    }
    sn_summary_free(&summary);
    return status;
}

const sn_job_action sn_action_summary = {.name = "summary",
                                         .does = "counts and evaluates nothing",
                                         .table = count_table,
                                         .count = sizeof count_table / sizeof *count_table,
                                         .run = show_summary};

/* ---- plan ---- */

static const sn_option plan_table[] = {
    SN_JOB_DATA(SN_JOB_CALIBRATES),
    SN_JOB_ACTIVATIONS,
    {"compare-forms", SN_JOB_FIELD(compare_forms), .kind = SN_OPTION_FLAG, .group = "Looks",
     .help = "with a plan: time every form of every layer"},
    SN_JOB_OUTPUT,
    SN_JOB_EXECUTION,
    SN_JOB_THREADS(0, "with a plan: threads that share an image; 0: one")};

static sn_status show_plan(const sn_job *job, sn_error *error) {
    const sn_job_options *options = job->options;
    const int threads = options->threads ? (int)options->threads : 1;
    sn_infer_costs costs;
    sn_show_plan_options settings = {.format = sn_job_format(options),
                                     .compare_forms = options->compare_forms,
                                     .seconds = plan_seconds};
    SN_TRY(sn_job_infer_options(options, true, threads, &costs, &settings.infer, error));
    return sn_show_plan(&job->subject, &settings, error);
}

const sn_job_action sn_action_plan = {.name = "plan",
                                      .does = "times layers and evaluates nothing",
                                      .table = plan_table,
                                      .count = sizeof plan_table / sizeof *plan_table,
                                      .run = show_plan};

/* ---- cost ---- */

static sn_status show_cost(const sn_job *job, sn_error *error) {
    const sn_job_options *options = job->options;
    const sn_subject *subject = &job->subject;
    sn_infer_costs costs;
    sn_infer_options infer;
    sn_runner runner;
    SN_TRY(sn_job_infer_options(options, false, 1, &costs, &infer, error));
    sn_status status =
        sn_runner_open(subject->packed, subject->packed_bytes, &infer, &runner, error);
    if (status == SN_OK)
        status = sn_show_cost(runner.model, &runner.info,
                              &(sn_show_cost_options){.format = sn_job_format(options),
                                                      .seconds = energy_seconds,
                                                      .packed = subject->packed},
                              stdout, error);
    sn_runner_close(&runner);
    return status;
}

const sn_job_action sn_action_cost = {.name = "cost",
                                      .does = "counts and evaluates nothing",
                                      .table = count_table,
                                      .count = sizeof count_table / sizeof *count_table,
                                      .run = show_cost};

/* ---- config ---- */

static const sn_option config_table[] = {SN_JOB_OUTPUT};

static sn_status show_config(const sn_job *job, sn_error *error) {
    return sn_show_config(&job->subject, sn_job_format(job->options), error);
}

const sn_job_action sn_action_config = {.name = "config",
                                        .does = "prints options and evaluates nothing",
                                        .table = config_table,
                                        .count = sizeof config_table / sizeof *config_table,
                                        .run = show_config};

/* ---- the command ---- */

static const sn_job_action *const actions[] = {&sn_action_summary, &sn_action_plan, &sn_action_cost,
                                               &sn_action_config, NULL};

static const char *look_name(const void *context, size_t index) {
    (void)context;
    return actions[index] ? actions[index]->name : NULL;
}

static const sn_job_action *find_look(const char *name) {
    for (size_t i = 0; actions[i]; i++)
        if (strcmp(actions[i]->name, name) == 0)
            return actions[i];
    return NULL;
}

static sn_status refuse_look(const char *name, sn_error *error) {
    const char *nearest = sn_nearest_name(name, look_name, NULL);
    char known[128] = "";
    for (size_t i = 0, used = 0; actions[i] && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "",
                                 actions[i]->name);
    if (nearest)
        return sn_error_set(error, SN_ERROR_ARGUMENT, "unknown look '%.200s'; did you mean %s?",
                            name, nearest);
    return sn_error_set(error, SN_ERROR_ARGUMENT, "unknown look '%.200s'; there are: %s", name,
                        known);
}

/* One word alone is a file, of which a summary is wanted, unless it names a look. */
static sn_status choose(sn_job *job, const char *const *words, size_t count, sn_error *error) {
    job->action = count > 0 ? find_look(words[0]) : NULL;
    SN_RETURN_IF(count == 0 || (count == 1 && job->action), error, SN_ERROR_ARGUMENT,
                 "no checkpoint or model given; usage: inspect [summary|plan|cost|config] "
                 "CHECKPOINT|MODEL.sgn [OPTION...]");
    if (count == 1)
        job->action = &sn_action_summary;
    if (!job->action)
        return refuse_look(words[0], error);
    job->path = words[count - 1];
    return SN_OK;
}

static const sn_job_command command = {.command = &sn_cmd_inspect,
                                       .prefix = "",
                                       .actions = actions,
                                       .most_words = 2,
                                       .choose = choose};

static size_t options_of(sn_option to[SN_COMMAND_MOST_OPTIONS]) {
    return sn_job_command_options(&command, to);
}

static int run(int argc, char **argv) {
    return sn_job_command_run(&command, argc, argv);
}

const sn_command sn_cmd_inspect = {
    .name = "inspect",
    .summary = "print a network's layers, how they are computed and what they cost",
    .forms =
        (const char *const[]){"[summary|plan|cost|config] CHECKPOINT|MODEL.sgn [OPTION...]", NULL},
    .description = "summary prints each layer's parameters, size, multiply-adds, density and "
                   "repetition; plan how\n"
                   "each convolution is computed, and what it was predicted to take and takes; "
                   "cost the operations,\n"
                   "bytes and energy of an image with each kind of weights; config the options of "
                   "training and\n"
                   "their defaults. None of them needs data unless activations have to be "
                   "calibrated.",
    .words = (const char *const[]){"summary", "plan", "cost", "config", NULL},
    .options = options_of,
    .run = run};
