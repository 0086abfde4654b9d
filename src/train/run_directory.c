#define _POSIX_C_SOURCE 200809L
#include "train/run_directory.h"

#include "base/file.h"
#include "base/memory.h"
#include "train/diagnostics.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LAST_SUFFIX = 100000, CONFIG_LIMIT = 1 << 20, COMMAND_SIZE = 700 };

void sn_run_directory_file(const sn_run_directory *directory, const char *name,
                           char path[SN_RUN_PATH_SIZE]) {
    snprintf(path, SN_RUN_PATH_SIZE, "%s/%s", directory->path, name);
}

sn_run_directory sn_run_directory_none(void) {
    return (sn_run_directory){.lock = {.file = -1}};
}

/* ---- what is in a folder ---- */

/* Size in bytes; -1 if the file does not exist. */
static long long size_of(const sn_run_directory *directory, const char *name) {
    char path[SN_RUN_PATH_SIZE];
    struct stat info;
    sn_run_directory_file(directory, name, path);
    return stat(path, &info) == 0 ? (long long)info.st_size : -1;
}

/* Whether a run has got as far as a checkpoint, or has logged an epoch. */
static bool holds_run(const sn_run_directory *directory) {
    return size_of(directory, "last.h5") >= 0 || size_of(directory, "best.h5") >= 0 ||
           size_of(directory, "metrics.jsonl") > 0 ||
           size_of(directory, "layers.csv") > (long long)strlen(sn_diagnostics_heading) + 1;
}

static void remove_file(const sn_run_directory *directory, const char *name) {
    char path[SN_RUN_PATH_SIZE];
    sn_run_directory_file(directory, name, path);
    unlink(path);
}

/* Whether this is what sn_file_write calls a file that is not complete, here one of a run's. */
static bool is_temporary(const char *name) {
    static const char *const files[] = {"last.h5.",       "best.h5.",    "config.json.",
                                        "metrics.jsonl.", "layers.csv.", ".writable."};
    const size_t length = strlen(name);
    if (length < 4 || strcmp(name + length - 4, ".tmp") != 0)
        return false;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (strncmp(name, files[i], strlen(files[i])) == 0)
            return true;
    return false;
}

/* What killed processes may have left; the lock says that nobody is at it now. */
static void remove_temporaries(const sn_run_directory *directory) {
    DIR *folder = opendir(directory->path);
    for (struct dirent *entry; folder && (entry = readdir(folder)) != NULL;)
        if (is_temporary(entry->d_name))
            remove_file(directory, entry->d_name);
    if (folder)
        closedir(folder);
}

/* What a run has before its first checkpoint. */
static void remove_beginnings(const sn_run_directory *directory) {
    remove_file(directory, "config.json");
    remove_file(directory, "metrics.jsonl");
    remove_file(directory, "layers.csv");
    remove_temporaries(directory);
}

/* ---- a new run ---- */

static sn_status refuse_run(const sn_run_directory *directory, sn_error *error) {
    const char *out = directory->path;
    SN_RETURN_IF(size_of(directory, "last.h5") < 0, error, SN_ERROR_ARGUMENT,
                 "--out: %s holds a run already, without its last.h5; choose another folder", out);
    return sn_error_set(error, SN_ERROR_ARGUMENT,
                        "--out: %s holds a run already; continue it with --resume %s or choose "
                        "another folder",
                        out, out);
}

static sn_status use_given(const char *out, sn_run_directory *directory, sn_error *error) {
    snprintf(directory->path, sizeof directory->path, "%s", out);
    struct stat info;
    directory->made = stat(out, &info) != 0;
    SN_RETURN_IF(!directory->made && !S_ISDIR(info.st_mode), error, SN_ERROR_ARGUMENT,
                 "--out: %s is a file; give a folder, which need not be there yet", out);
    SN_TRY(sn_file_make_directory(out, error));
    SN_TRY(sn_file_check_directory(out, error));
    SN_TRY(sn_run_lock_take(out, &directory->lock, error));
    if (holds_run(directory))
        return refuse_run(directory, error);
    remove_beginnings(directory);
    return SN_OK;
}

static sn_status use_free_name(const sn_train_config *config, sn_run_directory *directory,
                               sn_error *error) {
    char name[SN_OPTION_TEXT_SIZE];
    sn_config_run_name(config, name);
    SN_TRY(sn_file_make_directory("runs", error));
    for (int n = 1; n < LAST_SUFFIX; n++) {
        char suffix[16] = "";
        if (n > 1)
            snprintf(suffix, sizeof suffix, "-%d", n);
        SN_RETURN_IF(snprintf(directory->path, sizeof directory->path, "runs/%s%s", name, suffix) >=
                         (int)sizeof directory->path,
                     error, SN_ERROR_ARGUMENT, "runs/%s%s: name too long", name, suffix);
        if (mkdir(directory->path, 0777) == 0) {
            directory->made = true;
            return sn_run_lock_take(directory->path, &directory->lock, error);
        }
        SN_RETURN_IF(errno != EEXIST, error, SN_ERROR_IO, "%s: cannot make this folder: %s",
                     directory->path, strerror(errno));
    }
    return sn_error_set(error, SN_ERROR_IO, "runs/%s: too many runs of that name", name);
}

static sn_status open_log(const sn_run_directory *directory, const char *name, FILE **file,
                          sn_error *error) {
    char path[SN_RUN_PATH_SIZE];
    sn_run_directory_file(directory, name, path);
    *file = fopen(path, "a");
    SN_RETURN_IF(!*file && errno == ENOMEM, error, SN_ERROR_MEMORY, "%s: out of memory", path);
    SN_RETURN_IF(!*file, error, SN_ERROR_IO, "%s: cannot open: %s", path, strerror(errno));
    return SN_OK;
}

static sn_status append(const sn_run_directory *directory, const char *name, FILE *file,
                        const char *text, const char *end, sn_error *error) {
    const bool written =
        fprintf(file, "%s%s", text, end) >= 0 && fflush(file) == 0 && fsync(fileno(file)) == 0;
    SN_RETURN_IF(!written && errno == ENOMEM, error, SN_ERROR_MEMORY, "%s/%s: out of memory",
                 directory->path, name);
    SN_RETURN_IF(!written, error, SN_ERROR_IO, "%s/%s: cannot write: %s", directory->path, name,
                 strerror(errno));
    return SN_OK;
}

/* A new layers.csv gets its heading. */
static sn_status open_logs(sn_run_directory *directory, sn_error *error) {
    SN_TRY(open_log(directory, "metrics.jsonl", &directory->metrics, error));
    SN_TRY(open_log(directory, "layers.csv", &directory->layers, error));
    if (size_of(directory, "layers.csv") > 0)
        return SN_OK;
    return append(directory, "layers.csv", directory->layers, sn_diagnostics_heading, "\n", error);
}

sn_status sn_run_directory_create(const sn_train_config *config, sn_run_directory *directory,
                                  sn_error *error) {
    *directory = sn_run_directory_none();
    const sn_status taken = config->out[0] ? use_given(config->out, directory, error)
                                           : use_free_name(config, directory, error);
    if (taken != SN_OK) {
        sn_run_lock_release(&directory->lock);
        return taken;
    }
    const sn_status status = open_logs(directory, error);
    if (status != SN_OK)
        sn_run_directory_discard(directory);
    return status;
}

/* ---- a run that goes on ---- */

sn_status sn_run_directory_reopen(const char *path, uint64_t epoch, size_t layers,
                                  sn_run_directory *directory, sn_error *error) {
    char log[SN_RUN_PATH_SIZE];
    *directory = sn_run_directory_none();
    snprintf(directory->path, sizeof directory->path, "%s", path);
    SN_TRY(sn_file_check_directory(path, error));
    /* First of all: another process may be about to write what would be trimmed. */
    SN_TRY(sn_run_lock_take(path, &directory->lock, error));
    sn_run_directory_file(directory, "metrics.jsonl", log);
    SN_TRY(sn_run_log_trim_metrics(log, epoch, directory->note[0], error));
    sn_run_directory_file(directory, "layers.csv", log);
    SN_TRY(sn_run_log_trim_layers(log, epoch, layers, directory->note[1], error));
    SN_TRY(open_logs(directory, error));
    remove_temporaries(directory);
    return SN_OK;
}

/* "train --quant ... --out PATH" from the configuration that the run has left. */
static bool find_command(const sn_run_directory *directory, char command[COMMAND_SIZE]) {
    char path[SN_RUN_PATH_SIZE];
    unsigned char *text;
    size_t size;
    sn_train_config config;
    sn_input_info input;
    sn_run_directory_file(directory, "config.json", path);
    if (sn_file_read(path, CONFIG_LIMIT, &text, &size, NULL) != SN_OK)
        return false;
    const sn_status status = sn_config_from_json((const char *)text, path, &config, &input, NULL);
    sn_free(text);
    if (status != SN_OK)
        return false;
    snprintf(config.out, sizeof config.out, "%s", directory->path);
    return sn_config_command(&config, command, COMMAND_SIZE);
}

sn_status sn_run_directory_explain(const char *path, sn_error *error) {
    sn_run_directory directory = sn_run_directory_none();
    char command[COMMAND_SIZE];
    snprintf(directory.path, sizeof directory.path, "%s", path);
    if (size_of(&directory, "config.json") < 0 && size_of(&directory, "metrics.jsonl") < 0)
        return sn_error_set(error, SN_ERROR_IO,
                            "%s/last.h5: there is no such file; --resume takes the folder of a run",
                            path);
    if (size_of(&directory, "lock") >= 0) { /* a run that has just begun has no checkpoint yet */
        SN_TRY(sn_run_lock_take(path, &directory.lock, error));
        sn_run_lock_release(&directory.lock);
    }
    SN_RETURN_IF(holds_run(&directory), error, SN_ERROR_IO,
                 "%s/last.h5: this checkpoint is gone, although the run wrote it; only a copy of "
                 "it can be resumed",
                 path);
    if (!find_command(&directory, command))
        snprintf(command, sizeof command, "the options it had, and --out %s", path);
    return sn_error_set(error, SN_ERROR_IO,
                        "%s/last.h5: the run ended before it had written this, its first "
                        "checkpoint; begin it anew with: %s",
                        path, command);
}

void sn_run_directory_discard(sn_run_directory *directory) {
    if (directory->lock.file < 0)
        return;
    remove_beginnings(directory);
    sn_run_directory_close(directory);
    if (directory->made)
        rmdir(directory->path); /* unless something else is in it */
}

void sn_run_directory_close(sn_run_directory *directory) {
    if (directory->metrics)
        fclose(directory->metrics);
    if (directory->layers)
        fclose(directory->layers);
    directory->metrics = directory->layers = NULL;
    sn_run_lock_release(&directory->lock);
}

sn_status sn_run_directory_write_config(const sn_run_directory *directory,
                                        const sn_train_config *config, const sn_input_info *input,
                                        sn_error *error) {
    char path[SN_RUN_PATH_SIZE], *text;
    SN_TRY(sn_config_to_json(config, input, &text, error));
    sn_run_directory_file(directory, "config.json", path);
    const sn_status status = sn_file_write(path, text, strlen(text), error);
    free(text);
    return status;
}

sn_status sn_run_directory_append(sn_run_directory *directory, const char *line, sn_error *error) {
    return append(directory, "metrics.jsonl", directory->metrics, line, "\n", error);
}

sn_status sn_run_directory_append_layers(sn_run_directory *directory, const char *lines,
                                         sn_error *error) {
    return append(directory, "layers.csv", directory->layers, lines, "", error);
}
