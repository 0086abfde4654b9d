/* Parts of a data set: a validation split. */
#include "base/memory.h"
#include "base/rng.h"
#include "data/dataset_source.h"

#include <math.h>
#include <stdbool.h>

/* Marks the images of one class that are held out; `members` is room for the class. */
static size_t mark_class(const sn_dataset *whole, int class, double fraction, uint64_t seed,
                         uint32_t *members, bool *held) {
    size_t count = 0;
    for (size_t i = 0; i < whole->count; i++)
        if (whole->labels[i] == class)
            members[count++] = (uint32_t)i;
    size_t wanted = (size_t)floor(fraction * (double)count + 0.5);
    if (wanted == count && count > 0)
        wanted--;
    sn_rng rng;
    sn_rng_init(&rng, seed, SN_RNG_HOLD_OUT, (uint64_t) class);
    sn_rng_shuffle(&rng, members, count);
    for (size_t i = 0; i < wanted; i++)
        held[members[i]] = true;
    return wanted;
}

/* The images whose mark is `side`, `count` of them, over the pixels of `whole`. */
static sn_status make_part(const sn_dataset *whole, const bool *held, bool side, size_t count,
                           sn_dataset **part, sn_error *error) {
    sn_dataset *made = sn_alloc(sizeof *made);
    SN_RETURN_IF(!made, error, SN_ERROR_MEMORY, "no memory for a part of the data set");
    *part = made;
    made->places = sn_alloc_array(count, sizeof *made->places);
    made->labels = sn_alloc_array(count, sizeof *made->labels);
    SN_RETURN_IF(!made->places || !made->labels, error, SN_ERROR_MEMORY,
                 "no memory for a part of %zu images", count);
    made->pixels = whole->pixels;
    made->channels = whole->channels;
    made->height = whole->height;
    made->width = whole->width;
    for (size_t i = 0; i < whole->count; i++)
        if (held[i] == side) {
            made->places[made->count] = (uint32_t)(whole->places ? whole->places[i] : i);
            made->labels[made->count++] = whole->labels[i];
        }
    return sn_dataset_name_classes(made, (const char *const *)whole->class_name, whole->classes,
                                   error);
}

static sn_status make_parts(const sn_dataset *whole, double fraction, uint64_t seed, bool *held,
                            uint32_t *members, sn_dataset *parts[2], sn_error *error) {
    size_t count = 0;
    for (int class = 0; class < whole->classes; class ++)
        count += mark_class(whole, class, fraction, seed, members, held);
    SN_RETURN_IF(count == 0, error, SN_ERROR_ARGUMENT,
                 "--valid %g: no image of any class would be held out of %zu of %d classes; need a "
                 "larger share or more images",
                 fraction, whole->count, whole->classes);
    SN_TRY(make_part(whole, held, false, whole->count - count, &parts[0], error));
    return make_part(whole, held, true, count, &parts[1], error);
}

sn_status sn_dataset_hold_out(const sn_dataset *whole, double fraction, uint64_t seed,
                              sn_dataset **kept, sn_dataset **held, sn_error *error) {
    *kept = *held = NULL;
    SN_RETURN_IF(whole->count > UINT32_MAX, error, SN_ERROR_ARGUMENT,
                 "%zu images: at most %lu can be split", whole->count, (unsigned long)UINT32_MAX);
    bool *marks = sn_alloc_array(whole->count, sizeof *marks);
    uint32_t *members = sn_alloc_array(whole->count, sizeof *members);
    sn_dataset *parts[2] = {NULL, NULL};
    sn_status status = SN_OK;
    if (!marks || !members)
        status =
            sn_error_set(error, SN_ERROR_MEMORY, "no memory to split %zu images", whole->count);
    else
        status = make_parts(whole, fraction, seed, marks, members, parts, error);
    sn_free(marks);
    sn_free(members);
    if (status != SN_OK) {
        sn_dataset_free(parts[0]);
        sn_dataset_free(parts[1]);
        return status;
    }
    *kept = parts[0];
    *held = parts[1];
    return SN_OK;
}
