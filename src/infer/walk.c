#include "infer/walk.h"
#include "infer/walk_words.h"

enum { MAX_STEPS = 256 };

/* The inputs of each step of the walk, to be added [0] or subtracted [1]. */
typedef struct buckets {
    uint32_t count[MAX_STEPS][2];
    uint32_t start[MAX_STEPS][2]; /* of its offsets */
} buckets;

/* Where an input goes: step < 0: nowhere. */
typedef struct slot {
    int step;
    bool subtract;
} slot;

bool sn_infer_walk_is_signed(const sn_infer_layer *layer, const sn_infer_scheme *scheme) {
    return sn_infer_has_digits(layer, scheme) || scheme->form == SN_INFER_FORM_COMPLEMENT;
}

static bool is_ternary_walk(const sn_infer_walk_part *part) {
    return sn_infer_has_digits(part->layer, part->scheme) && part->group > 1;
}

/* Bits of the walk, all filters of the group or, with complements, all but the last. */
static uint32_t walk_bits(const sn_infer_walk_part *part) {
    return part->scheme->form == SN_INFER_FORM_COMPLEMENT ? part->group - 1 : part->group;
}

static uint32_t power(uint32_t base, uint32_t exponent) {
    uint32_t product = 1;
    while (exponent--)
        product *= base;
    return product;
}

/* The step of a Gray code at which a pattern comes. */
static uint32_t gray_step(uint32_t pattern) {
    for (uint32_t shift = 1; shift < 32; shift *= 2)
        pattern ^= pattern >> shift;
    return pattern;
}

static slot place_pattern(const sn_infer_walk_part *part, uint32_t pattern) {
    slot where = {0};
    if (part->scheme->form == SN_INFER_FORM_COMPLEMENT) {
        const uint32_t all = (1u << part->group) - 1;
        where.subtract = pattern >> (part->group - 1) & 1;
        pattern = where.subtract ? pattern ^ all : pattern;
    } else if (pattern == 0) {
        where.step = -1;
        return where;
    }
    /* A first filter that subtracts has its bit set where others have it cleared, see write_gray.
     */
    where.step = part->group == 1 ? 0 : (int)gray_step(pattern ^ (part->subtracted & 1));
    return where;
}

/* Digits 0 .. 2 of the reflected ternary code at position `at`, the lowest first, for `count`
 * digits; a digit runs backwards where the number above it is odd. */
static void ternary_digits(uint32_t at, uint32_t count, int *digits) {
    for (uint32_t i = 0; i < count; i++, at /= 3) {
        const int digit = (int)(at % 3);
        digits[i] = at / 3 % 2 ? 2 - digit : digit;
    }
}

/* The inverse. */
static uint32_t ternary_position(const int *digits, uint32_t count) {
    uint32_t at = 0;
    for (uint32_t i = count; i-- > 0;)
        at = at * 3 + (uint32_t)(at % 2 ? 2 - digits[i] : digits[i]);
    return at;
}

/* Ternary walks begin in the middle of the code of the upper digits, where all are zero, and go up;
 * a round runs through the lowest digit, up in even rounds and down in odd ones. */
static slot place_ternary(const sn_infer_walk_part *part, const int *weights) {
    const uint32_t upper = part->group - 1, middle = (power(3, upper) - 1) / 2;
    int digits[SN_INFER_MAX_TERNARY_GROUP];
    slot where = {0};
    bool zero = true;
    for (uint32_t i = 0; i < part->group; i++) {
        digits[i] = weights[i] + 1;
        zero &= weights[i] == 0;
    }
    if (zero) {
        where.step = -1;
        return where;
    }
    uint32_t at = ternary_position(digits + 1, upper);
    where.subtract = at < middle || (at == middle && weights[0] < 0);
    if (where.subtract) {
        at = 2 * middle - at;
        digits[0] = 2 - digits[0];
    }
    const uint32_t round = at - middle;
    where.step = (int)(3 * round) + (round % 2 ? 2 - digits[0] : digits[0]);
    return where;
}

/* Filters that want the inputs whose bit is not set; of a region, and of its channels. */
typedef struct inversion {
    uint32_t filters, end;
} inversion;

static inversion inversion_at(const sn_infer_walk_part *part, uint32_t channel) {
    const sn_infer_layer *layer = part->layer;
    const uint32_t region = channel / layer->region_channels;
    return (inversion){
        .filters = sn_infer_has_digits(layer, part->scheme)
                       ? 0
                       : sn_infer_inverted(layer, part->scheme, part->first, part->count, region,
                                           part->turned),
        .end = (region + 1) * layer->region_channels,
    };
}

/* Where the input of weight `index` goes, by what the part's filters want of it. */
static slot place_input(const sn_infer_walk_part *part, uint64_t index, uint32_t inverted) {
    const sn_infer_layer *layer = part->layer;
    const uint64_t row = sn_infer_mask_bytes(layer->weights_per_filter);
    if (sn_infer_has_digits(layer, part->scheme)) {
        int weights[SN_INFER_MAX_TERNARY_GROUP] = {0};
        for (uint32_t j = 0; j < part->count; j++)
            weights[j] = sn_infer_digit(layer, part->first + j, index);
        if (part->group > 1)
            return place_ternary(part, weights);
        return (slot){.step = weights[0] ? 0 : -1, .subtract = weights[0] < 0};
    }
    uint32_t pattern = 0;
    for (uint32_t j = 0; j < part->count; j++)
        pattern |= (uint32_t)sn_infer_bit(layer->packed_weights + (part->first + j) * row, index)
                   << j;
    return place_pattern(part, pattern ^ inverted);
}

static void count_inputs(const sn_infer_walk_part *part, buckets *sorted) {
    const sn_infer_layer *layer = part->layer;
    const uint64_t taps = sn_infer_taps(layer);
    uint64_t i = part->channel * taps;
    inversion inverted = {0};
    for (uint32_t c = part->channel; c < part->channel_end; c++) {
        if (c >= inverted.end)
            inverted = inversion_at(part, c);
        for (const uint64_t end = i + taps; i < end; i++) {
            const slot where = place_input(part, i, inverted.filters);
            if (where.step >= 0)
                sorted->count[where.step][where.subtract]++;
        }
    }
}

static void write_inputs(const sn_infer_walk_part *part, buckets *sorted, uint16_t *offsets) {
    const sn_infer_layer *layer = part->layer;
    uint64_t i = part->channel * sn_infer_taps(layer);
    inversion inverted = {0};
    for (uint32_t c = part->channel; c < part->channel_end; c++) {
        if (c >= inverted.end)
            inverted = inversion_at(part, c);
        for (uint32_t r = 0; r < layer->kernel_height; r++)
            for (uint32_t q = 0; q < layer->kernel_width; q++) {
                const slot where = place_input(part, i++, inverted.filters);
                if (where.step >= 0)
                    offsets[sorted->start[where.step][where.subtract]++] =
                        (uint16_t)sn_infer_band_layout_offset(part->layout, c - part->channel, r,
                                                              q);
            }
    }
}

/* Collects a walk's words, or only counts them. */
typedef struct writer {
    uint64_t *words; /* or NULL */
    buckets *sorted;
    sn_infer_walk_size *size;
    uint64_t word_count, offset_count;
    bool with_signs;
} writer;

static void put_word(writer *w, uint64_t word) {
    if (w->words)
        w->words[w->word_count] = word;
    w->word_count++;
}

/* Takes the list of a step, and puts its counts `shift` bits up in pair. */
static void take_list(writer *w, uint32_t step, uint32_t shift, uint32_t second_shift,
                      uint64_t pair[2]) {
    const uint32_t *count = w->sorted->count[step];
    for (int sign = 0; sign < 2; sign++) {
        w->sorted->start[step][sign] = (uint32_t)w->offset_count;
        w->offset_count += count[sign];
        w->size->additions += count[sign];
        pair[sign] |= (uint64_t)count[sign] << (sign ? second_shift : shift);
    }
    w->size->lists += 1 + w->with_signs;
    w->size->patterns += count[0] + count[1] > 0;
}

static uint64_t target(writer *w, uint32_t output, bool adds) {
    w->size->transitions++;
    return output * 2 + adds;
}

/* The lists of a round, and its targets. */
static void put_round(writer *w, uint32_t first_step, uint32_t lists, uint64_t targets) {
    uint64_t pair[2] = {targets << 48, 0};
    for (uint32_t i = 0; i < lists; i++)
        take_list(w, first_step + i, 12 * i, 12 * i, pair);
    put_word(w, pair[0]);
    if (w->with_signs)
        put_word(w, pair[1]);
}

/* Between steps of a Gray code `step` and step + 1, and after the last back to zero, one bit flips:
 * its filter's output takes S when the bit falls and gives it when it rises; or, with a minus, the
 * other way round. */
static uint64_t gray_target(writer *w, const sn_infer_walk_part *part, uint32_t step) {
    const uint32_t bits = walk_bits(part);
    uint32_t bit = 0;
    bool falls = true;
    if (step + 1 == 1u << bits) {
        bit = bits - 1;
    } else {
        while (!((step + 1) >> bit & 1))
            bit++;
        falls = (step ^ step >> 1) >> bit & 1;
    }
    return target(w, bit, falls != (part->subtracted >> bit & 1));
}

/* The kernel takes the first filter's bit for one that rises first, and adds and subtracts
 * accordingly. So for one that subtracts, the bit is the opposite: set at the beginning, when S is
 * 0, and in the end, after which S is subtracted once more. */
static void write_gray(writer *w, const sn_infer_walk_part *part) {
    const bool subtracts = part->subtracted & 1;
    const uint32_t bits = walk_bits(part);
    const uint32_t rounds = bits < 2 ? 0 : 1u << (bits - 2);
    uint64_t head[2] = {rounds, 0};
    if (part->scheme->form == SN_INFER_FORM_COMPLEMENT)
        head[0] |= UINT64_C(1) << 32 | target(w, part->group, true) << 36;
    else if (!rounds || subtracts)
        head[0] |= UINT64_C(1) << 32 | target(w, 0, !subtracts) << 36;
    if (!rounds)
        take_list(w, 0, 8, 20, head);
    put_word(w, head[0] | head[1]);
    for (uint32_t step = 0; step < 4 * rounds; step += 4)
        put_round(w, step, 4, gray_target(w, part, step + 1) | gray_target(w, part, step + 3) << 5);
}

/* After round `round` the digit above that changes; after the last the highest, which is up. */
static uint64_t ternary_target(writer *w, uint32_t round, uint32_t rounds, uint32_t upper) {
    int now[SN_INFER_MAX_TERNARY_GROUP], next[SN_INFER_MAX_TERNARY_GROUP];
    ternary_digits(rounds - 1 + round, upper, now);
    ternary_digits(rounds + round, upper, next);
    if (round + 1 == rounds)
        return target(w, upper, true);
    uint32_t digit = 0;
    while (now[digit] == next[digit])
        digit++;
    return target(w, 1 + digit, now[digit] > next[digit]);
}

static void write_ternary(writer *w, const sn_infer_walk_part *part) {
    const uint32_t upper = part->group - 1, middle = (power(3, upper) - 1) / 2;
    const uint32_t rounds = middle + 1;
    /* The last pattern, but for its highest digit. */
    int last[SN_INFER_MAX_TERNARY_GROUP] = {rounds % 2 ? 2 : 0};
    ternary_digits(2 * middle, upper, last + 1);
    uint64_t head = rounds;
    uint32_t count = 0;
    for (uint32_t i = 0; i < upper; i++)
        if (last[i] != 1)
            head |= target(w, i, last[i] > 1) << (36 + 5 * count++);
    put_word(w, head | (uint64_t)count << 32);
    for (uint32_t round = 0; round < rounds; round++)
        put_round(w, 3 * round, 3, ternary_target(w, round, rounds, upper));
}

void sn_infer_walk_write(const sn_infer_walk_part *part, sn_infer_walk_size *size, uint64_t *words,
                         uint16_t *offsets) {
    buckets sorted = {0};
    writer w = {.words = words,
                .sorted = &sorted,
                .size = size,
                .with_signs = sn_infer_walk_is_signed(part->layer, part->scheme)};
    count_inputs(part, &sorted);
    if (is_ternary_walk(part))
        write_ternary(&w, part);
    else
        write_gray(&w, part);
    size->words += w.word_count;
    size->transitions++; /* the first output, in the beginning and the end */
    if (offsets)
        write_inputs(part, &sorted, offsets);
}
