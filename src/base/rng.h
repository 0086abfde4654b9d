/* Random numbers with explicit state: xoshiro256** (Blackman and Vigna, 2018).
 *
 * A generator is named by (seed, stream, index). So any draw can be repeated without repeating
 * those before it: the order of epoch e is sn_rng_init(seed, SN_RNG_SHUFFLE, e), whatever ran
 * earlier. That makes a resumed run exact.
 */
#ifndef SN_BASE_RNG_H
#define SN_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

/* What a generator is for; draws of different streams never coincide. */
typedef enum sn_rng_stream {
    SN_RNG_INIT = 1, /* index: hash of the parameter's name */
    SN_RNG_SHUFFLE,  /* index: epoch */
    SN_RNG_AUGMENT,  /* index: epoch << 32 | image */
    SN_RNG_SHAPES,   /* index: split << 32 | image */
    SN_RNG_TEST,     /* free for tests */
    SN_RNG_NOISE,    /* index: image */
    SN_RNG_HOLD_OUT  /* index: class */
} sn_rng_stream;

typedef struct sn_rng {
    uint64_t state[4];
} sn_rng;

void sn_rng_init(sn_rng *rng, uint64_t seed, sn_rng_stream stream, uint64_t index);

uint64_t sn_rng_u64(sn_rng *rng);

/* Uniform in 0 .. bound - 1, without bias; bound > 0. */
uint64_t sn_rng_below(sn_rng *rng, uint64_t bound);

/* Uniform in [0, 1), 53 bits. */
double sn_rng_uniform(sn_rng *rng);

/* Uniform in [low, high). */
double sn_rng_range(sn_rng *rng, double low, double high);

/* Normal with mean 0 and variance 1 (Box-Muller, two draws each). */
double sn_rng_normal(sn_rng *rng);

/* A random permutation of the array (Fisher-Yates). */
void sn_rng_shuffle(sn_rng *rng, uint32_t *items, size_t count);

/* FNV-1a, 64 bits: turns a name into an index for sn_rng_init. */
uint64_t sn_hash_text(const char *text);

#endif
