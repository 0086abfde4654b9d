#define _XOPEN_SOURCE 700

#include "data_tests.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int dataset_index(const char *name) {
    for (int i = 0; sn_dataset_name(i); i++)
        if (strcmp(sn_dataset_name(i), name) == 0)
            return i;
    ck_abort_msg("no data set '%s'", name);
    return -1;
}

sn_dataset *open_dataset(const char *name, sn_split split, const char *directory, size_t limit) {
    sn_dataset *dataset;
    sn_error error;
    const sn_status status =
        sn_dataset_open(dataset_index(name), split, directory, limit, &dataset, &error);
    ck_assert_msg(status == SN_OK, "%s", status == SN_OK ? "" : error.message);
    return dataset;
}

void expect_open_error(const char *name, sn_split split, const char *directory, sn_status status,
                       const char *part, const char *other_part) {
    sn_dataset *dataset;
    sn_error error = {0};
    const sn_status got =
        sn_dataset_open(dataset_index(name), split, directory, 0, &dataset, &error);
    ck_assert_msg(got == status && error.status == status, "status %d, not %d: %s", got, status,
                  error.message);
    ck_assert_ptr_null(dataset);
    ck_assert_msg(strstr(error.message, part), "'%s' is not in: %s", part, error.message);
    ck_assert_msg(strstr(error.message, other_part), "'%s' is not in: %s", other_part,
                  error.message);
    ck_assert_ptr_null(strchr(error.message, '\n'));
}

void make_directory(char path[TEST_PATH_SIZE]) {
    const char *parent = getenv("TMPDIR");
    snprintf(path, TEST_PATH_SIZE, "%s/signet-data-XXXXXX", parent ? parent : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(path));
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place) {
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

void remove_directory(const char *path) {
    ck_assert_int_eq(nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

int main(int argc, char **argv) {
    Suite *suites[] = {dataset_suite(),  shapes_suite(), cifar10_suite(), folder_suite(),
                       hold_out_suite(), loader_suite(), noise_suite(),   hdf5_suite(),
                       idx_suite(),      svhn_suite(),   picture_suite()};
    SRunner *runner = srunner_create(NULL);
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++)
        srunner_add_suite(runner, suites[i]);
    srunner_run(runner, argc > 1 ? argv[1] : NULL, NULL, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    const int ran = srunner_ntests_run(runner);
    srunner_free(runner);
    return failed == 0 && ran > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
