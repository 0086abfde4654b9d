#include "train/trainer.h"

#include "base/clock.h"
#include "base/memory.h"
#include "layers/quantize.h"
#include "train/averaging.h"
#include "train/diagnostics.h"
#include "train/teacher.h"
#include "train/warm_start.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Images, roughly, from which running statistics are computed anew. */
enum { EVALUATION_BATCH = 100, PREFETCH = 4, STATISTICS_IMAGES = 10000 };

struct sn_trainer {
    sn_train_config config;
    sn_input_info input;
    sn_metadata metadata;
    sn_data_identity data;
    sn_parameters *parameters;
    sn_network training, evaluation;
    sn_loader *train_loader, *test_loader;
    sn_loader *valid_loader; /* NULL without --valid, as are ... */
    sn_dataset *kept, *held; /* ... the parts of the training images */
    sn_trainer_images images;
    char note[SN_WARM_START_NOTE_SIZE]; /* about --init */
    sn_optimizer *optimizer;
    sn_diagnostics *diagnostics;
    sn_averaging *averaging;      /* NULL without --ema, and so is ... */
    sn_teacher *teacher;          /* NULL: none */
    sn_loader *statistics_loader; /* ... what statistics are computed from */
    float *logits;                /* of one batch, of either network */
    sn_train_state state;
    sn_run_directory directory;
    bool resumed;
    bool unidentified;    /* resumed from a checkpoint that does not know its data */
    double saved;         /* seconds, when last.h5 was written last */
    double learning_rate; /* of the latest step */
    sn_step_seconds spent;
    double lap; /* when `spent` was last added to */
};

/* ---- preparation ---- */

/* Readers of files with both splits do not compare them. The training images fit already. */
static sn_status check_test_images(const sn_input_info *input, const sn_dataset *test,
                                   sn_error *error) {
    SN_RETURN_IF(
        !sn_input_fits(input, test), error, SN_ERROR_DATA,
        "training images are %dx%dx%d of %d classes, test images %dx%dx%d of %d; both need "
        "one size",
        input->channels, input->height, input->width, input->classes, sn_dataset_channels(test),
        sn_dataset_height(test), sn_dataset_width(test), sn_dataset_classes(test));
    return SN_OK;
}

static sn_status prepare_input(sn_trainer *t, const sn_dataset *train, const sn_dataset *test,
                               const sn_checkpoint *resume, sn_error *error) {
    if (resume) {
        t->input = *sn_checkpoint_input(resume);
        SN_TRY(sn_input_check(&t->input, train, error));
    } else {
        t->input = (sn_input_info){.classes = sn_dataset_classes(train),
                                   .channels = sn_dataset_channels(train),
                                   .height = sn_dataset_height(train),
                                   .width = sn_dataset_width(train),
                                   .statistics = sn_dataset_statistics(train)};
    }
    SN_TRY(check_test_images(&t->input, test, error));
    return sn_input_count(&t->input, train, test, error);
}

/* What the data is, which must be what it was when the run began. */
static sn_status prepare_identity(sn_trainer *t, const sn_dataset *train, const sn_dataset *test,
                                  const sn_checkpoint *resume, sn_error *error) {
    SN_TRY(sn_data_identity_make(train, test, &t->data, error));
    if (!resume)
        return SN_OK;
    t->unidentified = sn_checkpoint_data(resume)->classes == 0;
    return sn_data_identity_compare(sn_checkpoint_data(resume), sn_checkpoint_metadata(resume),
                                    &t->data, &t->metadata, error);
}

/* The pixels are normalised as the teacher is used to. */
static sn_status prepare_teacher(sn_trainer *t, const sn_dataset *train, bool resumed,
                                 sn_error *error) {
    if (!t->config.teacher[0])
        return SN_OK;
    SN_TRY(sn_teacher_open(t->config.teacher, &t->config, (size_t)t->config.batch, &t->teacher,
                           error));
    sn_error inner;
    SN_RETURN_IF(sn_input_check(sn_teacher_input(t->teacher), train, &inner) != SN_OK, error,
                 inner.status, "--teacher: %.900s", inner.message);
    if (!resumed)
        t->input.statistics = sn_teacher_input(t->teacher)->statistics;
    return SN_OK;
}

static sn_status prepare_networks(sn_trainer *t, sn_error *error) {
    const int threads = (int)t->config.threads;
    const size_t batch = (size_t)t->config.batch;
    const sn_model_options model = sn_config_model(&t->config, &t->input);
    const sn_network_options training = {.model = model,
                                         .mode = SN_GRAPH_TRAIN,
                                         .batch = batch,
                                         .threads = threads,
                                         .label_smoothing = t->config.label_smoothing,
                                         .temperature = t->config.distill_temperature,
                                         .teacher_weight =
                                             t->teacher ? t->config.distill_weight : 0,
                                         .engine = (sn_engine)t->config.engine,
                                         .precision = (sn_precision)t->config.precision};
    sn_network_options evaluation = training;
    evaluation.mode = SN_GRAPH_EVAL;
    evaluation.batch = EVALUATION_BATCH;
    SN_TRY(sn_parameters_create(&t->parameters, error));
    SN_TRY(sn_network_create(&training, t->parameters, &t->training, error));
    SN_TRY(sn_network_create(&evaluation, t->parameters, &t->evaluation, error));
    const size_t rows = batch > EVALUATION_BATCH ? batch : EVALUATION_BATCH;
    t->logits = calloc(rows * model.classes, sizeof *t->logits);
    SN_RETURN_IF(!t->logits, error, SN_ERROR_MEMORY, "out of memory for logits");
    if (t->config.ema > 0)
        SN_TRY(sn_averaging_create(t->parameters, t->config.ema, &t->averaging, error));
    SN_TRY(sn_diagnostics_create(&t->training.layers, &t->diagnostics, error));
    return sn_optimizer_create(&t->config.optimizer, t->parameters, threads, &t->optimizer, error);
}

/* Holds out validation images; *train becomes those that are left. */
static sn_status prepare_split(sn_trainer *t, const sn_dataset **train, const sn_dataset *test,
                               sn_error *error) {
    if (t->config.valid > 0) {
        SN_TRY(sn_dataset_hold_out(*train, t->config.valid, t->config.seed, &t->kept, &t->held,
                                   error));
        *train = t->kept;
        t->images.valid = sn_dataset_count(t->held);
    }
    t->images.train = sn_dataset_count(*train);
    t->images.test = sn_dataset_count(test);
    return SN_OK;
}

static sn_status prepare_loaders(sn_trainer *t, const sn_dataset *train, const sn_dataset *test,
                                 sn_error *error) {
    SN_RETURN_IF(t->config.batch > sn_dataset_count(train), error, SN_ERROR_ARGUMENT,
                 "--batch %llu is more than the %zu training images",
                 (unsigned long long)t->config.batch, sn_dataset_count(train));
    sn_loader_options options = {.batch = (size_t)t->config.batch,
                                 .shuffle = true,
                                 .drop_last = true,
                                 .threads = 1,
                                 .prefetch = PREFETCH,
                                 .seed = t->config.seed,
                                 .statistics = t->input.statistics};
    SN_TRY(sn_augment_resolve(t->config.augment, t->config.crop_padding, t->config.cutout,
                              t->input.height, t->input.width, &options.augment, error));
    SN_TRY(sn_loader_create(train, &options, &t->train_loader, error));
    if (t->config.ema > 0)
        SN_TRY(sn_loader_create(train, &options, &t->statistics_loader, error));
    options.batch = EVALUATION_BATCH;
    options.shuffle = options.drop_last = false;
    options.augment = (sn_augment_options){0};
    if (t->held)
        SN_TRY(sn_loader_create(t->held, &options, &t->valid_loader, error));
    return sn_loader_create(test, &options, &t->test_loader, error);
}

/* Before anything is written: a configuration that cannot be saved. */
static sn_status check_writable_as_json(const sn_trainer *t, sn_error *error) {
    char *text;
    SN_TRY(sn_config_to_json(&t->config, &t->input, &text, error));
    free(text);
    return SN_OK;
}

static sn_checkpoint_extra levels_of(const sn_trainer *t, size_t layer) {
    sn_checkpoint_extra extra = {0};
    extra.bytes = sn_diagnostics_levels(t->diagnostics, layer, &extra.shape);
    snprintf(extra.name, sizeof extra.name, "training/levels/%s.weight",
             sn_diagnostics_at(t->diagnostics, layer)->name);
    return extra;
}

static sn_checkpoint_extra average_of(const sn_trainer *t, const sn_parameter *entry) {
    sn_checkpoint_extra extra = {.shape = entry->shape,
                                 .floats = sn_averaging_values(t->averaging) + entry->offset};
    snprintf(extra.name, sizeof extra.name, "ema/%s", entry->name);
    return extra;
}

static sn_status read_average(sn_trainer *t, const sn_checkpoint *resume, sn_error *error) {
    for (size_t i = 0; t->averaging && i < sn_parameters_count(t->parameters); i++) {
        const sn_parameter *entry = sn_parameters_at(t->parameters, i);
        if (!sn_role_is_trained(entry->role))
            continue;
        const sn_checkpoint_extra extra = average_of(t, entry);
        SN_TRY(sn_checkpoint_read_extra(resume, &extra, error));
    }
    return SN_OK;
}

/* The levels at the beginning of an epoch that was stopped in the middle. */
static sn_status read_levels(sn_trainer *t, const sn_checkpoint *resume, sn_error *error) {
    if (t->state.step == 0 || !sn_checkpoint_has(resume, "training/levels"))
        return SN_OK;
    for (size_t i = 0; i < sn_diagnostics_count(t->diagnostics); i++) {
        const sn_checkpoint_extra extra = levels_of(t, i);
        SN_TRY(sn_checkpoint_read_extra(resume, &extra, error));
    }
    sn_diagnostics_levels_known(t->diagnostics);
    return SN_OK;
}

/* The values that a new run starts from. */
static sn_status begin_values(sn_trainer *t, sn_error *error) {
    sn_parameters_initialise(t->parameters, t->config.seed);
    sn_layers_initialise_signs(&t->training.layers);
    if (t->config.init[0])
        SN_TRY(sn_warm_start(&t->config, &t->input, t->parameters, &t->training.layers, t->note,
                             error));
    if (t->averaging)
        sn_averaging_begin(t->averaging);
    return SN_OK;
}

static sn_status prepare(sn_trainer *t, const sn_dataset *train, const sn_dataset *test,
                         const sn_checkpoint *resume, sn_error *error) {
    const sn_dataset *all = train; /* with images that are held out */
    SN_TRY(prepare_split(t, &train, test, error));
    SN_TRY(prepare_input(t, train, test, resume, error));
    SN_TRY(sn_metadata_make(&t->config, &t->input, train, &t->metadata, error));
    SN_TRY(prepare_identity(t, all, test, resume, error));
    SN_TRY(prepare_teacher(t, train, resume != NULL, error));
    SN_TRY(check_writable_as_json(t, error));
    SN_TRY(prepare_loaders(t, train, test, error));
    SN_TRY(prepare_networks(t, error));
    t->state = (sn_train_state){.best_top1 = -1};
    if (!resume)
        return begin_values(t, error);
    t->resumed = true;
    SN_TRY(sn_checkpoint_read_parameters(resume, t->parameters, error));
    SN_TRY(sn_checkpoint_read_training(resume, t->parameters, t->optimizer, &t->state, error));
    SN_TRY(read_levels(t, resume, error));
    SN_TRY(read_average(t, resume, error));
    const uint64_t epochs = t->config.epochs, finished = t->state.epoch;
    SN_RETURN_IF(finished > epochs || (finished == epochs && t->state.step > 0), error,
                 SN_ERROR_ARGUMENT, "--epochs %llu: the run has finished %llu already",
                 (unsigned long long)epochs, (unsigned long long)finished);
    const size_t steps = sn_loader_batches(t->train_loader);
    SN_RETURN_IF(t->state.step >= steps, error, SN_ERROR_DATA,
                 "the run stopped after step %llu of an epoch, but this data gives %zu",
                 (unsigned long long)t->state.step, steps);
    return SN_OK;
}

sn_status sn_trainer_create(const sn_train_config *config, const sn_dataset *train,
                            const sn_dataset *test, const sn_checkpoint *resume,
                            sn_trainer **trainer, sn_error *error) {
    sn_trainer *t = calloc(1, sizeof *t);
    SN_RETURN_IF(!t, error, SN_ERROR_MEMORY, "out of memory for the trainer");
    t->config = *config;
    t->directory = sn_run_directory_none();
    const sn_status status = prepare(t, train, test, resume, error);
    if (status == SN_OK)
        *trainer = t;
    else
        sn_trainer_free(t);
    return status;
}

void sn_trainer_free(sn_trainer *trainer) {
    if (!trainer)
        return;
    sn_run_directory_close(&trainer->directory);
    sn_loader_free(trainer->train_loader);
    sn_loader_free(trainer->test_loader);
    sn_loader_free(trainer->valid_loader);
    sn_optimizer_free(trainer->optimizer);
    sn_diagnostics_free(trainer->diagnostics);
    sn_averaging_free(trainer->averaging);
    sn_teacher_free(trainer->teacher);
    sn_loader_free(trainer->statistics_loader);
    sn_network_free(&trainer->training);
    sn_network_free(&trainer->evaluation);
    sn_parameters_free(trainer->parameters);
    sn_metadata_clear(&trainer->metadata);
    sn_dataset_free(trainer->kept);
    sn_dataset_free(trainer->held);
    sn_data_identity_clear(&trainer->data);
    free(trainer->logits);
    free(trainer);
}

/* ---- the loop ---- */

static sn_status write_checkpoint(sn_trainer *t, const char *name, sn_error *error) {
    char path[SN_RUN_PATH_SIZE];
    const size_t layers = t->state.step > 0 ? sn_diagnostics_count(t->diagnostics) : 0;
    const size_t parameters = t->averaging ? sn_parameters_count(t->parameters) : 0;
    sn_checkpoint_extra *extras = calloc(layers + parameters + 1, sizeof *extras);
    SN_RETURN_IF(!extras, error, SN_ERROR_MEMORY, "out of memory for a checkpoint");
    size_t count = 0;
    for (size_t i = 0; i < layers; i++)
        extras[count++] = levels_of(t, i);
    for (size_t i = 0; i < parameters; i++)
        if (sn_role_is_trained(sn_parameters_at(t->parameters, i)->role))
            extras[count++] = average_of(t, sn_parameters_at(t->parameters, i));
    const sn_checkpoint_content content = {.config = &t->config,
                                           .input = &t->input,
                                           .metadata = &t->metadata,
                                           .data = &t->data,
                                           .parameters = t->parameters,
                                           .optimizer = t->optimizer,
                                           .state = &t->state,
                                           .extras = extras,
                                           .extra_count = count};
    sn_run_directory_file(&t->directory, name, path);
    const sn_status status = sn_checkpoint_write(path, &content, error);
    free(extras);
    t->saved = sn_clock_seconds();
    return status;
}

/* `step`: from 1, of the current epoch. */
static sn_status check_finite(const sn_trainer *t, bool finite, uint64_t step, sn_error *error) {
    SN_RETURN_IF(!finite && !t->directory.path[0], error, SN_ERROR_DIVERGED,
                 "training diverged: values are not finite at learning rate %g; try a lower --lr",
                 t->learning_rate);
    SN_RETURN_IF(
        !finite, error, SN_ERROR_DIVERGED,
        "training diverged: values are not finite in epoch %llu, step %llu, at learning "
        "rate %g; the last good state is in %s/last.h5; try a lower --lr or a longer --warmup",
        (unsigned long long)t->state.epoch + 1, (unsigned long long)step, t->learning_rate,
        t->directory.path);
    return SN_OK;
}

/* All weights can be finite when logits are not. The state is behind the epoch already. */
static sn_status check_metrics(const sn_trainer *t, const sn_epoch_metrics *m, sn_error *error) {
    const char *what = NULL;
    if (!isfinite(m->test.loss))
        what = "test loss";
    else if (m->has_valid && !isfinite(m->valid.loss))
        what = "validation loss";
    else if (m->has_clip && !isfinite(m->gradient_norm))
        what = "norm of gradients";
    SN_RETURN_IF(
        what, error, SN_ERROR_DIVERGED,
        "training diverged: the %s is not finite after epoch %llu, although the weights "
        "are; the state before that is in %s/last.h5; try a lower --lr or a longer --warmup",
        what, (unsigned long long)t->state.epoch, t->directory.path);
    return SN_OK;
}

/* Adds the time since the last call. */
static void lap(sn_trainer *t, double *seconds) {
    const double now = sn_clock_seconds();
    *seconds += now - t->lap;
    t->lap = now;
}

static void clip_gradients(sn_trainer *t) {
    const double largest = t->config.clip_grad;
    if (largest <= 0)
        return;
    const double norm = sn_optimizer_clip(t->optimizer, largest);
    t->state.norm_sum += norm;
    t->state.clipped += norm > largest;
}

static sn_status train_step(sn_trainer *t, const sn_batch *batch, sn_error *error) {
    const uint64_t steps = sn_loader_batches(t->train_loader);
    const uint64_t step = t->state.epoch * steps + t->state.step;
    const size_t classes = t->training.classes;
    t->learning_rate = sn_schedule_rate(&t->config.schedule, step, steps, t->config.epochs);
    sn_tensor_write(t->training.images, batch->images, batch->count);
    sn_tensor_write_labels(t->training.labels, batch->labels, batch->count);
    lap(t, &t->spent.data);
    if (t->training.teacher) {
        sn_teacher_predict(t->teacher, batch, t->logits);
        sn_tensor_write(t->training.teacher, t->logits, batch->count);
        lap(t, &t->spent.forward);
    }
    sn_parameters_zero_gradients(t->parameters);
    lap(t, &t->spent.optimizer);
    sn_graph_forward(t->training.graph);
    lap(t, &t->spent.forward);
    float loss;
    sn_tensor_read(t->training.loss, &loss, 1);
    SN_TRY(check_finite(t, isfinite(loss), t->state.step + 1, error));
    sn_graph_backward(t->training.graph, NULL);
    lap(t, &t->spent.backward);
    clip_gradients(t);
    sn_optimizer_step(t->optimizer, t->learning_rate);
    if (t->averaging)
        sn_averaging_step(t->averaging, sn_optimizer_steps(t->optimizer));
    lap(t, &t->spent.optimizer);
    sn_tensor_read(t->training.logits, t->logits, batch->count);
    for (size_t i = 0; i < batch->count; i++)
        t->state.correct +=
            sn_predicted_class(t->logits + i * classes, classes) == (size_t)batch->labels[i];
    t->state.loss_sum += (double)loss * (double)batch->count;
    t->state.step++;
    lap(t, &t->spent.metrics);
    return SN_OK;
}

static void report_step(const sn_trainer *t, const sn_train_observer *observer, uint64_t first) {
    const size_t batch = (size_t)t->config.batch;
    if (!observer->step)
        return;
    const sn_step_report report = {.epoch = t->state.epoch + 1,
                                   .epochs = t->config.epochs,
                                   .images_done = (size_t)t->state.step * batch,
                                   .images_before = (size_t)first * batch,
                                   .images_total = sn_loader_batches(t->train_loader) * batch,
                                   .loss =
                                       t->state.loss_sum / ((double)t->state.step * (double)batch)};
    observer->step(observer->context, &report);
}

/* A loss can be finite although the step behind it was not, and quantizers hide what is not a
 * number. */
static bool parameters_are_finite(const sn_parameters *parameters) {
    for (size_t i = 0; i < sn_parameters_count(parameters); i++) {
        const sn_parameter *entry = sn_parameters_at(parameters, i);
        for (size_t j = 0; j < entry->count; j++)
            if (!isfinite(entry->value[j]))
                return false;
    }
    return true;
}

static double progress_of(const sn_trainer *t) {
    return (double)t->state.epoch / (double)t->config.epochs;
}

/* Saves within an epoch when it is time to; not behind its last step, when the end of the epoch is
 * about to be saved. */
static sn_status save_step(sn_trainer *t, sn_error *error) {
    const double interval = 60 * t->config.checkpoint_minutes;
    if (interval == 0 || sn_clock_seconds() - t->saved < interval ||
        t->state.step == sn_loader_batches(t->train_loader))
        return SN_OK;
    SN_TRY(check_finite(t, parameters_are_finite(t->parameters), t->state.step, error));
    return write_checkpoint(t, "last.h5", error);
}

/* Runs the steps that are left of the current epoch, or until *stop. */
static sn_status train_epoch(sn_trainer *t, const sn_train_observer *observer,
                             const volatile sig_atomic_t *stop, sn_error *error) {
    const uint64_t first = t->state.step;
    const double before = t->state.seconds;
    const double started = sn_clock_seconds();
    sn_graph_set_progress(t->training.graph, progress_of(t));
    if (first == 0)
        sn_diagnostics_mark(t->diagnostics);
    sn_loader_start(t->train_loader, t->state.epoch, (size_t)first);
    for (const sn_batch *batch; (batch = sn_loader_next(t->train_loader)) != NULL;) {
        SN_TRY(train_step(t, batch, error));
        t->state.seconds = before + sn_clock_seconds() - started;
        SN_TRY(save_step(t, error));
        report_step(t, observer, first);
        if (*stop)
            break;
    }
    return check_finite(t, parameters_are_finite(t->parameters), t->state.step, error);
}

static char *metrics_line(const sn_epoch_metrics *m) {
    json_t *object =
        json_pack("{s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:b, s:f, s:f}", "epoch",
                  (json_int_t)m->epoch, "loss", m->loss, "train_top1", m->train_top1, "test_loss",
                  m->test.loss, "top1", m->test.top1, "top5", m->test.top5, "learning_rate",
                  m->learning_rate, "density", m->density, "best", (int)m->best,
                  "images_per_second", m->images_per_second, "seconds", m->seconds);
    const struct {
        bool wanted;
        const char *name;
        double value;
    } extras[] = {{m->has_valid, "valid_loss", m->valid.loss},
                  {m->has_valid, "valid_top1", m->valid.top1},
                  {m->has_clip, "gradient_norm", m->gradient_norm},
                  {m->has_clip, "clipped", m->clipped}};
    bool made = object != NULL;
    for (size_t i = 0; i < sizeof extras / sizeof *extras; i++)
        if (extras[i].wanted)
            made = json_object_set_new(object, extras[i].name, json_real(extras[i].value)) == 0 &&
                   made;
    char *line = made ? json_dumps(object, JSON_REAL_PRECISION(9)) : NULL;
    json_decref(object);
    return line;
}

static sn_status save_layers(sn_trainer *t, uint64_t epoch, sn_error *error) {
    const size_t layers = sn_diagnostics_count(t->diagnostics);
    char *text = calloc(layers + 1, SN_DIAGNOSTICS_LINE_SIZE);
    SN_RETURN_IF(!text, error, SN_ERROR_MEMORY, "out of memory for layers.csv");
    char *end = text;
    for (size_t i = 0; i < layers; i++) {
        sn_diagnostics_line(sn_diagnostics_at(t->diagnostics, i), epoch, end);
        end += strlen(end);
        *end++ = '\n';
    }
    const sn_status status = sn_run_directory_append_layers(&t->directory, text, error);
    free(text);
    return status;
}

static void warn(const sn_trainer *t, const sn_train_observer *observer) {
    char text[SN_WARNING_SIZE];
    for (size_t i = 0; observer->warning && i < sn_diagnostics_count(t->diagnostics); i++)
        if (sn_diagnostics_warning(t->diagnostics, i, text))
            observer->warning(observer->context, text);
}

/* Evaluates, then moves the state behind the epoch. */
static void finish_epoch(sn_trainer *t, sn_epoch_metrics *m) {
    const double images = (double)(t->state.step * t->config.batch);
    const double started = sn_clock_seconds();
    *m = (sn_epoch_metrics){.has_valid = t->valid_loader != NULL,
                            .has_clip = t->config.clip_grad > 0,
                            .gradient_norm = t->state.norm_sum / (double)t->state.step,
                            .clipped = (double)t->state.clipped / (double)t->state.step};
    if (t->valid_loader)
        sn_network_evaluate(&t->evaluation, t->valid_loader, t->logits, &m->valid);
    sn_network_evaluate(&t->evaluation, t->test_loader, t->logits, &m->test);
    const double top1 = t->valid_loader ? m->valid.top1 : m->test.top1;
    const sn_weight_counts counts = sn_layers_count_effectual(&t->evaluation.layers);
    m->epoch = t->state.epoch + 1;
    m->loss = t->state.loss_sum / images;
    m->train_top1 = 100 * (double)t->state.correct / images;
    m->learning_rate = t->learning_rate;
    m->density = counts.total ? (double)counts.effectual / (double)counts.total : 1;
    m->images_per_second = images / t->state.seconds;
    m->seconds = t->state.seconds + sn_clock_seconds() - started;
    m->best = top1 > t->state.best_top1;
    t->state = (sn_train_state){.epoch = m->epoch,
                                .best_top1 = m->best ? top1 : t->state.best_top1,
                                .best_epoch = m->best ? m->epoch : t->state.best_epoch};
}

/* That running statistics of the average are computed from. */
static size_t statistics_batches(const sn_trainer *t) {
    const size_t batches = STATISTICS_IMAGES / (size_t)t->config.batch;
    return batches ? batches : 1;
}

/* Evaluation and best.h5 are of the average, if there is one. */
static void enter_average(sn_trainer *t) {
    if (t->averaging)
        sn_averaging_enter(t->averaging, &t->training, t->statistics_loader, statistics_batches(t));
}

/* Logs first: a line whose checkpoint was never written is dropped when resuming. */
static sn_status save_epoch(sn_trainer *t, const sn_epoch_metrics *m, sn_error *error) {
    char *line = metrics_line(m);
    SN_RETURN_IF(!line, error, SN_ERROR_MEMORY, "out of memory for metrics");
    const sn_status status = sn_run_directory_append(&t->directory, line, error);
    free(line);
    SN_TRY(status);
    SN_TRY(save_layers(t, m->epoch, error));
    if (m->best)
        SN_TRY(write_checkpoint(t, "best.h5", error));
    if (t->averaging)
        sn_averaging_leave(t->averaging);
    return write_checkpoint(t, "last.h5", error);
}

/* From here on there is always something to resume, or nothing at all. */
static sn_status begin_directory(sn_trainer *t, sn_error *error) {
    SN_TRY(sn_run_directory_create(&t->config, &t->directory, error));
    sn_status status = sn_run_directory_write_config(&t->directory, &t->config, &t->input, error);
    if (status == SN_OK)
        status = write_checkpoint(t, "last.h5", error);
    if (status != SN_OK)
        sn_run_directory_discard(&t->directory);
    return status;
}

/* Says what could not be checked, or was not as it should be. */
static void note_resumed(const sn_trainer *t, const sn_train_observer *observer) {
    char text[SN_RUN_NOTE_SIZE + SN_RUN_PATH_SIZE];
    if (!observer->warning)
        return;
    if (t->unidentified)
        observer->warning(observer->context,
                          "this checkpoint is of an older version and does not tell its data: "
                          "whether these are the same images was not checked");
    for (int i = 0; i < 2; i++) {
        if (!t->directory.note[i][0])
            continue;
        snprintf(text, sizeof text, "%s/%s", t->directory.path, t->directory.note[i]);
        observer->warning(observer->context, text);
    }
}

static sn_status open_directory(sn_trainer *t, const sn_train_observer *observer, sn_error *error) {
    if (!t->resumed)
        return begin_directory(t, error);
    SN_TRY(sn_run_directory_reopen(t->config.resume, t->state.epoch,
                                   sn_diagnostics_count(t->diagnostics), &t->directory, error));
    note_resumed(t, observer);
    t->saved = sn_clock_seconds();
    return sn_run_directory_write_config(&t->directory, &t->config, &t->input, error);
}

sn_status sn_trainer_run(sn_trainer *trainer, const sn_train_observer *observer,
                         const volatile sig_atomic_t *stop, sn_error *error) {
    sn_trainer *t = trainer;
    const uint64_t steps = sn_loader_batches(t->train_loader);
    SN_TRY(open_directory(t, observer, error));
    if (observer->begin)
        observer->begin(observer->context);
    for (uint64_t run = 0; t->state.epoch < t->config.epochs && !*stop; run++) {
        if (t->config.stop_after && run == t->config.stop_after)
            return SN_OK;
        SN_TRY(train_epoch(t, observer, stop, error));
        if (t->state.step < steps)
            return write_checkpoint(t, "last.h5", error);
        if (observer->evaluating)
            observer->evaluating(observer->context);
        sn_epoch_metrics metrics;
        sn_diagnostics_measure(t->diagnostics, progress_of(t));
        enter_average(t);
        finish_epoch(t, &metrics);
        SN_TRY(check_metrics(t, &metrics, error));
        SN_TRY(save_epoch(t, &metrics, error));
        if (observer->epoch)
            observer->epoch(observer->context, &metrics);
        warn(t, observer);
    }
    return SN_OK;
}

/* One step of a trial, which goes through the first epoch again and again. */
static sn_status try_step(sn_trainer *t, sn_error *error) {
    const sn_batch *batch = sn_loader_next(t->train_loader);
    if (!batch) {
        t->state = (sn_train_state){.best_top1 = -1};
        sn_loader_start(t->train_loader, 0, 0);
        batch = sn_loader_next(t->train_loader);
    }
    return train_step(t, batch, error);
}

sn_status sn_trainer_try(sn_trainer *trainer, size_t warmup, size_t least, double seconds,
                         sn_trial *trial, sn_error *error) {
    sn_trainer *t = trainer;
    *trial = (sn_trial){0};
    for (size_t i = 0; i < warmup; i++)
        SN_TRY(try_step(t, error));
    sn_graph_set_profiling(t->training.graph, true);
    t->spent = (sn_step_seconds){0};
    const double started = t->lap = sn_clock_seconds();
    while (trial->steps < least || trial->seconds < seconds) {
        SN_TRY(try_step(t, error));
        trial->steps++;
        trial->seconds = sn_clock_seconds() - started;
    }
    trial->spent = t->spent;
    return SN_OK;
}

size_t sn_trainer_evaluation_images(const sn_trainer *trainer) {
    const size_t statistics =
        trainer->averaging ? statistics_batches(trainer) * (size_t)trainer->config.batch : 0;
    return trainer->images.valid + trainer->images.test + statistics;
}

size_t sn_trainer_steps_per_epoch(const sn_trainer *trainer) {
    return sn_loader_batches(trainer->train_loader);
}

/* What writing a checkpoint takes; the file grows by an eighth at a time (h5_image.c). */
static size_t checkpoint_bytes(const sn_trainer *t, size_t optimizer) {
    size_t values = 0, largest = 0;
    for (size_t i = 0; i < sn_parameters_count(t->parameters); i++) {
        const sn_parameter *entry = sn_parameters_at(t->parameters, i);
        const size_t copies = t->averaging && sn_role_is_trained(entry->role) ? 2 : 1;
        values += copies * entry->count;
        largest = entry->count > largest ? entry->count : largest;
    }
    const size_t file = values * sizeof(float) + optimizer;
    return file + file / 8 + largest * sizeof(float);
}

sn_trainer_memory sn_trainer_memory_of(const sn_trainer *trainer) {
    const sn_trainer *t = trainer;
    const size_t trained = sn_parameters_length(t->parameters) * sizeof(sn_real);
    sn_trainer_memory memory = {
        .training = sn_graph_memory(t->training.graph),
        .evaluation = sn_graph_memory(t->evaluation.graph),
        .parameters = 2 * trained,
        .loaders = sn_loader_memory(t->train_loader) + sn_loader_memory(t->test_loader) +
                   (t->valid_loader ? sn_loader_memory(t->valid_loader) : 0),
        .average = t->averaging
                       ? sn_averaging_memory(t->averaging) + sn_loader_memory(t->statistics_loader)
                       : 0,
        .teacher = t->teacher ? sn_teacher_memory(t->teacher) : 0,
        .diagnostics = sn_diagnostics_memory(t->diagnostics)};
    for (size_t i = 0; i < sn_parameters_count(t->parameters); i++) {
        const sn_parameter *entry = sn_parameters_at(t->parameters, i);
        if (!sn_role_is_trained(entry->role))
            memory.parameters += sn_align_up(entry->count * sizeof(sn_real));
    }
    for (int slot = 0; sn_optimizer_slot_name(t->optimizer, slot); slot++)
        memory.optimizer += trained;
    memory.checkpoint = checkpoint_bytes(t, memory.optimizer);
    return memory;
}

const sn_network *sn_trainer_training(const sn_trainer *trainer) {
    return &trainer->training;
}

const sn_network *sn_trainer_evaluation(const sn_trainer *trainer) {
    return &trainer->evaluation;
}

sn_trainer_images sn_trainer_images_of(const sn_trainer *trainer) {
    return trainer->images;
}

const char *sn_trainer_note(const sn_trainer *trainer) {
    return trainer->note;
}

const char *sn_trainer_directory(const sn_trainer *trainer) {
    return trainer->directory.path;
}

bool sn_trainer_was_resumed(const sn_trainer *trainer) {
    return trainer->resumed;
}

const sn_input_info *sn_trainer_input(const sn_trainer *trainer) {
    return &trainer->input;
}

const sn_train_state *sn_trainer_state(const sn_trainer *trainer) {
    return &trainer->state;
}

const sn_metadata *sn_trainer_metadata(const sn_trainer *trainer) {
    return &trainer->metadata;
}

const sn_parameters *sn_trainer_parameters(const sn_trainer *trainer) {
    return trainer->parameters;
}
