#define _POSIX_C_SOURCE 200809L
#include "train_tests.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/rng.h"
#include "data/dataset_source.h"
#include "infer/signet.h"
#include "train/freeze.h"

#include <check.h>
#include <dirent.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void make_folder(char path[SN_OPTION_TEXT_SIZE]) {
    strcpy(path, "/tmp/signet-train-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(path));
}

void remove_folder(const char *path) {
    DIR *folder = opendir(path);
    ck_assert_ptr_nonnull(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char file[2 * SN_OPTION_TEXT_SIZE];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        if (unlink(file) != 0)
            remove_folder(file);
    }
    closedir(folder);
    rmdir(path);
}

static void set_option(sn_train_config *config, const char *name, const char *value) {
    size_t count;
    const sn_option *table = sn_config_table(&count);
    const sn_option *option = sn_option_find(table, count, name);
    sn_error error;
    ck_assert_msg(option != NULL, "no option %s", name);
    if (sn_option_set(option, config, value, &error) != SN_OK)
        ck_abort_msg("%s", error.message);
}

void configure(sn_train_config *config, ...) {
    static const char *const small[][2] = {
        {"dataset", "shapes"}, {"limit-train", "80"}, {"limit-test", "20"},
        {"width", "0.25"},     {"batch", "20"},       {"threads", "2"},
    };
    size_t count;
    const sn_option *table = sn_config_table(&count);
    *config = (sn_train_config){0};
    ck_assert_int_eq(sn_option_defaults(table, count, config, NULL), SN_OK);
    for (size_t i = 0; i < sizeof small / sizeof *small; i++)
        set_option(config, small[i][0], small[i][1]);
    va_list pairs;
    va_start(pairs, config);
    for (const char *name; (name = va_arg(pairs, const char *)) != NULL;)
        set_option(config, name, va_arg(pairs, const char *));
    va_end(pairs);
    sn_config_resolve(config);
}

/* The mean of 2x2 pixels. */
static void halve(sn_dataset *d) {
    const size_t width = (size_t)d->width;
    const size_t pixels =
        d->count * (size_t)d->channels * (size_t)(d->height / 2) * (size_t)(d->width / 2);
    for (size_t i = 0; i < pixels; i++) {
        const uint8_t *from = d->pixels + 4 * i - 2 * (i % (width / 2)); /* 2 rows up to here */
        d->pixels[i] = (uint8_t)((from[0] + from[1] + from[width] + from[width + 1] + 2) / 4);
    }
    d->height /= 2;
    d->width /= 2;
}

sn_status open_images(const sn_train_config *config, sn_split split, sn_dataset **images,
                      sn_error *error) {
    const bool training = split == SN_SPLIT_TRAIN;
    SN_TRY(sn_dataset_open(config->dataset, split, config->data_dir,
                           (size_t)(training ? config->limit_train : config->limit_test), images,
                           error));
    halve(*images);
    return SN_OK;
}

void must_open_images(const sn_train_config *config, sn_dataset **train, sn_dataset **test) {
    ck_assert_int_eq(open_images(config, SN_SPLIT_TRAIN, train, NULL), SN_OK);
    ck_assert_int_eq(open_images(config, SN_SPLIT_TEST, test, NULL), SN_OK);
}

static void count_step(void *context, const sn_step_report *report) {
    test_run *run = context;
    (void)report;
    if (run->steps > 0 && --run->steps == 0)
        run->stop = SIGINT;
}

static void keep_warning(void *context, const char *text) {
    test_run *run = context;
    run->warnings++;
    snprintf(run->warning, sizeof run->warning, "%s", text);
}

sn_status run_training(const sn_train_config *config, uint64_t steps, test_run *run,
                       sn_error *error) {
    *run = (test_run){.steps = steps};
    sn_checkpoint *resume = NULL;
    SN_TRY(open_images(config, SN_SPLIT_TRAIN, &run->train, error));
    SN_TRY(open_images(config, SN_SPLIT_TEST, &run->test, error));
    if (config->resume[0]) {
        char path[SN_RUN_PATH_SIZE];
        snprintf(path, sizeof path, "%s/last.h5", config->resume);
        SN_TRY(sn_checkpoint_open(path, &resume, error));
    }
    const sn_status created =
        sn_trainer_create(config, run->train, run->test, resume, &run->trainer, error);
    sn_checkpoint_free(resume);
    SN_TRY(created);
    const sn_train_observer observer = {
        .context = run, .step = count_step, .warning = keep_warning};
    return sn_trainer_run(run->trainer, &observer, &run->stop, error);
}

void must_run(const sn_train_config *config, uint64_t steps, test_run *run) {
    sn_error error;
    if (run_training(config, steps, run, &error) != SN_OK)
        ck_abort_msg("%s", error.message);
}

json_t *read_metrics(const char *run_folder) {
    char *text = read_text(run_folder, "metrics.jsonl");
    json_t *all = json_array();
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        json_t *object = json_loads(line, 0, NULL);
        ck_assert_msg(object != NULL, "no JSON: %s", line);
        json_object_del(object, "seconds");
        json_object_del(object, "images_per_second");
        json_array_append_new(all, object);
    }
    free(text);
    return all;
}

void end_training(test_run *run) {
    sn_trainer_free(run->trainer);
    sn_dataset_free(run->train);
    sn_dataset_free(run->test);
}

void check_same_parameters(const sn_parameters *a, const sn_parameters *b) {
    ck_assert_uint_eq(sn_parameters_count(a), sn_parameters_count(b));
    for (size_t i = 0; i < sn_parameters_count(a); i++) {
        const sn_parameter *x = sn_parameters_at(a, i), *y = sn_parameters_at(b, i);
        ck_assert_str_eq(x->name, y->name);
        ck_assert_msg(memcmp(x->value, y->value, x->count * sizeof *x->value) == 0, "%s differs",
                      x->name);
    }
}

void close_changed(hid_t file) {
    sn_h5 h5 = {.file = file, .path = "changed"};
    uint64_t sum;
    sn_error error;
    ck_assert_msg(sn_h5_sum(&h5, &sum, &error) == SN_OK, "%s", error.message);
    ck_assert(H5Ldelete(file, "checksum", H5P_DEFAULT) >= 0);
    ck_assert_int_eq(sn_h5_write_u64(&h5, "checksum", sum, NULL), SN_OK);
    ck_assert(H5Fclose(file) >= 0);
}

char *read_text(const char *folder, const char *name) {
    char path[2 * SN_OPTION_TEXT_SIZE];
    unsigned char *data;
    size_t size;
    sn_error error;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (sn_file_read(path, 1 << 20, &data, &size, &error) != SN_OK)
        ck_abort_msg("%s", error.message);
    char *text = strdup((const char *)data);
    sn_free(data);
    return text;
}

void randomise(const sn_parameters *parameters) {
    sn_rng rng;
    sn_rng_init(&rng, 1, SN_RNG_TEST, 0);
    for (size_t i = 0; i < sn_parameters_count(parameters); i++) {
        const sn_parameter *entry = sn_parameters_at(parameters, i);
        for (size_t j = 0; j < entry->count; j++) {
            double draw = sn_rng_range(&rng, -0.3, 0.3);
            if (entry->role == SN_ROLE_NORM_SCALE || entry->role == SN_ROLE_RUNNING_VARIANCE)
                draw = sn_rng_range(&rng, 0.5, 1.5);
            if (entry->role == SN_ROLE_SIGN)
                draw = draw < 0 ? -1 : 1;
            if (entry->shape.rank == 4)
                draw = sn_rng_normal(&rng) * entry->init.value;
            entry->value[j] = (float)draw;
        }
    }
}

static void run_packed(const void *packed, size_t bytes, const float *images, size_t pixels,
                       float *logits) {
    sn_infer_info info;
    const sn_infer_model *model;
    ck_assert_int_eq(sn_infer_inspect(packed, bytes, NULL, &info), SN_INFER_OK);
    void *memory = sn_alloc(info.model_memory), *scratch = sn_alloc(info.scratch_memory);
    ck_assert_int_eq(sn_infer_open(packed, bytes, NULL, memory, info.model_memory, &model),
                     SN_INFER_OK);
    for (size_t i = 0; i < FROZEN_IMAGES; i++)
        ck_assert_int_eq(sn_infer_run(model, scratch, info.scratch_memory, NULL,
                                      images + i * pixels, logits + i * FROZEN_CLASSES),
                         SN_INFER_OK);
    sn_free(memory);
    sn_free(scratch);
}

void check_frozen_logits(const sn_network *network, double tolerance) {
    const sn_shape *shape = sn_tensor_shape(network->images);
    const size_t pixels = sn_shape_count(shape) / shape->size[0];
    float expected[FROZEN_IMAGES * FROZEN_CLASSES], logits[FROZEN_IMAGES * FROZEN_CLASSES];
    void *packed;
    size_t bytes;
    sn_error error;
    sn_rng rng;
    ck_assert_uint_eq(network->classes, FROZEN_CLASSES);
    if (sn_freeze(network, NULL, &packed, &bytes, &error) != SN_OK)
        ck_abort_msg("%s", error.message);
    float *images = malloc(FROZEN_IMAGES * pixels * sizeof *images);
    sn_rng_init(&rng, 2, SN_RNG_TEST, 0);
    for (size_t i = 0; i < FROZEN_IMAGES * pixels; i++)
        images[i] = (float)sn_rng_normal(&rng);
    sn_tensor_write(network->images, images, FROZEN_IMAGES);
    sn_graph_forward(network->graph);
    sn_tensor_read(network->logits, expected, FROZEN_IMAGES);
    run_packed(packed, bytes, images, pixels, logits);
    double scale = 0;
    for (size_t i = 0; i < FROZEN_IMAGES * FROZEN_CLASSES; i++)
        scale = fmax(scale, fabs((double)expected[i]));
    for (size_t i = 0; i < FROZEN_IMAGES * FROZEN_CLASSES; i++)
        ck_assert_double_eq_tol((double)logits[i], (double)expected[i], tolerance * scale);
    free(images);
    sn_free(packed);
}
