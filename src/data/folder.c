#define _POSIX_C_SOURCE 200809L
/* Pictures in folders: DIR/train/CLASS/x.png and DIR/test/CLASS/x.png. Evaluation needs only the
 * latter.
 */
#include "base/memory.h"
#include "data/dataset_source.h"
#include "data/folder_listing.h"
#include "data/png_reader.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_SIZE = SN_FOLDER_PATH_SIZE, CHANNELS = 3, LISTED = 20 };

static const char *split_name(sn_split split) {
    return split == SN_SPLIT_TRAIN ? "train" : "test";
}

/* ---- classes and their pictures ---- */

typedef struct catalogue {
    char root[PATH_SIZE]; /* DIR/train or DIR/test */
    sn_name_list classes;
    sn_name_list *pictures; /* [classes.count] */
    size_t picture_count;
    sn_ignored ignored;
} catalogue;

static void catalogue_clear(catalogue *c) {
    for (size_t i = 0; c->pictures && i < c->classes.count; i++)
        sn_name_list_clear(&c->pictures[i]);
    sn_free(c->pictures);
    sn_name_list_clear(&c->classes);
}

static sn_status list_classes(catalogue *c, const char *directory, sn_split split,
                              sn_error *error) {
    SN_TRY(sn_folder_join(c->root, directory, split_name(split), error));
    SN_TRY(sn_folder_list_classes(c->root, &c->classes, &c->ignored, error));
    SN_RETURN_IF(c->classes.count < 2, error, SN_ERROR_DATA,
                 "%s: has %zu folders; it needs one for each class, at least 2", c->root,
                 c->classes.count);
    return SN_OK;
}

/* Appends to text[size], cut to fit. */
static void append(char *text, size_t size, const char *what) {
    const size_t used = strlen(text);
    snprintf(text + used, size - used, "%s", what);
}

/* Names the classes without a picture, as many as fit. */
static sn_status check_classes(const catalogue *c, sn_error *error) {
    char names[400] = "";
    size_t empty = 0;
    for (size_t i = 0; i < c->classes.count; i++) {
        if (c->pictures[i].count > 0)
            continue;
        const char *name = c->classes.name[i];
        if (empty < LISTED && strlen(names) + strlen(name) + 30 < sizeof names) {
            append(names, sizeof names, empty ? ", " : "");
            append(names, sizeof names, name);
        } else if (!strstr(names, " ...")) {
            append(names, sizeof names, " ...");
        }
        empty++;
    }
    SN_RETURN_IF(empty > 0, error, SN_ERROR_DATA,
                 "%s: %zu of %zu classes ha%s no picture: %s; every class needs at least one *.png "
                 "in its folder",
                 c->root, empty, c->classes.count, empty == 1 ? "s" : "ve", names);
    return SN_OK;
}

static sn_status list_pictures(catalogue *c, sn_error *error) {
    c->pictures = sn_alloc_array(c->classes.count, sizeof *c->pictures);
    SN_RETURN_IF(!c->pictures, error, SN_ERROR_MEMORY, "%s: no memory for %zu classes", c->root,
                 c->classes.count);
    for (size_t i = 0; i < c->classes.count; i++) {
        SN_TRY(sn_folder_list_pictures(c->root, c->classes.name[i], &c->pictures[i], &c->ignored,
                                       error));
        c->picture_count += c->pictures[i].count;
    }
    return SN_OK;
}

static sn_status compare_classes(const catalogue *train, const catalogue *test, sn_error *error) {
    for (size_t i = 0; i < train->classes.count || i < test->classes.count; i++) {
        const char *a = i < train->classes.count ? train->classes.name[i] : NULL;
        const char *b = i < test->classes.count ? test->classes.name[i] : NULL;
        const int order = !a ? 1 : !b ? -1 : strcmp(a, b);
        SN_RETURN_IF(order < 0, error, SN_ERROR_DATA,
                     "%s: has no folder '%s', a class of %s; both need the same classes",
                     test->root, a, train->root);
        SN_RETURN_IF(order > 0, error, SN_ERROR_DATA,
                     "%s: has no folder '%s', a class of %s; both need the same classes",
                     train->root, b, test->root);
    }
    return SN_OK;
}

static sn_status picture_path(const catalogue *c, size_t label, size_t position,
                              char path[PATH_SIZE], sn_error *error) {
    char folder[PATH_SIZE];
    SN_TRY(sn_folder_join(folder, c->root, c->classes.name[label], error));
    return sn_folder_join(path, folder, c->pictures[label].name[position], error);
}

/* ---- what may be wrong with readable pictures ---- */

/* Pictures of which the same is true. */
typedef struct remark {
    size_t count;
    char example[PATH_SIZE]; /* the first, below the root */
} remark;

typedef struct survey {
    remark narrow, transparent, drawn_in_alpha;
    unsigned largest; /* value of the narrow ones */
} survey;

static void remark_on(remark *r, const char *path) {
    if (r->count++ == 0)
        snprintf(r->example, sizeof r->example, "%s", path);
}

/* 16-bit values that never use the upper four bits were nearly always 12 bits or fewer. */
static void survey_picture(survey *s, const sn_png_facts *facts, const char *path) {
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
                     "%s: fully transparent pictures: %zu, such as %s; they are read as black: "
                     "remove them or make them opaque",
                     root, s->transparent.count, s->transparent.example);
    if (s->drawn_in_alpha.count > 0)
        sn_notes_add(
            notes, SN_NOTE_WARNING,
            "%s: pictures that show something by their transparency alone: %zu, such as %s; "
            "over black they have one colour: put them over another, for instance with "
            "'mogrify -background white -alpha remove'",
            root, s->drawn_in_alpha.count, s->drawn_in_alpha.example);
}

/* ---- reading ---- */

/* Unreadable pictures. If there is more than one, each is noted, up to LISTED. */
typedef struct faults {
    size_t count;
    sn_error first;
} faults;

static void add_fault(faults *f, const sn_error *fault, sn_notes *notes) {
    if (f->count == 0)
        f->first = *fault;
    if (f->count == 1)
        sn_notes_add(notes, SN_NOTE_FAULT, "%s", f->first.message);
    if (f->count > 0 && f->count < LISTED)
        sn_notes_add(notes, SN_NOTE_FAULT, "%s", fault->message);
    f->count++;
}

static sn_status report_faults(const faults *f, const char *root, size_t pictures, sn_notes *notes,
                               sn_error *error) {
    SN_RETURN_IF(f->count == 1, error, f->first.status, "%s", f->first.message);
    if (f->count > LISTED)
        sn_notes_add(notes, SN_NOTE_FAULT, "%s: and %zu more", root, f->count - LISTED);
    SN_RETURN_IF(
        f->count > 1, error, f->first.status,
        "%s: %zu of %zu pictures cannot be used; replace or remove them. The first: %.800s", root,
        f->count, pictures, f->first.message);
    return SN_OK;
}

/* The picture that sets the size. */
typedef struct model_picture {
    char path[PATH_SIZE];
    int width, height;
} model_picture;

static sn_status read_one(const char *path, const model_picture *model, uint8_t *pixels,
                          sn_png_facts *facts, sn_error *error) {
    int width, height;
    SN_TRY(sn_png_size(path, &width, &height, error));
    SN_RETURN_IF(width != model->width || height != model->height, error, SN_ERROR_DATA,
                 "%s: has %d x %d pixels, but %s has %d x %d; all must have one size", path, width,
                 height, model->path, model->width, model->height);
    return sn_png_read(path, width, height, pixels, facts, error);
}

/* `next` goes through the first picture of every class, then through the second of every class, so
 * that a limit leaves a mixture. */
typedef struct turn {
    size_t label, position;
} turn;

/* Goes on to the next existing picture, starting at {0, 0} or behind the last one. */
static void skip_missing(const catalogue *c, turn *t) {
    for (;; t->label++) {
        if (t->label == c->classes.count)
            *t = (turn){.position = t->position + 1};
        if (t->position < c->pictures[t->label].count)
            return;
    }
}

/* Reads the first `count` pictures; finds all that cannot be read. */
static sn_status read_pictures(const catalogue *c, size_t count, const model_picture *model,
                               sn_notes *notes, sn_dataset *dataset, sn_error *error) {
    const size_t image_size = (size_t)CHANNELS * (size_t)dataset->height * (size_t)dataset->width;
    faults faulty = {0};
    survey found = {0};
    turn at = {0};
    for (size_t next = 0; next < count; next++, at.label++) {
        char path[PATH_SIZE];
        sn_png_facts facts = {0};
        sn_error fault;
        skip_missing(c, &at);
        SN_TRY(picture_path(c, at.label, at.position, path, error));
        const sn_status status =
            read_one(path, model, dataset->pixels + next * image_size, &facts, &fault);
        SN_RETURN_IF(status == SN_ERROR_MEMORY, error, status, "%s", fault.message);
        if (status == SN_OK)
            survey_picture(&found, &facts, path + strlen(c->root) + 1);
        else
            add_fault(&faulty, &fault, notes);
        dataset->labels[next] = (int32_t)at.label;
    }
    if (faulty.count == 0)
        survey_warn(&found, c->root, notes);
    return report_faults(&faulty, c->root, count, notes, error);
}

/* The first picture of the train split with a readable size. If there is none, 1 x 1 is enough to
 * find out why. */
static sn_status find_model(const catalogue *train, sn_split split, model_picture *model,
                            sn_error *error) {
    turn at = {0};
    sn_error fault = {0};
    for (size_t i = 0; i < train->picture_count; i++, at.label++) {
        skip_missing(train, &at);
        SN_TRY(picture_path(train, at.label, at.position, model->path, error));
        if (sn_png_size(model->path, &model->width, &model->height, &fault) == SN_OK)
            return SN_OK;
    }
    model->width = model->height = 1;
    SN_RETURN_IF(split == SN_SPLIT_TEST, error, fault.status, "%s", fault.message);
    return SN_OK;
}

/* Evaluation alone needs no training pictures; classes and size are then the test split's. */
static sn_split split_of_classes(sn_split split, const char *directory) {
    char path[PATH_SIZE];
    struct stat info;
    const bool alone = split == SN_SPLIT_TEST &&
                       sn_folder_join(path, directory, split_name(SN_SPLIT_TRAIN), NULL) == SN_OK &&
                       stat(path, &info) != 0 && errno == ENOENT;
    return alone ? SN_SPLIT_TEST : SN_SPLIT_TRAIN;
}

static sn_status list_split(catalogue *train, catalogue *test, sn_split split,
                            const char *directory, sn_notes *notes, sn_error *error) {
    SN_TRY(list_classes(train, directory, split_of_classes(split, directory), error));
    if (split == SN_SPLIT_TEST) {
        SN_TRY(list_classes(test, directory, SN_SPLIT_TEST, error));
        SN_TRY(compare_classes(train, test, error));
        SN_TRY(list_pictures(test, error));
    }
    /* The test split needs train's list too: train's first picture sets the size of both. */
    SN_TRY(list_pictures(train, error));
    const catalogue *wanted = split == SN_SPLIT_TRAIN ? train : test;
    sn_ignored_warn(&wanted->ignored, wanted->root, notes);
    SN_TRY(check_classes(wanted, error));
    return check_classes(train, error);
}

static sn_status read_split(catalogue *train, catalogue *test, sn_split split,
                            const char *directory, size_t limit, sn_notes *notes,
                            sn_dataset *dataset, sn_error *error) {
    const catalogue *wanted = split == SN_SPLIT_TRAIN ? train : test;
    model_picture model = {0};
    SN_TRY(list_split(train, test, split, directory, notes, error));
    SN_TRY(find_model(train, split, &model, error));
    size_t count = wanted->picture_count;
    if (limit > 0 && limit < count)
        count = limit;
    sn_ignored_describe(&wanted->ignored, dataset->ignored, sizeof dataset->ignored);
    SN_TRY(sn_dataset_name_classes(dataset, (const char *const *)wanted->classes.name,
                                   (int)wanted->classes.count, error));
    SN_TRY(sn_dataset_allocate(dataset, count, CHANNELS, model.height, model.width, error));
    return read_pictures(wanted, count, &model, notes, dataset, error);
}

static sn_status read_folder(sn_split split, const char *directory, size_t limit, sn_notes *notes,
                             sn_dataset *dataset, sn_error *error) {
    SN_RETURN_IF(!directory || !*directory, error, SN_ERROR_ARGUMENT,
                 "folder: needs the directory that holds train/CLASS/*.png and test/CLASS/*.png");
    catalogue *both = sn_alloc_array(2, sizeof *both);
    SN_RETURN_IF(!both, error, SN_ERROR_MEMORY, "%s: no memory to list it", directory);
    const sn_status status =
        read_split(&both[0], &both[1], split, directory, limit, notes, dataset, error);
    catalogue_clear(&both[0]);
    catalogue_clear(&both[1]);
    sn_free(both);
    return status;
}

const sn_dataset_source sn_dataset_source_folder = {.name = "folder",
                                                    .summary =
                                                        "DIR/{train,test}/CLASS/*.png of one size",
                                                    .reference = "your own",
                                                    .read = read_folder};
