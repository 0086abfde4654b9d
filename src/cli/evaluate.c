#include "cli/evaluate.h"

#include "base/clock.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

enum { PIECE = 64 }; /* images for each thread between two looks at the progress line */

typedef struct evaluator {
    const sn_subject *subject;
    const sn_evaluate_options *options;
    const sn_dataset *dataset;
    const sn_input_info *input;
    sn_predictor *predictor;
    float *logits;        /* of one piece */
    float *parity_logits; /* [parity images][classes], by the inference library */
    float *graph_logits;  /* of one batch of the training graph */
} evaluator;

static sn_status prepare(evaluator *e, const sn_evaluate_result *result, sn_error *error) {
    const size_t classes = (size_t)e->input->classes;
    SN_TRY(sn_predictor_create(e->subject->packed, e->subject->packed_bytes, &e->options->infer,
                               e->options->threads, &e->predictor, error));
    e->logits = sn_alloc_array(PIECE * (size_t)e->options->threads, classes * sizeof(float));
    e->parity_logits = sn_alloc_array(result->parity_images, classes * sizeof(float));
    e->graph_logits = sn_alloc_array(SN_SUBJECT_BATCH, classes * sizeof(float));
    SN_RETURN_IF(!e->logits || !e->parity_logits || !e->graph_logits, error, SN_ERROR_MEMORY,
                 "out of memory for logits");
    return SN_OK;
}

static void write_prediction(FILE *file, size_t index, int label, const float *logits,
                             size_t classes) {
    fprintf(file, "%zu,%d,%zu", index, label, sn_predicted_class(logits, classes));
    for (size_t i = 0; i < classes; i++)
        fprintf(file, ",%.9g", (double)logits[i]);
    putc('\n', file);
}

/* Counts one image, whose logits the inference library computed. */
static void take_image(evaluator *e, sn_evaluate_result *result, size_t index,
                       const float *logits) {
    const size_t classes = (size_t)e->input->classes;
    const int label = sn_dataset_label(e->dataset, index);
    sn_evaluation_add(&result->accuracy, logits, classes, label);
    if (index < result->parity_images)
        for (size_t i = 0; i < classes; i++)
            e->parity_logits[index * classes + i] = logits[i];
    if (e->options->predictions)
        write_prediction(e->options->predictions, index, label, logits, classes);
}

static sn_status run_inference(evaluator *e, sn_evaluate_result *result, sn_error *error) {
    const size_t count = sn_dataset_count(e->dataset), classes = (size_t)e->input->classes;
    const size_t piece = PIECE * (size_t)e->options->threads;
    double seconds = 0;
    sn_progress_start(e->options->progress, "images");
    for (size_t first = 0; first < count; first += piece) {
        const size_t images = count - first < piece ? count - first : piece;
        const double started = sn_clock_seconds();
        SN_TRY(sn_predictor_run(e->predictor, e->dataset, &e->input->statistics, first, images,
                                e->logits, error));
        seconds += sn_clock_seconds() - started;
        for (size_t i = 0; i < images; i++)
            take_image(e, result, first + i, e->logits + i * classes);
        sn_progress_update(e->options->progress, "inference", first + images, count, 0, NULL);
    }
    sn_progress_clear(e->options->progress);
    sn_evaluation_finish(&result->accuracy);
    SN_RETURN_IF(!isfinite(result->accuracy.loss), error, SN_ERROR_DATA,
                 "the network's logits are not finite numbers: its training diverged");
    result->images_per_second = (double)count / seconds;
    result->model = *sn_predictor_info(e->predictor);
    return SN_OK;
}

static void compare_image(sn_evaluate_result *result, const float *packed, const float *graph,
                          size_t classes) {
    for (size_t i = 0; i < classes; i++)
        result->parity_max_abs =
            fmax(result->parity_max_abs, fabs((double)packed[i] - (double)graph[i]));
    result->parity_mismatches +=
        sn_predicted_class(packed, classes) != sn_predicted_class(graph, classes);
}

/* Runs the training graph, in eval mode, on the first images. */
static sn_status run_graph(evaluator *e, sn_evaluate_result *result, sn_error *error) {
    const size_t classes = (size_t)e->input->classes;
    const size_t pixels =
        (size_t)e->input->channels * (size_t)e->input->height * (size_t)e->input->width;
    const sn_network *network = &e->subject->network;
    float *images = sn_alloc_array(SN_SUBJECT_BATCH * pixels, sizeof *images);
    SN_RETURN_IF(!images, error, SN_ERROR_MEMORY, "out of memory for images");
    sn_progress_start(e->options->progress, "images");
    for (size_t first = 0; first < result->parity_images; first += SN_SUBJECT_BATCH) {
        const size_t left = result->parity_images - first,
                     rows = left < SN_SUBJECT_BATCH ? left : SN_SUBJECT_BATCH;
        for (size_t i = 0; i < rows; i++)
            sn_dataset_normalised(e->dataset, first + i, &e->input->statistics,
                                  images + i * pixels);
        sn_tensor_write(network->images, images, rows);
        sn_graph_forward(network->graph);
        sn_tensor_read(network->logits, e->graph_logits, rows);
        for (size_t i = 0; i < rows; i++)
            compare_image(result, e->parity_logits + (first + i) * classes,
                          e->graph_logits + i * classes, classes);
        sn_progress_update(e->options->progress, "training graph", first + rows,
                           result->parity_images, 0, NULL);
    }
    sn_free(images);
    return SN_OK;
}

static sn_status evaluate(evaluator *e, sn_evaluate_result *result, sn_error *error) {
    SN_TRY(sn_subject_check(e->subject, e->dataset, error));
    SN_TRY(prepare(e, result, error));
    SN_TRY(run_inference(e, result, error));
    return result->parity_images ? run_graph(e, result, error) : SN_OK;
}

sn_status sn_evaluate(const sn_subject *subject, const sn_dataset *dataset,
                      const sn_evaluate_options *options, sn_evaluate_result *result,
                      sn_error *error) {
    evaluator e = {
        .subject = subject, .options = options, .dataset = dataset, .input = &subject->input};
    const size_t count = sn_dataset_count(dataset);
    *result = (sn_evaluate_result){0};
    if (subject->checkpoint)
        result->parity_images = options->parity_images < count ? options->parity_images : count;
    const sn_status status = evaluate(&e, result, error);
    sn_progress_clear(options->progress);
    sn_predictor_free(e.predictor);
    sn_free(e.logits);
    sn_free(e.parity_logits);
    sn_free(e.graph_logits);
    return status;
}
