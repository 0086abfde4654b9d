#include "infer_pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Looks at a counter before a thread goes to sleep or begins to wait: layers follow each other
 * within microseconds, and waking a thread takes longer than that. */
enum { SPINS = 20000 };

typedef struct worker {
    bench_pool *pool;
    int index;
    pthread_t thread;
} worker;

struct bench_pool {
    int threads;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    atomic_uint started; /* tasks handed out so far */
    atomic_int running;  /* workers not yet done with the latest */
    bool ends;
    void (*task)(void *argument, int index);
    void *argument;
    worker workers[];
};

static void wait_for_task(bench_pool *pool, unsigned seen) {
    for (int i = 0; i < SPINS; i++)
        if (atomic_load(&pool->started) != seen)
            return;
    pthread_mutex_lock(&pool->mutex);
    while (atomic_load(&pool->started) == seen)
        pthread_cond_wait(&pool->wake, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
}

static void *work(void *argument) {
    const worker *w = argument;
    bench_pool *pool = w->pool;
    for (unsigned seen = 0;; seen++) {
        wait_for_task(pool, seen);
        if (pool->ends)
            return NULL;
        pool->task(pool->argument, w->index);
        atomic_fetch_sub(&pool->running, 1);
    }
}

static void start(bench_pool *pool) {
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->started, 1);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
}

static void run(void *state, void (*task)(void *argument, int index), void *argument) {
    bench_pool *pool = state;
    pool->task = task;
    pool->argument = argument;
    atomic_store(&pool->running, pool->threads - 1);
    if (pool->threads > 1)
        start(pool);
    task(argument, 0);
    while (atomic_load(&pool->running) > 0) {
    }
}

bench_pool *bench_pool_create(int threads) {
    bench_pool *pool = calloc(1, sizeof *pool + (size_t)threads * sizeof pool->workers[0]);
    if (!pool)
        return NULL;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wake, NULL);
    for (pool->threads = 1; pool->threads < threads; pool->threads++) {
        worker *w = &pool->workers[pool->threads];
        *w = (worker){.pool = pool, .index = pool->threads};
        if (pthread_create(&w->thread, NULL, work, w) != 0) {
            bench_pool_free(pool);
            return NULL;
        }
    }
    return pool;
}

void bench_pool_free(bench_pool *pool) {
    if (!pool)
        return;
    pool->ends = true;
    start(pool);
    for (int i = 1; i < pool->threads; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

sn_infer_pool bench_pool_interface(bench_pool *pool) {
    return (sn_infer_pool){.state = pool, .threads = pool->threads, .run = run};
}
