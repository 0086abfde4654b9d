#define _POSIX_C_SOURCE 200809L
#include "cli/data_source.h"

#include "base/memory.h"
#include "cli/progress.h"

#include <errno.h>
#include <omp.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_SIZE = 2 * SN_OPTION_TEXT_SIZE };

extern char **environ;

/* The launchers tell where the scripts are; an installed program has none. */
static sn_status fetch(const char *name, const char *directory, sn_error *error) {
    const char *root = getenv("SN_ROOT");
    char script[PATH_SIZE];
    snprintf(script, sizeof script, "%s/scripts/fetch", root ? root : "");
    SN_RETURN_IF(
        !root || access(script, X_OK) != 0, error, SN_ERROR_IO,
        "no %s in %s%s%s%s; give its folder with --data-dir, or train without it: --dataset shapes "
        "--epochs 4 needs no files",
        name, directory, root ? " and no " : "", root ? script : "", root ? " to fetch it" : "");
    char *const arguments[] = {script, (char *)name, (char *)directory, NULL};
    pid_t child;
    const int problem = posix_spawn(&child, script, NULL, NULL, arguments, environ);
    SN_RETURN_IF(problem != 0, error, SN_ERROR_IO, "%s: cannot run: %s", script, strerror(problem));
    int result = 0;
    while (waitpid(child, &result, 0) < 0 && errno == EINTR) {
    }
    SN_RETURN_IF(!WIFEXITED(result) || WEXITSTATUS(result) != 0, error, SN_ERROR_IO, "%s", "");
    return SN_OK;
}

sn_status sn_cli_find_data(int dataset, const char *given, char directory[SN_OPTION_TEXT_SIZE],
                           sn_error *error) {
    const char *environment = getenv("SIGNET_DATA");
    const char *chosen = environment && environment[0] ? environment : "data";
    if (given[0])
        chosen = given;
    else if (!sn_dataset_is_there(dataset, chosen) && sn_dataset_is_there(dataset, "data"))
        chosen = "data";
    SN_RETURN_IF(snprintf(directory, SN_OPTION_TEXT_SIZE, "%s", chosen) >= SN_OPTION_TEXT_SIZE,
                 error, SN_ERROR_ARGUMENT, "the path in $SIGNET_DATA is too long");
    if (!given[0] && sn_dataset_can_be_fetched(dataset) && !sn_dataset_is_there(dataset, directory))
        return fetch(sn_dataset_name(dataset), directory, error);
    return SN_OK;
}

static void show_notes(const char *program, const sn_notes *notes) {
    for (size_t i = 0; i < notes->count; i++)
        fprintf(stderr, "%s: %s%s\n", program,
                notes->note[i].kind == SN_NOTE_WARNING ? "warning: " : "", notes->note[i].text);
    if (notes->lost)
        fprintf(stderr, "%s: and %zu more remarks\n", program, notes->lost);
}

static void show_progress(void *context, size_t done, size_t total) {
    sn_progress_update(context, "reading", done, total, 0, NULL);
}

/* Reads with what the command line adds: threads, progress, notes on stderr. */
static sn_status read_request(const char *program, const sn_dataset_request *request, char **paths,
                              size_t count, int height, int width, sn_dataset **opened,
                              sn_error *error) {
    sn_notes *notes = sn_alloc(sizeof *notes);
    SN_RETURN_IF(!notes, error, SN_ERROR_MEMORY, "out of memory for the data set");
    sn_progress progress;
    sn_dataset_request full = *request;
    full.threads = omp_get_num_procs();
    full.notes = notes;
    full.progress = show_progress;
    full.progress_context = &progress;
    sn_progress_start(&progress, "pictures");
    const sn_status status =
        paths ? sn_dataset_read_files(&full, paths, count, height, width, opened, error)
              : sn_dataset_read(&full, opened, error);
    sn_progress_clear(&progress);
    show_notes(program, notes);
    sn_free(notes);
    return status;
}

sn_status sn_cli_open_data(const char *program, const sn_dataset_request *request,
                           sn_dataset **opened, sn_error *error) {
    return read_request(program, request, NULL, 0, 0, 0, opened, error);
}

sn_status sn_cli_open_pictures(const char *program, int channels, char **paths, size_t count,
                               int height, int width, sn_dataset **opened, sn_error *error) {
    const sn_dataset_request request = {.channels = channels, .background = {255, 255, 255}};
    return read_request(program, &request, paths, count, height, width, opened, error);
}

sn_status sn_cli_open_both(const char *program, const sn_dataset_request *request,
                           const uint64_t limits[2], sn_dataset *opened[2], sn_error *error) {
    sn_dataset_request train = *request, test = *request;
    sn_error other;
    train.split = SN_SPLIT_TRAIN;
    train.limit = (size_t)limits[0];
    test.split = SN_SPLIT_TEST;
    test.limit = (size_t)limits[1];
    const sn_status status = sn_cli_open_data(program, &train, &opened[0], error);
    if (status == SN_OK)
        return sn_cli_open_data(program, &test, &opened[1], error);
    /* Whoever mends the one wants to know about the other. */
    if (status == SN_ERROR_DATA &&
        sn_cli_open_data(program, &test, &opened[1], &other) == SN_ERROR_DATA &&
        strcmp(other.message, error->message) != 0)
        fprintf(stderr, "%s: %s\n", program, other.message);
    return status;
}
