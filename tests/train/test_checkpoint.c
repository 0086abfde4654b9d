/* Checkpoints: what is written is read, and what is damaged is refused. */
#define _POSIX_C_SOURCE 200809L
#include "train_tests.h"

#include "base/file.h"
#include "base/memory.h"

#include <check.h>
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static char folder[SN_OPTION_TEXT_SIZE];

static void setup(void) {
    make_folder(folder);
}

static void teardown(void) {
    remove_folder(folder);
}

static void path_of(const char *name, char path[SN_RUN_PATH_SIZE]) {
    snprintf(path, SN_RUN_PATH_SIZE, "%s/%s", folder, name);
}

/* Trains one epoch into folder/run. */
static void make_run(sn_train_config *config) {
    char out[SN_RUN_PATH_SIZE];
    test_run run;
    sn_error error;
    path_of("run", out);
    configure(config, "epochs", "1", "signs", "learned", "act", "int8", "out", out, NULL);
    if (run_training(config, 0, &run, &error) != SN_OK)
        ck_abort_msg("%s", error.message);
    end_training(&run);
}

static sn_status open_and_read(const char *path, sn_error *error) {
    sn_checkpoint *checkpoint;
    sn_parameters *parameters;
    sn_network network;
    SN_TRY(sn_checkpoint_open(path, &checkpoint, error));
    const sn_network_options options = {
        .model = sn_config_model(sn_checkpoint_config(checkpoint), sn_checkpoint_input(checkpoint)),
        .mode = SN_GRAPH_EVAL,
        .batch = 1,
        .threads = 1};
    ck_assert_int_eq(sn_parameters_create(&parameters, NULL), SN_OK);
    ck_assert_int_eq(sn_network_create(&options, parameters, &network, NULL), SN_OK);
    const sn_status status = sn_checkpoint_read_parameters(checkpoint, parameters, error);
    sn_network_free(&network);
    sn_parameters_free(parameters);
    sn_checkpoint_free(checkpoint);
    return status;
}

static size_t count_files(const char *path) {
    DIR *directory = opendir(path);
    ck_assert_ptr_nonnull(directory);
    size_t files = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        files += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(directory);
    return files;
}

START_TEST(a_run_leaves_whole_files_only) {
    static const char *const names[] = {"config.json", "metrics.jsonl", "layers.csv", "last.h5",
                                        "best.h5"};
    sn_train_config config;
    sn_error error;
    char path[SN_RUN_PATH_SIZE];
    make_run(&config);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/run/%s", folder, names[i]);
        ck_assert_msg(access(path, R_OK) == 0, "no %s", names[i]);
    }
    path_of("run", path);
    ck_assert_uint_eq(count_files(path), sizeof names / sizeof *names);
    snprintf(path, sizeof path, "%s/run/best.h5", folder);
    ck_assert_msg(open_and_read(path, &error) == SN_OK, "%s", error.message);
}
END_TEST

/* No file can grow beyond `bytes` from now on; RLIM_INFINITY: any can. */
static void limit_files(rlim_t bytes) {
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN); /* so that writing fails */
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Fails the test unless the file holds these bytes. */
static void check_bytes(const char *path, const unsigned char *data, size_t size) {
    unsigned char *now;
    size_t count;
    ck_assert_int_eq(sn_file_read(path, 1 << 26, &now, &count, NULL), SN_OK);
    ck_assert_uint_eq(count, size);
    ck_assert_int_eq(memcmp(now, data, size), 0);
    sn_free(now);
}

START_TEST(a_file_that_cannot_be_written_is_an_error_and_the_old_one_stays) {
    char path[SN_RUN_PATH_SIZE];
    unsigned char *old;
    size_t size;
    sn_h5 h5;
    sn_error error;
    path_of("x.h5", path);
    for (int i = 0; i < 6; i++) {
        char text[2000];
        memset(text, 'a' + i, sizeof text - 1);
        text[sizeof text - 1] = '\0';
        ck_assert_int_eq(sn_h5_create(path, &h5, NULL), SN_OK);
        ck_assert_int_eq(sn_h5_write_text(&h5, "text", text, NULL), SN_OK);
        if (i == 0) {
            ck_assert_int_eq(sn_h5_save(&h5, NULL), SN_OK);
            ck_assert_int_eq(sn_file_read(path, 1 << 26, &old, &size, NULL), SN_OK);
        } else {
            const rlim_t limits[] = {0, 1, size / 2, size - 8, size - 1};
            limit_files(limits[i - 1]);
            const sn_status saved = sn_h5_save(&h5, &error);
            limit_files(RLIM_INFINITY);
            ck_assert_int_eq(saved, SN_ERROR_IO);
            ck_assert_msg(strstr(error.message, "x.h5': File too large") != NULL, "%s",
                          error.message);
        }
        ck_assert_int_eq(sn_h5_close(&h5, NULL), SN_OK);
        check_bytes(path, old, size);
        ck_assert_uint_eq(count_files(folder), 1);
    }
    sn_free(old);
}
END_TEST

START_TEST(a_run_on_a_full_disk_fails) {
    char out[SN_RUN_PATH_SIZE], last[SN_RUN_PATH_SIZE];
    unsigned char *old;
    size_t size;
    sn_train_config config;
    test_run run;
    sn_error error;
    path_of("run", out);
    path_of("run/last.h5", last);
    configure(&config, "epochs", "2", "width", "0.05", "limit-train", "20", "stop-after", "1",
              "out", out, NULL);
    must_run(&config, 0, &run);
    end_training(&run);
    ck_assert_int_eq(sn_file_read(last, 1 << 26, &old, &size, NULL), SN_OK);
    const size_t files = count_files(out);
    configure(&config, "epochs", "2", "width", "0.05", "limit-train", "20", "resume", out, NULL);
    limit_files(size / 2);
    const sn_status status = run_training(&config, 0, &run, &error);
    limit_files(RLIM_INFINITY);
    ck_assert_int_eq(status, SN_ERROR_IO);
    ck_assert_msg(strstr(error.message, ".h5': File too large") != NULL, "%s", error.message);
    end_training(&run);
    check_bytes(last, old, size);
    ck_assert_uint_eq(count_files(out), files);
    sn_free(old);
}
END_TEST

/* A run that was stopped before its first epoch was done has no best.h5 yet. */
START_TEST(a_best_checkpoint_that_cannot_be_written_fails_the_run) {
    char out[SN_RUN_PATH_SIZE], best[SN_RUN_PATH_SIZE];
    sn_train_config config;
    test_run run;
    sn_error error;
    path_of("run", out);
    path_of("run/best.h5/in it", best);
    configure(&config, "epochs", "1", "width", "0.05", "limit-train", "20", "batch", "10", "out",
              out, NULL);
    must_run(&config, 1, &run);
    end_training(&run);
    ck_assert_int_eq(sn_file_make_directory(best, NULL), SN_OK);
    configure(&config, "epochs", "1", "width", "0.05", "limit-train", "20", "batch", "10", "resume",
              out, NULL);
    ck_assert_int_eq(run_training(&config, 0, &run, &error), SN_ERROR_IO);
    ck_assert_msg(strstr(error.message, "best.h5': is a directory") != NULL, "%s", error.message);
    end_training(&run);
}
END_TEST

START_TEST(files_that_are_no_checkpoint_are_refused) {
    char path[SN_RUN_PATH_SIZE];
    sn_error error;
    path_of("none.h5", path);
    ck_assert_int_eq(open_and_read(path, &error), SN_ERROR_IO);
    ck_assert_ptr_nonnull(strstr(error.message, "No such file"));

    path_of("text.h5", path);
    ck_assert_int_eq(sn_file_write(path, "not HDF5", 8, NULL), SN_OK);
    ck_assert_int_eq(open_and_read(path, &error), SN_ERROR_DATA);
    ck_assert_ptr_nonnull(strstr(error.message, "HDF5"));

    sn_h5 h5;
    path_of("other.h5", path);
    ck_assert_int_eq(sn_h5_create(path, &h5, NULL), SN_OK);
    ck_assert_int_eq(sn_h5_save(&h5, NULL), SN_OK);
    ck_assert_int_eq(sn_h5_close(&h5, NULL), SN_OK);
    ck_assert_int_eq(open_and_read(path, &error), SN_ERROR_DATA);
    ck_assert_ptr_nonnull(strstr(error.message, "not a signet checkpoint"));
}
END_TEST

START_TEST(a_file_cut_short_is_refused) {
    sn_train_config config;
    char path[SN_RUN_PATH_SIZE], cut[SN_RUN_PATH_SIZE];
    unsigned char *data;
    size_t size;
    make_run(&config);
    snprintf(path, sizeof path, "%s/run/best.h5", folder);
    path_of("cut.h5", cut);
    ck_assert_int_eq(sn_file_read(path, 1 << 26, &data, &size, NULL), SN_OK);
    for (size_t part = 0; part < 8; part++) {
        sn_error error;
        ck_assert_int_eq(sn_file_write(cut, data, size * part / 8, NULL), SN_OK);
        ck_assert_int_eq(open_and_read(cut, &error), SN_ERROR_DATA);
    }
    sn_free(data);
}
END_TEST

/* Opens folder/run/best.h5 for changing. */
static hid_t open_for_writing(char path[SN_RUN_PATH_SIZE]) {
    snprintf(path, SN_RUN_PATH_SIZE, "%s/run/best.h5", folder);
    const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    ck_assert(file >= 0);
    return file;
}

START_TEST(another_architecture_is_refused) {
    sn_train_config config;
    char path[SN_RUN_PATH_SIZE];
    sn_error error;
    make_run(&config);
    hid_t file = open_for_writing(path);
    ck_assert(H5Ldelete(file, "state/layer3.2.conv2.weight", H5P_DEFAULT) >= 0);
    close_changed(file);
    ck_assert_int_eq(open_and_read(path, &error), SN_ERROR_DATA);
    ck_assert_ptr_nonnull(strstr(error.message, "another architecture"));

    /* As many parameters, but one with another shape. */
    file = open_for_writing(path);
    ck_assert(H5Lcopy(file, "state/conv1.weight", file, "state/layer3.2.conv2.weight", H5P_DEFAULT,
                      H5P_DEFAULT) >= 0);
    close_changed(file);
    ck_assert_int_eq(open_and_read(path, &error), SN_ERROR_DATA);
    ck_assert_ptr_nonnull(strstr(error.message, "layer3.2.conv2.weight"));
    ck_assert_ptr_nonnull(strstr(error.message, "another architecture"));
}
END_TEST

START_TEST(values_that_are_not_finite_are_refused) {
    sn_train_config config;
    char path[SN_RUN_PATH_SIZE];
    const float bad[10] = {1, 2, 0.0F / 0.0F};
    sn_error error;
    make_run(&config);
    const hid_t file = open_for_writing(path);
    const hid_t set = H5Dopen2(file, "state/fc.bias", H5P_DEFAULT);
    ck_assert(H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, bad) >= 0);
    H5Dclose(set);
    close_changed(file);
    ck_assert_int_eq(open_and_read(path, &error), SN_ERROR_DATA);
    ck_assert_ptr_nonnull(strstr(error.message, "not finite"));
}
END_TEST

static const struct {
    const char *name;
    float value;
    const char *message;
} impossible[] = {
    {"weight_sign", 0.5F, "weight_sign holds 0.5; signs are +1 or -1"},
    {"weight_sign", 0, "weight_sign holds 0; signs are +1 or -1"},
    {"input_range", -1, "input_range holds -1; a range is 0 or more"},
    {"weight_sign_evidence", 1e30F, "weight_sign_evidence holds 1e+30; evidence is from -1 to 1"},
    {"weight_sign_evidence", -1.5F, "weight_sign_evidence holds -1.5; evidence is from -1 to 1"},
};

START_TEST(impossible_values_are_refused) {
    sn_train_config config;
    char path[SN_RUN_PATH_SIZE], name[64];
    float values[64];
    sn_error error;
    make_run(&config);
    const hid_t file = open_for_writing(path);
    snprintf(name, sizeof name, "state/layer1.0.conv1.%s", impossible[_i].name);
    const hid_t set = H5Dopen2(file, name, H5P_DEFAULT);
    ck_assert(set >= 0);
    ck_assert(H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    values[0] = impossible[_i].value;
    ck_assert(H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Dclose(set);
    close_changed(file);
    ck_assert_int_eq(open_and_read(path, &error), SN_ERROR_DATA);
    ck_assert_msg(strstr(error.message, impossible[_i].message) != NULL, "%s", error.message);
}
END_TEST

/* Opens folder/run/best.h5 and gives the name of class 3; "" when it is not known. */
static sn_status name_of_class(char name[SN_CLASS_NAME_SIZE], sn_error *error) {
    char path[SN_RUN_PATH_SIZE];
    sn_checkpoint *checkpoint;
    snprintf(path, sizeof path, "%s/run/best.h5", folder);
    SN_TRY(sn_checkpoint_open(path, &checkpoint, error));
    const sn_metadata *metadata = sn_checkpoint_metadata(checkpoint);
    ck_assert_int_eq(metadata->classes, 10);
    ck_assert_str_eq(metadata->dataset, "shapes");
    snprintf(name, SN_CLASS_NAME_SIZE, "%s", metadata->class_names ? metadata->class_names[3] : "");
    sn_checkpoint_free(checkpoint);
    return SN_OK;
}

static void replace_classes(const char *json) {
    char path[SN_RUN_PATH_SIZE];
    const hid_t file = open_for_writing(path);
    ck_assert(H5Ldelete(file, "classes", H5P_DEFAULT) >= 0);
    if (json) {
        sn_h5 h5 = {.file = file, .path = path};
        ck_assert_int_eq(sn_h5_write_text(&h5, "classes", json, NULL), SN_OK);
    }
    close_changed(file);
}

START_TEST(classes_are_named) {
    sn_train_config config;
    char name[SN_CLASS_NAME_SIZE];
    sn_error error;
    make_run(&config);
    ck_assert_int_eq(name_of_class(name, NULL), SN_OK);
    ck_assert_str_eq(name, "cross");
    replace_classes("[\"0\",\"1\",\"2\",\"d\u00f6g\\n\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]");
    ck_assert_int_eq(name_of_class(name, NULL), SN_OK);
    ck_assert_str_eq(name, "d\xc3\xb6g?");
    static const char *const bad[] = {"", "[\"0\"]", "[0,1,2,3,4,5,6,7,8,9]", "{}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        replace_classes(bad[i]);
        ck_assert_int_eq(name_of_class(name, &error), SN_ERROR_DATA);
        ck_assert_ptr_nonnull(strstr(error.message, "'classes'"));
    }
    replace_classes(NULL); /* as in older files */
    ck_assert_int_eq(name_of_class(name, NULL), SN_OK);
    ck_assert_str_eq(name, "cross");
}
END_TEST

START_TEST(a_folder_that_holds_a_run_is_refused) {
    sn_train_config config;
    test_run run;
    sn_error error;
    make_run(&config);
    ck_assert_int_eq(run_training(&config, 0, &run, &error), SN_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(error.message, "--resume"));
    end_training(&run);
}
END_TEST

Suite *checkpoint_suite(void) {
    Suite *suite = suite_create("checkpoint");
    TCase *tcase = tcase_create("checkpoint");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_run_leaves_whole_files_only);
    tcase_add_test(tcase, files_that_are_no_checkpoint_are_refused);
    tcase_add_test(tcase, a_file_cut_short_is_refused);
    tcase_add_test(tcase, another_architecture_is_refused);
    tcase_add_test(tcase, values_that_are_not_finite_are_refused);
    tcase_add_loop_test(tcase, impossible_values_are_refused, 0,
                        sizeof impossible / sizeof *impossible);
    tcase_add_test(tcase, classes_are_named);
    tcase_add_test(tcase, a_folder_that_holds_a_run_is_refused);
    suite_add_tcase(suite, tcase);

    TCase *writes = tcase_create("writes that fail");
    tcase_set_timeout(writes, 120);
    tcase_add_checked_fixture(writes, setup, teardown);
    tcase_add_test(writes, a_file_that_cannot_be_written_is_an_error_and_the_old_one_stays);
    tcase_add_test(writes, a_run_on_a_full_disk_fails);
    tcase_add_test(writes, a_best_checkpoint_that_cannot_be_written_fails_the_run);
    suite_add_tcase(suite, writes);
    return suite;
}
