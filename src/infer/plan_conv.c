#include "infer/plan_conv.h"
#include "infer/program.h"

/* What the windows of one column of outputs may take of a chunk's band. Somewhat more than the 32
 * KiB of a first-level cache: what has to come from the second again costs less than more chunks
 * do, each of which adds its own walk. Anything from 27 to 56 KiB was within 5 % on Zen 3. */
enum { WINDOW_BYTES = 36 << 10 };

static uint32_t divide_up(uint32_t a, uint32_t b) {
    return (a + b - 1) / b;
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

/* Channels that chunks are cut from: all, or those of a region, whose chunks have signs of their
 * own. */
static uint32_t slice_channels(const sn_infer_layer *layer) {
    return layer->conv.signs == SN_INFER_SIGNS_CHUNKS ? layer->region_channels : layer->in.channels;
}

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

uint32_t sn_infer_chunk_first(const sn_infer_layer *layer, uint32_t chunk) {
    const uint32_t slice = slice_channels(layer), of_slice = divide_up(slice, layer->conv.chunk);
    return chunk / of_slice * slice + chunk % of_slice * layer->conv.chunk;
}

uint32_t sn_infer_chunk_end(const sn_infer_layer *layer, uint32_t chunk) {
    const uint32_t slice = slice_channels(layer), first = sn_infer_chunk_first(layer, chunk);
    const uint32_t slice_end = (first / slice + 1) * slice;
    return smaller(smaller(first + layer->conv.chunk, slice_end), layer->in.channels);
}

/* Sets the size of chunks, which may be smaller for it to be the same for all. */
static void set_chunk(sn_infer_layer *layer, uint32_t most) {
    sn_infer_conv *conv = &layer->conv;
    const uint32_t slice = slice_channels(layer), channels = layer->in.channels;
    conv->chunk = most;
    conv->chunks = channels / slice * divide_up(slice, most) + divide_up(channels % slice, most);
}

static void plan_chunks(sn_infer_layer *layer) {
    const sn_infer_conv *conv = &layer->conv;
    const uint64_t window =
        (uint64_t)sn_infer_stage_window(layer, &conv->stage) * layer->isa->lanes * sizeof(float);
    uint64_t most = WINDOW_BYTES / window;
    const uint64_t taps = (uint64_t)layer->kernel_height * layer->kernel_width;
    if (most > UINT16_MAX / conv->stage.channel)
        most = UINT16_MAX / conv->stage.channel; /* offsets have 16 bits */
    if (most > SN_INFER_MAX_LIST / taps)
        most = SN_INFER_MAX_LIST / taps; /* lists have 12 */
    const uint32_t slice = slice_channels(layer);
    const uint32_t chunk = most < 1 ? 1 : most > slice ? slice : (uint32_t)most;
    set_chunk(layer, divide_up(slice, divide_up(slice, chunk)));
}

static bool adds_up_bits(const sn_infer_layer *layer) {
    return !sn_infer_has_digits(layer) && layer->conv.signs != SN_INFER_SIGNS_INVERTED &&
           (layer->conv.form == SN_INFER_FORM_SPARSE || layer->conv.form == SN_INFER_FORM_SHARED);
}

sn_infer_sums_part sn_infer_plan_part(const sn_infer_layer *layer, uint32_t chunk, uint32_t group) {
    const sn_infer_conv *conv = &layer->conv;
    const uint32_t first = group * conv->group, left = layer->out.channels - first;
    const uint32_t count = smaller(left, conv->group);
    const uint32_t channel = sn_infer_chunk_first(layer, chunk);
    return (sn_infer_sums_part){
        .layer = layer,
        .form = conv->form,
        .group = conv->group,
        .first = first,
        .count = count,
        .turned = sn_infer_turned(layer, first, count),
        .subtracted = sn_infer_subtracted(layer, first, count, channel / layer->region_channels),
        .channel = channel,
        .channel_end = sn_infer_chunk_end(layer, chunk),
    };
}

/* What all forms have in common: copies in and out, the box sum. */
static double predict_frame(const sn_infer_layer *layer) {
    const sn_infer_conv *conv = &layer->conv;
    const sn_infer_costs *costs = &conv->costs;
    const double columns = conv->stage.to.columns, bands = conv->bands;
    const double band = bands * layer->in.channels * conv->stage.channel;
    /* Integers are staged as floats first, both halves. */
    const double staged = band * (conv->integers ? 3 : 1);
    const double stored = columns * conv->stage.to.rows * layer->out.channels;
    const double windows = columns * bands * conv->rows, regions = layer->regions;
    const double taps = layer->kernel_height * layer->kernel_width;
    double ns = (staged + stored) * (double)costs->stage;
    if (layer->input_centered) /* sums over channels, and what is taken off */
        ns += ((double)sn_infer_tiles_vectors(&conv->stage.from) * layer->in.channels +
               band * (conv->integers ? 2 : 1)) *
              (double)costs->add;
    if (conv->box && layer->regions == 1)
        ns += (staged + windows * taps) * (double)costs->add;
    else if (conv->box) /* one for each, of floats; and every output takes all of them in */
        ns +=
            (staged + (conv->integers ? 2 : 1) * windows * regions * (taps + layer->out.channels)) *
            (double)costs->add;
    return ns;
}

static void try_dense(sn_infer_layer *layer) {
    sn_infer_conv *conv = &layer->conv;
    conv->signs = SN_INFER_SIGNS_AUTO;
    plan_chunks(layer);
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

/* Integers become floats after every chunk. Whole filters have as few chunks as fit into the cache
 * in all forms alike; with regions there may be many more. */
static double predict_chunks(const sn_infer_layer *layer) {
    const sn_infer_conv *conv = &layer->conv;
    if (!conv->integers || layer->regions == 1)
        return 0;
    const double blocks = (double)conv->stage.to.columns * conv->bands;
    return 4 * (double)conv->costs.add * blocks * conv->chunks * conv->rows *
           (conv->groups * conv->group);
}

static void try_sums(sn_infer_layer *layer, sn_infer_form form, uint32_t group) {
    sn_infer_conv *conv = &layer->conv;
    conv->form = form;
    conv->group = group;
    conv->groups = divide_up(layer->out.channels, group);
    conv->extra = form == SN_INFER_FORM_COMPLEMENT;
    conv->inverts = adds_up_bits(layer) && sn_infer_inverting_pays(layer);
    conv->box = sn_infer_needs_box(layer);
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
        predict_frame(layer) + predict_chunks(layer) +
        blocks * ((double)size.additions * conv->rows * (double)costs->add +
                  (double)size.lists *
                      ((double)costs->list + forgotten_share(size.lists) * (double)costs->miss) +
                  (double)size.transitions * conv->rows * (double)costs->transition);
}

/* Inputs that filter k adds or subtracts in a chunk. */
static uint64_t chunk_terms(const sn_infer_layer *layer, uint32_t k, uint32_t chunk) {
    const uint64_t taps = (uint64_t)layer->kernel_height * layer->kernel_width;
    const uint32_t end = sn_infer_chunk_end(layer, chunk), turned = sn_infer_turned(layer, k, 1);
    const unsigned char *bits =
        layer->packed_weights + k * sn_infer_mask_bytes(layer->weights_per_filter);
    uint64_t count = 0;
    for (uint32_t c = sn_infer_chunk_first(layer, chunk), stop; c < end; c = stop) {
        const uint32_t region = c / layer->region_channels;
        stop = smaller((region + 1) * layer->region_channels, end);
        uint64_t set = 0;
        for (uint64_t i = c * taps; i < stop * taps; i++)
            set += sn_infer_bit(bits, i);
        const bool inverted =
            !sn_infer_has_digits(layer) && sn_infer_inverted(layer, k, 1, region, turned);
        count += inverted ? (stop - c) * taps - set : set;
    }
    return count;
}

/* Sums of 16 bits must hold the chunk's part of any filter's sum: makes chunks small enough. False
 * when one channel is too much already. */
static bool shrink_chunks(sn_infer_layer *layer) {
    sn_infer_conv *conv = &layer->conv;
    const uint64_t taps = (uint64_t)layer->kernel_height * layer->kernel_width;
    uint64_t highest = layer->input_signed ? 127 : 255;
    if (layer->input_centered && layer->input_signed)
        highest = 254; /* from one end to the other; else the mean has the sign of all */
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
        set_chunk(layer, conv->chunk - 1);
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

/* Whether a layer with these weights has the form, with conv->signs. */
static bool possible(const sn_infer_layer *layer, sn_infer_form form, uint32_t group) {
    const sn_infer_signs signs = layer->conv.signs;
    if ((form == SN_INFER_FORM_SPARSE) != (group == 1))
        return false;
    if (form == SN_INFER_FORM_COMPLEMENT)
        /* The group's extra sum would not fit into 16 bits; and there is one for all regions. */
        return group >= 3 && !sn_infer_has_digits(layer) && !layer->conv.integers &&
               signs != SN_INFER_SIGNS_CHUNKS;
    /* One by one, what is not wanted is mostly more than what is. */
    return form != SN_INFER_FORM_SPARSE || signs != SN_INFER_SIGNS_INVERTED;
}

static void try_all_sums(sn_infer_layer *layer, const sn_infer_options *options,
                         sn_infer_conv *best) {
    const uint32_t most =
        sn_infer_has_digits(layer) ? SN_INFER_MAX_TERNARY_GROUP : SN_INFER_MAX_GROUP;
    for (uint32_t group = 1; group <= most; group++)
        for (int form = SN_INFER_FORM_SPARSE; form <= SN_INFER_FORM_COMPLEMENT; form++) {
            if (!possible(layer, (sn_infer_form)form, group) ||
                !wanted(options, (sn_infer_form)form, group))
                continue;
            try_sums(layer, (sn_infer_form)form, group);
            keep_better(best, &layer->conv);
        }
}

/* Ways to take signs, of which whole filters have one: it is in what outputs are multiplied with.
 */
static bool takes_signs(const sn_infer_layer *layer, const sn_infer_options *options,
                        sn_infer_signs signs) {
    if (layer->regions == 1)
        return signs == SN_INFER_SIGNS_AUTO;
    return signs != SN_INFER_SIGNS_AUTO &&
           (options->signs == SN_INFER_SIGNS_AUTO || options->signs == signs);
}

static void try_floats(sn_infer_layer *layer, const sn_infer_options *options,
                       sn_infer_conv *best) {
    for (int signs = 0; signs < SN_INFER_SIGNS_COUNT; signs++) {
        if (!takes_signs(layer, options, (sn_infer_signs)signs))
            continue;
        layer->conv.signs = (sn_infer_signs)signs;
        plan_chunks(layer);
        try_all_sums(layer, options, best);
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
    for (int signs = 0; signs < SN_INFER_SIGNS_COUNT; signs++) {
        if (!takes_signs(layer, options, (sn_infer_signs)signs))
            continue;
        conv->signs = (sn_infer_signs)signs;
        plan_chunks(layer);
        /* Inverting filters is decided alike for all forms here. */
        conv->form = SN_INFER_FORM_SPARSE;
        conv->inverts = adds_up_bits(layer) && sn_infer_inverting_pays(layer);
        if (shrink_chunks(layer))
            try_all_sums(layer, options, best);
    }
}

bool sn_infer_plan_conv(sn_infer_layer *layer, const sn_infer_options *options) {
    sn_infer_conv *conv = &layer->conv;
    conv->costs = options->costs ? *options->costs : layer->isa->costs;
    const sn_infer_tiles tiles =
        sn_infer_tiles_choose(layer->out.height, layer->out.width, layer->isa->lanes);
    if (!sn_infer_plan_bands(layer, tiles.rows))
        return false;
    sn_infer_conv best = {0};
    if (has_programs(layer))
        try_floats(layer, options, &best);
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
