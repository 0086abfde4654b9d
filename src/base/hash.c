#include "base/hash.h"

/* The golden ratio; odd, so that multiplying can be undone. */
static const uint64_t factor = UINT64_C(0x9e3779b97f4a7c15);

static uint64_t step(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * factor;
    return hash ^ hash >> 32;
}

/* Little-endian on every machine. */
static uint64_t load(const unsigned char *bytes, size_t count) {
    uint64_t word = 0;
    for (size_t i = 0; i < count; i++)
        word |= (uint64_t)bytes[i] << 8 * i;
    return word;
}

uint64_t sn_hash(uint64_t hash, const void *data, size_t size) {
    const unsigned char *bytes = data;
    size_t done = 0;
    for (; size - done >= 8; done += 8)
        hash = step(hash, load(bytes + done, 8));
    return step(step(hash, load(bytes + done, size - done)), size);
}
