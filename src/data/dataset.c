#include "data/dataset.h"

#include "base/memory.h"
#include "data/dataset_source.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

static const sn_dataset_source *const sources[] = {
#define SN_DATASET(name) &sn_dataset_source_##name,
#include "data/datasets.def"
#undef SN_DATASET
};

enum { SOURCE_COUNT = (int)(sizeof sources / sizeof *sources) };

static const sn_dataset_source *source_at(int index) {
    return index >= 0 && index < SOURCE_COUNT ? sources[index] : NULL;
}

const char *sn_dataset_name(int index) {
    const sn_dataset_source *source = source_at(index);
    return source ? source->name : NULL;
}

const char *const *sn_dataset_fixed_classes(int index, int *count) {
    const sn_dataset_source *source = source_at(index);
    *count = source ? source->class_count : 0;
    return source ? source->classes : NULL;
}

bool sn_dataset_is_drawn(int index) {
    const sn_dataset_source *source = source_at(index);
    return source && source->is_drawn;
}

const char *sn_dataset_summary(int index) {
    const sn_dataset_source *source = source_at(index);
    return source ? source->summary : NULL;
}

const char *sn_dataset_reference(int index) {
    const sn_dataset_source *source = source_at(index);
    return source ? source->reference : NULL;
}

bool sn_dataset_has_sides(int index) {
    const sn_dataset_source *source = source_at(index);
    return source && source->has_sides;
}

bool sn_dataset_can_be_fetched(int index) {
    const sn_dataset_source *source = source_at(index);
    return source && source->is_there;
}

bool sn_dataset_is_there(int index, const char *directory) {
    const sn_dataset_source *source = source_at(index);
    return source && source->is_there && source->is_there(directory);
}

bool sn_dataset_is_resized(int index) {
    const sn_dataset_source *source = source_at(index);
    return source && source->is_resized;
}

sn_status sn_dataset_open(int index, sn_split split, const char *directory, size_t limit,
                          sn_dataset **dataset, sn_error *error) {
    const sn_dataset_request request = {
        .dataset = index, .split = split, .directory = directory, .limit = limit};
    return sn_dataset_read(&request, dataset, error);
}

sn_status sn_dataset_read(const sn_dataset_request *request, sn_dataset **dataset,
                          sn_error *error) {
    *dataset = NULL;
    const sn_dataset_source *source = source_at(request->dataset);
    SN_RETURN_IF(!source, error, SN_ERROR_ARGUMENT, "data set %d: there are only 0 to %d",
                 request->dataset, SOURCE_COUNT - 1);
    sn_dataset *opened = sn_alloc(sizeof *opened);
    SN_RETURN_IF(!opened, error, SN_ERROR_MEMORY, "%s: no memory", source->name);
    const sn_status status = source->read(request, opened, error);
    if (status != SN_OK) {
        sn_dataset_free(opened);
        return status;
    }
    *dataset = opened;
    return SN_OK;
}

void sn_dataset_free(sn_dataset *dataset) {
    if (!dataset)
        return;
    for (int i = 0; i < dataset->classes; i++)
        sn_free(dataset->class_name[i]);
    sn_free(dataset->class_name);
    sn_free(dataset->labels);
    if (!dataset->places)
        sn_free(dataset->pixels);
    sn_free(dataset->places);
    sn_free(dataset);
}

sn_status sn_dataset_allocate(sn_dataset *dataset, size_t count, int channels, int height,
                              int width, sn_error *error) {
    assert(channels > 0 && channels <= SN_DATASET_MAX_CHANNELS && height > 0 && width > 0);
    const size_t image_size = (size_t)channels * (size_t)height * (size_t)width;
    dataset->pixels = sn_alloc_array(count, image_size);
    dataset->labels = dataset->pixels ? sn_alloc_array(count, sizeof *dataset->labels) : NULL;
    SN_RETURN_IF(!dataset->labels, error, SN_ERROR_MEMORY,
                 "no memory for %zu images of %d x %d pixels; a limit on their number helps", count,
                 width, height);
    dataset->count = count;
    dataset->channels = channels;
    dataset->height = height;
    dataset->width = width;
    return SN_OK;
}

sn_status sn_dataset_name_classes(sn_dataset *dataset, const char *const *names, int classes,
                                  sn_error *error) {
    dataset->class_name = sn_alloc_array((size_t)classes, sizeof *dataset->class_name);
    SN_RETURN_IF(!dataset->class_name, error, SN_ERROR_MEMORY, "no memory for %d class names",
                 classes);
    dataset->classes = classes;
    for (int i = 0; i < classes; i++) {
        const size_t size = strlen(names[i]) + 1;
        dataset->class_name[i] = sn_alloc(size);
        SN_RETURN_IF(!dataset->class_name[i], error, SN_ERROR_MEMORY,
                     "no memory for %d class names", classes);
        memcpy(dataset->class_name[i], names[i], size);
    }
    return SN_OK;
}

size_t sn_dataset_count(const sn_dataset *dataset) {
    return dataset->count;
}

size_t sn_dataset_memory(const sn_dataset *dataset) {
    const size_t image =
        (size_t)dataset->channels * (size_t)dataset->height * (size_t)dataset->width;
    return dataset->count *
           ((dataset->places ? sizeof *dataset->places : image) + sizeof *dataset->labels);
}

int sn_dataset_classes(const sn_dataset *dataset) {
    return dataset->classes;
}

const char *sn_dataset_class_name(const sn_dataset *dataset, int label) {
    assert(label >= 0 && label < dataset->classes);
    return dataset->class_name[label];
}

void sn_dataset_class_sizes(const sn_dataset *dataset, size_t *sizes) {
    memset(sizes, 0, (size_t)dataset->classes * sizeof *sizes);
    for (size_t i = 0; i < dataset->count; i++)
        sizes[dataset->labels[i]]++;
}

const char *sn_dataset_ignored(const sn_dataset *dataset) {
    return dataset->ignored;
}

int sn_dataset_channels(const sn_dataset *dataset) {
    return dataset->channels;
}

int sn_dataset_height(const sn_dataset *dataset) {
    return dataset->height;
}

int sn_dataset_width(const sn_dataset *dataset) {
    return dataset->width;
}

static size_t plane_size(const sn_dataset *dataset) {
    return (size_t)dataset->height * (size_t)dataset->width;
}

const uint8_t *sn_dataset_image(const sn_dataset *dataset, size_t index) {
    assert(index < dataset->count);
    const size_t place = dataset->places ? dataset->places[index] : index;
    return dataset->pixels + place * (size_t)dataset->channels * plane_size(dataset);
}

int sn_dataset_label(const sn_dataset *dataset, size_t index) {
    assert(index < dataset->count);
    return dataset->labels[index];
}

/* Mean and deviation, scaled to 0..1, of the pixels that the histogram counts. */
static void histogram_moments(const uint64_t histogram[256], double total, float *mean,
                              float *deviation) {
    uint64_t sum = 0;
    for (unsigned value = 0; value < 256; value++)
        sum += histogram[value] * value;
    const double centre = (double)sum / total;
    double squares = 0;
    bool varies = false;
    for (int value = 0; value < 256; value++) {
        squares += (double)histogram[value] * (value - centre) * (value - centre);
        varies |= histogram[value] && (double)histogram[value] != total;
    }
    *mean = (float)(centre / 255);
    *deviation = varies ? (float)(sqrt(squares / total) / 255) : 1.0f;
}

sn_pixel_statistics sn_dataset_statistics(const sn_dataset *dataset) {
    uint64_t histogram[SN_DATASET_MAX_CHANNELS][256] = {{0}};
    const size_t plane = plane_size(dataset);
    for (size_t i = 0; i < dataset->count; i++) {
        const uint8_t *pixel = sn_dataset_image(dataset, i);
        for (int c = 0; c < dataset->channels; c++)
            for (size_t p = 0; p < plane; p++)
                histogram[c][*pixel++]++;
    }
    sn_pixel_statistics statistics;
    for (int c = 0; c < SN_DATASET_MAX_CHANNELS; c++) {
        statistics.mean[c] = 0;
        statistics.deviation[c] = 1;
        if (c < dataset->channels)
            histogram_moments(histogram[c], (double)dataset->count * (double)plane,
                              &statistics.mean[c], &statistics.deviation[c]);
    }
    return statistics;
}

void sn_pixel_table(const sn_pixel_statistics *statistics, int channels, float table[][256]) {
    for (int c = 0; c < channels; c++)
        for (int value = 0; value < 256; value++)
            table[c][value] =
                ((float)value / 255.0f - statistics->mean[c]) / statistics->deviation[c];
}

void sn_dataset_normalised(const sn_dataset *dataset, size_t index,
                           const sn_pixel_statistics *statistics, float *out) {
    float table[SN_DATASET_MAX_CHANNELS][256];
    sn_pixel_table(statistics, dataset->channels, table);
    const uint8_t *pixel = sn_dataset_image(dataset, index);
    const size_t plane = plane_size(dataset);
    for (int c = 0; c < dataset->channels; c++)
        for (size_t p = 0; p < plane; p++)
            *out++ = table[c][*pixel++];
}
