/* Nothing wrong in a checkpoint, in the data or in the logs of a run is accepted in silence. */
#define _POSIX_C_SOURCE 200809L
#include "train_tests.h"

#include "base/file.h"
#include "base/memory.h"
#include "data/dataset_source.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[SN_OPTION_TEXT_SIZE], origin[SN_RUN_PATH_SIZE];
static char run_folder[SN_RUN_PATH_SIZE], last[SN_RUN_PATH_SIZE + 16];

/* A folder, and in it a run that was stopped within its second epoch. */
static void make_origin(void) {
    sn_train_config config;
    test_run run;
    sn_error error;
    make_folder(folder);
    snprintf(origin, sizeof origin, "%s/origin", folder);
    configure(&config, "epochs", "3", "optimizer", "adam", "out", origin, NULL);
    if (run_training(&config, 6, &run, &error) != SN_OK)
        ck_abort_msg("%s", error.message);
    end_training(&run);
}

static void remove_origin(void) {
    remove_folder(folder);
}

/* A copy of that run. */
static void setup(void) {
    static const char *const names[] = {"config.json", "metrics.jsonl", "layers.csv", "last.h5",
                                        "best.h5"};
    snprintf(run_folder, sizeof run_folder, "%s/run", folder);
    snprintf(last, sizeof last, "%s/last.h5", run_folder);
    ck_assert_int_eq(sn_file_make_directory(run_folder, NULL), SN_OK);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char from[SN_RUN_PATH_SIZE + 16], to[SN_RUN_PATH_SIZE + 16];
        unsigned char *data;
        size_t size;
        snprintf(from, sizeof from, "%s/%s", origin, names[i]);
        snprintf(to, sizeof to, "%s/%s", run_folder, names[i]);
        ck_assert_int_eq(sn_file_read(from, SIZE_MAX, &data, &size, NULL), SN_OK);
        ck_assert_int_eq(sn_file_write(to, data, size, NULL), SN_OK);
        sn_free(data);
    }
}

static void teardown(void) {
    remove_folder(run_folder);
}

static hid_t open_last(void) {
    const hid_t file = H5Fopen(last, H5F_ACC_RDWR, H5P_DEFAULT);
    ck_assert(file >= 0);
    return file;
}

static sn_status resume(test_run *run, sn_error *error) {
    sn_train_config config;
    configure(&config, "epochs", "3", "optimizer", "adam", "resume", run_folder, NULL);
    return run_training(&config, 0, run, error);
}

static void must_be_refused(const char *part) {
    test_run run;
    sn_error error = {SN_OK, ""};
    ck_assert_int_eq(resume(&run, &error), SN_ERROR_DATA);
    ck_assert_msg(strstr(error.message, part) != NULL, "no '%s' in: %s", part, error.message);
    end_training(&run);
}

/* ---- damage ---- */

START_TEST(a_changed_byte_is_noticed) {
    static const char *const sets[] = {"state/conv1.weight", "optimizer/exp_avg/fc.bias",
                                       "training/levels/layer1.0.conv1.weight", "config",
                                       "training/seconds"};
    const hid_t file = open_last(), set = H5Dopen2(file, sets[_i], H5P_DEFAULT);
    const haddr_t offset = H5Dget_offset(set);
    ck_assert(offset != HADDR_UNDEF);
    H5Dclose(set);
    H5Fclose(file);
    FILE *bytes = fopen(last, "r+b");
    fseek(bytes, (long)offset + 1, SEEK_SET);
    const int was = fgetc(bytes);
    fseek(bytes, (long)offset + 1, SEEK_SET);
    fputc(was ^ 1, bytes);
    fclose(bytes);
    must_be_refused("checksum");
}
END_TEST

START_TEST(a_checkpoint_of_the_older_format_is_read) {
    test_run run;
    sn_error error;
    const hid_t file = open_last();
    sn_h5 h5 = {.file = file, .path = last};
    ck_assert(H5Ldelete(file, "checksum", H5P_DEFAULT) >= 0);
    ck_assert(H5Ldelete(file, "data", H5P_DEFAULT) >= 0);
    H5Fflush(file, H5F_SCOPE_GLOBAL);
    H5Fclose(file);
    must_be_refused("checksum"); /* of the newer one */
    h5.file = open_last();
    ck_assert(H5Ldelete(h5.file, "format", H5P_DEFAULT) >= 0);
    ck_assert_int_eq(sn_h5_write_text(&h5, "format", "signet checkpoint 1", NULL), SN_OK);
    H5Fclose(h5.file);
    ck_assert_msg(resume(&run, &error) == SN_OK, "%s", error.message);
    ck_assert_uint_eq(run.warnings, 1);
    ck_assert_ptr_nonnull(strstr(run.warning, "older version"));
    end_training(&run);
}
END_TEST

/* ---- what reaches beyond the file ---- */

static void add_external_storage(hid_t file) {
    const hsize_t size = 4;
    const hid_t list = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(1, &size, NULL);
    H5Pset_external(list, "/etc/passwd", 0, 16);
    H5Dclose(H5Dcreate2(file, "outside", H5T_IEEE_F32LE, space, H5P_DEFAULT, list, H5P_DEFAULT));
    H5Sclose(space);
    H5Pclose(list);
}

static void add_filter(hid_t file) {
    const hsize_t size = 4;
    const hid_t list = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(1, &size, NULL);
    H5Pset_chunk(list, 1, &size);
    H5Pset_filter(list, 32000, H5Z_FLAG_OPTIONAL, 0, NULL);
    H5Dclose(H5Dcreate2(file, "filtered", H5T_IEEE_F32LE, space, H5P_DEFAULT, list, H5P_DEFAULT));
    H5Sclose(space);
    H5Pclose(list);
}

static void add_nothing(hid_t file) {
    const hsize_t size = (hsize_t)1 << 40;
    const hid_t space = H5Screate_simple(1, &size, NULL);
    H5Dclose(
        H5Dcreate2(file, "huge", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
}

static void add_cycle(hid_t file) {
    H5Lcreate_hard(file, "/", file, "state/again", H5P_DEFAULT, H5P_DEFAULT);
}

static void add_soft_link(hid_t file) {
    H5Lcreate_soft("/state", file, "soft", H5P_DEFAULT, H5P_DEFAULT);
}

static void add_external_link(hid_t file) {
    H5Lcreate_external("other.h5", "/state", file, "other", H5P_DEFAULT, H5P_DEFAULT);
}

static const struct {
    void (*add)(hid_t file);
    const char *message;
} beyond[] = {{add_external_storage, "outside has its values in other files"},
              {add_filter, "filtered has a filter"},
              {add_nothing, "huge has more values than the file can hold"},
              {add_cycle, "too deep"},
              {add_soft_link, "soft is a link"},
              {add_external_link, "other is a link"}};

START_TEST(what_reaches_beyond_the_file_is_refused) {
    const hid_t file = open_last();
    beyond[_i].add(file);
    H5Fclose(file);
    must_be_refused(beyond[_i].message);
}
END_TEST

/* ---- values ---- */

/* Replaces a data set. */
static void put(hid_t file, const char *name, hid_t type, double value) {
    if (type != H5T_NATIVE_FLOAT) {
        const hid_t space = H5Screate(H5S_SCALAR);
        ck_assert(H5Ldelete(file, name, H5P_DEFAULT) >= 0);
        const hid_t set =
            H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        ck_assert(H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, &value) >= 0);
        H5Dclose(set);
        H5Sclose(space);
        return;
    }
    float values[64];
    const hid_t set = H5Dopen2(file, name, H5P_DEFAULT);
    ck_assert(set >= 0);
    ck_assert(H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    values[1] = (float)value;
    ck_assert(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Dclose(set);
}

enum kind { FLOATS, REAL, SIGNED, UNSIGNED };

static const struct {
    const char *name;
    enum kind kind;
    double value;
    const char *message;
} impossible[] = {
    {"optimizer/exp_avg/fc.bias", FLOATS, (double)NAN, "exp_avg/fc.bias holds values that are not"},
    {"optimizer/exp_avg/fc.bias", FLOATS, (double)INFINITY, "fc.bias holds values that are not"},
    {"optimizer/exp_avg_sq/fc.bias", FLOATS, -1, "exp_avg_sq/fc.bias holds -1"},
    {"state/bn1.running_var", FLOATS, -0.5, "state/bn1.running_var holds -0.5; a variance"},
    {"training/best_top1", REAL, (double)NAN, "training/best_top1 holds nan"},
    {"training/best_top1", REAL, 1000, "training/best_top1 holds 1000"},
    {"training/best_top1", REAL, -2, "training/best_top1 holds -2"},
    {"training/best_epoch", UNSIGNED, 7, "training/best_epoch is 7"},
    {"training/epoch", SIGNED, -1, "training/epoch holds -1"},
    {"training/epoch", REAL, 1.5, "training/epoch holds no whole number"},
    {"training/step", SIGNED, -1, "training/step holds -1"},
    {"training/loss_sum", REAL, (double)NAN, "training/loss_sum holds nan"},
    {"training/loss_sum", REAL, -1, "training/loss_sum holds -1"},
    {"training/seconds", REAL, (double)INFINITY, "training/seconds holds inf"},
    {"training/correct", UNSIGNED, 129, "training/correct is 129"},
};

START_TEST(impossible_values_are_refused_by_name) {
    const hid_t types[] = {H5T_NATIVE_FLOAT, H5T_IEEE_F64LE, H5T_STD_I64LE, H5T_STD_U64LE};
    const hid_t file = open_last();
    put(file, impossible[_i].name, types[impossible[_i].kind], impossible[_i].value);
    close_changed(file);
    must_be_refused(impossible[_i].message);
}
END_TEST

/* A file of 200 kB that claims a network of gigabytes. */
START_TEST(shapes_are_compared_before_anything_is_allocated) {
    char *json;
    sn_h5 h5;
    sn_checkpoint *checkpoint;
    sn_error error;
    ck_assert_int_eq(sn_h5_open(last, &h5, NULL), SN_OK);
    ck_assert_int_eq(sn_h5_read_text(&h5, "config", &json, NULL), SN_OK);
    sn_h5_close(&h5, NULL);
    char *width = strstr(json, "\"width\": 0.25");
    ck_assert_ptr_nonnull(width);
    memcpy(width, "\"width\": 1e+2", 13);
    h5 = (sn_h5){.file = open_last(), .path = last};
    ck_assert(H5Ldelete(h5.file, "config", H5P_DEFAULT) >= 0);
    ck_assert_int_eq(sn_h5_write_text(&h5, "config", json, NULL), SN_OK);
    close_changed(h5.file);
    free(json);
    ck_assert_int_eq(sn_checkpoint_open(last, &checkpoint, &error), SN_ERROR_DATA);
    ck_assert_msg(strstr(error.message, "1600") != NULL, "%s", error.message);
}
END_TEST

/* ---- the data ---- */

enum { IMAGES = 6, PIXELS = 4 };

/* Six images of 2x2 in three classes. */
static sn_dataset *make_data(void) {
    static const char *const names[] = {"ant", "bee", "cat"};
    sn_dataset *data = sn_alloc(sizeof *data);
    ck_assert_int_eq(sn_dataset_allocate(data, IMAGES, 1, 2, 2, NULL), SN_OK);
    ck_assert_int_eq(sn_dataset_name_classes(data, names, 3, NULL), SN_OK);
    for (int i = 0; i < IMAGES; i++)
        data->labels[i] = i / 2;
    for (int i = 0; i < IMAGES * PIXELS; i++)
        data->pixels[i] = (uint8_t)(7 * i);
    return data;
}

static void rename_class(sn_dataset *data) {
    memcpy(data->class_name[1], "bat", 3);
}

static void swap_classes(sn_dataset *data) {
    char *name = data->class_name[1];
    data->class_name[1] = data->class_name[2];
    data->class_name[2] = name;
}

static void move_picture(sn_dataset *data) {
    data->labels[1] = 1;
}

static void swap_labels(sn_dataset *data) {
    data->labels[1] = 1;
    data->labels[2] = 0;
}

static void change_pixel(sn_dataset *data) {
    data->pixels[IMAGES * PIXELS - 1] ^= 1;
}

static const struct {
    void (*change)(sn_dataset *data);
    bool test; /* the test split instead of the training split */
    const char *message;
} changes[] = {
    {rename_class, false, "class 1 was 'bee' when the run began and is 'bat'"},
    {swap_classes, false, "class 1 was 'bee' when the run began and is 'cat'"},
    {move_picture, false, "class 'ant' had 2 training images when the run began and has 1"},
    {move_picture, true, "class 'ant' had 2 test images when the run began and has 1"},
    {swap_labels, false, "the training images have their labels in another order"},
    {change_pixel, false, "the training images have other pixels"},
    {change_pixel, true, "the test images have other pixels"},
};

START_TEST(other_data_is_told_from_what_a_run_began_with) {
    sn_dataset *train = make_data(), *test = make_data();
    const sn_train_config config = {0};
    const sn_input_info input = {.classes = 3};
    sn_data_identity then, read, now;
    sn_metadata metadata_then, metadata_now;
    char *json;
    sn_error error;
    ck_assert_int_eq(sn_data_identity_make(train, test, &then, NULL), SN_OK);
    ck_assert_int_eq(sn_metadata_make(&config, &input, train, &metadata_then, NULL), SN_OK);
    ck_assert_int_eq(sn_data_identity_to_json(&then, &json, NULL), SN_OK);
    ck_assert_int_eq(sn_data_identity_read(json, 3, "here", &read, NULL), SN_OK);
    ck_assert_int_eq(sn_data_identity_compare(&read, &metadata_then, &then, &metadata_then, NULL),
                     SN_OK);
    changes[_i].change(changes[_i].test ? test : train);
    ck_assert_int_eq(sn_data_identity_make(train, test, &now, NULL), SN_OK);
    ck_assert_int_eq(sn_metadata_make(&config, &input, train, &metadata_now, NULL), SN_OK);
    ck_assert_int_eq(sn_data_identity_compare(&read, &metadata_then, &now, &metadata_now, &error),
                     SN_ERROR_DATA);
    ck_assert_msg(strstr(error.message, changes[_i].message) != NULL, "%s", error.message);
    sn_data_identity_clear(&then);
    sn_data_identity_clear(&read);
    sn_data_identity_clear(&now);
    sn_metadata_clear(&metadata_then);
    sn_metadata_clear(&metadata_now);
    free(json);
    sn_dataset_free(train);
    sn_dataset_free(test);
}
END_TEST

START_TEST(a_run_does_not_go_on_with_other_data) {
    sn_train_config config;
    test_run run;
    sn_error error;
    configure(&config, "epochs", "3", "optimizer", "adam", "limit-train", "79", "batch", "19",
              "resume", run_folder, NULL);
    ck_assert_int_eq(run_training(&config, 0, &run, &error), SN_ERROR_DATA);
    ck_assert_msg(strstr(error.message, "training images when the run began") != NULL, "%s",
                  error.message);
    end_training(&run);
}
END_TEST

/* ---- logs ---- */

static void write_log(const char *name, const char *text) {
    char path[SN_RUN_PATH_SIZE + 32];
    snprintf(path, sizeof path, "%s/%s", run_folder, name);
    ck_assert_int_eq(sn_file_write(path, text, strlen(text), NULL), SN_OK);
}

START_TEST(repeated_and_missing_lines_of_logs_are_said) {
    test_run run;
    char *text = read_text(run_folder, "metrics.jsonl"), twice[4096];
    snprintf(twice, sizeof twice, "%s%s", text, text);
    free(text);
    write_log("metrics.jsonl", _i ? twice : "");
    ck_assert_int_eq(resume(&run, NULL), SN_OK);
    ck_assert_uint_eq(run.warnings, 1);
    ck_assert_msg(strstr(run.warning, _i ? "metrics.jsonl has repeated lines of epoch 1"
                                         : "metrics.jsonl lacks lines of epoch 1") != NULL,
                  "%s", run.warning);
    end_training(&run);
}
END_TEST

START_TEST(a_missing_line_of_layers_is_said) {
    test_run run;
    char *text = read_text(run_folder, "layers.csv");
    *(strrchr(text, '\n')) = '\0'; /* the last line has no end and is dropped */
    write_log("layers.csv", text);
    free(text);
    ck_assert_int_eq(resume(&run, NULL), SN_OK);
    ck_assert_uint_eq(run.warnings, 1);
    ck_assert_msg(strstr(run.warning, "layers.csv lacks lines of epoch 1") != NULL, "%s",
                  run.warning);
    end_training(&run);
}
END_TEST

START_TEST(another_heading_of_layers_is_refused) {
    char *text = read_text(run_folder, "layers.csv");
    text[3] = '#';
    write_log("layers.csv", text);
    must_be_refused("layers.csv: line 1 is damaged");
    char *now = read_text(run_folder, "layers.csv");
    ck_assert_str_eq(now, text);
    free(now);
    free(text);
}
END_TEST

/* ---- divergence ---- */

/* Running statistics that no batch has: training does not read them, evaluation does. */
START_TEST(a_test_loss_that_is_not_finite_is_divergence) {
    test_run run;
    sn_error error;
    const hid_t file = open_last();
    const hid_t set = H5Dopen2(file, "state/layer3.2.bn2.running_mean", H5P_DEFAULT);
    float values[16];
    for (int i = 0; i < 16; i++)
        values[i] = -3e38F;
    ck_assert(H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Dclose(set);
    close_changed(file);
    unsigned char *before, *after;
    size_t size, size_after;
    ck_assert_int_eq(sn_file_read(last, SIZE_MAX, &before, &size, NULL), SN_OK);
    ck_assert_int_eq(resume(&run, &error), SN_ERROR_DIVERGED);
    ck_assert_msg(strstr(error.message, "test loss is not finite after epoch 2") != NULL, "%s",
                  error.message);
    ck_assert_int_eq(sn_file_read(last, SIZE_MAX, &after, &size_after, NULL), SN_OK);
    ck_assert_uint_eq(size, size_after);
    ck_assert_int_eq(memcmp(before, after, size), 0);
    sn_free(before);
    sn_free(after);
    end_training(&run);
}
END_TEST

/* ---- saving within an epoch ---- */

typedef struct watch {
    int steps;
    uint64_t saved; /* the step in last.h5, after the third */
    sig_atomic_t stop;
} watch;

static void look_at_last(void *context, const sn_step_report *report) {
    watch *w = context;
    sn_h5 h5;
    (void)report;
    if (++w->steps != 3)
        return;
    ck_assert_int_eq(sn_h5_open(last, &h5, NULL), SN_OK);
    ck_assert_int_eq(sn_h5_read_u64(&h5, "training/step", &w->saved, NULL), SN_OK);
    sn_h5_close(&h5, NULL);
    w->stop = SIGINT;
}

static const struct {
    const char *minutes;
    uint64_t saved;
} intervals[] = {{"0", 0}, {"1000", 0}, {"1e-9", 3}};

START_TEST(last_is_saved_within_an_epoch) {
    sn_train_config config;
    sn_dataset *train, *test;
    sn_trainer *trainer;
    watch w = {0};
    const sn_train_observer observer = {.context = &w, .step = look_at_last};
    snprintf(run_folder, sizeof run_folder, "%s/saved", folder);
    snprintf(last, sizeof last, "%s/last.h5", run_folder);
    configure(&config, "checkpoint-minutes", intervals[_i].minutes, "out", run_folder, NULL);
    must_open_images(&config, &train, &test);
    ck_assert_int_eq(sn_trainer_create(&config, train, test, NULL, &trainer, NULL), SN_OK);
    ck_assert_int_eq(sn_trainer_run(trainer, &observer, &w.stop, NULL), SN_OK);
    ck_assert_uint_eq(w.saved, intervals[_i].saved);
    sn_trainer_free(trainer);
    sn_dataset_free(train);
    sn_dataset_free(test);
}
END_TEST

Suite *trust_suite(void) {
    Suite *suite = suite_create("trust");
    TCase *tcase = tcase_create("trust");
    tcase_set_timeout(tcase, 120);
    tcase_add_unchecked_fixture(tcase, make_origin, remove_origin);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, a_changed_byte_is_noticed, 0, 5);
    tcase_add_test(tcase, a_checkpoint_of_the_older_format_is_read);
    tcase_add_loop_test(tcase, what_reaches_beyond_the_file_is_refused, 0,
                        sizeof beyond / sizeof *beyond);
    tcase_add_loop_test(tcase, impossible_values_are_refused_by_name, 0,
                        sizeof impossible / sizeof *impossible);
    tcase_add_test(tcase, shapes_are_compared_before_anything_is_allocated);
    tcase_add_loop_test(tcase, other_data_is_told_from_what_a_run_began_with, 0,
                        sizeof changes / sizeof *changes);
    tcase_add_test(tcase, a_run_does_not_go_on_with_other_data);
    tcase_add_loop_test(tcase, repeated_and_missing_lines_of_logs_are_said, 0, 2);
    tcase_add_test(tcase, a_missing_line_of_layers_is_said);
    tcase_add_test(tcase, another_heading_of_layers_is_refused);
    tcase_add_test(tcase, a_test_loss_that_is_not_finite_is_divergence);
    tcase_add_loop_test(tcase, last_is_saved_within_an_epoch, 0,
                        sizeof intervals / sizeof *intervals);
    suite_add_tcase(suite, tcase);
    return suite;
}
