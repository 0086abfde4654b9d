#define _POSIX_C_SOURCE 200809L
#include "train/run_log.h"

#include "base/file.h"
#include "base/memory.h"
#include "train/diagnostics.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOG_LIMIT = 1 << 30 };

/* The epoch of a line that ends with a newline at `end`; 0 when it is damaged. */
typedef sn_status (*epoch_reader)(const char *line, const char *end, uint64_t *epoch,
                                  sn_error *error);

typedef struct log_file {
    const char *path;
    char *text;
    size_t size;
    bool heading; /* the first line has no epoch */
    epoch_reader read;
    uint64_t epoch;    /* finished */
    size_t lines;      /* wanted of each epoch */
    size_t kept;       /* bytes of lines up to `epoch` */
    uint32_t *counted; /* [epoch + 1]: lines of each */
} log_file;

static sn_status epoch_of_metrics(const char *line, const char *end, uint64_t *epoch,
                                  sn_error *error) {
    json_error_t where;
    json_t *object = json_loadb(line, (size_t)(end - line), 0, &where);
    SN_RETURN_IF(!object && json_error_code(&where) == json_error_out_of_memory, error,
                 SN_ERROR_MEMORY, "out of memory for metrics.jsonl");
    const json_int_t found = json_integer_value(json_object_get(object, "epoch"));
    json_decref(object);
    *epoch = found > 0 ? (uint64_t)found : 0;
    return SN_OK;
}

static sn_status epoch_of_layers(const char *line, const char *end, uint64_t *epoch,
                                 sn_error *error) {
    char *behind;
    (void)error;
    const long long found = strtoll(line, &behind, 10);
    *epoch = behind < end && *behind == ',' && found > 0 ? (uint64_t)found : 0;
    return SN_OK;
}

/* Finds what is kept: the lines of epochs up to `epoch`, which come first. What a crash can leave
 * behind them, lines of later epochs and one without its end, is not. */
static sn_status find_kept(log_file *log, sn_error *error) {
    int number = 1;
    for (const char *line = log->text, *end; (end = strchr(line, '\n')) != NULL;
         line = end + 1, number++) {
        uint64_t found = 0;
        const bool is_heading = log->heading && number == 1;
        if (!is_heading)
            SN_TRY(log->read(line, end, &found, error));
        SN_RETURN_IF(!is_heading && found == 0, error, SN_ERROR_DATA,
                     "%s: line %d is damaged; repair or remove it, then resume", log->path, number);
        if (found > log->epoch)
            break;
        log->counted[found]++;
        log->kept = (size_t)(end + 1 - log->text);
    }
    return SN_OK;
}

/* Adds "what 2, 4 to 6" with the epochs that have more lines than wanted, or fewer. */
static void note_epochs(const log_file *log, bool more, const char *what,
                        char note[SN_RUN_NOTE_SIZE]) {
    size_t used = strlen(note);
    const size_t most = SN_RUN_NOTE_SIZE - 80; /* room for one more piece */
    bool any = false;
    for (uint64_t e = 1; e <= log->epoch && used < most; e++) {
        uint64_t last = e;
        if (more ? log->counted[e] <= log->lines : log->counted[e] >= log->lines)
            continue;
        while (last < log->epoch &&
               (more ? log->counted[last + 1] > log->lines : log->counted[last + 1] < log->lines))
            last++;
        used += (size_t)snprintf(note + used, SN_RUN_NOTE_SIZE - used, "%s%s%" PRIu64,
                                 any ? ", " : what, any ? "" : " ", e);
        if (last > e)
            used += (size_t)snprintf(note + used, SN_RUN_NOTE_SIZE - used, " to %" PRIu64, last);
        if (used >= most)
            snprintf(note + used, SN_RUN_NOTE_SIZE - used, " ...");
        any = true;
        e = last;
    }
}

static void make_note(const log_file *log, char note[SN_RUN_NOTE_SIZE]) {
    const char *slash = strrchr(log->path, '/'), *name = slash ? slash + 1 : log->path;
    char few[64], many[64];
    note[0] = '\0';
    snprintf(few, sizeof few, "%s lacks lines of epoch", name);
    note_epochs(log, false, few, note);
    snprintf(many, sizeof many, "%s%s has repeated lines of epoch", note[0] ? "; " : "", name);
    note_epochs(log, true, many, note);
}

/* Whether these are lines of layers.csv from before it got its latest columns. */
static bool lacks_columns(const char *text) {
    const size_t length = strcspn(text, "\n");
    return length > 0 && text[length] && strncmp(text, sn_diagnostics_heading, length) == 0 &&
           sn_diagnostics_heading[length] == ',';
}

static bool has_heading(const char *text) {
    const size_t length = strlen(sn_diagnostics_heading);
    return strncmp(text, sn_diagnostics_heading, length) == 0 && text[length] == '\n';
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

/* A file that ends within its heading has lost nothing. */
static sn_status check_heading(const log_file *log, sn_error *error) {
    SN_RETURN_IF(
        log->heading && strchr(log->text, '\n') && !has_heading(log->text) &&
            !lacks_columns(log->text),
        error, SN_ERROR_DATA,
        "%s: line 1 is damaged: it is not the heading, 'epoch,layer,quant,...'; repair it, "
        "or remove the file, then resume",
        log->path);
    return SN_OK;
}

static sn_status cut(const log_file *log, sn_error *error) {
    SN_TRY(check_heading(log, error));
    log->text[log->kept] = '\0';
    if (log->heading && lacks_columns(log->text))
        return write_all_columns(log->path, log->text, error);
    SN_RETURN_IF(log->kept < log->size && truncate(log->path, (off_t)log->kept) != 0, error,
                 SN_ERROR_IO, "%s: cannot write: %s", log->path, strerror(errno));
    return SN_OK;
}

static sn_status trim(log_file *log, char note[SN_RUN_NOTE_SIZE], sn_error *error) {
    unsigned char *text;
    note[0] = '\0';
    if (access(log->path, F_OK) != 0)
        return SN_OK;
    SN_TRY(sn_file_read(log->path, LOG_LIMIT, &text, &log->size, error));
    log->text = (char *)text;
    log->counted = sn_alloc_array((size_t)log->epoch + 1, sizeof *log->counted);
    sn_status status = SN_OK;
    if (!log->counted)
        status = sn_error_set(error, SN_ERROR_MEMORY, "out of memory for %s", log->path);
    if (status == SN_OK)
        status = find_kept(log, error);
    if (status == SN_OK)
        status = cut(log, error);
    if (status == SN_OK)
        make_note(log, note);
    sn_free(log->counted);
    sn_free(text);
    return status;
}

sn_status sn_run_log_trim_metrics(const char *path, uint64_t epoch, char note[SN_RUN_NOTE_SIZE],
                                  sn_error *error) {
    log_file log = {.path = path, .read = epoch_of_metrics, .epoch = epoch, .lines = 1};
    return trim(&log, note, error);
}

sn_status sn_run_log_trim_layers(const char *path, uint64_t epoch, size_t layers,
                                 char note[SN_RUN_NOTE_SIZE], sn_error *error) {
    log_file log = {
        .path = path, .heading = true, .read = epoch_of_layers, .epoch = epoch, .lines = layers};
    return trim(&log, note, error);
}
