/* signet train: trains a network. */
#define _POSIX_C_SOURCE 200809L
#include "base/clock.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/data_source.h"
#include "cli/failure.h"
#include "cli/opening.h"
#include "cli/pace.h"
#include "cli/progress.h"
#include "cli/show_list.h"
#include "cli/show_profile.h"
#include "cli/show_summary.h"
#include "train/trainer.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
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
static sn_status check_effects(const bool *given, const sn_train_config *config, sn_error *error) {
    size_t count;
    const sn_option *table = sn_config_table(&count);
    return sn_option_check_effects(table, count, config, given, say_no_effect, NULL, error);
}

static sn_status open_resumed(const bool *given, sn_train_config *config,
                              sn_checkpoint **checkpoint, sn_error *error) {
    char path[SN_RUN_PATH_SIZE];
    snprintf(path, sizeof path, "%s/last.h5", config->resume);
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return sn_run_directory_explain(config->resume, error);
    SN_TRY(sn_checkpoint_open(path, checkpoint, error));
    return merge_resumed(*checkpoint, given, config, error);
}

/* ---- output ---- */

enum { PACE_STEPS = 20 }; /* after which the time to the end is told */

typedef struct display {
    sn_progress progress;
    sn_pace pace;
    const sn_trainer *trainer;
    const sn_opening *opening;
    uint64_t last_epoch; /* of this invocation */
    uint64_t line_epoch; /* whose progress line was begun; 0: none */
    double started;      /* seconds */
    bool told;           /* the time to the end */
} display;

static void show_begin(void *context) {
    display *d = context;
    sn_opening_print(d->opening);
    sn_opening_warn(d->opening);
    sn_pace_start(&d->pace, sn_trainer_evaluation_images(d->trainer));
    d->started = sn_clock_seconds();
}

/* Seconds to the end of this invocation; 0 while unknown. */
static double seconds_left(const display *d, const sn_step_report *report) {
    const uint64_t epochs = d->last_epoch - report->epoch;
    const size_t images =
        report->images_total - report->images_done + (size_t)epochs * report->images_total;
    return sn_pace_seconds(&d->pace, images, epochs + 1);
}

/* "train: 812 images/s; at this rate 100 epochs take 2 h 05 min, until about 14:30" */
static void tell_pace(display *d, double left) {
    const bool resumed = sn_trainer_was_resumed(d->trainer);
    const double now = sn_clock_seconds();
    const time_t today = time(NULL);
    char duration[32], until[32], what[48];
    sn_pace_duration(resumed ? left : now - d->started + left, duration, sizeof duration);
    sn_pace_clock(today + (time_t)left, today, until, sizeof until);
    snprintf(what, sizeof what, "%llu epoch%s", (unsigned long long)d->last_epoch,
             d->last_epoch == 1 ? "" : "s");
    d->told = true;
    sn_progress_clear(&d->progress);
    fprintf(stderr, "train: %.0f images/s; at this rate %s take%s %s, until about %s\n",
            sn_pace_rate(&d->pace), resumed ? "the rest" : what,
            resumed || d->last_epoch == 1 ? "s" : "", duration, until);
}

static void show_step(void *context, const sn_step_report *report) {
    display *d = context;
    sn_pace_step(&d->pace, report->images_done, sn_clock_seconds());
    const double left = seconds_left(d, report);
    if (!d->told && d->pace.steps >= PACE_STEPS && left > 0)
        tell_pace(d, left);
    if (d->line_epoch != report->epoch)
        sn_progress_start(&d->progress, "images");
    d->line_epoch = report->epoch;
    char label[64], duration[32], run[48] = "", extra[80];
    snprintf(label, sizeof label, "epoch %llu/%llu", (unsigned long long)report->epoch,
             (unsigned long long)report->epochs);
    sn_pace_duration(left, duration, sizeof duration);
    if (left > 0)
        snprintf(run, sizeof run, "  run %s left", duration);
    snprintf(extra, sizeof extra, "loss %.4f%s", report->loss, run);
    sn_progress_update(&d->progress, label, report->images_done, report->images_total,
                       report->images_before, extra);
}

static void show_evaluating(void *context) {
    display *d = context;
    sn_progress_clear(&d->progress);
    sn_pace_evaluating(&d->pace, sn_clock_seconds());
}

static void show_epoch(void *context, const sn_epoch_metrics *m) {
    display *d = context;
    sn_pace_evaluated(&d->pace, sn_clock_seconds());
    char valid[64] = "";
    if (m->has_valid)
        snprintf(valid, sizeof valid, "valid loss %.4f  valid %5.2f %%  ", m->valid.loss,
                 m->valid.top1);
    printf("epoch %3llu  loss %.4f  train %5.2f %%  %stest %5.2f %%  density %.3f  lr %.3g  "
           "%.0f images/s  %.1f s%s\n",
           (unsigned long long)m->epoch, m->loss, m->train_top1, valid, m->test.top1, m->density,
           m->learning_rate, m->images_per_second, m->seconds, m->best ? "  best" : "");
    fflush(stdout);
}

static void show_warning(void *context, const char *text) {
    (void)context;
    fprintf(stderr, "train: warning: %s\n", text);
}

static int report_end(const sn_trainer *trainer, const sn_train_config *config) {
    const sn_train_state *state = sn_trainer_state(trainer);
    const char *directory = sn_trainer_directory(trainer);
    if (state->best_top1 >= 0)
        printf("best %stop-1 %.2f %% after epoch %llu: %s/best.h5\n",
               config->valid > 0 ? "validation " : "", state->best_top1,
               (unsigned long long)state->best_epoch, directory);
    if (state->epoch < config->epochs)
        fprintf(stderr, "train: stopped %s epoch %llu of %llu; continue with --resume %s\n",
                state->step > 0 ? "in" : "after",
                (unsigned long long)state->epoch + (state->step > 0),
                (unsigned long long)config->epochs, directory);
    if (state->epoch == config->epochs || stop_signal == 0)
        return EXIT_SUCCESS;
    return stop_signal == SIGINT   ? SN_EXIT_INTERRUPTED
           : stop_signal == SIGHUP ? SN_EXIT_HUNG_UP
                                   : SN_EXIT_TERMINATED;
}

/* ---- the program ---- */

static sn_status look(const sn_train_config *config, sn_trainer *trainer, const sn_dataset *train,
                      const sn_dataset *test, sn_error *error) {
    if (config->profile)
        return sn_show_profile(config, trainer, error);
    return sn_show_summary(config, trainer, train, test, error);
}

/* The last epoch that this invocation trains. */
static uint64_t last_epoch(const sn_train_config *config, const sn_trainer *trainer) {
    const uint64_t stop = sn_trainer_state(trainer)->epoch + config->stop_after;
    return config->stop_after && stop < config->epochs ? stop : config->epochs;
}

static sn_status train(const sn_train_config *config, const sn_checkpoint *resume,
                       const char *directory, const sn_dataset *train_data,
                       const sn_dataset *test_data, int *exit_status, sn_error *error) {
    sn_trainer *trainer;
    SN_TRY(sn_trainer_create(config, train_data, test_data, resume, &trainer, error));
    if (sn_trainer_note(trainer)[0])
        fprintf(stderr, "train: %s\n", sn_trainer_note(trainer));
    if (config->profile || config->summary) {
        const sn_status looked = look(config, trainer, train_data, test_data, error);
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
    display d = {
        .trainer = trainer, .opening = &opening, .last_epoch = last_epoch(config, trainer)};
    const sn_train_observer observer = {&d,         show_begin,  show_step, show_evaluating,
                                        show_epoch, show_warning};
    catch_signals();
    const sn_status status = sn_trainer_run(trainer, &observer, &stop_signal, error);
    sn_progress_clear(&d.progress);
    if (status == SN_OK)
        *exit_status = report_end(trainer, config);
    sn_trainer_free(trainer);
    return status;
}

static sn_status open_and_train(sn_train_config *config, const bool *given, int *exit_status,
                                sn_error *error) {
    sn_checkpoint *resume = NULL;
    sn_dataset *train_data = NULL, *test_data = NULL;
    char directory[SN_OPTION_TEXT_SIZE];
    sn_config_resolve(config);
    sn_status status = refuse_empty_folders(given, config, error);
    if (status == SN_OK && config->resume[0] && !config->profile && !config->summary)
        status = open_resumed(given, config, &resume, error);
    if (status == SN_OK)
        status = check_effects(given, config, error);
    if (status == SN_OK)
        status = sn_cli_find_data(config->dataset, config->data_dir, directory, error);
    if (status == SN_OK)
        status = sn_cli_open_data("train", config->dataset, SN_SPLIT_TRAIN, directory,
                                  config->limit_train, &train_data, error);
    if (status == SN_OK)
        status = sn_cli_open_data("train", config->dataset, SN_SPLIT_TEST, directory,
                                  config->limit_test, &test_data, error);
    if (status == SN_OK)
        status = train(config, resume, directory, train_data, test_data, exit_status, error);
    sn_dataset_free(train_data);
    sn_dataset_free(test_data);
    sn_checkpoint_free(resume);
    return status;
}

static sn_status parse_and_train(int argc, char **argv, int *exit_status, sn_error *error) {
    size_t count;
    const sn_option *table = sn_config_table(&count);
    bool given[SN_COMMAND_MOST_OPTIONS] = {false};
    sn_train_config config = {0};
    assert(count <= SN_COMMAND_MOST_OPTIONS);
    sn_arguments arguments = {.table = table, .count = count, .object = &config, .given = given};
    SN_TRY(sn_option_defaults(table, count, &config, error));
    SN_TRY(sn_arguments_parse(&arguments, argc, argv, error));
    if (arguments.help)
        sn_command_help(&sn_cmd_train, stdout);
    else if (config.list)
        sn_show_list();
    else
        SN_TRY(open_and_train(&config, given, exit_status, error));
    return sn_cli_flush(error);
}

static int run(int argc, char **argv) {
    sn_error error = {0};
    int exit_status = EXIT_SUCCESS;
    if (parse_and_train(argc, argv, &exit_status, &error) != SN_OK)
        exit_status = sn_cli_fail("train", &error);
    return exit_status;
}

static size_t options_of(sn_option to[SN_COMMAND_MOST_OPTIONS]) {
    size_t count;
    const sn_option *table = sn_config_table(&count);
    assert(count <= SN_COMMAND_MOST_OPTIONS);
    memcpy(to, table, count * sizeof *table);
    return count;
}

const sn_command sn_cmd_train = {
    .name = "train",
    .launcher = "./train",
    .summary = "train a network from scratch",
    .forms = (const char *const[]){"[OPTION...]",
                                   "--resume DIR [--epochs N] [--threads N] [--data-dir DIR] "
                                   "[--stop-after N] [--checkpoint-minutes X]",
                                   "--profile | --summary [OPTION...]", "--list", NULL},
    .description = "Trains a network and writes config.json, metrics.jsonl, layers.csv, last.h5 "
                   "and best.h5 to a\n"
                   "folder of its own. Ctrl-C stops after the current step; --resume continues "
                   "with the very next one.",
    .options = options_of,
    .run = run};
