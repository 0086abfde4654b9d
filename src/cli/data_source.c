#define _POSIX_C_SOURCE 200809L
#include "cli/data_source.h"

#include "base/memory.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_SIZE = 2 * SN_OPTION_TEXT_SIZE };

extern char **environ;

static bool has_cifar10(const char *directory) {
    static const char *const places[] = {"data_batch_1.bin", "test_batch.bin",
                                         "cifar-10-batches-bin"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char path[PATH_SIZE];
        snprintf(path, sizeof path, "%s/%s", directory, places[i]);
        if (access(path, F_OK) == 0)
            return true;
    }
    return false;
}

static sn_status fetch_cifar10(const char *directory, sn_error *error) {
    const char *root = getenv("SN_ROOT");
    char script[PATH_SIZE];
    snprintf(script, sizeof script, "%s/scripts/fetch-cifar10", root ? root : "");
    SN_RETURN_IF(
        !root || access(script, X_OK) != 0, error, SN_ERROR_IO,
        "no CIFAR-10 in %s%s%s%s; give its folder with --data-dir, or train without it: --dataset "
        "shapes --epochs 4 needs no files",
        directory, root ? " and no " : "", root ? script : "", root ? " to fetch it" : "");
    char *const arguments[] = {script, (char *)directory, NULL};
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
    const bool is_cifar10 = strcmp(sn_dataset_name(dataset), "cifar10") == 0;
    const char *chosen = environment && environment[0] ? environment : "data";
    if (given[0])
        chosen = given;
    else if (is_cifar10 && !has_cifar10(chosen) && has_cifar10("data"))
        chosen = "data";
    SN_RETURN_IF(snprintf(directory, SN_OPTION_TEXT_SIZE, "%s", chosen) >= SN_OPTION_TEXT_SIZE,
                 error, SN_ERROR_ARGUMENT, "the path in $SIGNET_DATA is too long");
    if (is_cifar10 && !given[0] && !has_cifar10(directory))
        return fetch_cifar10(directory, error);
    return SN_OK;
}

static void show_notes(const char *program, const sn_notes *notes) {
    for (size_t i = 0; i < notes->count; i++)
        fprintf(stderr, "%s: %s%s\n", program,
                notes->note[i].kind == SN_NOTE_WARNING ? "warning: " : "", notes->note[i].text);
    if (notes->lost)
        fprintf(stderr, "%s: and %zu more remarks\n", program, notes->lost);
}

sn_status sn_cli_open_data(const char *program, int dataset, sn_split split, const char *directory,
                           uint64_t limit, sn_dataset **opened, sn_error *error) {
    sn_notes *notes = sn_alloc(sizeof *notes);
    SN_RETURN_IF(!notes, error, SN_ERROR_MEMORY, "out of memory for the data set");
    const sn_status status =
        sn_dataset_open_noting(dataset, split, directory, (size_t)limit, notes, opened, error);
    show_notes(program, notes);
    sn_free(notes);
    return status;
}

sn_status sn_cli_open_both(const char *program, int dataset, const char *directory,
                           const uint64_t limits[2], sn_dataset *opened[2], sn_error *error) {
    sn_error other;
    const sn_status status =
        sn_cli_open_data(program, dataset, SN_SPLIT_TRAIN, directory, limits[0], &opened[0], error);
    if (status == SN_OK)
        return sn_cli_open_data(program, dataset, SN_SPLIT_TEST, directory, limits[1], &opened[1],
                                error);
    /* Whoever mends the one wants to know about the other. */
    if (status == SN_ERROR_DATA &&
        sn_cli_open_data(program, dataset, SN_SPLIT_TEST, directory, limits[1], &opened[1],
                         &other) == SN_ERROR_DATA &&
        strcmp(other.message, error->message) != 0)
        fprintf(stderr, "%s: %s\n", program, other.message);
    return status;
}
