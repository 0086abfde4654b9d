#include "cli/slices.h"

#include "infer/scheme.h"

#include <stdlib.h>
#include <string.h>

/* A set of slices: an open hash table of keys. */
typedef struct slice_set {
    unsigned char *keys; /* [count][key_bytes] of those seen so far, and room for one more */
    size_t key_bytes;
    uint32_t *places; /* [mask + 1]: 1 + index of the key; 0: free */
    uint64_t mask;
    uint32_t count;
} slice_set;

/* -1, 0 or 1. Digits of a filter that is one region are the mask. */
static int signed_digit(const sn_infer_layer *layer, uint32_t k, uint64_t index) {
    const bool negative = layer->weight_kind == SN_INFER_WEIGHTS_SIGNED_BINARY &&
                          layer->regions == 1 && sn_infer_bit(layer->packed_signs, k);
    const int digit = sn_infer_digit(layer, k, index);
    return negative ? -digit : digit;
}

/* Two bits a weight. */
static void write_key(const sn_infer_layer *layer, uint32_t k, uint32_t channel,
                      unsigned char *key) {
    const uint64_t taps = (uint64_t)layer->kernel_height * layer->kernel_width;
    memset(key, 0, (size_t)(taps + 3) / 4);
    for (uint64_t i = 0; i < taps; i++) {
        const int digit = signed_digit(layer, k, channel * taps + i);
        key[i / 4] |= (unsigned char)((digit + 1) << (i % 4 * 2));
    }
}

/* FNV-1a. */
static uint64_t hash_of(const unsigned char *key, size_t bytes) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ key[i]) * UINT64_C(0x100000001b3);
    return hash ^ hash >> 32;
}

/* Takes the key behind the others into the set unless it is there. */
static void add_last(slice_set *set) {
    const unsigned char *key = set->keys + set->count * set->key_bytes;
    uint64_t place = hash_of(key, set->key_bytes) & set->mask;
    for (; set->places[place]; place = (place + 1) & set->mask)
        if (memcmp(set->keys + (set->places[place] - 1) * set->key_bytes, key, set->key_bytes) == 0)
            return;
    set->places[place] = ++set->count;
}

sn_status sn_slices_count(const sn_infer_layer *layer, sn_slices *slices, sn_error *error) {
    const uint64_t taps = (uint64_t)layer->kernel_height * layer->kernel_width;
    const uint32_t filters = layer->out.channels, channels = layer->in.channels;
    slice_set set = {.key_bytes = (size_t)(taps + 3) / 4, .mask = 1};
    slices->all = (uint64_t)filters * channels;
    while (set.mask < 2 * slices->all)
        set.mask = 2 * set.mask + 1;
    set.keys = calloc((size_t)slices->all, set.key_bytes);
    set.places = calloc((size_t)set.mask + 1, sizeof *set.places);
    const bool complete = set.keys && set.places;
    for (uint32_t k = 0; complete && k < filters; k++)
        for (uint32_t c = 0; c < channels; c++) {
            write_key(layer, k, c, set.keys + set.count * set.key_bytes);
            add_last(&set);
        }
    slices->distinct = set.count;
    free(set.keys);
    free(set.places);
    SN_RETURN_IF(!complete, error, SN_ERROR_MEMORY, "out of memory for counting slices");
    return SN_OK;
}
