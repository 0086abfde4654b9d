#define _XOPEN_SOURCE 700
#include "base/file.h"

#include "base/memory.h"
#include "suites.h"

#include <dirent.h>
#include <ftw.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch[256]; /* a directory of its own for every test, and the current one */

static void enter_scratch(void) {
    const char *base = getenv("TMPDIR");
    snprintf(scratch, sizeof scratch, "%s/signet-file-XXXXXX", base ? base : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(scratch));
    ck_assert_int_eq(chdir(scratch), 0);
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where) {
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

static void leave_scratch(void) {
    ck_assert_int_eq(chdir("/"), 0);
    nftw(scratch, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static int entries_in(const char *path) {
    DIR *directory = opendir(path);
    ck_assert_ptr_nonnull(directory);
    int count = 0;
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(directory);
    return count;
}

static void check_content(const char *path, const char *expected) {
    unsigned char *data = NULL;
    size_t size = 0;
    sn_error error = {SN_OK, ""};
    ck_assert_msg(sn_file_read(path, 1000, &data, &size, &error) == SN_OK, "%s", error.message);
    ck_assert_uint_eq(size, strlen(expected));
    ck_assert_str_eq((const char *)data, expected);
    sn_free(data);
}

START_TEST(what_is_written_is_read) {
    sn_error error;
    ck_assert_int_eq(sn_file_write("a", "one", 3, &error), SN_OK);
    check_content("a", "one");
    ck_assert_int_eq(sn_file_write("a", "another", 7, &error), SN_OK);
    check_content("a", "another");
    ck_assert_int_eq(sn_file_write("a", "", 0, &error), SN_OK);
    check_content("a", "");
    ck_assert_int_eq(entries_in("."), 1);
}
END_TEST

START_TEST(modes_follow_the_umask) {
    umask(027);
    ck_assert_int_eq(sn_file_write("a", "x", 1, NULL), SN_OK);
    struct stat info;
    ck_assert_int_eq(stat("a", &info), 0);
    ck_assert_uint_eq(info.st_mode & 0777, 0640);
}
END_TEST

START_TEST(a_left_over_temporary_file_is_no_obstacle) {
    char name[64];
    snprintf(name, sizeof name, "a.%ld-0.tmp", (long)getpid());
    FILE *stale = fopen(name, "w");
    ck_assert_ptr_nonnull(stale);
    fclose(stale);
    ck_assert_int_eq(sn_file_write("a", "x", 1, NULL), SN_OK);
    check_content("a", "x");
}
END_TEST

START_TEST(a_failed_write_leaves_the_old_file) {
    ck_assert_int_eq(sn_file_write("a", "old", 3, NULL), SN_OK);
    static unsigned char large[100000];
    signal(SIGXFSZ, SIG_IGN);
    const struct rlimit small = {4096, 4096};
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    sn_error error;
    ck_assert_int_eq(sn_file_write("a", large, sizeof large, &error), SN_ERROR_IO);
    ck_assert_str_eq(error.message, "cannot write 'a': File too large");
    check_content("a", "old");
    ck_assert_int_eq(entries_in("."), 1);
}
END_TEST

START_TEST(write_errors_name_path_and_reason) {
    sn_error error;
    ck_assert_int_eq(sn_file_write("missing/a", "x", 1, &error), SN_ERROR_IO);
    ck_assert_str_eq(error.message, "cannot write 'missing/a': No such file or directory");
    ck_assert_int_eq(mkdir("folder", 0777), 0);
    ck_assert_int_eq(sn_file_write("folder", "x", 1, &error), SN_ERROR_IO);
    ck_assert_str_eq(error.message, "cannot write 'folder': is a directory");
    ck_assert_int_eq(sn_file_write("", "x", 1, &error), SN_ERROR_IO);

    char path[5000];
    memset(path, 'x', sizeof path);
    path[sizeof path - 1] = '\0';
    ck_assert_int_eq(sn_file_write(path, "x", 1, &error), SN_ERROR_IO);
    ck_assert_ptr_nonnull(strstr(error.message, "File name too long"));
    ck_assert_int_eq(entries_in("."), 1);
}
END_TEST

/* The test's own pipe stands for devices. With a broken check, as root, a try on /dev/null would
 * remove it from the machine. */
START_TEST(devices_and_pipes_are_not_replaced) {
    sn_error error;
    ck_assert_int_eq(mkfifo("pipe", 0666), 0);
    ck_assert_int_eq(sn_file_write("pipe", "x", 1, &error), SN_ERROR_IO);
    ck_assert_str_eq(error.message, "cannot write 'pipe': is not a regular file");
    ck_assert_int_eq(sn_file_write("temporary", "x", 1, &error), SN_OK);
    ck_assert_int_eq(sn_file_replace("temporary", "pipe", &error), SN_ERROR_IO);
    ck_assert_int_ne(access("temporary", F_OK), 0);
}
END_TEST

START_TEST(links_are_followed) {
    ck_assert_int_eq(mkdir("elsewhere", 0777), 0);
    ck_assert_int_eq(sn_file_write("elsewhere/a", "old", 3, NULL), SN_OK);
    ck_assert_int_eq(symlink("elsewhere/a", "link"), 0);
    ck_assert_int_eq(sn_file_write("link", "new", 3, NULL), SN_OK);
    check_content("elsewhere/a", "new");
    struct stat info;
    ck_assert_int_eq(lstat("link", &info), 0);
    ck_assert(S_ISLNK(info.st_mode));
    ck_assert_int_eq(symlink("nowhere", "dangling"), 0);
    sn_error error;
    ck_assert_int_eq(sn_file_write("dangling", "x", 1, &error), SN_ERROR_IO);
    ck_assert_str_eq(error.message, "cannot write 'dangling': No such file or directory");
}
END_TEST

START_TEST(replace_moves_and_cleans_up) {
    sn_error error;
    ck_assert_int_eq(sn_file_write("a", "old", 3, NULL), SN_OK);
    ck_assert_int_eq(sn_file_write("a.tmp", "new", 3, NULL), SN_OK);
    ck_assert_int_eq(sn_file_replace("a.tmp", "a", &error), SN_OK);
    check_content("a", "new");
    ck_assert_int_eq(entries_in("."), 1);
    ck_assert_int_eq(sn_file_replace("a.tmp", "a", &error), SN_ERROR_IO);
    check_content("a", "new");
    ck_assert_int_eq(sn_file_write("a.tmp", "x", 1, NULL), SN_OK);
    ck_assert_int_eq(sn_file_replace("a.tmp", "missing/a", &error), SN_ERROR_IO);
    ck_assert_str_eq(error.message, "cannot write 'missing/a': No such file or directory");
    ck_assert_int_eq(entries_in("."), 1);
}
END_TEST

START_TEST(reading_has_a_limit) {
    ck_assert_int_eq(sn_file_write("a", "12345", 5, NULL), SN_OK);
    unsigned char *data;
    size_t size;
    sn_error error;
    ck_assert_int_eq(sn_file_read("a", 5, &data, &size, &error), SN_OK);
    ck_assert_uint_eq(size, 5);
    sn_free(data);
    ck_assert_int_eq(sn_file_read("a", 4, &data, &size, &error), SN_ERROR_DATA);
    ck_assert_str_eq(error.message, "'a' has 5 bytes; at most 4 are read");
    ck_assert_ptr_null(data);
    ck_assert_int_eq(sn_file_read("a", 0, &data, &size, &error), SN_ERROR_DATA);
    ck_assert_int_eq(sn_file_read("a", SIZE_MAX, &data, &size, &error), SN_OK);
    sn_free(data);
    /* A device without end has no size to ask for. */
    ck_assert_int_eq(sn_file_read("/dev/zero", 200000, &data, &size, &error), SN_ERROR_DATA);
    ck_assert_str_eq(error.message, "'/dev/zero' has more than 200000 bytes");
    ck_assert_int_eq(sn_file_read("/dev/null", 0, &data, &size, &error), SN_OK);
    ck_assert_uint_eq(size, 0);
    sn_free(data);
}
END_TEST

START_TEST(pipes_are_read_to_their_end) {
    enum { BYTES = 300000 };
    ck_assert_int_eq(mkfifo("pipe", 0666), 0);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        FILE *pipe = fopen("pipe", "w");
        for (int i = 0; pipe && i < BYTES; i++)
            putc(i % 251, pipe);
        _exit(!pipe || fclose(pipe) != 0);
    }
    unsigned char *data;
    size_t size;
    ck_assert_int_eq(sn_file_read("pipe", BYTES, &data, &size, NULL), SN_OK);
    ck_assert_uint_eq(size, BYTES);
    int right = 0;
    for (int i = 0; i < BYTES; i++)
        right += data[i] == i % 251;
    ck_assert_int_eq(right, BYTES);
    ck_assert_uint_eq(data[size], 0);
    sn_free(data);
}
END_TEST

START_TEST(read_errors_name_path_and_reason) {
    unsigned char *data;
    size_t size;
    sn_error error;
    ck_assert_int_eq(sn_file_read("missing", 10, &data, &size, &error), SN_ERROR_IO);
    ck_assert_str_eq(error.message, "cannot read 'missing': No such file or directory");
    ck_assert_ptr_null(data);
    ck_assert_int_eq(sn_file_read(".", 10, &data, &size, &error), SN_ERROR_IO);
    ck_assert_str_eq(error.message, "cannot read '.': Is a directory");
}
END_TEST

START_TEST(directories_are_made_with_parents) {
    sn_error error;
    ck_assert_int_eq(sn_file_make_directory("a/b//c/", &error), SN_OK);
    ck_assert_int_eq(access("a/b/c", W_OK), 0);
    ck_assert_int_eq(sn_file_make_directory("a/b/c", &error), SN_OK);
    ck_assert_int_eq(sn_file_make_directory("/", &error), SN_OK);
    ck_assert_int_eq(sn_file_make_directory("./a/../d", &error), SN_OK);
    ck_assert_int_eq(access("d", W_OK), 0);
    char path[600];
    snprintf(path, sizeof path, "%s/x/y", scratch);
    ck_assert_int_eq(sn_file_make_directory(path, &error), SN_OK);
    ck_assert_int_eq(access("x/y", W_OK), 0);

    ck_assert_int_eq(sn_file_write("file", "x", 1, NULL), SN_OK);
    ck_assert_int_eq(sn_file_make_directory("file/b", &error), SN_ERROR_IO);
    ck_assert_str_eq(error.message, "cannot make directory 'file': Not a directory");
    ck_assert_int_eq(sn_file_make_directory("", &error), SN_ERROR_IO);
}
END_TEST

START_TEST(writable_directories_are_told_from_others) {
    sn_error error;
    ck_assert_int_eq(sn_file_check_directory(".", &error), SN_OK);
    ck_assert_int_eq(entries_in("."), 0);
    ck_assert_int_eq(sn_file_check_directory("missing", &error), SN_ERROR_IO);
    ck_assert_str_eq(error.message,
                     "cannot write into directory 'missing': No such file or directory");
    ck_assert_int_eq(sn_file_write("file", "x", 1, NULL), SN_OK);
    ck_assert_int_eq(sn_file_check_directory("file", &error), SN_ERROR_IO);
    if (geteuid() != 0) { /* root may write anywhere */
        ck_assert_int_eq(mkdir("closed", 0555), 0);
        ck_assert_int_eq(sn_file_check_directory("closed", &error), SN_ERROR_IO);
        ck_assert_str_eq(error.message, "cannot write into directory 'closed': Permission denied");
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("file");
    TCase *tests = tcase_create("file");
    tcase_add_checked_fixture(tests, enter_scratch, leave_scratch);
    tcase_add_test(tests, what_is_written_is_read);
    tcase_add_test(tests, modes_follow_the_umask);
    tcase_add_test(tests, a_left_over_temporary_file_is_no_obstacle);
    tcase_add_test(tests, a_failed_write_leaves_the_old_file);
    tcase_add_test(tests, write_errors_name_path_and_reason);
    tcase_add_test(tests, devices_and_pipes_are_not_replaced);
    tcase_add_test(tests, links_are_followed);
    tcase_add_test(tests, replace_moves_and_cleans_up);
    tcase_add_test(tests, reading_has_a_limit);
    tcase_add_test(tests, pipes_are_read_to_their_end);
    tcase_add_test(tests, read_errors_name_path_and_reason);
    tcase_add_test(tests, directories_are_made_with_parents);
    tcase_add_test(tests, writable_directories_are_told_from_others);
    suite_add_tcase(suite, tests);
    return run_suite(suite, CK_FORK_GETENV);
}
