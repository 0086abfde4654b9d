#define _DEFAULT_SOURCE /* flock */
#include "train/run_directory.h"

#include "base/file.h"
#include "base/memory.h"
#include "train/diagnostics.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LAST_SUFFIX = 100000, METRICS_LIMIT = 1 << 30 };

void sn_run_directory_file(const sn_run_directory *directory, const char *name,
                           char path[SN_RUN_PATH_SIZE]) {
    snprintf(path, SN_RUN_PATH_SIZE, "%s/%s", directory->path, name);
}

static bool holds_run(const sn_run_directory *directory) {
    static const char *const names[] = {"config.json", "metrics.jsonl", "layers.csv", "last.h5",
                                        "best.h5"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[SN_RUN_PATH_SIZE];
        sn_run_directory_file(directory, names[i], path);
        if (access(path, F_OK) == 0)
            return true;
    }
    return false;
}

static sn_status use_given(const char *out, sn_run_directory *directory, sn_error *error) {
    snprintf(directory->path, sizeof directory->path, "%s", out);
    SN_RETURN_IF(holds_run(directory), error, SN_ERROR_ARGUMENT,
                 "--out: %s holds a run already; continue it with --resume %s or choose another "
                 "folder",
                 out, out);
    SN_TRY(sn_file_make_directory(out, error));
    return sn_file_check_directory(out, error);
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
        if (mkdir(directory->path, 0777) == 0)
            return SN_OK;
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
    SN_RETURN_IF(!*file, error, SN_ERROR_IO, "%s: cannot open: %s", path, strerror(errno));
    return SN_OK;
}

static sn_status append(const sn_run_directory *directory, const char *name, FILE *file,
                        const char *text, const char *end, sn_error *error) {
    const bool written =
        fprintf(file, "%s%s", text, end) >= 0 && fflush(file) == 0 && fsync(fileno(file)) == 0;
    SN_RETURN_IF(!written, error, SN_ERROR_IO, "%s/%s: cannot write: %s", directory->path, name,
                 strerror(errno));
    return SN_OK;
}

/* A new file gets its heading. */
static sn_status open_layers(sn_run_directory *directory, sn_error *error) {
    SN_TRY(open_log(directory, "layers.csv", &directory->layers, error));
    fseek(directory->layers, 0, SEEK_END);
    if (ftell(directory->layers) > 0)
        return SN_OK;
    return append(directory, "layers.csv", directory->layers, sn_diagnostics_heading, "\n", error);
}

static sn_status open_metrics(sn_run_directory *directory, sn_error *error) {
    SN_TRY(open_log(directory, "metrics.jsonl", &directory->metrics, error));
    if (flock(fileno(directory->metrics), LOCK_EX | LOCK_NB) != 0) {
        sn_run_directory_close(directory);
        return sn_error_set(error, SN_ERROR_IO, "%s: another process is training this run",
                            directory->path);
    }
    return SN_OK;
}

sn_status sn_run_directory_create(const sn_train_config *config, sn_run_directory *directory,
                                  sn_error *error) {
    directory->metrics = directory->layers = NULL;
    if (config->out[0])
        SN_TRY(use_given(config->out, directory, error));
    else
        SN_TRY(use_free_name(config, directory, error));
    sn_status status = open_metrics(directory, error);
    if (status == SN_OK)
        status = open_layers(directory, error);
    if (status != SN_OK)
        rmdir(directory->path); /* unless something is in it, of another process too */
    return status;
}

/* The epoch of a line that ends with a newline at `end`; below 1 when it is damaged. */
typedef long long (*epoch_reader)(const char *line, const char *end);

static long long epoch_of_metrics(const char *line, const char *end) {
    json_t *object = json_loadb(line, (size_t)(end - line), 0, NULL);
    const json_int_t found = json_integer_value(json_object_get(object, "epoch"));
    json_decref(object);
    return found;
}

static long long epoch_of_layers(const char *line, const char *end) {
    char *behind;
    const long long found = strtoll(line, &behind, 10);
    return behind < end && *behind == ',' ? found : 0;
}

/* The length of what is kept of a log: the lines of epochs up to `epoch`, which come first. What a
 * crash can leave behind them, lines of later epochs and one without its end, is not. `heading`:
 * the first line has no epoch. */
static sn_status kept_length(const char *path, const char *text, bool heading, epoch_reader read,
                             uint64_t epoch, size_t *kept, sn_error *error) {
    *kept = 0;
    int number = 1;
    for (const char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        const long long found = heading && number == 1 ? 0 : read(line, end);
        SN_RETURN_IF(found < 1 && !(heading && number == 1), error, SN_ERROR_DATA,
                     "%s: line %d is damaged; repair or remove it, then resume", path, number);
        if ((uint64_t)found > epoch)
            break;
        *kept = (size_t)(end + 1 - text);
        number++;
    }
    return SN_OK;
}

/* Whether these are lines of layers.csv from before it got its latest columns. */
static bool lacks_columns(const char *text) {
    const size_t length = strcspn(text, "\n");
    return length > 0 && text[length] && strncmp(text, sn_diagnostics_heading, length) == 0 &&
           sn_diagnostics_heading[length] == ',';
}

/* Such lines with all columns, the missing ones empty. */
static sn_status write_all_columns(const char *path, const char *text, sn_error *error) {
    const char *missing = sn_diagnostics_heading + strcspn(text, "\n");
    char commas[16] = "";
    size_t lines = 0, used = 0;
    for (const char *at = missing; (at = strchr(at, ',')) != NULL && used < sizeof commas - 1; at++)
        commas[used++] = ',';
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    char *wide = sn_alloc(strlen(text) + strlen(missing) + lines * used + 1), *to = wide;
    SN_RETURN_IF(!wide, error, SN_ERROR_MEMORY, "out of memory for %s", path);
    for (const char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1)
        to += sprintf(to, "%.*s%s\n", (int)(end - line), line, line == text ? missing : commas);
    const sn_status status = sn_file_write(path, wide, (size_t)(to - wide), error);
    sn_free(wide);
    return status;
}

/* What a killed process may have left. */
static void remove_temporaries(const sn_run_directory *directory) {
    static const char *const names[] = {"last.h5.tmp", "best.h5.tmp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[SN_RUN_PATH_SIZE];
        sn_run_directory_file(directory, names[i], path);
        unlink(path);
    }
}

static sn_status trim_log(const sn_run_directory *directory, const char *name, bool heading,
                          epoch_reader read, uint64_t epoch, sn_error *error) {
    unsigned char *text;
    size_t size, kept;
    char path[SN_RUN_PATH_SIZE];
    sn_run_directory_file(directory, name, path);
    if (access(path, F_OK) != 0)
        return SN_OK;
    SN_TRY(sn_file_read(path, METRICS_LIMIT, &text, &size, error));
    sn_status status = kept_length(path, (const char *)text, heading, read, epoch, &kept, error);
    if (status == SN_OK)
        text[kept] = '\0';
    if (status == SN_OK && heading && lacks_columns((const char *)text))
        status = write_all_columns(path, (const char *)text, error);
    else if (status == SN_OK && kept < size && truncate(path, (off_t)kept) != 0)
        status = sn_error_set(error, SN_ERROR_IO, "%s: cannot write: %s", path, strerror(errno));
    sn_free(text);
    return status;
}

sn_status sn_run_directory_reopen(const char *path, uint64_t epoch, sn_run_directory *directory,
                                  sn_error *error) {
    directory->metrics = directory->layers = NULL;
    snprintf(directory->path, sizeof directory->path, "%s", path);
    SN_TRY(sn_file_check_directory(path, error));
    /* First of all, as it is the lock: another process may be about to write what would be trimmed.
     */
    SN_TRY(open_metrics(directory, error));
    SN_TRY(trim_log(directory, "metrics.jsonl", false, epoch_of_metrics, epoch, error));
    SN_TRY(trim_log(directory, "layers.csv", true, epoch_of_layers, epoch, error));
    SN_TRY(open_layers(directory, error));
    remove_temporaries(directory);
    return SN_OK;
}

void sn_run_directory_close(sn_run_directory *directory) {
    if (directory->metrics)
        fclose(directory->metrics);
    if (directory->layers)
        fclose(directory->layers);
    directory->metrics = directory->layers = NULL;
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
