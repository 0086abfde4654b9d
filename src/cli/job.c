#define _POSIX_C_SOURCE 200809L
#include "cli/job.h"

#include "cli/arguments.h"
#include "cli/data_source.h"
#include "cli/failure.h"
#include "cli/runner.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- options ---- */

const char *sn_job_dataset_choice(int index) {
    return index == 0 ? "as-trained" : sn_dataset_name(index - 1);
}

const char *sn_job_costs_choice(int index) {
    static const char *const names[] = {"auto", "builtin", "measured"};
    return index >= 0 && index <= SN_COSTS_MEASURED ? names[index] : NULL;
}

const char *sn_job_act_choice(int index) {
    return index == SN_ACT_AS_TRAINED ? "as-trained" : sn_act_name(index - 1);
}

static size_t add_options(const sn_option *more, size_t count, sn_option *table, size_t used) {
    for (size_t i = 0; i < count; i++)
        if (used < SN_COMMAND_MOST_OPTIONS && !sn_option_find(table, used, more[i].name))
            table[used++] = more[i];
    return used;
}

size_t sn_job_command_options(const sn_job_command *command,
                              sn_option table[SN_COMMAND_MOST_OPTIONS]) {
    size_t used = 0;
    for (size_t i = 0; command->actions[i]; i++)
        used = add_options(command->actions[i]->table, command->actions[i]->count, table, used);
    return add_options(command->selectors, command->selector_count, table, used);
}

bool sn_job_is_given(const sn_job *job, const char *option) {
    for (size_t i = 0; i < job->count; i++)
        if (strcmp(job->table[i].name, option) == 0)
            return job->given[i];
    return false;
}

sn_output sn_job_format(const sn_job_options *options) {
    return options->json ? SN_OUTPUT_JSON : (sn_output)options->format;
}

int sn_job_threads(const sn_job_options *options) {
    return options->threads ? (int)options->threads : omp_get_num_procs();
}

static bool asks_for(const sn_job_options *options, sn_act act) {
    return options->act == 1 + (int)act;
}

/* ---- options without an effect ---- */

static const sn_option *entry_of(const sn_job_action *action, const char *name) {
    return sn_option_find(action->table, action->count, name);
}

/* Whether the action does something with the option. */
static bool takes(const sn_job *job, const sn_job_action *action, const char *name) {
    const sn_option *entry = entry_of(action, name);
    return entry && (!(entry->tag & SN_JOB_CALIBRATES) || entry->needs ||
                     asks_for(job->options, SN_ACT_INT8));
}

/* The action that alone has the option; NULL when several have it. */
static const sn_job_action *only_owner(const sn_job *job, const char *name) {
    const sn_job_action *owner = NULL;
    for (size_t i = 0; job->command->actions[i]; i++) {
        if (!entry_of(job->command->actions[i], name))
            continue;
        if (owner)
            return NULL;
        owner = job->command->actions[i];
    }
    return owner;
}

static sn_status refuse_option(const sn_job *job, const char *name, sn_error *error) {
    const sn_job_action *owner = only_owner(job, name);
    const char *prefix = job->command->prefix;
    SN_RETURN_IF(owner == job->action, error, SN_ERROR_ARGUMENT,
                 "--%s has no effect without --act int8", name);
    SN_RETURN_IF(owner && owner != &sn_action_evaluate, error, SN_ERROR_ARGUMENT,
                 "--%s has no effect without %s%s", name, prefix, owner->name);
    return sn_error_set(error, SN_ERROR_ARGUMENT, "--%s has no effect with %s%s: that %s", name,
                        prefix, job->action->name, job->action->does);
}

/* --plan=false and the like are allowed. */
static bool is_off(const sn_option *option, const sn_job_options *options) {
    return option->kind == SN_OPTION_FLAG &&
           !*(const bool *)(const void *)((const char *)options + option->offset);
}

/* Lists the instructions that can be used here. */
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

/* Options that would have no effect are mistakes. */
static sn_status check_given(const sn_job *job, sn_error *error) {
    const sn_job_command *command = job->command;
    for (size_t i = 0; i < job->count; i++) {
        const sn_option *option = &job->table[i];
        if (job->given[i] && !is_off(option, job->options) &&
            !sn_option_find(command->selectors, command->selector_count, option->name) &&
            !takes(job, job->action, option->name))
            return refuse_option(job, option->name, error);
    }
    SN_TRY(sn_option_check_effects(job->table, job->count, job->options, job->given, NULL, NULL,
                                   error));
    const sn_infer_isa isa = (sn_infer_isa)job->options->isa;
    if (isa == SN_INFER_ISA_AUTO || sn_infer_isa_available(isa))
        return SN_OK;
    return refuse_isa(isa, error);
}

/* ---- what actions need ---- */

sn_status sn_job_check_target(const sn_job *job, const char *option, const char *target,
                              sn_error *error) {
    static const unsigned char hdf5[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    unsigned char start[sizeof hdf5];
    struct stat read, written;
    if (!target[0] || stat(target, &written) != 0)
        return SN_OK;
    SN_RETURN_IF(stat(job->path, &read) == 0 && read.st_dev == written.st_dev &&
                     read.st_ino == written.st_ino,
                 error, SN_ERROR_ARGUMENT,
                 "--%s: %s is the very file that is read; give another name", option, target);
    FILE *file = S_ISREG(written.st_mode) ? fopen(target, "rb") : NULL;
    if (!file)
        return SN_OK; /* writing will say what is wrong */
    const bool is_checkpoint = fread(start, 1, sizeof start, file) == sizeof start &&
                               memcmp(start, hdf5, sizeof start) == 0;
    fclose(file); /* nothing was written */
    SN_RETURN_IF(is_checkpoint, error, SN_ERROR_ARGUMENT,
                 "--%s: %s is a checkpoint, which would be lost; give another name", option,
                 target);
    return SN_OK;
}

sn_status sn_job_infer_options(const sn_job_options *options, bool measured, int threads,
                               sn_infer_costs *costs, sn_infer_options *infer, sn_error *error) {
    *infer = (sn_infer_options){.isa = (sn_infer_isa)options->isa,
                                .form = (sn_infer_form)options->form,
                                .threads = threads};
    if (options->costs == SN_COSTS_BUILTIN || (options->costs == SN_COSTS_AUTO && !measured))
        return SN_OK;
    SN_TRY(sn_runner_measure_costs(infer->isa, costs, error));
    infer->costs = costs;
    return SN_OK;
}

/* The data set that the user or the network names. */
static sn_status find_dataset(const sn_job *job, int *dataset, sn_error *error) {
    *dataset =
        job->options->dataset ? job->options->dataset - 1 : sn_subject_dataset(&job->subject);
    SN_RETURN_IF(*dataset < 0, error, SN_ERROR_ARGUMENT,
                 "%s: the model does not name a data set that this program knows; give one with "
                 "--dataset",
                 job->path);
    return SN_OK;
}

/* The folder of the data: as given, else the one used in training if it is still there. What only
 * the user has cannot be looked for anywhere else. */
static sn_status find_folder(const sn_job *job, int dataset, char directory[SN_OPTION_TEXT_SIZE],
                             sn_error *error) {
    const char *given = job->options->data_dir;
    const sn_train_config *config =
        job->subject.checkpoint ? sn_checkpoint_config(job->subject.checkpoint) : NULL;
    if (given[0] || !config || config->dataset != dataset || !config->data_dir[0])
        return sn_cli_find_data(dataset, given, directory, error);
    if (access(config->data_dir, R_OK) == 0)
        return sn_cli_find_data(dataset, config->data_dir, directory, error);
    SN_RETURN_IF(!sn_dataset_is_drawn(dataset) && !sn_dataset_can_be_fetched(dataset), error,
                 SN_ERROR_IO,
                 "%s was trained on the data in %s, which is not there; give its place with "
                 "--data-dir",
                 job->path, config->data_dir);
    return sn_cli_find_data(dataset, "", directory, error);
}

/* The option that nothing will look at. */
static void warn_of_folder(const sn_job *job) {
    int dataset;
    if (job->options->data_dir[0] && find_dataset(job, &dataset, NULL) == SN_OK &&
        sn_dataset_is_drawn(dataset))
        fprintf(stderr, "%s: warning: --data-dir has no effect with --dataset %s\n",
                job->command->command->name, sn_dataset_name(dataset));
}

/* Pictures are read as in training. A model file does not say how that was: they are fitted to the
 * network. */
static sn_dataset_request request_for(const sn_subject *subject, int dataset) {
    const sn_infer_info *info = &subject->info;
    sn_dataset_request request = {.background = {255, 255, 255}};
    if (subject->checkpoint) {
        request = sn_config_request(sn_checkpoint_config(subject->checkpoint));
    } else if (sn_dataset_is_resized(dataset)) {
        request.image_size = info->height == info->width ? info->height : 0;
        request.channels = info->channels == 1 ? 1 : 3;
        request.says_resized = true;
    }
    request.dataset = dataset;
    return request;
}

sn_status sn_job_open_data(const sn_job *job, sn_split split, uint64_t limit, int *index,
                           sn_dataset **dataset, sn_error *error) {
    char directory[SN_OPTION_TEXT_SIZE];
    SN_TRY(find_dataset(job, index, error));
    SN_TRY(find_folder(job, *index, directory, error));
    sn_dataset_request request = request_for(&job->subject, *index);
    request.split = split;
    request.directory = directory;
    request.limit = (size_t)limit;
    return sn_cli_open_data(job->command->command->name, &request, dataset, error);
}

/* ---- activations ---- */

/* Gives the subject activations of eight bits. */
static sn_status calibrate(sn_job *job, sn_error *error) {
    const sn_job_options *options = job->options;
    int index;
    sn_dataset *dataset = NULL;
    sn_status status = sn_subject_can_calibrate(&job->subject, error);
    if (status == SN_OK)
        status = sn_job_open_data(job, SN_SPLIT_TRAIN, options->calibrate, &index, &dataset, error);
    if (status == SN_OK)
        status = sn_subject_calibrate(&job->subject, dataset, (size_t)options->calibrate,
                                      sn_job_threads(options), error);
    sn_dataset_free(dataset);
    return status;
}

/* Steps that were trained need no images. */
static sn_status check_calibration(const sn_job *job, sn_error *error) {
    for (size_t i = 0; i < job->action->count; i++) {
        const sn_option *option = &job->action->table[i];
        SN_RETURN_IF(option->tag & SN_JOB_CALIBRATES && sn_job_is_given(job, option->name), error,
                     SN_ERROR_ARGUMENT,
                     "--%s has no effect: %s was trained with --act int8, which settled its steps",
                     option->name, job->path);
    }
    return SN_OK;
}

/* Gives the subject the activations that were asked for. */
static sn_status set_activations(sn_job *job, sn_error *error) {
    sn_subject *subject = &job->subject;
    if (job->options->act == SN_ACT_AS_TRAINED)
        return SN_OK;
    SN_TRY(sn_subject_check_act(subject, (sn_act)(job->options->act - 1), error));
    if (asks_for(job->options, SN_ACT_FP32))
        return sn_subject_was_rounded(subject) ? sn_subject_use_floats(subject, error) : SN_OK;
    if (sn_subject_was_rounded(subject))
        return check_calibration(job, error);
    return calibrate(job, error);
}

/* ---- the command ---- */

/* $SN_ISA takes the place of the default of --isa. */
static sn_status apply_environment(const sn_job *job, sn_error *error) {
    const char *isa = getenv("SN_ISA");
    const sn_option *option = sn_option_find(job->table, job->count, "isa");
    sn_error inner;
    if (!option || !isa || !isa[0])
        return SN_OK;
    SN_RETURN_IF(sn_option_set(option, job->options, isa, &inner) != SN_OK, error,
                 SN_ERROR_ARGUMENT, "$SN_ISA, default of %.900s", inner.message);
    return SN_OK;
}

static sn_status do_job(sn_job *job, sn_error *error) {
    SN_TRY(check_given(job, error));
    if (job->action->check)
        SN_TRY(job->action->check(job, error));
    sn_status status =
        sn_subject_open(job->path, sn_job_threads(job->options), &job->subject, error);
    if (status == SN_OK)
        status = set_activations(job, error);
    if (status == SN_OK) {
        warn_of_folder(job);
        status = job->action->run(job, error);
    }
    sn_subject_close(&job->subject);
    return status;
}

static sn_status run_words(sn_job *job, bool *given, const char **words, int argc, char **argv,
                           sn_error *error) {
    sn_arguments arguments = {.table = job->table,
                              .count = job->count,
                              .object = job->options,
                              .given = given,
                              .positional = words,
                              .positional_limit = job->command->most_words};
    SN_TRY(sn_option_defaults(job->table, job->count, job->options, error));
    SN_TRY(apply_environment(job, error));
    SN_TRY(sn_arguments_parse(&arguments, argc, argv, error));
    if (arguments.help) {
        sn_command_help(job->command->command, stdout);
    } else {
        SN_TRY(job->command->choose(job, words, arguments.positional_count, error));
        SN_TRY(do_job(job, error));
    }
    return sn_cli_flush(error);
}

static sn_status run(sn_job *job, bool *given, int argc, char **argv, sn_error *error) {
    const char **words = calloc(job->command->most_words, sizeof *words);
    SN_RETURN_IF(!words, error, SN_ERROR_MEMORY, "out of memory for arguments");
    const sn_status status = run_words(job, given, words, argc, argv, error);
    free(words);
    return status;
}

int sn_job_command_run(const sn_job_command *command, int argc, char **argv) {
    sn_option table[SN_COMMAND_MOST_OPTIONS];
    bool given[SN_COMMAND_MOST_OPTIONS] = {false};
    sn_job_options options = {0};
    sn_error error = {0};
    sn_job job = {.command = command,
                  .table = table,
                  .count = sn_job_command_options(command, table),
                  .given = given,
                  .options = &options};
    if (run(&job, given, argc, argv, &error) == SN_OK)
        return EXIT_SUCCESS;
    return sn_cli_fail(command->command->name, &error);
}
