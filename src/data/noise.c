#include "data/noise.h"

#include "base/memory.h"
#include "base/rng.h"
#include "data/dataset_source.h"

#include <assert.h>
#include <stdio.h>

enum { NUMBER_SIZE = 12 }; /* of an int as text */

static sn_status number_classes(sn_dataset *dataset, int classes, sn_error *error) {
    char(*text)[NUMBER_SIZE] = sn_alloc_array((size_t)classes, sizeof *text);
    const char **names = sn_alloc_array((size_t)classes, sizeof *names);
    sn_status status = SN_ERROR_MEMORY;
    if (text && names) {
        for (int i = 0; i < classes; i++) {
            snprintf(text[i], sizeof text[i], "%d", i);
            names[i] = text[i];
        }
        status = sn_dataset_name_classes(dataset, names, classes, error);
    } else {
        sn_error_set(error, status, "no memory for %d class names", classes);
    }
    sn_free(names);
    sn_free(text);
    return status;
}

static void fill(sn_rng *rng, uint8_t *bytes, size_t size) {
    for (size_t done = 0; done < size;) {
        const uint64_t bits = sn_rng_u64(rng);
        const size_t some = size - done < sizeof bits ? size - done : sizeof bits;
        for (size_t i = 0; i < some; i++) /* not memcpy: the same on every byte order */
            bytes[done + i] = (uint8_t)(bits >> 8 * i);
        done += some;
    }
}

static sn_status make_noise(const sn_noise_options *options, sn_dataset *dataset, sn_error *error) {
    SN_TRY(number_classes(dataset, options->classes, error));
    SN_TRY(sn_dataset_allocate(dataset, options->count, options->channels, options->height,
                               options->width, error));
    const size_t size =
        (size_t)options->channels * (size_t)options->height * (size_t)options->width;
    for (size_t i = 0; i < options->count; i++) {
        sn_rng rng;
        sn_rng_init(&rng, options->seed, SN_RNG_NOISE, i);
        dataset->labels[i] = (int32_t)sn_rng_below(&rng, (uint64_t)options->classes);
        fill(&rng, dataset->pixels + i * size, size);
    }
    return SN_OK;
}

sn_status sn_noise_dataset(const sn_noise_options *options, sn_dataset **dataset, sn_error *error) {
    assert(options->count > 0 && options->classes > 0);
    *dataset = NULL;
    sn_dataset *made = sn_alloc(sizeof *made);
    SN_RETURN_IF(!made, error, SN_ERROR_MEMORY, "no memory for a data set");
    const sn_status status = make_noise(options, made, error);
    if (status != SN_OK) {
        sn_dataset_free(made);
        return status;
    }
    *dataset = made;
    return SN_OK;
}
