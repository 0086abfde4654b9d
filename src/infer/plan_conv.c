#include "infer/plan_conv.h"
#include "infer/program.h"

/* What the windows of one column of outputs may take of a chunk's band. Somewhat more than the 32
 * KiB of a first-level cache: what has to come from the second again costs less than more chunks
 * do, each of which adds its own walk. Anything from 27 to 56 KiB was within 5 % on Zen 3. */
enum { WINDOW_BYTES = 36 << 10 };

static uint32_t divide_up(uint32_t a, uint32_t b) {
    return (a + b - 1) / b;
}

uint64_t sn_infer_effectual(const sn_infer_layer *layer, uint32_t k) {
    const uint64_t row = sn_infer_mask_bytes(layer->weights_per_filter);
    const unsigned char *bits = layer->packed_weights + k * row;
    uint64_t count = 0;
    for (uint64_t i = 0; i < row; i++)
        for (unsigned byte = bits[i]; byte; byte &= byte - 1)
            count++;
    return count;
}

int sn_infer_digit(const sn_infer_layer *layer, uint32_t k, uint64_t i) {
    const uint64_t row = k * sn_infer_mask_bytes(layer->weights_per_filter);
    const bool set = sn_infer_bit(layer->packed_weights + row, i);
    switch (layer->weight_kind) {
    case SN_INFER_WEIGHTS_BINARY:
        return set ? 1 : -1;
    case SN_INFER_WEIGHTS_TERNARY:
        return set && sn_infer_bit(layer->packed_signs + row, i) ? -1 : set;
    default: /* signed-binary */
        return set;
    }
}

float sn_infer_density(const sn_infer_layer *layer, uint32_t k) {
    return (float)((double)sn_infer_effectual(layer, k) / (double)layer->weights_per_filter);
}

bool sn_infer_plan_bands(sn_infer_layer *layer, uint32_t tile_rows) {
    sn_infer_conv *conv = &layer->conv;
    uint32_t least = UINT32_MAX;
    for (uint32_t i = SN_INFER_ROW_CHOICES; i-- > 0;) {
        /* A block costs about two rows besides its own: lists are read once for all rows. */
        const uint32_t rows = sn_infer_block_rows[i], bands = divide_up(tile_rows, rows);
        if (bands * (rows + 2) < least) {
            least = bands * (rows + 2);
            conv->rows = rows;
            conv->row_choice = i;
            conv->bands = bands;
        }
    }
    /* Offsets of one channel have 16 bits. */
    return sn_infer_stage_plan(layer, layer->isa->lanes, conv->rows, &conv->stage) &&
           conv->stage.channel <= UINT16_MAX;
}

static bool is_ternary(const sn_infer_layer *layer) {
    return layer->weight_kind == SN_INFER_WEIGHTS_TERNARY;
}

uint32_t sn_infer_chunk_end(const sn_infer_layer *layer, uint32_t chunk) {
    const uint32_t end = (chunk + 1) * layer->conv.chunk;
    return end < layer->in.channels ? end : layer->in.channels;
}

static void plan_chunks(sn_infer_layer *layer) {
    sn_infer_conv *conv = &layer->conv;
    const uint64_t window =
        (uint64_t)sn_infer_stage_window(layer, &conv->stage) * layer->isa->lanes * sizeof(float);
    uint64_t most = WINDOW_BYTES / window;
    const uint64_t taps = (uint64_t)layer->kernel_height * layer->kernel_width;
    if (most > UINT16_MAX / conv->stage.channel)
        most = UINT16_MAX / conv->stage.channel; /* offsets have 16 bits */
    if (most > SN_INFER_MAX_LIST / taps)
        most = SN_INFER_MAX_LIST / taps; /* lists have 12 */
    const uint32_t chunk = most < 1                    ? 1
                           : most > layer->in.channels ? layer->in.channels
                                                       : (uint32_t)most;
    conv->chunks = divide_up(layer->in.channels, chunk);
    conv->chunk = divide_up(layer->in.channels, conv->chunks);
    conv->chunks = divide_up(layer->in.channels, conv->chunk);
}

static bool two_valued_sums(const sn_infer_layer *layer) {
    return !is_ternary(layer) &&
           (layer->conv.form == SN_INFER_FORM_SPARSE || layer->conv.form == SN_INFER_FORM_SHARED);
}

/* Bit set: the filter's set bits are the more frequent ones, and the others are added up. */
static uint32_t inverted_filters(const sn_infer_layer *layer, uint32_t first, uint32_t count) {
    uint32_t bits = 0;
    if (layer->conv.inverts)
        for (uint32_t j = 0; j < count; j++)
            bits |= (uint32_t)(2 * sn_infer_effectual(layer, first + j) > layer->weights_per_filter)
                    << j;
    return bits;
}

sn_infer_sums_part sn_infer_plan_part(const sn_infer_layer *layer, uint32_t chunk, uint32_t group) {
    const sn_infer_conv *conv = &layer->conv;
    const uint32_t first = group * conv->group, left = layer->out.channels - first;
    const uint32_t count = left < conv->group ? left : conv->group;
    return (sn_infer_sums_part){
        .layer = layer,
        .form = conv->form,
        .group = conv->group,
        .first = first,
        .count = count,
        .inverted = inverted_filters(layer, first, count),
        .channel = chunk * conv->chunk,
        .channel_end = sn_infer_chunk_end(layer, chunk),
    };
}

/* y = gain * (z + share * B), z the sum of the inputs whose bit is set and B that of all:
 *
 *     {0, 1}, centred       z - density B
 *     {-1, 1}               2 z - B
 *     complement            z = sum - S / 2 + B / 2, in which S is the group's extra sum
 *     inverted              z = B - sum
 */
sn_infer_terms sn_infer_plan_terms(const sn_infer_layer *layer, uint32_t k) {
    sn_infer_terms terms = {1, 0};
    if (layer->weight_kind == SN_INFER_WEIGHTS_SIGNED_BINARY &&
        sn_infer_bit(layer->packed_signs, k))
        terms.gain = -1;
    if (layer->conv.tiles && layer->centered)
        terms.share = -sn_infer_density(layer, k);
    if (layer->conv.form == SN_INFER_FORM_DENSE || is_ternary(layer))
        return terms; /* weights as they are */
    if (layer->weight_kind == SN_INFER_WEIGHTS_BINARY)
        terms = (sn_infer_terms){2, -0.5f};
    else if (layer->centered)
        terms.share = -sn_infer_density(layer, k);
    if (layer->conv.form == SN_INFER_FORM_COMPLEMENT)
        terms.share += 0.5f;
    else if (inverted_filters(layer, k, 1))
        terms = (sn_infer_terms){-terms.gain, -(1 + terms.share)};
    return terms;
}

void sn_infer_prepare_terms(const sn_infer_layer *layer, float *gain, float *bias, float *share,
                            float *slope) {
    const uint32_t filters = layer->out.channels;
    sn_infer_load_words(gain, layer->packed_scale, filters);
    sn_infer_load_words(bias, layer->packed_bias, filters);
    for (uint32_t k = 0; layer->input_scale != 0 && k < filters; k++)
        gain[k] *= layer->input_scale;
    if (slope)
        sn_infer_load_words(slope, layer->packed_slope, filters);
    for (uint32_t k = 0; layer->weight_kind != SN_INFER_WEIGHTS_FP32 && k < filters; k++) {
        const sn_infer_terms terms = sn_infer_plan_terms(layer, k);
        gain[k] *= terms.gain;
        if (share)
            share[k] = terms.share;
    }
}

/* Inverting filters pays when the box sum is needed anyway, or saves more additions than that
 * takes: about three vectors per channel and window. */
static bool inverting_pays(const sn_infer_layer *layer) {
    if (layer->centered || layer->weight_kind == SN_INFER_WEIGHTS_BINARY)
        return true;
    uint64_t saved = 0;
    for (uint32_t k = 0; k < layer->out.channels; k++) {
        const uint64_t twice = 2 * sn_infer_effectual(layer, k);
        saved += twice > layer->weights_per_filter ? twice - layer->weights_per_filter : 0;
    }
    return saved > 3 * (uint64_t)layer->in.channels;
}

static bool needs_box(const sn_infer_layer *layer) {
    for (uint32_t k = 0; k < layer->out.channels; k++)
        if (sn_infer_plan_terms(layer, k).share != 0)
            return true;
    return false;
}

/* What all forms have in common: copies in and out, the box sum. */
static double predict_frame(const sn_infer_layer *layer) {
    const sn_infer_conv *conv = &layer->conv;
    const sn_infer_costs *costs = &conv->costs;
    const double columns = conv->stage.to.columns, bands = conv->bands;
    /* Integers are staged as floats first, both halves. */
    const double staged =
        bands * layer->in.channels * conv->stage.channel * (conv->integers ? 3 : 1);
    const double stored = columns * conv->stage.to.rows * layer->out.channels;
    const double windows = columns * bands * conv->rows;
    double ns = (staged + stored) * (double)costs->stage;
    if (conv->box)
        ns += (staged + windows * layer->kernel_height * layer->kernel_width) * (double)costs->add;
    return ns;
}

static void try_dense(sn_infer_layer *layer) {
    sn_infer_conv *conv = &layer->conv;
    conv->form = SN_INFER_FORM_DENSE;
    conv->group = 4;
    conv->groups = divide_up(layer->out.channels, conv->group);
    conv->extra = 0;
    conv->inverts = conv->box = false;
    conv->words = conv->transitions = conv->patterns = 0;
    conv->additions = layer->weights_per_filter * conv->groups * conv->group;
    conv->predicted_ns = predict_frame(layer) + (double)conv->additions * conv->stage.to.columns *
                                                    conv->bands * conv->rows *
                                                    (double)conv->costs.multiply;
}

/* The share of a layer's lists whose lengths a processor's branch predictor does not remember from
 * the block before: none up to some thousand lists, all from some more on. The bounds are where
 * times bend on Zen 3; other processors of its years remember about as much. */
static double forgotten_share(uint64_t lists) {
    const double few = 8192, many = 16384;
    const double share = ((double)lists - few) / (many - few);
    return share < 0 ? 0 : share > 1 ? 1 : share;
}

static void try_sums(sn_infer_layer *layer, sn_infer_form form, uint32_t group) {
    sn_infer_conv *conv = &layer->conv;
    conv->form = form;
    conv->group = group;
    conv->groups = divide_up(layer->out.channels, group);
    conv->extra = form == SN_INFER_FORM_COMPLEMENT;
    conv->inverts = two_valued_sums(layer) && inverting_pays(layer);
    conv->box = needs_box(layer);
    sn_infer_sums_size size = {0};
    for (uint32_t chunk = 0; chunk < conv->chunks; chunk++)
        for (uint32_t g = 0; g < conv->groups; g++) {
            const sn_infer_sums_part part = sn_infer_plan_part(layer, chunk, g);
            sn_infer_sums_write(&part, &size, NULL, NULL);
        }
    conv->words = size.words;
    conv->additions = size.additions;
    conv->transitions = size.transitions;
    conv->patterns = size.patterns;
    const sn_infer_costs *costs = &conv->costs;
    const double blocks = (double)conv->stage.to.columns * conv->bands;
    conv->predicted_ns =
        predict_frame(layer) +
        blocks * ((double)size.additions * conv->rows * (double)costs->add +
                  (double)size.lists *
                      ((double)costs->list + forgotten_share(size.lists) * (double)costs->miss) +
                  (double)size.transitions * conv->rows * (double)costs->transition);
}

/* Inputs that filter k adds or subtracts in a chunk. */
static uint64_t chunk_terms(const sn_infer_layer *layer, uint32_t k, uint32_t chunk) {
    const uint64_t taps = (uint64_t)layer->kernel_height * layer->kernel_width;
    const uint64_t first = (uint64_t)chunk * layer->conv.chunk * taps;
    const uint64_t end = sn_infer_chunk_end(layer, chunk) * taps;
    const unsigned char *bits =
        layer->packed_weights + k * sn_infer_mask_bytes(layer->weights_per_filter);
    uint64_t count = 0;
    for (uint64_t i = first; i < end; i++)
        count += sn_infer_bit(bits, i);
    return inverted_filters(layer, k, 1) ? end - first - count : count;
}

/* Sums of 16 bits must hold the chunk's part of any filter's sum: makes chunks small enough. False
 * when one channel is too much already. */
static bool shrink_chunks(sn_infer_layer *layer) {
    sn_infer_conv *conv = &layer->conv;
    const uint64_t taps = (uint64_t)layer->kernel_height * layer->kernel_width;
    const uint64_t highest = layer->input_signed ? 127 : 255;
    if (taps * highest > INT16_MAX)
        return false;
    for (;;) {
        uint64_t most = 0;
        for (uint32_t chunk = 0; chunk < conv->chunks; chunk++)
            for (uint32_t k = 0; k < layer->out.channels; k++) {
                const uint64_t terms = chunk_terms(layer, k, chunk);
                most = terms > most ? terms : most;
            }
        if (most * highest <= INT16_MAX)
            return true;
        conv->chunk--;
        conv->chunks = divide_up(layer->in.channels, conv->chunk);
    }
}

/* Whether the layer's sums can be programs: one channel has to fit into a list. */
static bool has_programs(const sn_infer_layer *layer) {
    return layer->weight_kind != SN_INFER_WEIGHTS_FP32 &&
           (uint64_t)layer->kernel_height * layer->kernel_width <= SN_INFER_MAX_LIST;
}

static bool wanted(const sn_infer_options *options, sn_infer_form form, uint32_t group) {
    if (options->form != SN_INFER_FORM_AUTO && options->form != form)
        return false;
    return options->group == 0 || form == SN_INFER_FORM_DENSE || form == SN_INFER_FORM_SPARSE ||
           (uint32_t)options->group == group;
}

static void keep_better(sn_infer_conv *best, const sn_infer_conv *tried) {
    if (best->form == SN_INFER_FORM_AUTO || tried->predicted_ns < best->predicted_ns)
        *best = *tried;
}

/* Whether a layer with these weights has the form. */
static bool possible(const sn_infer_layer *layer, sn_infer_form form, uint32_t group) {
    if ((form == SN_INFER_FORM_SPARSE) != (group == 1))
        return false;
    if (form == SN_INFER_FORM_COMPLEMENT)
        /* The group's extra sum would not fit into 16 bits. */
        return group >= 3 && !is_ternary(layer) && !layer->conv.integers;
    return true;
}

static void try_all_sums(sn_infer_layer *layer, const sn_infer_options *options,
                         sn_infer_conv *best) {
    const uint32_t most = is_ternary(layer) ? SN_INFER_MAX_TERNARY_GROUP : SN_INFER_MAX_GROUP;
    for (uint32_t group = 1; group <= most; group++)
        for (int form = SN_INFER_FORM_SPARSE; form <= SN_INFER_FORM_COMPLEMENT; form++) {
            if (!possible(layer, (sn_infer_form)form, group) ||
                !wanted(options, (sn_infer_form)form, group))
                continue;
            try_sums(layer, (sn_infer_form)form, group);
            keep_better(best, &layer->conv);
        }
}

/* Integer activations twice as many to a vector, where sums fit. */
static void try_integers(sn_infer_layer *layer, const sn_infer_options *options,
                         sn_infer_conv *best) {
    sn_infer_conv *conv = &layer->conv;
    const uint32_t rows = best->stage.to.rows;
    if (layer->input_scale == 0 || rows < 2 || !layer->isa->narrow)
        return;
    conv->integers = true;
    conv->half = divide_up(rows, 2);
    if (!sn_infer_plan_bands(layer, conv->half))
        return;
    plan_chunks(layer);
    /* Inverting filters is decided alike for all forms here. */
    conv->form = SN_INFER_FORM_SPARSE;
    conv->inverts = two_valued_sums(layer) && inverting_pays(layer);
    if (shrink_chunks(layer))
        try_all_sums(layer, options, best);
}

bool sn_infer_plan_conv(sn_infer_layer *layer, const sn_infer_options *options) {
    sn_infer_conv *conv = &layer->conv;
    conv->costs = options->costs ? *options->costs : layer->isa->costs;
    const sn_infer_tiles tiles =
        sn_infer_tiles_choose(layer->out.height, layer->out.width, layer->isa->lanes);
    if (!sn_infer_plan_bands(layer, tiles.rows))
        return false;
    plan_chunks(layer);
    sn_infer_conv best = {0};
    if (has_programs(layer))
        try_all_sums(layer, options, &best);
    /* Also what is left when the layer has no form that was asked for. */
    if (best.form == SN_INFER_FORM_AUTO || wanted(options, SN_INFER_FORM_DENSE, 0)) {
        try_dense(layer);
        keep_better(&best, conv);
    }
    if (has_programs(layer))
        try_integers(layer, options, &best);
    *conv = best;
    return true;
}

/* Parts of a band that different threads take. */
static uint32_t slices_of(const sn_infer_conv *conv, uint32_t threads) {
    const uint32_t wanted = divide_up(threads, conv->bands);
    return wanted < conv->groups ? wanted : conv->groups;
}

uint32_t sn_infer_unit_count(const sn_infer_conv *conv, uint32_t threads) {
    return conv->bands * slices_of(conv, threads);
}

sn_infer_unit sn_infer_unit_at(const sn_infer_conv *conv, uint32_t threads, uint32_t index) {
    const uint32_t slices = slices_of(conv, threads), slice = index % slices;
    return (sn_infer_unit){
        .first_row = index / slices * conv->rows,
        .first_group = (uint32_t)((uint64_t)conv->groups * slice / slices),
        .end_group = (uint32_t)((uint64_t)conv->groups * (slice + 1) / slices),
    };
}
