#include "base/rng.h"

#include <math.h>

static uint64_t splitmix64(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t rotate_left(uint64_t x, int bits) {
    return (x << bits) | (x >> (64 - bits));
}

void sn_rng_init(sn_rng *rng, uint64_t seed, sn_rng_stream stream, uint64_t index) {
    /* Each part passes through the mixer before the next is added, so that similar names get
     * unrelated generators. */
    uint64_t mix = seed;
    mix = splitmix64(&mix) ^ (uint64_t)stream;
    mix = splitmix64(&mix) ^ index;
    for (int i = 0; i < 4; i++)
        rng->state[i] = splitmix64(&mix);
}

uint64_t sn_rng_u64(sn_rng *rng) {
    uint64_t *s = rng->state;
    const uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    const uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t sn_rng_below(sn_rng *rng, uint64_t bound) {
    /* Draws below the largest multiple of bound are uniform; others are drawn again. */
    const uint64_t rest = (UINT64_MAX % bound + 1) % bound;
    uint64_t draw = sn_rng_u64(rng);
    while (draw > UINT64_MAX - rest)
        draw = sn_rng_u64(rng);
    return draw % bound;
}

double sn_rng_uniform(sn_rng *rng) {
    return (double)(sn_rng_u64(rng) >> 11) * 0x1p-53;
}

double sn_rng_range(sn_rng *rng, double low, double high) {
    return low + (high - low) * sn_rng_uniform(rng);
}

double sn_rng_normal(sn_rng *rng) {
    static const double two_pi = 6.283185307179586476925286766559;
    const double radius = sqrt(-2.0 * log(1.0 - sn_rng_uniform(rng)));
    return radius * cos(two_pi * sn_rng_uniform(rng));
}

void sn_rng_shuffle(sn_rng *rng, uint32_t *items, size_t count) {
    for (size_t i = count; i > 1; i--) {
        const size_t j = (size_t)sn_rng_below(rng, i);
        const uint32_t swap = items[i - 1];
        items[i - 1] = items[j];
        items[j] = swap;
    }
}

uint64_t sn_hash_text(const char *text) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}
