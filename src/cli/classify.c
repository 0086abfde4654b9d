/* eval --images: the likeliest classes of pictures in files. */
#include "base/memory.h"
#include "cli/data_source.h"
#include "cli/job.h"
#include "train/predictor.h"

#include <math.h>
#include <stdlib.h>

enum { TOP = 5 };

/* One of the likeliest classes of a picture. */
typedef struct guess {
    const char *file, *name; /* name of the class; NULL: the model does not say */
    int rank, class;         /* rank from 1 */
    double probability;
} guess;

enum { FILE_NAME, RANK, CLASS, NAME, PROBABILITY };

static sn_value get(const void *of, int part) {
    const guess *g = of;
    switch (part) {
    case FILE_NAME:
        return sn_value_text(g->file);
    case RANK:
        return sn_value_count((uint64_t)g->rank);
    case CLASS:
        return sn_value_count((uint64_t)g->class);
    case NAME:
        return sn_value_text(g->name);
    default:
        return sn_value_real(g->probability);
    }
}

static const sn_field fields[] = {SN_DATA("file", get, FILE_NAME), SN_DATA("rank", get, RANK),
                                  SN_DATA("class", get, CLASS), SN_DATA("name", get, NAME),
                                  SN_DATA("probability", get, PROBABILITY)};

/* The probability that softmax gives to a class. */
static double probability_of(const float *logits, size_t classes, size_t class) {
    double sum = 0;
    for (size_t i = 0; i < classes; i++)
        sum += exp((double)logits[i] - (double)logits[class]);
    return 1 / sum;
}

/* The classes with the `top` largest logits; of equal ones the lower comes first. */
static void rank(const sn_subject *subject, const char *file, const float *logits, int top,
                 guess *guesses) {
    const size_t classes = (size_t)subject->info.classes;
    for (int r = 0; r < top; r++) {
        size_t best = classes;
        for (size_t i = 0; i < classes; i++) {
            bool taken = false;
            for (int k = 0; k < r; k++)
                taken = taken || guesses[k].class == (int)i;
            if (!taken && (best == classes || logits[i] > logits[best]))
                best = i;
        }
        const char *name = sn_infer_class_name(subject->packed, (int)best);
        guesses[r] = (guess){file, name && name[0] ? name : NULL, r + 1, (int)best,
                             probability_of(logits, classes, best)};
    }
}

static void print_text(const guess *guesses, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const guess *g = &guesses[i];
        if (g->rank == 1)
            printf("%s\n", g->file);
        if (g->name)
            printf("  %6.2f %%  %s\n", 100 * g->probability, g->name);
        else
            printf("  %6.2f %%  class %d\n", 100 * g->probability, g->class);
    }
}

static sn_status print(const guess *guesses, size_t count, sn_output format, sn_error *error) {
    const sn_rows rows = {fields, sizeof fields / sizeof *fields, guesses, sizeof *guesses, count,
                          false};
    if (format != SN_OUTPUT_TEXT)
        return sn_rows_print_data(&rows, format, stdout, error);
    print_text(guesses, count);
    return SN_OK;
}

static sn_status compute_logits(const sn_job *job, const sn_dataset *dataset, float *logits,
                                sn_error *error) {
    const sn_subject *subject = &job->subject;
    const int threads = sn_job_threads(job->options);
    sn_infer_costs costs;
    sn_infer_options infer;
    sn_predictor *predictor;
    SN_TRY(sn_job_infer_options(job->options, false, 1, &costs, &infer, error));
    SN_TRY(sn_predictor_create(subject->packed, subject->packed_bytes, &infer, threads, &predictor,
                               error));
    const sn_status status = sn_predictor_run(predictor, dataset, &subject->input.statistics, 0,
                                              job->image_count, logits, error);
    sn_predictor_free(predictor);
    return status;
}

static sn_status classify_all(const sn_job *job, const sn_dataset *dataset, sn_error *error) {
    const sn_subject *subject = &job->subject;
    const int classes = subject->info.classes, top = classes < TOP ? classes : TOP;
    float *logits = sn_alloc_array(job->image_count, (size_t)classes * sizeof *logits);
    guess *guesses = sn_alloc_array(job->image_count, (size_t)top * sizeof *guesses);
    sn_status status = logits && guesses
                           ? compute_logits(job, dataset, logits, error)
                           : sn_error_set(error, SN_ERROR_MEMORY, "out of memory for %zu pictures",
                                          job->image_count);
    for (size_t i = 0; status == SN_OK && i < job->image_count; i++)
        rank(subject, job->images[i], logits + i * (size_t)classes, top, guesses + i * (size_t)top);
    if (status == SN_OK)
        status = print(guesses, job->image_count * (size_t)top, sn_job_format(job->options), error);
    sn_free(logits);
    sn_free(guesses);
    return status;
}

static sn_status classify(const sn_job *job, sn_error *error) {
    const sn_subject *subject = &job->subject;
    const sn_infer_info *info = &subject->info;
    SN_RETURN_IF(info->channels != 1 && info->channels != 3, error, SN_ERROR_ARGUMENT,
                 "--images: %s reads %d channels; pictures have 1 or 3", job->path, info->channels);
    SN_RETURN_IF(!subject->normalised, error, SN_ERROR_ARGUMENT,
                 "--images: %s does not say how images are normalised", job->path);
    sn_dataset *dataset;
    SN_TRY(sn_cli_open_pictures(job->command->command->name, info->channels, job->images,
                                job->image_count, info->height, info->width, &dataset, error));
    const sn_status status = classify_all(job, dataset, error);
    sn_dataset_free(dataset);
    return status;
}

static const sn_option table[] = {
    SN_JOB_DATA(SN_JOB_CALIBRATES),
    SN_JOB_ACTIVATIONS,
    SN_JOB_OUTPUT,
    SN_JOB_EXECUTION,
    SN_JOB_THREADS(0, "threads; 0: one for each processor"),
};

const sn_job_action sn_action_classify = {.name = "images",
                                          .does = "classifies the given pictures",
                                          .table = table,
                                          .count = sizeof table / sizeof *table,
                                          .run = classify};
