/* signet train: trains a network. */
#define _POSIX_C_SOURCE 200809L
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/data_source.h"
#include "cli/failure.h"
#include "cli/show_list.h"
#include "cli/show_profile.h"
#include "cli/show_summary.h"
#include "cli/train_display.h"
#include "train/trainer.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Set by a signal: nothing else can reach a handler. */
static volatile sig_atomic_t stop_signal;

static void request_stop(int signal_number) {
    stop_signal = signal_number;
}

static void catch_signals(void) {
    /* The second signal has its usual effect. */
    struct sigaction action = {.sa_handler = request_stop, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    /* nohup has it ignored, which stays. */
    struct sigaction before;
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        sigaction(SIGHUP, &action, NULL);
    /* Nobody reads the results any more; that they cannot be written is said at the end. */
    action.sa_flags = 0;
    sigaction(SIGPIPE, &action, NULL);
}

/* ---- configuration ---- */

/* The configuration of a run, and what only looks have. */
typedef struct train_options {
    sn_train_config config; /* first, as the table of its options has offsets in it */
    int format;
    bool json; /* the same as format JSON */
} train_options;

#define LOOKS "profile|summary|list"

static const sn_option look_options[] = {
    {"format", .offset = offsetof(train_options, format), .kind = SN_OPTION_CHOICE,
     .tag = SN_CONFIG_TRANSIENT, .value_name = "NAME", .choice_name = sn_output_name,
     .fallback = "text", .needs = LOOKS, .group = "This invocation",
     .help = "how --profile, --summary and --list print; csv: a line for each row of the main "
             "table"},
    {"json", .offset = offsetof(train_options, json), .kind = SN_OPTION_FLAG,
     .tag = SN_CONFIG_TRANSIENT, .needs = LOOKS, .excludes = "format", .group = "This invocation",
     .help = "the same as --format json"},
};

static size_t options_of(sn_option to[SN_COMMAND_MOST_OPTIONS]) {
    size_t count;
    const sn_option *table = sn_config_table(&count);
    assert(count + sizeof look_options / sizeof *look_options <= SN_COMMAND_MOST_OPTIONS);
    memcpy(to, table, count * sizeof *table);
    memcpy(to + count, look_options, sizeof look_options);
    return count + sizeof look_options / sizeof *look_options;
}

static sn_output format_of(const train_options *options) {
    return options->json ? SN_OUTPUT_JSON : (sn_output)options->format;
}

/* Takes the configuration from the checkpoint and the options that were given from *config. */
static sn_status merge_resumed(const sn_checkpoint *checkpoint, const bool *given,
                               sn_train_config *config, sn_error *error) {
    size_t count;
    const sn_option *table = sn_config_table(&count);
    sn_train_config merged = *sn_checkpoint_config(checkpoint);
    for (size_t i = 0; i < count; i++) {
        if (!given[i])
            continue;
        char text[SN_OPTION_TEXT_SIZE];
        sn_option_format(&table[i], config, text);
        SN_RETURN_IF(table[i].tag == SN_CONFIG_FIXED || strcmp(table[i].name, "out") == 0, error,
                     SN_ERROR_ARGUMENT,
                     "--%s cannot change when a run is resumed (given: %.200s); see --help for "
                     "what can",
                     table[i].name, text);
        char before[SN_OPTION_TEXT_SIZE];
        sn_option_format(&table[i], &merged, before);
        merged.given[i] = merged.given[i] || strcmp(before, text) != 0;
        SN_TRY(sn_option_set(&table[i], &merged, text, error));
    }
    *config = merged;
    sn_config_resolve(config);
    return SN_OK;
}

/* --resume "$RUN" with RUN unset must not start a new run. */
static sn_status refuse_empty_folders(const bool *given, const sn_train_config *config,
                                      sn_error *error) {
    size_t count;
    const sn_option *table = sn_config_table(&count);
    for (size_t i = 0; i < count; i++) {
        char text[SN_OPTION_TEXT_SIZE];
        sn_option_format(&table[i], config, text);
        SN_RETURN_IF(given[i] && table[i].kind == SN_OPTION_TEXT && !text[0], error,
                     SN_ERROR_ARGUMENT, "--%s needs a path, not an empty text", table[i].name);
    }
    return SN_OK;
}

static void say_no_effect(void *context, const char *text) {
    (void)context;
    fprintf(stderr, "train: warning: %s\n", text);
}

/* Options that would be without effect are mistakes, or worth a word. */
static sn_status check_effects(const bool *given, const train_options *options, sn_error *error) {
    sn_option table[SN_COMMAND_MOST_OPTIONS];
    const size_t count = options_of(table);
    return sn_option_check_effects(table, count, options, given, say_no_effect, NULL, error);
}

/* --resume RUN/last.h5 is a natural thing to give. */
static sn_status refuse_file(const char *path, sn_error *error) {
    struct stat info;
    if (stat(path, &info) != 0 || S_ISDIR(info.st_mode))
        return SN_OK;
    const char *slash = strrchr(path, '/');
    return sn_error_set(error, SN_ERROR_ARGUMENT,
                        "--resume: %.400s is a file; give the folder of the run: --resume %.*s",
                        path, slash ? (int)(slash - path) : 1, slash ? path : ".");
}

static sn_status open_resumed(const bool *given, sn_train_config *config,
                              sn_checkpoint **checkpoint, sn_error *error) {
    char path[SN_RUN_PATH_SIZE];
    SN_TRY(refuse_file(config->resume, error));
    snprintf(path, sizeof path, "%s/last.h5", config->resume);
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return sn_run_directory_explain(config->resume, error);
    SN_TRY(sn_checkpoint_open(path, checkpoint, error));
    return merge_resumed(*checkpoint, given, config, error);
}

/* ---- the program ---- */

/* The exit status of a run that went as it should, which a signal may have stopped. */
static int exit_status_of(const sn_trainer *trainer, const sn_train_config *config) {
    if (sn_trainer_state(trainer)->epoch == config->epochs || stop_signal == 0)
        return EXIT_SUCCESS;
    return stop_signal == SIGINT   ? SN_EXIT_INTERRUPTED
           : stop_signal == SIGHUP ? SN_EXIT_HUNG_UP
                                   : SN_EXIT_TERMINATED;
}

static sn_status look(const train_options *options, sn_trainer *trainer, const sn_dataset *train,
                      const sn_dataset *test, sn_error *error) {
    if (options->config.profile)
        return sn_show_profile(&options->config, trainer, format_of(options), error);
    return sn_show_summary(&options->config, trainer, train, test, format_of(options), error);
}

/* The last epoch that this invocation trains. */
static uint64_t last_epoch(const sn_train_config *config, const sn_trainer *trainer) {
    const uint64_t stop = sn_trainer_state(trainer)->epoch + config->stop_after;
    return config->stop_after && stop < config->epochs ? stop : config->epochs;
}

static sn_status train(const train_options *options, const sn_checkpoint *resume,
                       const char *directory, const sn_dataset *train_data,
                       const sn_dataset *test_data, int *exit_status, sn_error *error) {
    const sn_train_config *config = &options->config;
    sn_trainer *trainer;
    SN_TRY(sn_trainer_create(config, train_data, test_data, resume, &trainer, error));
    if (sn_trainer_note(trainer)[0])
        fprintf(stderr, "train: %s\n", sn_trainer_note(trainer));
    if (config->profile || config->summary) {
        const sn_status looked = look(options, trainer, train_data, test_data, error);
        sn_trainer_free(trainer);
        return looked;
    }
    const sn_opening opening = {.config = config,
                                .trainer = trainer,
                                .train = train_data,
                                .test = test_data,
                                .data_directory = directory,
                                .peak_memory =
                                    sn_memory_predict(config, trainer, train_data, test_data).peak};
    sn_train_display display = {
        .trainer = trainer, .opening = &opening, .last_epoch = last_epoch(config, trainer)};
    const sn_train_observer observer = sn_train_display_observer(&display);
    catch_signals();
    const sn_status status = sn_trainer_run(trainer, &observer, &stop_signal, error);
    sn_progress_clear(&display.progress);
    if (status == SN_OK) {
        sn_train_display_end(trainer, config);
        *exit_status = exit_status_of(trainer, config);
    }
    sn_trainer_free(trainer);
    return status;
}

static sn_status open_data(const sn_train_config *config, const char *directory,
                           sn_dataset *data[2], sn_error *error) {
    const uint64_t limits[2] = {config->limit_train, config->limit_test};
    sn_dataset_request request = sn_config_request(config);
    request.directory = directory;
    return sn_cli_open_both("train", &request, limits, data, error);
}

static sn_status open_and_train(train_options *options, const bool *given, int *exit_status,
                                sn_error *error) {
    sn_train_config *config = &options->config;
    sn_checkpoint *resume = NULL;
    sn_dataset *data[2] = {NULL, NULL}; /* for training, for testing */
    char directory[SN_OPTION_TEXT_SIZE];
    sn_config_resolve(config);
    sn_status status = refuse_empty_folders(given, config, error);
    if (status == SN_OK && config->resume[0] && !config->profile && !config->summary)
        status = open_resumed(given, config, &resume, error);
    if (status == SN_OK)
        status = check_effects(given, options, error);
    if (status == SN_OK)
        status = sn_cli_find_data(config->dataset, config->data_dir, directory, error);
    if (status == SN_OK)
        status = open_data(config, directory, data, error);
    if (status == SN_OK)
        status = train(options, resume, directory, data[0], data[1], exit_status, error);
    sn_dataset_free(data[0]);
    sn_dataset_free(data[1]);
    sn_checkpoint_free(resume);
    return status;
}

static sn_status parse_and_train(int argc, char **argv, int *exit_status, sn_error *error) {
    sn_option table[SN_COMMAND_MOST_OPTIONS];
    const size_t count = options_of(table);
    bool given[SN_COMMAND_MOST_OPTIONS] = {false};
    train_options options = {0};
    sn_arguments arguments = {.table = table, .count = count, .object = &options, .given = given};
    SN_TRY(sn_option_defaults(table, count, &options, error));
    SN_TRY(sn_arguments_parse(&arguments, argc, argv, error));
    if (arguments.help) {
        sn_command_help(&sn_cmd_train, stdout);
    } else if (options.config.list) {
        SN_TRY(sn_show_list(format_of(&options), error));
    } else {
        for (size_t i = 0; i < count && i < SN_CONFIG_MOST_OPTIONS; i++)
            options.config.given[i] = given[i] && table[i].tag != SN_CONFIG_TRANSIENT;
        SN_TRY(open_and_train(&options, given, exit_status, error));
    }
    return sn_cli_flush(error);
}

static int run(int argc, char **argv) {
    sn_error error = {0};
    int exit_status = EXIT_SUCCESS;
    if (parse_and_train(argc, argv, &exit_status, &error) != SN_OK)
        exit_status = sn_cli_fail("train", &error);
    return exit_status;
}

const sn_command sn_cmd_train = {
    .name = "train",
    .launcher = "./train",
    .summary = "train a network from scratch",
    .forms = (const char *const[]){"[OPTION...]",
                                   ("--resume DIR [--epochs N] [--threads N] [--data-dir DIR] "
                                    "[--stop-after N]\n[--checkpoint-minutes X]"),
                                   "--profile | --summary [OPTION...]", "--list", NULL},
    .description = "Trains a network and writes config.json, metrics.jsonl, layers.csv, last.h5 "
                   "and best.h5 to a\n"
                   "folder of its own. Ctrl-C stops after the current step; --resume continues "
                   "with the very next one.",
    .options = options_of,
    .run = run};
