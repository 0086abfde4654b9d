#include "infer/threads.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Looks at a counter before a thread goes to sleep, some microseconds in all: layers follow each
 * other that fast, and waking a thread takes longer. */
enum { SPINS = 20000 };

typedef struct crew crew;

typedef struct worker {
    crew *crew;
    int index;
    pthread_t thread;
} worker;

struct crew {
    int threads; /* those started and the caller's */
    pthread_mutex_t mutex;
    pthread_cond_t begun, done;
    atomic_uint tasks; /* handed out so far */
    atomic_int busy;   /* workers not yet through with the latest */
    bool ends;
    void (*task)(void *argument, int index);
    void *argument;
    worker workers[]; /* that at 0 is the caller, and unused */
};

/* Until a task beyond the first `seen` is handed out. */
static void wait_for_task(crew *c, unsigned seen) {
    for (int i = 0; i < SPINS; i++)
        if (atomic_load(&c->tasks) != seen)
            return;
    pthread_mutex_lock(&c->mutex);
    while (atomic_load(&c->tasks) == seen)
        pthread_cond_wait(&c->begun, &c->mutex);
    pthread_mutex_unlock(&c->mutex);
}

static void wait_for_workers(crew *c) {
    for (int i = 0; i < SPINS; i++)
        if (atomic_load(&c->busy) == 0)
            return;
    pthread_mutex_lock(&c->mutex);
    while (atomic_load(&c->busy) != 0)
        pthread_cond_wait(&c->done, &c->mutex);
    pthread_mutex_unlock(&c->mutex);
}

static void *work(void *argument) {
    const worker *w = argument;
    crew *c = w->crew;
    for (unsigned seen = 0;; seen++) {
        wait_for_task(c, seen);
        if (c->ends)
            return NULL;
        c->task(c->argument, w->index);
        if (atomic_fetch_sub(&c->busy, 1) == 1) {
            /* The caller may be between its last look and its sleep. It holds the mutex then. */
            pthread_mutex_lock(&c->mutex);
            pthread_cond_signal(&c->done);
            pthread_mutex_unlock(&c->mutex);
        }
    }
}

static void begin(crew *c) {
    pthread_mutex_lock(&c->mutex);
    atomic_fetch_add(&c->tasks, 1);
    pthread_cond_broadcast(&c->begun);
    pthread_mutex_unlock(&c->mutex);
}

static void run(void *state, void (*task)(void *argument, int index), void *argument) {
    crew *c = state;
    if (c->threads == 1) {
        task(argument, 0);
        return;
    }
    c->task = task;
    c->argument = argument;
    atomic_store(&c->busy, c->threads - 1);
    begin(c);
    task(argument, 0);
    wait_for_workers(c);
}

static void end(crew *c) {
    c->ends = true;
    begin(c);
    for (int i = 1; i < c->threads; i++)
        pthread_join(c->workers[i].thread, NULL);
    pthread_cond_destroy(&c->done);
    pthread_cond_destroy(&c->begun);
    pthread_mutex_destroy(&c->mutex);
    free(c);
}

static bool make_locks(crew *c) {
    if (pthread_mutex_init(&c->mutex, NULL) != 0)
        return false;
    if (pthread_cond_init(&c->begun, NULL) == 0) {
        if (pthread_cond_init(&c->done, NULL) == 0)
            return true;
        pthread_cond_destroy(&c->begun);
    }
    pthread_mutex_destroy(&c->mutex);
    return false;
}

bool sn_infer_threads_create(int threads, sn_infer_pool *pool) {
    if (threads < 1 || threads > SN_INFER_MAX_THREADS)
        return false;
    crew *c = calloc(1, sizeof *c + (size_t)threads * sizeof c->workers[0]);
    if (!c)
        return false;
    if (!make_locks(c)) {
        free(c);
        return false;
    }
    for (c->threads = 1; c->threads < threads; c->threads++) {
        worker *w = &c->workers[c->threads];
        *w = (worker){.crew = c, .index = c->threads};
        if (pthread_create(&w->thread, NULL, work, w) != 0) {
            end(c);
            return false;
        }
    }
    *pool = (sn_infer_pool){.state = c, .threads = threads, .run = run};
    return true;
}

void sn_infer_threads_free(sn_infer_pool *pool) {
    if (pool->state)
        end(pool->state);
    *pool = (sn_infer_pool){0};
}
