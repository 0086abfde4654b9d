#define _POSIX_C_SOURCE 200809L
#include "data/folder_pixels.h"

#include "base/memory.h"
#include "data/picture.h"
#include "data/resample.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LISTED = 20, MAX_THREADS = 64 };

static sn_colour background_of(const sn_dataset_request *request) {
    sn_colour colour;
    memcpy(colour.value, request->background, sizeof colour.value);
    return colour;
}

/* ---- what may be wrong with readable pictures ---- */

/* Pictures of which the same is true. */
typedef struct remark {
    size_t count;
    const char *example; /* the first, below the root */
} remark;

typedef struct survey {
    remark narrow, transparent, drawn_in_alpha;
    unsigned largest; /* value of the narrow ones */
} survey;

static void remark_on(remark *r, const char *path) {
    if (r->count++ == 0)
        r->example = path;
}

/* 16-bit values that never use the upper four bits were nearly always 12 bits or fewer. */
static void survey_picture(survey *s, const sn_picture_facts *facts, const char *path) {
    if (facts->sixteen_bits && facts->largest > 0 && facts->largest < 4096) {
        remark_on(&s->narrow, path);
        if (facts->largest > s->largest)
            s->largest = facts->largest;
    }
    if (facts->transparent)
        remark_on(&s->transparent, path);
    if (facts->drawn_in_alpha)
        remark_on(&s->drawn_in_alpha, path);
}

static void warn_of_narrow_values(const survey *s, const char *root, sn_notes *notes) {
    unsigned bits = 8;
    while (s->largest >> bits)
        bits++;
    sn_notes_add(
        notes, SN_NOTE_WARNING,
        "%s: pictures of 16 bits that use only %u of them: %zu, such as %s; values up to %u of "
        "65535 are nearly black: multiply them by %u",
        root, bits, s->narrow.count, s->narrow.example, s->largest, 65535 / ((1U << bits) - 1));
}

static void survey_warn(const survey *s, const char *root, sn_notes *notes) {
    if (s->narrow.count > 0)
        warn_of_narrow_values(s, root, notes);
    if (s->transparent.count > 0)
        sn_notes_add(notes, SN_NOTE_WARNING,
                     "%s: fully transparent pictures: %zu, such as %s; nothing is left of them but "
                     "the background: remove them or make them opaque",
                     root, s->transparent.count, s->transparent.example);
    if (s->drawn_in_alpha.count > 0)
        sn_notes_add(notes, SN_NOTE_WARNING,
                     "%s: pictures that show something by their transparency alone: %zu, such as "
                     "%s; over this background they have one colour: choose another --background",
                     root, s->drawn_in_alpha.count, s->drawn_in_alpha.example);
}

/* ---- decoding by several threads ---- */

/* What came of a picture. */
typedef struct outcome {
    sn_picture_facts facts;
    sn_error *fault; /* malloc'd; NULL when it was read */
} outcome;

typedef struct crew {
    const sn_folder_files *files;
    const sn_dataset_request *request;
    const char *model;
    sn_dataset *dataset;
    outcome *outcomes;     /* [files->count] */
    pthread_mutex_t mutex; /* of what follows, and of request->progress */
    size_t next, done;
    bool no_memory; /* everybody stops */
    size_t resized;
} crew;

static size_t image_bytes(const sn_dataset *dataset) {
    return (size_t)dataset->channels * (size_t)dataset->height * (size_t)dataset->width;
}

/* Luma of ITU-R BT.601. */
static void make_grey(const uint8_t *rgb, size_t plane, uint8_t *grey) {
    for (size_t p = 0; p < plane; p++)
        grey[p] =
            (uint8_t)((299U * rgb[p] + 587U * rgb[plane + p] + 114U * rgb[2 * plane + p] + 500U) /
                      1000U);
}

static sn_status check_size(const crew *c, const char *path, const sn_picture *picture,
                            sn_error *error) {
    const int width = c->dataset->width, height = c->dataset->height;
    SN_RETURN_IF(picture->width != width || picture->height != height, error, SN_ERROR_DATA,
                 "%s: has %d x %d pixels, but %s has %d x %d; give --image-size to resize all",
                 path, picture->width, picture->height, c->model, width, height);
    return SN_OK;
}

/* The picture at the data set's size, [3][height][width]. */
static sn_status fit_picture(const crew *c, const char *path, const sn_picture *picture,
                             uint8_t *rgb, sn_error *error) {
    const int width = c->dataset->width, height = c->dataset->height;
    if (c->model) {
        SN_TRY(check_size(c, path, picture, error));
        memcpy(rgb, picture->rgb, (size_t)SN_PICTURE_CHANNELS * (size_t)width * (size_t)height);
        return SN_OK;
    }
    const sn_box box = sn_box_centred(picture->width, picture->height, width, height);
    return sn_resample(picture->rgb, SN_PICTURE_CHANNELS, picture->width, picture->height, &box,
                       width, height, rgb, error);
}

static sn_status decode(const crew *c, size_t index, sn_picture_facts *facts, bool *resized,
                        sn_error *error) {
    sn_dataset *dataset = c->dataset;
    const size_t plane = (size_t)dataset->height * (size_t)dataset->width;
    uint8_t *pixels = dataset->pixels + index * image_bytes(dataset), *rgb = pixels;
    const char *path = c->files->path[index];
    sn_picture picture;
    SN_TRY(sn_picture_read(path, background_of(c->request), &picture, error));
    *facts = picture.facts;
    *resized = picture.width != dataset->width || picture.height != dataset->height;
    const bool is_grey = dataset->channels == 1;
    if (is_grey)
        rgb = sn_alloc_array(plane, SN_PICTURE_CHANNELS);
    const sn_status status =
        rgb ? fit_picture(c, path, &picture, rgb, error)
            : sn_error_set(error, SN_ERROR_MEMORY, "%s: no memory to read it", path);
    if (is_grey && status == SN_OK)
        make_grey(rgb, plane, pixels);
    if (is_grey)
        sn_free(rgb);
    sn_picture_clear(&picture);
    return status;
}

/* The next picture to decode; files->count when there is none. */
static size_t take_next(crew *c) {
    pthread_mutex_lock(&c->mutex);
    const size_t index = c->no_memory ? c->files->count : c->next;
    c->next += index < c->files->count;
    pthread_mutex_unlock(&c->mutex);
    return index;
}

static void report(crew *c, bool no_memory, bool resized) {
    pthread_mutex_lock(&c->mutex);
    c->done++;
    c->resized += resized;
    c->no_memory = c->no_memory || no_memory;
    if (c->request->progress)
        c->request->progress(c->request->progress_context, c->done, c->files->count);
    pthread_mutex_unlock(&c->mutex);
}

static void *work(void *argument) {
    crew *c = argument;
    for (size_t i; (i = take_next(c)) < c->files->count;) {
        sn_error fault = {0};
        bool resized = false;
        const sn_status status = decode(c, i, &c->outcomes[i].facts, &resized, &fault);
        bool no_memory = status == SN_ERROR_MEMORY;
        if (status != SN_OK && !no_memory) {
            c->outcomes[i].fault = malloc(sizeof fault);
            no_memory = !c->outcomes[i].fault;
            if (!no_memory)
                *c->outcomes[i].fault = fault;
        }
        report(c, no_memory, resized);
    }
    return NULL;
}

/* The caller works, too. A thread that cannot be started is done without. */
static void work_together(crew *c) {
    pthread_t helpers[MAX_THREADS];
    int started = 0;
    const int wanted = c->request->threads - 1;
    while (started < wanted && started < MAX_THREADS &&
           pthread_create(&helpers[started], NULL, work, c) == 0)
        started++;
    work(c);
    for (int i = 0; i < started; i++)
        pthread_join(helpers[i], NULL);
}

/* ---- what could not be read ---- */

static size_t count_faults(const crew *c) {
    size_t count = 0;
    for (size_t i = 0; i < c->files->count; i++)
        count += c->outcomes[i].fault != NULL;
    return count;
}

static const sn_error *first_fault(const crew *c) {
    for (size_t i = 0; i < c->files->count; i++)
        if (c->outcomes[i].fault)
            return c->outcomes[i].fault;
    return NULL;
}

/* Each is noted once there are two, up to LISTED. */
static sn_status report_faults(const crew *c, size_t count, sn_error *error) {
    const sn_error *first = first_fault(c);
    SN_RETURN_IF(count == 1, error, first->status, "%s", first->message);
    for (size_t i = 0, listed = 0; i < c->files->count && listed < LISTED; i++)
        if (c->outcomes[i].fault) {
            sn_notes_add(c->request->notes, SN_NOTE_FAULT, "%s", c->outcomes[i].fault->message);
            listed++;
        }
    if (count > LISTED)
        sn_notes_add(c->request->notes, SN_NOTE_FAULT, "%s: and %zu more", c->files->root,
                     count - LISTED);
    return sn_error_set(error, first->status,
                        "%s: %zu of %zu pictures cannot be used; %s. The first: %.700s",
                        c->files->root, count, c->files->count, c->files->advice, first->message);
}

/* Moves the pictures that could be read together. */
static sn_status leave_out_faults(crew *c, size_t count, sn_error *error) {
    sn_dataset *dataset = c->dataset;
    const size_t size = image_bytes(dataset);
    size_t kept = 0;
    for (size_t i = 0; i < c->files->count; i++) {
        if (c->outcomes[i].fault)
            continue;
        memmove(dataset->pixels + kept * size, dataset->pixels + i * size, size);
        dataset->labels[kept++] = dataset->labels[i];
    }
    dataset->count = kept;
    sn_notes_add(c->request->notes, SN_NOTE_WARNING,
                 "%s: %zu of %zu pictures cannot be read and are left out; the first: %.700s",
                 c->files->root, count, c->files->count, first_fault(c)->message);
    for (int label = 0; label < dataset->classes; label++) {
        size_t i = 0;
        while (i < kept && dataset->labels[i] != label)
            i++;
        SN_RETURN_IF(i == kept, error, SN_ERROR_DATA,
                     "%s: no picture of class '%s' can be read; the first that cannot: %.700s",
                     c->files->root, dataset->class_name[label], first_fault(c)->message);
    }
    return SN_OK;
}

/* Below the root. */
static const char *shown_path(const sn_folder_files *files, size_t index) {
    const char *path = files->path[index];
    const size_t length = strlen(files->root);
    return strncmp(path, files->root, length) == 0 && path[length] == '/' ? path + length + 1
                                                                          : path;
}

static void survey_all(const crew *c) {
    survey found = {0};
    for (size_t i = 0; i < c->files->count; i++)
        if (!c->outcomes[i].fault)
            survey_picture(&found, &c->outcomes[i].facts, shown_path(c->files, i));
    survey_warn(&found, c->files->root, c->request->notes);
}

static sn_status judge(crew *c, sn_error *error) {
    SN_RETURN_IF(c->no_memory, error, SN_ERROR_MEMORY, "%s: no memory to read the pictures",
                 c->files->root);
    const size_t count = count_faults(c);
    if (count > 0 && !c->request->skip_bad)
        return report_faults(c, count, error);
    survey_all(c);
    if (c->request->says_resized && c->resized > 0)
        sn_notes_add(
            c->request->notes, SN_NOTE_WARNING,
            "%s: %zu of %zu pictures have another size; the largest centred square of each "
            "is resized to %d x %d",
            c->files->root, c->resized, c->files->count, c->dataset->width, c->dataset->height);
    return count > 0 ? leave_out_faults(c, count, error) : SN_OK;
}

sn_status sn_folder_read_pixels(const sn_folder_files *files, const sn_dataset_request *request,
                                const char *model, sn_dataset *dataset, sn_error *error) {
    crew c = {files,
              request,
              model,
              dataset,
              sn_alloc_array(files->count, sizeof *c.outcomes),
              PTHREAD_MUTEX_INITIALIZER,
              0,
              0,
              false,
              0};
    SN_RETURN_IF(!c.outcomes, error, SN_ERROR_MEMORY, "%s: no memory to read the pictures",
                 files->root);
    memcpy(dataset->labels, files->label, files->count * sizeof *dataset->labels);
    work_together(&c);
    const sn_status status = judge(&c, error);
    for (size_t i = 0; i < files->count; i++)
        free(c.outcomes[i].fault);
    sn_free(c.outcomes);
    pthread_mutex_destroy(&c.mutex);
    return status;
}

sn_status sn_folder_picture_size(const char *path, const sn_dataset_request *request, int *width,
                                 int *height, sn_error *error) {
    sn_picture picture;
    SN_TRY(sn_picture_read(path, background_of(request), &picture, error));
    *width = picture.width;
    *height = picture.height;
    sn_picture_clear(&picture);
    return SN_OK;
}

sn_status sn_dataset_read_files(const sn_dataset_request *request, char **paths, size_t count,
                                int height, int width, sn_dataset **dataset, sn_error *error) {
    const sn_folder_files files = {"the pictures", "give others", count, paths,
                                   sn_alloc_array(count, sizeof(int32_t))};
    sn_dataset *opened = sn_alloc(sizeof *opened);
    *dataset = NULL;
    sn_status status =
        files.label && opened
            ? sn_dataset_allocate(opened, count, request->channels, height, width, error)
            : sn_error_set(error, SN_ERROR_MEMORY, "no memory for %zu pictures", count);
    if (status == SN_OK)
        status = sn_folder_read_pixels(&files, request, NULL, opened, error);
    sn_free(files.label);
    if (status != SN_OK)
        sn_dataset_free(opened);
    else
        *dataset = opened;
    return status;
}
