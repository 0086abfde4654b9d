/* signet export: writes a trained network to files for the device. */
#include "cli/export.h"
#include "cli/job.h"
#include "cli/report.h"

#include <stdio.h>
#include <string.h>

static const sn_option table[] = {
    SN_JOB_DATA(SN_JOB_CALIBRATES),
    SN_JOB_ACTIVATIONS,
    SN_JOB_OUTPUT,
    SN_JOB_THREADS(SN_JOB_CALIBRATES, "with --act int8: threads; 0: one for each processor"),
};

static sn_status check(const sn_job *job, sn_error *error) {
    const sn_job_options *o = job->options;
    SN_RETURN_IF(sn_job_is_given(job, "export") && !o->export[0], error, SN_ERROR_ARGUMENT,
                 "--export needs the name of a file");
    SN_RETURN_IF(sn_job_is_given(job, "export-c") && !o->export_c[0], error, SN_ERROR_ARGUMENT,
                 "--export-c needs the name of a file");
    SN_TRY(sn_job_check_target(job, "export", o->export, error));
    return sn_job_check_target(job, "export-c", o->export_c, error);
}

static sn_status export(const sn_job *job, sn_error *error) {
    const sn_job_options *options = job->options;
    const sn_subject *subject = &job->subject;
    char example[SN_OPTION_TEXT_SIZE];
    sn_exported exported = {NULL, NULL, NULL};
    if (options->export_c[0]) {
        bool kept;
        SN_TRY(sn_export_c(subject->packed, subject->packed_bytes, options->export_c, example,
                           &kept, error));
        if (kept)
            fprintf(stderr,
                    "%s: %s is there with changes and stays as it is; remove it to get a new one\n",
                    job->command->command->name, example);
        exported.header = options->export_c;
        exported.example = example;
    }
    if (options->export[0]) {
        SN_TRY(sn_export_model(subject->packed, subject->packed_bytes, options->export, error));
        exported.model = options->export;
    }
    return sn_report_export(subject, &exported, sn_job_format(options), error);
}

const sn_job_action sn_action_export = {.name = "export",
                                        .does = "writes the model and evaluates nothing",
                                        .table = table,
                                        .count = sizeof table / sizeof *table,
                                        .check = check,
                                        .run = export};

/* ---- the command ---- */

static bool ends_in(const char *text, const char *end) {
    const size_t length = strlen(text), wanted = strlen(end);
    return length > wanted && strcmp(text + length - wanted, end) == 0;
}

static sn_status take_file(sn_job_options *options, const char *file, sn_error *error) {
    SN_RETURN_IF(!ends_in(file, ".sgn") && !ends_in(file, ".h"), error, SN_ERROR_ARGUMENT,
                 "'%.200s': give FILE.sgn for a model file or NAME.h for a C array", file);
    char *to = ends_in(file, ".h") ? options->export_c : options->export;
    SN_RETURN_IF(to[0], error, SN_ERROR_ARGUMENT, "'%.200s' and '%.200s': give one of them", to,
                 file);
    SN_RETURN_IF(strlen(file) >= SN_OPTION_TEXT_SIZE, error, SN_ERROR_ARGUMENT,
                 "the name of the file to write is too long");
    strcpy(to, file);
    return SN_OK;
}

static sn_status choose(sn_job *job, const char *const *words, size_t count, sn_error *error) {
    SN_RETURN_IF(count == 0, error, SN_ERROR_ARGUMENT,
                 "no checkpoint or model given; usage: export CHECKPOINT|MODEL.sgn FILE...");
    SN_RETURN_IF(count == 1, error, SN_ERROR_ARGUMENT,
                 "no file to write given; FILE.sgn is a model file, NAME.h a C array");
    job->path = words[0];
    job->action = &sn_action_export;
    for (size_t i = 1; i < count; i++)
        SN_TRY(take_file(job->options, words[i], error));
    return SN_OK;
}

static const sn_job_action *const actions[] = {&sn_action_export, NULL};

static const sn_job_command command = {
    .command = &sn_cmd_export, .prefix = "", .actions = actions, .most_words = 3, .choose = choose};

static size_t options_of(sn_option to[SN_COMMAND_MOST_OPTIONS]) {
    return sn_job_command_options(&command, to);
}

static int run(int argc, char **argv) {
    return sn_job_command_run(&command, argc, argv);
}

const sn_command sn_cmd_export = {
    .name = "export",
    .summary = "write a trained network to files for the device",
    .forms = (const char *const[]){"CHECKPOINT|MODEL.sgn FILE.sgn|NAME.h... [OPTION...]", NULL},
    .description = "Freezes the network in a checkpoint and writes it to FILE.sgn, a model file, "
                   "or to NAME.h, a C\n"
                   "array, with a program that runs it in NAME_example.c; or to both. Needs no "
                   "data unless\n"
                   "activations have to be calibrated.",
    .options = options_of,
    .run = run};
