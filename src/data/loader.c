/* One lock guards everything that threads share. Each batch is claimed by one thread, in order, and
 * put into slot (batch % slots). The consumer waits for the slot of the next batch.
 */
#define _POSIX_C_SOURCE 200809L

#include "data/loader.h"

#include "base/memory.h"
#include "base/rng.h"
#include "data/dataset_source.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum { MAX_THREADS = 1024, MAX_PREFETCH = 65536 };

typedef struct slot {
    float *images;   /* [batch][channels][height][width] */
    int32_t *labels; /* [batch] */
    uint32_t *index; /* [batch] */
    size_t count;
    bool ready;
} slot;

struct sn_loader {
    const sn_dataset *dataset;
    sn_loader_options options;
    float table[SN_DATASET_MAX_CHANNELS][256];
    size_t image_size; /* values in an image */
    size_t capacity;   /* images in a slot */
    size_t batches;    /* in an epoch */
    size_t slot_count; /* prefetch, and the batch that the caller holds */
    slot *slots;
    uint32_t *order; /* [count of the data set]: changes only while no thread is busy */
    sn_arena arena;
    sn_batch handed_out;

    pthread_t *threads;
    int thread_count; /* running */
    pthread_mutex_t lock;
    pthread_cond_t work; /* a slot has become free, or stop */
    pthread_cond_t done; /* a thread is no longer busy */

    /* under the lock */
    uint64_t epoch;
    size_t next_claim; /* the next batch for a thread to prepare */
    size_t next_read;  /* the next batch for the caller; the one before it may be in use */
    int busy;          /* threads that prepare a batch */
    bool stop;

    atomic_bool abandon; /* busy threads should give up: their batch is no longer wanted */
};

/* ---- the threads ---- */

static void prepare_image(const sn_loader *loader, uint64_t epoch, uint32_t image, float *out) {
    const sn_dataset *dataset = loader->dataset;
    const sn_augment_options *options = &loader->options.augment;
    sn_augmentation augmentation = {0};
    if (options->padding || options->flip || options->cutout)
        augmentation = sn_augmentation_draw(options, loader->options.seed, epoch, image,
                                            dataset->height, dataset->width);
    sn_augmentation_apply(augmentation, sn_dataset_image(dataset, image), dataset->channels,
                          dataset->height, dataset->width, (float(*)[256])loader->table, out);
}

static void prepare_batch(sn_loader *loader, uint64_t epoch, size_t batch, slot *out) {
    const size_t first = batch * loader->capacity;
    const size_t left = loader->dataset->count - first;
    out->count = left < loader->capacity ? left : loader->capacity;
    for (size_t i = 0; i < out->count; i++) {
        if (atomic_load_explicit(&loader->abandon, memory_order_relaxed))
            return;
        const uint32_t image = loader->order[first + i];
        out->index[i] = image;
        out->labels[i] = loader->dataset->labels[image];
        prepare_image(loader, epoch, image, out->images + i * loader->image_size);
    }
}

/* The slot of the batch that the caller may still read, next_read - 1, stays untouched. */
static bool has_work(const sn_loader *loader) {
    return loader->next_claim < loader->batches &&
           loader->next_claim < loader->next_read + loader->slot_count - 1;
}

static void *run_thread(void *argument) {
    sn_loader *loader = argument;
    pthread_mutex_lock(&loader->lock);
    for (;;) {
        while (!loader->stop && !has_work(loader))
            pthread_cond_wait(&loader->work, &loader->lock);
        if (loader->stop)
            break;
        const size_t batch = loader->next_claim++;
        const uint64_t epoch = loader->epoch;
        slot *out = &loader->slots[batch % loader->slot_count];
        loader->busy++;
        pthread_mutex_unlock(&loader->lock);
        prepare_batch(loader, epoch, batch, out);
        pthread_mutex_lock(&loader->lock);
        loader->busy--;
        /* after a restart this slot is cleared before anyone reads it */
        out->ready = true;
        pthread_cond_broadcast(&loader->done);
    }
    pthread_mutex_unlock(&loader->lock);
    return NULL;
}

/* ---- creation ---- */

static sn_status check_options(const sn_dataset *dataset, const sn_loader_options *options,
                               sn_error *error) {
    SN_RETURN_IF(options->batch == 0, error, SN_ERROR_ARGUMENT, "a batch needs at least one image");
    SN_RETURN_IF(options->drop_last && options->batch > dataset->count, error, SN_ERROR_ARGUMENT,
                 "batches of %zu, but there are only %zu images: no batch is full", options->batch,
                 dataset->count);
    SN_RETURN_IF(options->threads < 1 || options->threads > MAX_THREADS, error, SN_ERROR_ARGUMENT,
                 "%d loader threads: 1 to %d are possible", options->threads, MAX_THREADS);
    SN_RETURN_IF(options->prefetch < 1 || options->prefetch > MAX_PREFETCH, error,
                 SN_ERROR_ARGUMENT, "%d batches kept ready: 1 to %d are possible",
                 options->prefetch, MAX_PREFETCH);
    SN_RETURN_IF(dataset->count > UINT32_MAX, error, SN_ERROR_ARGUMENT,
                 "%zu images: at most %lu can be loaded", dataset->count,
                 (unsigned long)UINT32_MAX);
    for (int c = 0; c < dataset->channels; c++) {
        const float mean = options->statistics.mean[c];
        const float deviation = options->statistics.deviation[c];
        SN_RETURN_IF(!isfinite(mean) || !isfinite(deviation) || deviation <= 0, error,
                     SN_ERROR_ARGUMENT,
                     "channel %d: mean %g and deviation %g; both must be finite and the deviation "
                     "above 0",
                     c, (double)mean, (double)deviation);
    }
    return SN_OK;
}

/* count * size, or SIZE_MAX, which no arena can hold. */
static size_t product(size_t count, size_t size) {
    return size && count > SIZE_MAX / size ? SIZE_MAX : count * size;
}

/* Run twice: to measure, and to carve. */
static void carve(sn_loader *loader) {
    sn_arena *arena = &loader->arena;
    const size_t capacity = loader->capacity;
    arena->used = 0;
    loader->threads = sn_arena_take(arena, (size_t)loader->options.threads * sizeof(pthread_t));
    loader->order = sn_arena_take(arena, loader->dataset->count * sizeof *loader->order);
    slot *slots = sn_arena_take(arena, loader->slot_count * sizeof *slots);
    for (size_t i = 0; i < loader->slot_count; i++) {
        slot carved = {
            .images =
                sn_arena_take(arena, product(capacity, product(loader->image_size, sizeof(float)))),
            .labels = sn_arena_take(arena, capacity * sizeof(int32_t)),
            .index = sn_arena_take(arena, capacity * sizeof(uint32_t)),
        };
        if (slots)
            slots[i] = carved;
    }
    loader->slots = slots;
}

static sn_status allocate(sn_loader *loader, sn_error *error) {
    carve(loader);
    const size_t size = loader->arena.used;
    loader->arena.base = sn_alloc(size);
    SN_RETURN_IF(!loader->arena.base, error, SN_ERROR_MEMORY,
                 "no memory for %zu batches of %zu images; smaller or fewer batches help",
                 loader->slot_count, loader->capacity);
    loader->arena.size = size;
    carve(loader);
    return SN_OK;
}

static sn_status start_threads(sn_loader *loader, sn_error *error) {
    while (loader->thread_count < loader->options.threads) {
        const int failure =
            pthread_create(&loader->threads[loader->thread_count], NULL, run_thread, loader);
        SN_RETURN_IF(failure, error, SN_ERROR_MEMORY, "loader thread %d of %d: %s",
                     loader->thread_count + 1, loader->options.threads, strerror(failure));
        loader->thread_count++;
    }
    return SN_OK;
}

sn_status sn_loader_create(const sn_dataset *dataset, const sn_loader_options *options,
                           sn_loader **loader, sn_error *error) {
    *loader = NULL;
    SN_TRY(check_options(dataset, options, error));
    sn_loader *created = sn_alloc(sizeof *created);
    SN_RETURN_IF(!created, error, SN_ERROR_MEMORY, "no memory for a loader");
    created->dataset = dataset;
    created->options = *options;
    created->image_size =
        (size_t)dataset->channels * (size_t)dataset->height * (size_t)dataset->width;
    created->capacity = options->batch < dataset->count ? options->batch : dataset->count;
    created->batches = dataset->count / created->capacity;
    if (!options->drop_last && dataset->count % created->capacity)
        created->batches++;
    created->slot_count = (size_t)options->prefetch + 1;
    created->next_claim = created->next_read = created->batches; /* idle until the first start */
    atomic_init(&created->abandon, false);
    sn_pixel_table(&options->statistics, dataset->channels, created->table);
    pthread_mutex_init(&created->lock, NULL);
    pthread_cond_init(&created->work, NULL);
    pthread_cond_init(&created->done, NULL);
    sn_status status = allocate(created, error);
    if (status == SN_OK)
        status = start_threads(created, error);
    if (status != SN_OK) {
        sn_loader_free(created);
        return status;
    }
    *loader = created;
    return SN_OK;
}

void sn_loader_free(sn_loader *loader) {
    if (!loader)
        return;
    pthread_mutex_lock(&loader->lock);
    loader->stop = true;
    atomic_store(&loader->abandon, true);
    pthread_cond_broadcast(&loader->work);
    pthread_mutex_unlock(&loader->lock);
    for (int i = 0; i < loader->thread_count; i++)
        pthread_join(loader->threads[i], NULL);
    pthread_cond_destroy(&loader->done);
    pthread_cond_destroy(&loader->work);
    pthread_mutex_destroy(&loader->lock);
    sn_arena_release(&loader->arena);
    sn_free(loader->arena.base);
    sn_free(loader);
}

/* ---- reading ---- */

size_t sn_loader_memory(const sn_loader *loader) {
    return loader->arena.size;
}

size_t sn_loader_batches(const sn_loader *loader) {
    return loader->batches;
}

static void draw_order(sn_loader *loader, uint64_t epoch) {
    const size_t count = loader->dataset->count;
    for (size_t i = 0; i < count; i++)
        loader->order[i] = (uint32_t)i;
    if (!loader->options.shuffle)
        return;
    sn_rng rng;
    sn_rng_init(&rng, loader->options.seed, SN_RNG_SHUFFLE, epoch);
    sn_rng_shuffle(&rng, loader->order, count);
}

void sn_loader_start(sn_loader *loader, uint64_t epoch, size_t first) {
    pthread_mutex_lock(&loader->lock);
    loader->next_claim = loader->batches; /* nothing new is begun while we wait */
    atomic_store(&loader->abandon, true);
    while (loader->busy > 0)
        pthread_cond_wait(&loader->done, &loader->lock);
    atomic_store(&loader->abandon, false);
    for (size_t i = 0; i < loader->slot_count; i++)
        loader->slots[i].ready = false;
    draw_order(loader, epoch);
    loader->epoch = epoch;
    loader->next_claim = loader->next_read = first < loader->batches ? first : loader->batches;
    pthread_cond_broadcast(&loader->work);
    pthread_mutex_unlock(&loader->lock);
}

const sn_batch *sn_loader_next(sn_loader *loader) {
    pthread_mutex_lock(&loader->lock);
    if (loader->next_read == loader->batches) {
        pthread_mutex_unlock(&loader->lock);
        return NULL;
    }
    slot *from = &loader->slots[loader->next_read % loader->slot_count];
    while (!from->ready)
        pthread_cond_wait(&loader->done, &loader->lock);
    loader->handed_out = (sn_batch){from->images, from->labels, from->index, from->count};
    from->ready = false; /* of its next batch, but the caller may still read the old one */
    loader->next_read++;
    pthread_cond_signal(&loader->work);
    pthread_mutex_unlock(&loader->lock);
    return &loader->handed_out;
}
