#include "cli/slices.h"

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

/* The key of a slice: two bits a weight. */
static void write_key(const sn_infer_model *model, int index, int filter, uint64_t first,
                      uint64_t taps, unsigned char *key) {
    memset(key, 0, (size_t)(taps + 3) / 4);
    for (uint64_t i = 0; i < taps; i++) {
        const int weight = sn_infer_weight(model, index, filter, first + i);
        key[i / 4] |= (unsigned char)((weight + 1) << (i % 4 * 2));
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

sn_status sn_slices_count(const sn_infer_model *model, int index, const sn_infer_layer_info *layer,
                          sn_slices *slices, sn_error *error) {
    const uint64_t taps = (uint64_t)layer->kernel_height * (uint64_t)layer->kernel_width;
    const uint64_t channels = (uint64_t)layer->in_channels;
    slice_set set = {.key_bytes = (size_t)(taps + 3) / 4, .mask = 1};
    slices->all = (uint64_t)layer->out_channels * channels;
    while (set.mask < 2 * slices->all)
        set.mask = 2 * set.mask + 1;
    set.keys = calloc((size_t)slices->all, set.key_bytes);
    set.places = calloc((size_t)set.mask + 1, sizeof *set.places);
    const bool complete = set.keys && set.places;
    for (int k = 0; complete && k < layer->out_channels; k++)
        for (uint64_t c = 0; c < channels; c++) {
            write_key(model, index, k, c * taps, taps, set.keys + set.count * set.key_bytes);
            add_last(&set);
        }
    slices->distinct = set.count;
    free(set.keys);
    free(set.places);
    SN_RETURN_IF(!complete, error, SN_ERROR_MEMORY, "out of memory for counting slices");
    return SN_OK;
}
