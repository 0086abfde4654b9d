/* What the commands that read a model share: eval, export and inspect. Each offers actions; an
 * action has a table with the options that it takes, and the command's table is all of these
 * together. */
#ifndef SN_CLI_JOB_H
#define SN_CLI_JOB_H

#include "cli/command.h"
#include "cli/rows.h"
#include "cli/subject.h"

/* Which costs of steps the planner has. */
enum { SN_COSTS_AUTO, SN_COSTS_BUILTIN, SN_COSTS_MEASURED };

/* What convolutions with one-bit or ternary weights read; above: 1 + sn_act. */
enum { SN_ACT_AS_TRAINED };

typedef struct sn_job_options {
    int dataset; /* 0: the one it was trained on, else 1 + index */
    char data_dir[SN_OPTION_TEXT_SIZE];
    char predictions[SN_OPTION_TEXT_SIZE];
    char export[SN_OPTION_TEXT_SIZE], export_c[SN_OPTION_TEXT_SIZE];
    uint64_t limit_test, parity, threads, calibrate;
    int isa, form, costs, act, split;
    bool summary, plan, compare_forms, cost, config, images;
    bool json; /* the same as format JSON */
    int format;
} sn_job_options;

enum { SN_JOB_CALIBRATES = 1 }; /* tag: the option has an effect when activations are calibrated */

struct sn_job;

typedef struct sn_job_action {
    const char *name; /* "plan" */
    const char *does; /* "times layers and evaluates nothing" */
    const sn_option *table;
    size_t count;
    sn_status (*check)(const struct sn_job *job, sn_error *error); /* before reading; or NULL */
    sn_status (*run)(const struct sn_job *job, sn_error *error);
} sn_job_action;

extern const sn_job_action sn_action_evaluate, sn_action_classify, sn_action_export,
    sn_action_summary, sn_action_plan, sn_action_cost, sn_action_config;

/* One call of a command. */
typedef struct sn_job {
    const struct sn_job_command *command;
    const sn_option *table; /* of the command */
    size_t count;
    const bool *given; /* [count] */
    sn_job_options *options;
    const char *path; /* of the checkpoint or model */
    char **images;    /* [image_count]: paths of pictures to classify */
    size_t image_count;
    const sn_job_action *action; /* set, like the path, by the command's `choose` */
    sn_subject subject;
} sn_job;

typedef struct sn_job_command {
    const sn_command *command;
    const char *prefix;         /* of an action's name in messages: "--" */
    const sn_option *selectors; /* options of the command itself; they choose an action */
    size_t selector_count;
    const sn_job_action *const *actions; /* NULL at the end */
    size_t most_words;                   /* arguments besides options */
    sn_status (*choose)(sn_job *job, const char *const *words, size_t count, sn_error *error);
} sn_job_command;

/* All options of the command; the first of two with the same name counts. */
size_t sn_job_command_options(const sn_job_command *command,
                              sn_option table[SN_COMMAND_MOST_OPTIONS]);

/* The whole command; its exit status. */
int sn_job_command_run(const sn_job_command *command, int argc, char **argv);

/* ---- for actions ---- */

bool sn_job_is_given(const sn_job *job, const char *option);

sn_output sn_job_format(const sn_job_options *options);

/* --threads, or as many as there are processors. */
int sn_job_threads(const sn_job_options *options);

/* How the library is to run the model; *costs is what the result may point to. */
sn_status sn_job_infer_options(const sn_job_options *options, bool measured, int threads,
                               sn_infer_costs *costs, sn_infer_options *infer, sn_error *error);

/* Opens one split of the data set that goes with the network; *index is the data set's. */
sn_status sn_job_open_data(const sn_job *job, sn_split split, uint64_t limit, int *index,
                           sn_dataset **dataset, sn_error *error);

/* SN_ERROR_ARGUMENT where `target` is what is read, or a checkpoint: hours went into them. */
sn_status sn_job_check_target(const sn_job *job, const char *option, const char *target,
                              sn_error *error);

/* ---- options that several actions have ---- */

const char *sn_job_dataset_choice(int index);
const char *sn_job_costs_choice(int index);
const char *sn_job_act_choice(int index);

#define SN_JOB_FIELD(member) .offset = offsetof(sn_job_options, member)
#define SN_JOB_DATA(tag_)                                                                          \
    {"dataset",                                                                                    \
     SN_JOB_FIELD(dataset),                                                                        \
     .tag = (tag_),                                                                                \
     .kind = SN_OPTION_CHOICE,                                                                     \
     .value_name = "NAME",                                                                         \
     .choice_name = sn_job_dataset_choice,                                                         \
     .fallback = "as-trained",                                                                     \
     .group = "Data",                                                                              \
     .help = "data set whose images are used"},                                                    \
    {                                                                                              \
        "data-dir", SN_JOB_FIELD(data_dir),                                                        \
            .tag = (tag_), .kind = SN_OPTION_TEXT, .value_name = "DIR", .group = "Data",           \
            .help = "where its files are; otherwise as in training, $SIGNET_DATA, then data/"      \
    }
#define SN_JOB_ACTIVATIONS                                                                         \
    {"act",                                                                                        \
     SN_JOB_FIELD(act),                                                                            \
     .kind = SN_OPTION_CHOICE,                                                                     \
     .value_name = "NAME",                                                                         \
     .choice_name = sn_job_act_choice,                                                             \
     .fallback = "as-trained",                                                                     \
     .group = "Activations",                                                                       \
     .help =                                                                                       \
         "what a checkpoint's convolutions of one-bit or ternary weights read; int8: integers "    \
         "of 8 bits, whose steps come from training images unless they were trained"},             \
    {                                                                                              \
        "calibrate", SN_JOB_FIELD(calibrate),                                                      \
            .tag = SN_JOB_CALIBRATES, .needs = "act=int8", .kind = SN_OPTION_COUNT,                \
            .value_name = "N", .minimum = 1, .maximum = 1e9, .fallback = "500",                    \
            .group = "Activations", .help = "with --act int8: the number of those images"          \
    }
#define SN_JOB_OUTPUT                                                                              \
    {"format",                                                                                     \
     SN_JOB_FIELD(format),                                                                         \
     .kind = SN_OPTION_CHOICE,                                                                     \
     .value_name = "NAME",                                                                         \
     .choice_name = sn_output_name,                                                                \
     .fallback = "text",                                                                           \
     .group = "Output",                                                                            \
     .help = "how results are printed; csv: a line for each row of the main table"},               \
    {                                                                                              \
        "json", SN_JOB_FIELD(json), .kind = SN_OPTION_FLAG, .group = "Output",                     \
                                    .excludes = "format", .help = "the same as --format json"      \
    }
#define SN_JOB_THREADS(tag_, help_)                                                                \
    {                                                                                              \
        "threads", SN_JOB_FIELD(threads), .tag = (tag_), .kind = SN_OPTION_COUNT,                  \
                                          .value_name = "N", .maximum = 1024, .fallback = "0",     \
                                          .group = "Execution", .help = (help_)                    \
    }
#define SN_JOB_EXECUTION                                                                           \
    {"isa",                                                                                        \
     SN_JOB_FIELD(isa),                                                                            \
     .kind = SN_OPTION_CHOICE,                                                                     \
     .value_name = "NAME",                                                                         \
     .choice_name = sn_infer_isa_name,                                                             \
     .fallback = "auto",                                                                           \
     .group = "Execution",                                                                         \
     .help = "instructions of the inference kernels; otherwise $SN_ISA, then the fastest there "   \
             "are"},                                                                               \
        {"form",                                                                                   \
         SN_JOB_FIELD(form),                                                                       \
         .kind = SN_OPTION_CHOICE,                                                                 \
         .value_name = "NAME",                                                                     \
         .choice_name = sn_infer_form_name,                                                        \
         .fallback = "auto",                                                                       \
         .group = "Execution",                                                                     \
         .help = "how layers with one-bit or ternary weights are computed"},                       \
    {                                                                                              \
        "costs", SN_JOB_FIELD(costs),                                                              \
            .kind = SN_OPTION_CHOICE, .value_name = "NAME", .choice_name = sn_job_costs_choice,    \
            .fallback = "auto", .group = "Execution",                                              \
            .help = "what the planner takes the kernels' steps to cost; measured: here and now, "  \
                    "which "                                                                       \
                    "may differ the next time; auto: measured for a plan, otherwise builtin"       \
    }

#endif
